"""Parameters on the command line: `--set days=60 --set countries='[GB, IE]'`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import typer

from aimwell.definitions.rule_text import parse_value

__all__ = ["read_parameters"]


def read_parameters(given: Sequence[str] | None) -> dict[str, Any]:
    """Name → value, which is written as in a rule's text; what is no value there is a text as it stands."""
    found: dict[str, Any] = {}
    for one in given or ():
        name, sign, value = one.partition("=")
        if not sign or not name.strip():
            raise typer.BadParameter(f"'{one}' is not NAME=VALUE, as days=60.", param_hint="--set")
        try:
            found[name.strip()] = parse_value(value)
        except ValueError:
            found[name.strip()] = value.strip()
    return found
