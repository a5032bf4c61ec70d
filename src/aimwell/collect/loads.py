"""Loads: each entity's files under one mapping are taken once, and a crash leaves all or nothing.

A load is *running* while its rows are worked out into files of the workspace, *prepared* once those are complete
and safely on the disk, and *done* when the lake has taken them over. What dies before it is prepared has left
nothing that counts; what is prepared is ended by whoever collects next, in the same way whatever came meanwhile.
"""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from aimwell.collect.files import InputFile
from aimwell.collect.load_keys import digest, fingerprint
from aimwell.collect.model import LoadReport
from aimwell.collect.money import NO_RATE, TOO_LARGE
from aimwell.collect.settling import Settled, settle_rows
from aimwell.collect.under_way import begun_again, lease_of
from aimwell.definitions.kinds.source import Entity, Source
from aimwell.errors import AimwellError, LeaseLostError
from aimwell.store.control import insert_missing
from aimwell.store.disk import settle
from aimwell.store.leases import Held
from aimwell.store.schema import metadata
from aimwell.store.stores import Stores

__all__ = [
    "TOUCHED_FOLDER",
    "Load",
    "begin",
    "begin_replay",
    "ended_loads",
    "fail",
    "hold_rates",
    "hold_source",
    "mark_unified",
    "new_folder",
    "not_unified",
    "prepare",
    "publish",
    "publish_prepared",
    "sweep",
    "taken_elsewhere",
    "words_of",
]

_loads = metadata.tables["loads"]
_results = metadata.tables["expectation_results"]
TOUCHED_FOLDER = "touched"
"""Folder of the files that say whom loads touched, until those are unified."""

_ID_LENGTH = 20
_OTHER = "Another process collected '{source}' while this one was held up. Nothing of this load was taken; run it again."
_WAIT_SECONDS = 6 * 3600.0


@dataclass(frozen=True)
class Load:
    """One load. `report` is there once it is prepared; `mapping` is a hash of all but the files."""

    load_id: str
    source: str
    entity: str
    state: str
    mapping: str
    started_at: datetime
    report: LoadReport | None


def begin(
    stores: Stores,
    source: Source,
    entity: Entity,
    files: Mapping[str, Sequence[InputFile]],
    *,
    now: datetime,
    newest_rate: Callable[[], datetime | None] | None = None,
) -> Load:
    """The load of these files under this mapping: a new one, or the one that was begun or ended before.

    A load some of whose rows wait for an exchange rate is followed by a new one once further rates were taken
    (`newest_rate` finds when the last of them was).
    """
    content, mapping = fingerprint(stores, source, entity, files)
    load_id = digest([source.name, content])[:_ID_LENGTH]
    if newest_rate is not None:
        load_id = _after_rates(stores, source.name, content, newest_rate) or load_id
    used = [source.file_of(entity), *(join.file for join in entity.join)]
    row = {
        "load_id": load_id,
        "source": source.name,
        "entity": entity.entity,
        "content_hash": content,
        "files": {
            "mapping": mapping,
            "inputs": [
                {"name": file.name, "sha256": file.sha256, "size_bytes": file.size_bytes}
                for name in used
                for file in files[name]
            ],
            "definition": source.document(),
        },
        "state": "running",
        "started_at": now,
    }
    return _begin(stores, row)


def taken_elsewhere(
    stores: Stores, source: str, entity: str, inputs: Sequence[InputFile]
) -> dict[str, list[str]]:
    """Files of which other sources have taken the same bytes as the same entity: name → these sources."""
    query = sa.select(_loads.c.source, _loads.c.files).where(
        _loads.c.source != source, _loads.c.entity == entity, _loads.c.state == "done"
    )
    with stores.read_control() as connection:
        takers: dict[str, set[str]] = {}
        for other, files in connection.execute(query):
            for one in files.get("inputs", ()):
                takers.setdefault(one["sha256"], set()).add(other)
    return {one.name: sorted(takers[one.sha256]) for one in inputs if one.sha256 in takers}


