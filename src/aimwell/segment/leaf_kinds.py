"""What is known of each kind of leaf: how it asks the data, how it is said, which names it has. One line a kind."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from aimwell.definitions.leaves.base import Leaf
from aimwell.segment.leaves import (
    account,
    bucket,
    channel,
    consent,
    distance,
    event,
    feature,
    freshness,
    lifecycle,
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
from aimwell.segment.scope import Asked, Named, People, Scope

__all__ = ["LEAVES", "LeafKind", "kind_of"]


def _none(_rule: Any) -> tuple[Any, ...]:
    return ()


@dataclass(frozen=True)
class LeafKind:
    """One kind of leaf.

    `words` says it as "who ordered". `people` asks for those who fulfil it; None for another segment, whose rule is
    compiled in its place. `names` are names in it that data should have, `acts` events.
    """

    words: Callable[[Any], str]
    people: Callable[[Any, Scope], People] | None = None
    names: Callable[[Any], Iterable[Named]] = _none
    acts: Callable[[Any], Iterable[Asked]] = _none


LEAVES: Mapping[str, LeafKind] = {
    "trait": LeafKind(trait.words, trait.people, trait.names),
    "event": LeafKind(event.words, event.people, acts=event.acts),
    "sequence": LeafKind(sequence.words, sequence.people, acts=sequence.acts),
    "trend": LeafKind(trend.words, trend.people, acts=trend.acts),
    "ratio": LeafKind(ratio.words, ratio.people, acts=ratio.acts),
    "percentile": LeafKind(percentile.words, percentile.people, percentile.names, percentile.acts),
    "feature": LeafKind(feature.words, feature.people),
    "rfm": LeafKind(rfm.words, rfm.people),
    "lifecycle": LeafKind(lifecycle.words, lifecycle.people),
    "score": LeafKind(score.words, score.people, score.names),
    "account": LeafKind(account.words, account.people, account.names),
    "subscription": LeafKind(subscription.words, subscription.people, subscription.names),
    "usage": LeafKind(usage.words, usage.people, usage.names),
    "payments": LeafKind(payments.words, payments.people),
    "consent": LeafKind(consent.words, consent.people),
    "survey": LeafKind(survey.words, survey.people, survey.names),
    "channel": LeafKind(channel.words, channel.people, channel.names),
    "shop": LeafKind(shop.words, shop.people, shop.names),
    "distance": LeafKind(distance.words, distance.people, distance.names),
    "freshness": LeafKind(freshness.words, freshness.people, freshness.names),
    "segment": LeafKind(segment.words),
    "bucket": LeafKind(bucket.words, bucket.people),
}
"""Key of a leaf → its kind, as `definitions.rules.LEAF_KINDS` has its document."""


def kind_of(rule: Leaf) -> LeafKind:
    """The kind of a leaf."""
    return LEAVES[rule.key]
