"""What `aimwell predict churn --of subscriptions` prints: how long they last, when they end, which will end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from aimwell.cli.context import Opened
from aimwell.cli.predict_ways import show_ways
from aimwell.predict.cards import model_card
from aimwell.predict.retention import EVERY_PLAN
from aimwell.predict.service import SubscriptionChurn

__all__ = ["show_subscriptions"]


def show_subscriptions(ws: Opened, fit: SubscriptionChurn) -> None:
    """As text, or as one JSON document."""
    card = model_card(fit.entry, timezone=ws.stores.settings.timezone)
    plans = _by_plan(fit.people)
    if ws.output.as_json:
        ws.output.json({**card, "scored": {"subscriptions": fit.people.num_rows, "plans": plans}})
        return
    metrics = fit.entry.metrics
    ws.output.heading(f"{fit.entry.label}: {card['predicts']}")
    ws.output.say(card["sentence"])
    ws.output.say()
    _retention(ws, metrics)
    _hazards(ws, metrics)
    show_ways(ws, metrics)
    ws.output.say(metrics["reason"])
    ws.output.say()
    running, at_risk, currency = metrics["running"], metrics["at_risk"], metrics["currency"]
    ws.output.say(
        f"{running['subscriptions']:,} subscriptions run now; {running['expected']:,.0f} of them are expected to end within "
        f"{fit.entry.settings['horizon_days']} days."
    )
    if at_risk["estimate"] is None:
        ws.output.say(f"The revenue at risk is not known: {at_risk['reason']}.")
    else:
        ws.output.say(
            f"Revenue at risk: {at_risk['estimate']:,.2f} {currency} a month ({at_risk['lower']:,.2f} to "
            f"{at_risk['upper']:,.2f} by chance alone, the probabilities taken as true)."
        )
    ws.output.table(
        ["plan", "running", "P(ends)", f"{currency} a month", "of it at risk"],
        [
            (
                row["plan"],
                row["running"],
                f"{row['probability']:.0%}",
                "–" if row["monthly"] is None else row["monthly"],
                "–" if row["monthly_at_risk"] is None else row["monthly_at_risk"],
            )
            for row in plans
        ],
    )
    for caveat in card["caveats"]:
        ws.output.note(f"Beware: {caveat}")
    ws.output.say(f"More of it: aimwell predict card {fit.entry.label}")


def _retention(ws: Opened, metrics: Mapping[str, Any]) -> None:
    rows = metrics["retention"]
    months = list(rows[0]["left"])
    ws.output.table(
        ["plan", "begun", "ended", *(f"after {month} mo." for month in months)],
        [
            (
                row["plan"],
                row["subscriptions"],
                row["ended"],
                *(_share(row["left"][month], 0) for month in months),
            )
            for row in rows
        ],
        title="Share still running (Kaplan-Meier, interval of 95 %)",
    )
    ws.output.say()


def _hazards(ws: Opened, metrics: Mapping[str, Any]) -> None:
    ws.output.table(
        ["month of tenure", "begun", "ended", "end in a month"],
        [
            (row["months"], row["begun"], row["ended"], _share(row["hazard"], 1))
            for row in metrics["hazards"]
            if row["plan"] == EVERY_PLAN
        ],
        title="When they end",
    )
    ws.output.say("Of all plans in the last two years; --json has each plan.")
    ws.output.say()


def _share(row: Mapping[str, Any], places: int) -> str:
    if row["estimate"] is None:
        return "–"
    low, high = 100 * row["lower"], 100 * row["upper"]
    return f"{row['estimate']:.{places}%} ({low:.{places}f}–{high:.{places}f})"


def _by_plan(people: pa.Table) -> list[dict[str, Any]]:
    """Running subscriptions by plan, the largest first, with their monthly revenue and what of it is at risk."""
    plan = np.array(
        [name or "(none)" for name in people.column("plan").to_pylist()], dtype=np.object_
    )
    score = people.column("score").to_numpy()
    price = people.column("price_monthly").to_numpy(zero_copy_only=False).astype(np.float64)
    found = []
    for name in sorted(set(plan)):
        rows = plan == name
        known = rows & ~np.isnan(price)
        priced = bool(known.any())
        found.append(
            {
                "plan": str(name),
                "running": int(rows.sum()),
                "probability": float(score[rows].mean()),
                "monthly": float(price[known].sum()) if priced else None,
                "monthly_at_risk": float(score[known] @ price[known]) if priced else None,
            }
        )
    return sorted(found, key=lambda row: -row["running"])
