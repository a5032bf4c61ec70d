"""What kind of value a target holds."""

from __future__ import annotations

from typing import Literal

__all__ = ["FieldKind"]

FieldKind = Literal[
    "id", "text", "number", "rate", "time", "email", "phone", "currency", "handle", "flag"
]
"""A rate is a number with as many decimals as it has; a handle is a name in a social network; a flag is yes or no."""
