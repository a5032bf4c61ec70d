"""Paths written by hand or drawn, for the tests of attribution."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import strategies as st

from aimwell.measure.attribution.paths import Paths

__all__ = ["drawn_paths", "made", "random_paths"]


def made(rows: Sequence[tuple[str, int, float]], channels: str = "ABC") -> Paths:
    """Paths from ("ABA", converted, value); a day between touches, the last at the end itself; a person each."""
    touches = [channels.index(one) for path, _done, _value in rows for one in path]
    days = [float(len(path) - 1 - i) for path, _done, _value in rows for i in range(len(path))]
    return Paths(
        channels=tuple(channels),
        starts=np.cumsum([0, *[len(path) for path, _done, _value in rows]]),
        channel=np.array(touches, dtype=np.int64),
        days_before=np.array(days),
        converted=np.array([bool(done) for _path, done, _value in rows], dtype=bool),
        value=np.array([value for _path, _done, value in rows], dtype=float),
        person=np.arange(len(rows), dtype=np.int64),
    )


@st.composite
def drawn_paths(draw: st.DrawFn, *, most: int = 30) -> Paths:
    """Up to `most` paths over four channels, one of them at least with a conversion."""
    rows = draw(
        st.lists(
            st.tuples(st.text("ABCD", min_size=1, max_size=6), st.booleans(), st.integers(1, 50)),
            min_size=1,
            max_size=most,
        )
    )
    rows[0] = (rows[0][0], True, rows[0][2])
    return made([(path, int(done), float(value) * done) for path, done, value in rows], "ABCD")


def random_paths(n: int, *, channels: int = 8, mean_length: float = 4.0, seed: int = 0) -> Paths:
    """Many paths; the chance to convert falls and rises with the channels that were seen."""
    rng = np.random.default_rng(seed)
    lengths = np.minimum(rng.geometric(1.0 / mean_length, n), 40)
    starts = np.append(0, np.cumsum(lengths)).astype(np.int64)
    popular = 1.0 / np.arange(1, channels + 1)
    channel = rng.choice(channels, starts[-1], p=popular / popular.sum())
    strength = rng.normal(0.0, 0.5, channels)
    odds = -3.0 + np.add.reduceat(strength[channel], starts[:-1])
    converted = rng.random(n) < 1.0 / (1.0 + np.exp(-odds))
    gaps = rng.exponential(2.0, starts[-1])
    gaps[starts[1:] - 1] = 0.0
    back = np.cumsum(gaps[::-1])[::-1]
    days = back - np.repeat(back[starts[1:] - 1], lengths)
    return Paths(
        channels=tuple(f"channel {i}" for i in range(channels)),
        starts=starts,
        channel=channel.astype(np.int64),
        days_before=days,
        converted=converted,
        value=np.where(converted, np.round(rng.gamma(2.0, 20.0, n), 2), 0.0),
        person=np.arange(n, dtype=np.int64),
    )
