"""The learned models of a workspace, each a version, and how far the newest has looked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from aimwell.store.schema import metadata
from aimwell.store.stores import Stores
from aimwell.unify.matching.model import MatchModel

__all__ = ["StoredModel", "keep_model", "newest_model", "note_compared"]

_models = metadata.tables["match_models"]


@dataclass(frozen=True)
class StoredModel:
    """A model as it is kept. `compared_to`: whoever was known before has been compared by it; None: nobody yet."""

    version: int
    model: MatchModel
    learned_at: datetime
    compared_to: datetime | None = None

    @property
    def name(self) -> str:
        """As evidence names it."""
        return f"likeness-{self.version}"


def newest_model(stores: Stores) -> StoredModel | None:
    """The model in use; None where none was learned yet."""
    query = sa.select(_models).order_by(_models.c.version.desc()).limit(1)
    with stores.read_control() as connection:
        row = connection.execute(query).one_or_none()
    if row is None:
        return None
    return StoredModel(
        row.version, MatchModel.from_dict(row.document), row.learned_at, row.compared_to
    )


def keep_model(stores: Stores, model: MatchModel, *, now: datetime, by: str) -> StoredModel:
    """Keep a model as the next version."""
    with stores.control.begin() as connection:
        last = connection.execute(sa.select(sa.func.max(_models.c.version))).scalar() or 0
        connection.execute(
            sa.insert(_models).values(
                version=last + 1, document=model.to_dict(), learned_at=now, learned_by=by
            )
        )
    stores.audit("match_model.learn", actor=by, subject=str(last + 1), people=model.people)
    return StoredModel(last + 1, model, now)


def note_compared(stores: Stores, version: int, *, to: datetime) -> None:
    """Note that everybody known before `to` has been compared by this version."""
    with stores.control.begin() as connection:
        connection.execute(
            sa.update(_models).where(_models.c.version == version).values(compared_to=to)
        )
