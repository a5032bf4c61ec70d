"""`aimwell collect`: files in, with checks, quarantine and a data report."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from aimwell.cli.context import JsonOption, Opened, WorkspaceOption, opened
from aimwell.collect import service
from aimwell.collect.model import DataReport, Explanation, LoadReport
from aimwell.collect.plain_form import PlainForm, source_of_file
from aimwell.definitions import service as definitions
from aimwell.definitions.kinds.source import Source
from aimwell.unify.service import unify

__all__ = ["app", "show_report"]

app = typer.Typer(
    no_args_is_help=True,
    help="Take orders, customers, products and events from files.",
)

File = Annotated[Path, typer.Argument(help="A file: CSV, JSON lines or Parquet, plain or gzip.")]
Map = Annotated[
    list[str] | None,
    typer.Option(
        "--map", "-m", help="target=Column; repeat it. What is not named is guessed from the file."
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
    str | None, typer.Option("--source", help="Name of the source.", show_default="the file's name")
]
ConsentColumn = Annotated[
    list[str] | None,
    typer.Option(
        "--opt-in", help="medium=Column that says yes or no to messages, as email=email_opt_in."
    ),
]
SoftOptIn = Annotated[
    list[str] | None,
    typer.Option(
        "--soft-opt-in", help="Medium over which you may write to buyers by law, as email."
    ),
]
Explain = Annotated[
    bool,
    typer.Option(
        "--explain", help="Show the mapping and ten rows as they would be taken; write nothing."
    ),
]


def _plain(entity: str) -> Any:
    def command(
        file: File,
        mapped: Map = None,
        traits: Trait = None,
        currency: Currency = None,
        timezone: Timezone = None,
        country: Country = None,
        date_format: DateFormat = None,
        name: Name = None,
        opt_in: ConsentColumn = None,
        soft_opt_in: SoftOptIn = None,
        explain: Explain = False,
        workspace: WorkspaceOption = None,
        as_json: JsonOption = False,
    ) -> None:
        with opened(workspace, as_json=as_json) as ws:
            form = PlainForm(
                entity=entity,
                file=file,
                map=_pairs(mapped, "--map", "target=Column"),
                traits=_pairs(traits, "--trait", "trait=Column"),
                currency=currency or ws.stores.settings.currency,
                timezone=timezone or ws.stores.settings.timezone,
                country=country or ws.stores.settings.country,
                date_formats=tuple(date_format or ()),
                name=name,
                opt_in=_pairs(opt_in, "--opt-in", "medium=Column"),
                soft_opt_in=tuple(soft_opt_in or ()),
            )
            source = source_of_file(form)
            _run(ws, source, file.parent, explain=explain)

    command.__doc__ = (
        f"Take {entity} from FILE. Try --explain first: it shows the mapping and writes nothing."
    )
    return command


for _entity in ("orders", "customers", "products", "events"):
    app.command(_entity)(_plain(_entity))


@app.command("source")
def source(
    name: Annotated[str, typer.Argument(help="Source definition.")],
    root: Annotated[
        Path, typer.Option(help="Folder of the files that the definition names.")
    ] = Path(),
    explain: Explain = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take what a source definition describes: several files, joins, consent, traits."""
    with opened(workspace, as_json=as_json) as ws:
        _run(ws, definitions.find(ws.stores.control, Source, name), root, explain=explain)


