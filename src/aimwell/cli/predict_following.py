"""`aimwell predict next | paths | responses`: what follows, what leads where, who responds to what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

import typer

from aimwell.cli.context import AsOfOption, JsonOption, Opened, WorkspaceOption, opened
from aimwell.cli.pattern_words import (
    NO_CAUSE,
    AllOption,
    ByOption,
    FalseOption,
    LimitOption,
    names_in,
    ratio,
    stands,
)
from aimwell.predict.patterns.found import Finding
from aimwell.predict.patterns.next_service import bought_next
from aimwell.predict.patterns.paths import paths as find_paths
from aimwell.predict.patterns.reading import FALSE_SHARE
from aimwell.predict.patterns.responses import responses as find_responses

__all__ = ["next_", "paths", "responses"]


def next_(
    within: Annotated[
        int, typer.Option(min=1, help="Days in which the next basket may come.")
    ] = 90,
    after: Annotated[
        str | None, typer.Option("--after", help="Only what comes after this product or category.")
    ] = None,
    by: ByOption = "sku",
    false_share: FalseOption = FALSE_SHARE,
    limit: LimitOption = 20,
    everything: AllOption = False,
    as_of: AsOfOption = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what is new in people's next basket after they bought something, more than in that of others alike."""
    with opened(workspace, as_json=as_json) as ws:
        moment = ws.moment(as_of) or ws.now
        with ws.output.progress("Following baskets"):
            found = bought_next(
                ws.stores,
                as_of=moment,
                within_days=within,
                after=after,
                by=by,
                false_share=false_share,
            )
        if as_json:
            ws.output.json(found)
            return
        ws.output.heading(
            f"{found.baskets:,} baskets followed for {found.within_days} days; after {found.came_back:,} the person came back"
        )
        _show_findings(
            ws,
            found.findings if everything else found.standing,
            head=("after", "comes, for the first time", "baskets"),
            names=found.names,
            told=_told(found.findings, found.standing, found.tests, found.false_share, "pairs"),
            false_share=found.false_share,
            everything=everything,
            limit=limit,
        )
        ws.output.note(NO_CAUSE)


def _told(
    findings: Sequence[Finding],
    standing: Sequence[Finding],
    tests: int,
    false_share: float,
    what: str,
) -> str:
    return (
        f"{tests:,} {what} were asked for, {len(findings):,} happened often enough; {len(standing):,} stand: significant "
        f"among all (at most {false_share:.0%} false), and above 1 both earlier and later."
    )


def _show_findings(
    ws: Opened,
    findings: Sequence[Finding],
    *,
    head: tuple[str, str, str],
    names: Mapping[str, str],
    told: str,
    between: str = " + ",
    false_share: float,
    everything: bool,
    limit: int,
) -> None:
    ws.output.say(told)
    if not findings:
        ws.output.say("There is nothing to show. See what does not stand with --all.")
        return
    ws.output.say()
    shown = slice(0, 7 if everything else 6)
    ws.output.table(
        [*head, "of 100", "of others", "times as often", "stands"][shown],
        [_finding_row(one, names, between, false_share)[shown] for one in findings[:limit]],
    )
    if len(findings) > limit:
        ws.output.say(f"… and {len(findings) - limit:,} more (--limit).")
    ws.output.say()
    ws.output.say(
        "Of others: of a hundred others of the same time and about as active, without the first. Times as often: the ratio, "
        "with its interval of 95 %."
    )


def _finding_row(
    one: Finding, names: Mapping[str, str], between: str, false_share: float
) -> tuple[object, ...]:
    return (
        names_in(one.first, names, between),
        names_in((one.then,), names),
        one.counted,
        f"{100 * one.cases / one.counted:.1f}",
        "–" if one.others_share is None else f"{100 * one.others_share:.1f}",
        ratio(one.lift),
        stands(one, false_share),
    )


def paths(
    to: Annotated[
        str,
        typer.Option(
            "--to", help="'order', 'silence' (buyers who order no more), or the name of an event."
        ),
    ] = "order",
    of: Annotated[
        str, typer.Option("--of", help="What the steps are: 'events', 'categories' or 'products'.")
    ] = "events",
    horizon: Annotated[
        int, typer.Option(min=1, help="How far ahead the outcome may be, in days.")
    ] = 30,
    window: Annotated[int, typer.Option(min=1, help="How far back the way goes, in days.")] = 60,
    longest: Annotated[int, typer.Option(min=2, max=3, help="Most steps of a path.")] = 3,
    false_share: FalseOption = FALSE_SHARE,
    limit: LimitOption = 20,
    everything: AllOption = False,
    as_of: AsOfOption = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what people do, in which order, before they order or go silent, more than others as active."""
    with opened(workspace, as_json=as_json) as ws:
        with ws.output.progress("Following people"):
            found = find_paths(
                ws.stores,
                as_of=ws.moment(as_of) or ws.now,
                to=to,
                of=of,
                horizon_days=horizon,
                window_days=window,
                longest=longest,
                false_share=false_share,
            )
        if as_json:
            ws.output.json(found)
            return
        ends = {"order": "an order", "silence": "no more order"}.get(to, to)
        ws.output.heading(
            f"Ways to {ends} within {horizon} days, of {found.people[0]:,} people at an earlier moment and "
            f"{found.people[1]:,} at a later one"
        )
        _show_findings(
            ws,
            found.findings if everything else found.standing,
            head=("way", "leads to", "people"),
            between=" › ",
            names=found.names,
            told=_told(found.findings, found.standing, found.tests, found.false_share, "paths"),
            false_share=found.false_share,
            everything=everything,
            limit=limit,
        )
        ws.output.note(NO_CAUSE)


def responses(
    to: Annotated[
        str,
        typer.Option(
            "--to",
            help="What counts: a 'click' on the campaign's link, an 'order', or the name of an event, as 'Coupon Redeemed'.",
        ),
    ] = "click",
    within: Annotated[
        int, typer.Option(min=1, help="Days after the campaign's first message.")
    ] = 7,
    by: ByOption = "sku",
    false_share: FalseOption = FALSE_SHARE,
    limit: LimitOption = 20,
    everything: AllOption = False,
    as_of: AsOfOption = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show whose buyers respond to which campaign more than others to whom it wrote."""
    with opened(workspace, as_json=as_json) as ws:
        with ws.output.progress("Following messages"):
            found = find_responses(
                ws.stores,
                as_of=ws.moment(as_of) or ws.now,
                to=to,
                by=by,
                within_days=within,
                false_share=false_share,
            )
        if as_json:
            ws.output.json(found)
            return
        ws.output.heading(
            f"{found.people:,} people were written to by {found.campaigns:,} campaigns; {found.responded:,} responded within "
            f"{within} days ({to})"
        )
        _show_findings(
            ws,
            found.findings if everything else found.standing,
            head=("who had bought", "campaign", "people"),
            names=found.names,
            told=_told(found.findings, found.standing, found.tests, found.false_share, "sets"),
            false_share=found.false_share,
            everything=everything,
            limit=limit,
        )
        ws.output.note(
            "Beware: Somebody chose whom the campaign wrote to, and who orders would perhaps have ordered anyway. Only a "
            "control group tells what an offer adds: aimwell measure report"
        )
