"""Through which channel each person answers messages, judged on later messages, and told only where it differs by more than chance.

Whom a channel wrote to was chosen by somebody, and so was what it said: this describes answers. It does not say what another channel
would have brought; only sending by chance does.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from aimwell.errors import PredictError, TooLittleDataError, nearest
from aimwell.history.moment import TIME_COLUMNS, open_moment
from aimwell.predict.beta_binomial import fit_beta_binomial
from aimwell.predict.registry import RegisteredModel, register_model
from aimwell.predict.responding.counts import MessageCounts
from aimwell.predict.responding.judging import CHANNEL_NEEDED, ChannelJudgement, judge_channels
from aimwell.predict.responding.queries import ANSWERS, Answer, message_counts
from aimwell.predict.responding.telling import ChannelRate, tell_people
from aimwell.predict.scoring import keep_scores, scores_table
from aimwell.predict.training import span_days
from aimwell.stats.samples import FloatArray
from aimwell.store.lake import Snapshot
from aimwell.store.stores import Stores

__all__ = ["ChannelPreferences", "channel_preferences", "counted_messages"]

_NEEDED = {"messages": 500, "answers": 50, "people with two or more messages": 50}
_PART = "law"


@dataclass(frozen=True, slots=True, eq=False)
class ChannelPreferences:
    """Who answers through which channel.

    Args:
        answer: What counts as an answer.
        within_days: Within which time after a message.
        channels: Each channel as a whole, by how often it wrote.
        people: One row a person, see `channel_preferences`.
        rates: One row a person and channel, see there.
        judged: All channels together, then each, on later messages.
        reason: Why nothing was judged; empty where it was.
        models: As which models the scores are kept, one a channel.
    """

    answer: Answer
    within_days: int
    channels: tuple[ChannelRate, ...]
    people: pa.Table
    rates: pa.Table
    judged: tuple[ChannelJudgement, ...]
    reason: str
    models: tuple[RegisteredModel, ...]

    def to_dict(self) -> dict[str, Any]:
        """For JSON, without the people."""
        own = self.people.filter(self.people.column("own"))
        return {
            "answer": self.answer,
            "within_days": self.within_days,
            "channels": [asdict(one) for one in self.channels],
            "people": self.people.num_rows,
            "people_of_several_channels": pc.sum(
                pc.greater(self.people.column("channels"), 1)
            ).as_py()
            or 0,
            "own": own.num_rows,
            "own_by_channel": {
                row["values"]: row["counts"]
                for row in pc.value_counts(own.column("channel")).to_pylist()
            },
            "judged": [asdict(one) for one in self.judged],
            "reason": self.reason,
            "models": [one.label for one in self.models],
        }


def channel_preferences(
    stores: Stores,
    *,
    as_of: datetime,
    answer: Answer = "click",
    within_days: int = 7,
    check_days: int = 60,
    keep: bool = True,
    now: datetime,
) -> ChannelPreferences:
    """How often each person answers in each channel that wrote to them, and which one they answer most.

    Args:
        stores: The workspace.
        as_of: Nothing from this moment on is seen; messages whose time is not over by then do not count.
        answer: 'click', 'open' (or click; both by people, not machines) or 'order'.
        within_days: Within which time after the message.
        check_days: How many days before `as_of` the later period begins, on which it is judged.
        keep: Register a model for each channel and keep its scores: the probability that it is the person's best one, of people to
            whom several wrote.
        now: When.

    Returns:
        `people`, by profile_id: `profile_id`, `channels` (how many wrote to them), `channel`, `own`, `sure`. Where `own` is
        true, `channel` has the highest rate of this person's with the probability `sure`, 0.9 or more. Where it is false, it is
        the one of theirs that everybody answers most: own rates were not better on the later period, are not sure, or only
        one channel wrote to them.
        `rates`, by profile_id and channel: `sent`, `answered`, `rate` with `lower` and `upper` (95 %), `best` (probability that it is
        the person's best), `against` ('above', 'below' everybody's rate by more than chance, or 'cannot tell').

    Raises:
        TooLittleDataError: Too few messages or answers, in all or in every channel.
        PredictError: There is no such answer.
    """
    if answer not in ANSWERS:
        raise PredictError(f"'{answer}' is no answer to a message. {nearest(answer, ANSWERS)}")
    snapshot = stores.lake.pin(*TIME_COLUMNS)
    counts = counted_messages(
        stores, as_of, answer, within_days=within_days, check_days=check_days, snapshot=snapshot
    )
    _gate(counts, answer)
    channels = tuple(_channel(counts, place) for place in range(len(counts.names)))
    channels = tuple(sorted(channels, key=lambda one: (-one.sent, one.channel)))
    told = [one for one in channels if one.law is not None]
    if not told:
        raise TooLittleDataError(
            "the answers of people in any channel",
            needed=CHANNEL_NEEDED,
            present={
                "messages": max(one.sent for one in channels),
                "answers": max(one.answered for one in channels),
            },
        )
    judged, reason = judge_channels(counts)
    better = bool(judged) and judged[0].verdict == "better"
    people, rates, best = tell_people(
        counts.of_channels([one.channel for one in told]), told, better
    )
    models: tuple[RegisteredModel, ...] = ()
    if keep:
        settings = {"horizon_days": within_days, "answer": answer, "check_days": check_days}
        models = _kept(stores, settings, told, people, best, judged, snapshot.versions, as_of, now)
    return ChannelPreferences(answer, within_days, channels, people, rates, judged, reason, models)


def counted_messages(
    stores: Stores,
    as_of: datetime,
    answer: Answer,
    *,
    within_days: int,
    check_days: int,
    snapshot: Snapshot | None = None,
) -> MessageCounts:
    """Messages and answers by person, channel and period; the later period begins `check_days` before `as_of`."""
    within, check = span_days(within_days), span_days(check_days)
    ends = as_of.astimezone(UTC)
    with open_moment(
        stores, as_of=as_of, snapshot=snapshot, engine=stores.history_engine
    ) as moment:
        table = moment.session.table(
            message_counts(
                answer, seconds=int(within.total_seconds()), last=ends - within, cut=ends - check
            )
        )
    return MessageCounts.of(table)


def _gate(counts: MessageCounts, answer: Answer) -> None:
    each = counts.sent.sum(axis=(1, 2))
    present = {
        "messages": int(each.sum()),
        "answers": int(counts.answered.sum()),
        "people with two or more messages": int((each > 1).sum()),
    }
    if any(present[name] < least for name, least in _NEEDED.items()):
        other = "" if answer == "open" else " --answer open counts more answers."
        raise TooLittleDataError(
            "how people answer by channel",
            needed=_NEEDED,
            present=present,
            advice=f"Collect messages that were sent with what came of them (touches), or send more.{other}",
        )


def _channel(counts: MessageCounts, place: int) -> ChannelRate:
    sent, answered = counts.sent[:, place].sum(axis=1), counts.answered[:, place].sum(axis=1)
    whole = {"messages": int(sent.sum()), "answers": int(answered.sum())}
    people = int((sent > 0).sum())
    law, reason = None, ""
    short = [
        f"{name}: {whole[name]:,} of at least {least:,}"
        for name, least in CHANNEL_NEEDED.items()
        if whole[name] < least
    ]
    if short:
        reason = f"too few {'; '.join(short)}"
    elif whole["answers"] == whole["messages"]:
        reason = "every message was answered"
    else:
        law = fit_beta_binomial(answered[sent > 0], sent[sent > 0])
    return ChannelRate(
        counts.names[place], people, whole["messages"], whole["answers"], law, reason
    )


def _kept(
    stores: Stores,
    settings: dict[str, Any],
    told: list[ChannelRate],
    people: pa.Table,
    best: FloatArray,
    judged: tuple[ChannelJudgement, ...],
    versions: Any,
    as_of: datetime,
    now: datetime,
) -> tuple[RegisteredModel, ...]:
    models = []
    for place, one in enumerate(told):
        known = ~np.isnan(best[:, place])
        if not known.any():
            continue
        assert one.law is not None  # noqa: S101 - those that are told have one
        entry = register_model(
            stores,
            {_PART: one.law},
            name=_model_name(one.channel, str(settings["answer"])),
            kind="channel_preference",
            as_of=as_of.astimezone(UTC),
            settings={**settings, "event": f"{one.channel} {settings['answer']}"},
            metrics={
                "channel": asdict(one),
                "judged": [
                    asdict(found)
                    for name in (one.channel, "all")
                    for found in judged
                    if found.channel == name
                ],
                "people": int(known.sum()),
            },
            lake_versions=versions,
            trained_at=now,
        )
        ids = people.column("profile_id").combine_chunks().filter(pa.array(known))
        keep_scores(stores, entry, scores_table(ids, best[known, place]), as_of=as_of, now=now)
        models.append(entry)
    return tuple(models)


def _model_name(channel: str, answer: str) -> str:
    plain = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in channel)
    return f"prefers-{plain.strip('-') or 'channel'}-{answer}"[:63].rstrip("-")
