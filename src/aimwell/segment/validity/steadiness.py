"""How alike the groups of a division come out when a part of the people is left out."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from aimwell.history.moment import Moment
from aimwell.segment.clusters.files import load_clusters
from aimwell.segment.divisions import Division
from aimwell.segment.rfm import group_of
from aimwell.stats.estimate import Figure
from aimwell.stats.resampling import stability

__all__ = ["steadiness"]

_PEOPLE_MIN = 50


def steadiness(moment: Moment, division: Division, *, seed: int) -> Figure:
    """The mean adjusted Rand index over subsamples of four fifths; of clusters as it was found when they were fitted.

    Missing with a reason where groups are set by rule, so that leaving people out changes nobody's group.
    """
    form, _, rest = division.by.partition(":")
    if form == "clusters":
        model = load_clusters(moment.stores, rest)
        found = [one.stability for one in model.candidates if one.number == len(model.names)]
        if found and found[0] is not None:
            return Figure(value=found[0])
        return Figure(value=None, reason="nothing was kept of how steady these clusters are")
    if form == "rfm":
        return _quintiles_again(division, seed)
    return Figure(
        value=None,
        reason="the groups are set by rule, so leaving people out changes nobody's group",
    )


def _quintiles_again(division: Division, seed: int) -> Figure:
    names = ("recency_days", "frequency", "monetary")
    figures = [division.groups.column(name).to_numpy() for name in names]
    n = division.groups.num_rows
    if n < _PEOPLE_MIN:
        return Figure(value=None, reason=f"fewer than {_PEOPLE_MIN} buyers")

    def group(positions: npt.NDArray[np.int64]) -> list[str]:
        r, f, m = (
            _quintile(sign * values[positions])
            for sign, values in zip((-1, 1, 1), figures, strict=True)
        )
        return [group_of(*one) for one in zip(r.tolist(), f.tolist(), m.tolist(), strict=True)]

    return stability(group, n=n, seed=seed)


def _quintile(values: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """1 + ⌊5 × share who did worse⌋, as `rfm` has it."""
    below = np.searchsorted(np.sort(values), values, side="left")
    return np.asarray(1 + 5 * below // len(values), dtype=np.int64)
