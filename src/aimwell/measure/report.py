"""The page to show to one's boss: one self-contained HTML file, without script or outside request."""

from __future__ import annotations

from pathlib import Path

from aimwell.measure.feedback.shown import said_row
from aimwell.measure.formatting import (
    date_words,
    days_words,
    minute_words,
    percent,
)
from aimwell.measure.model import (
    CampaignResult,
    Verdict,
)
from aimwell.measure.report_charts import amounts, amounts_axis, beside_truth, growth
from aimwell.measure.report_series import series_chart, series_table, stop_rows
from aimwell.measure.report_tables import (
    action_rows,
    arm_rows,
    chosen_rows,
    funnel,
    kpi_card,
    lift_rows,
    why_not_chosen,
)
from aimwell.measure.shown import group_name
from aimwell.measure.view_tables import QUESTIONS, look_rows, view_rows
from aimwell.measure.words import nothing_to_compare
from aimwell.pages.page import render_page
from aimwell.version import VERSION

__all__ = ["report_html"]

_TEMPLATE = Path(__file__).parent / "templates" / "report.html"

_BADGES: dict[Verdict, str] = {
    "gain": "It paid",
    "loss": "It cost more than it brought",
    "unsure": "Not sure yet",
    "no_control": "Cannot tell: no control group",
    "not_sent": "Nothing sent",
    "trial": "Trial: nobody was contacted",
    "undefined": "Cannot tell",
    "mismatch": "Do not trust these figures yet",
}


def report_html(result: CampaignResult) -> str:
    """The whole page as text. The same result gives the same page.

    Names and texts that people wrote are shown as they are and do nothing, whatever they hold.
    """
    nothing = nothing_to_compare(result)
    waves, waves_axis = series_chart(result)
    return render_page(
        _TEMPLATE,
        version=VERSION,
        confidence=percent(100 * result.confidence, 0),
        result=result,
        badge=_BADGES[result.verdict],
        when=_when(result),
        measured=minute_words(result.measured_at, result.timezone),
        rows=amounts(result),
        axis=amounts_axis(result),
        nothing=nothing,
        growth=None if nothing else growth(result),
        kpis=[kpi_card(kpi, result.currency) for kpi in result.kpis],
        funnel=funnel(result),
        lifts=lift_rows(result),
        arms=arm_rows(result),
        actions=action_rows(result.actions, result),
        variants=action_rows(result.variants, result),
        chosen=chosen_rows(result.actions, result),
        not_chosen=why_not_chosen(result.actions),
        chosen_variants=chosen_rows(result.variants, result),
        views=[
            (question, view_rows(result, group))
            for group, question in QUESTIONS.items()
            if result.views is not None and result.views.of(group)
        ],
        looks=look_rows(result),
        waves=waves,
        waves_axis=waves_axis,
        pooled=[] if result.series is None else series_table(result.series, result.currency),
        stops=stop_rows(result),
        said=[] if result.said is None else [said_row(one) for one in result.said.answers.rows],
        truth=beside_truth(result),
        group=group_name(result),
        trial=result.verdict == "trial",
    )


def _when(result: CampaignResult) -> str:
    span = result.span
    start = date_words(span.starts_at, result.timezone)
    if span.finished:
        return f"{days_words(span.days)} from {start}"
    return f"{days_words(span.days_measured)} so far of {days_words(span.days)} from {start}"
