"""The first schema of the control database."""

import sqlalchemy as sa
from alembic import op

from aimwell.store.control import JsonType, Money, UtcDateTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create all tables."""
    op.create_table(
        "alerts",
        sa.Column("key", sa.Text(), nullable=False, comment="The same trouble has the same key."),
        sa.Column("severity", sa.Text(), nullable=False, comment="info, warning, error."),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("first_at", UtcDateTime(), nullable=False),
        sa.Column("last_at", UtcDateTime(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("resolved_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_alerts")),
    )
    op.create_table(
        "attempts",
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("started_at", UtcDateTime(), nullable=False),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.Column(
            "outcome",
            sa.Text(),
            nullable=True,
            comment="accepted, refused, retry, unknown; null: never ended.",
        ),
        sa.Column("reply", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("message_id", "number", name=op.f("pk_attempts")),
    )
    op.create_table(
        "audit_log",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("occurred_at", UtcDateTime(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=True, comment="What it was done to; ids only."),
        sa.Column("detail", JsonType, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_log")),
    )
    op.create_index(op.f("ix_audit_log_occurred_at"), "audit_log", ["occurred_at"], unique=False)
    op.create_table(
        "consents",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("origin_id", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False, comment="As 'marketing'."),
        sa.Column("channel", sa.Text(), nullable=False, comment="As 'email'."),
        sa.Column("state", sa.Text(), nullable=False, comment="granted, denied or revoked."),
        sa.Column("occurred_at", UtcDateTime(), nullable=False),
        sa.Column("basis", sa.Text(), nullable=False, comment="opt_in, soft_opt_in, request."),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("wording", sa.Text(), nullable=True, comment="What the person agreed to."),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consents")),
        sa.UniqueConstraint(
            "origin_id",
            "purpose",
            "channel",
            "occurred_at",
            "state",
            "source",
            name=op.f("uq_consents_origin_id_purpose_channel_occurred_at_state_source"),
        ),
    )
    op.create_table(
        "definition_revisions",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("document", JsonType, nullable=True, comment="Null: the definition was removed."),
        sa.Column(
            "diff", sa.Text(), nullable=False, comment="Unified difference to the revision before."
        ),
        sa.Column("changed_at", UtcDateTime(), nullable=False),
        sa.Column("changed_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "name", "revision", name=op.f("pk_definition_revisions")),
    )
    op.create_table(
        "definitions",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("document", JsonType, nullable=False),
        sa.Column("changed_at", UtcDateTime(), nullable=False),
        sa.Column("changed_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "name", name=op.f("pk_definitions")),
    )
    op.create_table(
        "identifiers",
        sa.Column("kind", sa.Text(), nullable=False, comment="customer_id, email, phone …"),
        sa.Column(
            "value_hash", sa.Text(), nullable=False, comment="Keyed hash of the normalised value."
        ),
        sa.Column("origin_id", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("first_seen_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "value_hash", "origin_id", name=op.f("pk_identifiers")),
    )
    op.create_index("ix_identifiers_origin_id", "identifiers", ["origin_id"], unique=False)
    op.create_table(
        "identity_overrides",
        sa.Column(
            "origin_id", sa.Text(), nullable=False, comment="An origin that is not its own profile."
        ),
        sa.Column("profile_id", sa.Text(), nullable=False),
        sa.Column(
            "evidence", JsonType, nullable=False, comment="Kinds of identifiers that join them."
        ),
        sa.Column("merged_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("origin_id", name=op.f("pk_identity_overrides")),
    )
    op.create_index(
        op.f("ix_identity_overrides_profile_id"), "identity_overrides", ["profile_id"], unique=False
    )
    op.create_table(
        "jobs",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("payload", JsonType, nullable=False),
        sa.Column(
            "key",
            sa.Text(),
            nullable=True,
            comment="The same key is queued or running once at a time.",
        ),
        sa.Column(
            "state", sa.Text(), nullable=False, comment="queued, running, done, failed, cancelled."
        ),
        sa.Column(
            "priority", sa.Integer(), server_default="0", nullable=False, comment="Higher first."
        ),
        sa.Column("run_at", UtcDateTime(), nullable=False, comment="Not before."),
        sa.Column(
            "attempts", sa.Integer(), server_default="0", nullable=False, comment="Times started."
        ),
        sa.Column("attempts_max", sa.Integer(), server_default="5", nullable=False),
        sa.Column("cancel_requested", sa.Boolean(), nullable=False),
        sa.Column("lease_token", sa.Text(), nullable=True),
        sa.Column("lease_owner", sa.Text(), nullable=True, comment="As leases.owner."),
        sa.Column("lease_until", UtcDateTime(), nullable=True),
        sa.Column("progress_done", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("progress_total", sa.BigInteger(), nullable=True),
        sa.Column("progress_note", sa.Text(), nullable=True),
        sa.Column("result", JsonType, nullable=True),
        sa.Column(
            "error", sa.Text(), nullable=True, comment="Of the last attempt; without personal data."
        ),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("started_at", UtcDateTime(), nullable=True),
        sa.Column("finished_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs")),
    )
    op.create_index("ix_jobs_claim", "jobs", ["state", "priority", "run_at", "id"], unique=False)
    op.create_index(
        "uq_jobs_key",
        "jobs",
        ["key"],
        unique=True,
        sqlite_where=sa.text("state IN ('queued', 'running')"),
        postgresql_where=sa.text("state IN ('queued', 'running')"),
    )
    op.create_table(
        "leases",
        sa.Column("name", sa.Text(), nullable=False, comment="What is held, as 'lake:orders'."),
        sa.Column(
            "token",
            sa.Text(),
            nullable=False,
            comment="Random; only who knows it may renew or release.",
        ),
        sa.Column(
            "owner", sa.Text(), nullable=False, comment="Host, boot, pid and start of the process."
        ),
        sa.Column("until", UtcDateTime(), nullable=False, comment="Taken over after this."),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_leases")),
    )
    op.create_table(
        "links",
        sa.Column("plan_id", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False, comment="Template and variant."),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column(
            "personal",
            sa.Boolean(),
            nullable=False,
            comment="Its address travels sealed in the link.",
        ),
        sa.PrimaryKeyConstraint("plan_id", "content", "number", name=op.f("pk_links")),
    )
    op.create_table(
        "loads",
        sa.Column("load_id", sa.Text(), nullable=False),
        sa.Column(
            "seq",
            sa.BigInteger(),
            nullable=False,
            comment="Rising; version of the lake transactions.",
        ),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("entity", sa.Text(), nullable=False),
        sa.Column(
            "content_hash",
            sa.Text(),
            nullable=False,
            comment="SHA-256 of the files' bytes and the mapping.",
        ),
        sa.Column("files", JsonType, nullable=False),
        sa.Column("state", sa.Text(), nullable=False, comment="running, done, failed."),
        sa.Column("report", JsonType, nullable=True),
        sa.Column("started_at", UtcDateTime(), nullable=False),
        sa.Column("finished_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("load_id", name=op.f("pk_loads")),
        sa.UniqueConstraint("seq", name=op.f("uq_loads_seq")),
    )
    op.create_index("ix_loads_content", "loads", ["source", "content_hash"], unique=False)
    op.create_table(
        "message_events",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column(
            "event",
            sa.Text(),
            nullable=False,
            comment="Email Sent, Email Bounced, Email Opened, Email Link Clicked, Unsubscribed.",
        ),
        sa.Column(
            "link",
            sa.Integer(),
            nullable=True,
            comment="Number of the clicked link in its content.",
        ),
        sa.Column("occurred_at", UtcDateTime(), nullable=False),
        sa.Column("machine", sa.Boolean(), nullable=False),
        sa.Column("signs", JsonType, nullable=True, comment="Why it is taken for a machine."),
        sa.Column(
            "user_agent",
            sa.Text(),
            nullable=True,
            comment="What asked; for telling machines by later hits.",
        ),
        sa.Column(
            "batch",
            sa.BigInteger(),
            nullable=True,
            comment="Lake transaction that carries it; null: not yet.",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_message_events")),
    )
    op.create_index(op.f("ix_message_events_batch"), "message_events", ["batch"], unique=False)
    op.create_index(
        op.f("ix_message_events_message_id"), "message_events", ["message_id"], unique=False
    )
    op.create_table(
        "messages",
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("campaign", sa.Text(), nullable=False),
        sa.Column("plan_id", sa.Text(), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("profile_id", sa.Text(), nullable=False),
        sa.Column(
            "occurrence",
            sa.Text(),
            nullable=False,
            comment="Plan id for a campaign that goes out once.",
        ),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("variant", sa.Text(), nullable=True),
        sa.Column(
            "state",
            sa.Text(),
            nullable=False,
            comment="queued, sending, sent, stopped, failed, unknown.",
        ),
        sa.Column(
            "reason", sa.Text(), nullable=True, comment="Why it was stopped, failed or is unknown."
        ),
        sa.Column("due_at", UtcDateTime(), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("lease_token", sa.Text(), nullable=True),
        sa.Column("lease_until", UtcDateTime(), nullable=True),
        sa.Column("cost", Money(), nullable=True),
        sa.Column("sent_at", UtcDateTime(), nullable=True),
        sa.Column(
            "reply", sa.Text(), nullable=True, comment="The provider's answer, without the address."
        ),
        sa.PrimaryKeyConstraint("message_id", name=op.f("pk_messages")),
        sa.UniqueConstraint(
            "campaign",
            "step",
            "profile_id",
            "occurrence",
            name=op.f("uq_messages_campaign_step_profile_id_occurrence"),
        ),
    )
    op.create_index("ix_messages_claim", "messages", ["plan_id", "state", "due_at"], unique=False)
    op.create_index("ix_messages_lease", "messages", ["state", "lease_until"], unique=False)
    op.create_index("ix_messages_person", "messages", ["profile_id", "sent_at"], unique=False)
    op.create_table(
        "models",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column(
            "kind", sa.Text(), nullable=False, comment="propensity, lifetime_value, clusters …"
        ),
        sa.Column("as_of", UtcDateTime(), nullable=False),
        sa.Column("settings", JsonType, nullable=False),
        sa.Column("metrics", JsonType, nullable=False),
        sa.Column(
            "files",
            JsonType,
            nullable=False,
            comment="File name → SHA-256, checked before parsing.",
        ),
        sa.Column("lake_versions", JsonType, nullable=False),
        sa.Column("trained_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("name", "version", name=op.f("pk_models")),
    )
    op.create_table(
        "pins",
        sa.Column("table_name", sa.Text(), nullable=False, comment="Lake table."),
        sa.Column(
            "version",
            sa.BigInteger(),
            nullable=False,
            comment="Its files stay while this row stands.",
        ),
        sa.Column("owner", sa.Text(), nullable=False, comment="Who reads it, as 'plan:3f2a'."),
        sa.Column("until", UtcDateTime(), nullable=False, comment="Holds until then."),
        sa.PrimaryKeyConstraint("table_name", "version", "owner", name=op.f("pk_pins")),
    )
    op.create_table(
        "plans",
        sa.Column("plan_id", sa.Text(), nullable=False),
        sa.Column("campaign", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column(
            "state",
            sa.Text(),
            nullable=False,
            comment="planned, approved, sending, paused, sent, cancelled.",
        ),
        sa.Column("trial", sa.Boolean(), nullable=False),
        sa.Column("as_of", UtcDateTime(), nullable=False),
        sa.Column(
            "document",
            JsonType,
            nullable=False,
            comment="All definitions as they were when planned.",
        ),
        sa.Column("lake_versions", JsonType, nullable=False),
        sa.Column("summary", JsonType, nullable=False, comment="What explain shows."),
        sa.Column("planned_at", UtcDateTime(), nullable=False),
        sa.Column("planned_by", sa.Text(), nullable=False),
        sa.Column("approved_at", UtcDateTime(), nullable=True),
        sa.Column("approved_by", sa.Text(), nullable=True),
        sa.Column("started_at", UtcDateTime(), nullable=True),
        sa.Column("finished_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("plan_id", name=op.f("pk_plans")),
    )
    op.create_index(op.f("ix_plans_campaign"), "plans", ["campaign"], unique=False)
    op.create_table(
        "profiles",
        sa.Column("profile_id", sa.Text(), nullable=False),
        sa.Column("first_seen_at", UtcDateTime(), nullable=False),
        sa.Column("last_seen_at", UtcDateTime(), nullable=False),
        sa.Column(
            "orders",
            sa.Integer(),
            server_default="0",
            nullable=False,
            comment="Sales; 0: a prospect.",
        ),
        sa.Column("traits", JsonType, nullable=False, comment="Trait → newest value."),
        sa.Column(
            "timezone",
            sa.Text(),
            nullable=True,
            comment="IANA zone of the person, if known and valid.",
        ),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("profile_id", name=op.f("pk_profiles")),
    )
    op.create_table(
        "reports",
        sa.Column("report_id", sa.Text(), nullable=False),
        sa.Column("plan_id", sa.Text(), nullable=False),
        sa.Column("as_of", UtcDateTime(), nullable=False),
        sa.Column("document", JsonType, nullable=False),
        sa.Column("made_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("report_id", name=op.f("pk_reports")),
    )
    op.create_index(op.f("ix_reports_plan_id"), "reports", ["plan_id"], unique=False)
    op.create_table(
        "schedules",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("payload", JsonType, nullable=False),
        sa.Column("cron", sa.Text(), nullable=False),
        sa.Column("timezone", sa.Text(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("next_at", UtcDateTime(), nullable=False, comment="The next fire time."),
        sa.Column("last_at", UtcDateTime(), nullable=True, comment="The last fire time."),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_schedules")),
    )
    op.create_table(
        "secrets",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column(
            "ciphertext", sa.LargeBinary(), nullable=False, comment="AES-256-GCM, nonce first."
        ),
        sa.Column("set_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_secrets")),
    )
    op.create_table(
        "suppressions",
        sa.Column("channel", sa.Text(), nullable=False, comment="Channel, or 'all'."),
        sa.Column(
            "address_hash",
            sa.Text(),
            nullable=False,
            comment="Keyed hash of the address; survives erasure.",
        ),
        sa.Column(
            "reason", sa.Text(), nullable=False, comment="unsubscribed, bounced, complaint, manual."
        ),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("occurred_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("channel", "address_hash", name=op.f("pk_suppressions")),
    )
    op.create_table(
        "switches",
        sa.Column("name", sa.Text(), nullable=False, comment="As 'sending'."),
        sa.Column("on", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("changed_at", UtcDateTime(), nullable=False),
        sa.Column("changed_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_switches")),
    )
    op.create_table(
        "vault_people",
        sa.Column("origin_id", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.Text(), nullable=True),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("phone", sa.Text(), nullable=True),
        sa.Column("first_name", sa.Text(), nullable=True),
        sa.Column("last_name", sa.Text(), nullable=True),
        sa.Column("full_name", sa.Text(), nullable=True),
        sa.Column("street", sa.Text(), nullable=True),
        sa.Column("postcode", sa.Text(), nullable=True),
        sa.Column("birth_date", sa.Text(), nullable=True),
        sa.Column("ip", sa.Text(), nullable=True),
        sa.Column("extra", JsonType, nullable=True, comment="Other personal fields by name."),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("set_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("origin_id", name=op.f("pk_vault_people")),
    )
    op.create_table(
        "vault_rows",
        sa.Column("row_hash", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False, comment="The quarantined row as JSON."),
        sa.Column("kept_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("row_hash", name=op.f("pk_vault_rows")),
    )
    op.create_table(
        "workspace_meta",
        sa.Column(
            "key",
            sa.Text(),
            nullable=False,
            comment="As 'workspace_id', 'identity_key', 'token_key'.",
        ),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_workspace_meta")),
    )
    op.create_table(
        "write_keys",
        sa.Column(
            "key_hash",
            sa.Text(),
            nullable=False,
            comment="SHA-256 of the key; it is kept nowhere.",
        ),
        sa.Column("key_id", sa.Text(), nullable=False, comment="Names it in lists and logs."),
        sa.Column(
            "source", sa.Text(), nullable=False, comment="Source that its messages belong to."
        ),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("revoked_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("key_hash", name=op.f("pk_write_keys")),
        sa.UniqueConstraint("key_id", name=op.f("uq_write_keys_key_id")),
    )
    op.create_table(
        "plan_people",
        sa.Column("plan_id", sa.Text(), nullable=False),
        sa.Column("profile_id", sa.Text(), nullable=False),
        sa.Column(
            "origin_id", sa.Text(), nullable=False, comment="Origin whose bucket gave the arm."
        ),
        sa.Column("bucket", sa.Integer(), nullable=False, comment="0…9999."),
        sa.Column("arm", sa.Text(), nullable=False, comment="treatment, control or excluded."),
        sa.Column(
            "excluded", sa.Text(), nullable=True, comment="Reason code, for excluded people."
        ),
        sa.Column(
            "action",
            sa.Text(),
            nullable=True,
            comment="Chosen action; null for control and excluded.",
        ),
        sa.Column("variant", sa.Text(), nullable=True, comment="Content variant of the action."),
        sa.Column(
            "probability", sa.Float(), nullable=True, comment="Probability of this arm and action."
        ),
        sa.Column(
            "cost", Money(), nullable=True, comment="Contact cost, in the workspace currency."
        ),
        sa.Column("send_at", UtcDateTime(), nullable=True, comment="When the message is due."),
        sa.ForeignKeyConstraint(
            ["plan_id"], ["plans.plan_id"], name=op.f("fk_plan_people_plan_id")
        ),
        sa.PrimaryKeyConstraint("plan_id", "profile_id", name=op.f("pk_plan_people")),
    )
    op.create_index("ix_plan_people_arm", "plan_people", ["plan_id", "arm"], unique=False)
