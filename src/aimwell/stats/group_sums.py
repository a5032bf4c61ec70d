"""Many metrics in many overlapping groups of millions of people: sums batch by batch, then closed forms.

For each arm of each group and metric, inference needs a handful of sums: people, outcome, covariate, their products. All of them at
once are one product of two matrices a batch, "who is in which group" times "what each person did", so the time hardly
grows with the overlap of the groups, and the memory does not grow with the people.

Sums of squares lose digits where a mean is far from zero, so values are taken from a pivot near it, that of the first
batch. Products run on one thread, which adds up in one order: same data, same answer, on every machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from aimwell.errors import StatsError
from aimwell.stats.always_valid import always_valid_difference, always_valid_relative
from aimwell.stats.cuped import adjusted_means, plan_adjustment
from aimwell.stats.estimate import DEFAULT_CONFIDENCE, Estimate
from aimwell.stats.intervals import too_few_people
from aimwell.stats.lift import FEW_BUYERS, STRONG_SKEW
from aimwell.stats.meta_analysis import interaction
from aimwell.stats.multiplicity import benjamini_hochberg
from aimwell.stats.samples import FloatArray, JointSample
from aimwell.stats.threads import one_blas_thread
from aimwell.stats.two_means import TwoMeans

__all__ = ["GROUPS_A_WORD", "GroupLift", "GroupSums", "corrected", "lifts_of_groups"]

GROUPS_A_WORD = 63
"""Groups that one signed 64-bit word of bits can hold."""

# Of each metric: outcome, covariate, outcome², covariate², outcome × covariate, outcome³, whether the outcome is not zero.
_KINDS = 7
_ROWS = 16_384


@dataclass(frozen=True, kw_only=True)
class GroupLift:
    """What treatment added to one metric in one group.

    Attributes:
        group, metric: Names.
        treated_n, control_n: People of the group in each arm.
        difference, relative: By CUPED and Welch's interval.
        variance_reduction: Share of the noise that the covariate took away; None where it was not used.
        p_adjusted: p-value among all groups and metrics of the table, after Benjamini and Hochberg.
        against_others: The effect per person in this group less that on all who are not in it; missing for everybody.
        p_adjusted_others: Its p-value, corrected likewise.
        caution: Why Welch's interval is not to be trusted here (few buyers, strong skew); None where it is.
    """

    group: str
    metric: str
    treated_n: int
    control_n: int
    difference: Estimate
    relative: Estimate
    variance_reduction: float | None
    against_others: Estimate
    p_adjusted: float | None = None
    p_adjusted_others: float | None = None
    caution: str | None = None


class GroupSums:
    """Sums of every metric in both arms of every group, added up batch by batch."""

    def __init__(self, *, groups: Sequence[str], metrics: Sequence[str]) -> None:
        """Sums of zero.

        Args:
            groups: Names; bit i of a person's words says whether they are in group i.
            metrics: Names, in the order of the columns that `add` gets.
        """
        self.groups, self.metrics = tuple(groups), tuple(metrics)
        if not self.metrics:
            raise StatsError("There is no metric to add up.")
        # Row 0 is everybody; column 0 counts people.
        shape = (2, len(self.groups) + 1, _KINDS * len(self.metrics) + 1)
        self._sums = np.zeros(shape)
        self._pivots: FloatArray | None = None

    @property
    def words(self) -> int:
        """How many 64-bit words of bits a person has."""
        return -(-len(self.groups) // GROUPS_A_WORD)

    def add(
        self,
        *,
        treated: NDArray[np.bool_],
        bits: NDArray[np.int64],
        outcomes: FloatArray,
        before: FloatArray,
    ) -> None:
        """Add people, once each.

        Args:
            treated: The arm of each person.
            bits: One row a person, `words` columns; bit i of word w is group w × 63 + i.
            outcomes, before: One row a person, one column a metric: what they did, and the covariate (all 0 for none).

        Raises:
            StatsError: Shapes that do not fit, NaN or infinity.
        """
        n, count = len(treated), len(self.metrics)
        if bits.shape != (n, self.words) or not outcomes.shape == before.shape == (n, count):
            raise StatsError(
                f"{n} people need bits of {n} × {self.words} and outcomes and covariates of {n} × {count}, "
                f"not {bits.shape}, {outcomes.shape} and {before.shape}."
            )
        if not (np.isfinite(outcomes).all() and np.isfinite(before).all()):
            raise StatsError("Some outcomes or covariates are NaN or infinite. Leave them out.")
        if n and self._pivots is None:
            self._pivots = np.stack([outcomes.mean(axis=0), before.mean(axis=0)])
        # Columns are walked along, so each should lie in one piece, as an engine's batches do.
        wide_outcomes, wide_before = (
            np.ascontiguousarray(outcomes.T),
            np.ascontiguousarray(before.T),
        )
        wide_bits = np.ascontiguousarray(bits.T)
        with one_blas_thread():
            for start in range(0, n, _ROWS):
                part = slice(start, start + _ROWS)
                for arm, chosen in enumerate((~treated[part], treated[part])):
                    who = np.flatnonzero(chosen) + start
                    self._sums[arm] += self._products(
                        wide_bits.take(who, axis=1),
                        wide_outcomes.take(who, axis=1),
                        wide_before.take(who, axis=1),
                    )

    def _products(
        self, bits: NDArray[np.int64], outcomes: FloatArray, before: FloatArray
    ) -> FloatArray:
        """The sums of some people; one column a person."""
        assert self._pivots is not None  # noqa: S101 - set by `add`
        count, n = outcomes.shape
        values = np.empty((_KINDS * count + 1, n))
        values[0] = 1.0
        y, x, yy, xx, xy, cubes, buyers = values[1:].reshape(_KINDS, count, n)
        np.subtract(outcomes, self._pivots[0][:, None], out=y)
        np.subtract(before, self._pivots[1][:, None], out=x)
        np.multiply(y, y, out=yy)
        np.multiply(x, x, out=xx)
        np.multiply(x, y, out=xy)
        np.multiply(yy, y, out=cubes)
        np.not_equal(outcomes, 0.0, out=buyers)
        members = np.empty((len(self.groups) + 1, n))
        members[0] = 1.0
        for group in range(len(self.groups)):
            word, bit = divmod(group, GROUPS_A_WORD)
            np.not_equal(bits[word] & (1 << bit), 0, out=members[group + 1])
        return np.asarray(members @ values.T, dtype=np.float64)

    def joint(
        self, metric: int, group: int | None, *, treated: bool, others: bool = False
    ) -> JointSample:
        """Outcome and covariate of one metric in one arm of a group (None: of everybody), or of all who are not in it."""
        found = self._of(metric, group, treated)
        if others:
            found = self._of(metric, None, treated) - found
        n = round(float(found[0]))
        y, x, yy, xx, xy = found[1:6]
        sample = JointSample.from_sums(n, [y, x], [[yy, xy], [xy, xx]])
        if self._pivots is None or n == 0:
            return sample
        means = (
            sample.means[0] + float(self._pivots[0][metric]),
            sample.means[1] + float(self._pivots[1][metric]),
        )
        return replace(sample, means=means)

    def buyers(self, metric: int, group: int | None, *, treated: bool) -> int:
        """People whose outcome is not zero."""
        return round(float(self._of(metric, group, treated)[7]))

    def skew(self, metric: int, group: int | None) -> float | None:
        """Of the outcome in both arms of a group together; None where it does not vary."""
        n, y, _, yy, _, _, cubes, _ = (
            self._of(metric, group, True) + self._of(metric, group, False)
        ).tolist()
        if n < 2:
            return None
        mean, square = y / n, yy / n
        variance = square - mean**2
        if variance <= 1e-12 * square:
            return None
        third = cubes / n - 3.0 * mean * square + 2.0 * mean**3
        return float(third / variance**1.5)

    def _of(self, metric: int, group: int | None, treated: bool) -> FloatArray:
        row = self._sums[int(treated), 0 if group is None else group + 1]
        columns = [0, *(1 + kind * len(self.metrics) + metric for kind in range(_KINDS))]
        return np.asarray(row[columns], dtype=np.float64)


def lifts_of_groups(
    sums: GroupSums, *, confidence: float = DEFAULT_CONFIDENCE, fraction: float | None = None
) -> tuple[GroupLift, ...]:
    """The lift of every metric among all people and in every group, with p-values corrected for their number.

    Everybody comes first, under the name "everyone", and is not among the corrected.

    Args:
        sums: Of all people.
        confidence: Of each interval by itself.
        fraction: The share of the plan that has passed, where intervals must hold at all looks (see `always_valid`).
    """
    count = len(sums.metrics)
    found = [
        _lift(sums, metric, group, confidence, fraction)
        for group in (None, *range(len(sums.groups)))
        for metric in range(count)
    ]
    return (*found[:count], *corrected(found[count:]))


def corrected(rows: Sequence[GroupLift]) -> tuple[GroupLift, ...]:
    """The rows with their p-values corrected for the number of rows: the expected share of false findings is bounded."""
    own = benjamini_hochberg([row.difference.p_value for row in rows])
    others = benjamini_hochberg([row.against_others.p_value for row in rows])
    return tuple(
        replace(row, p_adjusted=p, p_adjusted_others=q)
        for row, p, q in zip(rows, own, others, strict=True)
    )


def _lift(
    sums: GroupSums, metric: int, group: int | None, confidence: float, fraction: float | None
) -> GroupLift:
    treated = sums.joint(metric, group, treated=True)
    control = sums.joint(metric, group, treated=False)
    means, reduction = _means(treated, control)
    against: TwoMeans | str = "everybody is in it, so there are no others"
    if group is not None and not isinstance(means, str):
        rest, _ = _means(
            sums.joint(metric, group, treated=True, others=True),
            sums.joint(metric, group, treated=False, others=True),
        )
        against = rest if isinstance(rest, str) else interaction(means, rest)
    return GroupLift(
        group="everyone" if group is None else sums.groups[group],
        metric=sums.metrics[metric],
        treated_n=treated.n,
        control_n=control.n,
        difference=_told(means, confidence, fraction),
        relative=_told(means, confidence, fraction, relative=True),
        variance_reduction=reduction,
        against_others=_told(means if isinstance(means, str) else against, confidence, fraction),
        caution=None
        if isinstance(means, str)
        else _caution(sums, metric, group, smaller_treated=treated.n < control.n),
    )


def _means(treated: JointSample, control: JointSample) -> tuple[TwoMeans | str, float | None]:
    """Both means after CUPED, or why there are none; and how much of the noise it took away."""
    problem = too_few_people(treated.n, control.n)
    if problem is not None:
        return problem, None
    adjustment = plan_adjustment(treated, control)
    return adjusted_means(treated, control, adjustment), adjustment.variance_reduction


def _told(
    means: TwoMeans | str, confidence: float, fraction: float | None, *, relative: bool = False
) -> Estimate:
    if isinstance(means, str):
        return Estimate.missing(means, method="none", confidence=confidence)
    if fraction is None:
        return (means.relative if relative else means.difference)(confidence=confidence)
    valid = always_valid_relative if relative else always_valid_difference
    return valid(means, fraction=fraction, confidence=confidence)


def _caution(
    sums: GroupSums, metric: int, group: int | None, *, smaller_treated: bool
) -> str | None:
    why = []
    buyers = sums.buyers(metric, group, treated=smaller_treated)
    skew = sums.skew(metric, group)
    if buyers < FEW_BUYERS:
        why.append(f"the smaller arm has {buyers} buyers, under {FEW_BUYERS}")
    if skew is not None and abs(skew) > STRONG_SKEW:
        why.append(f"outcomes are strongly skewed ({skew:.1f}; the limit is {STRONG_SKEW:g})")
    return " and ".join(why) or None
