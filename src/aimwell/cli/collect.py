"""`aimwell collect`: files in, with checks, quarantine and a data report."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, get_args
from zoneinfo import ZoneInfo

import typer

from aimwell.cli.calls import as_typed
from aimwell.cli.collect_columns import refuse_incomplete, show_sketch
from aimwell.cli.collect_quality import quality
from aimwell.cli.collect_quarantine import dismiss, quarantine, replay
from aimwell.cli.collect_report import show_absent, show_report
from aimwell.cli.collect_standardise import standardise
from aimwell.cli.collect_status import status
from aimwell.cli.collect_templates import template, templates
from aimwell.cli.collect_tracking import flush, keys_app
from aimwell.cli.context import JsonOption, Opened, WorkspaceOption, opened
from aimwell.cli.output import error_document
from aimwell.collect.explaining import explain as explain_source
from aimwell.collect.fee_codes import FEE_PATTERN
from aimwell.collect.inline import inline_source, read_columns
from aimwell.collect.loads import not_unified
from aimwell.collect.model import Explanation
from aimwell.collect.service import collect as collect_source
from aimwell.collect.sketching import Sketch, sample_values, sketch
from aimwell.collect.suggesting import EntityName, suggest_mapping
from aimwell.definitions import service as definitions
from aimwell.definitions.kinds.source import Source
from aimwell.errors import NothingTakenError
from aimwell.history.current import bring_collected_up_to_date
from aimwell.history.jobs import folder_of

__all__ = ["app", "show_report"]

app = typer.Typer(
    no_args_is_help=True,
    help="Take orders, customers, products, events and what else there is from files.",
)

app.add_typer(keys_app, name="keys")
app.command("flush")(flush)

File = Annotated[
    Path,
    typer.Argument(
        help="A file: CSV, TSV, Excel, JSON, JSON lines or Parquet; texts also as gzip or ZIP."
    ),
]
Map = Annotated[
    list[str] | None,
    typer.Option(
        "--map", "-m", help="target=Column; repeat it. For what is not named see --guess."
    ),
]
Trait = Annotated[
    list[str] | None,
    typer.Option("--trait", help="trait=Column of the customer, as country=Country; repeat it."),
]
Currency = Annotated[
    str | None, typer.Option(help="Currency of the file, as GBP.", show_default="the workspace's")
]
Timezone = Annotated[
    str | None,
    typer.Option(
        help="Time zone of the file's times, as Europe/London.", show_default="the workspace's"
    ),
]
Country = Annotated[
    str | None, typer.Option(help="Country of telephone numbers without a prefix, as GB.")
]
DateFormat = Annotated[
    list[str] | None,
    typer.Option("--date-format", help="As %d/%m/%Y %H:%M, where dates are ambiguous; repeat it."),
]
Name = Annotated[
    str | None,
    typer.Option(
        "--source",
        help="Name of the source; files of one source are known to each other.",
        show_default="what a row is, as orders",
    ),
]
ConsentColumn = Annotated[
    list[str] | None,
    typer.Option(
        "--opt-in",
        help="Of customers: medium=Column that says yes or no to messages, as email=email_opt_in.",
    ),
]
SoftOptIn = Annotated[
    list[str] | None,
    typer.Option(
        "--soft-opt-in",
        help="Of orders: medium over which you may write to buyers by law, as email.",
    ),
]
Guess = Annotated[
    bool,
    typer.Option(
        "--guess", help="Take what the columns seem to be by their names; --map overrides it."
    ),
]
NotGoods = Annotated[
    str | None,
    typer.Option(
        "--not-goods",
        help="Of orders: pattern of product codes that are no goods, as '^(POST|FEE)$'; '' for none.",
        show_default="with --guess the usual codes of postage and fees",
    ),
]
Repeats = Annotated[
    bool,
    typer.Option(
        "--keep-repeats", help="Equal lines are repeats of a purchase, not duplicates of a row."
    ),
]
Sheet = Annotated[
    str | None, typer.Option(help="Excel: the sheet that is meant, where there are several.")
]
Records = Annotated[
    str | None, typer.Option(help="JSON: keys that lead to the list of rows, as data.orders.")
]
FromStart = Annotated[
    bool,
    typer.Option(
        "--from-start",
        help="Read databases and tables from their beginning, not from where the last time ended.",
    ),
]
Explain = Annotated[
    bool,
    typer.Option(
        "--explain", help="Show the mapping and ten rows as they would be taken; write nothing."
    ),
]


def _plain(entity: EntityName) -> Any:
    def command(
        file: File,
        mapped: Map = None,
        traits: Trait = None,
        guess: Guess = False,
        currency: Currency = None,
        timezone: Timezone = None,
        country: Country = None,
        date_format: DateFormat = None,
        name: Name = None,
        opt_in: ConsentColumn = None,
        soft_opt_in: SoftOptIn = None,
        not_goods: NotGoods = None,
        keep_repeats: Repeats = False,
        sheet: Sheet = None,
        records: Records = None,
        explain: Explain = False,
        workspace: WorkspaceOption = None,
        as_json: JsonOption = False,
    ) -> None:
        with opened(workspace, as_json=as_json) as ws:
            given = _pairs(mapped, "--map", "target=Column")
            given |= {f"trait.{k}": v for k, v in _pairs(traits, "--trait", "trait=Column").items()}
            consent = _consent(
                entity, file, _pairs(opt_in, "--opt-in", "medium=Column"), soft_opt_in
            )
            guessed = _guessed(file, entity, given, sheet, records) if guess or explain else {}
            mapping = {**guessed, **given}
            if not_goods is not None and entity != "orders":
                raise typer.BadParameter(
                    f"it is said of orders, not of {entity}.", param_hint="--not-goods"
                )
            if not_goods is None and guess and entity == "orders" and "sku" in mapping:
                not_goods = FEE_PATTERN
            seen = None
            if explain:
                seen = sketch(
                    entity, file, given=given, guessed=guessed, sheet=sheet, records=records
                )
                show_sketch(ws.output, seen)
                refuse_incomplete(ws.output, seen)
            with as_typed():
                source, root, _suggestion = inline_source(
                    entity,
                    file,
                    mapping=mapping,
                    name=name,
                    settings={
                        "currency": currency or ws.stores.settings.currency,
                        "timezone": timezone or ws.stores.settings.timezone,
                        "country": country or ws.stores.settings.country,
                        "dates": date_format or None,
                        "consent": consent,
                        "not_goods_pattern": not_goods or None,
                        "keep_repeats": keep_repeats or None,
                        "sheet": sheet,
                        "records": records,
                    },
                )
            _run(ws, source, root, explain=explain, seen=seen)
            if guess and not explain and not_goods == FEE_PATTERN:
                ws.output.say(
                    "Lines whose code is one of postage or fees (POST, DOT, FEE, M …) were taken as no goods, a guess: --explain "
                    "shows which; --not-goods PATTERN says it otherwise."
                )
            if seen is not None and seen.options and not guess:
                ws.output.say(
                    "These were guessed from the names. To take them: --guess, or "
                    + " ".join(seen.options)
                )

    command.__doc__ = (
        f"Take {entity} from FILE. Try --explain first: it shows the mapping and writes nothing."
    )
    return command


def _guessed(
    file: Path,
    entity: EntityName,
    given: Mapping[str, str],
    sheet: str | None,
    records: str | None,
) -> dict[str, str]:
    """What the columns seem to be, less the targets and columns that were named."""
    columns = read_columns(file, sheet=sheet, records=records)
    values = sample_values(file, columns, sheet=sheet, records=records)
    found = suggest_mapping(columns, values, entity=entity)
    taken = set(given.values())
    guesses = {**found.map, **{f"trait.{name}": column for name, column in found.traits.items()}}
    return {t: c for t, c in guesses.items() if t not in given and c not in taken}


def _consent(
    entity: EntityName, file: Path, opt_in: Mapping[str, str], soft_opt_in: list[str] | None
) -> dict[str, Any] | None:
    if not opt_in and not soft_opt_in:
        return None
    if opt_in and entity != "customers":
        options = " ".join(f"--opt-in {medium}={column}" for medium, column in opt_in.items())
        raise typer.BadParameter(
            f"{entity} bear no consent; it is taken with customers. If {file.name} says it, take the same file once "
            f"more: aimwell collect customers {file} --map customer_id=… --map email=… {options}",
            param_hint="--opt-in",
        )
    if soft_opt_in and entity != "orders":
        raise typer.BadParameter(
            f"it is a right to write to buyers, so it goes with orders, not with {entity}: aimwell collect orders "
            f"FILE --soft-opt-in {soft_opt_in[0]}",
            param_hint="--soft-opt-in",
        )
    return {"opt_in": dict(opt_in), "soft_opt_in": list(soft_opt_in or ())}


for _entity in get_args(EntityName):
    app.command(_entity)(_plain(_entity))


app.command("templates")(templates)
app.command("template")(template)


@app.command("source")
def source(
    name: Annotated[str, typer.Argument(help="Source definition.")],
    root: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the files that the definition names.",
            show_default="the definition's `folder`, else this one",
        ),
    ] = None,
    explain: Explain = False,
    from_start: FromStart = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take what a source definition describes: several files, joins, consent, traits."""
    with opened(workspace, as_json=as_json) as ws:
        found = definitions.find(ws.stores.control, Source, name)
        folder = folder_of(ws.stores, found) if found.folder else Path()
        _run(ws, found, root or folder, explain=explain, from_start=from_start)


