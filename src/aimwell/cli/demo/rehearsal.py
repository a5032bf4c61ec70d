"""The simulated shop behind the demo: its files, its answer to what was sent, and what sending truly added."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from aimwell.deliver.answers import Answers
from aimwell.deliver.token import Tokens
from aimwell.deliver.touches import flush_touches
from aimwell.measure.model import Truth
from aimwell.simulate import Action, Shop, answer, people_of, write_answer
from aimwell.store.schema import metadata
from aimwell.store.stores import Stores

__all__ = ["ACTIONS", "Sent", "play_back", "sent_messages", "true_lift", "write_answers"]

ACTIONS = (
    Action(name="ten-percent-email", channel="email", discount_share=0.10),
    Action(name="free-shipping-email", channel="email", free_shipping=True),
)
"""What the campaign's actions mean in the simulated world; the names are those of the campaign's actions."""

_messages = metadata.tables["messages"]
_events = metadata.tables["message_events"]
_vault = metadata.tables["vault_people"]
_SOURCE = "the simulated shop, which knows what everybody would have done without a message"


@dataclass(frozen=True)
class Sent:
    """What was really sent: `message_id, customer_id, action, sent_at`."""

    table: pa.Table


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
    return Sent(
        pa.table(
            {
                "message_id": pa.array([row[0] for row in rows], pa.string()),
                "customer_id": pa.array([row[1] for row in rows], pa.string()),
                "action": pa.array([row[2] for row in rows], pa.string()),
                "sent_at": pa.array([row[3] for row in rows], pa.timestamp("us", tz="UTC")),
            }
        )
    )


def write_answers(shop: Shop, sent: Sent, folder: Path, *, until: datetime) -> Path:
    """Write the orders that followed, of everybody, as a file of the shop; returns it."""
    counts = write_answer(shop, sent.table, folder, actions=list(ACTIONS), until=until)
    return next(path for path in counts.files if path.name.startswith("orders"))


def play_back(stores: Stores, shop: Shop, sent: Sent, *, until: datetime) -> None:
    """Let the people open, click and unsubscribe, as the server would have noted it."""
    touches = answer(shop, sent.table, actions=list(ACTIONS), until=until).touches.to_pylist()
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
    starts_at: datetime,
    window: timedelta,
    contact_cost: float,
    margin_default: float,
) -> Truth:
    """What sending truly added within the window, by simulating the same world without the messages.

    Both worlds use the same random numbers, so the difference is the effect on these very people.

    Args:
        contact_cost: Of all messages together; it comes off the margin.
        margin_default: Share of revenue that is taken for the margin of goods without a known cost.
    """
    until = starts_at + window
    nothing = sent.table.slice(0, 0)
    with_it, without = (
        _earned(
            _of_people(
                shop, answer(shop, messages, actions=list(ACTIONS), until=until).order_lines, sent
            ),
            starts_at,
            until,
            margin_default,
        )
        for messages in (sent.table, nothing)
    )
    return Truth(
        source=_SOURCE,
        revenue=with_it[0] - without[0],
        profit=with_it[1] - without[1] - contact_cost,
    )


def _of_people(shop: Shop, lines: pa.Table, sent: Sent) -> pa.Table:
    """The order lines of the people who got a message, under whichever of their customer ids."""
    known = lines.filter(pc.is_valid(lines["customer_id"]))
    people = people_of(shop, pc.unique(sent.table["customer_id"]))
    return known.filter(pa.array(np.isin(people_of(shop, known["customer_id"]), people)))


def _earned(
    lines: pa.Table, start: datetime, end: datetime, margin_default: float
) -> tuple[float, float]:
    """Revenue and margin of order lines within a window."""
    at = lines["ordered_at"]
    first, last = (pa.scalar(moment, pa.timestamp("us", tz="UTC")) for moment in (start, end))
    kept = lines.filter(pc.and_(pc.greater_equal(at, first), pc.less(at, last)))

    def number(name: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        values = pc.cast(kept[name], pa.float64())
        return np.asarray(values.to_numpy(zero_copy_only=False), dtype=np.float64)

    quantity = number("quantity")
    revenue = quantity * number("unit_price") - np.nan_to_num(number("discount"))
    cost = number("unit_cost")
    margin = np.where(np.isnan(cost), revenue * margin_default, revenue - quantity * cost)
    return float(revenue.sum()), float(margin.sum())
