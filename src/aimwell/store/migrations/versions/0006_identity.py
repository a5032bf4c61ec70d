"""What joins nobody, decisions about who is one person, candidates to look at, households."""

import sqlalchemy as sa
from alembic import op

from aimwell.store.control import JsonType, UtcDateTime

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "identity_set_aside",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("value_hash", sa.Text(), nullable=False, comment="As in identifiers."),
        sa.Column(
            "reason",
            sa.Text(),
            nullable=False,
            comment="too_many, names_differ, role_address, several_people, customer_ids_max, decision.",
        ),
        sa.Column("noted_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "value_hash", "reason", name=op.f("pk_identity_set_aside")),
    )
    op.create_index("ix_identity_set_aside_reason", "identity_set_aside", ["reason"])
    op.create_table(
        "identity_decisions",
        sa.Column("decision_id", _BIG, autoincrement=True, nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False, comment="apart or together."),
        sa.Column(
            "via",
            sa.Text(),
            nullable=False,
            comment="person, review or match (above its limit).",
        ),
        sa.Column(
            "probability", sa.Float(), nullable=True, comment="Of the candidate that it comes from."
        ),
        sa.Column(
            "reason", sa.Text(), nullable=True, comment="In the words of who decided; ids only."
        ),
        sa.Column("decided_at", UtcDateTime(), nullable=False),
        sa.Column("decided_by", sa.Text(), nullable=False),
        sa.Column("undone_at", UtcDateTime(), nullable=True),
        sa.Column("undone_by", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("decision_id", name=op.f("pk_identity_decisions")),
    )
    op.create_table(
        "identity_decision_origins",
        sa.Column("decision_id", _BIG, nullable=False),
        sa.Column("origin_id", sa.Text(), nullable=False),
        sa.Column(
            "side", sa.Text(), nullable=False, comment="a or b; apart: each of a from each of b."
        ),
        sa.ForeignKeyConstraint(
            ["decision_id"],
            ["identity_decisions.decision_id"],
            name=op.f("fk_identity_decision_origins_decision_id"),
        ),
        sa.PrimaryKeyConstraint(
            "decision_id", "origin_id", name=op.f("pk_identity_decision_origins")
        ),
    )
    op.create_index(
        "ix_identity_decision_origins_origin_id", "identity_decision_origins", ["origin_id"]
    )
    op.create_table(
        "identity_candidates",
        sa.Column("candidate_id", _BIG, autoincrement=True, nullable=False),
        sa.Column("origin_a", sa.Text(), nullable=False, comment="The smaller of the two."),
        sa.Column("origin_b", sa.Text(), nullable=False),
        sa.Column(
            "probability", sa.Float(), nullable=False, comment="That the two are one person."
        ),
        sa.Column("weight", sa.Float(), nullable=True, comment="Log2 of the odds."),
        sa.Column("fields", JsonType, nullable=False, comment="Field → its part of the weight."),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column(
            "state",
            sa.Text(),
            nullable=False,
            comment="open, merged (above the limit), accepted, refused or withdrawn.",
        ),
        sa.Column("proposed_at", UtcDateTime(), nullable=False),
        sa.Column("decided_at", UtcDateTime(), nullable=True),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.Column(
            "decision_id", sa.BigInteger(), nullable=True, comment="The decision that it led to."
        ),
        sa.PrimaryKeyConstraint("candidate_id", name=op.f("pk_identity_candidates")),
        sa.UniqueConstraint(
            "origin_a", "origin_b", name=op.f("uq_identity_candidates_origin_a_origin_b")
        ),
    )
    op.create_index(op.f("ix_identity_candidates_origin_b"), "identity_candidates", ["origin_b"])
    op.create_index(
        op.f("ix_identity_candidates_decision_id"), "identity_candidates", ["decision_id"]
    )
    op.create_index("ix_identity_candidates_state", "identity_candidates", ["state", "probability"])
    op.create_table(
        "households",
        sa.Column("profile_id", sa.Text(), nullable=False),
        sa.Column("address_hash", sa.Text(), nullable=False, comment="Keyed hash."),
        sa.Column(
            "name_hash", sa.Text(), nullable=False, comment="Keyed hash of address and last name."
        ),
        sa.Column(
            "has_name", sa.Boolean(), nullable=False, comment="Whether a last name is known."
        ),
        sa.Column(
            "household_id",
            sa.Text(),
            nullable=True,
            comment="Null: the address has too many people.",
        ),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("profile_id", name=op.f("pk_households")),
    )
    op.create_index(op.f("ix_households_address_hash"), "households", ["address_hash"])
    op.create_index(op.f("ix_households_household_id"), "households", ["household_id"])
