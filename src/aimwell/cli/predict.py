"""`aimwell predict`: who will buy, what customers are worth, and how good the models are."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import typer

from aimwell.cli import predict_demand, predict_patterns, predict_responses, predict_timing
from aimwell.cli.context import AsOfOption, JsonOption, Opened, WorkspaceOption, opened
from aimwell.cli.lazy import group_of
from aimwell.cli.model_options import HtmlOption, keep_page
from aimwell.cli.predict_candidates import show_candidates
from aimwell.cli.predict_care import (
    compare_versions,
    monitor_model,
    promote_version,
    show_fairness,
    train_defined_model,
)
from aimwell.cli.predict_churn import churn
from aimwell.cli.predict_explain import show_effects, show_why
from aimwell.cli.predict_models import models
from aimwell.cli.predict_one import (
    TriesOption,
    TuneOption,
    WhereOption,
    acts_wanted,
    score_people,
    tuning_wanted,
)
from aimwell.cli.predict_panels import MODELS, PEOPLE, PRODUCTS
from aimwell.cli.predict_recommend_outline import RECOMMENDING
from aimwell.cli.predict_spend import spend
from aimwell.cli.training_options import AnewOption, ModelArgument, NameOption, SeedOption
from aimwell.predict import service
from aimwell.predict.card_page import card_html
from aimwell.predict.card_propensity import tuning_words
from aimwell.predict.cards import card_text, model_card
from aimwell.predict.laws import LAWS
from aimwell.predict.questions import PURCHASE, Question
from aimwell.predict.registry import RegisteredModel, find_model

__all__ = ["app"]

app = typer.Typer(
    cls=group_of(RECOMMENDING),
    no_args_is_help=True,
    help="Predict who will buy and what customers are worth; look at models.",
)


@app.command("propensity", rich_help_panel=PEOPLE)
def propensity(
    horizon: Annotated[int, typer.Option(min=1, help="How far ahead to look, in days.")] = 90,
    event: Annotated[str, typer.Option(help="What people do or do not do.")] = PURCHASE,
    where: WhereOption = None,
    as_of: AsOfOption = None,
    name: NameOption = None,
    tune: TuneOption = None,
    tries: TriesOption = None,
    seed: SeedOption = 0,
    anew: AnewOption = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Learn who will buy within the horizon, judge it on a later period, score everybody."""
    with opened(workspace, as_json=as_json) as ws:
        moment = ws.moment(as_of) or ws.now
        with ws.output.progress("Training") as step:
            trained = service.train_propensity(
                ws.stores,
                as_of=moment,
                horizon_days=horizon,
                question=Question(acts_wanted(event, where)),
                name=name,
                seed=seed,
                tuning=tuning_wanted(tune, tries),
                anew=anew,
                now=ws.now,
                progress=step,
            )
            step(4, 5, "scoring everybody")
            scores = service.score_propensity(ws.stores, trained.entry, as_of=moment, now=ws.now)
        card = _card(ws, trained.entry)
        scored = {"people": scores.num_rows, "expected": _sum(scores, "score")}
        if as_json:
            ws.output.json({**card, "scored": scored})
            return
        ws.output.heading(f"{trained.entry.label}: {card['predicts']}")
        ws.output.say(card["sentence"])
        ws.output.say()
        show_candidates(ws, trained.entry.metrics)
        ws.output.say(
            "AUC later: on people of a later period than was learnt from. Random: on a random division of the people "
            "learnt from, as most reports show it. Log loss (less is better) judges the probabilities themselves and "
            "decides: the simplest learner is chosen that is worse by no more than chance (±, 95 %), person by person."
        )
        ws.output.say(trained.entry.metrics["reason"])
        for line in tuning_words(trained.entry.metrics):
            ws.output.say(line)
        ws.output.say()
        ws.output.say(
            f"{scored['people']:,} people have a score as of {_day(ws, trained.entry)}; of all of them together "
            f"{scored['expected']:,.0f} are expected to do it."
        )
        _end(ws, trained.entry, card)


