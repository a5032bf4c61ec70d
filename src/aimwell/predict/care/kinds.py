"""What a kind of model offers so that it can be cared for.

Care asks the same of each kind: what does a version look at today, how did it do on people of a later time than it has learnt from,
and make a new one. A kind that is fitted to everything up to its moment has seen what came until then; what is judged in its place
is a *stand-in*: the same fit to what was known at the earlier moment.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Protocol

import numpy as np
import numpy.typing as npt

from aimwell.definitions.kinds.prediction import Prediction
from aimwell.predict.care.days import day_of
from aimwell.predict.registry import RegisteredModel
from aimwell.predict.tables import BoolArray
from aimwell.predict.training import Progress, span_days
from aimwell.stats.samples import FloatArray
from aimwell.store.stores import Stores

__all__ = [
    "EVER",
    "CaredKind",
    "Learns",
    "Seen",
    "Told",
    "TrainedAlike",
    "horizon_of",
    "stand_ins",
    "taught_until",
]


EVER = datetime.min.replace(tzinfo=UTC)
"""Until when a version has learnt for which a stand-in is judged."""


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What a version looks at as of a moment.

    Args:
        columns: Name → one value a row; NaN is missing.
        weights: Name → share (0-1) of what tells people apart; what has none is what the model itself says.
        units: What a row is.
        new: Which rows came in the days that are looked at (`equally_long`), where records as long as at the version's own moment are
            looked at.
    """

    columns: Mapping[str, FloatArray]
    weights: Mapping[str, float]
    units: str = "people"
    new: BoolArray | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Told:
    """Versions on the same later people, a number per person each.

    Args:
        losses: Of each version; less is better.
        dull: Of a rule that knows nothing of the person.
        expected: What each version expected of each person; None where nothing is added up.
        came: What came of each; likewise.
        stand_ins: Label → why it is not the version itself that was judged.
        persons: Whose row it is, where people have several.
    """

    losses: tuple[FloatArray, ...]
    dull: FloatArray
    expected: tuple[FloatArray, ...] | None = None
    came: FloatArray | None = None
    stand_ins: Mapping[str, str] | None = None
    persons: npt.NDArray[np.int64] | None = None


class CaredKind(Protocol):
    """A kind of model, as care needs it.

    `judged` is what it is judged on, in words; `asked` are the settings that versions must share to be compared.
    """

    measure: ClassVar[str]
    dull_rule: ClassVar[str]
    judged: ClassVar[str]
    asked: ClassVar[tuple[str, ...]]

    def train(
        self,
        stores: Stores,
        wanted: Prediction,
        *,
        as_of: datetime,
        now: datetime,
        progress: Progress | None,
    ) -> RegisteredModel:
        """Register the next version of a definition's model, or the newest where it is the very same."""
        ...

    def span(self, entry: RegisteredModel) -> timedelta:
        """How long it takes until it shows how good it was."""
        ...

    def learnt_until(self, entry: RegisteredModel) -> datetime:
        """Nothing from this moment on has taught the version, or a stand-in answers for it: then the calendar's beginning."""
        ...

    def seen(self, stores: Stores, entry: RegisteredModel, *, as_of: datetime) -> Seen:
        """What the version looks at."""
        ...

    def told(self, stores: Stores, entries: Sequence[RegisteredModel], *, cut: datetime) -> Told:
        """How versions did on the people of `cut`, by what was known of them then and what came within their span."""
        ...

    def score(
        self, stores: Stores, entry: RegisteredModel, *, as_of: datetime, now: datetime
    ) -> int | None:
        """Store what the version expects of everybody, and say of how many; None where it gives no scores."""
        ...


class _Learnt(Protocol):
    @property
    def entry(self) -> RegisteredModel: ...


Learns = Callable[..., _Learnt]
"""Makes the next version, given stores, as_of, horizon_days, name, seed, now and progress."""


class TrainedAlike:
    """The training of kinds of which one call learns and registers."""

    learns: ClassVar[Learns]

    def train(
        self,
        stores: Stores,
        wanted: Prediction,
        *,
        as_of: datetime,
        now: datetime,
        progress: Progress | None,
    ) -> RegisteredModel:
        """See CaredKind."""
        return self.learns(
            stores,
            as_of=as_of,
            horizon_days=wanted.horizon_days,
            name=wanted.name,
            seed=wanted.seed,
            now=now,
            progress=progress,
        ).entry


def horizon_of(entry: RegisteredModel) -> timedelta:
    """How far ahead a version looks."""
    return span_days(int(entry.settings["horizon_days"]))


def stand_ins(
    stores: Stores, entries: Sequence[RegisteredModel], cut: datetime
) -> Mapping[str, str]:
    """Label → the word on its stand-in, of the versions that have seen what came after `cut`."""
    return {
        entry.label: f"it has seen what came until {day_of(stores, entry.as_of)}, so the same fitted to what was known on "
        f"{day_of(stores, cut)} was judged in its place"
        for entry in entries
        if entry.as_of > cut
    }


def taught_until(entry: RegisteredModel) -> datetime:
    """When the outcomes ended that taught a version which learns at one moment and is judged at a later one."""
    train: Mapping[str, Any] = entry.metrics["train"]
    return datetime.fromisoformat(str(train["as_of"])) + horizon_of(entry)
