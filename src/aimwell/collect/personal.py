"""Keeps personal data out of the columns that go to the lake.

Personal data belong in the vault. Traits and properties go to the lake, so a column that looks personal is
refused there, unless the source says that it only looks so.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from aimwell.collect.fields import TargetField
from aimwell.collect.personal_signs import personal_kind
from aimwell.definitions.kinds.source import Entity
from aimwell.errors import MappingError
from aimwell.store.engine import Session
from aimwell.store.sql import column

__all__ = ["refuse_personal"]

_SAMPLE = 1_000


def refuse_personal(session: Session, entity: Entity, fields: Sequence[TargetField]) -> None:
    """Raise MappingError where a trait or property of `texts` holds personal data."""
    listed = getattr(entity, "not_personal", None)
    if listed is None:  # what is said of goods, shops and money is about nobody
        return
    allowed = set(listed)
    suspects = [
        f
        for f in fields
        if f.name.startswith(("traits.", "properties.")) and f.name.split(".", 1)[1] not in allowed
    ]
    if not suspects:
        return
    sample = exp.select(*(column(f.name) for f in suspects)).from_("texts").limit(_SAMPLE)
    rows = session.rows(sample)
    for place, field in enumerate(suspects):
        last = field.name.split(".", 1)[1]
        kind = personal_kind(last, [row[place] for row in rows if row[place] is not None])
        if kind is not None:
            raise MappingError(
                f"{field.name} ('{field.value}') looks like personal data ({kind}), which belong in the vault. Map "
                f"it as {kind.replace('free text', 'vault')} of customers, or say `not_personal: [{last}]`.",
                field=field.name,
            )
