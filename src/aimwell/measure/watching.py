"""Whether a running campaign's figures are worse than they should be, by tests that may be looked at daily.

Two kinds of figure:

- *rates of messages* (bounced, unsubscribed, complained; delivered, opened, clicked), each message once: the evidence against "not worse
  than the limit" (`stats.rate_evidence`). What should be low counts all that is known by now: what is still to come can only raise it. What
  should be high counts messages whose day has been over for `RIPE`, and what befell them within that time, so that the young do not look bad.
- *what sending added* (profit, or revenue): the always-valid interval of the newest report lies below zero.

The limit is the campaign's target where it has one. Else it is the rate of earlier campaigns, at the far end of an interval of `ALPHA` / 2, so
that what is unsure of the past is no alarm; the other half of `ALPHA` goes to the test.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from aimwell.measure.formatting import count, money, money_interval, percent
from aimwell.measure.slices import FIGURES
from aimwell.stats.estimate import Estimate
from aimwell.stats.intervals import wilson
from aimwell.stats.rate_evidence import always_valid_p, log_evidence

__all__ = ["ALPHA", "RIPE", "Counts", "Watched", "watch_added", "watch_rates"]

ALPHA = 0.01
"""Of false alarms of one figure of one campaign, over all looks together."""

RIPE = timedelta(days=3)
_EARLIER_MIN = 200
_HIGH_IS_BAD: Mapping[str, str] = {
    "bounce_rate": "bounced",
    "unsubscribe_rate": "unsubscribed",
    "complaint_rate": "complained",
}
_LOW_IS_BAD: Mapping[str, str] = {"open_rate": "opened", "click_rate": "clicked"}
_LABELS = {"bounce_rate": "Bounced", **{key: label for key, (label, _u, _f) in FIGURES.items()}}
_TARGETS = {"bounce_rate": "delivery_rate"}


@dataclass(frozen=True)
class Counts:
    """Messages of a plan and what befell them: `now` all that is known, `ripe` those old enough, within `RIPE`."""

    now: Mapping[str, int]
    ripe: Mapping[str, int]


@dataclass(frozen=True, kw_only=True)
class Watched:
    """One figure of one campaign.

    Attributes:
        plan_id, campaign, key, label: What is watched.
        value: Per cent, or an amount of money.
        limit: What it is held against; None where there is nothing.
        against: Where the limit comes from.
        p_value: That it is not worse than the limit; holds at all looks together. None where it cannot be told.
        alarm: Whether it is worse.
        words: For a reader.
    """

    plan_id: str
    campaign: str
    key: str
    label: str
    value: float | None
    limit: float | None
    against: Literal["target", "earlier campaigns", "the held-out", "nothing"]
    p_value: float | None
    alarm: bool
    words: str

    @property
    def alert_key(self) -> str:
        """Of its alert."""
        return f"kpi:{self.plan_id}:{self.key}"


def watch_rates(
    plan_id: str,
    campaign: str,
    counts: Counts,
    earlier: Sequence[Counts],
    targets: Mapping[str, float],
) -> list[Watched]:
    """Each rate of the messages of a plan.

    Args:
        plan_id, campaign: Of the plan.
        counts: Of the plan.
        earlier: Of earlier plans.
        targets: As the campaign declares them, in per cent.
    """
    found = []
    for key, name in {**_HIGH_IS_BAD, **_LOW_IS_BAD}.items():
        low = key in _LOW_IS_BAD
        mine = _pair(counts, name, low=low)
        pairs = [_pair(one, name, low=low) for one in earlier]
        before = (sum(done for done, _of in pairs), sum(of for _done, of in pairs))
        limit, against, alpha = _limit(key, before, targets, low=low)
        found.append(_watched(plan_id, campaign, key, mine, limit, against, alpha, low=low))
    return found


def _pair(counts: Counts, name: str, *, low: bool) -> tuple[int, int]:
    """How many did it, of how many; opens and clicks of those delivered, all others of those sent."""
    given = counts.ripe if low else counts.now
    of = given.get("sent", 0) - (given.get("bounced", 0) if low else 0)
    return min(given.get(name, 0), max(of, 0)), max(of, 0)


def _limit(
    key: str, before: tuple[int, int], targets: Mapping[str, float], *, low: bool
) -> tuple[float | None, Literal["target", "earlier campaigns", "nothing"], float]:
    target = targets.get(_TARGETS.get(key, key))
    if target is not None:
        share = (100.0 - target if key in _TARGETS else target) / 100.0
        return (share, "target", ALPHA) if 0.0 < share < 1.0 else (None, "nothing", ALPHA)
    done, of = before
    if of < _EARLIER_MIN:
        return None, "nothing", ALPHA
    # One-sided at ALPHA / 2.
    known = wilson(done, of, confidence=1.0 - ALPHA)
    assert known.lower is not None and known.upper is not None  # noqa: S101, PT018 - there are enough
    share = known.lower if low else known.upper
    return (
        (share, "earlier campaigns", ALPHA / 2) if 0.0 < share < 1.0 else (None, "nothing", ALPHA)
    )


def _watched(
    plan_id: str,
    campaign: str,
    key: str,
    pair: tuple[int, int],
    limit: float | None,
    against: Literal["target", "earlier campaigns", "nothing"],
    alpha: float,
    *,
    low: bool,
) -> Watched:
    done, of = pair
    label = _LABELS[key]
    value = 100.0 * done / of if of else None
    p_value, alarm = None, False
    if value is None:
        words = (
            f"{label}: no message is old enough yet." if low else f"{label}: nothing was sent yet."
        )
    elif limit is None:
        words = f"{label}: {percent(value)} of {count(of)}; there is no target and under {_EARLIER_MIN} earlier messages to hold it against."
    else:
        log_e = float(
            log_evidence(of - done, of, limit=1.0 - limit)
            if low
            else log_evidence(done, of, limit=limit)
        )
        p_value = always_valid_p(log_e)
        alarm = log_e >= -math.log(alpha)
        side = "less than" if low else "more than"
        words = (
            f"{label}: {percent(value)} of {count(of)}, {side} the {percent(100 * limit)} of {_named(against)}"
            f"{' (the far end of what they leave open)' if against == 'earlier campaigns' else ''}. Look at it."
            if alarm
            else f"{label}: {percent(value)} of {count(of)}; {side} the {percent(100 * limit)} of {_named(against)} is not shown."
        )
    return Watched(
        plan_id=plan_id,
        campaign=campaign,
        key=key,
        label=label,
        value=value,
        limit=None if limit is None else 100.0 * limit,
        against=against,
        p_value=p_value,
        alarm=alarm,
        words=words,
    )


def _named(against: str) -> str:
    return "the target" if against == "target" else against


def watch_added(document: Mapping[str, Any]) -> Watched:
    """Whether sending loses money, by a report: its profit, or where that is unknown its revenue.

    While the window is open the report's interval holds at all looks together.
    """
    profit = document["headline"] == "profit"
    one = Estimate(**document["headline_estimate"])
    label = "Profit added" if profit else "Revenue added"
    currency, measured = document["currency"], datetime.fromisoformat(document["measured_at"])
    alarm = one.upper is not None and one.upper < 0.0
    if one.estimate is None:
        words = f"{label}: not known. {one.reason}."
    else:
        told = f"{money(one.estimate, currency)} ({money_interval(one, currency)})"
        words = (
            f"{label}: {told}: sending loses money. Pause it."
            if alarm
            else f"{label}: {told}; a loss is not shown."
        )
    return Watched(
        plan_id=document["plan_id"],
        campaign=document["campaign"],
        key="incremental_profit" if profit else "incremental_revenue",
        label=label,
        value=one.estimate,
        limit=0.0,
        against="the held-out",
        p_value=one.p_value,
        alarm=alarm,
        words=f"{words} Measured {measured:%Y-%m-%d %H:%M} UTC.",
    )
