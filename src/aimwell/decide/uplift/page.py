"""The page of an uplift report: one self-contained HTML file with the tenths as a chart."""

from __future__ import annotations

from pathlib import Path

from aimwell.decide.uplift.checking import Band
from aimwell.decide.uplift.service import UpliftReport
from aimwell.pages.charts import Whisker, axis, fitting_ticks, whisker, whiskers_scale
from aimwell.pages.page import render_page
from aimwell.stats.estimate import Estimate
from aimwell.version import VERSION

__all__ = ["uplift_html", "uplift_sentence"]

_TEMPLATE = Path(__file__).parents[1] / "templates" / "uplift.html"


def uplift_sentence(found: UpliftReport) -> str:
    """Whether it can be told whom the arm moves."""
    if found.told:
        return f"Yes: whom '{found.chosen}' puts first gains more than others, beyond chance."
    return "We cannot tell: no order of people is better than chance, beyond noise."


def uplift_html(found: UpliftReport, *, title: str) -> str:
    """The whole page as text; the same report gives the same page."""
    drawn = [_whisker(one) for one in found.bands]
    scale = whiskers_scale([one for one in drawn if one is not None])
    ticks = fitting_ticks(scale, lambda values: [f"{value:.3g}" for value in values])
    return render_page(
        _TEMPLATE,
        title=title,
        people=f"{found.people:,}",
        arm=found.arm,
        outcome=found.outcome,
        told=found.told,
        sentence=f"Contact added {_shown(found.effect)} {found.outcome} per person. {uplift_sentence(found)}",
        cautions=found.cautions,
        learner=found.chosen,
        bands=[
            {
                "label": f"Tenth {one.number}",
                "figure": _figure(one.actual.estimate),
                "more": f"foretold {_figure(one.predicted)}, {one.people:,} people",
                "drawing": ""
                if mark is None
                else whisker(
                    mark,
                    scale,
                    title=f"Tenth {one.number}",
                    description=f"Added {_shown(one.actual)}, foretold {_figure(one.predicted)}",
                    ticks=[tick for tick, _label in ticks],
                ),
            }
            for one, mark in zip(found.bands, drawn, strict=True)
        ],
        axis=axis(scale, ticks),
        learners=[
            {
                "name": one.learner,
                "autoc": _shown(one.autoc),
                "qini": _figure(one.qini.value),
                "slope": _figure(one.slope.estimate),
            }
            for one in found.learners
        ],
        groups=[
            {
                "name": one.group,
                "people": f"{one.people:,} ({one.share:.0%})",
                "certainty": "–" if one.certainty is None else f"{one.certainty:.0%}",
                "effect": _shown(one.effect),
            }
            for one in found.groups
        ],
        version=VERSION,
    )


def _whisker(one: Band) -> Whisker | None:
    actual = one.actual
    if actual.estimate is None or actual.lower is None or actual.upper is None:
        return None
    return Whisker(actual.estimate, actual.lower, actual.upper, one.predicted)


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}"


def _shown(one: Estimate) -> str:
    if one.estimate is None:
        return one.reason or "unknown"
    return f"{one.estimate:.3g} ({one.lower:.3g} to {one.upper:.3g})"
