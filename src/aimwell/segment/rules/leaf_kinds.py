"""What is known of each kind of leaf: how it asks the data, how it is said, which names it has. One line a kind."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from aimwell.definitions.leaves.base import Leaf
from aimwell.segment.rules.changing import BY_OTHERS, Changes
from aimwell.segment.rules.leaves import (
    account,
    bucket,
    channel,
    consent,
    distance,
    event,
    feature,
    freshness,
    lifecycle,
    occasion,
    payments,
    percentile,
    ratio,
    rfm,
    score,
    segment,
    sequence,
    shop,
    subscription,
    survey,
    trait,
    trend,
    usage,
)
from aimwell.segment.rules.scope import Asked, Named, People, Scope

__all__ = ["LEAVES", "LeafKind", "kind_of"]


def _none(_rule: Any) -> tuple[Any, ...]:
    return ()


def _others(_rule: Any) -> Changes:
    return BY_OTHERS


@dataclass(frozen=True)
class LeafKind:
    """One kind of leaf.

    `words` says it as "who ordered". `people` asks for those who fulfil it; None for another segment, whose rule is
    compiled in its place. `names` are names in it that data should have, `acts` events. `changes` says what can change
    a person's answer; without it the segments that use it wait for the next look at everybody.
    """

    words: Callable[[Any], str]
    people: Callable[[Any, Scope], People] | None = None
    names: Callable[[Any], Iterable[Named]] = _none
    acts: Callable[[Any], Iterable[Asked]] = _none
    changes: Callable[[Any], Changes] = _others


LEAVES: Mapping[str, LeafKind] = {
    "trait": LeafKind(trait.words, trait.people, trait.names, changes=trait.changes),
    "event": LeafKind(event.words, event.people, acts=event.acts, changes=event.changes),
    "sequence": LeafKind(
        sequence.words, sequence.people, acts=sequence.acts, changes=sequence.changes
    ),
    "trend": LeafKind(trend.words, trend.people, acts=trend.acts, changes=trend.changes),
    "ratio": LeafKind(ratio.words, ratio.people, acts=ratio.acts, changes=ratio.changes),
    "percentile": LeafKind(percentile.words, percentile.people, percentile.names, percentile.acts),
    "feature": LeafKind(feature.words, feature.people, changes=feature.changes),
    "rfm": LeafKind(rfm.words, rfm.people),
    "lifecycle": LeafKind(lifecycle.words, lifecycle.people, changes=lifecycle.changes),
    "occasion": LeafKind(occasion.words, occasion.people),
    "score": LeafKind(score.words, score.people, score.names, changes=score.changes),
    "account": LeafKind(account.words, account.people, account.names, changes=account.changes),
    "subscription": LeafKind(
        subscription.words, subscription.people, subscription.names, changes=subscription.changes
    ),
    "usage": LeafKind(usage.words, usage.people, usage.names, changes=usage.changes),
    "payments": LeafKind(payments.words, payments.people, changes=payments.changes),
    "consent": LeafKind(consent.words, consent.people, changes=consent.changes),
    "survey": LeafKind(survey.words, survey.people, survey.names, changes=survey.changes),
    "channel": LeafKind(channel.words, channel.people, channel.names, changes=channel.changes),
    "shop": LeafKind(shop.words, shop.people, shop.names, changes=shop.changes),
    "distance": LeafKind(distance.words, distance.people, distance.names, changes=distance.changes),
    "freshness": LeafKind(
        freshness.words, freshness.people, freshness.names, changes=freshness.changes
    ),
    "segment": LeafKind(segment.words),
    "bucket": LeafKind(bucket.words, bucket.people, changes=bucket.changes),
}
"""Key of a leaf → its kind, as `definitions.rules.LEAF_KINDS` has its document."""


def kind_of(rule: Leaf) -> LeafKind:
    """The kind of a leaf."""
    return LEAVES[rule.key]