def begin_replay(
    stores: Stores,
    source: Source,
    entity: Entity,
    inputs: Sequence[InputFile],
    rows: Sequence[Any],
    *,
    now: datetime,
) -> Load:
    """The load of rows that waited in quarantine: a new one, or the one that was begun with the same before.

    Args:
        stores: The workspace.
        source: The definition as it is now.
        entity: One of its entities.
        inputs: The files in which the rows stood.
        rows: What tells this replay from another one, as JSON has it.
        now: The present.
    """
    _, mapping = fingerprint(stores, source, entity, None)
    content = digest({"mapping": mapping, "replay": rows})
    files = {
        "mapping": mapping,
        "replay": True,
        "inputs": [
            {"name": file.name, "sha256": file.sha256, "size_bytes": file.size_bytes}
            for file in inputs
        ],
        "definition": source.document(),
    }
    row = {
        "load_id": digest([source.name, content])[:_ID_LENGTH],
        "source": source.name,
        "entity": entity.entity,
        "content_hash": content,
        "files": files,
        "state": "running",
        "started_at": now,
    }
    return _begin(stores, row)


def _begin(stores: Stores, row: dict[str, Any]) -> Load:
    load_id = row["load_id"]
    with stores.control.begin() as connection:
        known = connection.execute(_by_id(load_id)).one_or_none()
        if known is None:
            # Two at once that choose the same number: the second finds no row of its own, and tries again.
            for _ in range(100):
                last = connection.execute(sa.select(sa.func.max(_loads.c.seq))).scalar() or 0
                insert_missing(connection, _loads, [{**row, "seq": last + 1}])
                known = connection.execute(_by_id(load_id)).one_or_none()
                if known is not None:
                    break
        elif known.state in ("running", "failed"):
            connection.execute(
                sa.update(_loads)
                .where(_loads.c.load_id == load_id)
                .values(
                    state="running",
                    started_at=begun_again(connection, known.started_at, now=row["started_at"]),
                    files={name: told for name, told in known.files.items() if name != "staging"},
                )
            )
            known = connection.execute(_by_id(load_id)).one()
    assert known is not None  # noqa: S101 - a hundred others would have had to come first
    return _load(known)


def _after_rates(
    stores: Stores, source: str, content: str, newest_rate: Callable[[], datetime | None]
) -> str | None:
    """The last load of the same content; or a new one where that waits for rates and further ones came since."""
    query = (
        sa.select(_loads)
        .where(_loads.c.source == source, _loads.c.content_hash == content)
        .order_by(_loads.c.seq.desc())
        .limit(1)
    )
    with stores.control.read() as connection:
        last = connection.execute(query).one_or_none()
    if last is None:
        return None
    reasons = last.report["quarantined_by_reason"] if last.state == "done" else {}
    waits = reasons.get(NO_RATE) or reasons.get(TOO_LARGE)
    newest = newest_rate() if waits else None
    if newest is not None and newest > last.started_at:
        return digest([source, content, newest.isoformat()])[:_ID_LENGTH]
    return str(last.load_id)


def _by_id(load_id: str) -> sa.Select[Any]:
    return sa.select(_loads).where(_loads.c.load_id == load_id)


def _load(row: Any) -> Load:
    report = LoadReport.from_dict(row.report) if row.report else None
    return Load(
        row.load_id, row.source, row.entity, row.state, row.files["mapping"], row.started_at, report
    )


def ended_loads(stores: Stores, source: str) -> frozenset[str]:
    """The loads of a source whose rows count."""
    with stores.control.read() as connection:
        return _ended(connection, source)


def _ended(connection: sa.Connection, source: str) -> frozenset[str]:
    query = sa.select(_loads.c.load_id).where(
        _loads.c.source == source, _loads.c.state.in_(["prepared", "done"])
    )
    return frozenset(connection.execute(query).scalars())


