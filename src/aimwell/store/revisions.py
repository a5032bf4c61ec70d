"""Which schema a control database has, and which this version of Aimwell makes.

Asked at every start, so it is read without Alembic, which takes longer to import than most commands run.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import sqlalchemy as sa

from aimwell.store.control import Control

__all__ = ["current_revision", "head_revision"]

_VERSIONS = Path(__file__).with_name("migrations") / "versions"
_table = sa.table("alembic_version", sa.column("version_num"))


def current_revision(control: Control) -> str | None:
    """The revision of the database; None: empty."""
    with control.read() as connection:
        if not sa.inspect(connection).has_table(_table.name):
            return None
        found = connection.execute(sa.select(_table.c.version_num)).scalar_one_or_none()
        return None if found is None else str(found)


@cache
def head_revision() -> str:
    """The newest revision that this version of Aimwell knows: the highest number of a migration."""
    return max(file.name.partition("_")[0] for file in _VERSIONS.glob("[0-9]*_*.py"))
