"""What to do next, as the figures of a period say it and nothing else: which campaigns to stop, repeat, enlarge, judge later or repair.

Of many campaigns some look good by luck. So "it paid" and "it cost more than it brought" are said where the p-value of a campaign is at most
0.05 after Benjamini and Hochberg's correction over all that were judged; of what is said at most 5 % is expected to be wrong.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, Literal, get_args

from aimwell.measure.earnings import Earned, Earnings
from aimwell.measure.formatting import count_of, date_words, money, money_interval
from aimwell.measure.global_holdout import HoldoutEffect
from aimwell.measure.outlook import Outlook
from aimwell.measure.wave_correlations import Known, correlation_table
from aimwell.stats.estimate import Estimate
from aimwell.stats.multiplicity import benjamini_hochberg
from aimwell.stats.together import together

__all__ = ["LEFT_OUT_BY_LIMITS", "Step", "next_steps"]

Verb = Literal[
    "repair", "all promotion", "stop", "repeat", "enlarge", "judge later", "hold out", "wait"
]

LEFT_OUT_BY_LIMITS = ("budget", "limit", "no_stock", "no_code")
"""Reasons for which people are left out who might have been contacted with more money, stock or codes."""

_SURE = 0.05


@dataclass(frozen=True, kw_only=True)
class Step:
    """One thing to do.

    Attributes:
        verb: What kind of step.
        campaign: Which; None: all.
        sentence: With the figures from which it follows.
    """

    verb: Verb
    campaign: str | None
    sentence: str


def next_steps(
    found: Earnings,
    documents: Sequence[Mapping[str, Any]],
    outlook: Outlook,
    holdouts: Sequence[HoldoutEffect],
    known: Known,
    *,
    timezone: str,
) -> tuple[Step, ...]:
    """The most pressing first: what is broken, all promotion together, what loses, what earns, what cannot be told.

    Args:
        found: The ledger of the period.
        documents: The results from which it was made.
        outlook: What its campaigns have in common.
        holdouts: Global holdouts that held in the time.
        known: How the errors of waves go together.
        timezone: In which a reader sees dates.
    """
    by_plan = {one["plan_id"]: one for one in documents}
    judged: list[_Judged] = []
    steps: list[Step] = []
    for campaign, rows in _by_campaign(found.campaigns).items():
        newest = by_plan[rows[-1].plan_id]
        counted = [row for row in rows if row.counts]
        over = [row for row in counted if row.finished]
        if newest["verdict"] == "mismatch":
            steps.append(_repair(campaign))
        elif newest["verdict"] == "no_control" and not counted:
            steps.append(_hold_out(campaign))
        if over:
            judged.append(_Judged.of(campaign, over, newest, known))
        elif counted:
            steps.append(_wait(campaign, counted[-1], timezone))
    sure = benjamini_hochberg([one.p_value for one in judged])
    for one, p_value in zip(judged, sure, strict=True):
        steps += one.steps(found.currency, outlook, clear=p_value is not None and p_value <= _SURE)
    steps += [_all_promotion(one) for one in holdouts]
    order = get_args(Verb)
    return tuple(sorted(steps, key=lambda step: order.index(step.verb)))


def _by_campaign(rows: Sequence[Earned]) -> dict[str, list[Earned]]:
    found: dict[str, list[Earned]] = {}
    for row in rows:
        found.setdefault(row.campaign, []).append(row)
    return {name: sorted(mine, key=lambda row: row.starts_at) for name, mine in found.items()}


@dataclass(frozen=True, kw_only=True)
class _Judged:
    """A campaign with its waves that are over: `amount` in all, of `people` contacted."""

    campaign: str
    amount: Estimate
    what: str
    people: int
    waves: int
    left_out: int
    needed: int | None
    ruled_out: bool

    @classmethod
    def of(
        cls, campaign: str, rows: Sequence[Earned], newest: Mapping[str, Any], known: Known
    ) -> _Judged:
        in_profit = all(row.profit.defined for row in rows)
        table = correlation_table([row.plan_id for row in rows], known)
        strength = (newest.get("views") or {}).get("strength") or {}
        assigned = newest["treated"]["people"] + newest["control"]["people"]
        needed = strength.get("needed_for_worth")
        excluded = newest.get("excluded", {})
        return cls(
            campaign=campaign,
            amount=together(
                [row.profit if in_profit else row.revenue for row in rows], correlations=table
            ),
            what="profit" if in_profit else "revenue",
            people=sum(row.people for row in rows),
            waves=len(rows),
            left_out=sum(excluded.get(reason, 0) for reason in LEFT_OUT_BY_LIMITS),
            needed=needed - assigned if needed is not None and needed > assigned else None,
            ruled_out=strength.get("underpowered") is False,
        )

    @property
    def p_value(self) -> float | None:
        """Two-sided, by the distance to the bound that lies towards nothing, as skewed intervals have it."""
        one = self.amount
        if one.estimate is None or one.lower is None or one.upper is None:
            return None
        reach = one.estimate - one.lower if one.estimate > 0 else one.upper - one.estimate
        if reach <= 0.0:
            return None
        law = NormalDist()
        away = abs(one.estimate) / reach * law.inv_cdf(0.5 + one.confidence / 2.0)
        return math.erfc(away / math.sqrt(2.0))

    def steps(self, currency: str, outlook: Outlook, *, clear: bool) -> list[Step]:
        """What follows from its figures; `clear` where they are more than luck among many."""
        one = self.amount
        if one.estimate is None:
            return []
        waves = "" if self.waves == 1 else f" in {self.waves} waves"
        size, within = money(abs(one.estimate), currency), money_interval(one, currency)
        if clear and one.estimate < 0:
            return [
                self._step(
                    "stop",
                    f"Stop {self.campaign}: it lost {size} in {self.what}{waves} ({within}), beyond chance.",
                )
            ]
        if clear:
            return self._repeat(size, within, waves, currency, outlook)
        return [self._open(within, waves)]

    def _repeat(
        self, size: str, within: str, waves: str, currency: str, outlook: Outlook
    ) -> list[Step]:
        each = self.amount.times(1.0 / self.people)
        assert each.estimate is not None  # noqa: S101 - `steps` has asked
        hope = outlook.expected.get(self.campaign) if self.what == outlook.unit else None
        luck = (
            ""
            if hope is None
            else f" Expect {money(hope, currency, 2)} next time: the figures of all campaigns say that some of it was luck."
            if hope < each.estimate - 0.005
            else ""
        )
        found = [
            self._step(
                "repeat",
                f"Repeat {self.campaign}: it earned {size} in {self.what}{waves} ({within}), "
                f"{money(each.estimate, currency, 2)} for each person contacted.{luck}",
            )
        ]
        if self.left_out:
            more = each.times(float(self.left_out))
            found.append(
                self._step(
                    "enlarge",
                    f"Enlarge {self.campaign}: {count_of(self.left_out, 'person of its newest audience was', 'people of its newest audience were')} left out for want of budget, stock, codes "
                    f"or capacity. If they answer as those contacted did, they would bring {money_interval(more, currency)} more; hold some "
                    "of them out to see whether they do.",
                )
            )
        return found

    def _open(self, within: str, waves: str) -> Step:
        start = f"Whether {self.campaign} pays cannot be told yet{waves}: {within} in {self.what}."
        if self.needed is not None:
            more = f" {count_of(self.needed, 'more person', 'more people')} in the same shares would show a gain of 5%."
        elif self.ruled_out:
            more = " A gain of 5% in revenue is ruled out, so more of the same will not pay much."
        else:
            more = " One more wave of the same size narrows it."
        return self._step("judge later", start + more)

    def _step(self, verb: Verb, sentence: str) -> Step:
        return Step(verb=verb, campaign=self.campaign, sentence=sentence)


def _repair(campaign: str) -> Step:
    return Step(
        verb="repair",
        campaign=campaign,
        sentence=f"Find out why the groups of {campaign} are not as large as planned before it runs again: until then none of its figures can be "
        "trusted.",
    )


def _hold_out(campaign: str) -> Step:
    return Step(
        verb="hold out",
        campaign=campaign,
        sentence=f"Hold out a share of {campaign} next time: nobody was, so nothing says what it earned.",
    )


def _wait(campaign: str, row: Earned, timezone: str) -> Step:
    return Step(
        verb="wait",
        campaign=campaign,
        sentence=f"Judge {campaign} after {date_words(row.ends_at, timezone)}, when its window is over.",
    )


def _all_promotion(one: HoldoutEffect) -> Step:
    return Step(verb="all promotion", campaign=None, sentence=one.sentence)
