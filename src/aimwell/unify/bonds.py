"""Decisions in force, as the rule takes them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import sqlalchemy as sa

from aimwell.store.listed import among
from aimwell.store.schema import metadata
from aimwell.unify.model import Bond

__all__ = ["all_bonds", "bonds_of"]

_decisions = metadata.tables["identity_decisions"]
_sides = metadata.tables["identity_decision_origins"]


def all_bonds(connection: sa.Connection) -> list[Bond]:
    """Every decision in force."""
    return _bonds(connection.execute(_in_force()))


def bonds_of(connection: sa.Connection, origins: Collection[str]) -> list[Bond]:
    """The decisions in force that name one of the origins, whole."""
    named = sa.select(_sides.c.decision_id).where(among(_sides.c.origin_id, origins))
    return _bonds(connection.execute(_in_force().where(_sides.c.decision_id.in_(named))))


def _in_force() -> sa.Select[Any]:
    return (
        sa.select(
            _decisions.c.decision_id,
            _decisions.c.verdict,
            _decisions.c.via,
            _sides.c.origin_id,
            _sides.c.side,
        )
        .join(_sides, _sides.c.decision_id == _decisions.c.decision_id)
        .where(_decisions.c.undone_at.is_(None))
        .order_by(_decisions.c.decision_id)
    )


def _bonds(rows: Iterable[Any]) -> list[Bond]:
    found: dict[int, tuple[Any, dict[str, set[str]]]] = {}
    for row in rows:
        _first, sides = found.setdefault(row.decision_id, (row, {"a": set(), "b": set()}))
        sides[row.side].add(row.origin_id)
    return [
        Bond(number, row.verdict, row.via, frozenset(sides["a"]), frozenset(sides["b"]))
        for number, (row, sides) in found.items()
    ]
