"""Free texts of reviews and answers, in the vault."""

import sqlalchemy as sa
from alembic import op

from aimwell.store.control import UtcDateTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table of texts."""
    op.create_table(
        "vault_texts",
        sa.Column("text_id", sa.Text(), nullable=False, comment="As text_id in the lake's tables."),
        sa.Column(
            "origin_id", sa.Text(), nullable=True, comment="Who wrote it; null: nobody known."
        ),
        sa.Column("kind", sa.Text(), nullable=False, comment="review, answer."),
        sa.Column(
            "content", sa.Text(), nullable=False, comment="The free text, as it was written."
        ),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("said_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("text_id", name=op.f("pk_vault_texts")),
    )
    op.create_index("ix_vault_texts_origin_id", "vault_texts", ["origin_id"], unique=False)
