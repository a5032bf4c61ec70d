"""Matching in a workspace: learn a model, compare people, hand what is alike to the review."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa
import sqlalchemy as sa
from sqlglot import exp

from aimwell.errors import UnifyError
from aimwell.store.engine import DuckDBEngine, Session
from aimwell.store.schema import metadata
from aimwell.store.sql import sql
from aimwell.store.stores import Stores
from aimwell.unify.matching.fields import MatchField
from aimwell.unify.matching.model import RECORDS, fit, pairs
from aimwell.unify.matching.records import bind_people, person_before_likeness
from aimwell.unify.matching.stored import StoredModel, keep_model, newest_model, note_compared
from aimwell.unify.review import Candidate, Proposed, propose
from aimwell.unify.service import unify_touched

__all__ = ["MatchReport", "match"]

_people = metadata.tables["vault_people"]
_overrides = metadata.tables["identity_overrides"]
_MEMORY_MB_MAX = 4_096
_NEW = "newcomers"


@dataclass(frozen=True)
class MatchReport:
    """What a run did. `compared` are people with enough fields; `new` those of them who had not been compared before."""

    model: int
    learned: bool
    fields: tuple[str, ...]
    compared: int
    new: int
    merged: int
    review: int
    decided: int
    withdrawn: int

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def match(
    stores: Stores,
    *,
    now: datetime,
    by: str,
    learn: bool = False,
    may_learn: bool = True,
    then: Callable[[frozenset[str]], object] | None = None,
) -> MatchReport:
    """Compare people by likeness, merge those above the limit and put those below it up for review.

    The first run learns a model and compares everybody; later ones compare who is new since, with the same model, until
    `learn` asks for another one or the vault has other fields.

    Args:
        stores: The workspace.
        now: The present.
        by: Who asks.
        learn: Learn anew, and compare everybody.
        may_learn: Where a model would have to be learned, do so; else that is an error.
        then: Told the origins whose identity may have changed, to bring them up to date; by default `unify_touched`.

    Raises:
        TooFewPairsError: There is too little to learn from.
        UnifyError: A model would have to be learned, and that was not allowed.
        LeaseBusyError: Another process is at it.
    """
    with stores.leases.hold("unify:match"), _people_to_compare(stores) as (session, fields):
        known = newest_model(stores)
        learned = learn or known is None or known.model.fields != fields
        if learned and not may_learn:
            raise UnifyError(
                "No model was learned of the fields that the vault has now. Learn one, look at what it finds, and "
                "matching by the clock goes on with it: aimwell unify match --learn"
            )
        model = _learned(stores, session, fields, now=now, by=by) if learned else known
        assert model is not None  # noqa: S101 - it was learned where none was known
        everybody = model.compared_to is None
        new = _bind_new(stores, session, model, everybody=everybody)
        proposed = _propose(stores, session, model, everybody=everybody, now=now)
        if then is None:
            unify_touched(stores, proposed.origins, now=now)
        else:
            then(proposed.origins)
        [(compared,)] = session.rows(sql("SELECT count(*) FROM records"))
    # Only now are they compared: killed before, the next run looks at them again.
    note_compared(stores, model.version, to=now)
    return MatchReport(
        model=model.version,
        learned=learned,
        fields=tuple(field.name for field in model.model.fields),
        compared=compared,
        new=new,
        merged=proposed.merged,
        review=proposed.review,
        decided=proposed.decided,
        withdrawn=proposed.withdrawn,
    )


@contextmanager
def _people_to_compare(stores: Stores) -> Iterator[tuple[Session, tuple[MatchField, ...]]]:
    """A session of the engine for histories with `records`, and their fields.

    They are read and made comparable here, where the vault can be reached, and compared there.
    """
    memory = min(stores.settings.engine_memory_mb or _MEMORY_MB_MAX, _MEMORY_MB_MAX)
    here = DuckDBEngine(memory_mb=memory, threads=stores.settings.engine_threads)
    with here.session() as session:
        fields = bind_people(stores, session)
        if stores.history_engine.name == here.name:
            yield session, fields
            return
        people = session.table(sql("SELECT * FROM :records", records=exp.to_table(RECORDS)))
    with stores.history_engine.session() as there:
        there.bind("given", people)
        there.materialise(RECORDS, sql("SELECT * FROM given"))
        del people
        yield there, fields


def _learned(
    stores: Stores,
    session: Session,
    fields: tuple[MatchField, ...],
    *,
    now: datetime,
    by: str,
) -> StoredModel:
    return keep_model(stores, fit(session, fields), now=now, by=by)


def _bind_new(stores: Stores, session: Session, model: StoredModel, *, everybody: bool) -> int:
    """Bind who is to be compared with all others; returns how many they are."""
    if everybody:
        session.bind(_NEW, sql("SELECT unique_id FROM records"))
    else:
        query = (
            sa.select(person_before_likeness())
            .distinct()
            .select_from(
                _people.outerjoin(_overrides, _overrides.c.origin_id == _people.c.origin_id)
            )
            .where(_people.c.set_at >= model.compared_to)
        )
        with stores.read_control() as connection:
            ids = connection.execute(query).scalars().all()
        session.bind("touched", pa.table({"unique_id": pa.array(ids, pa.string())}))
        session.materialise(
            _NEW,
            sql("SELECT unique_id FROM touched WHERE unique_id IN (SELECT unique_id FROM records)"),
        )
    [(count,)] = session.rows(sql("SELECT count(*) FROM newcomers"))
    return int(count)


def _propose(
    stores: Stores,
    session: Session,
    model: StoredModel,
    *,
    everybody: bool,
    now: datetime,
) -> Proposed:
    found = pairs(
        session,
        model.model,
        probability_min=stores.settings.match_review_min,
        new=None if everybody else _NEW,
    )
    candidates = [
        Candidate(
            origin_a=row["left_id"],
            origin_b=row["right_id"],
            probability=row["probability"],
            weight=row["weight"],
            fields={name: value for name, value in row["fields"].items() if value is not None},
        )
        for row in found.to_pylist()
    ]
    return propose(stores, candidates, model=model.name, now=now, complete=everybody)
