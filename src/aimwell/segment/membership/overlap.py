"""How segments overlap: people in both of two, and as a share of either."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlglot import exp

from aimwell.definitions import service as definitions
from aimwell.definitions.kinds.segment import Segment
from aimwell.errors import SegmentError
from aimwell.history.moment import Moment
from aimwell.segment.service import compiled, members_query
from aimwell.store.sql import identifier, sql, union_all

__all__ = ["Overlap", "overlap"]


@dataclass(frozen=True)
class Overlap:
    """Segments by each other. `both[i][j]` are the people in both; on the diagonal stands the size."""

    segments: tuple[str, ...]
    both: tuple[tuple[int, ...], ...]
    warnings: tuple[str, ...]

    def share(self, own: int, other: int) -> float | None:
        """How many of the people of `own` are in `other`, too; None where it is empty."""
        return self.both[own][other] / self.both[own][own] if self.both[own][own] else None

    def jaccard(self, one: int, other: int) -> float | None:
        """People in both ÷ people in either; None where both are empty."""
        either = self.both[one][one] + self.both[other][other] - self.both[one][other]
        return self.both[one][other] / either if either else None

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


_SAME = 0.9


def overlap(moment: Moment, names: Sequence[str] | None = None) -> Overlap:
    """Every segment against every other.

    Args:
        moment: The cut session.
        names: Segments; default: all.

    Raises:
        SegmentError: There are fewer than two.
        UnknownDefinitionError: There is no segment of such a name.
    """
    if names is None:
        names = [name for _kind, name in definitions.names(moment.stores.control, "segment")]
    names = tuple(dict.fromkeys(names))
    if len(names) < 2:
        raise SegmentError("It takes two segments to overlap. Name them, or define another.")
    parts = []
    for number, name in enumerate(names):
        rule = definitions.find(moment.stores.control, Segment, name).rule
        moment.session.materialise(
            f"overlapping_{number}", members_query(compiled(moment, rule, name=name))
        )
        parts.append(
            sql(
                "SELECT profile_id, CAST(:place AS int) AS place FROM :people AS p",
                place=number,
                people=exp.Table(this=identifier(f"overlapping_{number}")),
            )
        )
    moment.session.materialise("overlapping", union_all(parts))
    rows = moment.session.rows(
        sql(
            """
            SELECT a.place, b.place, count(*) FROM overlapping AS a
            JOIN overlapping AS b ON b.profile_id = a.profile_id GROUP BY a.place, b.place
            """
        )
    )
    counts = [[0] * len(names) for _name in names]
    for one, other, people in rows:
        counts[one][other] = int(people)
    found = Overlap(names, tuple(map(tuple, counts)), ())
    return Overlap(names, found.both, tuple(_alike(found)))


def _alike(found: Overlap) -> list[str]:
    told = []
    for one, name in enumerate(found.segments):
        for other in range(one + 1, len(found.segments)):
            same = found.jaccard(one, other)
            if same is not None and same >= _SAME:
                told.append(
                    f"'{name}' and '{found.segments[other]}' are nearly the same people ({same:.0%}): keep one of them."
                )
    return told
