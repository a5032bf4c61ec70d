"""`trait`: the newest value of a trait, compared."""

from __future__ import annotations

from typing import ClassVar

from aimwell.definitions.conditions import Condition, Text
from aimwell.definitions.leaves.base import Leaf

__all__ = ["TraitRule"]


class _Trait(Leaf):
    trait: Text


class TraitRule(Condition, _Trait):  # the name stands first in the document
    """The newest value of a trait before the moment. Who has no such trait fulfils only `exists: false`."""

    key: ClassVar = "trait"
