"""How the command speaks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path

import pytest

from aimwell.cli.context import moment
from aimwell.cli.output import Output, plain


class Colour(Enum):
    RED = "red"


@dataclass(frozen=True)
class Thing:
    name: str
    when: datetime


def test_values_become_what_json_can_say() -> None:
    now = datetime(2026, 3, 1, tzinfo=UTC)
    assert plain(
        {
            "a": Thing("x", now),
            "b": [date(2026, 3, 1), Decimal("1.50"), Path("p"), Colour.RED, timedelta(hours=1)],
            3: float("nan"),
        }
    ) == {
        "a": {"name": "x", "when": "2026-03-01T00:00:00+00:00"},
        "b": ["2026-03-01", "1.50", "p", "red", 3600.0],
        "3": None,
    }


def test_with_json_nothing_else_is_on_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    out = Output(as_json=True)
    out.say("hello")
    out.heading("hello")
    out.table(["a"], [(1,)])
    out.note("careful")
    out.json({"a": 1})
    told = capsys.readouterr()
    assert told.out == '{\n  "a": 1\n}\n'
    assert "careful" in told.err


def test_markup_in_values_is_text(capsys: pytest.CaptureFixture[str]) -> None:
    out = Output(as_json=False)
    out.say("[red]not red[/red]")
    out.table(["[b]"], [("[/nonsense]",)])
    out.error("[x]")
    told = capsys.readouterr()
    assert "[red]not red[/red]" in told.out
    assert "[/nonsense]" in told.out
    assert "[x]" in told.err


def test_moments_without_an_offset_are_the_firms() -> None:
    assert moment("2011-09-01", zone="Europe/London") == datetime(2011, 8, 31, 23, tzinfo=UTC)
    assert moment("2011-09-01T12:00+00:00", zone="Asia/Tokyo") == datetime(
        2011, 9, 1, 12, tzinfo=UTC
    )
