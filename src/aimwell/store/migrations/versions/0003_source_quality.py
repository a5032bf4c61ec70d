"""Quality of sources: how expectations fared, what was replayed from quarantine, each time a source was looked at."""

import sqlalchemy as sa
from alembic import op

from aimwell.store.control import JsonType, UtcDateTime

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "expectation_results",
        sa.Column("load_id", sa.Text(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False, comment="In the definition, from 0."),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("entity", sa.Text(), nullable=False),
        sa.Column(
            "name", sa.Text(), nullable=False, comment="Its name, else the reason of its kind."
        ),
        sa.Column("kind", sa.Text(), nullable=False, comment="required, type, range, in …"),
        sa.Column("field", sa.Text(), nullable=True),
        sa.Column("severity", sa.Text(), nullable=False, comment="quarantine or warn."),
        sa.Column("rows", sa.BigInteger(), nullable=False, comment="Rows looked at."),
        sa.Column("broken", sa.BigInteger(), nullable=False, comment="Rows that do not fulfil it."),
        sa.Column("detail", sa.Text(), nullable=False, comment="What is expected, in words."),
        sa.Column("measured_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("load_id", "place", name=op.f("pk_expectation_results")),
    )
    op.create_index(
        "ix_expectation_results_source", "expectation_results", ["source", "measured_at"]
    )
    op.create_table(
        "quarantine_settled",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("entity", sa.Text(), nullable=False),
        sa.Column(
            "row_hash", sa.Text(), nullable=False, comment="The row as it waited in quarantine."
        ),
        sa.Column("load_id", sa.Text(), nullable=False, comment="The replay that took it up."),
        sa.Column(
            "corrected",
            sa.Boolean(),
            nullable=False,
            comment="Another row stands for it, so that the old one in a later file is not taken beside it.",
        ),
        sa.Column(
            "taken",
            sa.Boolean(),
            nullable=False,
            comment="False: its correction waits in its place.",
        ),
        sa.Column("settled_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint(
            "source", "entity", "row_hash", "load_id", name=op.f("pk_quarantine_settled")
        ),
    )
    op.create_index("ix_quarantine_settled_load_id", "quarantine_settled", ["load_id"])
    op.create_table(
        "source_runs",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("started_at", UtcDateTime(), nullable=False),
        sa.Column("finished_at", UtcDateTime(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False, comment="taken, unchanged or failed."),
        sa.Column(
            "rows", sa.BigInteger(), nullable=True, comment="Rows read; null where nothing was."
        ),
        sa.Column("error", sa.Text(), nullable=True, comment="Why it failed, in words."),
        sa.Column(
            "columns",
            JsonType,
            nullable=True,
            comment="File → column → type, where the files were read.",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_source_runs")),
    )
    op.create_index("ix_source_runs_source", "source_runs", ["source", "id"])
