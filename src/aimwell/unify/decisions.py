"""What people decide about who is one person: kept for ever, above all identifiers, and undone as easily.

A decision is about origins, so it holds whatever else comes in. No later run goes against it; undoing it leaves people
as identifiers and the other decisions have them.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa

from aimwell.errors import UnifyError
from aimwell.store.listed import among
from aimwell.store.schema import metadata
from aimwell.store.stores import Stores

__all__ = ["Decision", "decisions", "find_decision", "join", "keep_decision", "split", "undo"]

Via = Literal["person", "review", "match"]

_decisions = metadata.tables["identity_decisions"]
_sides = metadata.tables["identity_decision_origins"]
_candidates = metadata.tables["identity_candidates"]
_identifiers = metadata.tables["identifiers"]
_audit = metadata.tables["audit_log"]


@dataclass(frozen=True)
class Decision:
    """The origins of `a` are not one person with those of `b` (apart), or all of `a` are one (together)."""

    decision_id: int
    verdict: Literal["apart", "together"]
    via: Via
    a: tuple[str, ...]
    b: tuple[str, ...]
    probability: float | None
    reason: str | None
    decided_at: datetime
    decided_by: str
    undone_at: datetime | None
    undone_by: str | None

    @property
    def origins(self) -> frozenset[str]:
        """Whom it names: hand them on to `unify_touched`."""
        return frozenset((*self.a, *self.b))


def split(
    stores: Stores,
    a: Collection[str],
    b: Collection[str],
    *,
    by: str,
    now: datetime,
    reason: str | None = None,
) -> Decision:
    """Keep that no origin of `a` is one person with any of `b`.

    It takes effect with the next `unify_touched` of its origins.

    Raises:
        UnifyError: One side is empty, both name the same origin, or an origin is unknown.
    """
    if not a or not b:
        raise UnifyError("A split needs two sides. Name who is to be parted from whom.")
    if both := set(a) & set(b):
        raise UnifyError(
            f"{sorted(both)[0]} stands on both sides, and nobody can be parted from themselves. Name two identities "
            "that came under different ids; `aimwell profile` lists them."
        )
    with stores.control.begin() as connection:
        _known(connection, [*a, *b])
        return keep_decision(
            connection, "apart", sorted(a), sorted(b), via="person", by=by, now=now, reason=reason
        )


def join(
    stores: Stores, origins: Collection[str], *, by: str, now: datetime, reason: str | None = None
) -> Decision:
    """Keep that all these origins are one person.

    Raises:
        UnifyError: Fewer than two, one that is unknown, or a decision in force says that two of them are not.
    """
    if len(set(origins)) < 2:
        raise UnifyError("These are one identity already. Name two that came under different ids.")
    with stores.control.begin() as connection:
        _known(connection, origins)
        _refuse_contradiction(connection, set(origins))
        return keep_decision(
            connection,
            "together",
            sorted(set(origins)),
            (),
            via="person",
            by=by,
            now=now,
            reason=reason,
        )


def undo(stores: Stores, decision_id: int, *, by: str, now: datetime) -> Decision:
    """Take a decision back; a candidate that it came from waits for review again.

    Raises:
        UnifyError: There is none of that number, or it was undone before.
    """
    with stores.control.begin() as connection:
        found = find_decision(connection, decision_id)
        if found.undone_at is not None:
            raise UnifyError(
                f"Decision {decision_id} was undone on {found.undone_at:%Y-%m-%d} by {found.undone_by} already."
            )
        connection.execute(
            sa.update(_decisions)
            .where(_decisions.c.decision_id == decision_id)
            .values(undone_at=now, undone_by=by)
        )
        # Of a merge that nobody was asked about it stays known who took it back, so that it is not done again.
        held = {"decided_at": now, "decided_by": by} if found.via == "match" else {}
        connection.execute(
            sa.update(_candidates)
            .where(_candidates.c.decision_id == decision_id)
            .values(
                state="open", decision_id=None, **({"decided_at": None, "decided_by": None} | held)
            )
        )
        _note(connection, f"undo {found.verdict}", by, now, decision_id, len(found.origins))
        return find_decision(connection, decision_id)


def decisions(
    connection: sa.Connection, *, origins: Collection[str] | None = None, undone: bool = False
) -> list[Decision]:
    """Decisions in force, the newest first; those that name one of `origins`, and with `undone` the others too."""
    query = sa.select(_decisions).order_by(_decisions.c.decision_id.desc())
    if not undone:
        query = query.where(_decisions.c.undone_at.is_(None))
    if origins is not None:
        named = sa.select(_sides.c.decision_id).where(among(_sides.c.origin_id, origins))
        query = query.where(_decisions.c.decision_id.in_(named))
    return _with_sides(connection, connection.execute(query).all())


def find_decision(connection: sa.Connection, decision_id: int) -> Decision:
    """One decision. Raises UnifyError where there is none of that number."""
    rows = connection.execute(
        sa.select(_decisions).where(_decisions.c.decision_id == decision_id)
    ).all()
    if not rows:
        raise UnifyError(
            f"There is no decision {decision_id}. See them with: aimwell unify decisions"
        )
    return _with_sides(connection, rows)[0]


def keep_decision(
    connection: sa.Connection,
    verdict: Literal["apart", "together"],
    a: Sequence[str],
    b: Sequence[str],
    *,
    via: Via,
    by: str,
    now: datetime,
    reason: str | None = None,
    probability: float | None = None,
) -> Decision:
    """Keep a decision and its line in the audit log, in a transaction of the caller's."""
    number = connection.execute(
        sa.insert(_decisions)
        .values(
            verdict=verdict,
            via=via,
            probability=probability,
            reason=reason,
            decided_at=now,
            decided_by=by,
        )
        .returning(_decisions.c.decision_id)
    ).scalar_one()
    connection.execute(
        sa.insert(_sides),
        [
            {"decision_id": number, "origin_id": origin, "side": side}
            for side, origins in (("a", a), ("b", b))
            for origin in origins
        ],
    )
    _note(connection, f"decide {verdict}", by, now, number, len(a) + len(b))
    return find_decision(connection, number)


