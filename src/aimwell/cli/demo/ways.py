"""What other ways of choosing would truly have added to the demo's second campaign: the worth of what the first one taught."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from aimwell.cli.demo.rehearsal import ACTIONS, CONTACT_COST, Sent, customers_of
from aimwell.cli.demo.stages import MARGIN_DEFAULT, Campaigned, Demo
from aimwell.simulate import gain_of, people_of, true_effect

__all__ = [
    "AS_PLANNED",
    "AT_RANDOM",
    "KNOWING",
    "NOBODY",
    "Way",
    "ways_of_choosing",
    "worth_of_learning",
]

AS_PLANNED = "as it was planned"
AT_RANDOM = "at random, as the first was"
KNOWING = "each person's best, which nobody can know"
NOBODY = "nobody"


@dataclass(frozen=True)
class Way:
    """One way of choosing for the people who were not held out: how many messages, and the profit that they truly add."""

    name: str
    messages: int
    profit: float

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def ways_of_choosing(run: Demo, done: Campaigned) -> list[Way]:
    """True incremental profit of each way, in the same world, for the same people at the same hour."""
    customers = customers_of(run.stores, done.plan.plan_id, arms=("treatment", "passed"))
    hours = dict(
        zip(
            done.sent.table["customer_id"].to_pylist(),
            done.sent.table["sent_at"].to_pylist(),
            strict=True,
        )
    )
    sent_at = pa.array(
        [hours.get(who, done.plan.starts_at) for who in customers.to_pylist()],
        pa.timestamp("us", tz="UTC"),
    )
    names = [action.name for action in ACTIONS]
    drawn = np.random.default_rng(run.spec.seed).integers(len(names), size=len(customers))
    messages = {
        AT_RANDOM: Sent.of(customers, [names[one] for one in drawn.tolist()], sent_at),
        **{
            f"everyone: {name}": Sent.of(customers, [name] * len(customers), sent_at)
            for name in names
        },
        AS_PLANNED: done.sent,
        KNOWING: _best(run, done, customers, sent_at, names),
    }
    return [
        Way(NOBODY, 0, 0.0),
        *(
            Way(name, sent.table.num_rows, _profit(run, done, sent))
            for name, sent in messages.items()
        ),
    ]


def worth_of_learning(ways: Sequence[Way]) -> float:
    """True profit of the campaign as it was planned, over drawing at random again."""
    profit = {way.name: way.profit for way in ways}
    return profit[AS_PLANNED] - profit[AT_RANDOM]


def _profit(run: Demo, done: Campaigned, sent: Sent) -> float:
    gain = gain_of(
        run.shop,
        sent.table,
        actions=list(ACTIONS),
        since=done.plan.starts_at,
        until=done.plan.starts_at + timedelta(days=done.plan.summary["window_days"]),
        before=done.before.table,
        margin_default=MARGIN_DEFAULT,
    )
    return gain.margin - CONTACT_COST * gain.messages


def _best(
    run: Demo, done: Campaigned, customers: pa.Array, sent_at: pa.Array, names: Sequence[str]
) -> Sent:
    """To each the action of which the simulation expects most, where that is more than it costs."""
    who = people_of(run.shop, customers)
    days = done.plan.summary["window_days"]
    margins = [
        true_effect(run.shop, action, sent_at=done.plan.starts_at, window_days=days)[
            "margin"
        ].to_numpy()[who]
        for action in ACTIONS
    ]
    worth = np.column_stack(margins) - CONTACT_COST
    rows = np.flatnonzero(worth.max(axis=1) > 0)
    chosen = [names[one] for one in worth[rows].argmax(axis=1).tolist()]
    return Sent.of(customers.take(pa.array(rows)), chosen, sent_at.take(pa.array(rows)))
