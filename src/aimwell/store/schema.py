"""The tables of the control database: what changes by the row.

Personal data stands in `vault_people`, `vault_rows`, `vault_texts`, `vault_parts` and `vault_statements` only;
everything else holds ids, keyed hashes and counts.
"""

from __future__ import annotations

import sqlalchemy as sa

from aimwell.store.control import JsonType, Money, UtcDateTime

__all__ = ["metadata"]

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

_Text, _Int, _Big, _Bool, _Real = sa.Text, sa.Integer, sa.BigInteger, sa.Boolean, sa.Float
_AutoId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

# --- the workspace itself -------------------------------------------------------------------------------

workspace_meta = sa.Table(
    "workspace_meta",
    metadata,
    sa.Column(
        "key", _Text, primary_key=True, comment="As 'workspace_id', 'identity_key', 'token_key'."
    ),
    sa.Column("value", _Text, nullable=False),
)

leases = sa.Table(
    "leases",
    metadata,
    sa.Column("name", _Text, primary_key=True, comment="What is held, as 'lake:orders'."),
    sa.Column(
        "token", _Text, nullable=False, comment="Random; only who knows it may renew or release."
    ),
    sa.Column("owner", _Text, nullable=False, comment="Host, boot, pid and start of the process."),
    sa.Column("until", UtcDateTime, nullable=False, comment="Taken over after this."),
)

pins = sa.Table(
    "pins",
    metadata,
    sa.Column("table_name", _Text, primary_key=True, comment="Lake table."),
    sa.Column("version", _Big, primary_key=True, comment="Its files stay while this row stands."),
    sa.Column("owner", _Text, primary_key=True, comment="Who reads it, as 'plan:3f2a'."),
    sa.Column("until", UtcDateTime, nullable=False, comment="Holds until then."),
)

audit_log = sa.Table(
    "audit_log",
    metadata,
    sa.Column("id", _AutoId, primary_key=True, autoincrement=True),
    sa.Column("occurred_at", UtcDateTime, nullable=False, index=True),
    sa.Column("actor", _Text, nullable=False),
    sa.Column("action", _Text, nullable=False),
    sa.Column("subject", _Text, comment="What it was done to; ids only."),
    sa.Column("detail", JsonType),
)

# --- definitions ----------------------------------------------------------------------------------------

definitions = sa.Table(
    "definitions",
    metadata,
    sa.Column("kind", _Text, primary_key=True),
    sa.Column("name", _Text, primary_key=True),
    sa.Column("revision", _Int, nullable=False),
    sa.Column("document", JsonType, nullable=False),
    sa.Column("changed_at", UtcDateTime, nullable=False),
    sa.Column("changed_by", _Text, nullable=False),
)

definition_revisions = sa.Table(
    "definition_revisions",
    metadata,
    sa.Column("kind", _Text, primary_key=True),
    sa.Column("name", _Text, primary_key=True),
    sa.Column("revision", _Int, primary_key=True),
    sa.Column("document", JsonType, comment="Null: the definition was removed."),
    sa.Column("diff", _Text, nullable=False, comment="Unified difference to the revision before."),
    sa.Column("changed_at", UtcDateTime, nullable=False),
    sa.Column("changed_by", _Text, nullable=False),
)

secrets = sa.Table(
    "secrets",
    metadata,
    sa.Column("name", _Text, primary_key=True),
    sa.Column("ciphertext", sa.LargeBinary, nullable=False, comment="AES-256-GCM, nonce first."),
    sa.Column("set_at", UtcDateTime, nullable=False),
)

# --- jobs -----------------------------------------------------------------------------------------------

