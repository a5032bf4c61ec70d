"""The rules in force on special categories of data and protected attributes."""

from __future__ import annotations

from aimwell.definitions.kinds.privacy_rules import PrivacyRules
from aimwell.definitions.service import find
from aimwell.errors import UnknownDefinitionError
from aimwell.store.control import Control

__all__ = ["privacy_rules"]


def privacy_rules(control: Control) -> PrivacyRules:
    """The document `privacy_rules` of the name 'default', else its defaults: names speak for themselves."""
    try:
        return find(control, PrivacyRules, "default")
    except UnknownDefinitionError:
        return PrivacyRules()