def new_folder(stores: Stores, load: Load) -> Path:
    """A folder for the files of this attempt; what earlier attempts left behind goes.

    The load is this attempt's from now on: one that lives still, and was taken for dead, can no longer prepare it.

    Raises:
        LeaseLostError: It was the other way round.
    """
    staging = stores.folder("staging")
    name = f"{load.load_id}-{secrets.token_hex(4)}"
    with stores.control.begin() as connection:
        row = connection.execute(_by_id(load.load_id).with_for_update()).one()
        if row.state != "running":
            raise LeaseLostError(_OTHER.format(source=load.source))
        connection.execute(
            sa.update(_loads)
            .where(_loads.c.load_id == load.load_id)
            .values(files={**row.files, "staging": name})
        )
    for left in staging.glob(f"{load.load_id}-*"):
        shutil.rmtree(left, ignore_errors=True)
    for left in stores.folder(TOUCHED_FOLDER).glob(f"{load.load_id}-*"):
        left.unlink(missing_ok=True)
    folder = staging / name
    folder.mkdir()
    return folder


def prepare(
    stores: Stores,
    load: Load,
    report: LoadReport,
    folder: Path,
    *,
    seen: frozenset[str],
    settles: Sequence[Settled] = (),
    touched: str | None = None,
    also: Callable[[sa.Connection], None] = lambda _connection: None,
) -> None:
    """Say that the load's files are complete. From here on it will be ended, whatever happens.

    Args:
        stores: With the control database.
        load: The load.
        report: What it will tell.
        folder: Its files: a folder `<table>` or a file `<table>.parquet` for each table of the lake.
        seen: The source's ended loads when the lake was read; if another one came meanwhile, because
            somebody took this process for dead, what was worked out may count rows twice.
        settles: Rows that leave the quarantine with it.
        touched: Name of the file that says whom it touches (see `touching`); None: everybody.
        also: What is done in the same transaction, so that it counts from here on, too.

    Raises:
        LeaseLostError: Another load of the source came meanwhile, or another attempt at this one; begin again.
    """
    settle(sorted(path for path in folder.rglob("*") if path.is_file()))
    with stores.control.begin() as connection:
        rows = connection.execute(
            sa.select(_loads.c.load_id, _loads.c.files)
            .where(_loads.c.source == load.source)
            .with_for_update()
        ).all()
        files = next(row.files for row in rows if row.load_id == load.load_id)
        if _ended(connection, load.source) != seen or files.get("staging") != folder.name:
            raise LeaseLostError(_OTHER.format(source=load.source))
        connection.execute(
            sa.update(_loads)
            .where(_loads.c.load_id == load.load_id)
            .values(
                state="prepared",
                report=report.to_dict(),
                files={**files, "touched": touched},
            )
        )
        _keep_results(connection, load, report)
        settle_rows(connection, load.load_id, settles, at=load.started_at)
        also(connection)


def _keep_results(connection: sa.Connection, load: Load, report: LoadReport) -> None:
    """How expectations fared, for whoever compares loads."""
    rows = [
        {
            **asdict(one),
            "load_id": load.load_id,
            "place": place,
            "source": load.source,
            "entity": load.entity,
            "measured_at": load.started_at,
        }
        for place, one in enumerate(report.expectations)
    ]
    insert_missing(connection, _results, rows)


def publish(stores: Stores, load_id: str) -> None:
    """Give the files of a prepared load to the lake, and end the load. Harmless to repeat."""
    with stores.control.read() as connection:
        row = connection.execute(_by_id(load_id)).one()
    if row.state != "prepared":
        return
    folder = stores.folder("staging") / row.files["staging"]
    for entry in sorted(folder.iterdir()):
        table = entry.name.removesuffix(".parquet")
        files = sorted(entry.glob("*.parquet")) if entry.is_dir() else [entry]
        if files:
            stores.lake.append_files(table, files, transaction=(f"collect:{load_id}:{table}", 1))
    with stores.control.begin() as connection:
        connection.execute(
            sa.update(_loads)
            .where(_loads.c.load_id == load_id)
            .values(state="done", finished_at=datetime.now(UTC))
        )
    shutil.rmtree(folder, ignore_errors=True)


