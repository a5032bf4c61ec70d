"""Care of how people answer messages by channel, and of how they lean to discounts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import ClassVar

import numpy as np
from scipy.special import bdtr

from aimwell.definitions.kinds.prediction import Prediction
from aimwell.errors import PredictError
from aimwell.predict.beta_binomial import BetaBinomial
from aimwell.predict.care.days import day_of
from aimwell.predict.care.kinds import EVER, Seen, Told, horizon_of, stand_ins
from aimwell.predict.pricing.discount_judging import discounts_law, later_lines
from aimwell.predict.pricing.discount_lines import DiscountLines
from aimwell.predict.pricing.discounts import (
    discount_seekers,
    discounts_law_of,
    lines_around,
    score_discounts,
)
from aimwell.predict.registry import RegisteredModel
from aimwell.predict.responding.channels import (
    channel_laws,
    channel_preferences,
    score_channels,
)
from aimwell.predict.responding.counts import LATER, MessageCounts
from aimwell.predict.responding.judging import answers_of_people, laws_before
from aimwell.predict.responding.reading import read_messages
from aimwell.predict.training import Progress, span_days
from aimwell.stats.samples import FloatArray
from aimwell.store.stores import Stores

__all__ = ["ChannelCare", "PriceCare"]


class ChannelCare:
    """People to whom several messages went, and how often they answered later ones, by channel."""

    measure: ClassVar[str] = "log loss of messages"
    dull_rule: ClassVar[str] = "everybody's rate of each channel"
    judged: ClassVar[str] = "people in a channel"
    asked: ClassVar[tuple[str, ...]] = ("answer", "check_days")

    def train(
        self,
        stores: Stores,
        wanted: Prediction,
        *,
        as_of: datetime,
        now: datetime,
        progress: Progress | None,
    ) -> RegisteredModel:
        """See CaredKind."""
        if progress is not None:
            progress(0, 1, "learning how people answer")
        found = channel_preferences(
            stores,
            as_of=as_of,
            answer=wanted.answer,
            within_days=wanted.horizon_days,
            name=wanted.name,
            now=now,
        )
        assert found.entry is not None  # noqa: S101 - it is kept unless told otherwise
        return found.entry

    def span(self, entry: RegisteredModel) -> timedelta:
        """The days on whose messages it was judged."""
        return span_days(int(entry.settings["check_days"]))

    def learnt_until(self, entry: RegisteredModel) -> datetime:  # noqa: ARG002
        """A stand-in answers for it."""
        return EVER

    def seen(self, stores: Stores, entry: RegisteredModel, *, as_of: datetime) -> Seen:
        """How many messages people got lately, which share they answered, and which share came by each channel that it knows."""
        counts = read_messages(stores, entry.settings, as_of=as_of)
        sent, answered = counts.sent[:, :, LATER], counts.answered[:, :, LATER]
        whole = sent.sum(axis=1)
        lately = whole > 0
        whole = whole[lately]
        columns: dict[str, FloatArray] = {
            "messages lately": whole,
            "share answered": answered[lately].sum(axis=1) / whole,
        }
        for name in channel_laws(stores, entry).laws:
            mine = _of_channel(counts, name, sent)[lately]
            columns[f"share of {name}"] = mine / whole
        return Seen(columns, dict.fromkeys(columns, 1 / len(columns)), "people written to lately")

    def told(self, stores: Stores, entries: Sequence[RegisteredModel], *, cut: datetime) -> Told:
        """See CaredKind."""
        counts = read_messages(stores, entries[0].settings, as_of=cut + self.span(entries[0]))
        then = laws_before(counts)
        found = [
            answers_of_people(
                counts, channel_laws(stores, entry).laws if entry.as_of <= cut else then
            )
            for entry in entries
        ]
        known = [one for one in found if one is not None]
        if not known:
            raise PredictError(
                f"No channel had 100 messages and 10 answers before {day_of(stores, cut)} and wrote to the same people after it."
            )
        return Told(
            losses=tuple(one.losses for one in known),
            dull=known[0].everybody,
            expected=tuple(one.expected for one in known),
            came=known[0].came,
            stand_ins=stand_ins(stores, entries, cut),
        )

    def score(
        self, stores: Stores, entry: RegisteredModel, *, as_of: datetime, now: datetime
    ) -> int | None:
        """See CaredKind."""
        return score_channels(stores, entry, as_of=as_of, now=now)


def _of_channel(counts: MessageCounts, name: str, sent: FloatArray) -> FloatArray:
    if name not in counts.names:
        return np.zeros(len(sent))
    return np.asarray(sent[:, counts.names.index(name)])


class PriceCare:
    """People who bought before, and which of their later lines were on discount."""

    measure: ClassVar[str] = "log loss of lines"
    dull_rule: ClassVar[str] = "what was on discount"
    judged: ClassVar[str] = "people"
    asked: ClassVar[tuple[str, ...]] = ()

    def train(
        self,
        stores: Stores,
        wanted: Prediction,
        *,
        as_of: datetime,
        now: datetime,
        progress: Progress | None,
    ) -> RegisteredModel:
        """See CaredKind."""
        if progress is not None:
            progress(0, 1, "learning who leans to discounts")
        found = discount_seekers(
            stores, as_of=as_of, check_days=wanted.horizon_days, name=wanted.name, now=now
        )
        assert found.entry is not None  # noqa: S101 - it is kept unless told otherwise
        return found.entry

    def span(self, entry: RegisteredModel) -> timedelta:
        """See CaredKind."""
        return horizon_of(entry)

    def learnt_until(self, entry: RegisteredModel) -> datetime:  # noqa: ARG002
        """A stand-in answers for it."""
        return EVER

    def seen(self, stores: Stores, entry: RegisteredModel, *, as_of: datetime) -> Seen:
        """Of those who bought lately: their lines, and how many of these were on discount beside what was on offer then.

        What was on offer is the same for all who bought then, so it is no shift of people.
        """
        _, lately = lines_around(stores, as_of - self.span(entry), self.span(entry))
        columns = {
            "lines lately": lately.lines,
            "on discount, by what was on offer": _places(lately),
        }
        return Seen(columns, dict.fromkeys(columns, 0.5), "people who bought lately")

    def told(self, stores: Stores, entries: Sequence[RegisteredModel], *, cut: datetime) -> Told:
        """See CaredKind."""
        before, later = lines_around(stores, cut, horizon_of(entries[0]))
        found = [
            later_lines(before, later, _discounts_law(stores, entry, before, cut))
            for entry in entries
        ]
        known = [one for one in found if one is not None]
        if not known:
            raise PredictError(
                f"Nobody who had bought before {day_of(stores, cut)} bought after it."
            )
        return Told(
            losses=tuple(one.losses(one.own) for one in known),
            dull=known[0].losses(known[0].offered),
            expected=tuple(one.own * one.lines for one in known),
            came=known[0].hits,
            stand_ins=stand_ins(stores, entries, cut),
        )

    def score(
        self, stores: Stores, entry: RegisteredModel, *, as_of: datetime, now: datetime
    ) -> int | None:
        """See CaredKind."""
        return score_discounts(stores, entry, as_of=as_of, now=now)


def _places(lately: DiscountLines) -> FloatArray:
    """Where each person's number of lines on discount lies (0-1) among those that chance makes of what was on offer.

    Evenly spread where people take what is on offer, whatever that is, as within a step of the binomial law the place is drawn (with a
    fixed seed).

    Source: Dunn & Smyth (1996), Randomized quantile residuals.
    """
    hits, lines = lately.hits, lately.lines.astype(np.int64)
    below = np.where(hits > 0, bdtr(np.maximum(hits - 1, 0), lines, lately.usual), 0.0)
    step = bdtr(hits, lines, lately.usual) - below
    return np.asarray(below + np.random.default_rng(0).random(len(hits)) * step)


def _discounts_law(
    stores: Stores, entry: RegisteredModel, before: DiscountLines, cut: datetime
) -> BetaBinomial:
    if entry.as_of <= cut:
        return discounts_law_of(stores, entry)
    if not 0 < before.hits.sum() < before.lines.sum():
        raise PredictError(
            f"Before {day_of(stores, cut)} either no line was on discount or all were, so nothing can be told of who leans to them."
        )
    return discounts_law(before)