app.command("quarantine")(quarantine)
app.command("replay")(replay)
app.command("dismiss")(dismiss)
app.command("standardise")(standardise)
app.command("status")(status)
app.command("quality")(quality)


def _pairs(texts: list[str] | None, option: str, form: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in texts or ():
        key, sign, value = text.partition("=")
        if not sign or not key.strip() or not value.strip():
            raise typer.BadParameter(f"'{text}' is not of the form {form}.", param_hint=option)
        found[key.strip()] = value.strip()
    return found


def _run(
    ws: Opened,
    source: Source,
    root: Path,
    *,
    explain: bool,
    seen: Sketch | None = None,
    from_start: bool = False,
) -> None:
    if explain:
        explanation = explain_source(ws.stores, source, root=root, now=ws.now)
        if ws.output.as_json:
            columns = {"columns": seen.to_dict()["columns"]} if seen else {}
            ws.output.json({**explanation.to_dict(), **columns})
        else:
            _show_explanation(ws, explanation)
        return
    with ws.output.progress("Collecting") as step:
        report = collect_source(
            ws.stores,
            source,
            root=root,
            now=ws.now,
            from_start=from_start,
            progress=lambda what, done, total: step(done, total, what),
        )
    people = None
    if not_unified(ws.stores):  # also where the last command was killed before it had unified
        with ws.output.progress("Unifying"):
            people = bring_collected_up_to_date(ws.stores, now=ws.now)
    if ws.output.as_json:
        document = {**report.to_dict(), "unify": people.to_dict() if people else None}
        try:
            report.refuse_unusable()
        except NothingTakenError as error:
            document["error"] = error_document(error)
        ws.output.json(document)
    else:
        show_report(ws, report.loads, report.absent)
    report.refuse_unusable()
    if people is not None and not ws.output.as_json:
        ws.output.say(
            f"The workspace knows {people.profiles:,} {'person' if people.profiles == 1 else 'people'}, {people.prospects:,} of them without a purchase"
            + (f", and {people.visitors:,} visitors besides." if people.visitors else ".")
        )


def _where_the_firm_is(ws: Opened, value: Any) -> Any:
    """A moment in the workspace's time zone, so that a day is the one in the file; all else as it is."""
    if isinstance(value, datetime):
        return value.astimezone(ZoneInfo(ws.stores.settings.timezone))
    return value


def _show_explanation(ws: Opened, explanation: Explanation) -> None:
    out = ws.output
    show_absent(ws, explanation.absent)
    for entity in explanation.entities:
        names = ", ".join(file.name for file in entity.files)
        out.heading(f"{entity.entity} from {names}: nothing is written")
        out.table(
            ["target", "comes from", "read as", "goes to", "missing in the sample"],
            [
                (f.target, f.comes_from, f.read_as, f.where_to, f"{f.missing_share:.1%}")
                for f in entity.fields
            ],
        )
        out.say(f"All of this was seen on the first {entity.sample_rows:,} rows.")
        if entity.unmapped:
            out.say(f"Not taken: {', '.join(entity.unmapped)}.")
        for target, column in entity.suggestions.items():
            out.say(f"Perhaps: --map {target}={column}")
        out.say()
        rows = [
            {name: _where_the_firm_is(ws, value) for name, value in row.items()}
            for row in entity.rows
        ]
        out.records(rows, title="As they would be taken:")
        if entity.refused:
            refused = ", ".join(f"{count:,} × {reason}" for reason, count in entity.refused.items())
            out.note(
                f"Of the first {entity.sample_rows:,} rows these would go to quarantine: {refused}."
            )
        for warning in entity.warnings:
            out.note(f"Warning: {warning}")
        for hint in entity.hints:
            out.say(hint)
