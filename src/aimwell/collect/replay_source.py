"""The source whose rows wait, as it is defined now, and the part of it that each row belongs to."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatch

import sqlalchemy as sa

from aimwell.collect.corrections import Waiting
from aimwell.collect.load_history import last_definition
from aimwell.collect.raw import form_of
from aimwell.definitions import service as definitions
from aimwell.definitions.catalogue import check
from aimwell.definitions.kinds.source import Entity, FileSpec, Source
from aimwell.errors import CollectError, UnknownDefinitionError, nearest
from aimwell.store.schema import metadata
from aimwell.store.stores import Stores

__all__ = ["definition_of", "entity_of", "format_of", "is_json", "refuse_tracking"]

_loads = metadata.tables["loads"]


def definition_of(stores: Stores, source: str) -> Source:
    """The source as it is defined now, else as it was collected last."""
    try:
        return definitions.find(stores.control, Source, source)
    except UnknownDefinitionError as error:
        document = last_definition(stores, source)
        if document is None:
            with stores.read_control() as connection:
                known = connection.execute(sa.select(_loads.c.source).distinct()).scalars()
                names = sorted(known)
            raise CollectError(
                f"No source '{source}' was ever collected. {nearest(source, names)}"
            ) from error
        found = check(document)
        assert isinstance(found, Source)  # noqa: S101 - a source's load keeps a source
        return found


def refuse_tracking(source: Source) -> None:
    """Messages are put into the inbox again (see `tracking.resending`). Raises CollectError."""
    if source.tracking is not None:
        raise CollectError(f"'{source.name}' takes tracking messages, which no load takes.")


def is_json(source: Source, rows: Iterable[Waiting]) -> bool:
    """Whether the rows come from files of JSON. Raises CollectError where some do and some do not."""
    formats = {
        format_of(source, source.entities[entity_of(source, row)]) == "jsonl" for row in rows
    }
    if len(formats) > 1:
        raise CollectError(
            f"'{source.name}' has files of columns and files of JSON, which do not go into one file. Write them by "
            "reason: --reason."
        )
    return formats == {True}


def format_of(source: Source, entity: Entity) -> str:
    """How the files of an entity are read."""
    return form_of(source, source.files[source.file_of(entity)]).read_as


def entity_of(source: Source, row: Waiting) -> int:
    """The place of the entity that a row belongs to: of several of its kind, the one whose files it came in."""
    places = [n for n, one in enumerate(source.entities) if one.entity == row.entity]
    if not places:
        raise CollectError(
            f"Rows of {row.entity} wait, but the source '{source.name}' has no such entity any more. Put it back, "
            "then replay them."
        )
    for place in places:
        spec = source.files[source.file_of(source.entities[place])]
        paths = spec.path if isinstance(spec, FileSpec) else ()
        if row.file is not None and any(fnmatch(row.file, pattern) for pattern in paths):
            return place
    return places[0]
