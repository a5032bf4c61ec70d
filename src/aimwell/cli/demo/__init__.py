"""`aimwell demo`: the whole loop on a simulated shop, with the truth beside what was measured."""

from __future__ import annotations

from aimwell.cli.demo.command import register

__all__ = ["register"]
