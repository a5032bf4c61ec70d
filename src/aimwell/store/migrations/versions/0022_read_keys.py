"""Keys with which other systems read what is expected of a person."""

import sqlalchemy as sa
from alembic import op

from aimwell.store.control import UtcDateTime

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "read_keys",
        sa.Column(
            "key_hash", sa.Text(), nullable=False, comment="SHA-256 of the key; it is kept nowhere."
        ),
        sa.Column("key_id", sa.Text(), nullable=False, comment="Names it in lists and logs."),
        sa.Column("label", sa.Text(), nullable=False, comment="Who asks with it, as 'web shop'."),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("revoked_at", UtcDateTime()),
        sa.PrimaryKeyConstraint("key_hash", name=op.f("pk_read_keys")),
        sa.UniqueConstraint("key_id", name=op.f("uq_read_keys_key_id")),
    )
