"""Through which channel each person answers messages, judged on later messages, and told only where it differs by more than chance.

Whom a channel wrote to was chosen by somebody, and so was what it said: this describes answers. It does not say what another channel
would have brought; only sending by chance does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from aimwell.errors import PredictError, TooLittleDataError, nearest
from aimwell.history.moment import TIME_COLUMNS
from aimwell.predict.beta_binomial import fit_beta_binomial
from aimwell.predict.registry import RegisteredModel, check_name, load_part, register_model
from aimwell.predict.responding.channel_laws import ChannelLaws, score_name
from aimwell.predict.responding.counts import MessageCounts
from aimwell.predict.responding.judging import CHANNEL_NEEDED, ChannelJudgement, judge_channels
from aimwell.predict.responding.queries import ANSWERS, Answer
from aimwell.predict.responding.reading import read_messages
from aimwell.predict.responding.telling import ChannelRate, tell_people
from aimwell.predict.scoring import check_seen, keep_scores, scores_table
from aimwell.predict.training import span_days
from aimwell.stats.samples import FloatArray
from aimwell.store.stores import Stores

__all__ = [
    "ChannelPreferences",
    "channel_laws",
    "channel_preferences",
    "channels_by_size",
    "score_channels",
]

_NEEDED = {"messages": 500, "answers": 50, "people with two or more messages": 50}
_PART = "laws"


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
        entry: The model as it was registered; None where it was not.
    """

    answer: Answer
    within_days: int
    channels: tuple[ChannelRate, ...]
    people: pa.Table
    rates: pa.Table
    judged: tuple[ChannelJudgement, ...]
    reason: str
    entry: RegisteredModel | None

    @property
    def scores(self) -> list[str]:
        """Under which names scores are kept."""
        if self.entry is None:
            return []
        return [
            score_name(self.entry.name, one.channel) for one in self.channels if one.law is not None
        ]

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
            "model": None if self.entry is None else self.entry.label,
            "scores": self.scores,
        }


def channel_preferences(
    stores: Stores,
    *,
    as_of: datetime,
    answer: Answer = "click",
    within_days: int = 7,
    check_days: int = 60,
    name: str | None = None,
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
        name: Of the model; default: `prefers-click`.
        keep: Register the model and keep its scores, for each channel the probability that it is the person's best one, of people to
            whom several wrote, as those of `prefers-click-email`, `prefers-click-sms` ….
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
    span_days(within_days), span_days(check_days)
    name = name or f"prefers-{answer}"
    settings: dict[str, Any] = {
        "horizon_days": within_days,
        "answer": answer,
        "check_days": check_days,
    }
    if keep:
        check_name(stores, name, kind="channel_preference", settings=settings)
    snapshot = stores.lake.pin(*TIME_COLUMNS)
    counts = read_messages(stores, settings, as_of=as_of, snapshot=snapshot)
    _gate(counts, answer)
    channels = channels_by_size(counts)
    laws = {one.channel: one.law for one in channels if one.law is not None}
    if not laws:
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
    people, rates, best = tell_people(counts.of_channels(list(laws)), list(laws.values()), better)
    entry = None
    if keep:
        entry = register_model(
            stores,
            {_PART: ChannelLaws(laws)},
            name=name,
            kind="channel_preference",
            as_of=as_of.astimezone(UTC),
            settings=settings,
            metrics={
                "channels": [asdict(one) for one in channels],
                "judged": [asdict(one) for one in judged],
                "reason": reason,
                "people": people.num_rows,
            },
            lake_versions=snapshot.versions,
            trained_at=now,
        )
        _keep(stores, entry, list(laws), people, best, as_of=as_of, now=now)
    return ChannelPreferences(answer, within_days, channels, people, rates, judged, reason, entry)


def channels_by_size(counts: MessageCounts) -> tuple[ChannelRate, ...]:
    """Each channel as a whole with the law of people's rates in it, by how often it wrote."""
    channels = (_channel(counts, place) for place in range(len(counts.names)))
    return tuple(sorted(channels, key=lambda one: (-one.sent, one.channel)))


def channel_laws(stores: Stores, entry: RegisteredModel) -> ChannelLaws:
    """The laws of a registered version. Raises ModelFileError where its files are missing or were changed."""
    return load_part(stores, entry, _PART, ChannelLaws)


def score_channels(
    stores: Stores, entry: RegisteredModel, *, as_of: datetime, now: datetime
) -> int:
    """Store how likely each channel is a person's best one, by the laws of a version, and say of how many people.

    Raises:
        PredictError: It has seen later data than `as_of` leaves.
        ModelFileError: Its files are missing or were changed.
    """
    check_seen(entry, as_of)
    laws = channel_laws(stores, entry).laws
    counts = read_messages(stores, entry.settings, as_of=as_of)
    names = [name for name in laws if name in counts.names]
    if not names:
        return 0
    people, _rates, best = tell_people(
        counts.of_channels(names), [laws[name] for name in names], better=False
    )
    return _keep(stores, entry, names, people, best, as_of=as_of, now=now)


def _keep(
    stores: Stores,
    entry: RegisteredModel,
    names: Sequence[str],
    people: pa.Table,
    best: FloatArray,
    *,
    as_of: datetime,
    now: datetime,
) -> int:
    """Scores of each channel under a name of its own, as `prefers-click-email`."""
    ids = people.column("profile_id").combine_chunks()
    for place, channel in enumerate(names):
        known = ~np.isnan(best[:, place])
        rows = scores_table(ids.filter(pa.array(known)), best[known, place])
        named = replace(entry, name=score_name(entry.name, channel))
        keep_scores(stores, named, rows, as_of=as_of, now=now)
    return int((~np.isnan(best)).any(axis=1).sum())


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
