"""Definitions in the control database: applied all or none, each change a revision with who, when and a diff."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypeVar

import sqlalchemy as sa

from aimwell.definitions.base import Definition
from aimwell.definitions.catalogue import KINDS, check
from aimwell.definitions.circles import circle_faults
from aimwell.definitions.kinds.privacy_rules import PrivacyRules
from aimwell.definitions.kinds.segment import Segment
from aimwell.definitions.leaves.base import Leaf
from aimwell.definitions.reading import SourceDocument, render_yaml
from aimwell.definitions.rules import walk
from aimwell.definitions.special_data import asks
from aimwell.errors import DefinitionError, Fault, UnknownDefinitionError, nearest
from aimwell.store.control import Control
from aimwell.store.schema import metadata
from aimwell.store.turns import take_turn

__all__ = [
    "Change",
    "Revision",
    "apply",
    "check_all",
    "documents",
    "find",
    "get",
    "names",
    "remove",
    "revisions",
]

_current = metadata.tables["definitions"]
_history = metadata.tables["definition_revisions"]

D = TypeVar("D", bound=Definition)


@dataclass(frozen=True)
class Change:
    """What applying one document does: `diff` is the unified difference of the YAML texts."""

    kind: str
    name: str
    action: Literal["created", "updated", "unchanged"]
    revision: int
    diff: str


@dataclass(frozen=True)
class Revision:
    """One revision of a definition; `document` is None where it was removed."""

    revision: int
    document: dict[str, Any] | None
    diff: str
    changed_at: datetime
    changed_by: str


def check_all(documents: Sequence[SourceDocument]) -> list[Definition]:
    """Typed definitions of all documents. Raises DefinitionError with the faults of all, with file and line."""
    found: list[Definition] = []
    faults: list[Fault] = []
    seen: dict[tuple[str, str], str] = {}
    for source in documents:
        try:
            definition = check(source.body)
        except DefinitionError as error:
            faults.extend(source.located(fault) for fault in error.faults)
            continue
        key = (definition.kind, definition.name)
        if key in seen:
            twice = Fault("name", f"this {key[0]} stands twice (also in {seen[key]})", key[1])
            faults.append(source.located(twice))
        seen[key] = source.file
        found.append(definition)
    if faults:
        raise DefinitionError("Documents are wrong; nothing was taken.", faults)
    return found


def apply(
    control: Control,
    definitions: Sequence[Definition],
    *,
    now: datetime,
    by: str,
    dry_run: bool = False,
    also: Callable[[sa.Connection], None] | None = None,
) -> list[Change]:
    """Create or update `definitions`, all or none.

    Args:
        dry_run: Only say what would change.
        also: What is written with them, or neither.

    Raises:
        DefinitionError: One refers to a definition that exists neither here nor in the workspace, or to
            itself in a circle; or a segment asks for data of a special category without a declared consent.
    """
    with control.begin() as connection:
        take_turn(connection, "definitions")
        known = _known(connection)
        known |= {(definition.kind, definition.name) for definition in definitions}
        faults = [
            Fault(f"{definition.kind} {definition.name}: {path}", _absent(kind, name, known), name)
            for definition in definitions
            for path, kind, name in definition.references()
            if (kind, name) not in known
        ]
        if faults:
            raise DefinitionError(
                "Documents refer to what does not exist; nothing was taken.", faults
            )
        _refuse_circles(connection, definitions)
        _refuse_special_data(connection, definitions)
        changes = [_change(connection, definition) for definition in definitions]
        if not dry_run:
            for definition, change in zip(definitions, changes, strict=True):
                if change.action != "unchanged":
                    _write(connection, definition.document(), change, now, by)
            if also is not None:
                also(connection)
    return changes


def _refuse_circles(connection: sa.Connection, definitions: Sequence[Definition]) -> None:
    # Only kinds that refer to their own kind can stand in a circle.
    kinds = {one.kind for one in definitions for _, kind, _ in one.references() if kind == one.kind}
    if not kinds:
        return
    rows = connection.execute(sa.select(_current.c.document).where(_current.c.kind.in_(kinds)))
    if faults := circle_faults(definitions, [check(document) for (document,) in rows]):
        raise DefinitionError("Documents refer to themselves; nothing was taken.", faults)


def _refuse_special_data(connection: sa.Connection, definitions: Sequence[Definition]) -> None:
    given = [one for one in definitions if isinstance(one, PrivacyRules)]
    if not given:
        kind = _current.c.kind == PrivacyRules.model_fields["kind"].default
        for (document,) in connection.execute(sa.select(_current.c.document).where(kind)):
            found = check(document)
            given += [found] if isinstance(found, PrivacyRules) else []
    rules = given[0] if given else PrivacyRules()
    faults = [
        Fault(f"{one.kind} {one.name}: {path}.{asked.field}", refusal, asked.name)
        for one in definitions
        if isinstance(one, Segment)
        for path, node in walk(one.rule)
        if isinstance(node, Leaf)
        for asked in asks(node)
        if (refusal := rules.refusal(asked)) is not None
    ]
    if faults:
        raise DefinitionError(
            "Segments ask for special categories of data; nothing was taken.", faults
        )


def _known(connection: sa.Connection) -> set[tuple[str, str]]:
    rows = connection.execute(sa.select(_current.c.kind, _current.c.name))
    return {(row.kind, row.name) for row in rows}


def _absent(kind: str, name: str, known: set[tuple[str, str]]) -> str:
    return f"there is no {kind} of this name. {nearest(name, [n for k, n in known if k == kind])}"


def _change(connection: sa.Connection, definition: Definition) -> Change:
    kind, name = definition.kind, definition.name
    row = connection.execute(
        sa.select(_current)
        .where(_current.c.kind == kind, _current.c.name == name)
        .with_for_update()
    ).one_or_none()
    document = definition.document()
    if row is not None and row.document == document:
        return Change(kind, name, "unchanged", row.revision, "")
    last = connection.execute(
        sa.select(sa.func.max(_history.c.revision)).where(
            _history.c.kind == kind, _history.c.name == name
        )
    ).scalar()
    diff = _diff(row.document if row is not None else None, document)
    return Change(kind, name, "updated" if row is not None else "created", (last or 0) + 1, diff)


def _diff(old: dict[str, Any] | None, new: dict[str, Any] | None) -> str:
    before = render_yaml([old]).splitlines() if old else []
    after = render_yaml([new]).splitlines() if new else []
    return "\n".join(list(difflib.unified_diff(before, after, lineterm="", n=2))[2:])


def _write(
    connection: sa.Connection, document: dict[str, Any], change: Change, now: datetime, by: str
) -> None:
    stamp = {"revision": change.revision, "document": document, "changed_at": now, "changed_by": by}
    if change.action == "created":
        connection.execute(sa.insert(_current).values(kind=change.kind, name=change.name, **stamp))
    else:
        connection.execute(
            sa.update(_current)
            .where(_current.c.kind == change.kind, _current.c.name == change.name)
            .values(**stamp)
        )
    connection.execute(
        sa.insert(_history).values(kind=change.kind, name=change.name, diff=change.diff, **stamp)
    )


def names(control: Control, kind: str | None = None) -> list[tuple[str, str]]:
    """(kind, name) of all definitions, or of one kind, in order."""
    with control.read() as connection:
        return sorted(key for key in _known(connection) if kind in (None, key[0]))


def documents(control: Control, kind: str) -> dict[str, tuple[Any, int]]:
    """Name → (document, revision) of all definitions of a kind, in one look; `catalogue.check` makes each a typed one."""
    query = sa.select(_current.c.name, _current.c.document, _current.c.revision)
    with control.read() as connection:
        rows = connection.execute(query.where(_current.c.kind == kind)).all()
    return {row.name: (row.document, row.revision) for row in rows}


def find(control: Control, cls: type[D], name: str) -> D:
    """The typed definition of that class and name. Raises UnknownDefinitionError where there is none."""
    definition, _revision = get(control, str(cls.model_fields["kind"].default), name)
    assert isinstance(definition, cls)  # noqa: S101 - the catalogue maps the kind to this class
    return definition


def get(
    control: Control, kind: str, name: str, *, revision: int | None = None
) -> tuple[Definition, int]:
    """A definition and its revision number, the newest or the given one.

    Raises:
        UnknownDefinitionError: There is none; names the nearest.
    """
    with control.read() as connection:
        if revision is None:
            query = sa.select(_current).where(_current.c.kind == kind, _current.c.name == name)
        else:
            query = sa.select(_history).where(
                _history.c.kind == kind, _history.c.name == name, _history.c.revision == revision
            )
        row = connection.execute(query).one_or_none()
        if row is None or row.document is None:
            raise _unknown(kind, name, revision, _known(connection))
    return check(row.document), row.revision


def _unknown(
    kind: str, name: str, revision: int | None, known: set[tuple[str, str]]
) -> UnknownDefinitionError:
    if kind not in KINDS:
        return UnknownDefinitionError(f"There is no kind '{kind}'. {nearest(kind, list(KINDS))}")
    which = f"revision {revision} of the {kind}" if revision is not None else kind
    hint = nearest(name, [n for k, n in known if k == kind])
    return UnknownDefinitionError(
        f"There is no {which} '{name}'. {hint} List them: aimwell get {kind}"
    )


def remove(control: Control, kind: str, name: str, *, now: datetime, by: str) -> None:
    """Remove a definition; its revisions stay. Raises UnknownDefinitionError where there is none,
    DefinitionError where another one refers to it."""
    with control.begin() as connection:
        take_turn(connection, "definitions")
        known = _known(connection)
        if (kind, name) not in known:
            raise _unknown(kind, name, None, known)
        rows = connection.execute(sa.select(_current)).all()
        users = [
            Fault(f"{row.kind} {row.name}: {path}", "refers to it", name)
            for row in rows
            for path, other_kind, other_name in check(row.document).references()
            if (other_kind, other_name) == (kind, name)
        ]
        if users:
            raise DefinitionError(f"The {kind} '{name}' is in use and was not removed.", users)
        old = next(row for row in rows if (row.kind, row.name) == (kind, name))
        connection.execute(
            sa.delete(_current).where(_current.c.kind == kind, _current.c.name == name)
        )
        connection.execute(
            sa.insert(_history).values(
                kind=kind,
                name=name,
                revision=old.revision + 1,
                document=sa.null(),
                diff=_diff(old.document, None),
                changed_at=now,
                changed_by=by,
            )
        )


def revisions(control: Control, kind: str, name: str) -> list[Revision]:
    """All revisions, newest first. Raises UnknownDefinitionError where there never was one."""
    with control.read() as connection:
        rows = connection.execute(
            sa.select(_history)
            .where(_history.c.kind == kind, _history.c.name == name)
            .order_by(_history.c.revision.desc())
        ).all()
        if not rows:
            raise _unknown(kind, name, None, _known(connection))
    return [Revision(r.revision, r.document, r.diff, r.changed_at, r.changed_by) for r in rows]
