"""`aimwell predict prices`: what prices do to sales, and who leans to discounts."""

from __future__ import annotations

from typing import Annotated

import pyarrow.compute as pc
import typer

from aimwell.cli.context import AsOfOption, JsonOption, Opened, WorkspaceOption, opened
from aimwell.cli.predict_lists import ToOption, TopOption, say_written, told
from aimwell.predict.pricing.discounts import DiscountSeekers, discount_seekers
from aimwell.predict.pricing.elasticities import (
    CategoryElasticity,
    PriceElasticities,
    price_elasticities,
)
from aimwell.predict.pricing.elasticity import PRODUCTS_MIN
from aimwell.privacy.lists import write_list

__all__ = ["prices"]

_BY = ("category", "product", "person")


def prices(
    by: Annotated[
        str,
        typer.Option(
            "--by", help="Elasticities by category or product, or who leans to discounts."
        ),
    ] = "category",
    check: Annotated[
        int, typer.Option("--check", min=1, help="Judge on so many weeks before the moment.")
    ] = 8,
    top: TopOption = 15,
    to: ToOption = None,
    as_of: AsOfOption = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find how sales go with prices, by category or product, or which people lean to discounts."""
    if by not in _BY:
        raise typer.BadParameter(f"it is one of {', '.join(_BY)}.", param_hint="--by")
    with opened(workspace, as_json=as_json) as ws:
        moment = ws.moment(as_of) or ws.now
        if by == "person":
            with ws.output.progress("Learning who leans to discounts"):
                seekers = discount_seekers(
                    ws.stores, as_of=moment, check_days=7 * check, now=ws.now
                )
            if to is not None:
                write_list(seekers.people, to)
            if as_json:
                ws.output.json({**seekers.to_dict(), "to": to})
                return
            _say_seekers(ws, seekers, top)
            say_written(ws, seekers.people.num_rows, to)
            return
        with ws.output.progress("Learning how sales go with prices"):
            found = price_elasticities(ws.stores, as_of=moment, check_weeks=check)
        if to is not None:
            write_list(found.products, to)
        if as_json:
            ws.output.json({**found.to_dict(), "to": to})
            return
        _say_elasticities(ws, found, by, top)
        say_written(ws, found.products.num_rows, to)


def _say_elasticities(ws: Opened, found: PriceElasticities, by: str, top: int) -> None:
    ws.output.heading(
        f"How sales go with prices: {found.products.num_rows:,} of {found.sold:,} products have prices that vary enough"
    )
    if by == "category":
        known = [one for one in found.categories if one.elasticity.defined]
        ws.output.table(
            [
                "category",
                "products",
                "elasticity (95 %)",
                "of order lines",
                "10 % off sells",
                "verdict",
            ],
            [
                (
                    one.category,
                    one.products,
                    told(one.elasticity, ".2f"),
                    f"{one.of_lines.estimate:.2f}",
                    _more_by_less(one),
                    one.verdict,
                )
                for one in known[: top + 1]
            ],
        )
        if len(known) < len(found.categories):
            ws.output.say(
                f"{len(found.categories) - len(known):,} categories have fewer than {PRODUCTS_MIN} products whose prices vary, so "
                "nothing is told of them."
            )
    else:
        rows = found.products.filter(pc.is_valid(found.products.column("elasticity")))
        rows = rows.sort_by([("elasticity", "ascending"), ("sku", "ascending")]).slice(0, top)
        ws.output.table(
            ["product", "weeks", "own slope", "drawn in (95 %)", "verdict"],
            [
                (
                    " ".join([row["sku"], (row["name"] or "")[:28]]),
                    row["weeks"],
                    "–" if row["own"] is None else f"{row['own']:.2f}",
                    f"{row['elasticity']:.2f} ({row['lower']:.2f} to {row['upper']:.2f})",
                    row["verdict"],
                )
                for row in rows.to_pylist()
            ],
            title="Most sensitive to price",
        )
    ws.output.say(
        "Elasticity: per cent more units by one per cent more price, within a product, weeks of the category taken out. Below -1 a "
        "lower price brings more revenue (not: more profit). Of order lines: the same counting each line once. Verdict 'order sizes': "
        "it is less than half as strong, so mostly large orders got lower prices, and people answer to prices less than it seems."
    )
    ws.output.say()
    if found.judged:
        ws.output.table(
            ["foretold by", "mean squared error", "less than no change (95 %)", "verdict"],
            [
                (
                    one.way,
                    f"{one.error:.4f}",
                    "" if place == 0 else told(one.gain, ".4f"),
                    "" if place == 0 else one.verdict,
                )
                for place, one in enumerate(found.judged)
            ],
            title=f"ln(units) of {found.judged[0].rows:,} later weeks of {found.judged[0].products:,} products",
        )
    else:
        ws.output.note(f"Beware: {found.reason}")
    wrong = [one.category for one in found.categories if one.verdict == "wrong sign"]
    if wrong:
        ws.output.note(
            f"Beware: more is sold at higher prices in {', '.join(wrong[:5])}. There prices follow demand; do not use these figures."
        )
    ws.output.note(
        "Beware: prices were not set by chance. Advertising, seasons of single products and large buyers go along with them, and "
        "count here as the price. Only prices tried by chance tell what a change will do."
    )


def _more_by_less(one: CategoryElasticity) -> str:
    """What 10 % off would sell, by order lines and by units."""
    found = [each.estimate for each in (one.of_lines, one.elasticity)]
    return " to ".join(f"{0.9**slope - 1:+.0%}" for slope in found if slope is not None)


def _say_seekers(ws: Opened, found: DiscountSeekers, top: int) -> None:
    figures = found.to_dict()
    ws.output.heading(f"Who leans to discounts: {figures['people']:,} people")
    ws.output.table(
        ["leaning", "people", "meaning"],
        [
            (name, figures["leanings"][name], words)
            for name, words in (
                ("seeks", "buys more on discount than was on offer where and when they bought"),
                ("avoids", "buys less of it"),
                ("cannot tell", "what they bought may be chance"),
            )
        ],
    )
    ws.output.say(
        f"Of all lines {found.law.mean:.1%} were on discount. A person's own lines count against {found.law.strength:,.1f} at what "
        "is usual for them."
    )
    if found.judged is None:
        ws.output.note(f"Beware: {found.reason}")
    else:
        one = found.judged
        ws.output.say(
            f"On {one.lines:,} later lines of {one.people:,} people: log loss {one.log_loss:.4f} by people's leaning, "
            f"{one.log_loss_offered:.4f} by what was on discount alone; saved {told(one.gain, '.4f')}: {one.verdict}."
        )
    ws.output.say()
    most = found.people.sort_by([("lower", "descending"), ("profile_id", "ascending")])
    ws.output.table(
        ["profile", "lines", "on discount", "usual", "share", "excess (95 %)", "leaning"],
        [
            (
                row["profile_id"],
                row["lines"],
                row["on_discount"],
                f"{row['usual']:.0%}",
                f"{row['share']:.0%}",
                f"{row['excess']:+.0%} ({row['lower']:+.0%} to {row['upper']:+.0%})",
                row["leaning"],
            )
            for row in most.slice(0, top).to_pylist()
        ],
        title="Most surely",
    )
    if found.entry is not None:
        ws.output.say(f"The excess of everybody is kept as the scores of {found.entry.label}.")