jobs = sa.Table(
    "jobs",
    metadata,
    sa.Column("id", _AutoId, primary_key=True, autoincrement=True),
    sa.Column("kind", _Text, nullable=False),
    sa.Column("payload", JsonType, nullable=False),
    sa.Column("key", _Text, comment="The same key is queued or running once at a time."),
    sa.Column("state", _Text, nullable=False, comment="queued, running, done, failed, cancelled."),
    sa.Column("priority", _Int, nullable=False, server_default="0", comment="Higher first."),
    sa.Column("run_at", UtcDateTime, nullable=False, comment="Not before."),
    sa.Column("attempts", _Int, nullable=False, server_default="0", comment="Times started."),
    sa.Column("attempts_max", _Int, nullable=False, server_default="5"),
    sa.Column("cancel_requested", _Bool, nullable=False, default=False),
    sa.Column("lease_token", _Text),
    sa.Column("lease_owner", _Text, comment="As leases.owner."),
    sa.Column("lease_until", UtcDateTime),
    sa.Column("progress_done", _Big, nullable=False, server_default="0"),
    sa.Column("progress_total", _Big),
    sa.Column("progress_note", _Text),
    sa.Column("result", JsonType),
    sa.Column("error", _Text, comment="Of the last attempt; without personal data."),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("started_at", UtcDateTime),
    sa.Column("finished_at", UtcDateTime),
    sa.Index("ix_jobs_claim", "state", "priority", "run_at", "id"),
)
_alive = jobs.c.state.in_(["queued", "running"])
sa.Index("uq_jobs_key", jobs.c.key, unique=True, sqlite_where=_alive, postgresql_where=_alive)

schedules = sa.Table(
    "schedules",
    metadata,
    sa.Column("name", _Text, primary_key=True),
    sa.Column("kind", _Text, nullable=False),
    sa.Column("payload", JsonType, nullable=False),
    sa.Column("cron", _Text, nullable=False),
    sa.Column("timezone", _Text, nullable=False),
    sa.Column("enabled", _Bool, nullable=False),
    sa.Column("next_at", UtcDateTime, nullable=False, comment="The next fire time."),
    sa.Column("last_at", UtcDateTime, comment="The last fire time."),
)

alerts = sa.Table(
    "alerts",
    metadata,
    sa.Column("key", _Text, primary_key=True, comment="The same trouble has the same key."),
    sa.Column("severity", _Text, nullable=False, comment="info, warning, error."),
    sa.Column("message", _Text, nullable=False),
    sa.Column("first_at", UtcDateTime, nullable=False),
    sa.Column("last_at", UtcDateTime, nullable=False),
    sa.Column("count", _Int, nullable=False),
    sa.Column("resolved_at", UtcDateTime),
)

# --- the vault and what people allow --------------------------------------------------------------------

vault_people = sa.Table(
    "vault_people",
    metadata,
    sa.Column("origin_id", _Text, primary_key=True),
    sa.Column("customer_id", _Text),
    sa.Column("email", _Text),
    sa.Column("phone", _Text),
    sa.Column("first_name", _Text),
    sa.Column("last_name", _Text),
    sa.Column("full_name", _Text),
    sa.Column("street", _Text),
    sa.Column("postcode", _Text),
    sa.Column("birth_date", _Text),
    sa.Column("ip", _Text),
    sa.Column("extra", JsonType, comment="Other personal fields by name."),
    sa.Column("source", _Text, nullable=False),
    sa.Column("set_at", UtcDateTime, nullable=False),
)

vault_rows = sa.Table(
    "vault_rows",
    metadata,
    sa.Column("row_hash", _Text, primary_key=True),
    sa.Column("source", _Text, nullable=False),
    sa.Column("content", _Text, nullable=False, comment="The quarantined row as JSON."),
    sa.Column("kept_at", UtcDateTime, nullable=False),
)

vault_texts = sa.Table(
    "vault_texts",
    metadata,
    sa.Column("text_id", _Text, primary_key=True, comment="As text_id in the lake's tables."),
    sa.Column("origin_id", _Text, index=True, comment="Who wrote it; null: nobody known."),
    sa.Column("kind", _Text, nullable=False, comment="review, answer."),
    sa.Column("content", _Text, nullable=False, comment="The free text, as it was written."),
    sa.Column("source", _Text, nullable=False),
    sa.Column("said_at", UtcDateTime, nullable=False),
)

vault_parts = sa.Table(
    "vault_parts",
    metadata,
    sa.Column("vault_key", _Text, primary_key=True, comment="As vault_key in the lake's events."),
    sa.Column("origin_id", _Text, nullable=False, index=True),
    sa.Column("source", _Text, nullable=False),
    sa.Column("content", _Text, nullable=False, comment="The personal part of messages, as JSON."),
    sa.Column("first_at", UtcDateTime, nullable=False, comment="Of the first message with it."),
    sa.Column("last_at", UtcDateTime, nullable=False, comment="Of the last message with it."),
)