@app.command("quarantine")
def quarantine(
    name: Annotated[str | None, typer.Argument(help="Only of this source.")] = None,
    limit: Annotated[int, typer.Option(min=0, help="Rows to show.")] = 20,
    reveal: Annotated[
        bool, typer.Option("--reveal", help="Show the rows themselves; the audit log records it.")
    ] = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what could not be taken, and why."""
    with opened(workspace, as_json=as_json) as ws:
        found = service.quarantine(ws.stores, source=name, limit=limit, reveal=reveal)
        if reveal:
            ws.stores.audit("reveal quarantine", actor=ws.by, subject=name)
        if as_json:
            ws.output.json(found)
            return
        ws.output.heading(f"{found.total:,} rows in quarantine")
        ws.output.table(
            ["source", "reason", "rows"],
            [
                (name_, reason, number)
                for name_, reasons in found.counts.items()
                for reason, number in sorted(reasons.items(), key=lambda item: -item[1])
            ],
        )
        ws.output.say()
        ws.output.table(
            ["file", "line", "field", "what was wrong"],
            [(row.file, row.line, row.field, row.detail or row.reason) for row in found.rows],
        )
        for row in found.rows if reveal else ():
            ws.output.say(f"{row.file}:{row.line}: {row.content}")


@app.command("status")
def status(workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    """List what has been collected."""
    with opened(workspace, as_json=as_json) as ws:
        found = service.status(ws.stores)
        if as_json:
            ws.output.json([one.to_dict() for one in found])
        ws.output.table(
            ["source", "what", "state", "started", "rows taken", "in quarantine"],
            [
                (
                    one.source,
                    one.entity,
                    one.state,
                    one.started_at,
                    one.report.rows_taken if one.report else None,
                    one.report.quarantined if one.report else None,
                )
                for one in found
            ],
        )


def _pairs(texts: list[str] | None, option: str, form: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in texts or ():
        key, sign, value = text.partition("=")
        if not sign or not key.strip() or not value.strip():
            raise typer.BadParameter(f"'{text}' is not of the form {form}.", param_hint=option)
        found[key.strip()] = value.strip()
    return found


def _run(ws: Opened, source: Source, root: Path, *, explain: bool) -> None:
    if explain:
        explanation = service.explain(ws.stores, source, root=root)
        if ws.output.as_json:
            ws.output.json(explanation)
        else:
            _show_explanation(ws, explanation)
        return
    with ws.output.progress("Collecting") as step:
        report = service.collect(ws.stores, source, root=root, now=ws.now, progress=step)
    people = None
    if not report.already_collected:
        with ws.output.progress("Unifying"):
            people = unify(ws.stores, now=ws.now)
    if ws.output.as_json:
        ws.output.json({**report.to_dict(), "unify": people.to_dict() if people else None})
        return
    show_report(ws, report)
    if people is not None:
        ws.output.say(
            f"The workspace knows {people.profiles:,} people, {people.prospects:,} of them without a purchase."
        )


def _show_explanation(ws: Opened, explanation: Explanation) -> None:
    out = ws.output
    for entity in explanation.entities:
        names = ", ".join(file.name for file in entity.files)
        out.heading(f"{entity.entity} from {names}: nothing is written")
        out.table(
            ["target", "comes from", "read as", "goes to", "missing"],
            [
                (f.target, f.comes_from, f.read_as, f.where_to, f"{f.missing_share:.1%}")
                for f in entity.fields
            ],
        )
        if entity.unmapped:
            out.say(f"Not taken: {', '.join(entity.unmapped)}.")
        for target, column in entity.suggestions.items():
            out.say(f"Perhaps: --map {target}={column}")
        out.say()
        columns = list(entity.rows[0]) if entity.rows else []
        out.table(
            columns,
            [[row.get(name) for name in columns] for row in entity.rows],
            title="As they would be taken:",
        )
        if entity.refused:
            refused = ", ".join(f"{count:,} × {reason}" for reason, count in entity.refused.items())
            out.note(
                f"Of the first {entity.sample_rows:,} rows these would go to quarantine: {refused}."
            )
        for warning in entity.warnings:
            out.note(f"Warning: {warning}")


def show_report(ws: Opened, report: DataReport) -> None:
    """Print what became of the rows."""
    for load in report.loads:
        _show_load(ws, load)


def _show_load(ws: Opened, load: LoadReport) -> None:
    out = ws.output
    if load.state == "already_collected":
        out.heading(
            f"{load.source}, {load.entity}: collected already on {load.collected_at:%Y-%m-%d %H:%M}; nothing changed"
        )
        return
    out.heading(
        f"{load.source}, {load.entity}: {load.rows_taken:,} of {load.rows_read:,} rows taken"
    )
    out.table(["rows", ""], [(name, number) for name, number in _numbers(load) if number])
    if load.quarantined_by_reason:
        out.table(
            ["in quarantine because of", "rows"],
            sorted(load.quarantined_by_reason.items(), key=lambda item: -item[1]),
        )
        out.say("Look at them with: aimwell collect quarantine")
    if load.first_at is not None and load.last_at is not None:
        money = f", in {', '.join(load.currencies)}" if load.currencies else ""
        out.say(f"From {load.first_at:%Y-%m-%d} to {load.last_at:%Y-%m-%d}{money}.")
    gaps = {name: number for name, number in load.gaps.items() if number}
    if gaps:
        out.say(
            "Without a value: "
            + ", ".join(f"{name} {number:,}" for name, number in gaps.items())
            + "."
        )
    for warning in load.warnings:
        out.note(f"Warning: {warning}")
    out.say()


def _numbers(load: LoadReport) -> list[tuple[str, int]]:
    consents: Mapping[str, int] = load.consents
    return [
        ("equal to another row of the file", load.duplicates),
        ("known from an earlier file", load.known),
        ("known with other values", load.changed),
        ("left out by `where`", load.ignored),
        ("in quarantine", load.quarantined),
        ("people", load.people),
        ("orders", load.sales),
        ("orders that grew", load.additions),
        ("returns and cancellations", load.returns),
        ("lines without a customer", load.anonymous_lines),
        *[(f"consent: {name}", number) for name, number in consents.items()],
    ]
