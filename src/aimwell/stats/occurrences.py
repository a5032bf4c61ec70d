"""Two kinds of people before something that comes round: those who come as always, and those who come for it, too.

Of the `turns` that a person saw, the person came in `came`. Somebody who comes as always comes in a turn with the probability q,
which follows from how often they come otherwise. A share `share` of the people come for it besides, each time with the
probability `extra`, so with q + (1 − q) extra in all. Both are fitted by maximum likelihood (EM). Where everybody saw but one turn
the two cannot be told apart; `extra` is then taken to be almost 1, so that `share` is the least that explains what was seen.

The probability of being of the second kind has a closed form that engines can compute: its log-odds are
came · ln(1 + extra (1 − q) / q) + (turns − came) · ln(1 − extra) + ln(share / (1 − share)).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aimwell.stats.samples import FloatArray

__all__ = ["Comers", "fit_comers"]

_ROUNDS = 500
_EXTRA_MAX = 0.98
_GAIN_MIN = 1.92
"""Half the chi-squared quantile of 95 %: less gain than this is no second kind."""


@dataclass(frozen=True)
class Comers:
    """`share` of the people come for it with the probability `extra` each time; `gain` is that of the log-likelihood."""

    share: float
    extra: float
    gain: float

    def probability(self, q: FloatArray, turns: FloatArray, came: FloatArray) -> FloatArray:
        """The probability that a person is of the second kind."""
        logs = _log_ratio(q, turns, came, self.extra) + np.log(self.share / (1 - self.share))
        return np.asarray(1 / (1 + np.exp(-np.clip(logs, -700, 700))), dtype=np.float64)


def fit_comers(
    q: FloatArray,
    turns: NDArray[np.int64],
    came: NDArray[np.int64],
    people: NDArray[np.int64],
) -> Comers | None:
    """Fit the two kinds.

    Args:
        q: Probability, above 0 and below 1, that somebody who comes as always comes in a turn; one entry a kind of record.
        turns: Turns seen.
        came: In how many of them the person came.
        people: How many people have such a record.

    Returns:
        None where there is no second kind, or nobody.
    """
    if not people.sum():
        return None
    weight = people.astype(np.float64)
    alone = bool((turns <= 1).all())
    best: Comers | None = None
    for start in (0.3, 0.8):
        share, extra = 0.2, _EXTRA_MAX if alone else start
        before = gain = -np.inf
        for _ in range(_ROUNDS):
            logs = _log_ratio(q, turns, came, extra)
            ratio = share * np.exp(np.clip(logs, -700, 700))
            gain = float((weight * np.log(ratio + 1 - share)).sum())
            if gain - before < 1e-7 * max(1.0, abs(gain)):
                break
            before = gain
            second = weight * ratio / (ratio + 1 - share)
            share = float(np.clip(second.sum() / weight.sum(), 1e-6, 0.999))
            if not alone:
                # Of the times that people of the second kind came, those for its sake.
                own = extra / (q + (1 - q) * extra)
                extra = float((second * came * own).sum() / max((second * turns).sum(), 1e-12))
                extra = min(max(extra, 1e-6), _EXTRA_MAX)
        if best is None or gain > best.gain:
            best = Comers(share, extra, gain)
    return best if best is not None and best.gain >= _GAIN_MIN else None


def _log_ratio(
    q: FloatArray,
    turns: NDArray[np.int64] | FloatArray,
    came: NDArray[np.int64] | FloatArray,
    extra: float,
) -> FloatArray:
    return np.asarray(
        came * np.log1p(extra * (1 - q) / q) + (turns - came) * np.log1p(-extra), dtype=np.float64
    )
