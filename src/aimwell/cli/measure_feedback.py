"""`aimwell measure feedback`: what people say in their own words."""

from __future__ import annotations

from typing import Annotated

import typer

from aimwell.cli.context import AsOfOption, JsonOption, Opened, WorkspaceOption, opened
from aimwell.measure.feedback.joined import GroupFeedback, Joined
from aimwell.measure.feedback.joined_service import feedback_by, feedback_of_campaign
from aimwell.measure.feedback.model import Feedback
from aimwell.measure.feedback.service import feedback as feedback_of
from aimwell.measure.feedback.shifts import ALPHA
from aimwell.measure.feedback.shifts_service import Shifts, feedback_shifts
from aimwell.measure.feedback.spoken import Spoken
from aimwell.measure.feedback.spoken_service import spoken_by, spoken_of_campaign
from aimwell.measure.formatting import signed_number
from aimwell.measure.shown import p_words
from aimwell.stats.estimate import Estimate

__all__ = ["feedback", "show_shifts"]

_SURE = 0.05


def feedback(
    topics: Annotated[int, typer.Option("--topics", help="How many topics to look for.")] = 8,
    category: Annotated[
        str | None, typer.Option("--category", help="Only reviews of this category.")
    ] = None,
    by: Annotated[
        str | None,
        typer.Option(
            "--by",
            help="Marks and survey answers by group: rfm, lifecycle, clusters:NAME, trait:NAME, segments:A,B.",
        ),
    ] = None,
    campaign: Annotated[
        str | None,
        typer.Option(
            "--campaign",
            help="Marks and survey answers in the window of this plan (or latest:CAMPAIGN): contacted against held out.",
        ),
    ] = None,
    shifts: Annotated[
        bool,
        typer.Option(
            "--shifts", help="What has shifted since a day: marks, survey answers, topics."
        ),
    ] = False,
    since: Annotated[
        str | None,
        typer.Option(
            "--since",
            help="With --shifts: the day; an ISO date.",
            show_default="the start of the present quarter",
        ),
    ] = None,
    as_of: AsOfOption = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what reviews and free answers speak of, and which topics go with bad marks; by group; or what has shifted."""
    if sum((by is not None, campaign is not None, shifts)) > 1:
        raise typer.BadParameter("Give one of --by, --campaign and --shifts.")
    if since is not None and not shifts:
        raise typer.BadParameter("--since goes with --shifts.")
    with opened(workspace, as_json=as_json) as ws:
        until = ws.moment(as_of) or ws.now
        if shifts:
            with ws.output.progress("Reading"):
                moved = feedback_shifts(ws.stores, now=until, since=ws.moment(since), topics=topics)
            if as_json:
                ws.output.json(moved.to_dict())
                return
            show_shifts(ws, moved)
            return
        if by is not None or campaign is not None:
            with ws.output.progress("Reading"):
                told, said = (
                    (
                        feedback_of_campaign(ws.stores, campaign, now=until),
                        spoken_of_campaign(ws.stores, campaign, now=until, topics=topics),
                    )
                    if campaign is not None
                    else (
                        feedback_by(ws.stores, by or "", until=until),
                        spoken_by(ws.stores, by or "", until=until, topics=topics),
                    )
                )
            if as_json:
                ws.output.json({**told.to_dict(), "spoken": said.to_dict()})
                return
            _show_groups(ws, told)
            _show_spoken(ws, said)
            return
        with ws.output.progress("Reading"):
            found = feedback_of(ws.stores, until=until, category=category, topics=topics)
        if as_json:
            ws.output.json(found)
            return
        _show(ws, found)


def _show(ws: Opened, found: Feedback) -> None:
    out = ws.output
    out.heading(
        f"{found.texts:,} texts; satisfied (CSAT): {_share(found.satisfied) or 'no marks'} of {found.rated:,} marks"
    )
    out.table(
        ["topic", "texts", "satisfied", "against others", "share, later half"],
        [
            (
                " ".join(topic.words[:4]),
                topic.texts,
                _share(topic.satisfied),
                _points(topic.against_others, topic.q_value),
                _points(topic.change, topic.change_q_value),
            )
            for topic in found.topics
        ],
    )
    out.say(
        "Points with *: a false discovery rate of at most 5 % over the topics (Newcombe; Benjamini and Hochberg)."
    )
    if found.judged.defined:
        out.say(f"Words that go with good marks: {', '.join(found.good_words)}")
        out.say(f"Words that go with bad marks: {', '.join(found.bad_words)}")
        out.say(
            f"How well words tell them apart, on texts not learnt from: AUC {found.judged.estimate:.3f} "
            f"({found.judged.lower:.3f} to {found.judged.upper:.3f}; {found.judged.method})"
        )
    if found.predicted_satisfied is not None:
        out.say(
            f"Texts without a mark: {found.predicted_satisfied:.1%} satisfied, as their words predict."
        )
    for note in found.notes:
        out.note(note)


def _show_groups(ws: Opened, found: Joined) -> None:
    out = ws.output
    out.heading(f"What people say, by {found.by}")
    if not found.rows:
        out.say("Nobody of them has given a mark or answered a survey by numbers.")
    else:
        out.table(
            ["question", "group", "answered", "figure", "between", "against others"],
            [
                (
                    one.question,
                    one.group,
                    one.answered,
                    _told(one, one.value.estimate),
                    f"{_told(one, one.value.lower)} to {_told(one, one.value.upper)}"
                    if one.value.defined
                    else "–",
                    _points(
                        one.against_others.times(0.01 if one.kind == "nps" else 1.0), one.q_value
                    ),
                )
                for one in found.rows
            ],
        )
        out.say(
            "Satisfied in %, net promoter scores in points (signed). *: a false discovery rate of at most 5 % over the rows."
        )
    for note in found.notes:
        out.note(note)


def _show_spoken(ws: Opened, found: Spoken) -> None:
    out = ws.output
    if found.topics:
        out.say()
        out.table(
            ["speak mostly of", "group", "writers", "share", "against others"],
            [
                (
                    " ".join(one.topic[:4]),
                    one.group,
                    one.writers,
                    _share(one.share),
                    _points(one.against_others, one.q_value),
                )
                for one in found.topics
            ],
        )
    if found.sounds:
        out.say()
        out.table(
            ["group", "writers", "words sound satisfied", "against others"],
            [
                (
                    one.group,
                    one.writers,
                    _share(one.satisfied),
                    _points(one.against_others, one.q_value),
                )
                for one in found.sounds
            ],
        )
    if found.topics or found.sounds:
        out.say("*: a false discovery rate of at most 5 % over the rows of the table.")
    for note in found.notes:
        out.note(note)


def show_shifts(ws: Opened, found: Shifts) -> None:
    """What people say since a day, against the year before it."""
    out = ws.output
    out.heading(f"What people say since {ws.day(found.since)}, against the year before")
    if not found.found:
        out.say("Nobody has given a mark, answered a survey by numbers or written enough.")
    else:
        out.table(
            ["figure", "p", ""],
            [
                (
                    one.words,
                    "–" if one.p_value is None else p_words(one.p_value),
                    "ALARM" if one.alarm else "shifted" if one.direction else "",
                )
                for one in found.found
            ],
        )
        out.say(
            f"p holds at all looks together, so looking daily is safe: of all these figures together a false alarm comes {100 * ALPHA:g} % of the time at most."
        )
    for note in found.notes:
        out.note(note)


def _told(one: GroupFeedback, value: float | None) -> str:
    if value is None:
        return "–"
    return signed_number(value, 0) if one.kind == "nps" else f"{value:.1%}"


def _share(one: Estimate) -> str | None:
    if one.estimate is None or one.lower is None or one.upper is None:
        return None
    return f"{one.estimate:.1%} ({100 * one.lower:.0f}–{100 * one.upper:.0f})"


def _points(one: Estimate, q_value: float | None) -> str | None:
    if one.estimate is None:
        return None
    star = "*" if q_value is not None and q_value <= _SURE else ""
    told = f"{signed_number(100 * one.estimate, 1)}{star}"
    if one.lower is None or one.upper is None:
        return told
    return f"{told} ({signed_number(100 * one.lower, 0)} to {signed_number(100 * one.upper, 0)})"
