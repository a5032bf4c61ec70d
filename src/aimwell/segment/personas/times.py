"""When a group buys: its weekdays and hours, and at which of them it buys more than other people do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from aimwell.segment.personas.model import TimeLiking
from aimwell.stats.intervals import newcombe
from aimwell.stats.multiplicity import benjamini_hochberg

__all__ = ["Times", "time_words", "times"]

_SHARE_MIN = 0.02
_INDEX_MIN = 1.2
_INDEPENDENT_MIN = 5.0
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

Kind = Literal["weekday", "hour"]
FloatArray = npt.NDArray[np.float64]

_KINDS: tuple[tuple[Kind, int, int], ...] = (("weekday", 1, 1), ("hour", 0, 0))
# what, the axis of weekday × hour that it sums over, the number of the first


@dataclass(frozen=True)
class Times:
    """When a group buys. `weekdays` (Monday first) and `hours` are shares of its orders; empty where it has none, hours also
    where everybody's orders lie in the hour after midnight: then days are known, and no times of day."""

    weekdays: tuple[float, ...]
    hours: tuple[float, ...]
    more_weekdays: tuple[TimeLiking, ...]
    more_hours: tuple[TimeLiking, ...]

    @property
    def weekday(self) -> int | None:
        """The commonest weekday, 1 Monday – 7 Sunday."""
        return int(np.argmax(self.weekdays)) + 1 if self.weekdays else None

    @property
    def hour(self) -> int | None:
        """The commonest hour, 0–23."""
        return int(np.argmax(self.hours)) if self.hours else None


@dataclass(frozen=True)
class _Orders:
    """Orders of some people by time, and how many independent ones they are worth."""

    counts: FloatArray
    independent: float


def times(
    counts: pa.Table, spread: pa.Table, groups: Sequence[str], *, top: int, false_share: float
) -> Mapping[str, Times]:
    """Times of each group.

    A person's orders resemble each other: somebody who orders every day at eight is no proof that the group does.
    So orders count as if each person had but one habit: they are worth (Σ m)² ÷ Σ m² independent ones, with m
    orders a person, and a single heavy buyer makes a group look no different.

    Args:
        counts: group, weekday, hour, orders; see `time_counts`.
        spread: group, squares (Σ m²); see `order_spread`.
        groups: All groups.
        top: How many weekdays, and hours, to give at most of those at which a group buys more.
        false_share: Share of false findings that is allowed among these.

    Returns:
        For each group the shares, and where it buys more than all other people, the largest difference first: only
        times with at least 2 % of its orders and five independent ones, at least 1.2 times the others' share.

    Source: Kish (1965), Survey Sampling, for the effective size of a sample of unequal clusters (here with wholly
    equal members, the most careful case).
    """
    grids = {group: np.zeros((7, 24)) for group in groups}
    for row in counts.to_pylist():
        grids[row["group"]][row["weekday"] - 1, row["hour"]] = row["orders"]
    squares = dict.fromkeys(groups, 0.0)
    squares.update({row["group"]: float(row["squares"]) for row in spread.to_pylist()})
    compared: list[tuple[str, TimeLiking]] = []
    for kind, axis, first in _KINDS:
        by_time = {group: grid.sum(axis=axis) for group, grid in grids.items()}
        for group in groups:
            others = [other for other in groups if other != group]
            own = _orders([by_time[group]], squares[group])
            rest = _orders([by_time[other] for other in others], sum(squares[o] for o in others))
            compared += [(group, one) for one in _compared(kind, first, own, rest)]
    adjusted = benjamini_hochberg([one.p_value for _, one in compared])
    found: dict[tuple[str, str], list[TimeLiking]] = {}
    for (group, one), p_value in zip(compared, adjusted, strict=True):
        if p_value is not None and p_value <= false_share and _more(one):
            found.setdefault((group, one.kind), []).append(replace(one, p_value=p_value))
    for likings in found.values():
        likings.sort(key=lambda one: (one.others - one.own, one.value))
    days_only = not any(grid[:, 1:].any() for grid in grids.values())
    return {
        group: Times(
            _shares(grid.sum(axis=1)),
            () if days_only else _shares(grid.sum(axis=0)),
            tuple(found.get((group, "weekday"), [])[:top]),
            tuple(found.get((group, "hour"), [])[:top]),
        )
        for group, grid in grids.items()
    }


def _orders(counts: Sequence[FloatArray], squares: float) -> _Orders:
    together = np.sum(counts, axis=0) if counts else np.zeros(0)
    whole = float(together.sum())
    return _Orders(together, whole * whole / squares if squares else 0.0)


def _compared(kind: Kind, first: int, own: _Orders, rest: _Orders) -> list[TimeLiking]:
    """A comparison for each time at which anybody ordered; none where there is nobody to compare with."""
    if own.independent < _INDEPENDENT_MIN or rest.independent < _INDEPENDENT_MIN:
        return []
    found = []
    own_shares, rest_shares = own.counts / own.counts.sum(), rest.counts / rest.counts.sum()
    for place in np.flatnonzero(own.counts + rest.counts).tolist():
        share, others = float(own_shares[place]), float(rest_shares[place])
        own_size, rest_size = int(own.independent), int(rest.independent)
        p_value = newcombe(
            treated_successes=round(share * own_size),
            treated_n=own_size,
            control_successes=round(others * rest_size),
            control_n=rest_size,
        ).p_value
        if p_value is None:
            continue
        orders = int(own.counts[place])
        enough = share * own.independent >= _INDEPENDENT_MIN
        found.append(
            TimeLiking(
                kind=kind,
                value=place + first,
                orders=orders,
                own=share,
                others=others,
                index=share / others if others else None,
                # Counted among the comparisons, and never found: there are too few to say anything.
                p_value=p_value if enough else 1.0,
            )
        )
    return found


def _more(one: TimeLiking) -> bool:
    return one.own >= _SHARE_MIN and one.own > one.others * _INDEX_MIN


def _shares(counts: FloatArray) -> tuple[float, ...]:
    whole = float(counts.sum())
    return tuple((counts / whole).tolist()) if whole else ()


def time_words(found: Times) -> str:
    """When they buy most, and when more than others, as sentences with a space before each; empty without orders."""
    if found.weekday is None:
        return ""
    hour = "" if found.hour is None else f" and {_hour(found.hour)}"
    text = f" They buy most {_weekday(found.weekday)}{hour}"
    more = [
        f"{words(ones[0].value)} ({ones[0].own:.0%}, others {ones[0].others:.0%})"
        for words, ones in ((_weekday, found.more_weekdays), (_hour, found.more_hours))
        if ones
    ]
    return f"{text}. More than others they buy {' and '.join(more)}." if more else f"{text}."


def _weekday(value: int) -> str:
    return f"on {_WEEKDAYS[value - 1]}s"


def _hour(value: int) -> str:
    return f"between {value}:00 and {value + 1}:00"
