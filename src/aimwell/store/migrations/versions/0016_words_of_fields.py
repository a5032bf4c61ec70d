"""Which source said each field of a person in the vault, and when each of the further fields was said."""

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from alembic import op

from aimwell.store.control import JsonType, UtcDateTime

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_FIELDS = (
    *("customer_id", "email", "phone", "first_name", "last_name", "full_name", "street"),
    *("postcode", "birth_date", "ip"),
)
_BATCH = 5_000
_BEGIN = datetime(1970, 1, 1, tzinfo=UTC)


def upgrade() -> None:
    """Add the columns. What is known already was said, as far as anybody knows, by the source of its row."""
    for name in _FIELDS:
        comment = f"Who said {name}; null: `source` did."
        column = sa.Column(f"{name}_source", sa.Text(), nullable=True, comment=comment)
        op.add_column("vault_people", column)
    comment = (
        "Of each name in extra: when it was said (microseconds since 1970), and by which source."
    )
    op.add_column(
        "vault_people", sa.Column("extra_words", JsonType, nullable=True, comment=comment)
    )
    people = sa.table(
        "vault_people",
        sa.column("origin_id", sa.Text()),
        sa.column("source", sa.Text()),
        sa.column("extra", JsonType),
        sa.column("extra_at", UtcDateTime()),
        sa.column("extra_words", JsonType),
    )
    connection, after = op.get_bind(), ""
    while True:
        rows = connection.execute(
            sa.select(people)
            .where(people.c.extra.is_not(None), people.c.origin_id > after)
            .order_by(people.c.origin_id)
            .limit(_BATCH)
        ).all()
        for row in rows:
            micros = (row.extra_at - _BEGIN) // timedelta(microseconds=1)
            words = {name: [micros, row.source] for name in row.extra or ()}
            connection.execute(
                sa.update(people)
                .where(people.c.origin_id == row.origin_id)
                .values(extra_words=words or sa.null())
            )
        if len(rows) < _BATCH:
            return
        after = rows[-1].origin_id