@app.command("lifetime-value", rich_help_panel=PEOPLE)
def lifetime_value(
    horizon: Annotated[int, typer.Option(min=1, help="How far ahead to count, in days.")] = 365,
    holdout: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Days before the moment on which the models are checked.",
            show_default="the horizon, at most half of the history",
        ),
    ] = None,
    discount: Annotated[
        float, typer.Option(min=0.0, help="Interest of a month: what comes later is worth less.")
    ] = 0.01,
    law: Annotated[
        str,
        typer.Option(
            help="How customers buy: bgnbd, mbg, pareto; auto takes what held on the past."
        ),
    ] = "auto",
    as_of: AsOfOption = None,
    name: NameOption = None,
    seed: SeedOption = 0,
    anew: AnewOption = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Work out what each customer will bring within the horizon, and check it on the past."""
    if law not in ("auto", *LAWS):
        raise typer.BadParameter(f"it is one of auto, {', '.join(LAWS)}.", param_hint="--law")
    with opened(workspace, as_json=as_json) as ws:
        with ws.output.progress("Valuing") as step:
            fit = service.fit_lifetime_value(
                ws.stores,
                as_of=ws.moment(as_of) or ws.now,
                horizon_days=horizon,
                holdout_days=holdout,
                discount_monthly=discount,
                law=law,
                name=name,
                seed=seed,
                anew=anew,
                now=ws.now,
                progress=step,
            )
        card = _card(ws, fit.entry)
        if as_json:
            ws.output.json(card)
            return
        ws.output.heading(f"{fit.entry.label}: {card['predicts']}")
        for line in (*card["learnt_from"], *card["how_good"]):
            ws.output.say(line)
        ws.output.say()
        currency = ws.stores.settings.currency
        ws.output.table(
            ["customers", "people", f"{fit.values.measure} ({currency})", "share of all", "each"],
            _tenths(fit.people),
            title="By value",
        )
        _end(ws, fit.entry, card)


def card(
    name: ModelArgument,
    html: HtmlOption = None,
    as_of: AsOfOption = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what a model predicts, how good it is on later time, and what to beware of."""
    with opened(workspace, as_json=as_json) as ws:
        entry = find_model(ws.stores, name)
        if html is not None:
            with ws.output.progress("Looking after it"):
                moment = ws.moment(as_of) or ws.now
                page = card_html(ws.stores, entry, as_of=moment, now=ws.now)
            keep_page(ws, page, html)
        shown = _card(ws, entry)
        if as_json:
            ws.output.json(shown)
            return
        ws.output.say(card_text(shown))


def _card(ws: Opened, entry: RegisteredModel) -> dict[str, Any]:
    return model_card(entry, timezone=ws.stores.settings.timezone)


def _end(ws: Opened, entry: RegisteredModel, card_: dict[str, Any]) -> None:
    for caveat in card_["caveats"]:
        ws.output.note(f"Beware: {caveat}")
    ws.output.say(f"More of it: aimwell predict card {entry.label}")


def _tenths(people: pa.Table) -> list[tuple[str, int, float, str, float]]:
    """The best tenth of customers, the next two, the middle and the rest, with what they should bring."""
    values = pc.drop_null(people.column("value").combine_chunks()).to_numpy()
    ordered = np.sort(values)[::-1]
    whole = float(ordered.sum())
    edges = [round(len(ordered) * share) for share in (0.0, 0.1, 0.3, 0.6, 1.0)]
    labels = ("best tenth", "next two tenths", "next three tenths", "other four tenths")
    rows = []
    for label, start, end in zip(labels, edges[:-1], edges[1:], strict=True):
        if end > start:
            money = float(ordered[start:end].sum())
            share = f"{money / whole:.0%}" if whole else "–"
            rows.append((label, end - start, money, share, money / (end - start)))
    return rows


def _sum(table: pa.Table, name: str) -> float:
    return float(pc.sum(table.column(name)).as_py() or 0.0)


def _day(ws: Opened, entry: RegisteredModel) -> str:
    return _local(ws, entry.as_of)


def _local(ws: Opened, moment: datetime) -> str:
    return f"{ws.local(moment):%Y-%m-%d %H:%M}"


# The order of the list: people, products, patterns, models. Those on recommendations come last, into their panel.
app.command("spend", rich_help_panel=PEOPLE)(spend)
app.command("churn", rich_help_panel=PEOPLE)(churn)
app.command("next-purchase", rich_help_panel=PEOPLE)(predict_timing.next_purchase)
app.command("best-time", rich_help_panel=PEOPLE)(predict_timing.best_time)
predict_responses.register(app)
app.command("demand", rich_help_panel=PRODUCTS)(predict_demand.demand)
predict_patterns.register(app)
app.command("train", rich_help_panel=MODELS)(train_defined_model)
app.command("models", rich_help_panel=MODELS)(models)
app.command("card", rich_help_panel=MODELS)(card)
app.command("score", rich_help_panel=MODELS)(score_people)
app.command("why", rich_help_panel=MODELS)(show_why)
app.command("effects", rich_help_panel=MODELS)(show_effects)
app.command("monitor", rich_help_panel=MODELS)(monitor_model)
app.command("compare", rich_help_panel=MODELS)(compare_versions)
app.command("promote", rich_help_panel=MODELS)(promote_version)
app.command("fairness", rich_help_panel=MODELS)(show_fairness)
