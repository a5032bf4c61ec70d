"""Brings a control database to the newest schema."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from aimwell.errors import WorkspaceError
from aimwell.store.control import Control
from aimwell.store.revisions import head_revision

__all__ = ["alembic_config", "upgrade"]

# Before 0.1.0 the numbers of the migrations did not follow their order: the newest was 0005, and only it made
# the table. It is 0009 now, with the same tables.
_NEWEST_ONCE, _NEWEST_ONCE_NOW, _ITS_TABLE = "0005", "0009", "source_objects"


def alembic_config(connection: sa.Connection | None = None) -> Config:
    """Alembic's configuration with the project's migrations, on `connection`."""
    config = Config()
    config.set_main_option(
        "script_location", str(Path(__file__).with_name("migrations")).replace("%", "%%")
    )
    config.set_main_option("path_separator", "newline")
    config.attributes["connection"] = connection
    return config


def upgrade(control: Control) -> None:
    """Run the migrations that are missing, all in one transaction; harmless when there are none.

    Raises:
        WorkspaceError: A newer version of Aimwell has migrated the database already.
    """
    with control.begin() as connection:
        if not control.is_sqlite:
            # Two processes that start at once: the second waits here and then finds nothing to do.
            connection.execute(sa.text("SELECT pg_advisory_xact_lock(4246113)"))
        found = MigrationContext.configure(connection).get_current_revision()
        if found == _NEWEST_ONCE and sa.inspect(connection).has_table(_ITS_TABLE):
            command.stamp(alembic_config(connection), _NEWEST_ONCE_NOW)
            found = _NEWEST_ONCE_NOW
        if found == head_revision():
            return
        if found is not None and found not in _known_revisions():
            raise WorkspaceError(
                f"The control database has revision {found}, which this version of Aimwell does not know "
                f"(newest known: {head_revision()}). Install the newer version that made it."
            )
        command.upgrade(alembic_config(connection), "head")


def _known_revisions() -> frozenset[str]:
    scripts = ScriptDirectory.from_config(alembic_config())
    return frozenset(script.revision for script in scripts.walk_revisions())
