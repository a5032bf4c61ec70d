"""All kinds of documents, and the check of one document against its schema with every fault listed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from aimwell.definitions.base import NAME_PATTERN, TEXT_FAULTS, Definition
from aimwell.definitions.kinds.campaign import Campaign
from aimwell.definitions.kinds.channel import Channel
from aimwell.definitions.kinds.contact_policy import ContactPolicy
from aimwell.definitions.kinds.experiment import Experiment
from aimwell.definitions.kinds.feature import Feature
from aimwell.definitions.kinds.holdout import Holdout
from aimwell.definitions.kinds.loyalty import Loyalty
from aimwell.definitions.kinds.model import Model
from aimwell.definitions.kinds.occasion import Occasion
from aimwell.definitions.kinds.offer import Offer
from aimwell.definitions.kinds.prediction import Prediction
from aimwell.definitions.kinds.privacy_rules import PrivacyRules
from aimwell.definitions.kinds.profile_rules import ProfileRules
from aimwell.definitions.kinds.segment import Segment
from aimwell.definitions.kinds.source import Source
from aimwell.definitions.kinds.survey import Survey
from aimwell.definitions.kinds.template import Template
from aimwell.errors import DefinitionError, Fault, nearest

__all__ = ["KINDS", "check", "json_schema"]

_CLASSES: tuple[type[Definition], ...] = (
    Survey,
    Source,
    ProfileRules,
    PrivacyRules,
    Offer,
    Template,
    Channel,
    Occasion,
    Segment,
    ContactPolicy,
    Model,
    Feature,
    Prediction,
    Campaign,
    Experiment,
    Holdout,
    Loyalty,
)

KINDS: dict[str, type[Definition]] = {
    str(cls.model_fields["kind"].default): cls for cls in _CLASSES
}
"""Kind → schema class, in the order in which documents depend on one another."""


def json_schema(kind: str) -> dict[str, Any]:
    """The JSON Schema of a kind. Raises DefinitionError for an unknown one."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **_class(kind).model_json_schema(),
    }


def check(document: Any) -> Definition:
    """The typed definition of a plain document.

    Raises:
        DefinitionError: With every fault: its path, the value, what is allowed.
    """
    if not isinstance(document, Mapping):
        raise DefinitionError(
            "A document is a mapping of fields.",
            [Fault("", "this is not a mapping", document, "kind: …, name: …")],
        )
    kind = document.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        problem = (
            "the kind is missing"
            if kind is None
            else f"unknown kind. {nearest(str(kind), list(KINDS))}"
        )
        raise DefinitionError(
            "The document's kind is wrong.", [Fault("kind", problem, kind, _kinds())]
        )
    cls = KINDS[kind]
    try:
        return cls.model_validate(dict(document))
    except ValidationError as error:
        title = f"The {kind} '{document.get('name', '?')}' is wrong and was not taken."
        faults = [fault for detail in _own(error.errors()) for fault in _faults(detail, cls)]
        raise DefinitionError(
            title,
            [
                replace(fault, problem=f"{cls.place(document, fault.path)}{fault.problem}")
                for fault in faults
            ],
        ) from error


def _own(details: list[ErrorDetails]) -> list[ErrorDetails]:
    """Without lists that are called too short only because their items are wrong."""
    places = [detail["loc"] for detail in details]
    return [
        detail
        for detail in details
        if detail["type"] != "too_short"
        or not any(
            len(p) > len(detail["loc"]) and p[: len(detail["loc"])] == detail["loc"] for p in places
        )
    ]


def _kinds() -> str:
    return ", ".join(KINDS)


def _class(kind: str) -> type[Definition]:
    try:
        return KINDS[kind]
    except KeyError:
        raise DefinitionError(
            "There is no such kind of document.",
            [Fault("kind", f"unknown kind. {nearest(kind, list(KINDS))}", kind, _kinds())],
        ) from None


def _faults(detail: ErrorDetails, cls: type[BaseModel]) -> Iterator[Fault]:
    if detail["type"] != TEXT_FAULTS:
        yield _fault(detail, cls)
        return
    for found in detail["ctx"]["faults"]:
        where = f"line {found.line} of the text: " if found.line else ""
        yield Fault(
            _dotted(detail["loc"]), f"{where}{found.problem}", found.excerpt or None, found.allowed
        )


