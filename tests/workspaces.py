"""New workspaces, quickly: each process makes an empty one once, by `create_stores`, and copies it.

A copy has keys and an id of its own. Its control database is the copied SQLite file or, where a URL says so, an empty
PostgreSQL database that is given the whole schema at once; that the migrations lead to the same schema is a test of
the store's (`test_migrations_lead_to_the_tables_that_the_code_knows`).
"""

from __future__ import annotations

import secrets
import shutil
import tempfile
import uuid
from functools import cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from aimwell.settings import FILE_NAME, load_settings, render_toml
from aimwell.store.control import Control, upsert
from aimwell.store.revisions import head_revision
from aimwell.store.schema import metadata
from aimwell.store.stores import Stores, create_stores, open_stores

__all__ = ["new_workspace"]

_CONTROL = "control.sqlite3"
_meta = metadata.tables["workspace_meta"]


def new_workspace(
    root: Path, *, identity_key: bytes, control_url: str | None = None, **settings: Any
) -> Stores:
    """A new workspace in the folder `root`, as `create_stores` makes it.

    Args:
        root: The folder; where it is there already, `create_stores` is left to say what becomes of it.
        identity_key: 32 bytes.
        control_url: A new, empty database; default: SQLite in the folder.
        settings: As in aimwell.toml.
    """
    given = {"control_url": control_url, **settings}
    if root.exists():
        return create_stores(root, identity_key=identity_key, **given)
    written = render_toml(load_settings(None, environment={}, **given))
    shutil.copytree(_empty(), root)
    (root / FILE_NAME).write_text(written, encoding="utf-8")
    if control_url is not None:
        _put_control(root / _CONTROL, control_url)
    control = Control(control_url or f"sqlite+pysqlite:///{root / _CONTROL}")
    ids = {
        "workspace_id": uuid.uuid4().hex,
        "identity_key": identity_key.hex(),
        "token_key": secrets.token_hex(32),
        "lake_tables": _shape_of_the_lake(),
    }
    with control.begin() as connection:
        rows = [{"key": key, "value": value} for key, value in ids.items()]
        upsert(connection, _meta, rows, update=("value",))
    control.close()
    return open_stores(root, **given)


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="aimwell-empty-")


@cache
def _empty() -> Path:
    """An empty workspace; never opened again."""
    root = Path(_folder().name) / "workspace"
    create_stores(root).close()
    return root


@cache
def _shape_of_the_lake() -> str:
    control = Control(f"sqlite+pysqlite:///{_empty() / _CONTROL}", read_only=True)
    with control.read() as connection:
        found = connection.execute(
            sa.select(_meta.c.value).where(_meta.c.key == "lake_tables")
        ).scalar_one()
    control.close()
    return str(found)


def _put_control(file: Path, url: str) -> None:
    """Bring the schema to where `url` says: the file itself, or the tables that it has."""
    place = sa.make_url(url)
    if place.get_backend_name() == "sqlite":
        shutil.move(file, str(place.database))
        return
    file.unlink()
    control = Control(url)
    with control.begin() as connection:
        connection.exec_driver_sql(_schema_script())
    control.close()


@cache
def _schema_script() -> str:
    """PostgreSQL's statements for all tables, and the note that no migration is missing."""
    statements: list[str] = []
    engine = sa.create_mock_engine(
        "postgresql+psycopg://",
        lambda statement, *_, **__: statements.append(
            str(statement.compile(dialect=engine.dialect))
        ),
    )
    metadata.create_all(engine, checkfirst=False)
    statements += [
        "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL,"
        " CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))",
        f"INSERT INTO alembic_version VALUES ('{head_revision()}')",  # noqa: S608 - a number of ours
    ]
    return ";\n".join(statements).replace("%", "%%")
