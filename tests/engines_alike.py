"""Values of two engines, compared."""

from __future__ import annotations

import math
from typing import Any

__all__ = ["alike"]


def alike(one: Any, other: Any) -> bool:
    """Whether two values are equal, a fraction but for its last digit."""
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-14) or (math.isnan(one) and math.isnan(other))
    return bool(one == other)
