"""The waves of a campaign, and the stops that held it up, as a report shows them."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from aimwell.measure.formatting import date_words, minute_words, money_interval
from aimwell.measure.model import CampaignResult
from aimwell.measure.report_charts import Row, whisker_rows
from aimwell.measure.series_model import Series, SeriesRow
from aimwell.measure.shown import signed

__all__ = ["pooled_row", "series_chart", "series_table", "stop_rows"]


def series_chart(result: CampaignResult) -> tuple[list[Row], Markup]:
    """Each wave, their mean, and the range of a next one, per person."""
    series = result.series
    if series is None:
        return [], Markup("")
    every = series.rows[0]
    named = [(date_words(one.starts_at, result.timezone), one.difference) for one in every.waves]
    named += [("All waves together", every.pooled.mean), ("A next wave", every.pooled.next)]
    return whisker_rows(named, result.currency, what="Added per person")


def series_table(series: Series, currency: str) -> list[dict[str, str]]:
    """A line for the campaign as a whole, then one for each action."""
    return [pooled_row(row, currency) for row in series.rows]


def pooled_row(row: SeriesRow, currency: str) -> dict[str, str]:
    """One line: how many waves, their mean with its interval, and a next wave."""
    mean, ahead, same = row.pooled.mean, row.pooled.next, row.pooled.homogeneity
    return {
        "name": row.action or "all that was sent",
        "waves": str(len(row.waves)),
        "mean": "–" if mean.estimate is None else signed(mean.estimate, "money", currency, 2),
        "interval": money_interval(mean, currency) if mean.defined else f"missing: {mean.reason}",
        "ahead": money_interval(ahead, currency) if ahead.defined else "–",
        "spread": "–" if same.i_squared is None else f"{100 * same.i_squared:.0f}%",
    }


def stop_rows(result: CampaignResult) -> list[dict[str, Any]]:
    """When a guardrail stopped the campaign, what it saw, and who let it go on; `open` where nobody has."""
    return [
        {
            "when": minute_words(one.stopped_at, result.timezone),
            "guardrail": one.guardrail.replace("_", " "),
            "words": _seen(one.evidence["words"]),
            "open": one.resumed_at is None,
            "resumed": ""
            if one.resumed_at is None
            else minute_words(one.resumed_at, result.timezone),
            "by": one.resumed_by or "",
            "reason": one.reason or "",
        }
        for one in result.stops
    ]


def _seen(words: str) -> str:
    """What a guardrail saw, as a sentence of its own."""
    plain = words.removeprefix("Stop: ")
    return f"{plain[:1].upper()}{plain[1:]}"
