"""Personal data as it may stand on a screen: enough to tell two apart, not enough to use."""

from __future__ import annotations

__all__ = ["masked"]


def masked(value: str) -> str:
    """The first character and dots; of an address also its end, so that people can tell two apart."""
    if "@" in value:
        name, _, domain = value.partition("@")
        return f"{name[:1]}…@…{domain[domain.rfind('.') :]}"
    return f"{value[:1]}…" if len(value) > 1 else "…"
