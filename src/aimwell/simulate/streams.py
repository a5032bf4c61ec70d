"""Random numbers that depend on what they are for, not on when they are drawn.

People are simulated in cells of a fixed size. Every (seed, purpose, cell, occurrence) has a stream of its
own, so the shop does not change with the number of cells that are worked on at once, nor when one more
purpose is added.
"""

from __future__ import annotations

from zlib import crc32

import numpy as np

__all__ = ["CELL_PEOPLE", "stream"]

CELL_PEOPLE = 8192
"""People in a cell. Part of the definition of a shop: changing it changes every shop."""


def stream(seed: int, purpose: str, *, cell: int = 0, occurrence: int = 0) -> np.random.Generator:
    """The random stream of one purpose in one cell; `occurrence` tells its repetitions apart."""
    key = (crc32(purpose.encode()), cell, occurrence)
    return np.random.Generator(np.random.SFC64(np.random.SeedSequence(seed, spawn_key=key)))
