"""A segment's rule with those of all segments that it asks for: what its members depend on, and what can change them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from aimwell.definitions.kinds.privacy_rules import PrivacyRules
from aimwell.definitions.kinds.segment import Segment
from aimwell.definitions.leaves.base import Leaf
from aimwell.definitions.leaves.percentile import PercentileRule
from aimwell.definitions.leaves.segment import SegmentRule
from aimwell.definitions.rules import All, AnyOf, Not, Rule
from aimwell.segment.rules.changing import Changes
from aimwell.segment.rules.leaf_kinds import kind_of
from aimwell.segment.rules.queries import every_leaf, inner_rule, needed_consents
from aimwell.store.stores import Stores
from aimwell.unify.merging import profile_rules

__all__ = ["Closure", "closure", "ways"]

Find = Callable[[str], Segment]


@dataclass(frozen=True)
class Closure:
    """What a segment depends on.

    Args:
        document: The rule: {"all": […]}, {"any": […]}, {"not": …} and the texts of leaves; other segments in their place.
        leaves: Text → leaf, of all that ask the data.
        rule_hash: Equal where the same data give the same members.
        changes: Those of all leaves together.
    """

    document: Any
    leaves: Mapping[str, Leaf]
    rule_hash: str
    changes: Changes


def closure(segment: Segment, find: Find, *, ways: str, privacy: PrivacyRules) -> Closure:
    """What a segment depends on.

    Args:
        segment: The segment.
        find: Gives another segment by its name.
        ways: What else decides how data are read; see `ways`.
        privacy: Which data need a consent; the document then holds for those alone who gave it.

    Raises:
        SegmentError: Segments refer to each other in a circle, or it looks at data of a special category for which no
            consent is declared.
        UnknownDefinitionError: A segment that it asks for is not there.
    """
    leaves: dict[str, Leaf] = {}
    document = _plain(segment.rule, find, (segment.name,), leaves)
    gates = needed_consents(every_leaf(segment.rule, find, around=(segment.name,)), privacy)
    if gates:
        leaves |= {_text(gate): gate for gate in gates}
        document = {"all": [document, *map(_text, gates)]}
    changes = Changes()
    for leaf in leaves.values():
        changes |= kind_of(leaf).changes(leaf)
    text = json.dumps([ways, document], sort_keys=True)
    return Closure(document, leaves, hashlib.sha256(text.encode()).hexdigest(), changes)


def ways(stores: Stores) -> str:
    """What of the workspace decides how the same data are read."""
    settings = stores.settings
    rules = profile_rules(stores.control).document()
    return json.dumps([rules, settings.timezone, settings.margin_default], sort_keys=True)


def _text(leaf: Leaf) -> str:
    """The same for leaves that ask the same."""
    return f"{leaf.key} {leaf.model_dump_json(by_alias=True, exclude_none=True)}"


def _plain(rule: Rule, find: Find, around: tuple[str, ...], leaves: dict[str, Leaf]) -> Any:
    if isinstance(rule, All):
        return {"all": [_plain(one, find, around, leaves) for one in rule.all]}
    if isinstance(rule, AnyOf):
        return {"any": [_plain(one, find, around, leaves) for one in rule.any]}
    if isinstance(rule, Not):
        return {"not": _plain(rule.not_, find, around, leaves)}
    if isinstance(rule, SegmentRule):
        inner = inner_rule(rule, find, around)
        return _plain(inner, find, (*around, rule.segment), leaves)
    text = _text(rule)
    if isinstance(rule, PercentileRule) and rule.among is not None:
        among = SegmentRule(segment=rule.among)
        ranked = _plain(inner_rule(among, find, around), find, (*around, rule.among), {})
        text = (
            f"{text} {json.dumps(ranked, sort_keys=True)}"  # who is ranked hangs on that rule, too
        )
    leaves[text] = rule
    return text