def _note(
    connection: sa.Connection, action: str, by: str, now: datetime, number: int, origins: int
) -> None:
    connection.execute(
        sa.insert(_audit).values(
            occurred_at=now,
            actor=by,
            action=action,
            subject=f"identity decision {number}",
            detail={"origins": origins},
        )
    )


def _known(connection: sa.Connection, origins: Collection[str]) -> None:
    """Raise where an origin has no identifier."""
    found = set(
        connection.execute(
            sa.select(_identifiers.c.origin_id).where(among(_identifiers.c.origin_id, set(origins)))
        ).scalars()
    )
    if unknown := sorted(set(origins) - found):
        raise UnifyError(
            f"Nobody has come under the identity {unknown[0]}. `aimwell profile` lists the identities of a person."
        )


def _refuse_contradiction(connection: sa.Connection, origins: set[str]) -> None:
    for known in decisions(connection, origins=origins):
        if known.verdict == "apart" and origins & set(known.a) and origins & set(known.b):
            raise UnifyError(
                f"Decision {known.decision_id} of {known.decided_at:%Y-%m-%d} by {known.decided_by} says that these are "
                f"not one person. Take it back first: aimwell unify undo {known.decision_id}"
            )


def _with_sides(connection: sa.Connection, rows: Sequence[Any]) -> list[Decision]:
    numbers = [row.decision_id for row in rows]
    sides: dict[int, dict[str, list[str]]] = {n: {"a": [], "b": []} for n in numbers}
    for start in range(0, len(numbers), 500):
        query = (
            sa.select(_sides)
            .where(_sides.c.decision_id.in_(numbers[start : start + 500]))
            .order_by(_sides.c.origin_id)
        )
        for row in connection.execute(query):
            sides[row.decision_id][row.side].append(row.origin_id)
    return [
        Decision(
            a=tuple(sides[row.decision_id]["a"]),
            b=tuple(sides[row.decision_id]["b"]),
            **row._mapping,
        )
        for row in rows
    ]
