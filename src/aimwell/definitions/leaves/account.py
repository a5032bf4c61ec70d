"""`account`: the firm that a person belongs to, and what the person is there."""

from __future__ import annotations

from typing import Annotated, ClassVar, Final

from pydantic import AfterValidator, Field

from aimwell.definitions.conditions import Condition, Text
from aimwell.definitions.leaves.base import Leaf
from aimwell.definitions.leaves.event_fields import property_keys
from aimwell.errors import nearest

__all__ = ["ACCOUNT_FIELDS", "AccountRule"]

ACCOUNT_FIELDS: Final = ("industry", "size", "stage", "country", "role", "account_id")
"""What can be asked of a firm, beside properties; `role` is the person's there."""


def _known(field: str) -> str:
    keys = property_keys(field)
    if field in ACCOUNT_FIELDS or (keys is not None and all(keys)):
        return field
    raise ValueError(
        f"a firm has no such field. {nearest(field, [*ACCOUNT_FIELDS, 'properties.NAME'])}"
    )


class _Account(Leaf):
    account: Annotated[Text, AfterValidator(_known)] = Field(
        description="industry, size (employees), stage, country, role, account_id or properties.NAME"
    )


class AccountRule(Condition, _Account):  # the field stands first in the document
    """The newest word on a firm to which the person belongs; one such firm is enough.

    Who belongs to none, or of whose firms this is not known, fulfils only `exists: false`.
    """

    key: ClassVar = "account"
