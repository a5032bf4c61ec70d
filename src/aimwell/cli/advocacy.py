"""`aimwell segment advocacy`: promoters, passives and detractors, and who of the silent is likely one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aimwell.cli.context import AsOfOption, JsonOption, Opened, WorkspaceOption, opened
from aimwell.cli.whole_file import write_whole
from aimwell.definitions import service as definitions
from aimwell.history.moment import open_moment
from aimwell.segment.advocacy.model import Advocacy
from aimwell.segment.advocacy.page import advocacy_html, likely_words, points, unlike_words
from aimwell.segment.advocacy.segments import (
    advocacy_segments,
    advocacy_trait,
    publish_likely,
)
from aimwell.segment.advocacy.service import advocacy as compute_advocacy

__all__ = ["advocacy", "show_advocacy"]

_ALPHA = 0.05


def advocacy(
    survey: Annotated[str, typer.Argument(help="Survey definition.")],
    question: Annotated[
        str, typer.Argument(help="Its question.", show_default="its only one of the type nps")
    ] = "",
    define: Annotated[
        bool,
        typer.Option(
            "--define",
            help="Make segments SURVEY-promoters, -passives, -detractors, -likely-promoters and -likely-detractors.",
        ),
    ] = False,
    publish: Annotated[
        bool,
        typer.Option("--publish", help="Write who is a likely one as the trait advocacy:SURVEY."),
    ] = False,
    html: Annotated[
        Path | None, typer.Option("--html", help="Write a page with charts to this file.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of cross-validation.")] = 0,
    as_of: AsOfOption = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the net promoter score with its interval, by stage and month, and who of the silent likely promotes or detracts."""
    with opened(workspace, as_json=as_json) as ws:
        when = ws.moment(as_of) or ws.now
        with (
            ws.output.progress("Asking who would answer how"),
            open_moment(ws.stores, as_of=when) as moment,
        ):
            found, answers = compute_advocacy(moment, survey, question, seed=seed)
        published = (
            publish_likely(ws.stores, found, answers, as_of=when, now=ws.now) if publish else 0
        )
        changes = (
            definitions.apply(ws.stores.control, advocacy_segments(found), now=ws.now, by=ws.by)
            if define
            else []
        )
        if html is not None:
            page = advocacy_html(found, as_of=when, timezone=ws.stores.settings.timezone)
            write_whole(html, page, option="--html")
        if as_json:
            ws.output.json(
                {
                    **found.to_dict(),
                    "html": html,
                    "published": published,
                    "segments": {one.name: one.action for one in changes},
                }
            )
            return
        show_advocacy(ws, found)
        if publish:
            ws.output.say(f"The trait {advocacy_trait(found)} says it ({published:,} written).")
        for one in changes:
            ws.output.say(f"segment {one.name}: {one.action}")
        if html is not None:
            ws.output.say(f"The page: {html}")


def show_advocacy(ws: Opened, found: Advocacy) -> None:
    """Say the score, by stage and month, and who of the silent is likely what."""
    ws.output.say(found.sentence)
    for title, scores in (("stage", found.stages), ("month", found.periods)):
        ws.output.say()
        ws.output.table(
            [title, "promoters", "passives", "detractors", "score"],
            [(one.what, *one.counts, points(one.score)) for one in scores],
        )
    ws.output.say()
    change = found.change
    if change.estimate is not None:
        sure = change.p_value is not None and change.p_value <= _ALPHA
        ws.output.say(
            f"Last month against the one before: {points(change)}"
            + ("." if sure else "; that may be chance.")
        )
    if found.moved:
        better = sum(n for (was, now), n in found.moved.items() if _rank(now) > _rank(was))
        worse = sum(n for (was, now), n in found.moved.items() if _rank(now) < _rank(was))
        whole = sum(found.moved.values())
        ws.output.say(
            f"Of {whole:,} people who answered twice {better:,} stand better than before, {worse:,} worse."
        )
    for name, figures in (
        ("Mean mark of reviews", found.ratings),
        ("Share who refer", found.referrals),
    ):
        known = {group: value for group, value in figures.items() if value is not None}
        if known:
            ws.output.say(
                f"{name}: {', '.join(f'{group}s {value:.0%}' for group, value in known.items())}."
            )
    for one in found.likely:
        ws.output.say(likely_words(one))
    warning = unlike_words(found)
    if warning is not None:
        ws.output.note(f"Warning: {warning}")


def _rank(standing: str) -> int:
    return {"detractor": 0, "passive": 1, "promoter": 2}[standing]
