"""The report of a segment as one self-contained page, and as a table."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from markupsafe import Markup

from aimwell.measure.feedback.shown import figures, said_row
from aimwell.measure.feedback.spoken import GroupSound, GroupTopic
from aimwell.measure.formatting import (
    count,
    date_words,
    minute_words,
    money,
    money_interval,
    percent,
)
from aimwell.measure.report_charts import Row, whisker_rows
from aimwell.measure.segment_report.model import CampaignThere, SegmentReport
from aimwell.measure.shown import signed
from aimwell.pages import charts
from aimwell.pages.page import render_page
from aimwell.stats.estimate import Estimate
from aimwell.version import VERSION

__all__ = ["segment_csv", "segment_html"]

_TEMPLATE = Path(__file__).parents[1] / "templates" / "segment.html"
_MOST_CAMPAIGNS = 12
_WORDS = 4


def segment_html(found: SegmentReport) -> str:
    """The page as text. The same report gives the same page."""
    shown = found.campaigns[:_MOST_CAMPAIGNS]
    profit = found.profit.defined
    rows, axis = _chart(shown, found, profit=profit)
    return render_page(
        _TEMPLATE,
        version=VERSION,
        found=found,
        when=date_words(found.as_of, found.timezone),
        made=minute_words(found.as_of, found.timezone),
        drawing=_drawing(found),
        sizes=[
            {
                "day": date_words(one.at, found.timezone),
                "members": count(one.members),
                "share": percent(100.0 * one.members / one.known) if one.known else "–",
                "entered": "–" if one.entered is None else count(one.entered),
                "left": "–" if one.left is None else count(one.left),
            }
            for one in found.sizes
        ],
        cards=_cards(found),
        differences=[
            (
                one.words,
                f"{one.effect:+.1f}".replace("-", "\N{MINUS SIGN}"),
                percent(100 * one.holds),
            )
            for one in (found.persona.differences if found.persona else ())
        ],
        favourites=[
            (one.name or one.sku, percent(100 * one.own), percent(100 * one.others))
            for one in (found.persona.over_indexed if found.persona else ())
        ],
        profit=profit,
        rows=rows,
        axis=axis,
        campaigns=[_line(one, found.currency) for one in shown],
        more=len(found.campaigns) - len(shown),
        feedback=[said_row(one) for one in found.feedback.rows],
        topics=[_spoken(" ".join(one.topic[:_WORDS]), one) for one in found.spoken.topics],
        sounds=[_spoken("words that sound satisfied", one) for one in found.spoken.sounds],
    )


def _drawing(found: SegmentReport) -> Markup:
    most = max((one.members for one in found.sizes), default=0)
    if not most or len(found.sizes) < 2:
        return Markup("")
    first, last = found.sizes[0], found.sizes[-1]
    return charts.trend(
        [one.members / most for one in found.sizes],
        low=0.0,
        labels=("0", count(most)),
        ends=(date_words(first.at, found.timezone), date_words(last.at, found.timezone)),
        title=f"People in {found.segment}",
        description=", ".join(
            f"{date_words(one.at, found.timezone)}: {count(one.members)}" for one in found.sizes
        ),
    )


def _cards(found: SegmentReport) -> list[dict[str, str]]:
    last, persona = found.sizes[-1], found.persona
    cards = [
        {
            "label": "People",
            "value": count(last.members),
            "formula": f"of {count(last.known)} known"
            + ("" if not last.known else f", {percent(100.0 * last.members / last.known)}"),
        }
    ]
    if persona is None:
        return cards
    share = persona.revenue_share
    return [
        *cards,
        {
            "label": "Revenue so far",
            "value": money(persona.revenue, found.currency),
            "formula": "of all their orders, less returns"
            + ("" if share is None else f"; {percent(100.0 * share)} of everybody's"),
        },
        {
            "label": "Revenue per person",
            "value": money(persona.revenue_per_person, found.currency),
            "formula": "revenue so far ÷ people",
        },
        {
            "label": "Orders per person",
            "value": f"{persona.orders_per_person:.2f}",
            "formula": "orders so far ÷ people",
        },
    ]


def _chart(
    shown: Sequence[CampaignThere], found: SegmentReport, *, profit: bool
) -> tuple[list[Row], Markup]:
    """A row for all together and one a campaign, on one scale."""
    whole = found.profit if profit else found.revenue
    named = [("All together", whole)] if len(found.campaigns) > 1 else []
    named += [
        (f"{one.campaign}, {one.month}", one.profit if profit else one.revenue) for one in shown
    ]
    return whisker_rows(named, found.currency, what="Added there")


def _line(one: CampaignThere, currency: str) -> dict[str, str]:
    return {
        "campaign": one.campaign,
        "month": one.month,
        "contacted": count(one.contacted),
        "converted": count(one.converted),
        "revenue": _amount(one.revenue, currency),
        "revenue_range": _within(one.revenue, currency),
        "profit": _amount(one.profit, currency),
        "profit_range": _within(one.profit, currency),
    }


def _amount(one: Estimate, currency: str) -> str:
    return "not known" if one.estimate is None else signed(one.estimate, "money", currency)


def _within(one: Estimate, currency: str) -> str:
    return (one.reason or "") if one.estimate is None else money_interval(one, currency)


def _spoken(name: str, one: GroupTopic | GroupSound) -> dict[str, str]:
    value = one.share if isinstance(one, GroupTopic) else one.satisfied
    told = figures(value, one.against_others, one.q_value)
    return {"name": name, "writers": count(one.writers), **told}


def segment_csv(found: SegmentReport) -> str:
    """One line a figure: part, name, figure, value, lower, upper, reason."""
    text = io.StringIO()
    out = csv.writer(text, lineterminator="\n")
    out.writerow(["part", "name", "figure", "value", "lower", "upper", "reason"])

    def line(part: str, name: str, figure: str, one: Estimate) -> None:
        known = [one.estimate, one.lower, one.upper]
        out.writerow(
            [part, _cell(name), figure]
            + ["" if value is None else round(value, 6) for value in known]
            + [one.reason or ""]
        )

    for size in found.sizes:
        for figure in ("members", "known", "entered", "left"):
            value = getattr(size, figure)
            out.writerow(["size", size.at.isoformat(), figure, "" if value is None else value, "", "", ""])  # fmt: skip
    for one in found.campaigns:
        for figure, number in (("contacted", one.contacted), ("sent", one.sent), ("converted", one.converted)):  # fmt: skip
            out.writerow(["campaign", one.plan_id, figure, number, "", "", ""])
        line("campaign", one.plan_id, "revenue_added", one.revenue)
        line("campaign", one.plan_id, "profit_added", one.profit)
    for said in found.feedback.rows:
        line("feedback", said.question, said.kind, said.value)
        line("feedback", said.question, f"{said.kind}_against_others", said.against_others)
    for topic in found.spoken.topics:
        line("topic", " ".join(topic.topic), "share", topic.share)
        line("topic", " ".join(topic.topic), "share_against_others", topic.against_others)
    for sound in found.spoken.sounds:
        line("words", sound.group, "sound_satisfied", sound.satisfied)
        line("words", sound.group, "sound_satisfied_against_others", sound.against_others)
    return text.getvalue()


def _cell(text: str) -> str:
    """A name that a spreadsheet would take for a formula is given as a text."""
    return f"'{text}" if text[:1] in "=+-@\t\r" else text
