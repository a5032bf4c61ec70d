"""What is known of each person as columns of numbers for a model: features, traits that are numbers, common values of others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from sqlglot import exp

from aimwell.history.features import features
from aimwell.history.moment import Moment
from aimwell.segment.attributes.people_table import without_visitors
from aimwell.segment.attributes.preparation import prepare
from aimwell.segment.personas.traits import TRAIT_COLUMN, read_traits
from aimwell.store.sql import sql

__all__ = ["KnownColumns", "known_columns"]

_VALUES_MAX = 12
_SHARE_MIN = 0.01


@dataclass(frozen=True, eq=False)
class KnownColumns:
    """One row a known person. `numbers`: features, and traits after `TRAIT_COLUMN`; NaN unknown. `texts`: traits with few values,
    None unknown. Traits of special categories are left out."""

    people: tuple[str, ...]
    numbers: dict[str, npt.NDArray[np.float64]]
    texts: dict[str, list[str | None]]

    def prepared(self) -> npt.NDArray[np.float64]:
        """Numbers on one scale and a column of 0 and 1 for every common value."""
        table = pa.table(
            {name: pa.array(values, from_pandas=True) for name, values in self.numbers.items()}
        )
        columns = [prepare(table, list(self.numbers)).apply(table)] if self.numbers else []
        for values in self.texts.values():
            counts = Counter(value for value in values if value is not None)
            for value, people in sorted(counts.items()):
                if people >= _SHARE_MIN * len(values):
                    columns.append(np.array([[one == value] for one in values], dtype=np.float64))
        return np.hstack(columns) if columns else np.empty((len(self.people), 0))


def known_columns(moment: Moment, names: Sequence[str], *, visitors: bool = False) -> KnownColumns:
    """Everybody known at the moment, by profile_id.

    Args:
        moment: The cut session.
        names: Features.
        visitors: Whether mere visitors are among them; see `people_table`.
    """
    table = features(moment, list(names))
    if not visitors:
        table = without_visitors(moment, table)
    people = table.column("profile_id").to_pylist()
    moment.session.bind(
        "grouped",
        pa.table(
            {"profile_id": table.column("profile_id"), "group": pa.repeat("all", len(people))}
        ),
    )
    traits = read_traits(moment, people)
    numbers = {
        name: np.asarray(table.column(name).to_numpy(zero_copy_only=False), dtype=np.float64)
        for name in names
    }
    numbers |= {f"{TRAIT_COLUMN}{name}": values for name, values in traits.numbers.items()}
    values = Counter(row["name"] for row in traits.counts.to_pylist())
    texts = {}
    for name in sorted(name for name, count in values.items() if count <= _VALUES_MAX):
        rows = moment.session.rows(
            sql(
                "SELECT profile_id, value FROM :trait AS t",
                trait=exp.Subquery(this=moment.latest_trait(name)),
            )
        )
        held = {row[0]: row[1] for row in rows}
        texts[name] = [held.get(person) for person in people]
    return KnownColumns(tuple(people), numbers, texts)
