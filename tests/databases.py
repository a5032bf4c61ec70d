"""Tests that are dear: on one control database in the short run, on the other one in the long."""

from __future__ import annotations

import pytest

__all__ = ["on", "shortly_on"]


def on(database: str, *values: str, long: bool = False) -> object:
    """A parameter `control_url` with the values of further parameters; `long` for the long run alone."""
    marks = [pytest.mark.postgres] if database == "postgresql" else []
    return pytest.param(database, *values, marks=[*marks, pytest.mark.long] if long else marks)


def shortly_on(database: str) -> pytest.MarkDecorator:
    """The test runs on this database in `make test`, on the other one in `make test-long`."""
    (other,) = {"sqlite", "postgresql"} - {database}
    return pytest.mark.parametrize(
        "control_url", [on(database), on(other, long=True)], indirect=True
    )
