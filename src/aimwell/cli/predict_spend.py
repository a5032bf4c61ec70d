"""`aimwell predict spend`: what everybody known will spend, prospects too."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
import typer

from aimwell.cli.context import AsOfOption, JsonOption, WorkspaceOption, opened
from aimwell.cli.training_options import AnewOption, NameOption, SeedOption
from aimwell.definitions import service as definitions
from aimwell.definitions.kinds.segment import Segment
from aimwell.predict import service
from aimwell.predict.cards import model_card
from aimwell.predict.spend_sums import SpendSum, spend_sum

__all__ = ["spend"]


def spend(
    horizon: Annotated[int, typer.Option(min=1, help="How far ahead to look, in days.")] = 90,
    segment: Annotated[
        list[str] | None,
        typer.Option(
            help="Also tell what the people of this segment will spend together; again for several."
        ),
    ] = None,
    as_of: AsOfOption = None,
    name: NameOption = None,
    seed: SeedOption = 0,
    anew: AnewOption = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Learn from features what everybody known will spend, prospects too; judge it later; score them."""
    with opened(workspace, as_json=as_json) as ws:
        moment = ws.moment(as_of) or ws.now
        for one in segment or ():
            definitions.find(ws.stores.control, Segment, one)
        with ws.output.progress("Learning what people spend") as step:
            fit = service.predict_spend(
                ws.stores,
                as_of=moment,
                horizon_days=horizon,
                name=name,
                seed=seed,
                anew=anew,
                now=ws.now,
                progress=step,
            )
        card = model_card(fit.entry, timezone=ws.stores.settings.timezone)
        sums = [
            spend_sum(ws.stores, fit.entry, as_of=moment, segment=one, now=ws.now)
            for one in (None, *(segment or ()))
        ]
        score = fit.people.column("score").to_numpy()
        if as_json:
            scored = {"people": len(score), "expected": float(score.sum())}
            ws.output.json({**card, "scored": scored, "sums": [one.to_dict() for one in sums]})
            return
        currency = ws.stores.settings.currency
        ws.output.heading(f"{fit.entry.label}: {card['predicts']}")
        ws.output.say(card["sentence"])
        ws.output.say()
        ws.output.table(
            ["people", "told by", "foretold", "came", "correlation", "deviance", "worse by"],
            [_row(way) for way in fit.ways],
            title=f"On a later period than was learnt from ({currency})",
        )
        ws.output.say(
            "Deviance (Tweedie, less is better) judges the expected amount of each person; worse by: ± of 95 %, person by "
            "person."
        )
        ws.output.say()
        best = np.sort(score)[::-1][: max(1, len(score) // 10)]
        ws.output.say(
            f"{len(score):,} people have a score: {score.sum():,.0f} {currency} are expected within {horizon} days, "
            f"{best.sum():,.0f} of them from the best tenth."
        )
        ws.output.say()
        ws.output.table(
            ["people", "expected", "95 of 100 cases", "if as far off as on the check"],
            [_sum_row(one) for one in sums],
            title=f"Together within {horizon} days ({currency})",
        )
        ws.output.say(
            "The first range holds if people are as those it learnt from; it knows nothing of seasons. Budget by the second."
        )
        for caveat in card["caveats"]:
            ws.output.note(f"Beware: {caveat}")
        ws.output.say(f"More of it: aimwell predict card {fit.entry.label}")


def _row(way: Any) -> tuple[str, ...]:
    check, extra = way.check, way.extra_loss
    worse = f"{extra.estimate:.2f}±{extra.upper - extra.estimate:.2f}" if extra.estimate else ""
    correlation = "–" if check.correlation.value is None else f"{check.correlation.value:.2f}"
    return (
        f"{check.people:,} {way.group}",
        way.way,
        f"{check.total_predicted:,.0f}",
        f"{check.total_actual:,.0f}",
        correlation,
        f"{way.loss:.2f}",
        worse,
    )


def _sum_row(one: SpendSum) -> tuple[str, ...]:
    total = one.total
    if total.estimate is None:
        return f"{one.people:,} {one.segment or 'all'}", "–", str(total.reason), ""
    wide = "–" if one.lower is None else f"{one.lower:,.0f} to {one.upper:,.0f}"
    return (
        f"{one.people:,} {one.segment or 'all'}",
        f"{total.estimate:,.0f}",
        f"{total.lower:,.0f} to {total.upper:,.0f}",
        wide,
    )
