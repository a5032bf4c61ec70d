"""By what the erased stand in rows that a load under way sets aside."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "erased_values",
        sa.Column(
            "value_hash",
            sa.Text(),
            nullable=False,
            comment="Keyed hash of an identifier, address or number by which the person stands in rows.",
        ),
        sa.Column("erasure_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["erasure_id"],
            ["erasures.erasure_id"],
            name=op.f("fk_erased_values_erasure_id"),
        ),
        sa.PrimaryKeyConstraint("value_hash", "erasure_id", name=op.f("pk_erased_values")),
    )