consents = sa.Table(
    "consents",
    metadata,
    sa.Column("id", _AutoId, primary_key=True, autoincrement=True),
    sa.Column("origin_id", _Text, nullable=False),
    sa.Column("purpose", _Text, nullable=False, comment="As 'marketing'."),
    sa.Column("channel", _Text, nullable=False, comment="As 'email'."),
    sa.Column("state", _Text, nullable=False, comment="granted, denied or revoked."),
    sa.Column("occurred_at", UtcDateTime, nullable=False),
    sa.Column("basis", _Text, nullable=False, comment="opt_in, soft_opt_in, request."),
    sa.Column("source", _Text, nullable=False),
    sa.Column("wording", _Text, comment="What the person agreed to."),
    sa.UniqueConstraint("origin_id", "purpose", "channel", "occurred_at", "state", "source"),
)

suppressions = sa.Table(
    "suppressions",
    metadata,
    sa.Column("channel", _Text, primary_key=True, comment="Channel, or 'all'."),
    sa.Column(
        "address_hash",
        _Text,
        primary_key=True,
        comment="Keyed hash of the address; survives erasure.",
    ),
    sa.Column("reason", _Text, nullable=False, comment="unsubscribed, bounced, complaint, manual."),
    sa.Column("source", _Text, nullable=False),
    sa.Column("occurred_at", UtcDateTime, nullable=False),
)

erasures = sa.Table(
    "erasures",
    metadata,
    sa.Column(
        "erasure_id",
        _Text,
        primary_key=True,
        comment="Random; stands for the person in what must stay.",
    ),
    sa.Column("erased_at", UtcDateTime, nullable=False),
    sa.Column("erased_by", _Text, nullable=False),
    sa.Column("reason", _Text),
    sa.Column("receipt", JsonType, nullable=False, comment="Rows by table; no id of the person."),
    sa.Column("purged_at", UtcDateTime, comment="Out of every file; null: not yet."),
)

erased_origins = sa.Table(
    "erased_origins",
    metadata,
    sa.Column("origin_id", _Text, primary_key=True),
    sa.Column("erasure_id", _Text, sa.ForeignKey("erasures.erasure_id"), nullable=False),
    sa.Column(
        "erased_at",
        UtcDateTime,
        nullable=False,
        comment="Rows of the lake received until then are nobody's any more.",
    ),
)

# --- collect and unify ----------------------------------------------------------------------------------

source_progress = sa.Table(
    "source_progress",
    metadata,
    sa.Column("source", _Text, primary_key=True),
    sa.Column("input", _Text, primary_key=True, comment="Name in the source's files."),
    sa.Column(
        "state", JsonType, nullable=False, comment="A database's cursor or a table's version."
    ),
    sa.Column("read_at", UtcDateTime, nullable=False),
)

source_objects = sa.Table(
    "source_objects",
    metadata,
    sa.Column("address", _Text, primary_key=True, comment="As s3://bucket/orders.csv."),
    sa.Column("mark", _Text, nullable=False, comment="ETag, or time, and size."),
    sa.Column("sha256", _Text, nullable=False),
    sa.Column("size_bytes", _Big, nullable=False),
)

loads = sa.Table(
    "loads",
    metadata,
    sa.Column("load_id", _Text, primary_key=True),
    sa.Column(
        "seq",
        _Big,
        nullable=False,
        unique=True,
        comment="Rising; version of the lake transactions.",
    ),
    sa.Column("source", _Text, nullable=False),
    sa.Column("entity", _Text, nullable=False),
    sa.Column(
        "content_hash",
        _Text,
        nullable=False,
        comment="SHA-256 of the files' bytes and the mapping.",
    ),
    sa.Column("files", JsonType, nullable=False),
    sa.Column("state", _Text, nullable=False, comment="running, done, failed."),
    sa.Column("report", JsonType),
    sa.Column("started_at", UtcDateTime, nullable=False),
    sa.Column("finished_at", UtcDateTime),
    sa.Index("ix_loads_content", "source", "content_hash"),
)

expectation_results = sa.Table(
    "expectation_results",
    metadata,
    sa.Column("load_id", _Text, primary_key=True),
    sa.Column("place", _Int, primary_key=True, comment="In the definition, from 0."),
    sa.Column("source", _Text, nullable=False),
    sa.Column("entity", _Text, nullable=False),
    sa.Column("name", _Text, nullable=False, comment="Its name, else the reason of its kind."),
    sa.Column("kind", _Text, nullable=False, comment="required, type, range, in …"),
    sa.Column("field", _Text),
    sa.Column("severity", _Text, nullable=False, comment="quarantine or warn."),
    sa.Column("rows", _Big, nullable=False, comment="Rows looked at."),
    sa.Column("broken", _Big, nullable=False, comment="Rows that do not fulfil it."),
    sa.Column("detail", _Text, nullable=False, comment="What is expected, in words."),
    sa.Column("measured_at", UtcDateTime, nullable=False),
    sa.Index("ix_expectation_results_source", "source", "measured_at"),
)

