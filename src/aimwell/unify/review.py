"""Pairs that may be one person by likeness: merged above one limit, kept for a person to look at above another.

Whoever finds likeness (`matching`) proposes; the limits are settings, fixed beforehand. What a person has said of a pair
stands, whatever is proposed later.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from aimwell.errors import UnifyError
from aimwell.store.control import insert_statement
from aimwell.store.listed import among
from aimwell.store.schema import metadata
from aimwell.store.stores import Stores
from aimwell.unify.decisions import Decision, decisions, keep_decision

__all__ = ["Candidate", "Proposed", "Waiting", "accept", "propose", "refuse", "waiting"]

_candidates = metadata.tables["identity_candidates"]
_decisions = metadata.tables["identity_decisions"]
_sides = metadata.tables["identity_decision_origins"]
_BATCH = 1_000


@dataclass(frozen=True)
class Candidate:
    """Two origins that may be one person.

    Args:
        origin_a: One of them.
        origin_b: The other.
        probability: That they are one, 0 to 1.
        fields: Field → its part of the weight (log2), as `{"postcode": 8.1, "first_name": -2.0}`.
        weight: Log2 of the odds.
    """

    origin_a: str
    origin_b: str
    probability: float
    fields: Mapping[str, float] = field(default_factory=dict)
    weight: float | None = None

    @property
    def pair(self) -> tuple[str, str]:
        """The two in one order."""
        return min(self.origin_a, self.origin_b), max(self.origin_a, self.origin_b)


@dataclass(frozen=True)
class Proposed:
    """What became of proposals: pairs merged, waiting for review, below both limits, decided before, withdrawn.

    `origins` are those whose identity may have changed: hand them on to `unify_touched`.
    """

    merged: int
    review: int
    below: int
    decided: int
    withdrawn: int
    origins: frozenset[str]


@dataclass(frozen=True)
class Waiting:
    """A pair that waits for a person, or was decided."""

    candidate_id: int
    origin_a: str
    origin_b: str
    probability: float
    weight: float | None
    fields: Mapping[str, float]
    model: str
    state: str
    proposed_at: datetime
    decided_at: datetime | None
    decided_by: str | None
    decision_id: int | None

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def propose(
    stores: Stores,
    candidates: Iterable[Candidate],
    *,
    model: str,
    now: datetime,
    complete: bool = False,
) -> Proposed:
    """Take pairs that a model found alike.

    Args:
        stores: The workspace.
        candidates: The pairs, each once.
        model: Its name and version, as 'people/3'.
        now: The moment.
        complete: These are all pairs that the model finds: what it or an earlier one proposed and is not among them is
            withdrawn, unless a person decided it.
    """
    merge, review = stores.settings.match_merge_min, stores.settings.match_review_min
    given = {one.pair: one for one in candidates if one.origin_a != one.origin_b}
    counts = dict.fromkeys(("merged", "review", "below", "decided", "withdrawn"), 0)
    concerned: set[str] = set()
    with stores.control.begin() as connection:
        known = _known(connection, None if complete else {o for pair in given for o in pair})
        wanted: dict[tuple[str, str], str] = {}
        for pair, one in given.items():
            old = known.get(pair)
            if old is not None and old.state in {"accepted", "refused"}:
                counts["decided"] += 1
            elif one.probability >= merge and not _held(old):
                wanted[pair] = "merged"
                counts["merged"] += 1
            elif one.probability >= review:
                wanted[pair] = "open"
                counts["review"] += 1
            else:
                counts["below"] += 1
        gone = [
            old
            for pair, old in known.items()
            if pair not in wanted
            and old.state in {"open", "merged"}
            and (complete or pair in given)
        ]
        counts["withdrawn"] = len(gone)
        # A pair that stays merged keeps its decision; whoever comes out of it has the decision undone.
        left = [
            old
            for old in [*gone, *(known[pair] for pair in wanted if pair in known)]
            if old.state == "merged" and wanted.get((old.origin_a, old.origin_b)) != "merged"
        ]
        _withdraw(connection, left, model=model, now=now)
        _set_state(connection, gone, "withdrawn")
        fresh = [
            pair
            for pair, state in wanted.items()
            if state == "merged" and (pair not in known or known[pair].state != "merged")
        ]
        numbers = _merge(connection, [given[pair] for pair in fresh], model=model, now=now)
        kept = {
            pair: known[pair].decision_id
            for pair, state in wanted.items()
            if state == "merged" and pair not in numbers
        }
        _keep(
            connection,
            [
                {
                    "origin_a": pair[0],
                    "origin_b": pair[1],
                    "probability": given[pair].probability,
                    "weight": given[pair].weight,
                    "fields": dict(given[pair].fields),
                    "model": model,
                    "state": state,
                    "proposed_at": now,
                    "decision_id": (numbers | kept).get(pair),
                }
                for pair, state in wanted.items()
            ],
        )
        for pair in fresh:
            concerned.update(pair)
        for old in left:
            concerned.update((old.origin_a, old.origin_b))
    return Proposed(**counts, origins=frozenset(concerned))


def waiting(
    connection: sa.Connection, *, state: str | None = "open", limit: int | None = 50
) -> list[Waiting]:
    """Pairs in a state (None: any), the most probable first."""
    query = sa.select(_candidates).order_by(
        _candidates.c.probability.desc(), _candidates.c.candidate_id
    )
    if state is not None:
        query = query.where(_candidates.c.state == state)
    return [Waiting(**row._mapping) for row in connection.execute(query.limit(limit))]


def accept(
    stores: Stores, candidate_id: int, *, by: str, now: datetime, reason: str | None = None
) -> Decision:
    """Say that the two are one person; undone like any decision.

    Raises:
        UnifyError: There is no such pair, it was decided before, or a decision says that they are apart.
    """
    return _decide(stores, candidate_id, "together", by=by, now=now, reason=reason)


def refuse(
    stores: Stores, candidate_id: int, *, by: str, now: datetime, reason: str | None = None
) -> Decision:
    """Say that the two are not one person, which parts them also where identifiers join them.

    Raises:
        UnifyError: There is no such pair, or it was decided before.
    """
    return _decide(stores, candidate_id, "apart", by=by, now=now, reason=reason)


def _decide(
    stores: Stores, candidate_id: int, verdict: Any, *, by: str, now: datetime, reason: str | None
) -> Decision:
    with stores.control.begin() as connection:
        row = connection.execute(
            sa.select(_candidates)
            .where(_candidates.c.candidate_id == candidate_id)
            .with_for_update()
        ).one_or_none()
        if row is None:
            raise UnifyError(
                f"No pair {candidate_id} waits for review. See them with: aimwell unify review"
            )
        if row.state in {"accepted", "refused"}:
            raise UnifyError(
                f"Pair {candidate_id} was {row.state} on {row.decided_at:%Y-%m-%d} by {row.decided_by} already. "
                f"Take that back with: aimwell unify undo {row.decision_id}"
            )
        pair = {row.origin_a, row.origin_b}
        for known in decisions(connection, origins=pair):
            if (
                verdict == "together"
                and known.verdict == "apart"
                and pair & set(known.a)
                and pair & set(known.b)
            ):
                raise UnifyError(
                    f"Decision {known.decision_id} says that these are not one person. "
                    f"Take it back first: aimwell unify undo {known.decision_id}"
                )
        if row.state == "merged":
            _withdraw(connection, [row], model=row.model, now=now)
        sides = (
            ([row.origin_a, row.origin_b], [])
            if verdict == "together"
            else ([row.origin_a], [row.origin_b])
        )
        made = keep_decision(
            connection,
            verdict,
            *sides,
            via="review",
            by=by,
            now=now,
            reason=reason,
            probability=row.probability,
        )
        connection.execute(
            sa.update(_candidates)
            .where(_candidates.c.candidate_id == candidate_id)
            .values(
                state="accepted" if verdict == "together" else "refused",
                decided_at=now,
                decided_by=by,
                decision_id=made.decision_id,
            )
        )
        return made


def _held(old: Any) -> bool:
    """Whether a person has undone the merge that the pair led to."""
    return old is not None and old.decided_by is not None


def _keep(connection: sa.Connection, rows: list[dict[str, Any]]) -> None:
    """Insert pairs; of those that are there the newest proposal counts."""
    if rows:
        statement = insert_statement(connection.dialect.name == "sqlite", _candidates)
        changes = {n: statement.excluded[n] for n in rows[0] if not n.startswith("origin_")}
        connection.execute(
            statement.on_conflict_do_update(index_elements=["origin_a", "origin_b"], set_=changes),
            rows,
        )


def _known(connection: sa.Connection, origins: set[str] | None) -> dict[tuple[str, str], Any]:
    """Pair → its row; of all, or of pairs of these origins."""
    query = sa.select(_candidates)
    if origins is not None:
        query = query.where(among(_candidates.c.origin_a, sorted(origins)))
    return {(row.origin_a, row.origin_b): row for row in connection.execute(query)}


def _merge(
    connection: sa.Connection, candidates: Sequence[Candidate], *, model: str, now: datetime
) -> dict[tuple[str, str], int]:
    """Pair → the number of the new decision that joins it."""
    numbers: dict[tuple[str, str], int] = {}
    for start in range(0, len(candidates), _BATCH):
        batch = candidates[start : start + _BATCH]
        made = connection.execute(
            sa.insert(_decisions).returning(_decisions.c.decision_id, sort_by_parameter_order=True),
            [
                {
                    "verdict": "together",
                    "via": "match",
                    "probability": one.probability,
                    "decided_at": now,
                    "decided_by": model,
                }
                for one in batch
            ],
        ).scalars()
        found = {one.pair: number for one, number in zip(batch, made, strict=True)}
        connection.execute(
            sa.insert(_sides),
            [
                {"decision_id": number, "origin_id": origin, "side": "a"}
                for pair, number in found.items()
                for origin in pair
            ],
        )
        numbers |= found
    return numbers


def _withdraw(connection: sa.Connection, rows: Sequence[Any], *, model: str, now: datetime) -> None:
    numbers = [row.decision_id for row in rows if row.decision_id is not None]
    for start in range(0, len(numbers), _BATCH):
        connection.execute(
            sa.update(_decisions)
            .where(
                _decisions.c.decision_id.in_(numbers[start : start + _BATCH]),
                _decisions.c.undone_at.is_(None),
            )
            .values(undone_at=now, undone_by=model)
        )


def _set_state(connection: sa.Connection, rows: Sequence[Any], state: str) -> None:
    numbers = [row.candidate_id for row in rows]
    for start in range(0, len(numbers), _BATCH):
        connection.execute(
            sa.update(_candidates)
            .where(_candidates.c.candidate_id.in_(numbers[start : start + _BATCH]))
            .values(state=state, decision_id=None)
        )
