"""The vault of personal data, secrets, and what people allow. Personal data stands in the tables `vault_…` only."""

from __future__ import annotations

import sqlalchemy as sa

from aimwell.store.control import JsonType, UtcDateTime
from aimwell.store.schema.base import AutoId, Text, metadata

__all__ = [
    "consents",
    "erased_origins",
    "erased_values",
    "erasures",
    "read_keys",
    "secrets",
    "suppressions",
    "vault_originals",
    "vault_parts",
    "vault_people",
    "vault_rows",
    "vault_statements",
    "vault_texts",
]

_FIELDS = (
    *("customer_id", "email", "phone", "first_name", "last_name", "full_name", "street"),
    *("postcode", "birth_date", "ip"),
)

vault_people = sa.Table(
    "vault_people",
    metadata,
    sa.Column("origin_id", Text, primary_key=True),
    *(sa.Column(name, Text) for name in _FIELDS),
    sa.Column("extra", JsonType, comment="Other personal fields by name."),
    sa.Column("source", Text, nullable=False),
    sa.Column("set_at", UtcDateTime, nullable=False),
    *(
        sa.Column(f"{name}_at", UtcDateTime, comment=f"When {name} was said; null: it was not.")
        for name in (*_FIELDS, "extra")
    ),
    *(
        sa.Column(f"{name}_source", Text, comment=f"Who said {name}; null: `source` did.")
        for name in _FIELDS
    ),
    sa.Column(
        "extra_words",
        JsonType,
        comment="Of each name in extra: when it was said (microseconds since 1970), and by which source.",
    ),
)

vault_originals = sa.Table(
    "vault_originals",
    metadata,
    sa.Column("origin_id", Text, primary_key=True),
    sa.Column("source", Text, primary_key=True),
    sa.Column("field", Text, primary_key=True, comment="Column of vault_people, or of its extra."),
    sa.Column("value", Text, primary_key=True, comment="What was made of it; empty: nothing."),
    sa.Column("written", Text, nullable=False, comment="The text as the source had it last."),
    sa.Column("how", Text, nullable=False, comment="As email, phone:GB, spaces+title."),
    sa.Column("set_at", UtcDateTime, nullable=False),
)

vault_statements = sa.Table(
    "vault_statements",
    metadata,
    sa.Column("origin_id", Text, primary_key=True),
    sa.Column("source", Text, primary_key=True),
    sa.Column("field", Text, primary_key=True, comment="Column of vault_people."),
    sa.Column("value", Text, primary_key=True, comment="As it was said last at said_at."),
    sa.Column("said_at", UtcDateTime, nullable=False),
)

vault_rows = sa.Table(
    "vault_rows",
    metadata,
    sa.Column("row_hash", Text, primary_key=True),
    sa.Column("source", Text, nullable=False),
    sa.Column("content", Text, nullable=False, comment="The quarantined row as JSON."),
    sa.Column("kept_at", UtcDateTime, nullable=False),
)

vault_texts = sa.Table(
    "vault_texts",
    metadata,
    sa.Column("text_id", Text, primary_key=True, comment="As text_id in the lake's tables."),
    sa.Column("origin_id", Text, index=True, comment="Who wrote it; null: nobody known."),
    sa.Column("kind", Text, nullable=False, comment="review, answer."),
    sa.Column("content", Text, nullable=False, comment="The free text, as it was written."),
    sa.Column("source", Text, nullable=False),
    sa.Column("said_at", UtcDateTime, nullable=False),
)

vault_parts = sa.Table(
    "vault_parts",
    metadata,
    sa.Column("vault_key", Text, primary_key=True, comment="As vault_key in the lake's events."),
    sa.Column("origin_id", Text, nullable=False, index=True),
    sa.Column("source", Text, nullable=False),
    sa.Column("content", Text, nullable=False, comment="The personal part of messages, as JSON."),
    sa.Column("first_at", UtcDateTime, nullable=False, comment="Of the first message with it."),
    sa.Column("last_at", UtcDateTime, nullable=False, comment="Of the last message with it."),
)

secrets = sa.Table(
    "secrets",
    metadata,
    sa.Column("name", Text, primary_key=True),
    sa.Column("ciphertext", sa.LargeBinary, nullable=False, comment="AES-256-GCM, nonce first."),
    sa.Column("set_at", UtcDateTime, nullable=False),
)

consents = sa.Table(
    "consents",
    metadata,
    sa.Column("id", AutoId, primary_key=True, autoincrement=True),
    sa.Column("origin_id", Text, nullable=False),
    sa.Column("purpose", Text, nullable=False, comment="As 'marketing'."),
    sa.Column("channel", Text, nullable=False, comment="As 'email'."),
    sa.Column("state", Text, nullable=False, comment="granted, denied or revoked."),
    sa.Column("occurred_at", UtcDateTime, nullable=False, index=True),
    sa.Column("basis", Text, nullable=False, comment="opt_in, soft_opt_in, request."),
    sa.Column("source", Text, nullable=False),
    sa.Column("wording", Text, comment="What the person agreed to."),
    sa.UniqueConstraint("origin_id", "purpose", "channel", "occurred_at", "state", "source"),
)

suppressions = sa.Table(
    "suppressions",
    metadata,
    sa.Column("channel", Text, primary_key=True, comment="Channel, or 'all'."),
    sa.Column(
        "address_hash",
        Text,
        primary_key=True,
        comment="Keyed hash of the address; survives erasure.",
    ),
    sa.Column("reason", Text, nullable=False, comment="unsubscribed, bounced, complaint, manual."),
    sa.Column("source", Text, nullable=False),
    sa.Column("occurred_at", UtcDateTime, nullable=False),
)

erasures = sa.Table(
    "erasures",
    metadata,
    sa.Column(
        "erasure_id",
        Text,
        primary_key=True,
        comment="Random; stands for the person in what must stay.",
    ),
    sa.Column("erased_at", UtcDateTime, nullable=False),
    sa.Column("erased_by", Text, nullable=False),
    sa.Column("reason", Text),
    sa.Column("receipt", JsonType, nullable=False, comment="Rows by table; no id of the person."),
    sa.Column("purged_at", UtcDateTime, comment="Out of every file; null: not yet."),
)

erased_values = sa.Table(
    "erased_values",
    metadata,
    sa.Column(
        "value_hash",
        Text,
        primary_key=True,
        comment="Keyed hash of an identifier, address or number by which the person stands in rows.",
    ),
    sa.Column(
        "erasure_id", Text, sa.ForeignKey("erasures.erasure_id"), primary_key=True, nullable=False
    ),
)

erased_origins = sa.Table(
    "erased_origins",
    metadata,
    sa.Column("origin_id", Text, primary_key=True),
    sa.Column("erasure_id", Text, sa.ForeignKey("erasures.erasure_id"), nullable=False),
    sa.Column(
        "erased_at",
        UtcDateTime,
        nullable=False,
        comment="Rows of the lake received until then are nobody's any more.",
    ),
)

read_keys = sa.Table(
    "read_keys",
    metadata,
    sa.Column(
        "key_hash", Text, primary_key=True, comment="SHA-256 of the key; it is kept nowhere."
    ),
    sa.Column("key_id", Text, nullable=False, unique=True, comment="Names it in lists and logs."),
    sa.Column("label", Text, nullable=False, comment="Who asks with it, as 'web shop'."),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("revoked_at", UtcDateTime),
)