quarantine_settled = sa.Table(
    "quarantine_settled",
    metadata,
    sa.Column("source", _Text, primary_key=True),
    sa.Column("entity", _Text, primary_key=True),
    sa.Column("row_hash", _Text, primary_key=True, comment="The row as it waited in quarantine."),
    sa.Column("load_id", _Text, primary_key=True, comment="The replay that took it up."),
    sa.Column(
        "corrected",
        _Bool,
        nullable=False,
        comment="Another row stands for it, so that the old one in a later file is not taken beside it.",
    ),
    sa.Column("taken", _Bool, nullable=False, comment="False: its correction waits in its place."),
    sa.Column("settled_at", UtcDateTime, nullable=False),
    sa.Index("ix_quarantine_settled_load_id", "load_id"),
)

source_runs = sa.Table(
    "source_runs",
    metadata,
    sa.Column("id", _AutoId, primary_key=True, autoincrement=True),
    sa.Column("source", _Text, nullable=False),
    sa.Column("started_at", UtcDateTime, nullable=False),
    sa.Column("finished_at", UtcDateTime, nullable=False),
    sa.Column("outcome", _Text, nullable=False, comment="taken, unchanged or failed."),
    sa.Column("rows", _Big, comment="Rows read; null where nothing was."),
    sa.Column("error", _Text, comment="Why it failed, in words."),
    sa.Column("columns", JsonType, comment="File → column → type, where the files were read."),
    sa.Index("ix_source_runs_source", "source", "id"),
)

