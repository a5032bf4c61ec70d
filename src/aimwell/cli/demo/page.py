"""The page of the demo: both campaigns beside the truth, and what the second one owes to the first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from aimwell.cli.demo.stages import Campaigned
from aimwell.cli.demo.ways import AS_PLANNED, Way, worth_of_learning
from aimwell.measure.formatting import money, money_interval
from aimwell.measure.report_charts import Row, money_ticks
from aimwell.pages import charts
from aimwell.pages.page import render_page
from aimwell.version import VERSION

__all__ = ["learning_words", "loop_html"]

_TEMPLATE = Path(__file__).with_name("loop.html")


@dataclass(frozen=True)
class _Bar:
    name: str
    planned: bool
    messages: str
    profit: str
    drawing: Markup


def learning_words(ways: Sequence[Way], currency: str) -> str:
    """What the first campaign taught the second one, as a sentence."""
    gained = worth_of_learning(ways)
    if gained >= 0:
        return (
            f"What the first campaign taught was worth {money(gained, currency)} to the second: so much more than drawing at "
            "random again."
        )
    return f"This time chance misled: drawing at random again would have earned {money(-gained, currency)} more."


def loop_html(
    campaigns: Sequence[tuple[str, Campaigned]], ways: Sequence[Way], *, people: int, seed: int
) -> str:
    """The page as text.

    Args:
        campaigns: Label → campaign, in order of time.
        ways: Ways of choosing for the last one.
    """
    currency = campaigns[-1][1].result.currency
    rows, axis = _rows(campaigns, currency)
    most = max(max(abs(way.profit) for way in ways), 1e-9)
    return render_page(
        _TEMPLATE,
        version=VERSION,
        people=f"{people:,}",
        seed=seed,
        mood="gain" if worth_of_learning(ways) >= 0 else "loss",
        sentence=learning_words(ways, currency),
        choice=campaigns[-1][1].plan.summary["choice"],
        rows=rows,
        axis=axis,
        reports=[(label, done.report.name, done.result.sentence) for label, done in campaigns],
        ways=[
            _Bar(
                way.name,
                way.name == AS_PLANNED,
                f"{way.messages:,}",
                money(way.profit, currency),
                charts.bar(way.profit / most, "sent" if way.name == AS_PLANNED else "whole"),
            )
            for way in ways
        ],
    )


def _rows(campaigns: Sequence[tuple[str, Campaigned]], currency: str) -> tuple[list[Row], Markup]:
    """Profit added by each campaign, with its interval and the truth, on one scale."""
    found = []
    for label, done in campaigns:
        one, truth = done.result.profit, done.result.truth
        if one.estimate is None or one.lower is None or one.upper is None or truth is None:
            continue
        found.append((label, one, charts.Whisker(one.estimate, one.lower, one.upper, truth.profit)))
    if not found:
        return [], Markup("")
    scale = charts.whiskers_scale([drawn for _label, _one, drawn in found])
    ticks = money_ticks(scale, currency)
    rows = []
    for label, one, drawn in found:
        true = "not known" if drawn.truth is None else money(drawn.truth, currency)
        interval = f"{money_interval(one, currency)}; the truth: {true}"
        drawing = charts.whisker(
            drawn,
            scale,
            title=f"Profit added: {label}",
            description=f"Estimate {money(drawn.estimate, currency)}, 95 % interval {interval}.",
            ticks=[tick for tick, _label in ticks],
        )
        rows.append(Row(label, money(drawn.estimate, currency), interval, drawing))
    return rows, charts.axis(scale, ticks)
