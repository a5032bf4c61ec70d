"""`aimwell segment classes`, `score-card`, `look-alikes` and `model`: people by their answers, by points, by likeness."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import pyarrow as pa
import typer
from pyarrow import csv

from aimwell.cli.context import AsOfOption, JsonOption, Opened, WorkspaceOption, opened
from aimwell.cli.groups import show_clusters
from aimwell.cli.model_options import (
    AmongOption,
    ByOption,
    HtmlOption,
    SeedOption,
    defined,
    write_page,
)
from aimwell.cli.model_output import model_document, show_model
from aimwell.definitions import service as definitions
from aimwell.definitions.kinds.model import Model
from aimwell.errors import SegmentError
from aimwell.privacy.lists import write_list
from aimwell.segment.attributes.people_table import is_trait, plain_name, typed_column
from aimwell.segment.cards.look_alikes import LookAlikes
from aimwell.segment.models.built import Built
from aimwell.segment.models.modelling import apply_kept, build_model, publish_built

__all__ = ["classes", "look_alikes", "model", "score_card"]

PublishOption = Annotated[
    bool, typer.Option("--publish", help="Write what it says of each person, for rules.")
]
_GROUPS = {"latent_classes": "class", "micro_segments": "group", "advocacy": "standing"}
NameOption = Annotated[str | None, typer.Option("--name", help="Name of the model.")]
ProspectsOption = Annotated[
    Path | None,
    typer.Option(
        "--prospects",
        help="For look-alikes: a CSV file of other people, with columns called as the features and traits that the model is by.",
    ),
]
IdOption = Annotated[
    str, typer.Option("--id", help="The column of that file by which people are named.")
]
RankedOption = Annotated[
    Path | None,
    typer.Option("--to", help="Write these people with their likeness to this CSV file."),
]


def classes(
    survey: Annotated[str, typer.Argument(help="Survey definition.")],
    question: Annotated[
        list[str] | None,
        typer.Option("--question", help="A question; may be repeated.", show_default="all"),
    ] = None,
    name: NameOption = None,
    number: Annotated[
        int | None,
        typer.Option("--classes", help="So many classes.", show_default="as many as there are"),
    ] = None,
    by: ByOption = None,
    among: AmongOption = "everybody",
    largest: Annotated[int, typer.Option(min=2, max=20, help="Most classes to try.")] = 8,
    seed: SeedOption = 0,
    publish: PublishOption = False,
    html: HtmlOption = None,
    as_of: AsOfOption = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find latent classes in the answers to a survey, and place those who did not answer.

    Others are placed by what --by names, if that is surely better than calling everybody the largest class.
    """
    wanted = defined(
        {
            "type": "latent_classes",
            "name": name or f"{survey}-classes",
            "survey": survey,
            "questions": question,
            "groups": number,
            "columns": by,
            "among": among,
            "largest": largest,
            "seed": seed,
        }
    )
    with opened(workspace, as_json=as_json) as ws:
        _learn(ws, wanted, as_of, publish=publish, html=html)


