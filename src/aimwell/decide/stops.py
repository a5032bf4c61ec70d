"""Stops: a guardrail that was passed holds a campaign up until a person lets it go on, with a reason.

A stop, the pause of what is being sent, the alert and the line of the audit log are written in one transaction: whoever is killed
in the middle leaves all of them or none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from aimwell.decide.model import Plan
from aimwell.errors import DecideError
from aimwell.jobs.alerts import close_alert, raise_alert
from aimwell.store.control import insert_missing
from aimwell.store.schema import metadata
from aimwell.store.stores import Stores

__all__ = ["Stop", "lift_stops", "refuse_stopped", "standing", "stop", "stops_of"]

_stops = metadata.tables["campaign_stops"]
_plans = metadata.tables["plans"]


@dataclass(frozen=True, kw_only=True)
class Stop:
    """One stop of a campaign.

    Attributes:
        plan_id, campaign: Whose messages showed it.
        guardrail: As in the campaign.
        since: From when on the evidence counts.
        evidence: What was seen, as the guardrail's test tells it.
        stopped_at: When.
        resumed_at, resumed_by, reason: Of the person who let it go on; None while it stands.
    """

    plan_id: str
    campaign: str
    guardrail: str
    since: datetime
    evidence: Mapping[str, Any]
    stopped_at: datetime
    resumed_at: datetime | None = None
    resumed_by: str | None = None
    reason: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        body = asdict(self)
        for name in ("since", "stopped_at", "resumed_at"):
            body[name] = None if body[name] is None else body[name].isoformat()
        return body


def stop(
    stores: Stores,
    plan: Plan,
    guardrail: str,
    evidence: Mapping[str, Any],
    *,
    since: datetime,
    now: datetime,
) -> bool:
    """Stop the campaign of a plan and pause all that it is sending; False where somebody else just did."""
    key = {"plan_id": plan.plan_id, "guardrail": guardrail, "since": since}
    row = {**key, "campaign": plan.campaign, "evidence": dict(evidence), "stopped_at": now}
    mine = sa.and_(*(_stops.c[name] == value for name, value in key.items()))
    with stores.control.begin() as connection:
        if connection.execute(sa.select(_stops.c.campaign).where(mine)).scalar() is not None:
            return False
        # A second one who decides at once finds this row after us, and the database refuses it.
        insert_missing(connection, _stops, [row])
        connection.execute(
            sa.update(_plans)
            .where(
                _plans.c.campaign == plan.campaign,
                _plans.c.state == "sending",
                _plans.c.trial.is_(False),
            )
            .values(state="paused")
        )
        words = (
            f"The campaign {plan.campaign} was stopped. {evidence['words']} What is queued waits. Look at it, then: aimwell deliver "
            f"resume {plan.plan_id} --reason '…', or aimwell deliver cancel {plan.plan_id}"
        )
        raise_alert(connection, _key(plan.campaign), words, severity="error", now=now)
        stores.audit_within(
            connection,
            "guardrail stop",
            actor="guardrails",
            subject=plan.plan_id,
            guardrail=guardrail,
            evidence=evidence["words"],
        )
    return True


def lift_stops(
    stores: Stores,
    connection: sa.Connection,
    campaign: str,
    *,
    now: datetime,
    by: str,
    reason: str,
    subject: str,
) -> None:
    """Let a stopped campaign go on, in a transaction of the caller's; evidence counts anew from now on."""
    connection.execute(
        sa.update(_stops)
        .where(_stops.c.campaign == campaign, _stops.c.resumed_at.is_(None))
        .values(resumed_at=now, resumed_by=by, reason=reason)
    )
    close_alert(connection, _key(campaign), now=now)
    stores.audit_within(connection, "guardrail overruled", actor=by, subject=subject, reason=reason)


def standing(connection: sa.Connection, campaign: str) -> list[Stop]:
    """The stops of a campaign that nobody has lifted."""
    query = (
        sa.select(_stops)
        .where(_stops.c.campaign == campaign, _stops.c.resumed_at.is_(None))
        .order_by(_stops.c.stopped_at, _stops.c.guardrail)
    )
    return [Stop(**row._mapping) for row in connection.execute(query)]


def stops_of(connection: sa.Connection, campaign: str) -> list[Stop]:
    """All stops of a campaign, the newest first."""
    query = (
        sa.select(_stops)
        .where(_stops.c.campaign == campaign)
        .order_by(_stops.c.stopped_at.desc(), _stops.c.guardrail)
    )
    return [Stop(**row._mapping) for row in connection.execute(query)]


def refuse_stopped(connection: sa.Connection, plan: Plan) -> None:
    """Raise DecideError where a stop of the plan's campaign stands; trials reach nobody and are not held up."""
    if plan.trial:
        return
    found = standing(connection, plan.campaign)
    if found:
        raise DecideError(
            f"The campaign '{plan.campaign}' was stopped on {found[0].stopped_at:%Y-%m-%d}. {found[0].evidence['words']} "
            f"To let it go on all the same: aimwell deliver resume {found[0].plan_id} --reason '…'"
        )


def _key(campaign: str) -> str:
    return f"guardrail:{campaign}"
