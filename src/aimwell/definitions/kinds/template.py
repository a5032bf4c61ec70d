"""`template`: the content of a message, in one or several variants."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from aimwell.definitions.base import Definition, Name, Part

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
    weight: Annotated[float, Field(gt=0)] = Field(
        default=1.0, description="How often, relative to the other variants."
    )

    @model_validator(mode="after")
    def _one_body(self) -> Variant:
        if self.html is not None and self.mjml is not None:
            raise ValueError("give the body as html or as mjml, not both")
        if self.html is None and self.mjml is None and self.text is None:
            raise ValueError("a variant needs a body: html, mjml or text")
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
