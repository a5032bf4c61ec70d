"""Sums of groups where arms were dealt out evenly within strata: each stratum is added up by itself, and a group's sums are put together.

Which stratum somebody is in is then a covariate like what was known before: one that is 1 in it and 0 elsewhere, for each stratum but the
first. Its products with outcome and covariate follow from the number of people and the means of the stratum, so nothing more is added up.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from aimwell.errors import StatsError
from aimwell.stats.group_sums import GroupSums
from aimwell.stats.samples import FloatArray, JointSample

__all__ = ["StratifiedSums"]


class StratifiedSums(GroupSums):
    """As `GroupSums`, with strata as further covariates."""

    def __init__(self, *, groups: Sequence[str], metrics: Sequence[str], strata: int) -> None:
        """Sums of zero; `strata` is their number."""
        super().__init__(groups=groups, metrics=metrics)
        self._strata = tuple(GroupSums(groups=groups, metrics=metrics) for _ in range(strata))

    def add_within(
        self,
        stratum: NDArray[np.int64],
        *,
        treated: NDArray[np.bool_],
        bits: NDArray[np.int64],
        outcomes: FloatArray,
        before: FloatArray,
    ) -> None:
        """Add people, once each; `stratum` numbers that of each, from 0 on."""
        if len(stratum) and not 0 <= int(stratum.min()) <= int(stratum.max()) < len(self._strata):
            raise StatsError(f"There are {len(self._strata)} strata, numbered from 0.")
        self.add(treated=treated, bits=bits, outcomes=outcomes, before=before)
        for number, sums in enumerate(self._strata):
            inside = stratum == number
            sums.add(
                treated=treated[inside],
                bits=bits[inside],
                outcomes=outcomes[inside],
                before=before[inside],
            )

    def joint(
        self, metric: int, group: int | None, *, treated: bool, others: bool = False
    ) -> JointSample:
        """Outcome, covariate and strata of one metric in one arm of a group."""
        parts = [sums.joint(metric, group, treated=treated, others=others) for sums in self._strata]
        n = np.array([part.n for part in parts], dtype=np.float64)
        size, whole = 2 + len(parts) - 1, int(n.sum())
        if whole == 0:
            return JointSample(0, (0.0,) * size, ((0.0,) * size,) * size)
        means = np.array([part.means for part in parts])
        share = n / whole
        middle = share @ means
        apart = means - middle
        inner = sum(np.array(part.covariances) * max(part.n - 1, 0) for part in parts) + apart.T @ (
            n[:, None] * apart
        )
        across = (n[:, None] * apart)[1:]
        strata = whole * (np.diag(share) - np.outer(share, share))[1:, 1:]
        products = np.block([[inner, across.T], [across, strata]]) / max(whole - 1, 1)
        return JointSample(
            whole,
            tuple(float(one) for one in (*middle, *share[1:])),
            tuple(tuple(float(cell) for cell in row) for row in products),
        )
