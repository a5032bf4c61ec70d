"""Takes rows that wait in quarantine: as they are, once a mapping was mended, or as a person corrected them.

    write_quarantine(stores, "shop", Path("bad.csv"), by="ann")      # correct it
    replay(stores, "shop", corrections=read_corrections(Path("bad.csv")), now=now)

A replay is a load like any other, of rows instead of files, so a crash leaves all or nothing of it. Rows that are
taken leave the quarantine; what still fails stays there with its new reason. Of a row that was corrected the old
form is remembered by its hash: in a later file it is nothing new.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from aimwell.collect import loads
from aimwell.collect.correcting import Row, corrected_rows
from aimwell.collect.corrections import Correction, write_waiting
from aimwell.collect.desk import Desk, full_disk_is_told, open_desk
from aimwell.collect.files import InputFile
from aimwell.collect.gathering import gather
from aimwell.collect.model import LoadReport, ReplayReport
from aimwell.collect.raw import RawTable
from aimwell.collect.reading import read_raw
from aimwell.collect.replay_source import definition_of, entity_of, is_json, refuse_tracking
from aimwell.collect.replay_table import file_of, numbered, place_of, raw_of
from aimwell.collect.settling import Replayed
from aimwell.collect.taking import take_entity
from aimwell.collect.waiting_rows import nothing_waits, waiting_rows
from aimwell.definitions.kinds.source import Entity, Source
from aimwell.errors import CollectError
from aimwell.store.stores import Stores

__all__ = ["replay", "write_quarantine"]


def write_quarantine(
    stores: Stores, source: str, path: Path, *, by: str, reason: str | None = None
) -> int:
    """Write the rows of a source that wait to a new file, readable for its owner alone; returns how many.

    Raises:
        CollectError: Nothing waits, or there is such a file.
    """
    definition = definition_of(stores, source)
    refuse_tracking(definition)
    rows = waiting_rows(stores, source, reason=reason)
    if not rows:
        raise nothing_waits(stores, source, reason)
    write_waiting(path, rows, as_json=is_json(definition, rows))
    stores.audit("quarantine exported", actor=by, subject=source, rows=len(rows))
    return len(rows)


def replay(
    stores: Stores,
    source: str,
    *,
    now: datetime,
    root: Path = Path(),
    corrections: Sequence[Correction] | None = None,
    file: str = "",
    reason: str | None = None,
    accept: bool = False,
) -> ReplayReport:
    """Take rows of a source that wait in quarantine, each once.

    Args:
        stores: The workspace.
        source: Name of the source; its definition as it is now, else the one it was collected by, is used.
        now: The present.
        root: Folder of the files that an entity is joined with.
        corrections: Rows as a person corrected them; None: all that wait, as they are.
        file: Name of the file of corrections, for messages.
        reason: Only rows that wait for this reason.
        accept: These rows are right and the expectations are not: they keep none of them out. Faults of form stay
            faults.

    Returns:
        What became of the rows; those of `corrections` that no longer wait are counted as gone.

    Raises:
        CollectError: Nothing of the source waits, or the corrections do not fit what waits. Nothing was taken.
    """
    definition = definition_of(stores, source)
    refuse_tracking(definition)
    with full_disk_is_told(), loads.hold_source(stores, source):
        loads.publish_prepared(stores, source)
        loads.sweep(stores)
        waiting = waiting_rows(stores, source, reason=reason)
        gone = 0
        if corrections is None:
            if not waiting:
                raise nothing_waits(stores, source, reason)
            rows = [Row(one, one.content, corrected=False) for one in waiting if not one.is_line]
        else:
            rows, gone = corrected_rows(definition, waiting, corrections, file)
        groups: dict[int, list[Row]] = {}
        for row in rows:
            groups.setdefault(entity_of(definition, row.waiting), []).append(row)
        reports = [
            _take(
                stores,
                definition,
                definition.entities[place],
                group,
                root=root,
                now=now,
                accept=accept,
            )
            for place, group in sorted(groups.items())
        ]
    uncut = len(waiting) - len(rows) if corrections is None else 0
    return ReplayReport(source, tuple(reports), gone=gone, uncut=uncut)


def _take(
    stores: Stores,
    source: Source,
    entity: Entity,
    rows: Sequence[Row],
    *,
    root: Path,
    now: datetime,
    accept: bool,
) -> LoadReport:
    rows = sorted(rows, key=place_of)
    told: list[Any] = [
        [row.waiting.row_hash, row.waiting.seq, hashlib.sha256(row.content.encode()).hexdigest()]
        for row in rows
    ]
    told += ["accepted"] if accept else []
    files = list(dict.fromkeys(file_of(row) for row in rows))
    inputs = [InputFile(Path(name), name, 0, digest) for name, digest in files]
    load = loads.begin_replay(stores, source, entity, inputs, told, now=now)
    main = source.file_of(entity)
    with open_desk(stores) as desk:
        try:
            raw = _joined(stores, desk, source, entity, root)
            raw[main] = raw_of(desk, source, entity, rows, inputs)
        except Exception as error:
            loads.fail(stores, load, error=error)
            raise
        replayed = Replayed(source.name, entity.entity, numbered(rows, inputs), accept)
        return take_entity(stores, desk, source, entity, load, raw, _silent, replayed)


def _silent(_what: str, _done: int, _total: int | None) -> None:
    return None


def _joined(
    stores: Stores, desk: Desk, source: Source, entity: Entity, root: Path
) -> dict[str, RawTable]:
    """The files that rows are looked up in, as they are now."""
    main = source.file_of(entity)
    names = list(dict.fromkeys(join.file for join in entity.join))
    if main in names:
        raise CollectError(
            f"Rows of {entity.entity} are looked up in their own files, so they cannot be taken without those. "
            "Correct the files and collect them again."
        )
    if not names:
        return {}
    # Looked up are the rows as they are now, all of them.
    gathered = gather(
        stores, source, root, desk.folder / "joined", _silent, names=names, from_start=True
    )
    if gathered.absent:
        raise CollectError(
            f"Rows of {entity.entity} are looked up in {', '.join(gathered.absent)}, which is not there. Put it back and "
            "run the same again."
        )
    inputs = gathered.inputs
    return {name: read_raw(desk, source, name, inputs[name]) for name in names}
