"""Where the values of a profile come from, and what is computed of it."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from aimwell.store.control import JsonType, UtcDateTime

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_COLUMNS: tuple[sa.Column[Any], ...] = (
    sa.Column(
        "provenance",
        JsonType,
        comment="Trait → [source, since when, confidence]; null: written before this was kept.",
    ),
    sa.Column("state_hash", sa.Text(), comment="Of all the columns above, to see what differs."),
    sa.Column("computed", JsonType, comment="Computed trait → value; undefined ones are absent."),
    sa.Column("computed_hash", sa.Text(), comment="Of `computed`."),
    sa.Column("computed_at", UtcDateTime(), comment="When `computed` last changed."),
)


def upgrade() -> None:
    """Add the columns; the next run of unify fills them."""
    for column in _COLUMNS:
        op.add_column("profiles", column)
    if op.get_bind().dialect.name == "postgresql":  # SQLite keeps no comments
        op.alter_column(
            "profiles",
            "traits",
            comment="Trait → the value that counts.",
            existing_comment="Trait → newest value.",
        )
