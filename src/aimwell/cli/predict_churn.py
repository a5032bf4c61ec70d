"""`aimwell predict churn`: which customers will not come back, which subscriptions will end."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any

import numpy as np
import pyarrow as pa
import typer

from aimwell.cli.context import AsOfOption, JsonOption, Opened, WorkspaceOption, opened
from aimwell.cli.predict_subscriptions import show_subscriptions
from aimwell.cli.predict_ways import show_ways
from aimwell.cli.training_options import AnewOption, NameOption, SeedOption
from aimwell.predict import service
from aimwell.predict.card_churn import rule_words
from aimwell.predict.cards import model_card

__all__ = ["churn"]


class Of(StrEnum):
    """Whose going is asked about."""

    ORDERS = "orders"
    SUBSCRIPTIONS = "subscriptions"


def churn(
    of: Annotated[
        Of, typer.Option("--of", help="Customers who order, or subscriptions that run.")
    ] = Of.ORDERS,
    horizon: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="How far ahead to look, in days; so long without an order, and a customer counts as gone.",
            show_default="by when 90 % of those who come back have come back; of subscriptions 90",
        ),
    ] = None,
    as_of: AsOfOption = None,
    name: NameOption = None,
    seed: SeedOption = 0,
    anew: AnewOption = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Learn who will not come back, judge it on a later period, score everybody at risk."""
    with opened(workspace, as_json=as_json) as ws:
        if of is Of.SUBSCRIPTIONS:
            with ws.output.progress("Looking for what ends") as step:
                ends = service.predict_subscription_churn(
                    ws.stores,
                    as_of=ws.moment(as_of) or ws.now,
                    horizon_days=horizon or 90,
                    name=name,
                    seed=seed,
                    anew=anew,
                    now=ws.now,
                    progress=step,
                )
            show_subscriptions(ws, ends)
            return
        with ws.output.progress("Looking for who goes") as step:
            fit = service.predict_churn(
                ws.stores,
                as_of=ws.moment(as_of) or ws.now,
                horizon_days=horizon,
                name=name,
                seed=seed,
                anew=anew,
                now=ws.now,
                progress=step,
            )
        card = model_card(fit.entry, timezone=ws.stores.settings.timezone)
        bands = _bands(fit.people)
        if as_json:
            scored = {"people": fit.people.num_rows, "gone": fit.gone, "bands": bands}
            ws.output.json({**card, "scored": scored})
            return
        _show(ws, fit, card, bands)


def _show(
    ws: Opened,
    fit: service.ChurnFit,
    card: Mapping[str, Any],
    bands: list[dict[str, Any]],
) -> None:
    metrics, horizon = fit.entry.metrics, fit.entry.settings["horizon_days"]
    ws.output.heading(f"{fit.entry.label}: {card['predicts']}")
    ws.output.say(metrics["horizon_words"])
    ws.output.say(card["sentence"])
    ws.output.say()
    show_ways(ws, metrics)
    ws.output.say(
        "On customers of a later period than was learnt from. Log loss (less is better) decides: the simplest way is taken "
        "that is worse by no more than chance (±, 95 %), person by person."
    )
    ws.output.say(metrics["reason"])
    ws.output.say(rule_words(metrics["rule"]))
    ws.output.say()
    expected = sum(row["expected_to_go"] for row in bands)
    ws.output.say(
        f"{fit.people.num_rows:,} customers are at risk now; of all of them together {expected:,.0f} are expected to go "
        f"within {horizon} days. {fit.gone:,} others have gone: no order for {horizon} days or more."
    )
    currency = ws.stores.settings.currency
    ws.output.table(
        [
            "at risk",
            "people",
            "P(goes)",
            "P(alive)",
            f"spent in 365 days ({currency})",
            "of it at risk",
        ],
        [
            (
                row["band"],
                row["people"],
                f"{row['probability']:.0%}",
                "–" if row["probability_alive"] is None else f"{row['probability_alive']:.0%}",
                row["revenue_365d"],
                row["revenue_at_risk"],
            )
            for row in bands
        ],
    )
    if metrics["law"]:
        ws.output.say(f"P(alive): that they have not stopped for good. {metrics['law']}")
    for caveat in card["caveats"]:
        ws.output.note(f"Beware: {caveat}")
    ws.output.say(f"More of it: aimwell predict card {fit.entry.label}")


def _bands(people: pa.Table) -> list[dict[str, Any]]:
    """The likeliest tenth to go, the next two, the middle and the rest, with what they spent and may take along."""
    score = people.column("score").to_numpy()
    alive = people.column("probability_alive").to_numpy()
    spent = np.nan_to_num(people.column("revenue_365d").to_numpy())
    order = np.argsort(-score, kind="stable")
    edges = [round(len(order) * share) for share in (0.0, 0.1, 0.3, 0.6, 1.0)]
    labels = ("likeliest tenth", "next two tenths", "next three tenths", "other four tenths")
    found = []
    for label, start, end in zip(labels, edges[:-1], edges[1:], strict=True):
        rows = order[start:end]
        if len(rows):
            known = alive[rows][~np.isnan(alive[rows])]
            found.append(
                {
                    "band": label,
                    "people": len(rows),
                    "probability": float(score[rows].mean()),
                    "expected_to_go": float(score[rows].sum()),
                    "probability_alive": float(known.mean()) if len(known) else None,
                    "revenue_365d": float(spent[rows].sum()),
                    "revenue_at_risk": float((score[rows] * spent[rows]).sum()),
                }
            )
    return found
