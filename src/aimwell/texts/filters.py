"""The Liquid filters that differ from the library's, and a guard around all of them.

`date` knows the moment of the batch instead of reading a clock, and works in UTC. `safe` lets HTML in values pass
only after cleaning it. `replace` and `join` are checked before they make something huge, everything else after.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time
from functools import partial
from typing import Any

import nh3
from liquid import Environment
from liquid.builtin.filters.array import join as liquid_join
from liquid.builtin.filters.string import replace as liquid_replace
from liquid.exceptions import FilterArgumentError, LoopIterationLimitError, OutputStreamLimitError
from liquid.filter import string_filter, with_environment
from markupsafe import Markup

from aimwell.texts.limits import MAX_CHARS, MAX_INT_BITS, MAX_ITEMS
from aimwell.texts.missing import Missing

__all__ = ["EXTRA_FILTERS", "NEEDS_NOW", "guard"]

Filter = Callable[..., Any]

NEEDS_NOW = frozenset({"date"})
"""Filters that take the moment of the batch as `now`."""


def date_filter(value: object, form: object = "%d %B %Y", *, now: datetime) -> str:
    """`{{ order.at | date: "%d %B %Y" }}`: a date, a moment, an ISO text, seconds since 1970, `"now"`; in UTC."""
    moment = _moment(value, now)
    return str(value if value is not None else "") if moment is None else moment.strftime(str(form))


def _moment(value: object, now: datetime) -> datetime | None:
    if value in ("now", "today"):
        return now
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime.combine(value, time(), UTC)
    try:
        if isinstance(value, str) and not value.isdigit():
            return datetime.fromisoformat(value.strip())
        if isinstance(value, int | str) and not isinstance(value, bool):
            return datetime.fromtimestamp(int(value), UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return None


@with_environment
@string_filter
def safe(value: str, *, environment: Environment) -> str:
    """HTML in a value, with everything removed that could run, load or submit."""
    return Markup(nh3.clean(value)) if environment.autoescape else value  # noqa: S704 - cleaned here


def replace(value: object, old: object, new: object = "") -> Any:
    """Liquid's `replace`, refused where its result would be huge."""
    text, seek, put = str(value), str(old), str(new)
    if len(text) + text.count(seek) * len(put) > MAX_CHARS:
        raise OutputStreamLimitError("'replace' makes a text too long", token=None)
    return liquid_replace(value, old, new)


@with_environment
def join(value: object, between: object = " ", *, environment: Environment) -> Any:
    """Liquid's `join`, refused where its result would be huge."""
    if isinstance(value, Sequence) and len(value) * len(str(between)) > MAX_CHARS:
        raise OutputStreamLimitError("'join' makes a text too long", token=None)
    return liquid_join(value, between, environment=environment)


EXTRA_FILTERS: dict[str, Filter] = {
    "date": date_filter,
    "safe": safe,
    "replace": replace,
    "join": join,
}


def guard(name: str, function: Filter, env: Environment) -> Filter:
    """Wraps a filter: a missing field is refused except by `default`, and neither what goes in nor what comes out
    may be huge."""
    call: Filter = function
    if getattr(function, "with_environment", False):
        call = partial(function, environment=env)

    def guarded(left: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(left, Missing) and name != "default":
            left.refuse()
        for arg in args:
            if isinstance(arg, Missing):
                arg.refuse()
        _check(name, left)
        try:
            result = call(left, *args, **kwargs)
        except (ArithmeticError, ValueError, AttributeError, RecursionError) as err:
            raise FilterArgumentError(f"'{name}' cannot take that value", token=None) from err
        _check(name, result)
        return result

    return guarded


def _check(name: str, value: object) -> None:
    if isinstance(value, str):
        if len(value) > MAX_CHARS:
            raise OutputStreamLimitError(f"'{name}' makes a text too long", token=None)
    elif isinstance(value, int):
        if value.bit_length() > MAX_INT_BITS:
            raise OutputStreamLimitError(f"'{name}' makes a number too long", token=None)
    elif isinstance(value, list | tuple | range) and _size(value) > MAX_ITEMS:
        raise LoopIterationLimitError(f"'{name}' meets a list that is too long", token=None)


def _size(value: list[Any] | tuple[Any, ...] | range) -> int:
    # `len` cannot count a range beyond 2**63.
    return value.stop - value.start if isinstance(value, range) else len(value)
