"""The ledger as a page for those who decide (one sheet of paper) and as CSV."""

from __future__ import annotations

import csv
import io
from datetime import datetime, timedelta
from pathlib import Path

from markupsafe import Markup

from aimwell.measure.earnings import Earned, Earnings
from aimwell.measure.executive import Executive
from aimwell.measure.formatting import date_words, minute_words, money, money_interval
from aimwell.measure.outlook import Outlook
from aimwell.measure.report_charts import Row, whisker_rows
from aimwell.measure.shown import signed
from aimwell.pages.page import render_page
from aimwell.stats.estimate import Estimate
from aimwell.version import VERSION

__all__ = ["MOST_ROWS", "MOST_STEPS", "earnings_csv", "earnings_html"]

_TEMPLATE = Path(__file__).parent / "templates" / "earnings.html"
MOST_ROWS = 8
"""Campaigns on the page; the rest are counted, and are in the CSV."""
MOST_STEPS = 10
"""Steps on the page; all are in the JSON."""


def earnings_html(whole: Executive, *, title: str, timezone: str, made_at: datetime) -> str:
    """The page as text. The same figures give the same page."""
    found = whole.ledger
    counted = sorted(found.counted, key=lambda row: (-_size(row), row.plan_id))
    shown = counted[:MOST_ROWS]
    rows, axis = _chart(found, shown)
    ahead, ahead_axis = _ahead(whole.outlook, found.currency)
    badge, mood = _badge(found)
    return render_page(
        _TEMPLATE,
        version=VERSION,
        title=title,
        when=_period(found, timezone),
        badge=badge,
        mood=mood,
        found=found,
        steps=[{"verb": one.verb, "sentence": one.sentence} for one in whole.steps[:MOST_STEPS]],
        more_steps=max(0, len(whole.steps) - MOST_STEPS),
        outlook=whole.outlook,
        ahead=ahead,
        ahead_axis=ahead_axis,
        rows=rows,
        axis=axis,
        cards=_cards(found),
        lines=[_line(row, found.currency, timezone) for row in shown],
        more=len(counted) - len(shown),
        made=minute_words(made_at, timezone),
    )


def _size(row: Earned) -> float:
    one = row.profit if row.profit.defined else row.revenue
    return one.estimate or 0.0


def _period(found: Earnings, timezone: str) -> str:
    last = date_words(found.until - timedelta(microseconds=1), timezone)
    if found.since is None:
        return f"Campaigns that started up to {last}"
    return f"Campaigns that started from {date_words(found.since, timezone)} to {last}"


def _badge(found: Earnings) -> tuple[str, str]:
    amount = found.profit if found.profit.defined else found.revenue
    if amount.estimate is None or not amount.excludes_zero:
        return ("Cannot tell", "undefined") if not amount.defined else ("Not sure yet", "unsure")
    return ("It paid", "gain") if amount.estimate > 0 else ("It cost more than it brought", "loss")


def _chart(found: Earnings, shown: list[Earned]) -> tuple[list[Row], Markup]:
    """A row for all together and one for each campaign, on one scale."""
    profit = found.profit.defined
    estimates = [("All together", found.profit if profit else found.revenue)]
    estimates += [(row.campaign, row.profit if profit else row.revenue) for row in shown]
    return whisker_rows(
        estimates, found.currency, what=f"{'Profit' if profit else 'Revenue'} added"
    )


def _ahead(outlook: Outlook, currency: str) -> tuple[list[Row], Markup]:
    """The mean of campaigns (of few: of these alone) and the range of a next one, per person contacted."""
    named = [
        ("These campaigns" if outlook.few else "A campaign on average", outlook.shown),
        ("The next campaign", outlook.each.next),
    ]
    return whisker_rows(named, currency, what=f"{outlook.unit.capitalize()} per person contacted")


def _cards(found: Earnings) -> list[dict[str, str]]:
    spent = found.contact + found.offers
    back = (
        Estimate.missing("nothing was spent", method=found.revenue.method)
        if spent <= 0
        else found.revenue.times(1.0 / spent)
    )
    return [
        {
            "label": "Profit added",
            **_card(found.profit, found.currency),
            "formula": "incremental margin − contact cost, summed",
        },
        {
            "label": "Revenue added",
            **_card(found.revenue, found.currency),
            "formula": "revenue a person against the held-out × people contacted, summed",
        },
        {
            "label": "Spent",
            "value": money(spent, found.currency),
            "range": "",
            "reason": "",
            "formula": f"messages {money(found.contact, found.currency)} + offers {money(found.offers, found.currency)}",
        },
        {
            "label": "Revenue added for each unit spent",
            "value": "" if back.estimate is None else f"{back.estimate:,.2f}",
            "range": ""
            if back.lower is None or back.upper is None
            else f"{back.lower:,.2f} to {back.upper:,.2f}",
            "reason": back.reason or "",
            "formula": "revenue added ÷ spent",
        },
    ]


def _card(one: Estimate, currency: str) -> dict[str, str]:
    if one.estimate is None:
        return {"value": "", "range": "", "reason": one.reason or ""}
    return {
        "value": signed(one.estimate, "money", currency),
        "range": money_interval(one, currency),
        "reason": "",
    }


def _line(row: Earned, currency: str, timezone: str) -> dict[str, str]:
    def amount(one: Estimate) -> str:
        return "not known" if one.estimate is None else signed(one.estimate, "money", currency)

    def within(one: Estimate) -> str:
        return (one.reason or "") if one.estimate is None else money_interval(one, currency)

    return {
        "campaign": row.campaign,
        "start": date_words(row.starts_at, timezone),
        "state": "" if row.finished else "so far",
        "people": f"{row.people:,}",
        "held_out": f"{row.held_out:,}",
        "revenue": amount(row.revenue),
        "revenue_range": within(row.revenue),
        "spent": money(row.contact + row.offers, currency),
        "profit": amount(row.profit),
        "profit_range": within(row.profit),
    }


_COLUMNS = (
    ["campaign", "plan_id", "starts_at", "ends_at", "measured_until", "finished"]
    + ["contacted", "held_out", "currency"]
    + [
        f"{name}_{part}"
        for name in ("revenue", "margin", "profit")
        for part in ("added", "lower", "upper")
    ]
    + ["offer_cost", "contact_cost", "in_sum", "reason"]
)


def earnings_csv(found: Earnings) -> str:
    """One line a campaign; what is not known is empty, and `reason` says why."""
    text = io.StringIO()
    out = csv.writer(text, lineterminator="\n")
    out.writerow(_COLUMNS)
    for row in found.campaigns:
        amounts: list[float | None] = []
        for one in (row.revenue, row.margin, row.profit):
            amounts += [one.estimate, one.lower, one.upper]
        out.writerow(
            [
                _cell(row.campaign),
                row.plan_id,
                row.starts_at.isoformat(),
                row.ends_at.isoformat(),
                row.measured_until.isoformat(),
                row.finished,
                row.people,
                row.held_out,
                found.currency,
                *["" if value is None else round(value, 4) for value in amounts],
                round(row.offers, 4),
                round(row.contact, 4),
                row.counts,
                row.left_out or row.profit.reason or "",
            ]
        )
    return text.getvalue()


def _cell(text: str) -> str:
    """A name that a spreadsheet would take for a formula is given as a text."""
    return f"'{text}" if text[:1] in "=+-@\t\r" else text
