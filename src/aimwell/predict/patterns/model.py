"""What is found in baskets: rules and bundles. Each figure with its interval or its reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from aimwell.stats.estimate import Estimate, Figure

__all__ = ["LIFT_METHOD", "BasketRules", "Bundle", "Bundles", "Rule"]

LIFT_METHOD = "lift, delta method on its logarithm"


@dataclass(frozen=True, slots=True)
class Rule:
    """Who has the antecedent in the basket has the consequent too.

    Attributes:
        antecedent, consequent: Items.
        baskets: How many hold all of them.
        support, confidence: Shares, 0–1.
        lift: How many times as frequent the consequent is with the antecedent as on the whole.
        matched_lift: How many times as frequent it is with the antecedent as without it, among baskets of the same half of
            time and about the same size; what only large baskets explain is gone here.
        leverage: Share of baskets above what independence would give.
        conviction: How many times as often the rule would fail if both were independent.
        p_value: One-sided: the largest of Fisher's exact test, of the same against each simpler rule, and of the test among
            baskets of the same half of time and about the same size.
        adjusted_p_value: After Benjamini and Hochberg over all rules that could have been written.
        lift_by_half: In the first and the second half of time.
        held: Above 1 beyond noise in both; None: a half has too little to tell.
    """

    antecedent: tuple[str, ...]
    consequent: tuple[str, ...]
    baskets: int
    support: float
    confidence: float
    lift: Estimate
    matched_lift: Estimate
    leverage: float
    conviction: Figure
    p_value: float
    adjusted_p_value: float
    lift_by_half: tuple[Estimate, ...]
    held: bool | None

    def stands(self, false_share: float) -> bool:
        """Whether it is significant and held in both halves of time."""
        return self.adjusted_p_value <= false_share and self.held is True

    def to_dict(self) -> dict[str, Any]:
        """As JSON shows it."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class BasketRules:
    """What baskets hold together.

    Attributes:
        by: 'sku' or 'category'.
        since, until: From the first to the last basket; None without any.
        baskets: How many were looked at.
        items: Different items in them.
        frequent: Of these so many are in enough baskets.
        least: What is enough.
        itemsets: Frequent sets by their size.
        rules: Those of enough confidence, the surest strong ones first.
        tests: Rules that could have been written with the frequent items; all of them count as tests.
        false_share: The share of false ones allowed among the rules that stand.
        names: Of the items in the rules, where a source gave them one.
    """

    by: str
    since: datetime
    until: datetime
    baskets: int
    items: int
    frequent: int
    least: int
    itemsets: Mapping[int, int]
    rules: tuple[Rule, ...]
    tests: int
    false_share: float
    names: Mapping[str, str]

    @property
    def standing(self) -> tuple[Rule, ...]:
        """The rules that stand: significant, also among baskets of about the same size, and held in both halves of time."""
        return tuple(rule for rule in self.rules if rule.stands(self.false_share))

    def to_dict(self) -> dict[str, Any]:
        """As JSON shows it; each rule says whether it stands."""
        facts = {
            name: getattr(self, name)
            for name in (
                "by",
                "since",
                "until",
                "baskets",
                "items",
                "frequent",
                "least",
                "itemsets",
                "tests",
            )
        }
        rules = [{**one.to_dict(), "stands": one.stands(self.false_share)} for one in self.rules]
        return {**facts, "false_share": self.false_share, "names": self.names, "rules": rules}


@dataclass(frozen=True, slots=True)
class Bundle:
    """Products that hold together, one unit of each.

    Attributes:
        items: The products.
        baskets, support: How many baskets hold all of them, and their share.
        lift: The matched lift of its surest rule.
        price, margin: Sums of a unit of each, in the workspace currency; missing where one is unknown.
        assumed: Whether the margin rests on the setting `margin_default` for some of it.
        used_up_at: The discount, 0–1, at which it earns nothing.
        discount: The discount that `more_needed` is about.
        more_needed: How many more must be sold, as a share of today's, to earn as much as without the discount.
    """

    items: tuple[str, ...]
    baskets: int
    support: float
    lift: Estimate
    price: Figure
    margin: Figure
    assumed: bool
    used_up_at: Figure
    discount: float
    more_needed: Figure

    def to_dict(self) -> dict[str, Any]:
        """As JSON shows it."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Bundles:
    """Sets of products that hold together, those that earn most first; unknown margins last."""

    baskets: int
    currency: str
    bundles: tuple[Bundle, ...]
    names: Mapping[str, str]

    def to_dict(self) -> dict[str, Any]:
        """As JSON shows it."""
        return {
            "baskets": self.baskets,
            "currency": self.currency,
            "bundles": [one.to_dict() for one in self.bundles],
            "names": self.names,
        }
