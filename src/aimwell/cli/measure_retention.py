"""`aimwell measure cohorts` and `aimwell measure funnel`: who comes back, and where people are lost."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from aimwell.cli.context import AsOfOption, JsonOption, WorkspaceOption, opened
from aimwell.measure import retention
from aimwell.measure.formatting import days_words
from aimwell.stats.estimate import Estimate

__all__ = ["cohorts", "funnel"]

_AGES_SHOWN, _ROWS_SHOWN = 5, 18


class EveryName(StrEnum):
    """How long a period is."""

    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"


def cohorts(
    every: Annotated[
        EveryName, typer.Option("--every", help="How long a period is.")
    ] = EveryName.MONTH,
    as_of: AsOfOption = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Of those who first bought in a period, show who bought again in each later one, with intervals."""
    with opened(workspace, as_json=as_json) as ws:
        found = retention.cohorts(ws.stores, until=ws.moment(as_of) or ws.now, every=every.value)
        if as_json:
            ws.output.json(found)
            return
        ages = range(min(_AGES_SHOWN, len(found.together)))
        shown = found.rows[-_ROWS_SHOWN:]
        ws.output.table(
            [f"first {every.value}", "people", *[f"+{age + 1}" for age in ages]],
            [
                *[
                    (
                        str(row.starts)[: 10 if every is EveryName.WEEK else 7],
                        row.people,
                        *[_share(row.returned[a]) if a < len(row.returned) else None for a in ages],
                    )
                    for row in shown
                ],
                (
                    "all together",
                    sum(row.people for row in found.rows),
                    *[_share(found.together[age]) for age in ages],
                ),
            ],
            title=f"Bought in the {every.value} so many later (95 %, Wilson's interval)",
        )
        if len(shown) < len(found.rows) or len(found.together) > _AGES_SHOWN:
            ws.output.say("Earlier cohorts and later periods: --json.")
        ws.output.say(
            f"Orders are known up to {ws.day(found.until)}; a dash: the {every.value} is not over by then. Who comes back would often have come anyway: this is no effect of anything."
        )


def funnel(
    steps: Annotated[
        list[str],
        typer.Argument(help="Events in their order, as 'Product Viewed' 'Order Completed'."),
    ],
    within: Annotated[
        float, typer.Option("--within", min=0.001, max=3650, help="Days after the first step.")
    ] = 7.0,
    since: Annotated[
        str | None,
        typer.Option("--since", help="First day of the first step.", show_default="the beginning"),
    ] = None,
    as_of: AsOfOption = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Count people from step to step, with the share that went on, its interval and the usual time."""
    with opened(workspace, as_json=as_json) as ws:
        found = retention.funnel(
            ws.stores,
            steps,
            until=ws.moment(as_of) or ws.now,
            since=ws.moment(since),
            within_days=within,
        )
        if as_json:
            ws.output.json(found)
            return
        ws.output.table(
            ["step", "people", "of the step before", "of the first", "median since the first"],
            [
                (
                    one.event,
                    one.people,
                    _share(one.of_before),
                    _share(one.of_first),
                    _time(one.median_days),
                )
                for one in found.steps
            ],
        )
        ws.output.say(
            f"People whose {days_words(within)} after the first step are over; by: {found.steps[0].of_first.method}"
        )
        if found.weakest is not None:
            before, after = found.steps[found.weakest - 1], found.steps[found.weakest]
            ws.output.say(
                f"The smallest share goes on from '{before.event}' to '{after.event}': "
                f"{before.people - after.people:,} people are lost there."
            )


def _share(one: Estimate) -> str | None:
    if one.estimate is None or one.lower is None or one.upper is None:
        return None
    places = 0 if one.upper - one.lower >= 0.02 else 1
    return f"{one.estimate:.1%} ({100 * one.lower:.{places}f}–{100 * one.upper:.{places}f})"


def _time(days: float | None) -> str | None:
    if days is None:
        return None
    return "under an hour" if days < 1 / 24 else days_words(days)
