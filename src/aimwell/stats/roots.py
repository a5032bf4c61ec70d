"""Where a function crosses zero."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["root"]


def root(of: Callable[[float], float], low: float, high: float, *, within: float) -> float:
    """Where the function, whose values at `low` and `high` have other signs, is zero; by Brent's method (1973)."""
    # Imported here: it takes a fifth of a second, and most who plan or measure look for no root.
    from scipy.optimize import brentq

    return float(brentq(of, low, high, xtol=within))