write_keys = sa.Table(
    "write_keys",
    metadata,
    sa.Column(
        "key_hash", _Text, primary_key=True, comment="SHA-256 of the key; it is kept nowhere."
    ),
    sa.Column("key_id", _Text, nullable=False, unique=True, comment="Names it in lists and logs."),
    sa.Column("source", _Text, nullable=False, comment="Source that its messages belong to."),
    sa.Column("label", _Text, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("revoked_at", UtcDateTime),
)

vault_statements = sa.Table(
    "vault_statements",
    metadata,
    sa.Column("origin_id", _Text, primary_key=True),
    sa.Column("source", _Text, primary_key=True),
    sa.Column("field", _Text, primary_key=True, comment="Column of vault_people."),
    sa.Column("value", _Text, primary_key=True, comment="As it was said last at said_at."),
    sa.Column("said_at", UtcDateTime, nullable=False),
)

flushes = sa.Table(
    "flushes",
    metadata,
    sa.Column("flush_id", _Text, primary_key=True),
    sa.Column(
        "seq", _Big, nullable=False, unique=True, comment="Rising; version of the transactions."
    ),
    sa.Column(
        "state", _Text, nullable=False, comment="running, prepared, published, done, failed."
    ),
    sa.Column("segments", JsonType, nullable=False, comment="Names of the inbox's segments."),
    sa.Column("staging", _Text, comment="Folder of its files for the lake."),
    sa.Column("report", JsonType),
    sa.Column("unified", _Bool, nullable=False, default=False),
    sa.Column("started_at", UtcDateTime, nullable=False),
    sa.Column("finished_at", UtcDateTime),
    sa.Index("ix_flushes_state", "state"),
)

tracked_orders = sa.Table(
    "tracked_orders",
    metadata,
    sa.Column("source", _Text, primary_key=True),
    sa.Column("event_id", _Text, primary_key=True, comment="As in the lake's events."),
    sa.Column("order_id", _Text, nullable=False),
    sa.Column("event", _Text, nullable=False, comment="Order Completed, Updated, …"),
    sa.Column("origin_id", _Text, nullable=False, index=True),
    sa.Column("occurred_at", UtcDateTime, nullable=False),
    sa.Column("content", _Text, nullable=False, comment="Amounts and lines as JSON."),
    sa.Column("waits", _Text, comment="Why nothing of the order is in the lake yet; null: it is."),
    sa.Index("ix_tracked_orders_order_id", "source", "order_id"),
    sa.Index("ix_tracked_orders_waits", "waits"),
)

identifiers = sa.Table(
    "identifiers",
    metadata,
    sa.Column("kind", _Text, primary_key=True, comment="customer_id, email, phone …"),
    sa.Column("value_hash", _Text, primary_key=True, comment="Keyed hash of the normalised value."),
    sa.Column("origin_id", _Text, primary_key=True),
    sa.Column("source", _Text, nullable=False),
    sa.Column("first_seen_at", UtcDateTime, nullable=False),
    sa.Index("ix_identifiers_origin_id", "origin_id"),
)

identity_overrides = sa.Table(
    "identity_overrides",
    metadata,
    sa.Column(
        "origin_id", _Text, primary_key=True, comment="An origin that is not its own profile."
    ),
    sa.Column("profile_id", _Text, nullable=False, index=True),
    sa.Column("evidence", JsonType, nullable=False, comment="Kinds of identifiers that join them."),
    sa.Column("merged_at", UtcDateTime, nullable=False),
)

identity_set_aside = sa.Table(
    "identity_set_aside",
    metadata,
    sa.Column("kind", _Text, primary_key=True),
    sa.Column("value_hash", _Text, primary_key=True, comment="As in identifiers."),
    sa.Column(
        "reason",
        _Text,
        primary_key=True,
        comment="too_many, names_differ, role_address, several_people, customer_ids_max, decision.",
    ),
    sa.Column("noted_at", UtcDateTime, nullable=False),
    sa.Index("ix_identity_set_aside_reason", "reason"),
)

identity_decisions = sa.Table(
    "identity_decisions",
    metadata,
    sa.Column("decision_id", _AutoId, primary_key=True, autoincrement=True),
    sa.Column("verdict", _Text, nullable=False, comment="apart or together."),
    sa.Column("via", _Text, nullable=False, comment="person, review or match (above its limit)."),
    sa.Column("probability", _Real, comment="Of the candidate that it comes from."),
    sa.Column("reason", _Text, comment="In the words of who decided; ids only."),
    sa.Column("decided_at", UtcDateTime, nullable=False),
    sa.Column("decided_by", _Text, nullable=False),
    sa.Column("undone_at", UtcDateTime),
    sa.Column("undone_by", _Text),
)

identity_decision_origins = sa.Table(
    "identity_decision_origins",
    metadata,
    sa.Column(
        "decision_id",
        _Big().with_variant(_Int, "sqlite"),
        sa.ForeignKey("identity_decisions.decision_id"),
        primary_key=True,
    ),
    sa.Column("origin_id", _Text, primary_key=True),
    sa.Column("side", _Text, nullable=False, comment="a or b; apart: each of a from each of b."),
    sa.Index("ix_identity_decision_origins_origin_id", "origin_id"),
)

identity_candidates = sa.Table(
    "identity_candidates",
    metadata,
    sa.Column("candidate_id", _AutoId, primary_key=True, autoincrement=True),
    sa.Column("origin_a", _Text, nullable=False, comment="The smaller of the two."),
    sa.Column("origin_b", _Text, nullable=False, index=True),
    sa.Column("probability", _Real, nullable=False, comment="That the two are one person."),
    sa.Column("weight", _Real, comment="Log2 of the odds."),
    sa.Column("fields", JsonType, nullable=False, comment="Field → its part of the weight."),
    sa.Column("model", _Text, nullable=False),
    sa.Column(
        "state",
        _Text,
        nullable=False,
        comment="open, merged (above the limit), accepted, refused or withdrawn.",
    ),
    sa.Column("proposed_at", UtcDateTime, nullable=False),
    sa.Column("decided_at", UtcDateTime),
    sa.Column("decided_by", _Text),
    sa.Column("decision_id", _Big, index=True, comment="The decision that it led to."),
    sa.UniqueConstraint("origin_a", "origin_b"),
    sa.Index("ix_identity_candidates_state", "state", "probability"),
)

households = sa.Table(
    "households",
    metadata,
    sa.Column("profile_id", _Text, primary_key=True),
    sa.Column("address_hash", _Text, nullable=False, index=True, comment="Keyed hash."),
    sa.Column("name_hash", _Text, nullable=False, comment="Keyed hash of address and last name."),
    sa.Column("has_name", _Bool, nullable=False, comment="Whether a last name is known."),
    sa.Column("household_id", _Text, index=True, comment="Null: the address has too many people."),
    sa.Column("updated_at", UtcDateTime, nullable=False),
)

match_models = sa.Table(
    "match_models",
    metadata,
    sa.Column("version", _Int, primary_key=True, autoincrement=False),
    sa.Column(
        "document",
        JsonType,
        nullable=False,
        comment="Fields and parameters: frequencies and weights, no values of people.",
    ),
    sa.Column("learned_at", UtcDateTime, nullable=False),
    sa.Column("learned_by", _Text, nullable=False),
    sa.Column(
        "compared_to",
        UtcDateTime,
        comment="Whoever was known before has been compared by this model; null: nobody yet.",
    ),
)

profiles = sa.Table(
    "profiles",
    metadata,
    sa.Column("profile_id", _Text, primary_key=True),
    sa.Column("first_seen_at", UtcDateTime, nullable=False),
    sa.Column("last_seen_at", UtcDateTime, nullable=False),
    sa.Column("orders", _Int, nullable=False, server_default="0", comment="Sales; 0: a prospect."),
    sa.Column("traits", JsonType, nullable=False, comment="Trait → the value that counts."),
    sa.Column("timezone", _Text, comment="IANA zone of the person, if known and valid."),
    sa.Column("updated_at", UtcDateTime, nullable=False),
    sa.Column(
        "provenance",
        JsonType,
        comment="Trait → [source, since when, confidence]; null: written before this was kept.",
    ),
    sa.Column("state_hash", _Text, comment="Of all the columns above, to see what differs."),
    sa.Column("computed", JsonType, comment="Computed trait → value; undefined ones are absent."),
    sa.Column("computed_hash", _Text, comment="Of `computed`."),
    sa.Column("computed_at", UtcDateTime, comment="When `computed` last changed."),
)

# --- models ---------------------------------------------------------------------------------------------

models = sa.Table(
    "models",
    metadata,
    sa.Column("name", _Text, primary_key=True),
    sa.Column("version", _Int, primary_key=True),
    sa.Column("kind", _Text, nullable=False, comment="propensity, lifetime_value, clusters …"),
    sa.Column("as_of", UtcDateTime, nullable=False),
    sa.Column("settings", JsonType, nullable=False),
    sa.Column("metrics", JsonType, nullable=False),
    sa.Column(
        "files", JsonType, nullable=False, comment="File name → SHA-256, checked before parsing."
    ),
    sa.Column("lake_versions", JsonType, nullable=False),
    sa.Column("trained_at", UtcDateTime, nullable=False),
)

# --- decide ---------------------------------------------------------------------------------------------

plans = sa.Table(
    "plans",
    metadata,
    sa.Column("plan_id", _Text, primary_key=True),
    sa.Column("campaign", _Text, nullable=False, index=True),
    sa.Column("revision", _Int, nullable=False),
    sa.Column(
        "state",
        _Text,
        nullable=False,
        comment="planned, approved, sending, paused, sent, cancelled.",
    ),
    sa.Column("trial", _Bool, nullable=False),
    sa.Column("as_of", UtcDateTime, nullable=False),
    sa.Column(
        "document", JsonType, nullable=False, comment="All definitions as they were when planned."
    ),
    sa.Column("lake_versions", JsonType, nullable=False),
    sa.Column("summary", JsonType, nullable=False, comment="What explain shows."),
    sa.Column("planned_at", UtcDateTime, nullable=False),
    sa.Column("planned_by", _Text, nullable=False),
    sa.Column("approved_at", UtcDateTime),
    sa.Column("approved_by", _Text),
    sa.Column("started_at", UtcDateTime),
    sa.Column("finished_at", UtcDateTime),
)

plan_people = sa.Table(
    "plan_people",
    metadata,
    sa.Column("plan_id", _Text, sa.ForeignKey("plans.plan_id"), primary_key=True),
    sa.Column("profile_id", _Text, primary_key=True),
    sa.Column("origin_id", _Text, nullable=False, comment="Origin whose bucket gave the arm."),
    sa.Column("bucket", _Int, nullable=False, comment="0…9999."),
    sa.Column("arm", _Text, nullable=False, comment="treatment, control or excluded."),
    sa.Column("excluded", _Text, comment="Reason code, for excluded people."),
    sa.Column("action", _Text, comment="Chosen action; null for control and excluded."),
    sa.Column("variant", _Text, comment="Content variant of the action."),
    sa.Column("probability", _Real, comment="Probability of this arm and action."),
    sa.Column("cost", Money, comment="Contact cost, in the workspace currency."),
    sa.Column("send_at", UtcDateTime, comment="When the message is due."),
    sa.Index("ix_plan_people_arm", "plan_id", "arm"),
)

# --- deliver --------------------------------------------------------------------------------------------

messages = sa.Table(
    "messages",
    metadata,
    sa.Column("message_id", _Text, primary_key=True),
    sa.Column("campaign", _Text, nullable=False),
    sa.Column("plan_id", _Text, nullable=False),
    sa.Column("step", _Text, nullable=False),
    sa.Column("profile_id", _Text, nullable=False),
    sa.Column(
        "occurrence", _Text, nullable=False, comment="Plan id for a campaign that goes out once."
    ),
    sa.Column("channel", _Text, nullable=False),
    sa.Column("action", _Text, nullable=False),
    sa.Column("variant", _Text),
    sa.Column(
        "state",
        _Text,
        nullable=False,
        comment="queued, sending, sent, stopped, failed, unknown.",
    ),
    sa.Column("reason", _Text, comment="Why it was stopped, failed or is unknown."),
    sa.Column("due_at", UtcDateTime, nullable=False),
    sa.Column("attempts", _Int, nullable=False, server_default="0"),
    sa.Column("lease_token", _Text),
    sa.Column("lease_until", UtcDateTime),
    sa.Column("cost", Money),
    sa.Column("sent_at", UtcDateTime),
    sa.Column("reply", _Text, comment="The provider's answer, without the address."),
    sa.UniqueConstraint("campaign", "step", "profile_id", "occurrence"),
    sa.Index("ix_messages_claim", "plan_id", "state", "due_at"),
    sa.Index("ix_messages_lease", "state", "lease_until"),
    sa.Index("ix_messages_person", "profile_id", "sent_at"),
)

attempts = sa.Table(
    "attempts",
    metadata,
    sa.Column("message_id", _Text, primary_key=True),
    sa.Column("number", _Int, primary_key=True),
    sa.Column("started_at", UtcDateTime, nullable=False),
    sa.Column("ended_at", UtcDateTime),
    sa.Column("outcome", _Text, comment="accepted, refused, retry, unknown; null: never ended."),
    sa.Column("reply", _Text),
)

links = sa.Table(
    "links",
    metadata,
    sa.Column("plan_id", _Text, primary_key=True),
    sa.Column("content", _Text, primary_key=True, comment="Template and variant."),
    sa.Column("number", _Int, primary_key=True),
    sa.Column("url", _Text, nullable=False),
    sa.Column("personal", _Bool, nullable=False, comment="Its address travels sealed in the link."),
)

message_events = sa.Table(
    "message_events",
    metadata,
    sa.Column("id", _AutoId, primary_key=True, autoincrement=True),
    sa.Column("message_id", _Text, nullable=False, index=True),
    sa.Column(
        "event",
        _Text,
        nullable=False,
        comment="Email Sent, Email Bounced, Email Opened, Email Link Clicked, Unsubscribed.",
    ),
    sa.Column("link", _Int, comment="Number of the clicked link in its content."),
    sa.Column("occurred_at", UtcDateTime, nullable=False),
    sa.Column("machine", _Bool, nullable=False),
    sa.Column("signs", JsonType, comment="Why it is taken for a machine."),
    sa.Column("user_agent", _Text, comment="What asked; for telling machines by later hits."),
    sa.Column(
        "batch", _Big, index=True, comment="Lake transaction that carries it; null: not yet."
    ),
)

switches = sa.Table(
    "switches",
    metadata,
    sa.Column("name", _Text, primary_key=True, comment="As 'sending'."),
    sa.Column("on", _Bool, nullable=False),
    sa.Column("reason", _Text),
    sa.Column("changed_at", UtcDateTime, nullable=False),
    sa.Column("changed_by", _Text, nullable=False),
)

# --- measure --------------------------------------------------------------------------------------------

reports = sa.Table(
    "reports",
    metadata,
    sa.Column("report_id", _Text, primary_key=True),
    sa.Column("plan_id", _Text, nullable=False, index=True),
    sa.Column("as_of", UtcDateTime, nullable=False),
    sa.Column("document", JsonType, nullable=False),
    sa.Column("made_at", UtcDateTime, nullable=False),
)
