"""How the command speaks."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path

import pytest
from rich.console import Console
from rich.text import Text

from aimwell.cli.context import moment
from aimwell.cli.output import Output, digits, forget_written, plain


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
            4: float("-inf"),
        }
    ) == {
        "a": {"name": "x", "when": "2026-03-01T00:00:00+00:00"},
        "b": ["2026-03-01", "1.50", "p", "red", 3600.0],
        "3": None,
        "4": None,
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


def test_what_files_hold_cannot_command_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    nasty = "\x1b[2Jred\x1b]0;title\x07 \x9b31m \u202egpj.exe \r\b\x00 café\u00a0☃"
    out = Output(as_json=False)
    out.say(nasty)
    out.heading(nasty)
    out.table([nasty], [(nasty,)], title=nasty)
    out.note(nasty)
    out.error(nasty + "\nsecond line")
    told = capsys.readouterr()
    for text in (told.out, told.err):
        assert not set(text) & set("\x1b\x07\x9b\u202e\r\b\x00")
        assert "\\x1b[2Jred" in text
        assert "café\u00a0☃" in text
    assert told.err.endswith("\nsecond line\n")


def test_wide_rows_stand_beside_each_other_as_far_as_the_screen_reaches(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    rows = [
        {"sku": f"P{n}", "price": Decimal("2.5000"), "name": "a very long name of a thing"}
        for n in range(1, 4)
    ]
    Output(as_json=False).records(rows, title="As read:")
    told = capsys.readouterr().out
    lines = [line.split() for line in told.splitlines()]
    assert ["row", "1", "row", "2"] in [line[:4] for line in lines]
    assert "row 3" in told
    assert ["price", "2.5"] in [line[:2] for line in lines]
    assert "a very long name of a…" in told
    assert max(map(len, told.splitlines())) <= 80


def test_a_step_without_an_end_does_not_keep_that_of_the_step_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shown: list[tuple[float, float | None]] = []
    out = Output(as_json=False)
    monkeypatch.setattr(
        "aimwell.cli.output._Count.render",
        lambda _self, task: (shown.append((task.completed, task.total)), Text(""))[1],
    )
    monkeypatch.setattr(out, "err", Console(file=io.StringIO(), force_terminal=True))
    with out.progress("Collecting") as step:
        step(5, 10, "looking at files")
        step(40, None, "reading file")
    assert shown[-1] == (40, None)


def test_rows_are_not_shown_where_json_was_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    Output(as_json=True).records([{"a": 1}], title="As read:")
    assert capsys.readouterr().out == ""


SENTENCE = (
    "Few orders, few products, and they buy most on Thursdays between twelve and one o'clock."
)


def in_a_terminal(text: str, *, columns: int = 40) -> str:
    """What a terminal of so many columns is sent."""
    out = Output(as_json=False)
    out.out = Console(
        file=io.StringIO(), force_terminal=True, width=columns, soft_wrap=True, highlight=False
    )
    out.say(text)
    assert isinstance(out.out.file, io.StringIO)
    return out.out.file.getvalue()


def test_sentences_break_between_words_in_a_terminal() -> None:
    lines = in_a_terminal(SENTENCE).splitlines()
    assert len(lines) == 3
    assert " ".join(line.strip() for line in lines) == SENTENCE
    assert max(map(len, lines)) <= 40


@pytest.mark.parametrize(
    "text",
    [
        "Approve the plan, once you have looked at it, with: aimwell decide approve spring-1",
        "The report: /a/folder/of/a/workspace/that/is/deep/reports/spring-20260101-abcdef.html",
        "These were guessed from the names. To take them: --map customer_id=CustomerID",
    ],
)
def test_what_may_be_copied_stays_on_one_line(text: str) -> None:
    assert in_a_terminal(text) == f"{text}\n"


def test_in_a_pipe_nothing_is_broken_or_coloured(capsys: pytest.CaptureFixture[str]) -> None:
    out = Output(as_json=False)
    out.say(SENTENCE * 3)
    out.heading(SENTENCE)
    out.note(SENTENCE)
    out.error(SENTENCE)
    told = capsys.readouterr()
    assert told.out == f"{SENTENCE * 3}\n{SENTENCE}\n"
    assert told.err == f"{SENTENCE}\nError: {SENTENCE}\n"


def test_events_are_lines_of_json_and_an_error_is_the_last(
    capsys: pytest.CaptureFixture[str],
) -> None:
    forget_written()
    out = Output(as_json=True)
    out.event("working", pid=7)
    out.json_error("JobError", "No.")
    first, last = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert (first["event"], first["pid"]) == ("working", 7)
    assert (last["event"], last["error"]["message"]) == ("failed", "No.")
    Output(as_json=False).event("working")
    assert capsys.readouterr().out == ""


def test_a_bar_without_an_end_counts_nothing() -> None:
    out = Output(as_json=False)
    out.err = Console(file=io.StringIO(), force_terminal=True, width=80, highlight=False)
    with out.progress("Looking") as step:
        step(3)
        step(4, 7)
    assert isinstance(out.err.file, io.StringIO)
    shown = out.err.file.getvalue()
    assert "?" not in shown.replace("\x1b[?", "")
    assert "4/7" in shown


def test_no_cell_of_a_table_is_cut_off(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a pipe a row is one line; in a narrow terminal its cells go on below."""
    monkeypatch.setenv("COLUMNS", "40")
    row = ["logistic regression", "0.011±0.008", "a line that is longer than the screen is wide"]
    Output(as_json=False).table(["learner", "worse by", "why"], [row])
    _header, line = capsys.readouterr().out.splitlines()
    assert line.rstrip() == "  ".join([row[0], row[1], row[2]])
    out = Output(as_json=False)
    out.out = Console(file=io.StringIO(), force_terminal=True, width=20, highlight=False)
    out.table(["worse by", "why"], [["0.011±0.008", "x" * 30]])
    assert isinstance(out.out.file, io.StringIO)
    shown = out.out.file.getvalue()
    assert "…" not in shown
    assert shown.count("x") == 30


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0"),
        (0.09209, "0.09209"),
        (349.06, "349.1"),
        (999.97, "1,000"),
        (6198.4, "6,198"),
        (9999.7, "10,000"),
        (10_412.6, "10,413"),
        (-1_041_260.0, "-1,041,260"),
    ],
)
def test_no_number_is_written_as_a_power_of_ten(value: float, shown: str) -> None:
    assert digits(value) == shown
    assert digits(12_345.6, 3, sign="+") == "+12,346"


def test_the_title_of_a_narrow_table_stays_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    Output(as_json=False).table(["a", "b"], [(1, 2)], title="What [this] narrow table tells of")
    assert capsys.readouterr().out.splitlines()[0] == "What [this] narrow table tells of"
