"""What a template may use up at most, so that no text can stop the sending of all others."""

from __future__ import annotations

__all__ = ["MAX_CHARS", "MAX_INT_BITS", "MAX_ITEMS", "MAX_LOCALS_BYTES", "MAX_SOURCE_CHARS"]

MAX_SOURCE_CHARS = 1_000_000
"""The longest text that a marketer may write."""

MAX_CHARS = 1_000_000
"""The longest text that one part of one message, or one value on the way, may become."""

MAX_ITEMS = 10_000
"""How often loops may go round (nested ones multiplied), and how long a list given to a filter may be."""

MAX_INT_BITS = 4096
"""The largest whole number that a filter may take or make."""

MAX_LOCALS_BYTES = 2_000_000
"""What `assign` and `capture` may keep."""
