"""Arrow columns from numpy arrays, without a Python object per row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

__all__ = ["MONEY", "join_text", "lookup", "moments", "money", "optional", "padded"]

MONEY = pa.decimal128(18, 2)


def money(minor: NDArray[np.int64], *, known: NDArray[np.bool_] | None = None) -> pa.Array:
    """Minor units (pence) as exact decimals; null where not `known`.

    A decimal is 16 bytes: the low half is the number, the high half repeats its sign.
    """
    halves = np.empty((len(minor), 2), np.int64)
    halves[:, 0] = minor
    halves[:, 1] = minor >> 63
    exact = pa.Array.from_buffers(MONEY, len(minor), [None, pa.py_buffer(halves)])
    return exact if known is None else optional(exact, known)


def moments(seconds: NDArray[np.int64]) -> pa.Array:
    """Seconds since 1970 as UTC timestamps."""
    return pa.array(seconds, pa.int64()).cast(pa.timestamp("s", tz="UTC"))


def lookup(words: Sequence[str], index: NDArray[Any]) -> pa.Array:
    """The word at each index."""
    return pa.array(words, pa.string()).take(pa.array(index))


def padded(numbers: NDArray[np.int64], width: int) -> pa.Array:
    """Whole numbers as text with leading zeros."""
    return pc.utf8_lpad(pa.array(numbers).cast(pa.string()), width, "0")


def optional(values: Any, present: NDArray[np.bool_]) -> pa.Array:
    """The values, null where not `present`."""
    return pc.if_else(pa.array(present), values, pa.scalar(None, values.type))


def join_text(*parts: Any) -> pa.Array:
    """Text columns and plain strings put together row by row; null where any part is null."""
    return pc.binary_join_element_wise(*parts, "")
