"""A law of two: up to a horizon as a sequence model says, beyond it as the renewal model does of those who have not come by then."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aimwell.predict.deep.day_law import DayLaw
from aimwell.predict.timing.renewal import NextGap
from aimwell.stats.samples import FloatArray

__all__ = ["Spliced"]


@dataclass(frozen=True, slots=True, eq=False)
class Spliced:
    """The law of each row's next purchase; the columns of `next_purchases` are told from it as from `NextGap`.

    Args:
        near: Up to its horizon.
        far: Beyond it.
    """

    near: DayLaw
    far: NextGap

    @property
    def elapsed(self) -> FloatArray:
        """The share (0-1) of people of this pace who, if they return, have done so by now; of the renewal model."""
        return self.far.elapsed

    @property
    def returns(self) -> FloatArray:
        """Probability that the person returns at all."""
        reached = self.near.within(self._horizon)
        return np.asarray(reached + (1 - reached) * self._later(self.far.returns))

    def within(self, days: float) -> FloatArray:
        """Probability of a purchase within so many days from now, of all, also of those who may be gone."""
        found = self.near.within(days)
        if days <= self._horizon:
            return found
        return np.asarray(found + (1 - found) * self._later(self.far.within(days)))

    def days_if_back(self, share: float) -> FloatArray:
        """Days from now within which so large a share (0-1) of those buy who return; at least 1."""
        aim = share * self.returns
        days = self.near.days_to(aim)
        # Beyond: the share of the renewal model's own law at which the spliced one reaches its aim.
        reached = self.near.within(self._horizon)
        start = self.far.within(self._horizon)
        rest = np.divide(aim - reached, 1 - reached, out=np.zeros_like(aim), where=reached < 1)
        far = start + np.clip(rest, 0, 1) * (1 - start)
        whole = np.divide(far, self.far.returns, out=np.ones_like(far), where=self.far.returns > 0)
        beyond = np.maximum(self.far.days_if_back(np.minimum(whole, 1 - 1e-9)), self._horizon + 1)
        return np.where(np.isinf(days), beyond, days)

    @property
    def _horizon(self) -> float:
        return float(self.near.ends[-1])

    def _later(self, chance: FloatArray) -> FloatArray:
        """Of those who have not come by the horizon, the renewal model's chance of coming by the time of `chance`."""
        start = self.far.within(self._horizon)
        return np.divide(
            np.maximum(chance - start, 0.0),
            1 - start,
            out=np.zeros_like(start),
            where=start < 1,
        )
