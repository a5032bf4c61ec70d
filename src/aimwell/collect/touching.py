"""Whom a load touched: kept until they are unified, so that nobody else need be looked at.

A file of keyed hashes lies in the workspace from before the load counts until its people are unified. A load without one
(the first of a workspace, one of very many people, one of an older version) concerns everybody.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import sqlalchemy as sa
from sqlglot import exp

from aimwell.collect.desk import Desk
from aimwell.collect.entity_specs import SPECS
from aimwell.collect.job import Job
from aimwell.collect.loads import TOUCHED_FOLDER
from aimwell.definitions.kinds.source import Entity
from aimwell.errors import StoreError
from aimwell.store.disk import settle
from aimwell.store.schema import metadata
from aimwell.store.sql import column, identifier, sql, union_all
from aimwell.store.stores import Stores
from aimwell.store.tables import LAKE_TABLES

__all__ = ["TOUCHED_MAX", "keep_touched", "note_touched", "touched_by"]

TOUCHED_MAX = 300_000
"""Of a load that touches more, everybody is looked at: that is quicker."""

_ABOUT_NOBODY = frozenset({"products", "rates"})
_FACTS = ("category", "price", "unit_cost")
"""What of a product counts in the state of those who bought it or have it in their cart."""

_loads = metadata.tables["loads"]
_profiles = metadata.tables["profiles"]


def note_touched(job: Job, entity: Entity) -> str | None:
    """Write down whom the rows worked out for an entity touch: all of whom the lake, the vault or the identifiers get
    anything new, and those who bought a product of which something is new.

    Returns:
        Name of the file; None: everybody, or so many that it comes to that.
    """
    if _is_first(job.stores):
        return None
    parts: list[exp.Expr] = [
        exp.select("origin_id").from_(_files(files))
        for name, files in _written(job)
        if "origin_id" in LAKE_TABLES[name].names
    ]
    if _is_about_people(entity):
        parts.append(
            sql("SELECT o.origin_id FROM fresh AS f JOIN origins AS o ON o.person = f.person")
        )
    parts += _buyers(job)
    parts.append(sql("SELECT CAST(NULL AS varchar) AS origin_id"))
    return _kept(job.stores, job.desk, job.folder, union_all(parts))


def keep_touched(stores: Stores, desk: Desk, folder: Path, origins: exp.Expr) -> str | None:
    """The same of a load whose `folder` it is, of the `origin_id` of a query."""
    return None if _is_first(stores) else _kept(stores, desk, folder, origins)


def _is_first(stores: Stores) -> bool:
    """Whether nobody is known yet, so that everybody is looked at anyway."""
    with stores.read_control() as connection:
        return connection.execute(sa.select(_profiles.c.profile_id).limit(1)).first() is None


def _kept(stores: Stores, desk: Desk, folder: Path, origins: exp.Expr) -> str | None:
    desk.session.materialise(
        "touched",
        sql(
            "SELECT DISTINCT origin_id FROM :origins AS p WHERE origin_id IS NOT NULL LIMIT :most",
            origins=origins,
            most=TOUCHED_MAX + 1,
        ),
    )
    [(number,)] = desk.session.rows(sql("SELECT count(*) FROM touched"))
    if number > TOUCHED_MAX:
        return None
    path = stores.folder(TOUCHED_FOLDER) / f"{folder.name}.parquet"
    desk.write_rows(sql("SELECT origin_id FROM touched"), path)
    settle([path])
    return path.name


def touched_by(stores: Stores, load_ids: Sequence[str]) -> frozenset[str] | None:
    """Whom these loads touched; None: everybody, or it is not known any more."""
    noted = sa.select(_loads.c.files).where(_loads.c.load_id.in_(list(load_ids)))
    with stores.read_control() as connection:
        names = [files.get("touched") for files in connection.execute(noted).scalars()]
    if None in names:
        return None
    files = [stores.folder(TOUCHED_FOLDER) / name for name in names]
    if not all(file.exists() for file in files):
        return None
    if not files:
        return frozenset()
    with stores.engine.session() as session:
        query = exp.select("origin_id").distinct().from_(_files(files))
        try:
            return frozenset(row[0] for row in session.rows(query))
        except StoreError:  # a damaged file says as little as one that is gone
            return None


def _is_about_people(entity: Entity) -> bool:
    if entity.entity in SPECS:
        return SPECS[entity.entity].person != "none"
    return entity.entity not in _ABOUT_NOBODY


def _written(job: Job) -> list[tuple[str, list[Path]]]:
    """Table and files of what the lake is to get."""
    folders = sorted(path for path in job.folder.iterdir() if path.is_dir())
    found = [(path.name, sorted(path.glob("*.parquet"))) for path in folders]
    return [(name, files) for name, files in found if files]


def _buyers(job: Job) -> list[exp.Select]:
    """Who bought, or looked at, a product of which the load says something that counts."""
    files = dict(_written(job)).get("products")
    if files is None:
        return []
    says = exp.or_(*(sql(":x IS NOT NULL", x=column(name)) for name in _FACTS))
    job.session.materialise("news", exp.select("sku").distinct().from_(_files(files)).where(says))
    if not job.session.rows(sql("SELECT 1 FROM news LIMIT 1")):
        return []
    found = []
    for name in ("order_lines", "events"):
        job.session.bind(f"known_{name}", job.lake(name))
        known = exp.select("origin_id").from_(f"known_{name}")
        found.append(known.where("sku IN (SELECT sku FROM news)"))
    return found


def _files(files: Sequence[Path]) -> exp.Subquery:
    listed = exp.Array(expressions=[exp.Literal.string(str(file)) for file in files])
    rows = sql("SELECT * FROM read_parquet(:files)", files=listed)
    return exp.Subquery(this=rows, alias=exp.TableAlias(this=identifier("files")))