def publish_prepared(
    stores: Stores, source: str | None = None, *, left_alone: bool = False
) -> list[str]:
    """End the loads that were prepared when their process died; of one source or of all.

    `left_alone`: only of sources that nobody collects just now, so that nobody is waited for.
    """
    query = (
        sa.select(_loads.c.load_id, _loads.c.source)
        .where(_loads.c.state == "prepared")
        .order_by(_loads.c.seq)
    )
    if source is not None:
        query = query.where(_loads.c.source == source)
    with stores.control.read() as connection:
        waiting = connection.execute(query).all()
    if left_alone:
        waiting = [row for row in waiting if not stores.leases.is_held(lease_of(row.source))]
    for load_id, whose in waiting:
        with hold_source(stores, whose):
            publish(stores, load_id)
    return [row.load_id for row in waiting]


def not_unified(stores: Stores, *, prepared: bool = False) -> list[str]:
    """The loads that ended (or are `prepared`, so that they may any moment) since the last unify, or whose unify was killed."""
    states = ["done", *(["prepared"] if prepared else [])]
    query = sa.select(_loads.c.load_id, _loads.c.files).where(_loads.c.state.in_(states))
    with stores.read_control() as connection:
        return [row.load_id for row in connection.execute(query) if not row.files.get("unified")]


def mark_unified(stores: Stores, load_ids: Sequence[str]) -> None:
    """Note that the people of these loads were unified."""
    for load_id in load_ids:
        with stores.control.begin() as connection:
            row = connection.execute(_by_id(load_id).with_for_update()).one()
            connection.execute(
                sa.update(_loads)
                .where(_loads.c.load_id == load_id)
                .values(files={**row.files, "unified": True})
            )
        if name := row.files.get("touched"):
            (stores.folder(TOUCHED_FOLDER) / name).unlink(missing_ok=True)


def hold_source(stores: Stores, source: str) -> AbstractContextManager[Held]:
    """Hold a source: its loads come one after another, however long each takes."""
    return stores.leases.hold(lease_of(source), wait_seconds=_WAIT_SECONDS)


def hold_rates(stores: Stores) -> AbstractContextManager[Held]:
    """Exchange rates of all sources come one after another, so that each sees what others have said."""
    return stores.leases.hold("exchange-rates", wait_seconds=_WAIT_SECONDS)


def fail(
    stores: Stores, load: Load, folder: Path | None = None, *, error: BaseException | None = None
) -> None:
    """Say that a load was given up and why, and remove its files; one that is prepared by now, or another attempt's, stays
    as it is."""
    with stores.control.begin() as connection:
        row = connection.execute(_by_id(load.load_id).with_for_update()).one()
        mine = row.files.get("staging") == (folder.name if folder is not None else None)
        if mine and row.state == "running":
            connection.execute(
                sa.update(_loads)
                .where(_loads.c.load_id == load.load_id)
                .values(
                    state="failed",
                    finished_at=datetime.now(UTC),
                    files={**row.files, "error": words_of(error)},
                )
            )
    if folder is not None and not (mine and row.state == "prepared"):
        shutil.rmtree(folder, ignore_errors=True)
        (stores.folder(TOUCHED_FOLDER) / f"{folder.name}.parquet").unlink(missing_ok=True)


def words_of(error: BaseException | None) -> str | None:
    """An error's words where they are ours, which quote no values of rows; of others the kind alone."""
    if error is None:
        return None
    return str(error) if isinstance(error, AimwellError) else type(error).__name__


def sweep(stores: Stores) -> None:
    """Remove the files of loads that have ended, whose process died before it could."""
    folders = [path for path in stores.folder("staging").iterdir() if path.is_dir()]
    if not folders:
        return
    query = sa.select(_loads.c.load_id).where(_loads.c.state.in_(["done", "failed"]))
    with stores.control.read() as connection:
        ended = set(connection.execute(query).scalars())
    for path in folders:
        if path.name.split("-")[0] in ended:
            shutil.rmtree(path, ignore_errors=True)
