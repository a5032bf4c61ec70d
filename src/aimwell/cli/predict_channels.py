"""`aimwell predict channels`: through which channel each person answers."""

from __future__ import annotations

from typing import Annotated

import pyarrow as pa
import pyarrow.compute as pc
import typer

from aimwell.cli.context import AsOfOption, JsonOption, Opened, WorkspaceOption, opened
from aimwell.cli.predict_lists import ToOption, say_written, told
from aimwell.predict.responding.channels import ChannelPreferences, channel_preferences
from aimwell.predict.responding.queries import ANSWERS
from aimwell.privacy.lists import write_list

__all__ = ["channels"]


def channels(
    answer: Annotated[
        str, typer.Option("--answer", help=f"What counts as an answer: {', '.join(ANSWERS)}.")
    ] = "click",
    within: Annotated[
        int, typer.Option("--within", min=1, help="Within so many days after the message.")
    ] = 7,
    check: Annotated[
        int, typer.Option("--check", min=1, help="Judge on so many days before the moment.")
    ] = 60,
    to: ToOption = None,
    as_of: AsOfOption = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find the channel through which each person answers messages, where that beats everybody's."""
    if answer not in ANSWERS:
        raise typer.BadParameter(f"it is one of {', '.join(ANSWERS)}.", param_hint="--answer")
    with opened(workspace, as_json=as_json) as ws:
        with ws.output.progress("Learning how people answer"):
            found = channel_preferences(
                ws.stores,
                as_of=ws.moment(as_of) or ws.now,
                answer=answer,
                within_days=within,
                check_days=check,
                now=ws.now,
            )
        if to is not None:
            write_list(_wide(found), to)
        if as_json:
            ws.output.json({**found.to_dict(), "to": to})
            return
        _say_channels(ws, found)
        say_written(ws, found.people.num_rows, to)


def _say_channels(ws: Opened, found: ChannelPreferences) -> None:
    figures = found.to_dict()
    ws.output.heading(
        f"How {figures['people']:,} people answer messages ({found.answer} within {found.within_days} days)"
    )
    rows = []
    for one in found.channels:
        mine = found.rates.filter(pc.equal(found.rates.column("channel"), one.channel))
        sides = mine.column("against").to_pylist()
        rows.append(
            (
                one.channel,
                one.people,
                one.sent,
                "–" if one.law is None else f"{one.law.mean:.1%}",
                "–" if one.law is None else f"{one.law.strength:,.1f}",
                sides.count("above"),
                sides.count("below"),
                figures["own_by_channel"].get(one.channel, 0),
            )
        )
    ws.output.table(
        ["channel", "people", "messages", "answer", "strength", "above", "below", "prefer it"], rows
    )
    ws.output.say(
        "Answer: the mean of people's rates. Strength: as many messages everybody's rate counts against a person's own. Above, "
        "below: people whose own rate differs from everybody's by more than chance (95 %). Prefer it: surely (90 %) their best."
    )
    for one in found.channels:
        if one.reason:
            ws.output.note(f"Beware: {one.channel} is left out: {one.reason}.")
    ws.output.say()
    if found.judged:
        ws.output.table(
            [
                "later messages",
                "how many",
                "own, drawn in",
                "everybody's",
                "saved (95 %)",
                "own rates",
            ],
            [
                (
                    one.channel,
                    one.messages,
                    f"{one.log_loss:.4f}",
                    f"{one.log_loss_everybody:.4f}",
                    told(one.gain, ".4f"),
                    one.verdict,
                )
                for one in found.judged
            ],
            title="Log loss a message (less is better)",
        )
    else:
        ws.output.note(f"Beware: {found.reason}")
    several = figures["people_of_several_channels"]
    ws.output.say(
        f"To {several:,} people several channels wrote; {figures['own']:,} of them surely have a best one. To all others the "
        "channel of theirs that everybody answers most is given."
    )
    ws.output.note(
        "Beware: whom a channel wrote to, and what, was chosen. This describes answers; what another channel would bring, only "
        "sending by chance tells."
    )
    if found.entry is not None:
        ws.output.say(
            f"Scores (how likely a channel is the person's best) are kept as: {', '.join(found.scores)}"
        )
        ws.output.say(f"More of it: aimwell predict card {found.entry.label}")


def _wide(found: ChannelPreferences) -> pa.Table:
    """One row a person and channel, with the person's channel beside it."""
    people = found.people.rename_columns({"channel": "preferred"})
    return found.rates.join(people, "profile_id", join_type="left outer").sort_by(
        [("profile_id", "ascending"), ("channel", "ascending")]
    )
