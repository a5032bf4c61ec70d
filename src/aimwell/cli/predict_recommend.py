"""`aimwell predict recommenders`, `recommend` and `similar`: which product for whom."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, Any, cast, get_args

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import typer

from aimwell.cli.context import AsOfOption, JsonOption, Opened, WorkspaceOption, opened
from aimwell.cli.training_options import AnewOption, NameOption, SeedOption
from aimwell.errors import PredictError
from aimwell.predict.cards import model_card
from aimwell.predict.recommend import service
from aimwell.predict.recommend.rules import Kind, Rules
from aimwell.predict.recommend.serving import RECOMMENDATIONS
from aimwell.predict.registry import find_model
from aimwell.segment.divisions import FORMS, is_form
from aimwell.unify.lookup import find_profile

__all__ = ["recommend", "recommenders", "similar"]

_TITLES = {"new": "New products", "again": "Bought again"}
_OPTIONS = {
    "kind": "--kind",
    "k": "--top",
    "not_bought_days": "--not-bought",
    "most_per_category": "--per-category",
    "least_margin": "--least-margin",
    "price_band": "--price-band",
}
_NAMES_MOST = 34
_SHOWN = 10

ModelOption = Annotated[
    str | None,
    typer.Option(
        "--model",
        help="A recommender, as recommend-30d, or one version, as recommend-30d@2.",
        show_default="of the one trained last the version in use",
    ),
]
TopOption = Annotated[int, typer.Option("--top", min=1, max=1_000, help="Products a person.")]


def recommenders(
    horizon: Annotated[
        int, typer.Option(min=1, help="Days of later purchases that lists are judged by.")
    ] = 30,
    by: Annotated[
        str | None,
        typer.Option(
            help="Also try what is popular in a person's group: rfm, lifecycle, clusters:NAME, trait:NAME, segments:A,B."
        ),
    ] = None,
    top: TopOption = 10,
    as_of: AsOfOption = None,
    name: NameOption = None,
    seed: SeedOption = 0,
    anew: AnewOption = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Judge ways to recommend products on what people bought later, and keep the best simple one."""
    if by is not None and not is_form(by):
        raise typer.BadParameter(f"'{by}' is none of {FORMS}.", param_hint="--by")
    with opened(workspace, as_json=as_json) as ws:
        with ws.output.progress("Training") as step:
            trained = service.train_recommender(
                ws.stores,
                as_of=ws.moment(as_of) or ws.now,
                horizon_days=horizon,
                by=by,
                k=top,
                name=name,
                seed=seed,
                anew=anew,
                now=ws.now,
                progress=step,
            )
        card = model_card(trained.entry, timezone=ws.stores.settings.timezone)
        if as_json:
            ws.output.json(card)
            return
        ws.output.heading(f"{trained.entry.label}: {card['predicts']}")
        for line in card["learnt_from"]:
            ws.output.say(line)
        for kind, contest in trained.entry.metrics["contests"].items():
            ws.output.say()
            _contest(ws, kind, contest, top)
        ws.output.say()
        ws.output.say(
            f"NDCG, recall and hit: of lists of {top}, over people who bought such a product later (NDCG counts the first "
            "places more; recall is the share of what they bought; hit, who bought any of the list). Shown: share of the "
            "products that is in anybody's list. Novelty in bits: 1 is what half of the people have, 10 what one in a thousand "
            "has. Worse by: NDCG below the best, person by person. ± is the reach of the interval of 95 %."
        )
        for caveat in card["caveats"]:
            ws.output.note(f"Beware: {caveat}")
        ws.output.say(f"Use it with: aimwell predict recommend --model {trained.entry.label}")


