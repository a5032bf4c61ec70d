"""The columns of a source's files and what their values look like, so that a change from yesterday is told in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlglot import exp

from aimwell.collect.raw import RawTable
from aimwell.store.engine import Session
from aimwell.store.sql import column, sql

__all__ = ["ColumnChange", "Columns", "change_of", "column_types"]

Columns = Mapping[str, Mapping[str, str]]
"""File of the definition → column → type."""

_COLUMNS_AT_ONCE = 100
_SAMPLE_ROWS = 10_000
_SHARE = 0.9  # of the values that a type must fit; a few bad ones do not change a column
_COLUMNS_MAX = 2_000
_FORMS = {
    "number": "[-+]?[£$€]?[0-9][0-9.,]*",
    "time": "[0-9]{1,4}[-/.][0-9]{1,2}[-/.][0-9]{1,4}([T ].*)?",
}


@dataclass(frozen=True)
class ColumnChange:
    """What differs: columns that went and came, and those whose values look otherwise (before, after)."""

    went: tuple[str, ...] = ()
    came: tuple[str, ...] = ()
    retyped: tuple[tuple[str, str, str], ...] = ()

    @property
    def any(self) -> bool:
        """Whether there is any difference."""
        return bool(self.went or self.came or self.retyped)

    @property
    def words(self) -> str:
        """In words."""
        parts = [
            f"gone: {', '.join(self.went)}" if self.went else "",
            f"new: {', '.join(self.came)}" if self.came else "",
            "other values: "
            + ", ".join(f"{name} ({was}, now {now})" for name, was, now in self.retyped)
            if self.retyped
            else "",
        ]
        return "; ".join(part for part in parts if part)


def column_types(session: Session, raw: RawTable) -> dict[str, str]:
    """Column → number, time, text, or empty, as the first ten thousand rows show it; of JSON the keys."""
    if raw.format == "jsonl":
        leaves = [
            path for path in raw.paths if not any(o[: len(path)] == path != o for o in raw.paths)
        ]
        return {".".join(path): "value" for path in sorted(leaves)[:_COLUMNS_MAX]}
    names = raw.columns[:_COLUMNS_MAX]
    if not names or not raw.parts:
        return {}
    sample, step = raw.scan.limit(_SAMPLE_ROWS), 1 + len(_FORMS)
    found: dict[str, str] = {}
    # A query over thousands of columns takes the engine a minute to plan.
    for start in range(0, len(names), _COLUMNS_AT_ONCE):
        some = names[start : start + _COLUMNS_AT_ONCE]
        tests = [test for place in range(len(some)) for test in _tests(f"c{start + place}")]
        [counts] = session.rows(exp.select(*tests).from_(sample.copy().subquery("sample")))
        for place, name in enumerate(some):
            found[name] = _type(*counts[place * step : (place + 1) * step])
    return found


def _tests(name: str) -> list[exp.Expr]:
    """How many values of a column there are, and how many of each form."""
    x = sql("nullif(trim(:x), '')", x=column(name))
    forms = [
        sql("count(*) FILTER (WHERE regexp_full_match(:x, :form))", x=x, form=form)
        for form in _FORMS.values()
    ]
    return [sql("count(:x)", x=x), *forms]


def _type(values: int, numbers: int, times: int) -> str:
    if not values:
        return "empty"
    if times >= _SHARE * values:
        return "time"
    return "number" if numbers >= _SHARE * values else "text"


def change_of(before: Columns, after: Columns) -> ColumnChange:
    """What changed in files that both know. A column that was empty, or is, has changed nothing."""
    went: list[str] = []
    came: list[str] = []
    retyped: list[tuple[str, str, str]] = []
    for file, old in before.items():
        new = after.get(file)
        if new is None:
            continue
        shown = f"{file}." if len(before) > 1 else ""
        went += [f"{shown}{name}" for name in old if name not in new]
        came += [f"{shown}{name}" for name in new if name not in old]
        retyped += [
            (f"{shown}{name}", was, new[name])
            for name, was in old.items()
            if name in new and was != new[name] and "empty" not in (was, new[name])
        ]
    return ColumnChange(tuple(went), tuple(came), tuple(retyped))
