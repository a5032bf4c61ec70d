"""An experiment person by person: what was known before, which arm, with which probability, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aimwell.errors import DecideError, nearest
from aimwell.stats.samples import FloatArray
from aimwell.stats.srm import RatioCheck, check_ratio

__all__ = ["NOTHING", "ExperimentData", "IntArray", "experiment_of"]

IntArray = NDArray[np.int64]

NOTHING = "nobody"
"""How the policy that contacts nobody is called."""

_SUM_TOLERANCE = 0.01
_PEOPLE_MIN = 10
_MAY_MISS = ("cluster", "weight", "estimated")


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class ExperimentData:
    """One row a person.

    Args:
        names: Of the features.
        features: People × features, known before the assignment; NaN where undefined.
        arms: Names of the arms; the first is the control, which got nothing.
        arm: The place in `arms` of what each person was given, whatever reached them.
        propensity: People × arms: with which probability each arm would have been drawn; rows add up to 1.
        outcomes: Name → one number a person, counted in the same window after the assignment.
        randomised: Whether chance decided. If not, the propensities are estimates and effects rest on them.
        cluster: What was assigned together (a shop, a household) as one number each; None: persons.
        weight: How many people a row stands for; None: one each.
        estimated: People × arms × cross-fittings, where propensities are estimates: those of each, of which `propensity` is the mean.
        members: Name → who of the people is in it, as of the assignment, for policies that are rules.
        cautions: What a reader must know of these data, in words.

    Raises:
        DecideError: Shapes differ, an arm is empty, probabilities are not such, or an outcome is not finite.
    """

    names: tuple[str, ...]
    features: FloatArray
    arms: tuple[str, ...]
    arm: IntArray
    propensity: FloatArray
    outcomes: Mapping[str, FloatArray]
    randomised: bool = True
    cluster: IntArray | None = None
    weight: FloatArray | None = None
    estimated: FloatArray | None = None
    members: Mapping[str, NDArray[np.bool_]] = field(default_factory=dict)
    cautions: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        _refuse_shapes(self)
        _refuse_arms(self)
        _refuse_outcomes(self.outcomes)

    def __len__(self) -> int:
        return len(self.arm)

    @property
    def counts(self) -> Mapping[str, int]:
        """People in each arm."""
        found = np.bincount(self.arm, minlength=len(self.arms))
        return {name: int(n) for name, n in zip(self.arms, found, strict=True)}

    def outcome(self, name: str) -> FloatArray:
        """One outcome.

        Raises:
            DecideError: There is none of that name.
        """
        if name not in self.outcomes:
            raise DecideError(f"No outcome '{name}' is known. {nearest(name, list(self.outcomes))}")
        return self.outcomes[name]

    def take(self, rows: NDArray[Any]) -> ExperimentData:
        """Only these people."""
        chosen: dict[str, Any] = {
            one.name: getattr(self, one.name)[rows]
            for one in fields(self)
            if one.name in ("features", "arm", "propensity", *_MAY_MISS)
            and getattr(self, one.name) is not None
        }
        outcomes = {name: values[rows] for name, values in self.outcomes.items()}
        members = {name: who[rows] for name, who in self.members.items()}
        return replace(self, outcomes=outcomes, members=members, **chosen)

    def only(self, arms: Sequence[str]) -> ExperimentData:
        """Only people of these arms; the first named becomes the control. Probabilities are scaled up to 1."""
        for name in arms:
            if name not in self.arms:
                raise DecideError(f"There is no arm '{name}'. {nearest(name, list(self.arms))}")
        places = [self.arms.index(name) for name in arms]
        rows = np.flatnonzero(np.isin(self.arm, places))
        part = self.propensity[rows][:, places]
        code = np.full(len(self.arms), -1)
        code[places] = np.arange(len(places))
        return ExperimentData(
            names=self.names,
            features=self.features[rows],
            arms=tuple(arms),
            arm=code[self.arm[rows]],
            propensity=_scaled(part),
            outcomes={name: values[rows] for name, values in self.outcomes.items()},
            randomised=self.randomised,
            cluster=None if self.cluster is None else self.cluster[rows],
            weight=None if self.weight is None else self.weight[rows],
            estimated=None if self.estimated is None else _scaled(self.estimated[rows][:, places]),
            members={name: who[rows] for name, who in self.members.items()},
            cautions=self.cautions,
        )

    def split_check(self) -> RatioCheck:
        """Whether the arms are as large as their probabilities promise."""
        shares = self.propensity.mean(axis=0)
        return check_ratio(self.counts, dict(zip(self.arms, shares.tolist(), strict=True)))


def experiment_of(
    features: ArrayLike,
    arm: Sequence[str] | NDArray[Any],
    outcomes: Mapping[str, ArrayLike],
    *,
    control: str,
    names: Sequence[str] | None = None,
    probabilities: Mapping[str, float] | None = None,
) -> ExperimentData:
    """An experiment from plain columns, with one probability for each arm (default: the shares found).

    Raises:
        DecideError: As `ExperimentData`; or the control is no arm.
    """
    matrix = np.asarray(features, dtype=np.float64)
    labels = np.asarray(arm, dtype=object).astype(str)
    found, code = np.unique(labels, return_inverse=True)
    if control not in found:
        raise DecideError(f"Nobody is in the arm '{control}'. {nearest(control, found.tolist())}")
    order = [control, *(name for name in found.tolist() if name != control)]
    place = np.array([order.index(name) for name in found.tolist()])
    counts = np.bincount(place[code], minlength=len(order))
    shares = [counts[i] / len(labels) for i in range(len(order))]
    if probabilities is not None:
        absent = [name for name in order if name not in probabilities]
        if absent:
            raise DecideError(f"No probability is given for the arms {', '.join(absent)}.")
        shares = [float(probabilities[name]) for name in order]
        if abs(sum(shares) - 1.0) > _SUM_TOLERANCE:
            raise DecideError(
                f"The probabilities of the arms add up to {sum(shares):.4g}, not to 1: "
                + ", ".join(f"{n} {p:.4g}" for n, p in zip(order, shares, strict=True))
                + ". Give every arm that could be drawn, the control too."
            )
        shares = [share / sum(shares) for share in shares]
    return ExperimentData(
        names=tuple(names or (f"x{n}" for n in range(matrix.shape[1]))),
        features=matrix,
        arms=tuple(order),
        arm=place[code].astype(np.int64),
        propensity=np.tile(np.asarray(shares, dtype=np.float64), (len(labels), 1)),
        outcomes={name: np.asarray(values, np.float64) for name, values in outcomes.items()},
    )


def _scaled(part: FloatArray) -> FloatArray:
    """The probabilities of some of the arms (the second axis), scaled up to 1."""
    return np.asarray(part / part.sum(axis=1, keepdims=True), dtype=np.float64)


def _refuse_shapes(data: ExperimentData) -> None:
    n = len(data.arm)
    wrong = data.features.shape != (n, len(data.names))
    wrong |= data.propensity.shape != (n, len(data.arms))
    wrong |= any(len(v) != n for v in (*data.outcomes.values(), *data.members.values()))
    for name in _MAY_MISS:
        column = getattr(data, name)
        wrong |= column is not None and len(column) != n
    if wrong:
        raise DecideError(f"The columns of the experiment do not all have {n} rows.")
    if np.isinf(data.features).any():
        raise DecideError(
            "A feature is infinite. Check what is divided there, or leave it missing."
        )


def _refuse_arms(data: ExperimentData) -> None:
    if len(data.arms) < 2:
        only = data.arms[0] if data.arms else "nothing"
        raise DecideError(
            f"Everybody got '{only}', so there is nobody to compare with. An experiment needs a control arm (a "
            "holdout) beside the treatment."
        )
    small = {name: count for name, count in data.counts.items() if count < _PEOPLE_MIN}
    if small:
        told = ", ".join(f"'{name}' has {count}" for name, count in small.items())
        raise DecideError(
            f"Of an arm with fewer than {_PEOPLE_MIN} people nothing can be learnt: {told}. Leave it out, or collect more."
        )
    drawn = data.propensity[np.arange(len(data)), data.arm]
    if not np.isfinite(data.propensity).all() or (data.propensity < 0).any():
        raise DecideError("A probability of an arm is missing or below 0.")
    zero = int((drawn <= 0).sum())
    if zero:
        raise DecideError(
            f"{zero:,} people got an arm that was drawn with probability 0. Put the probabilities right, or leave these "
            "people out: a policy cannot be judged by what could not happen."
        )
    off = np.abs(data.propensity.sum(axis=1) - 1.0).max(initial=0.0)
    if off > _SUM_TOLERANCE:
        raise DecideError(
            f"The probabilities of the arms of a person add up to 1 ± {off:.3g}. Every arm that could be drawn counts."
        )


def _refuse_outcomes(outcomes: Mapping[str, FloatArray]) -> None:
    if not outcomes:
        raise DecideError("The experiment has no outcome, so nothing can be learnt from it.")
    for name, values in outcomes.items():
        wrong = int(np.count_nonzero(~np.isfinite(values)))
        if wrong:
            raise DecideError(
                f"The outcome '{name}' of {wrong:,} people is missing or infinite. Leave these people out, or say what "
                "they did."
            )
