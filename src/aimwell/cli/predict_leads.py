"""`aimwell predict leads`: who may order for the first time, people or firms."""

from __future__ import annotations

from typing import Annotated, Any

import pyarrow.compute as pc
import typer

from aimwell.cli.context import AsOfOption, JsonOption, WorkspaceOption, opened
from aimwell.cli.predict_candidates import show_candidates
from aimwell.cli.predict_lists import ToOption, TopOption, say_written
from aimwell.predict import service
from aimwell.predict.cards import model_card
from aimwell.predict.leads.service import score_account_leads, train_account_leads
from aimwell.predict.questions import PROSPECTS, PURCHASE, Question
from aimwell.privacy.lists import write_list

__all__ = ["leads"]


def leads(
    horizon: Annotated[int, typer.Option(min=1, help="How far ahead to look, in days.")] = 90,
    accounts: Annotated[
        bool, typer.Option("--accounts", help="Score firms instead of people.")
    ] = False,
    event: Annotated[
        str, typer.Option(help="What they do: order for the first time, or an event.")
    ] = PURCHASE,
    top: TopOption = 15,
    to: ToOption = None,
    as_of: AsOfOption = None,
    name: Annotated[
        str | None,
        typer.Option("--name", help="Name of the model.", show_default="by what it predicts"),
    ] = None,
    seed: Annotated[int, typer.Option(help="The same data and seed give the same model.")] = 0,
    anew: Annotated[
        bool,
        typer.Option("--anew", help="Make a new version even where the newest is the same model."),
    ] = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Score who has not bought yet, people or firms: how likely they will within the horizon."""
    with opened(workspace, as_json=as_json) as ws:
        moment = ws.moment(as_of) or ws.now
        asked: dict[str, Any] = {
            "as_of": moment,
            "horizon_days": horizon,
            "name": name,
            "seed": seed,
            "anew": anew,
            "now": ws.now,
        }
        with ws.output.progress("Training") as step:
            if accounts:
                entry = train_account_leads(ws.stores, event=event, progress=step, **asked).entry
                scored = score_account_leads(ws.stores, entry, as_of=moment, now=ws.now)
            else:
                question = Question(Question.of_event(event).acts, among=PROSPECTS)
                entry = service.train_propensity(
                    ws.stores, question=question, progress=step, **asked
                ).entry
                scored = service.score_propensity(ws.stores, entry, as_of=moment, now=ws.now)
                scored = scored.select(["profile_id", "score"]).sort_by(
                    [("score", "descending"), ("profile_id", "ascending")]
                )
        if to is not None:
            write_list(scored, to)
        card = model_card(entry, timezone=ws.stores.settings.timezone)
        best = scored.slice(0, top).to_pylist()
        whole = float(pc.sum(scored.column("score")).as_py() or 0.0)
        if as_json:
            counted = {"leads": scored.num_rows, "expected": whole}
            ws.output.json({**card, "scored": counted, "best": best, "to": to})
            return
        ws.output.heading(f"{entry.label}: {card['predicts']}")
        ws.output.say(card["sentence"])
        ws.output.say()
        show_candidates(ws, entry.metrics)
        ws.output.say(
            "The rule that a model has to beat: how long ago "
            + ("anybody of the firm" if accounts else "the prospect")
            + " last visited."
        )
        ws.output.say(entry.metrics["reason"])
        ws.output.say()
        whose = "firms" if accounts else "prospects"
        ws.output.say(
            f"The likeliest of {scored.num_rows:,} {whose}; {whole:,.0f} are expected in all."
        )
        ws.output.table(
            ["firm", "industry", "people", "last visit", "score"]
            if accounts
            else ["profile", "score"],
            [_lead(row, accounts=accounts) for row in best],
        )
        for caveat in card["caveats"]:
            ws.output.note(f"Beware: {caveat}")
        say_written(ws, scored.num_rows, to)
        ws.output.say(f"More of it: aimwell predict card {entry.label}")


def _lead(row: dict[str, Any], *, accounts: bool) -> tuple[Any, ...]:
    if not accounts:
        return row["profile_id"], f"{row['score']:.1%}"
    last = row["last_visit_days"]
    return (
        " ".join([row["account_id"], (row["name"] or "")[:24]]),
        row["industry"] or "–",
        f"{row['people']:.0f}",
        "never" if last is None else f"{last:.0f} days ago",
        f"{row['score']:.1%}",
    )
