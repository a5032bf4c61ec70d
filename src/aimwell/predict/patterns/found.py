"""What people had or did and what followed: next baskets, ways, responses. Each figure with its interval or its reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from aimwell.stats.estimate import Estimate

__all__ = ["Finding", "NextRules", "Paths", "Responses"]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that people had or did, and what they did afterwards, against others who are alike.

    One of those counted is a person, or one of a person's baskets, as the finding's list says.

    Attributes:
        first: What they had or did, in its order.
        then: What they did afterwards.
        counted: How many had the first.
        cases: How many of them did the second.
        share: `cases` of `counted`, 0–1.
        others_share: The share to be expected of others alike without the first; None where none of them did it.
        lift: The ratio of the two.
        p_value: One-sided, of "no likelier"; an upper bound of the exact one. Against simpler findings too, where they are
            part of this one.
        adjusted_p_value: After Benjamini and Hochberg over everything that was asked.
        lift_by_half: In the earlier and in the later half.
        held: Above 1 beyond noise in both; None: a half has too little to tell.
    """

    first: tuple[str, ...]
    then: str
    counted: int
    cases: int
    share: Estimate
    others_share: float | None
    lift: Estimate
    p_value: float
    adjusted_p_value: float
    lift_by_half: tuple[Estimate, ...]
    held: bool | None

    def stands(self, false_share: float) -> bool:
        """Whether it is significant and held in both halves."""
        return self.adjusted_p_value <= false_share and self.held is True

    def to_dict(self) -> dict[str, Any]:
        """As JSON shows it."""
        return asdict(self)


class _Found:
    """A record of findings, of which some stand: a frozen data class with these two fields among others."""

    __slots__ = ()
    __dataclass_fields__: ClassVar[dict[str, Any]]

    findings: tuple[Finding, ...]
    false_share: float

    @property
    def standing(self) -> tuple[Finding, ...]:
        """Those that stand."""
        return tuple(one for one in self.findings if one.stands(self.false_share))

    def to_dict(self) -> dict[str, Any]:
        """As JSON shows it; each finding says whether it stands."""
        facts = {name: getattr(self, name) for name in self.__dataclass_fields__}
        facts["findings"] = [
            {**one.to_dict(), "stands": one.stands(self.false_share)} for one in self.findings
        ]
        return facts


@dataclass(frozen=True, slots=True)
class NextRules(_Found):
    """What is new in people's next basket within some days.

    Attributes:
        by: 'sku' or 'category'.
        within_days: How long after a basket the next one may come.
        baskets: Baskets that were followed.
        came_back: After how many of them a next one came in time.
        tests: Pairs that were asked for.
        false_share: The share of false ones allowed among those that stand.
        findings: The surest strong ones first; one counted is a basket that was followed.
        names: Of the items, where a source gave them one.
    """

    by: str
    within_days: int
    baskets: int
    came_back: int
    tests: int
    false_share: float
    findings: tuple[Finding, ...]
    names: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Paths(_Found):
    """What people did in which order before they ordered, did an event, or went silent.

    Attributes:
        to: 'order', 'silence' or the name of an event.
        of: What the steps are.
        horizon_days: How far ahead the outcome may be.
        window_days: How far back the way goes.
        people: Looked at from the earlier and from the later moment.
        tests: Paths that could have been taken; all of them count as tests.
        false_share: The share of false ones allowed among those that stand.
        findings: The surest strong ones first; one counted is a person at one of the moments.
        names: Of products that are steps, where a source gave them one.
    """

    to: str
    of: str
    horizon_days: int
    window_days: int
    people: tuple[int, ...]
    tests: int
    false_share: float
    findings: tuple[Finding, ...]
    names: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Responses(_Found):
    """Which items' buyers respond to which campaign more often than others to whom it wrote.

    Attributes:
        to: 'click', 'order', or the name of an event.
        by: 'sku' or 'category'.
        within_days: How long after the first message.
        campaigns: Which wrote to somebody.
        people: To whom they wrote, each once a campaign.
        responded: Who of them did.
        tests: Items and pairs of items by campaigns; all of them count as tests.
        false_share: The share of false ones allowed among those that stand.
        findings: The surest strong ones first; `first` are items, `then` is the campaign, one counted is a person.
        names: Of the items, where a source gave them one.
    """

    to: str
    by: str
    within_days: int
    campaigns: int
    people: int
    responded: int
    tests: int
    false_share: float
    findings: tuple[Finding, ...]
    names: Mapping[str, str]
