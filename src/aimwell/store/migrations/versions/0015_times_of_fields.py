"""When each field of a person in the vault was said."""

import sqlalchemy as sa
from alembic import op

from aimwell.store.control import UtcDateTime

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_FIELDS = (
    *("customer_id", "email", "phone", "first_name", "last_name", "full_name", "street"),
    *("postcode", "birth_date", "ip", "extra"),
)


def upgrade() -> None:
    """Add the times. What is known already was said, as far as anybody knows, when its row was."""
    for name in _FIELDS:
        comment = f"When {name} was said; null: it was not."
        op.add_column(
            "vault_people", sa.Column(f"{name}_at", UtcDateTime(), nullable=True, comment=comment)
        )
    people = sa.table(
        "vault_people",
        *(sa.column(name) for name in _FIELDS),
        *(sa.column(f"{name}_at") for name in _FIELDS),
        sa.column("set_at"),
    )
    op.execute(
        sa.update(people).values(
            {
                f"{name}_at": sa.case((people.c[name].is_not(None), people.c.set_at))
                for name in _FIELDS
            }
        )
    )
