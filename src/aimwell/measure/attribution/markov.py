"""Attribution by a Markov chain: how much is lost when a channel is taken out of everybody's path.

Paths are read as a chain that starts, moves from channel to channel and ends in a conversion or in nothing. The
removal effect of a channel is the share of conversions that the chain loses if each step into that channel leads to
nothing instead. Credits are the removal effects, made to add up to the conversions. Money is treated likewise, with
the mean value of the conversions that end in each state as the prize there.

Source: Anderl, Becker, von Wangenheim and Schumann (2016), Mapping the customer journey, section 3. The probabilities
are exact, by the solution of x = Qx + r (Kemeny and Snell 1960, theorem 3.3.7), not simulated.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import splu

from aimwell.errors import MeasureError
from aimwell.measure.attribution.paths import IntArray
from aimwell.measure.attribution.sequences import Counts, Sequences, added_up
from aimwell.stats.samples import FloatArray

__all__ = ["Chain", "markov_credits", "removal_effects", "states_of"]

_ORDERS = (1, 2, 3)


@dataclass(frozen=True, eq=False)
class Chain:
    """The states of a chain of one order, over the touches of the sequences.

    Attributes:
        state: Of each touch: which of the states it is.
        holds: One row a state, one column a channel: whether the channel is in it.
    """

    state: IntArray
    holds: np.ndarray[tuple[int, int], np.dtype[np.bool_]]


def states_of(found: Sequences, order: int) -> Chain:
    """The states: the last `order` channels that were seen, fewer at the start of a path.

    Raises:
        MeasureError: The order is none of 1, 2, 3.
    """
    if order not in _ORDERS:
        raise MeasureError(f"The order of a Markov chain is {order!r}. Allowed: 1, 2 or 3.")
    position = np.arange(len(found.channel)) - found.starts[:-1][found.sequence_of_touch]
    nothing, base = found.size, found.size + 1
    code = np.zeros(len(found.channel), dtype=np.int64)
    for lag in range(order):
        seen = np.full(len(found.channel), nothing, dtype=np.int64)
        there = position >= lag
        seen[there] = found.channel[np.flatnonzero(there) - lag]
        code = code * base + seen
    codes, state = np.unique(code, return_inverse=True)
    digits = (codes[:, None] // base ** np.arange(order)) % base
    return Chain(
        state.ravel(), (digits[:, :, None] == np.arange(found.size)[None, None, :]).any(axis=1)
    )


def removal_effects(found: Sequences, chain: Chain, counts: Counts) -> FloatArray:
    """Two rows: of conversions and of money; one column a channel: the share that is lost without it, 0–1."""
    states = len(chain.holds)
    first, last = found.starts[:-1], found.starts[1:] - 1
    number = counts.all
    of_touch = np.repeat(number, found.lengths)
    inner = np.ones(len(chain.state), dtype=bool)
    inner[last] = False
    steps = sparse.coo_matrix(
        (of_touch[inner], (chain.state[inner], chain.state[np.flatnonzero(inner) + 1])),
        shape=(states, states),
    ).tocsr()
    leaving = added_up(chain.state, of_touch, states)
    each = np.divide(1.0, leaving, out=np.zeros(states), where=leaving > 0)
    moves = sparse.diags_array(each) @ steps
    prizes = np.stack(
        [
            added_up(chain.state[last], one, states) * each
            for one in (counts.converted, counts.value)
        ],
        axis=1,
    )
    start = added_up(chain.state[first], number, states) / number.sum()
    whole = start @ _absorbed(moves, prizes)
    effects = np.zeros((2, found.size))
    for channel in range(found.size):
        kept = np.flatnonzero(~chain.holds[:, channel])
        left = (
            start[kept] @ _absorbed(moves[kept][:, kept], prizes[kept])
            if len(kept)
            else np.zeros(2)
        )
        effects[:, channel] = np.divide(whole - left, whole, out=np.zeros(2), where=whole != 0)
    return effects


def _absorbed(moves: sparse.csr_array, prizes: FloatArray) -> FloatArray:
    """What is won in the end, on average, from each state."""
    system = sparse.eye_array(moves.shape[0], format="csc") - moves.tocsc()
    return np.asarray(splu(system.tocsc()).solve(prizes), dtype=np.float64)


def markov_credits(found: Sequences, chain: Chain, counts: Counts) -> FloatArray:
    """Two rows: conversions and money, divided among the channels."""
    effects = removal_effects(found, chain, counts)
    total = effects.sum(axis=1, keepdims=True)
    shares = np.divide(effects, total, out=np.zeros_like(effects), where=total != 0)
    amounts = np.array([[counts.converted.sum()], [counts.value.sum()]])
    return np.asarray(shares * amounts, dtype=np.float64)
