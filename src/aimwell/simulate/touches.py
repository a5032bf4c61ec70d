"""What the messages themselves provoke: opened and clicked e-mails, and people who unsubscribe."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from aimwell.simulate.actions import Action
from aimwell.simulate.cells import Cell
from aimwell.simulate.columns import join_text, lookup, moments
from aimwell.simulate.events import EVENT_SCHEMA
from aimwell.simulate.outcomes import Contacts, Outcome
from aimwell.simulate.people import Ints
from aimwell.simulate.shop import Shop

__all__ = ["TOUCH_SCHEMA", "Touches", "touch_events", "touch_table", "touches_of"]

TOUCH_SCHEMA = pa.schema(
    [
        ("message_id", pa.string()),
        ("customer_id", pa.string()),
        ("event", pa.string()),
        ("occurred_at", pa.timestamp("s", tz="UTC")),
    ]
)
_NAMES = ("Email Opened", "Email Link Clicked", "Unsubscribed")
_OPEN_DELAY_SECONDS = 5 * 3600.0


@dataclass(frozen=True)
class Touches:
    """One row per touch: the caller's number of the message, the index of the touch's name, the UTC second."""

    message: Ints
    name: Ints
    at: Ints


def touches_of(
    shop: Shop, cell: Cell, contacts: Contacts, result: Outcome, actions: list[Action]
) -> Touches:
    """The touches of a cell's contacts. Whom an e-mail moved to order had opened and clicked it before."""
    n = len(cell.people)
    parts = [Touches(*(np.zeros(0, np.int64) for _ in range(3)))]
    for turn, rows in enumerate(contacts.turns()):
        rng = shop.stream("touches", cell=cell.index, occurrence=turn)
        chance = rng.random((3, n))
        delay = np.floor(rng.exponential(_OPEN_DELAY_SECONDS, n)).astype(np.int64) + 30
        for index, action in enumerate(actions):
            chosen = rows[contacts.action[rows] == index]
            parts.extend(_of_action(contacts, chosen, result, index, action, chance, delay))
    return Touches(
        *(
            np.concatenate([vars(part)[name] for part in parts])
            for name in ("message", "name", "at")
        )
    )


def _of_action(
    contacts: Contacts,
    rows: Ints,
    result: Outcome,
    index: int,
    action: Action,
    chance: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
    delay: Ints,
) -> list[Touches]:
    response, who = result.responses[index], contacts.person[rows]
    order_delay = result.brought_after[rows]
    moved = (order_delay >= 0) & (action.channel == "email")
    opened = moved | (chance[0, who] < response.open[who])
    clicked = moved | (opened & (chance[1, who] < response.click[who]))
    leaves = chance[2, who] < response.unsubscribe[who]
    opens_after = np.where(moved, np.minimum(delay[who], order_delay // 2), delay[who])
    clicks_after = np.where(moved, (opens_after + order_delay) // 2, opens_after + 25)
    afters = (opens_after, clicks_after, opens_after + 50)
    return [
        Touches(
            contacts.message[rows][true],
            np.full(true.sum(), name),
            (contacts.at[rows] + after)[true],
        )
        for name, (true, after) in enumerate(zip((opened, clicked, leaves), afters, strict=True))
    ]


def touch_table(touches: Touches, messages: pa.Table, *, since: int, until: int) -> pa.Table:
    """Touches between two UTC seconds, in order of time, with the ids of their messages and customers."""
    rows = (touches.at >= since) & (touches.at < until)
    chosen = messages.select(["message_id", "customer_id"]).take(pa.array(touches.message[rows]))
    columns = [*chosen.columns, lookup(_NAMES, touches.name[rows]), moments(touches.at[rows])]
    table = pa.table(columns, names=TOUCH_SCHEMA.names).cast(TOUCH_SCHEMA)
    return table.sort_by(
        [("occurred_at", "ascending"), ("message_id", "ascending"), ("event", "ascending")]
    )


def touch_events(touches: pa.Table) -> pa.Table:
    """Touches as events (see `events.EVENT_SCHEMA`), with the id of the message among their properties."""
    kinds = pc.replace_substring(pc.utf8_lower(touches["event"]), " ", "-")
    columns = {
        "message_id": pc.binary_join_element_wise(touches["message_id"], kinds, "-"),
        "type": pa.repeat("track", len(touches)),
        "event": touches["event"],
        "customer_id": touches["customer_id"],
        "timestamp": touches["occurred_at"],
        "properties": join_text('{"email_id":"', touches["message_id"], '"}'),
    }
    return pa.table([columns[name] for name in EVENT_SCHEMA.names], schema=EVENT_SCHEMA)
