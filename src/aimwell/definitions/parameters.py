"""Parameters of a rule: `$days` in it stands for what its document says by default, or for what somebody gives instead.

A value that is `$name` as a whole stands for the parameter; `${name}d` is a duration of so many days (also m, h and w); `$$name`
is the text `$name` itself.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    Field,
    PlainValidator,
    SerializerFunctionWrapHandler,
    ValidationError,
    WithJsonSchema,
    model_serializer,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from aimwell.definitions.base import Name, Part, parse_duration
from aimwell.definitions.conditions import parse_moment, scalar
from aimwell.errors import nearest

__all__ = [
    "Parameter",
    "ParameterValue",
    "ParameterValues",
    "Parameters",
    "filled",
    "named_parameters",
    "replaced",
]

ParameterType = Literal["number", "text", "boolean", "duration", "date", "list"]

_WHOLE = re.compile(r"\$(?P<escaped>\$)?(?P<name>[a-z_][a-z0-9_-]*)")
_SPAN = re.compile(r"\$\{(?P<name>[a-z_][a-z0-9_-]*)\}(?P<unit>[mhdw])")


def _value(value: Any) -> Any:
    return tuple(map(scalar, value)) if isinstance(value, list | tuple) else scalar(value)


ParameterValue = Annotated[
    Any,
    PlainValidator(_value),
    WithJsonSchema({"type": ["boolean", "number", "string", "array"]}),
]
"""A number, a text, true or false, or a list of these."""

ParameterValues = Annotated[dict[Name, ParameterValue], Field(min_length=1)]
"""Parameter → what it is to be."""


class Parameter(Part):
    """A parameter: what it is by default, of what type, what it is for."""

    default: ParameterValue
    type: ParameterType | None = Field(default=None, description="Default: as of the default.")
    description: str = Field(default="", max_length=500)

    @model_validator(mode="after")
    def _fits(self) -> Parameter:
        if self.type is not None and not _is(self.default, self.type):
            raise ValueError(f"{self.default!r} is no {_called(self.type)}")
        return self

    @property
    def kind(self) -> ParameterType:
        """Its type, as written or as the default is."""
        return self.type if self.type is not None else _type_of(self.default)

    @model_serializer(mode="wrap")
    def _short(self, handler: SerializerFunctionWrapHandler) -> Any:
        body = handler(self)
        return body["default"] if self.model_fields_set == {"default"} else body


def _long(value: Any) -> Any:
    return value if isinstance(value, Mapping | Parameter) else {"default": value}


Parameters = dict[Name, Annotated[Parameter, BeforeValidator(_long)]]
"""Parameter → what it is; `days: 30` is short for `days: {default: 30}`."""


def _is(value: Any, kind: ParameterType) -> bool:
    if kind == "text":
        return isinstance(value, str)
    return _type_of(value) == kind


def _type_of(value: Any) -> ParameterType:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, list | tuple):
        return "list"
    for kind, parse in (("duration", parse_duration), ("date", parse_moment)):
        try:
            parse(value)
        except ValueError:
            continue
        return kind  # type: ignore[return-value]
    return "text"


def _called(kind: ParameterType) -> str:
    examples = {
        "number": "number, as 30",
        "text": "text",
        "boolean": "answer: true or false",
        "duration": "duration, as 30d",
        "date": "date, as 2026-03-31",
        "list": "list, as [GB, IE]",
    }
    return examples[kind]


def replaced(parameters: Mapping[str, Parameter], given: Mapping[str, Any]) -> dict[str, Parameter]:
    """The parameters with other defaults. Raises ValueError for an unknown name or a wrong type."""
    found = dict(parameters)
    for name, value in given.items():
        if name not in parameters:
            raise ValueError(f"there is no parameter '{name}'. {nearest(name, list(parameters))}")
        kind = parameters[name].kind
        if not _is(_value(value), kind):
            raise ValueError(f"the parameter '{name}' must be a {_called(kind)}, not {value!r}")
        found[name] = Parameter(default=value, type=kind, description=parameters[name].description)
    return found


def named_parameters(value: Any) -> frozenset[str]:
    """Names of the parameters that a document asks for."""
    if isinstance(value, Mapping):
        return frozenset().union(*map(named_parameters, value.values()))
    if isinstance(value, list | tuple):
        return frozenset().union(*map(named_parameters, value))
    match = (_WHOLE.fullmatch(value) or _SPAN.fullmatch(value)) if isinstance(value, str) else None
    asked = match is not None and not match.groupdict().get("escaped")
    return frozenset({match["name"]}) if match is not None and asked else frozenset()


def filled(document: Any, parameters: Mapping[str, Parameter]) -> Any:
    """The document with the value of each parameter in its place.

    Raises:
        ValidationError: A name that is no parameter, at its path.
    """
    faults: list[InitErrorDetails] = []
    found = _filled(document, parameters, (), faults)
    if faults:
        raise ValidationError.from_exception_data("parameters", faults)
    return found


def _filled(
    value: Any,
    parameters: Mapping[str, Parameter],
    place: tuple[str | int, ...],
    faults: list[InitErrorDetails],
) -> Any:
    if isinstance(value, Mapping):
        return {k: _filled(v, parameters, (*place, str(k)), faults) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_filled(v, parameters, (*place, n), faults) for n, v in enumerate(value)]
    match = (_WHOLE.fullmatch(value) or _SPAN.fullmatch(value)) if isinstance(value, str) else None
    if match is None:
        return value
    marks = match.groupdict()
    if marks.get("escaped"):
        return value[1:]
    name = marks["name"]
    if name not in parameters:
        problem = PydanticCustomError(
            "unknown_parameter",
            "there is no parameter '{name}'. {hint} A text that begins with $ is written with two: $${name}",
            {"name": name, "hint": nearest(name, list(parameters))},
        )
        faults.append({"type": problem, "loc": place, "input": value})
        return value
    default = parameters[name].default
    if marks.get("unit"):
        return f"{default}{marks['unit']}"
    return list(default) if isinstance(default, tuple) else default
