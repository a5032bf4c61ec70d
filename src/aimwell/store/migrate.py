"""Brings a control database to the newest schema."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from aimwell.store.control import Control

__all__ = ["alembic_config", "current_revision", "head_revision", "upgrade"]


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
    """Run the migrations that are missing, all in one transaction; harmless when there are none."""
    with control.begin() as connection:
        if not control.is_sqlite:
            # Two processes that start at once: the second waits here and then finds nothing to do.
            connection.execute(sa.text("SELECT pg_advisory_xact_lock(4246113)"))
        if MigrationContext.configure(connection).get_current_revision() != head_revision():
            command.upgrade(alembic_config(connection), "head")


def current_revision(control: Control) -> str | None:
    """The revision of the database; None: empty."""
    with control.read() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def head_revision() -> str | None:
    """The newest revision that this version of Aimwell knows."""
    return ScriptDirectory.from_config(alembic_config()).get_current_head()
