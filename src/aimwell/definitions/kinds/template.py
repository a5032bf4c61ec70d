"""`template`: the content of a message, in one or several variants."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError

from aimwell.definitions.base import TEXT_FAULTS, Definition, Name, Part, Weight
from aimwell.texts.checks import plain_part_fault, text_faults
from aimwell.texts.vocabulary import FIELD_NAME

__all__ = ["Template", "Variant"]

_Text = Annotated[str, Field(max_length=500_000)]


class Variant(Part):
    """One wording. Texts are Liquid templates."""

    name: Name = "a"
    subject: Annotated[str, Field(max_length=998)] | None = None
    preheader: Annotated[str, Field(max_length=500)] = ""
    html: _Text | None = Field(default=None, description="Body as HTML.")
    mjml: _Text | None = Field(default=None, description="Body as MJML; compiled to HTML.")
    text: _Text | None = Field(
        default=None, description="Body as plain text; made from HTML if absent."
    )
    weight: Weight = Field(default=1.0, description="How often, relative to the other variants.")

    @field_validator("subject", "preheader", "html", "mjml", "text")
    @classmethod
    def _in_order(cls, value: str | None, info: ValidationInfo) -> str | None:
        part: Any = info.field_name
        if value is not None and (faults := text_faults(value, part=part)):
            raise PydanticCustomError(TEXT_FAULTS, "the text is wrong", {"faults": faults})
        return value

    @model_validator(mode="after")
    def _one_body(self) -> Variant:
        if self.html is not None and self.mjml is not None:
            raise ValueError("give the body as html or as mjml, not both")
        if self.html is None and self.mjml is None and self.text is None:
            raise ValueError("a variant needs a body: html, mjml or text")
        if self.text is None:
            problem = (
                plain_part_fault(self.mjml, part="mjml")
                if self.mjml is not None
                else plain_part_fault(self.html or "", part="html")
            )
            if problem is not None:
                raise ValueError(problem)
        return self


class Template(Definition):
    """The content of a message for one medium."""

    kind: Literal["template"] = "template"
    medium: Literal["email", "sms", "push", "webhook", "in_app"] = "email"
    variants: Annotated[tuple[Variant, ...], Field(min_length=1, max_length=26)]
    defaults: dict[str, str] = Field(
        default_factory=dict, description="Value of a field where the person has none."
    )
    utm: dict[
        Literal["utm_source", "utm_medium", "utm_campaign", "utm_content", "utm_term"], str
    ] = Field(default_factory=dict, description="Added to links that do not have them.")

    @field_validator("defaults")
    @classmethod
    def _named_as_fields(cls, value: dict[str, str]) -> dict[str, str]:
        wrong = [name for name in value if not FIELD_NAME.fullmatch(name)]
        if wrong:
            names = ", ".join(wrong)
            raise ValueError(f"a field's name is lower-case letters, digits and _ (not: {names})")
        return value

    @model_validator(mode="after")
    def _consistent(self) -> Template:
        names = [variant.name for variant in self.variants]
        if len(set(names)) < len(names):
            raise ValueError("each variant needs a name of its own")
        if self.medium == "email":
            bare = [variant.name for variant in self.variants if not variant.subject]
            if bare:
                raise ValueError(f"an e-mail needs a subject (variants without: {', '.join(bare)})")
        return self
