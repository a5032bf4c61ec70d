"""Who is one person and why, households, and the current state of each profile."""

from __future__ import annotations

import sqlalchemy as sa

from aimwell.store.control import JsonType, UtcDateTime
from aimwell.store.schema.base import AutoId, Big, Bool, Int, Real, Text, metadata

__all__ = [
    "households",
    "identifiers",
    "identity_candidates",
    "identity_decision_origins",
    "identity_decisions",
    "identity_overrides",
    "identity_set_aside",
    "match_models",
    "profiles",
]

identifiers = sa.Table(
    "identifiers",
    metadata,
    sa.Column("kind", Text, primary_key=True, comment="customer_id, email, phone …"),
    sa.Column("value_hash", Text, primary_key=True, comment="Keyed hash of the normalised value."),
    sa.Column("origin_id", Text, primary_key=True),
    sa.Column("source", Text, nullable=False),
    sa.Column("first_seen_at", UtcDateTime, nullable=False),
    sa.Index("ix_identifiers_origin_id", "origin_id"),
)

identity_overrides = sa.Table(
    "identity_overrides",
    metadata,
    sa.Column(
        "origin_id", Text, primary_key=True, comment="An origin that is not its own profile."
    ),
    sa.Column("profile_id", Text, nullable=False, index=True),
    sa.Column("evidence", JsonType, nullable=False, comment="Kinds of identifiers that join them."),
    sa.Column("merged_at", UtcDateTime, nullable=False),
)

identity_set_aside = sa.Table(
    "identity_set_aside",
    metadata,
    sa.Column("kind", Text, primary_key=True),
    sa.Column("value_hash", Text, primary_key=True, comment="As in identifiers."),
    sa.Column(
        "reason",
        Text,
        primary_key=True,
        comment="too_many, names_differ, role_address, several_people, customer_ids_max, decision.",
    ),
    sa.Column("noted_at", UtcDateTime, nullable=False),
    sa.Index("ix_identity_set_aside_reason", "reason"),
)

identity_decisions = sa.Table(
    "identity_decisions",
    metadata,
    sa.Column("decision_id", AutoId, primary_key=True, autoincrement=True),
    sa.Column("verdict", Text, nullable=False, comment="apart or together."),
    sa.Column("via", Text, nullable=False, comment="person, review or match (above its limit)."),
    sa.Column("probability", Real, comment="Of the candidate that it comes from."),
    sa.Column("reason", Text, comment="In the words of who decided; ids only."),
    sa.Column("decided_at", UtcDateTime, nullable=False),
    sa.Column("decided_by", Text, nullable=False),
    sa.Column("undone_at", UtcDateTime),
    sa.Column("undone_by", Text),
)

identity_decision_origins = sa.Table(
    "identity_decision_origins",
    metadata,
    sa.Column(
        "decision_id",
        Big().with_variant(Int, "sqlite"),
        sa.ForeignKey("identity_decisions.decision_id"),
        primary_key=True,
    ),
    sa.Column("origin_id", Text, primary_key=True),
    sa.Column("side", Text, nullable=False, comment="a or b; apart: each of a from each of b."),
    sa.Index("ix_identity_decision_origins_origin_id", "origin_id"),
)

identity_candidates = sa.Table(
    "identity_candidates",
    metadata,
    sa.Column("candidate_id", AutoId, primary_key=True, autoincrement=True),
    sa.Column("origin_a", Text, nullable=False, comment="The smaller of the two."),
    sa.Column("origin_b", Text, nullable=False, index=True),
    sa.Column("probability", Real, nullable=False, comment="That the two are one person."),
    sa.Column("weight", Real, comment="Log2 of the odds."),
    sa.Column("fields", JsonType, nullable=False, comment="Field → its part of the weight."),
    sa.Column("model", Text, nullable=False),
    sa.Column(
        "state",
        Text,
        nullable=False,
        comment="open, merged (above the limit), accepted, refused or withdrawn.",
    ),
    sa.Column("proposed_at", UtcDateTime, nullable=False),
    sa.Column("decided_at", UtcDateTime),
    sa.Column("decided_by", Text),
    sa.Column("decision_id", Big, index=True, comment="The decision that it led to."),
    sa.UniqueConstraint("origin_a", "origin_b"),
    sa.Index("ix_identity_candidates_state", "state", "probability"),
)

match_models = sa.Table(
    "match_models",
    metadata,
    sa.Column("version", Int, primary_key=True, autoincrement=False),
    sa.Column(
        "document",
        JsonType,
        nullable=False,
        comment="Fields and parameters: frequencies and weights, no values of people.",
    ),
    sa.Column("learned_at", UtcDateTime, nullable=False),
    sa.Column("learned_by", Text, nullable=False),
    sa.Column(
        "compared_to",
        UtcDateTime,
        comment="Whoever was known before has been compared by this model; null: nobody yet.",
    ),
)

households = sa.Table(
    "households",
    metadata,
    sa.Column("profile_id", Text, primary_key=True),
    sa.Column("address_hash", Text, nullable=False, index=True, comment="Keyed hash."),
    sa.Column("name_hash", Text, nullable=False, comment="Keyed hash of address and last name."),
    sa.Column("has_name", Bool, nullable=False, comment="Whether a last name is known."),
    sa.Column("household_id", Text, index=True, comment="Null: the address has too many people."),
    sa.Column("updated_at", UtcDateTime, nullable=False),
)

profiles = sa.Table(
    "profiles",
    metadata,
    sa.Column("profile_id", Text, primary_key=True),
    sa.Column("first_seen_at", UtcDateTime, nullable=False, index=True),
    sa.Column("last_seen_at", UtcDateTime, nullable=False),
    sa.Column("orders", Int, nullable=False, server_default="0", comment="Sales; 0: a prospect."),
    sa.Column("traits", JsonType, nullable=False, comment="Trait → the value that counts."),
    sa.Column("timezone", Text, comment="IANA zone of the person, if known and valid."),
    sa.Column(
        "visitor",
        Bool,
        nullable=False,
        server_default=sa.false(),
        comment="Only a browser or device that was shown pages: nobody yet who is counted among people.",
    ),
    sa.Column("updated_at", UtcDateTime, nullable=False),
    sa.Column(
        "provenance",
        JsonType,
        comment="Trait → [source, since when, confidence]; null: written before this was kept.",
    ),
    sa.Column("state_hash", Text, comment="Of all the columns above, to see what differs."),
    sa.Column("computed", JsonType, comment="Computed trait → value; undefined ones are absent."),
    sa.Column("computed_hash", Text, comment="Of `computed`."),
    sa.Column("computed_at", UtcDateTime, comment="When `computed` last changed."),
    # People, prospects and visitors are counted after each load.
    sa.Index("ix_profiles_visitor_orders", "visitor", "orders"),
)