_PATTERNS = {
    NAME_PATTERN: ("not a valid name", "lower-case letters, digits, '-' and '_', at most 63"),
    "^[A-Z]{3}$": ("no code of a currency", "three capital letters, as GBP"),
    "^[A-Z]{2}$": ("no code of a country", "two capital letters, as GB"),
}
"""What a text must look like → what is told of one that does not."""


def _fault(detail: ErrorDetails, cls: type[BaseModel]) -> Fault:
    path = _dotted(detail["loc"])
    kind, message = detail["type"], detail["msg"].removeprefix("Value error, ")
    context = detail.get("ctx", {})
    if kind == "extra_forbidden":
        known = _siblings(cls, detail["loc"])
        return Fault(
            path, f"unknown field. {nearest(str(detail['loc'][-1]), known)}", detail["input"]
        )
    if kind == "missing":
        return Fault(path, "this field is required")
    if kind == "literal_error":
        return Fault(
            path, "not one of the allowed values", detail["input"], str(context.get("expected"))
        )
    if kind == "string_pattern_mismatch" and context.get("pattern") in _PATTERNS:
        problem, allowed = _PATTERNS[str(context["pattern"])]
        return Fault(path, problem, detail["input"], allowed)
    if kind in ("model_type", "dict_type", "model_attributes_type"):
        fields = _siblings(cls, (*detail["loc"], ""))
        shown = f"fields with values, of: {', '.join(fields)}" if fields else "names with values"
        return Fault(path, "fields are needed here", detail["input"], shown)
    value = None if isinstance(detail["input"], Mapping) else detail["input"]
    return Fault(path, message[:1].lower() + message[1:], value)


def _dotted(loc: tuple[int | str, ...]) -> str:
    path = ""
    for part in loc:
        if isinstance(part, str) and part.startswith("<"):
            continue  # the tag of a union, which is no part of the document
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else str(part)
    return path


def _siblings(cls: type[BaseModel], loc: tuple[int | str, ...]) -> list[str]:
    """Names of the fields that the model at the parent of `loc` has; best effort over unions."""
    schema: Any = cls.model_json_schema()
    definitions = schema.get("$defs", {})
    for part in loc[:-1]:
        schema = _step(schema, part, definitions)
    schema = _resolve(schema, definitions)
    return sorted(schema.get("properties", {}))


def _resolve(schema: Any, definitions: Mapping[str, Any]) -> Any:
    if not isinstance(schema, Mapping):
        return {}
    if "$ref" in schema:
        return _resolve(definitions.get(schema["$ref"].rsplit("/", 1)[-1], {}), definitions)
    for union in ("anyOf", "oneOf", "allOf"):
        options = [_resolve(option, definitions) for option in schema.get(union, ())]
        best = [option for option in options if "properties" in option or "items" in option]
        if best:
            merged: dict[str, Any] = {"properties": {}}
            for option in best:
                merged["properties"].update(option.get("properties", {}))
                if "items" in option:
                    merged["items"] = option["items"]
            return merged
    return schema


def _step(schema: Any, part: int | str, definitions: Mapping[str, Any]) -> Any:
    if isinstance(part, str) and part.startswith("<"):
        return _tagged(schema, part.strip("<>"), definitions)
    schema = _resolve(schema, definitions)
    if isinstance(part, int):
        return schema.get("items") or next(iter(schema.get("prefixItems", ())), {})
    # A part that is no property is a key of a mapping, or the tag of a union, which does not go deeper.
    by_key = [*schema.get("patternProperties", {}).values(), schema.get("additionalProperties")]
    return schema.get("properties", {}).get(part, by_key[0] or schema)


def _tagged(schema: Any, tag: str, definitions: Mapping[str, Any]) -> Any:
    """The option of a union that has `tag` for the value of one of its fields."""
    options = [_resolve(option, definitions) for option in schema.get("oneOf", ())]
    for option in options:
        if any(field.get("const") == tag for field in option.get("properties", {}).values()):
            return option
    return schema
