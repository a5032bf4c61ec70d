"""One plan of a campaign at a time may contact people, or whoever stands in two is written to twice.

A plan that waits to be approved contacts nobody, so any number of those may lie beside each other; the second is refused when it is to be
approved, and a new one is not even worked out beside one that is approved or being sent. Waves are meant to follow one another: the next
one may begin once the window of the last one is over, though some of its messages may still wait. Until then, and as long as an approved
one has not begun, the two would write to the same people for the same reason.

Who asks takes the campaign's turn first, in the transaction that then writes, so of two processes at once one finds the other's plan.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from aimwell.errors import OpenPlanError
from aimwell.store.schema import metadata
from aimwell.store.turns import take_turn

__all__ = ["OpenBeside", "give_up_beside", "open_beside", "refuse_open_beside"]

_plans = metadata.tables["plans"]
_CONTACTING = ("approved", "sending", "paused")


@dataclass(frozen=True, slots=True)
class OpenBeside:
    """Another plan of the campaign that may contact people. `begun`: whether anything of it has been sent."""

    plan_id: str
    state: str
    begun: bool


def open_beside(
    connection: sa.Connection, campaign: str, *, moment: datetime, but: str | None = None
) -> list[OpenBeside]:
    """Real plans of the campaign beside which another one, as of `moment`, would write to people twice; the newest first.

    Args:
        connection: On the control database.
        campaign: Its name.
        moment: Of the plan that is to be made or approved.
        but: The plan that asks.
    """
    query = (
        sa.select(_plans.c.plan_id, _plans.c.state, _plans.c.started_at, _plans.c.summary)
        .where(
            _plans.c.campaign == campaign,
            _plans.c.trial.is_(False),
            _plans.c.state.in_(_CONTACTING),
            _plans.c.plan_id != (but or ""),
        )
        .order_by(_plans.c.planned_at.desc(), _plans.c.plan_id)
    )
    return [
        OpenBeside(plan_id, state, started_at is not None)
        for plan_id, state, started_at, summary in connection.execute(query)
        if started_at is None or moment < _next_wave(summary)
    ]


def _next_wave(summary: Mapping[str, Any]) -> datetime:
    """From when on another plan is a wave of its own."""
    window = timedelta(days=summary["window_days"])
    return datetime.fromisoformat(summary["starts_at"]) + window


def refuse_open_beside(
    connection: sa.Connection,
    campaign: str,
    *,
    moment: datetime,
    but: str | None = None,
    replacing: bool = False,
    alone: bool = False,
) -> list[OpenBeside]:
    """Refuse where another plan of the campaign may contact people.

    Args:
        connection: On the control database.
        campaign: As for `open_beside`, like `moment` and `but`.
        replacing: The others are to be given up; only one that has begun is refused then.
        alone: Whether others that ask wait until the transaction, which writes, has ended.

    Returns:
        What is to be given up, where replacing.

    Raises:
        OpenPlanError: There is one; says which, and what can be done.
    """
    if alone:
        take_turn(connection, f"plans of {campaign}")
    found = open_beside(connection, campaign, moment=moment, but=but)
    in_the_way = [one for one in found if one.begun or not replacing]
    if in_the_way:
        raise OpenPlanError(_words(campaign, in_the_way, replacing=replacing))
    return found


def give_up_beside(connection: sa.Connection, other: OpenBeside, *, now: datetime) -> None:
    """Cancel a plan that has not begun; raises OpenPlanError where it has begun meanwhile."""
    changed = connection.execute(
        sa.update(_plans)
        .where(
            _plans.c.plan_id == other.plan_id,
            _plans.c.state == "approved",
            _plans.c.started_at.is_(None),
        )
        .values(state="cancelled", finished_at=now)
    ).rowcount
    if not changed:
        raise OpenPlanError(
            f"The plan '{other.plan_id}' began meanwhile, or is none any more, so it was not replaced. Try again."
        )


def _words(campaign: str, found: Sequence[OpenBeside], *, replacing: bool) -> str:
    first = found[0]
    name, more = first.plan_id, len(found) - 1
    others = f" (and {more} more {'is' if more == 1 else 'are'})" if more else ""
    state = {"sending": "being sent", "paused": "being sent, and paused"}.get(
        first.state, first.state
    )
    told = f"The plan '{name}' of the campaign '{campaign}' is {state}{others}, and whoever stands in two plans is written to twice. "
    if first.begun:
        why = "What has begun cannot be replaced. " if replacing else ""
        return told + (
            f"{why}Let it end (aimwell deliver status {name}), or give up what is not sent yet: aimwell deliver cancel {name}"
        )
    return told + (
        f"Send it (aimwell deliver run {name}), take its approval back (aimwell decide undo {name}), or give it up for a new one: "
        f"aimwell decide plan {campaign} --replace"
    )