def score_card(
    target: Annotated[str, typer.Argument(help="The segment of those who did it.")],
    look_ahead: Annotated[
        str | None,
        typer.Option(
            "--look-ahead",
            help="Attributes are those of so long before, as 90d.",
            show_default="of the same moment",
        ),
    ] = None,
    name: NameOption = None,
    by: ByOption = None,
    among: AmongOption = "everybody",
    seed: SeedOption = 0,
    publish: PublishOption = False,
    html: HtmlOption = None,
    as_of: AsOfOption = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Weigh attributes by what they tell of a segment, and make a card of points."""
    wanted = defined(
        {
            "type": "score_card",
            "name": name or f"{target}-card",
            "target": target,
            "look_ahead": look_ahead,
            "columns": by,
            "among": among,
            "seed": seed,
        }
    )
    with opened(workspace, as_json=as_json) as ws:
        _learn(ws, wanted, as_of, publish=publish, html=html)


def look_alikes(
    audience: Annotated[str, typer.Argument(help="The segment that is the seed.")],
    name: NameOption = None,
    by: ByOption = None,
    among: AmongOption = "everybody",
    seed: SeedOption = 0,
    publish: PublishOption = False,
    html: HtmlOption = None,
    prospects: ProspectsOption = None,
    identifier: IdOption = "id",
    to: RankedOption = None,
    as_of: AsOfOption = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find the people most like a segment, if it can be told from others at all."""
    _both(prospects, to)
    if prospects is not None and not by:
        raise typer.BadParameter(
            "say with --by what the file and the workspace both know of people.", param_hint="--by"
        )
    wanted = defined(
        {
            "type": "look_alikes",
            "name": name or f"like-{audience}",
            "audience": audience,
            "columns": by,
            "among": among,
            "seed": seed,
        }
    )
    with opened(workspace, as_json=as_json) as ws:
        others = None if prospects is None else _read(prospects, wanted.columns, identifier)
        built = _learn(ws, wanted, as_of, publish=publish, html=html)
        if others is not None and to is not None:
            _rank(ws, built, others, identifier, to)


def model(
    name: Annotated[str, typer.Argument(help="Model definition.")],
    kept: Annotated[
        bool,
        typer.Option(
            "--kept",
            help="Learn nothing: let the newest kept version say it of everybody, newcomers too.",
        ),
    ] = False,
    publish: PublishOption = False,
    html: HtmlOption = None,
    prospects: ProspectsOption = None,
    identifier: IdOption = "id",
    to: RankedOption = None,
    as_of: AsOfOption = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Learn what a definition of the kind model asks for, and keep it."""
    _both(prospects, to)
    with opened(workspace, as_json=as_json) as ws:
        wanted = definitions.find(ws.stores.control, Model, name)
        if prospects is not None and (wanted.type != "look_alikes" or not wanted.columns):
            raise SegmentError(
                f"People of another table are ranked by look-alikes whose definition says by which columns; '{name}' is of the "
                f"type {wanted.type}{'' if wanted.columns else ' and names none'}."
            )
        others = None if prospects is None else _read(prospects, wanted.columns, identifier)
        built = _learn(ws, wanted, as_of, publish=publish, html=html, kept=kept)
        if others is not None and to is not None:
            _rank(ws, built, others, identifier, to)


def _both(prospects: Path | None, to: Path | None) -> None:
    if (prospects is None) != (to is None):
        raise typer.BadParameter(
            "other people need both: --prospects FILE and --to FILE.", param_hint="--prospects"
        )


def _rank(ws: Opened, built: Built, others: pa.Table, identifier: str, to: Path) -> None:
    """Write other people with their likeness, the most alike first, if there is a likeness."""
    if not isinstance(built.model, LookAlikes) or not built.model.tells:
        ws.output.note(f"{to} was not written: there is no likeness to tell by.")
        return
    write_list(built.model.rank(others, identifier=identifier), to)
    ws.output.say(f"{others.num_rows:,} people with their likeness are in {to}.")


def _learn(
    ws: Opened,
    wanted: Model,
    as_of: str | None,
    *,
    publish: bool,
    html: Path | None,
    kept: bool = False,
) -> Built:
    moment = ws.moment(as_of) or ws.now
    if kept:
        built = apply_kept(ws.stores, wanted, as_of=moment)
    else:
        with ws.output.progress("Learning"):
            built = build_model(ws.stores, wanted, as_of=moment, now=ws.now)
    if wanted.type == "clusters":
        show_clusters(ws, built, as_of=moment, publish=publish, html=html, rules=None)
        return built
    write_page(ws, built, html, moment)
    written = publish_built(ws.stores, built, as_of=moment, now=ws.now) if publish else 0
    if ws.output.as_json:
        ws.output.json(model_document(built, written))
        return built
    ws.output.heading(wanted.name if built.version is None else f"{wanted.name}@{built.version}")
    if built.figures is None:
        ws.output.say(built.reason)
    if built.excluded:
        ws.output.note(
            f"Left out, since the segment's own rule asks for it: {', '.join(map(plain_name, built.excluded))}."
        )
    show_model(ws, built)
    if publish and built.people is not None:
        _say_published(ws, built, written)
    return built


def _say_published(ws: Opened, built: Built, written: int) -> None:
    name = built.definition.name
    if built.people is not None and "group" in built.people.schema.names:
        what = _GROUPS[built.definition.type]
        ws.output.say(f"The trait cluster:{name} says each person's {what} ({written:,} written).")
    else:
        ws.output.say(f"The score {name} says it of each person ({written:,} written).")
    if not written:
        ws.output.note("Nothing was written: it was published as of this moment before.")


def _read(path: Path, names: Sequence[str], identifier: str) -> pa.Table:
    """The file's people with the columns that the model asks for, each called as in the model."""
    try:
        table = csv.read_csv(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise SegmentError(f"{path} cannot be read as CSV: {error}") from error
    missing = [
        name for name in (identifier, *map(plain_name, names)) if name not in table.schema.names
    ]
    if missing:
        raise SegmentError(
            f"{path} lacks the columns {', '.join(missing)}. It has: {', '.join(table.schema.names)}."
        )
    columns = {identifier: table.column(identifier)}
    for name in names:
        column = table.column(plain_name(name))
        columns[name] = typed_column(column) if is_trait(name) else column
    return pa.table(columns)
