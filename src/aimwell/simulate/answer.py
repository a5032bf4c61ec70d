"""The shop's answer to messages that were really sent: the orders that follow, opens, clicks and unsubscribes.

Everybody's orders come back, also of those who got no message. The answer up to a moment does not depend
on messages sent after it, nor on the order of the rows of the messages, so it may be asked for again, with
more messages, as time goes on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from aimwell.errors import SimulateError, nearest
from aimwell.simulate.accounts import people_of
from aimwell.simulate.actions import Action
from aimwell.simulate.cells import Cell, open_cell
from aimwell.simulate.orders import order_table
from aimwell.simulate.outcomes import Contacts, outcome
from aimwell.simulate.people import Ints
from aimwell.simulate.seasons import to_seconds
from aimwell.simulate.shop import Shop
from aimwell.simulate.streams import CELL_PEOPLE
from aimwell.simulate.touches import touch_table, touches_of

__all__ = ["Answer", "answer", "answer_by_cell"]

_COLUMNS = ("message_id", "customer_id", "action", "sent_at")


@dataclass(frozen=True)
class Answer:
    """What followed: order lines as in the history's file, and touches of the messages (`touches.TOUCH_SCHEMA`)."""

    order_lines: pa.Table
    touches: pa.Table


@dataclass(frozen=True)
class _Messages:
    """The messages, checked, in order of person and time."""

    table: pa.Table
    person: Ints
    at: Ints
    action: Ints

    def to_cell(self, index: int) -> Contacts:
        """Those to the people of one cell."""
        first, end = np.searchsorted(self.person, [index * CELL_PEOPLE, (index + 1) * CELL_PEOPLE])
        rows = np.arange(first, end)
        return Contacts(
            self.person[rows] - index * CELL_PEOPLE, self.at[rows], self.action[rows], rows
        )


def answer(
    shop: Shop,
    messages: pa.Table,
    *,
    actions: Sequence[Action],
    until: datetime,
    since: datetime | None = None,
) -> Answer:
    """What everybody does after the history, given these messages.

    Args:
        shop: The shop.
        messages: All that was sent since the end of the history, a row each: `message_id`, `customer_id`,
            `action` (a name), `sent_at` (UTC). Other columns are ignored.
        actions: What the names of actions mean.
        until: The end of what is wanted.
        since: Its begin; by default the end of the history. Orders before it were answered already.

    Raises:
        SimulateError: A column is missing, an action, customer or moment is unknown to the shop.
    """
    parts = list(answer_by_cell(shop, messages, actions=actions, until=until, since=since))
    return Answer(
        pa.concat_tables([part.order_lines for part in parts]),
        pa.concat_tables([part.touches for part in parts]),
    )


def answer_by_cell(
    shop: Shop,
    messages: pa.Table,
    *,
    actions: Sequence[Action],
    until: datetime,
    since: datetime | None = None,
) -> Iterator[Answer]:
    """As `answer`, a cell at a time, so that memory does not grow with the shop."""
    period = _period(shop, since or shop.spec.end, until)
    checked = _check(shop, messages, actions)
    return (
        _answer_cell(shop, open_cell(shop, index), checked, list(actions), period)
        for index in range(shop.cells)
    )


def _period(shop: Shop, since: datetime, until: datetime) -> tuple[int, int]:
    for name, moment in (("since", since), ("until", until)):
        if moment.utcoffset() is None:
            raise SimulateError(f"{name} {moment} has no time zone; give an aware datetime.")
    if not shop.spec.end <= since <= until <= shop.spec.last:
        raise SimulateError(
            f"The shop cannot answer for {since} to {until}. Allowed is a period within {shop.spec.end} to "
            f"{shop.spec.last}; a larger `after_days` in the spec reaches farther."
        )
    return to_seconds(since), to_seconds(until)


def _demand_columns(messages: pa.Table) -> None:
    """Refuse messages that lack a column or a value, or whose times have no zone."""
    missing = [name for name in _COLUMNS if name not in messages.column_names]
    if missing:
        raise SimulateError(
            f"The messages lack the columns {missing}. Needed are {', '.join(_COLUMNS)}."
        )
    when = messages.schema.field("sent_at").type
    if not (pa.types.is_timestamp(when) and when.tz):
        raise SimulateError("sent_at of the messages has no time zone; give timestamps in UTC.")
    gaps = [name for name in _COLUMNS if messages[name].null_count]
    if gaps:
        raise SimulateError(
            f"The messages have empty values in {gaps}. Every message needs all of them."
        )
    if pc.any(pc.match_substring_regex(messages["message_id"], r'["\\\x00-\x1f]')).as_py():
        raise SimulateError(
            "A message_id holds a quote, a backslash or a control character; leave them out."
        )


def _check(shop: Shop, messages: pa.Table, actions: Sequence[Action]) -> _Messages:
    _demand_columns(messages)
    names = [action.name for action in actions]
    for name in pc.unique(messages["action"]).to_pylist():
        if name not in names:
            raise SimulateError(
                f"The messages name an action '{name}' that is not given. {nearest(name, names)}"
            )
    at = (
        messages["sent_at"]
        .cast(pa.timestamp("s", tz="UTC"), safe=False)
        .cast(pa.int64())
        .to_numpy()
    )
    if at.size and not shop.end <= at.min() <= at.max() < shop.last:
        raise SimulateError(
            f"Some messages were sent outside {shop.spec.end} to {shop.spec.last}, in which the shop can answer."
        )
    person = people_of(shop, messages["customer_id"])
    action = (
        pc.index_in(messages["action"], pa.array(names, pa.string())).to_numpy().astype(np.int64)
    )
    ids = pc.rank(messages["message_id"], tiebreaker="first").to_numpy()
    order = np.lexsort((ids, at, person))
    return _Messages(
        messages.select(_COLUMNS).take(pa.array(order)), person[order], at[order], action[order]
    )


def _answer_cell(
    shop: Shop, cell: Cell, messages: _Messages, actions: list[Action], period: tuple[int, int]
) -> Answer:
    since, until = period
    contacts = messages.to_cell(cell.index)
    result = outcome(shop, cell, contacts, actions)
    codes = tuple(action.code for action in actions)
    tables = [
        order_table(
            shop,
            cell.people,
            cell.accounts,
            *vars(trade.keep(trade.orders.at < until)).values(),
            until=until,
            offer_codes=codes,
        )
        for trade in (result.trade, result.nameless)
    ]
    lines = pa.concat_tables(tables)
    moment = pa.scalar(since).cast(pa.timestamp("s", tz="UTC"))
    lines = lines.filter(pc.greater_equal(lines["ordered_at"], moment))
    touches = touch_table(
        touches_of(shop, cell, contacts, result, actions), messages.table, since=since, until=until
    )
    return Answer(lines, touches)