def recommend(
    model: ModelOption = None,
    kind: Annotated[
        str,
        typer.Option("--kind", help=f"What is asked for: {', '.join(get_args(Kind))}."),
    ] = "new",
    top: TopOption = 5,
    person: Annotated[
        list[str] | None,
        typer.Option(
            "--person",
            help="A profile id, customer id, e-mail address or telephone number; may be repeated.",
            show_default="everybody",
        ),
    ] = None,
    any_stock: Annotated[
        bool, typer.Option("--any-stock", help="Also what is known to be out of stock.")
    ] = False,
    not_bought: Annotated[
        int | None,
        typer.Option(
            "--not-bought",
            min=1,
            help="Leave out what the person bought within so many days.",
            show_default="of new products, ever",
        ),
    ] = None,
    without: Annotated[
        list[str] | None, typer.Option("--without", help="Never this product; may be repeated.")
    ] = None,
    without_category: Annotated[
        list[str] | None,
        typer.Option("--without-category", help="Never this category; may be repeated."),
    ] = None,
    per_category: Annotated[
        int | None,
        typer.Option("--per-category", min=1, help="So many of one category a person at most."),
    ] = None,
    least_margin: Annotated[
        float | None,
        typer.Option("--least-margin", help="Share of the price that must be margin, as 0.3."),
    ] = None,
    price_band: Annotated[
        float | None,
        typer.Option(
            "--price-band", help="2: half to double what the person usually pays for a product."
        ),
    ] = None,
    to: Annotated[
        Path | None,
        typer.Option("--to", help="Write all rows to this file: .csv, else Parquet."),
    ] = None,
    as_of: AsOfOption = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Recommend products to everybody, or to a few people, by the shop's rules."""
    try:
        rules = Rules(
            kind=cast(Kind, kind),
            k=top,
            in_stock=not any_stock,
            not_bought_days=not_bought,
            without=tuple(without or ()),
            without_categories=tuple(without_category or ()),
            most_per_category=per_category,
            least_margin=least_margin,
            price_band=price_band,
        )
    except PredictError as error:
        raise typer.BadParameter(_by_options(str(error))) from error
    with opened(workspace, as_json=as_json) as ws:
        counts: Counter[str] = Counter()
        held: list[pa.RecordBatch] = []
        keeps = to is None and (bool(person) or as_json)
        with _written(to) as write:

            def take(batch: pa.RecordBatch) -> None:
                counts.update(batch.column("sku").to_pylist())
                if keeps:
                    held.append(batch)
                write(batch)

            found = service.recommend(
                ws.stores,
                model or service.newest_recommender(ws.stores),
                as_of=ws.moment(as_of) or ws.now,
                rules=rules,
                profiles=[find_profile(ws.stores, one) for one in person] if person else None,
                write=take,
            )
        rows = pa.Table.from_batches(held, schema=RECOMMENDATIONS)
        if as_json:
            ws.output.json(
                {
                    "model": found.entry.label,
                    "rules": rules,
                    "people": found.people,
                    "short": found.short,
                    "none": found.none,
                    "rows": found.rows,
                    "excluded": found.exclusions.to_dict(),
                    "to": to,
                    "recommendations": rows.to_pylist() if keeps else None,
                }
            )
            return
        ws.output.heading(
            f"{found.entry.label}: {found.rows:,} recommendations ({kind}) for {found.people:,} "
            f"{'person' if found.people == 1 else 'people'}"
        )
        if person and to is None:
            _of_people(ws, found, rows)
        else:
            _most_recommended(ws, found, counts)
        _told_exclusions(ws, found, rules)
        if to is not None:
            ws.output.say(f"Written to {to}.")
        elif not person:
            ws.output.say("Each person's list: add --person ID, or write all with --to FILE.")


def _by_options(told: str) -> str:
    """What is wrong with rules, by the options of the command in place of the rules' own fields."""
    for field, option in _OPTIONS.items():
        told = told.replace(f" {field}: ", f" {option}: ")
    return told


def similar(
    sku: Annotated[str, typer.Argument(help="A product.")],
    model: ModelOption = None,
    top: TopOption = 10,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show which products go with one."""
    with opened(workspace, as_json=as_json) as ws:
        asked = find_model(ws.stores, model) if model else service.newest_recommender(ws.stores)
        found = service.similar_products(ws.stores, asked, sku, k=top)
        if as_json:
            ws.output.json({"model": asked.label, "sku": sku, "similar": found.to_pylist()})
            return
        if not found.num_rows:
            ws.output.say(f"Nobody who dealt with {sku} dealt with anything else.")
            return
        ws.output.table(
            ["sku", "name", "category", f"price ({ws.stores.settings.currency})", "likeness"],
            [
                (
                    row["sku"],
                    _cut(row["name"]),
                    _cut(row["category"], 20),
                    row["price"],
                    f"{row['likeness']:.3f}",
                )
                for row in found.to_pylist()
            ],
            title=f"What goes with {sku}",
        )


def _contest(ws: Opened, kind: str, contest: Mapping[str, Any], top: int) -> None:
    ws.output.table(
        ["method", f"NDCG@{top}", "recall", "hit", "MAP", "shown", "novelty", "worse by", "chosen"],
        [
            (
                one["method"],
                _reach(one["ndcg"], ".3f"),
                _reach(one["recall"], ".1%"),
                _reach(one["hit"], ".1%"),
                f"{one['average precision']['estimate']:.3f}",
                f"{one['coverage']:.1%}",
                "–" if one["novelty"] is None else f"{one['novelty']:.1f}",
                "" if one["worse_by"] is None else _reach(one["worse_by"], ".3f"),
                "yes" if one["method"] == contest["chosen"] else "",
            )
            for one in contest["methods"]
        ],
        title=f"{_TITLES[kind]}: {contest['people']:,} people, {contest['products']:,} products",
    )
    ws.output.say(contest["reason"])


def _reach(row: Mapping[str, Any], form: str) -> str:
    """A symmetric estimate with the reach of its interval."""
    plain = f"{row['estimate']:{form}}"
    return f"{plain.rstrip('%')}±{row['upper'] - row['estimate']:{form}}"


def _of_people(ws: Opened, found: service.Recommended, rows: pa.Table) -> None:
    catalogue = found.catalogue
    for profile in dict.fromkeys(rows.column("profile_id").to_pylist()):
        table = []
        for row in rows.to_pylist():
            if row["profile_id"] == profile:
                place = catalogue.place(row["sku"])
                price = catalogue.price[place]
                table.append(
                    (
                        row["rank"],
                        row["sku"],
                        _cut(catalogue.names[place].as_py()),
                        None if price != price else float(price),
                        row["why"],
                    )
                )
        ws.output.table(
            ["rank", "sku", "name", f"price ({ws.stores.settings.currency})", "why"],
            table,
            title=f"Profile {profile}",
        )


def _most_recommended(ws: Opened, found: service.Recommended, counts: Counter[str]) -> None:
    if not counts:
        return
    catalogue = found.catalogue
    first = sorted(counts.items(), key=lambda one: (-one[1], one[0]))[:_SHOWN]
    ws.output.table(
        ["sku", "name", "people", "share"],
        [
            (
                sku,
                _cut(catalogue.names[catalogue.place(sku)].as_py()),
                people,
                f"{people / found.people:.1%}",
            )
            for sku, people in first
        ],
        title=f"Most recommended of {len(counts):,}",
    )


def _told_exclusions(ws: Opened, found: service.Recommended, rules: Rules) -> None:
    left_out = found.exclusions
    if left_out.products or left_out.pairs:
        ws.output.table(
            ["left out", "products", "pairs of person and product"],
            [
                *((reason, number, None) for reason, number in left_out.products.items()),
                *((reason, None, number) for reason, number in left_out.pairs.items()),
            ],
        )
    for note in left_out.notes:
        ws.output.note(note)
    if found.none:
        ws.output.note(f"For {found.none:,} of {found.people:,} people no product is left.")
    if found.short - found.none:
        ws.output.note(
            f"For {found.short - found.none:,} people fewer than {rules.k} products are left."
        )


def _cut(text: str | None, most: int = _NAMES_MOST) -> str:
    if text is None:
        return "–"
    return text if len(text) <= most else f"{text[: most - 1]}…"


@contextmanager
def _written(to: Path | None) -> Iterator[Callable[[pa.RecordBatch], None]]:
    """What takes rows block by block and writes them to the file, if one was named: whole or not at all, its owner's only."""
    if to is None:
        yield lambda _batch: None
        return
    part = to.with_name(f".{to.name}.part")
    kind = pyarrow.csv.CSVWriter if to.suffix == ".csv" else pyarrow.parquet.ParquetWriter
    try:
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(handle, "wb") as out, kind(out, RECOMMENDATIONS) as writer:
            yield writer.write_batch
        part.replace(to)
    except OSError as error:
        raise typer.BadParameter(
            f"{to} cannot be written: {error.strerror or error}. Name a file in a folder that is there.",
            param_hint="--to",
        ) from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
