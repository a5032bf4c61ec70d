"""The headings under which `aimwell predict -h` lists its commands."""

from __future__ import annotations

__all__ = ["MODELS", "PATTERNS", "PEOPLE", "PRODUCTS"]

PEOPLE = "People"
PRODUCTS = "Products"
PATTERNS = "Patterns"
MODELS = "Models"
