"""`aimwell predict channels | prices | leads`: how people answer, what prices do, and who may order for the first time."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import pyarrow as pa
import pyarrow.compute as pc
import typer

from aimwell.cli.context import AsOfOption, JsonOption, Opened, WorkspaceOption, opened
from aimwell.cli.predict_candidates import show_candidates
from aimwell.cli.predict_panels import PEOPLE, PRODUCTS
from aimwell.predict import service
from aimwell.predict.card_words import estimate
from aimwell.predict.cards import model_card
from aimwell.predict.leads.service import score_account_leads, train_account_leads
from aimwell.predict.pricing.discounts import DiscountSeekers, discount_seekers
from aimwell.predict.pricing.elasticities import (
    CategoryElasticity,
    PriceElasticities,
    price_elasticities,
)
from aimwell.predict.pricing.elasticity import PRODUCTS_MIN
from aimwell.predict.questions import PROSPECTS, PURCHASE, Question
from aimwell.predict.responding.channels import ChannelPreferences, channel_preferences
from aimwell.predict.responding.queries import ANSWERS
from aimwell.privacy.lists import write_list
from aimwell.stats.estimate import Estimate

__all__ = ["channels", "leads", "prices", "register"]

ToOption = Annotated[
    Path | None, typer.Option("--to", help="Write the whole list to this CSV file.")
]
TopOption = Annotated[int, typer.Option(min=0, help="List so many.")]
_BY = ("category", "product", "person")


def register(app: typer.Typer) -> None:
    """Give `aimwell predict` these commands."""
    app.command("channels", rich_help_panel=PEOPLE)(channels)
    app.command("leads", rich_help_panel=PEOPLE)(leads)
    app.command("prices", rich_help_panel=PRODUCTS)(prices)


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
        _written(ws, found.people.num_rows, to)


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
                    _told(one.gain, ".4f"),
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
    names = ", ".join(one.name for one in found.models)
    ws.output.say(f"Scores (how likely a channel is the person's best) are kept as: {names}")


def _wide(found: ChannelPreferences) -> pa.Table:
    """One row a person and channel, with the person's channel beside it."""
    people = found.people.rename_columns({"channel": "preferred"})
    return found.rates.join(people, "profile_id", join_type="left outer").sort_by(
        [("profile_id", "ascending"), ("channel", "ascending")]
    )


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
            _written(ws, seekers.people.num_rows, to)
            return
        with ws.output.progress("Learning how sales go with prices"):
            found = price_elasticities(ws.stores, as_of=moment, check_weeks=check)
        if to is not None:
            write_list(found.products, to)
        if as_json:
            ws.output.json({**found.to_dict(), "to": to})
            return
        _say_elasticities(ws, found, by, top)
        _written(ws, found.products.num_rows, to)


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
                    _told(one.elasticity, ".2f"),
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
                    "" if place == 0 else _told(one.gain, ".4f"),
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
            f"{one.log_loss_offered:.4f} by what was on discount alone; saved {_told(one.gain, '.4f')}: {one.verdict}."
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
        ws.output.table(
            ["firm", "industry", "people", "last visit", "score"]
            if accounts
            else ["profile", "score"],
            [_lead(row, accounts=accounts) for row in best],
            title=f"The likeliest of {scored.num_rows:,} {whose}; {whole:,.0f} are expected in all",
        )
        for caveat in card["caveats"]:
            ws.output.note(f"Beware: {caveat}")
        _written(ws, scored.num_rows, to)
        ws.output.say(f"More of it: aimwell predict card {entry.name}")


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


def _told(one: Estimate, form: str) -> str:
    return estimate(asdict(one), form)


def _written(ws: Opened, rows: int, to: Path | None) -> None:
    if to is not None:
        ws.output.say(f"The whole list of {rows:,} is in {to}.")
    else:
        ws.output.say(f"The whole list of {rows:,}: add --to FILE.csv")
