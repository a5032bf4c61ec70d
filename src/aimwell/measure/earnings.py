"""The profit ledger: what each campaign earned against its held-out people, and what all of them earned together."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

from aimwell.measure.formatting import money, money_interval
from aimwell.measure.wave_correlations import (
    Known,
    correlation_table,
    unknown_waves,
    wave_correlations,
)
from aimwell.stats.estimate import Estimate
from aimwell.stats.together import together

__all__ = ["Earned", "Earnings", "earnings"]

_LEFT_OUT = {
    "trial": "a trial: nobody was contacted",
    "not_sent": "nothing was sent",
    "mismatch": "the arms are not as planned, so no figure of it is to be trusted",
}


@dataclass(frozen=True, kw_only=True)
class Earned:
    """One campaign in the ledger, as its newest report measured it.

    Attributes:
        finished: Whether its window is over; if not, it is measured so far.
        relative: Lift of revenue as a share (0.1 is ten per cent more).
        revenue: Incremental, of all who were contacted; net of discounts that orders show, and of returns in the window.
        margin: Incremental margin, net of what offers cost.
        offers, contact: What offers cost beside what orders show, and what messages cost.
        profit: Incremental margin less contact cost.
        counts: Whether it is in the sum. left_out: why not.
    """

    campaign: str
    plan_id: str
    starts_at: datetime
    ends_at: datetime
    measured_until: datetime
    finished: bool
    people: int
    held_out: int
    relative: Estimate
    revenue: Estimate
    margin: Estimate
    offers: float
    contact: float
    profit: Estimate
    counts: bool
    left_out: str | None


@dataclass(frozen=True, kw_only=True)
class Earnings:
    """The ledger of a period: campaigns that started in it, and their sums.

    Attributes:
        revenue, profit: Of the campaigns that count and have the figure; missing with a reason where none has.
        contact, offers: What those campaigns cost.
        profit_of: How many campaigns are in the sum of profit.
        sentence: What they earned together, in words.
        caveats: What a reader must know before believing it.
    """

    currency: str
    since: datetime | None
    until: datetime
    campaigns: tuple[Earned, ...]
    revenue: Estimate
    profit: Estimate
    profit_of: int
    contact: float
    offers: float
    sentence: str
    caveats: tuple[str, ...]

    @property
    def counted(self) -> tuple[Earned, ...]:
        """The campaigns in the sum."""
        return tuple(one for one in self.campaigns if one.counts)

    def to_dict(self) -> dict[str, Any]:
        """For JSON; times in ISO 8601."""
        body = asdict(self)
        body["since"] = self.since.isoformat() if self.since else None
        body["until"] = self.until.isoformat()
        for row in body["campaigns"]:
            for name in ("starts_at", "ends_at", "measured_until"):
                row[name] = row[name].isoformat()
        return body


def earnings(
    documents: Sequence[Mapping[str, Any]],
    *,
    currency: str,
    since: datetime | None,
    until: datetime,
) -> Earnings:
    """The ledger of the campaigns that started in the period.

    Args:
        documents: Results as `CampaignResult.to_dict` writes them, one a plan.
        currency: That of the workspace; a result in another is not added up.
        since, until: The period; `since` None: from the beginning.
    """
    rows = tuple(
        row
        for row in (_row(document, currency) for document in documents)
        if row.starts_at < until and (since is None or row.starts_at >= since)
    )
    counted = [row for row in rows if row.counts]
    with_profit = [row for row in counted if row.profit.defined]
    known = wave_correlations(documents)
    table = correlation_table([row.plan_id for row in counted], known)
    revenue, profit = (
        together([row.revenue for row in counted], correlations=table),
        together([row.profit for row in counted], correlations=table),
    )
    return Earnings(
        currency=currency,
        since=since,
        until=until,
        campaigns=rows,
        revenue=revenue,
        profit=profit,
        profit_of=len(with_profit),
        contact=math.fsum(row.contact for row in counted),
        offers=math.fsum(row.offers for row in counted),
        sentence=_sentence(counted, with_profit, revenue, profit, currency),
        caveats=_caveats(rows, counted, with_profit, known),
    )


def _row(document: Mapping[str, Any], currency: str) -> Earned:
    span = document["span"]
    left_out = "it is a trial: nobody was contacted" if document["trial"] else None
    left_out = _LEFT_OUT.get(document["verdict"], left_out)
    if not left_out and document["currency"] != currency:
        left_out = f"it was measured in {document['currency']}"
    revenue = Estimate(**document["lifts"]["revenue"]["total"])
    margin = document["lifts"].get("margin")
    profit = Estimate(**document["profit"])
    if not left_out and not revenue.defined and not profit.defined:
        left_out = profit.reason
    return Earned(
        campaign=document["campaign"],
        plan_id=document["plan_id"],
        starts_at=datetime.fromisoformat(span["starts_at"]),
        ends_at=datetime.fromisoformat(span["ends_at"]),
        measured_until=datetime.fromisoformat(span["measured_until"]),
        finished=span["finished"],
        people=document["treated"]["people"],
        held_out=document["control"]["people"],
        relative=Estimate(**relative)
        if (relative := document["lifts"]["revenue"].get("relative"))
        else Estimate.missing("the report does not tell it", method=revenue.method),
        revenue=revenue,
        margin=Estimate(**margin["total"])
        if margin
        else Estimate.missing(profit.reason or "the margin is not known", method=profit.method),
        offers=document["costs"]["offers"],
        contact=document["costs"]["contact"],
        profit=profit,
        counts=left_out is None,
        left_out=left_out,
    )


def _sentence(
    counted: Sequence[Earned],
    with_profit: Sequence[Earned],
    revenue: Estimate,
    profit: Estimate,
    currency: str,
) -> str:
    if not counted:
        return "No campaign with a held-out group was measured in this time, so nothing can be said of what promotion earned."
    many = len(with_profit) if with_profit else len(counted)
    campaigns = "One campaign" if many == 1 else f"{many} campaigns"
    together_ = "" if many == 1 else " together"
    amount, what = (profit, "in profit") if with_profit else (revenue, "in revenue")
    if amount.estimate is None or amount.lower is None or amount.upper is None:
        return f"{campaigns} ran; what they earned is not known: {amount.reason}."
    verb, size = ("earned", amount.estimate) if amount.estimate >= 0 else ("lost", -amount.estimate)
    start = f"{campaigns}{together_} {verb} {money(size, currency)} {what} against not sending"
    sure = {True: "", False: ", so we cannot be sure that it is not chance"}[
        bool(amount.excludes_zero)
    ]
    return f"{start}; it could be anything from {money_interval(amount, currency, joined=' to ')}{sure}."


def _caveats(
    rows: Sequence[Earned],
    counted: Sequence[Earned],
    with_profit: Sequence[Earned],
    known: Known,
) -> tuple[str, ...]:
    found = [
        f"'{row.campaign}' ({row.plan_id}) is not in the sum: {row.left_out}."
        for row in rows
        if not row.counts
    ]
    if with_profit and len(with_profit) < len(counted):
        found.append(
            f"The profit is that of {len(with_profit)} of {len(counted)} campaigns; of the others the margin is not known."
        )
    open_ = [row.campaign for row in counted if not row.finished]
    if open_:
        found.append(
            f"Not over yet, so measured so far: {', '.join(dict.fromkeys(open_))}. The figures will be revised."
        )
    alone = unknown_waves([(row.campaign, row.plan_id) for row in counted], known)
    if alone:
        found.append(
            f"Waves of {', '.join(alone)} share the people who are held out, and no report tells yet how far their figures go together; the sum "
            "takes them for independent. Measure the newest wave again."
        )
    if _overlap(counted):
        found.append(
            "Some campaigns ran at the same time. Their arms are drawn apart, so the estimates are independent; what one "
            "campaign does to the effect of another is in neither."
        )
    if counted:
        found.append(
            "Each campaign is counted to the end of its own window. Sales that were only pulled forward from later show as "
            "earned here; aimwell measure later PLAN looks beyond the window."
        )
    return tuple(found)


def _overlap(rows: Sequence[Earned]) -> bool:
    spans = sorted((row.starts_at, row.ends_at) for row in rows)
    return any(later[0] < earlier[1] for earlier, later in pairwise(spans))
