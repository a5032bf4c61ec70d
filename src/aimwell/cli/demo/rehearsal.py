"""The simulated shop behind the demo: its files, its answer to what was sent, and what sending truly added."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import sqlalchemy as sa

from aimwell.deliver.answers import Answers
from aimwell.deliver.token import Tokens
from aimwell.deliver.touches import flush_touches
from aimwell.measure.model import Truth
from aimwell.simulate import Action, Shop, answer, gain_of, write_answer
from aimwell.store.schema import metadata
from aimwell.store.stores import Stores

__all__ = [
    "ACTIONS",
    "CONTACT_COST",
    "Sent",
    "customers_of",
    "play_back",
    "sent_messages",
    "true_lift",
    "write_answers",
]

ACTIONS = (
    Action(name="ten-percent-email", channel="email", discount_share=0.10),
    Action(name="reminder-email", channel="email"),
)
"""What the campaigns' actions mean in the simulated world; the names are those of the campaigns' actions."""
CONTACT_COST = 0.01
"""Of one message, as the demo's channel says."""

_messages = metadata.tables["messages"]
_events = metadata.tables["message_events"]
_vault = metadata.tables["vault_people"]
_places = metadata.tables["plan_people"]
_SOURCE = "the simulated shop, which knows what everybody would have done without a message"
_SCHEMA = pa.schema(
    [
        ("message_id", pa.string()),
        ("customer_id", pa.string()),
        ("action", pa.string()),
        ("sent_at", pa.timestamp("us", tz="UTC")),
    ]
)


@dataclass(frozen=True)
class Sent:
    """What was really sent, or might have been: `message_id, customer_id, action, sent_at`."""

    table: pa.Table

    @classmethod
    def nothing(cls) -> Sent:
        """Not one message."""
        return cls(_SCHEMA.empty_table())

    @classmethod
    def of(cls, customers: pa.Array, actions: Sequence[str], sent_at: pa.Array) -> Sent:
        """A message to each of these customers."""
        ids = [f"imagined-{number}" for number in range(len(customers))]
        return cls(pa.table([ids, customers, list(actions), sent_at], schema=_SCHEMA))

    def and_then(self, later: Sent) -> Sent:
        """These messages, and later ones."""
        return Sent(pa.concat_tables([self.table, later.table]))


def sent_messages(stores: Stores, plan_id: str) -> Sent:
    """The messages of a plan that went out, by customer id as the shop knows people."""
    query = (
        sa.select(
            _messages.c.message_id, _vault.c.customer_id, _messages.c.action, _messages.c.sent_at
        )
        .join(_vault, _vault.c.origin_id == _messages.c.profile_id)
        .where(_messages.c.plan_id == plan_id, _messages.c.state == "sent")
        .order_by(_messages.c.message_id)
    )
    with stores.read_control() as connection:
        rows = connection.execute(query).all()
    columns = zip(*rows, strict=True) if rows else ([], [], [], [])
    return Sent(pa.table([list(column) for column in columns], schema=_SCHEMA))


def customers_of(stores: Stores, plan_id: str, *, arms: Sequence[str]) -> pa.Array:
    """Customer ids of the people of a plan who stand in these arms."""
    query = (
        sa.select(_vault.c.customer_id)
        .join(_places, _vault.c.origin_id == _places.c.profile_id)
        .where(_places.c.plan_id == plan_id, _places.c.arm.in_(arms))
        .order_by(_vault.c.customer_id)
    )
    with stores.read_control() as connection:
        return pa.array(connection.execute(query).scalars().all(), pa.string())


def write_answers(
    shop: Shop, sent: Sent, folder: Path, *, since: datetime, until: datetime, plan_id: str
) -> Path:
    """Write the orders of a period, of everybody, as a file of the shop; returns it."""
    counts = write_answer(
        shop,
        sent.table,
        folder,
        actions=list(ACTIONS),
        since=since,
        until=until,
        suffix=f"after_{plan_id}",
    )
    return next(path for path in counts.files if path.name.startswith("orders"))


def play_back(stores: Stores, shop: Shop, sent: Sent, *, since: datetime, until: datetime) -> None:
    """Let the people open, click and unsubscribe, as the server would have noted it."""
    answered = answer(shop, sent.table, actions=list(ACTIONS), since=since, until=until)
    touches = answered.touches.to_pylist()
    hits = [
        {
            "message_id": touch["message_id"],
            "event": touch["event"],
            "link": 1 if touch["event"] == "Email Link Clicked" else None,
            "occurred_at": touch["occurred_at"],
            "machine": False,
        }
        for touch in touches
        if touch["event"] != "Unsubscribed"
    ]
    if hits:
        with stores.control.begin() as connection:
            connection.execute(sa.insert(_events), hits)
    tokens, answers = Tokens([stores.token_key]), Answers(stores)
    for touch in touches:
        if touch["event"] == "Unsubscribed":
            token = tokens.make("unsubscribe", touch["message_id"])
            answers.unsubscribe(token, now=touch["occurred_at"])
    flush_touches(stores, now=until)


def true_lift(
    shop: Shop,
    sent: Sent,
    *,
    before: Sent,
    starts_at: datetime,
    window: timedelta,
    margin_default: float,
) -> Truth:
    """What sending truly added within the window; see `simulate.gain_of`."""
    gain = gain_of(
        shop,
        sent.table,
        actions=list(ACTIONS),
        since=starts_at,
        until=starts_at + window,
        before=before.table,
        margin_default=margin_default,
    )
    return Truth(
        source=_SOURCE, revenue=gain.revenue, profit=gain.margin - CONTACT_COST * gain.messages
    )
