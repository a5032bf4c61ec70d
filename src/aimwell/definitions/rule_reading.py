"""Finds out which kind of rule a mapping is, and reports what is wrong with it at its own path.

Pydantic's tagged unions would put the tag into each path of a fault; here the path is that of the document, so
that a fault can be shown with its line.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from aimwell.definitions.base import Part
from aimwell.errors import nearest

__all__ = ["DEPTH_MAX", "NODES_MAX", "read_rule", "refuse_huge"]

DEPTH_MAX = 40
NODES_MAX = 1_000


def refuse_huge(value: Any) -> Any:
    """Raise ValueError for a rule of so many levels or nodes that nobody can have meant it."""
    waiting: list[tuple[Any, int]] = [(value, 1)]
    nodes = 0
    while waiting:
        node, depth = waiting.pop()
        nodes += 1
        if depth > DEPTH_MAX:
            raise ValueError(f"a rule has at most {DEPTH_MAX} levels")
        if nodes > NODES_MAX:
            raise ValueError(f"a rule has at most {NODES_MAX} nodes")
        waiting.extend((child, depth + 1) for child in _children(node))
    return value


def _children(node: Any) -> list[Any]:
    if not isinstance(node, Mapping):
        return []
    below: list[Any] = []
    for key in ("all", "any"):
        if isinstance(node.get(key), list | tuple):
            below.extend(node[key])
    return [*below, *([node["not"]] if "not" in node else [])]


def read_rule(value: Any, kinds: Mapping[str, type[Part]]) -> Any:
    """The typed node of a mapping; a node that is typed already stays.

    Raises:
        ValidationError: With every fault of the node and of those below it, each at its path.
        ValueError: It cannot be told which kind of rule this is.
    """
    if isinstance(value, BaseModel):
        return value
    if not isinstance(value, Mapping) or not value:
        raise ValueError(f"a rule is a mapping with one of: {', '.join(kinds)}")
    found = [key for key in value if key in kinds]
    if not found:
        unknown = str(next(iter(value)))
        raise ValueError(f"there is no rule '{unknown}'. {nearest(unknown, list(kinds))}")
    if len(found) > 1:
        raise ValueError(
            f"this holds {len(found)} rules ({', '.join(found)}); put them under `all` or `any`"
        )
    return _read_as(kinds[found[0]], dict(value))


def _read_as(cls: type[Part], body: dict[Any, Any]) -> Part:
    known = [field.alias or name for name, field in cls.model_fields.items()]
    unknown = [key for key in body if key not in known]
    details: list[InitErrorDetails] = []
    for key in unknown:
        hint = PydanticCustomError(
            "unknown_field", "unknown field. {hint}", {"hint": nearest(str(key), known)}
        )
        details.append({"type": hint, "loc": (str(key),), "input": body.pop(key)})
    try:
        node = cls.model_validate(body)
    except ValidationError as error:
        if not details:
            raise
        details.extend(_carried(fault) for fault in error.errors())
        raise ValidationError.from_exception_data(cls.__name__, details) from error
    if details:
        raise ValidationError.from_exception_data(cls.__name__, details)
    return node


def _carried(fault: Any) -> InitErrorDetails:
    """A fault as it was, to be reported again among others."""
    facts = {key: str(fact) for key, fact in fault.get("ctx", {}).items()}
    problem = PydanticCustomError("carried", "{text}", {"text": fault["msg"]})
    if fault["type"] in {"missing", "literal_error", "extra_forbidden"}:
        problem = PydanticCustomError(fault["type"], "{text}", {**facts, "text": fault["msg"]})
    return {"type": problem, "loc": fault["loc"], "input": fault["input"]}
