"""`segment`: a rule that says who belongs to it as of any moment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    Field,
    ModelWrapValidatorHandler,
    PrivateAttr,
    ValidationError,
    ValidationInfo,
    model_validator,
)

from aimwell.definitions.base import Definition, Reference
from aimwell.definitions.leaves.occasion import OccasionRule
from aimwell.definitions.leaves.survey import SurveyRule
from aimwell.definitions.parameters import Parameters, filled, replaced
from aimwell.definitions.rule_reading import refuse_huge
from aimwell.definitions.rule_text import parse_rule, place_of, write_rule
from aimwell.definitions.rules import LEAF_KINDS, Rule, asked_segments, walk
from aimwell.errors import DefinitionError, Fault

__all__ = ["Segment"]


def _tree(value: Any, info: ValidationInfo) -> Any:
    """The rule as a mapping with its parameters filled in."""
    if isinstance(value, str):
        value = parse_rule(value, LEAF_KINDS)
    if not isinstance(value, Mapping):
        return value
    if "parameters" not in info.data:
        raise ValueError("the rule was not looked at, because its parameters are wrong")
    return filled(refuse_huge(value), info.data["parameters"])


class Segment(Definition):
    """People who fulfil a rule."""

    kind: Literal["segment"] = "segment"
    parameters: Parameters = Field(
        default={}, description="`$name` in the rule stands for the parameter of that name."
    )
    rule: Annotated[Rule, BeforeValidator(_tree)] = Field(
        description="See the rule language: all, any, not and leaves; or the same as text."
    )
    _written: Any = PrivateAttr(default=None)

    @model_validator(mode="wrap")
    @classmethod
    def _keep(cls, value: Any, handler: ModelWrapValidatorHandler[Segment]) -> Segment:
        found = handler(value)
        if found.parameters and isinstance(value, Mapping):
            rule = value.get("rule")
            found._written = parse_rule(rule, LEAF_KINDS) if isinstance(rule, str) else rule
        return found

    def document(self) -> dict[str, Any]:
        """The document as it is stored and shown: parameters stand in the rule by their names."""
        body = super().document()
        return body if self._written is None else {**body, "rule": self._written}

    def text(self) -> str:
        """The rule as text."""
        return write_rule(self.document()["rule"], LEAF_KINDS)

    def with_parameters(self, given: Mapping[str, Any]) -> Segment:
        """The same with other values of some parameters.

        Raises:
            DefinitionError: A parameter is unknown, or its value does not fit.
        """
        if not given:
            return self
        try:
            parameters = replaced(self.parameters, given)
        except ValueError as error:
            raise DefinitionError(
                f"The parameters of the segment '{self.name}' are wrong.",
                [Fault("parameters", str(error))],
            ) from error
        body = {**self.document(), "parameters": parameters}
        try:
            return type(self).model_validate(body)
        except ValidationError as error:
            first = error.errors()[0]
            said = first["msg"].removeprefix("Value error, ")
            raise DefinitionError(
                f"The rule of the segment '{self.name}' cannot take these parameters.",
                [Fault("rule", said, first["input"])],
            ) from error

    def references(self) -> Iterator[Reference]:
        """Segments that the rule asks for, surveys and occasions."""
        for path, asked in asked_segments(self.rule):
            yield path, "segment", asked.segment
        for path, node in walk(self.rule):
            if isinstance(node, SurveyRule):
                yield f"{path}.survey", "survey", node.survey
            elif isinstance(node, OccasionRule):
                yield f"{path}.occasion", "occasion", node.occasion

    @classmethod
    def place(cls, document: Mapping[str, Any], path: str) -> str:
        """Where in a rule that is written as text a path of the document is."""
        rule = document.get("rule")
        if not isinstance(rule, str) or not path.startswith("rule."):
            return ""
        line, column = place_of(rule, path, LEAF_KINDS)
        return f"line {line}, column {column} of the rule: "
