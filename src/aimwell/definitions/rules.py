"""The rule language: a tree whose leaves each say one thing about a person as of a moment.

    all: [RULE, …]          who fulfils every one
    any: [RULE, …]          who fulfils at least one
    not: RULE               every known person who does not fulfil it

and leaves, each known by its key: `trait`, `event`, `rfm`, `segment` and so on; each is a module of `leaves`. A new leaf is
such a module and its class in `Rule` below; its query and its words stand in `segment.leaves`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, get_args

from pydantic import BeforeValidator, Field

from aimwell.definitions.base import Part
from aimwell.definitions.leaves.account import AccountRule
from aimwell.definitions.leaves.base import Leaf
from aimwell.definitions.leaves.bucket import BucketRule
from aimwell.definitions.leaves.channel import ChannelRule
from aimwell.definitions.leaves.consent import ConsentRule
from aimwell.definitions.leaves.distance import DistanceRule
from aimwell.definitions.leaves.event import EventRule
from aimwell.definitions.leaves.feature import FeatureRule
from aimwell.definitions.leaves.freshness import FreshnessRule
from aimwell.definitions.leaves.lifecycle import LifecycleRule
from aimwell.definitions.leaves.occasion import OccasionRule
from aimwell.definitions.leaves.payments import PaymentsRule
from aimwell.definitions.leaves.percentile import PercentileRule
from aimwell.definitions.leaves.ratio import RatioRule
from aimwell.definitions.leaves.rfm import RfmRule
from aimwell.definitions.leaves.score import ScoreRule
from aimwell.definitions.leaves.segment import SegmentRule
from aimwell.definitions.leaves.sequence import SequenceRule
from aimwell.definitions.leaves.shop import ShopRule
from aimwell.definitions.leaves.subscription import SubscriptionRule
from aimwell.definitions.leaves.survey import SurveyRule
from aimwell.definitions.leaves.trait import TraitRule
from aimwell.definitions.leaves.trend import TrendRule
from aimwell.definitions.leaves.usage import UsageRule
from aimwell.definitions.rule_reading import read_rule

__all__ = ["LEAF_KINDS", "All", "AnyOf", "Not", "Rule", "asked_segments", "walk"]


class All(Part):
    """Who fulfils every one of the rules."""

    all: Annotated[tuple[Rule, ...], Field(min_length=1)]


class AnyOf(Part):
    """Who fulfils at least one of the rules."""

    any: Annotated[tuple[Rule, ...], Field(min_length=1)]


class Not(Part):
    """Every known person who does not fulfil the rule."""

    not_: Rule = Field(alias="not")


_Leaf = (
    TraitRule
    | EventRule
    | SequenceRule
    | TrendRule
    | RatioRule
    | PercentileRule
    | FeatureRule
    | RfmRule
    | LifecycleRule
    | OccasionRule
    | ScoreRule
    | AccountRule
    | SubscriptionRule
    | UsageRule
    | PaymentsRule
    | ConsentRule
    | SurveyRule
    | ChannelRule
    | ShopRule
    | DistanceRule
    | FreshnessRule
    | SegmentRule
    | BucketRule
)

LEAF_KINDS: dict[str, type[Leaf]] = {cls.key: cls for cls in get_args(_Leaf)}
"""Key → class of every leaf, in the order in which they are documented."""

_KINDS: dict[str, type[Part]] = {"all": All, "any": AnyOf, "not": Not, **LEAF_KINDS}

Rule = Annotated[All | AnyOf | Not | _Leaf, BeforeValidator(lambda value: read_rule(value, _KINDS))]
"""A node of the tree."""

for _class in (All, AnyOf, Not):
    _class.model_rebuild()


def walk(rule: Rule, path: str = "rule") -> Iterator[tuple[str, Rule]]:
    """Every node with its path in the document, a parent before its children."""
    yield path, rule
    if isinstance(rule, All):
        for number, child in enumerate(rule.all):
            yield from walk(child, f"{path}.all[{number}]")
    elif isinstance(rule, AnyOf):
        for number, child in enumerate(rule.any):
            yield from walk(child, f"{path}.any[{number}]")
    elif isinstance(rule, Not):
        yield from walk(rule.not_, f"{path}.not")


def asked_segments(rule: Rule) -> Iterator[tuple[str, SegmentRule]]:
    """Every other segment that a rule asks for, with the place where it is named."""
    for path, node in walk(rule):
        if isinstance(node, SegmentRule):
            yield f"{path}.segment", node
        elif isinstance(node, PercentileRule) and node.among is not None:
            yield f"{path}.among", SegmentRule(segment=node.among)
