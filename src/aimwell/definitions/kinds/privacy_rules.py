"""`privacy_rules`: which data are of a special category and with which consent they may be used; what is protected."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from aimwell.definitions.base import Definition, Name, Part
from aimwell.definitions.special_data import (
    Asks,
    SpecialCategory,
    protected_by_name,
    special_by_name,
)

__all__ = ["PrivacyRules", "ProtectedAttribute", "SpecialData"]

_Trait = Annotated[str, Field(min_length=1, max_length=200)]
_HOW = (
    "Name it in the document `privacy_rules`, with the purpose that people consented to: "
    "special: [{%s, category: %s, purpose: NAME}], or with category: none where it tells of no such thing."
)


class SpecialData(Part):
    """One trait, one question of a survey, or one property of events."""

    trait: _Trait | None = None
    survey: Name | None = Field(default=None, description="With `question`.")
    question: _Trait | None = None
    property: _Trait | None = Field(
        default=None, description="The last key of a property of events."
    )
    category: SpecialCategory | Literal["none"] = Field(
        description="Which special category it tells of; none: it does not, whatever its name says."
    )
    purpose: Name | None = Field(
        default=None,
        description="Purpose of the consent with which rules may ask for it. Only a consent that the person gave "
        "explicitly (basis opt_in) counts; without a purpose no rule may ask for it.",
    )

    @model_validator(mode="after")
    def _one(self) -> SpecialData:
        named = [one for one in (self.trait, self.question, self.property) if one is not None]
        if len(named) != 1 or (self.survey is None) != (self.question is None):
            raise ValueError(
                "say one: `trait: NAME`, `survey: NAME` with `question: NAME`, or `property: NAME`"
            )
        if self.category == "none" and self.purpose is not None:
            raise ValueError("what is of no special category needs no purpose")
        return self

    def fits(self, asked: Asks) -> bool:
        """Whether it is about what a leaf asks for."""
        if asked.kind == "question":
            return (self.survey, self.question) == (asked.survey, asked.name)
        return (self.trait if asked.kind == "trait" else self.property) == asked.name


class ProtectedAttribute(Part):
    """A trait that no segment should stand in for unnoticed."""

    trait: _Trait
    bands: Annotated[tuple[float, ...], Field(min_length=1)] | None = Field(
        default=None,
        description="Of a number: where a new band begins, as [25, 40, 65]; default: its quarters.",
    )

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        return {"trait": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _ascending(self) -> ProtectedAttribute:
        if self.bands is not None and list(self.bands) != sorted(set(self.bands)):
            raise ValueError("bands must ascend")
        return self


class PrivacyRules(Definition):
    """What must not be used, or not unnoticed. One document, named 'default'; without it names speak for themselves."""

    kind: Literal["privacy_rules"] = "privacy_rules"
    name: Literal["default"] = "default"
    special: tuple[SpecialData, ...] = Field(
        default=(),
        description="Data of special categories (religion, health, ethnicity, orientation, politics …).",
    )
    protected: tuple[ProtectedAttribute, ...] | None = Field(
        default=None,
        description="Traits of which segments must not be proxies; default: gender, age, nationality, marital status and "
        "special categories, by name.",
    )

    def category(self, asked: Asks) -> SpecialCategory | None:
        """The special category that it tells of, as declared, else by its name."""
        declared = self._declared(asked)
        if declared is None:
            return special_by_name(asked.name)
        return None if declared.category == "none" else declared.category

    def purpose(self, asked: Asks) -> str | None:
        """The purpose of the consent with which it may be asked for; None: not at all."""
        declared = self._declared(asked)
        return None if declared is None else declared.purpose

    def refusal(self, asked: Asks) -> str | None:
        """Why a rule may not ask for it, and what to do; None where it may."""
        category = self.category(asked)
        if category is None or self.purpose(asked) is not None:
            return None
        if asked.kind == "question":
            which = f"survey: {asked.survey}, question: {asked.name}"
        else:
            which = f"{asked.kind}: {asked.name}"
        return (
            f"'{asked.name}' tells of {category}, a special category of data; a rule may ask for it only among people who "
            f"gave explicit consent for that purpose. {_HOW % (which, category)}"
        )

    def is_special(self, trait: str) -> bool:
        """Whether a trait is of a special category: such a trait is never looked at unasked."""
        return self.category(Asks("trait", trait, "trait")) is not None

    def protected_attribute(self, trait: str) -> ProtectedAttribute | None:
        """How a trait is protected; None where it is not."""
        if self.protected is not None:
            return next((one for one in self.protected if one.trait == trait), None)
        return ProtectedAttribute(trait=trait) if protected_by_name(trait) else None

    def _declared(self, asked: Asks) -> SpecialData | None:
        return next((one for one in self.special if one.fits(asked)), None)
