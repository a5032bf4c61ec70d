"""How the command speaks: tables for people, JSON for scripts, errors on stderr."""

from __future__ import annotations

import json
import math
import re
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape as _escape_markup
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    Task,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table
from rich.text import Text

from aimwell.errors import AimwellError

__all__ = ["Output", "digits", "error_document", "escape", "forget_written", "plain"]

_written: list[bool] = []
_events: list[bool] = []
_COPIED = re.compile(r"\baimwell [a-z-]|(?<!\w)--?[a-z]|[\w.]/\w|^/|\s/\w", re.MULTILINE)
_WIDTH_MAX = 1_000_000
_CELL_MAX = 22  # characters of a value where rows are shown beside each other; a time fits


def plain(value: Any) -> Any:
    """Values as JSON can say them; times in ISO 8601, spans in seconds."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if hasattr(value, "to_dict"):
        return plain(value.to_dict())
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Enum):
        return plain(value.value)
    if isinstance(value, Decimal | Path):
        return str(value)
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):  # JSON has no form for it
        return None
    return value


def digits(value: float, figures: int = 4, *, sign: str = "") -> str:
    """A number with so many figures that count, or all before its point, as '0.09209', '349.1', '10,413'."""
    return (
        f"{value:{sign},.0f}"
        if abs(value) >= 10 ** (figures - 1)
        else f"{value:{sign},.{figures}g}"
    )


def escape(text: str) -> str:
    """Text from anywhere as a terminal may have it: markup and control characters are shown, not obeyed."""
    return _escape_markup(
        "".join(_visible(char) if not char.isprintable() else char for char in text)
    )


def _visible(char: str) -> str:
    """Line ends and spaces stay; what moves the cursor, colours or turns the line becomes its code."""
    if char in "\n\t" or unicodedata.category(char) == "Zs":
        return char
    return char.encode("unicode_escape").decode()


def error_document(error: AimwellError) -> dict[str, Any]:
    """An error as JSON shows it."""
    return {"kind": type(error).__name__, "message": str(error), "retryable": error.retryable}


def forget_written() -> None:
    """At the start of a command: no document has been written yet."""
    _written.clear()
    _events.clear()


class Output:
    """Where the command writes. With `as_json` exactly one JSON document goes to stdout.

    With `goes_on` too, a line for each event: its failure is one as well.
    """

    def __init__(self, *, as_json: bool, goes_on: bool = False) -> None:
        self.as_json, self._goes_on = as_json, goes_on
        self.out = Console(file=sys.stdout, highlight=False, soft_wrap=True)
        self.err = Console(file=sys.stderr, highlight=False, soft_wrap=True)

    def json(self, value: Any) -> None:
        """Write `value` as JSON to stdout."""
        _written.append(True)
        sys.stdout.write(json.dumps(plain(value), ensure_ascii=False, indent=2) + "\n")

    def event(self, name: str, **facts: Any) -> None:
        """One line of JSON about what has just happened, for commands that go on; nothing for people."""
        if self.as_json:
            _written.append(True)
            _events.append(True)
            line = {"event": name, "at": datetime.now(UTC), **facts}
            sys.stdout.write(json.dumps(plain(line), ensure_ascii=False) + "\n")
            sys.stdout.flush()

    def json_error(self, kind: str, message: str, *, retryable: bool = False) -> None:
        """Where JSON was asked for and none has been written: the error as the one document.

        After lines of events it is the last line.
        """
        error = {"kind": kind, "message": message, "retryable": retryable}
        if self._goes_on or _events:
            self.event("failed", error=error)
        elif self.as_json and not _written:
            self.json({"error": error})

    def say(self, text: str = "") -> None:
        """A line for people; nothing where JSON was asked for."""
        if not self.as_json:
            _print(self.out, text, "{}")

    def heading(self, text: str) -> None:
        """A line that stands out."""
        if not self.as_json:
            _print(self.out, text, "[bold]{}[/bold]")

    def note(self, text: str) -> None:
        """A warning or hint on stderr; also where JSON was asked for."""
        _print(self.err, text, "[yellow]{}[/yellow]")

    def error(self, text: str) -> None:
        """What went wrong, on stderr."""
        _print(self.err, text, "[bold red]Error:[/bold red] {}")

    def table(
        self, columns: Sequence[str], rows: Iterable[Sequence[Any]], *, title: str = ""
    ) -> None:
        """A table for people; numbers to the right."""
        if self.as_json:
            return
        if title:  # rich would break it at the table's width
            self.heading(title)
        table = Table(box=None, pad_edge=False)
        materialised = [list(row) for row in rows]
        for index, name in enumerate(columns):
            numeric = all(
                isinstance(row[index], int | float | Decimal) or row[index] is None
                for row in materialised
            )
            table.add_column(
                escape(name),
                justify="right" if numeric and materialised else "left",
                overflow="fold",  # a figure that is cut off is another figure
            )
        for row in materialised:
            table.add_row(*[escape(_cell(value)) for value in row])
        if self.out.is_terminal:
            self.out.print(table)
        else:  # in a pipe each row is one line, whatever its length
            Console(file=self.out.file, width=_WIDTH_MAX, highlight=False).print(table)

    def records(self, rows: Sequence[Mapping[str, Any]], *, title: str = "") -> None:
        """A few wide rows for people: a line for each field, and as many rows beside it as there is room for."""
        if self.as_json or not rows:
            return
        names = list(rows[0])
        room = max(self.out.width - max(len(name) for name in names) - 2, _CELL_MAX)
        groups = [
            rows[i : i + room // (_CELL_MAX + 2)]
            for i in range(0, len(rows), max(1, room // (_CELL_MAX + 2)))
        ]
        for number, group in enumerate(groups):
            self.table(
                ["", *(f"row {number * len(groups[0]) + i}" for i in range(1, len(group) + 1))],
                [[name, *(_short(_cell(row.get(name))) for row in group)] for name in names],
                title=title if number == 0 else "",
            )
            self.say()

    @contextmanager
    def progress(self, words: str) -> Iterator[Any]:
        """A progress bar on stderr; gives a function(done, total, note) to call."""
        bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            _Count(),
            TimeElapsedColumn(),
            console=self.err,
            transient=True,
            disable=self.as_json or not self.err.is_terminal,
        )
        with bar:
            task = bar.add_task(escape(words), total=None)

            def step(done: int, total: int | None = None, note: str = "") -> None:
                text = f"{words}: {note}" if note else words
                bar.update(task, completed=done, description=escape(text))
                bar.tasks[
                    0
                ].total = total  # `update` takes None for "as it was", and the end would be another step's

            yield step


class _Count(MofNCompleteColumn):
    """How many of how many; nothing where nobody knows yet."""

    def render(self, task: Task) -> Text:
        return Text("") if task.total is None else super().render(task)


def _print(console: Console, text: str, form: str) -> None:
    """A text in a terminal breaks between words; where it holds what may be copied, and in a pipe, it is left whole."""
    wraps = console.is_terminal and _COPIED.search(text) is None
    console.print(form.format(escape(text)), soft_wrap=not wraps)


def _short(text: str) -> str:
    return text if len(text) <= _CELL_MAX else f"{text[: _CELL_MAX - 1]}…"


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.2f}"
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M %Z").strip()
    return str(value)
