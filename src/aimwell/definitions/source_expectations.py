"""What a source's rows are expected to fulfil, beyond having the form of their targets."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator
from sqlglot import exp

from aimwell.definitions.base import Duration, Name, Part
from aimwell.definitions.source_expressions import Expression, column_parts, parse_expression
from aimwell.errors import nearest

__all__ = [
    "EXPECTATIONS_MAX",
    "Expectation",
    "ExpectationKind",
    "Expectations",
    "RowCount",
    "Severity",
    "ValueType",
    "unknown_fields",
]

EXPECTATIONS_MAX = 50
"""Of one entity: each is a bit of what is wrong with a row."""

Severity = Literal["quarantine", "warn"]
ValueType = Literal[
    "whole",
    "number",
    "date",
    "time",
    "boolean",
    "email",
    "phone",
    "country",
    "currency",
    "url",
]
Reference = Literal["products", "customers", "orders", "shops", "accounts"]

ExpectationKind = Literal[
    "required",
    "type",
    "range",
    "in",
    "pattern",
    "length",
    "unique",
    "exists_in",
    "check",
    "newest_within",
    "rows",
]
_WHOLE_FILE = ("newest_within", "rows")
_PEOPLE = ("customer_id", "email", "phone")


def _pattern(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"this pattern is wrong: {error}") from None
    return value


def _bound(value: Any) -> Any:
    if isinstance(value, str):
        try:
            datetime.fromisoformat(value)
        except ValueError:
            raise ValueError("a bound is a number or a day or time, as 2026-01-31") from None
    return value.isoformat() if hasattr(value, "isoformat") else value


Bound = Annotated[float | str, BeforeValidator(_bound)]
"""A number, or a day or time in ISO form."""


class RowCount(Part):
    """How many rows a file should have."""

    at_least: Annotated[int, Field(ge=0)] | None = None
    at_most: Annotated[int, Field(ge=0)] | None = None

    @model_validator(mode="after")
    def _some(self) -> RowCount:
        if self.at_least is None and self.at_most is None:
            raise ValueError("say `at_least`, `at_most` or both")
        if self.at_least is not None and self.at_most is not None and self.at_least > self.at_most:
            raise ValueError("`at_least` is above `at_most`, so no file could fulfil it")
        return self


class Expectation(Part):
    """One thing that the rows of an entity should fulfil; exactly one test.

    A value that is missing fulfils every test but `required`, so that each fault is counted once.
    """

    name: Name | None = Field(
        default=None, description="Reason that rows in quarantine bear; default: the kind of test."
    )
    field: str | None = Field(
        default=None, description="A mapped target: sku, traits.age, properties.size."
    )
    severity: Severity | None = Field(
        default=None,
        description="quarantine: the row is kept aside (default); warn: the row is taken and counted. "
        "Tests of the whole file only warn.",
    )
    required: Literal[True] | None = Field(default=None, description="There is a value.")
    type: ValueType | None = Field(default=None, description="The value has this form.")
    at_least: Bound | None = Field(default=None, description="Smallest value, or earliest day.")
    at_most: Bound | None = Field(default=None, description="Largest value, or latest day.")
    in_: Annotated[tuple[str, ...], Field(min_length=1)] | None = Field(
        default=None, alias="in", description="The values that are allowed."
    )
    pattern: Annotated[str, AfterValidator(_pattern)] | None = Field(
        default=None, description="The whole value has this form (a regular expression)."
    )
    length_at_most: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="Characters at most."
    )
    unique: Literal[True] | Annotated[tuple[str, ...], Field(min_length=1)] | None = Field(
        default=None,
        description="No two different rows of the files share the value; or the list of fields together. "
        "The first row stands.",
    )
    exists_in: Reference | None = Field(
        default=None, description="The value was collected before as one of these."
    )
    check: Expression | None = Field(
        default=None,
        description="True over the targets of a row: traits.starts <= traits.ends. Unknown counts as true.",
    )
    newest_within: Duration | None = Field(
        default=None, description="The newest time in the files is not older than this."
    )
    rows: RowCount | None = Field(default=None, description="How many rows the files have.")

    @model_validator(mode="before")
    @classmethod
    def _lists(cls, data: Any) -> Any:
        if isinstance(data, dict) and isinstance(data.get("in"), list):
            # YAML reads `no` and 12 as other things than texts.
            return {**data, "in": [_as_text(value) for value in data["in"]]}
        return data

    @model_validator(mode="after")
    def _one_test(self) -> Expectation:
        found = self._kinds()
        allowed = "required, type, at_least/at_most, in, pattern, length_at_most, unique, exists_in, check, "
        allowed += "newest_within or rows"
        if len(found) != 1:
            raise ValueError(f"an expectation has one test, this one has {len(found)}: {allowed}")
        kind = found[0]
        needs = kind not in ("check", "rows") and not isinstance(self.unique, tuple)
        if needs and self.field is None:
            raise ValueError(f"`{kind}` needs the `field` that it is about")
        if not needs and self.field is not None:
            raise ValueError(f"`{kind}` names its fields itself; leave `field` out")
        if kind in _WHOLE_FILE and self.severity == "quarantine":
            raise ValueError(
                f"`{kind}` is about the whole file, and no row could be kept aside for it; it can only `warn`"
            )
        if kind == "exists_in" and self.exists_in == "customers" and self.field not in _PEOPLE:
            raise ValueError(f"customers are known by one of {', '.join(_PEOPLE)}")
        bounds = {type(bound) for bound in (self.at_least, self.at_most) if bound is not None}
        if len(bounds) > 1:
            raise ValueError("`at_least` and `at_most` are two numbers or two days")
        return self

    def _kinds(self) -> list[ExpectationKind]:
        given: dict[ExpectationKind, object] = {
            "required": self.required,
            "type": self.type,
            "range": self.at_least if self.at_least is not None else self.at_most,
            "in": self.in_,
            "pattern": self.pattern,
            "length": self.length_at_most,
            "unique": self.unique,
            "exists_in": self.exists_in,
            "check": self.check,
            "newest_within": self.newest_within,
            "rows": self.rows,
        }
        return [kind for kind, value in given.items() if value is not None]

    @property
    def kind(self) -> ExpectationKind:
        """Which test it is."""
        return self._kinds()[0]

    @property
    def level(self) -> Severity:
        """What happens to a row that does not fulfil it."""
        return self.severity or ("warn" if self.kind in _WHOLE_FILE else "quarantine")

    @property
    def fields(self) -> tuple[str, ...]:
        """The targets that it looks at."""
        if self.field is not None:
            return (self.field,)
        if isinstance(self.unique, tuple):
            return self.unique
        if self.check is not None:
            columns = parse_expression(self.check).find_all(exp.Column)
            return tuple(dict.fromkeys(".".join(column_parts(one)) for one in columns))
        return ()


def _as_text(value: Any) -> Any:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value) if isinstance(value, int | float) else value


Expectations = Annotated[tuple[Expectation, ...], Field(max_length=EXPECTATIONS_MAX)]


def unknown_fields(expectations: Iterable[Expectation], mapped: set[str]) -> Iterator[str]:
    """In words: what expectations name that is not mapped, and reasons that two of them share."""
    names: dict[str, int] = {}
    for place, one in enumerate(expectations):
        for name in one.fields:
            if name not in mapped:
                yield f"expect[{place}] names no mapped field: '{name}'. {nearest(name, sorted(mapped))}"
        if one.name is not None:
            if one.name in names:
                yield f"expect[{place}] has the name of expect[{names[one.name]}]: '{one.name}'"
            names.setdefault(one.name, place)
