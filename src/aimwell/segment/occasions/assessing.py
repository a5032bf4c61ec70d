"""What is known of an occasion: when it is next, whether and who buys for it, what, for whom; and whether to act on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from typing import Any, Literal

from sqlglot import exp

from aimwell.definitions.kinds.occasion import Nature, Occasion
from aimwell.history.moment import Moment
from aimwell.segment.occasions.buyers import LIKELY, P_MAX, Check, buyers_query, check, learn
from aimwell.segment.occasions.goods import Product, Purpose, Sign, products, purpose, signs
from aimwell.segment.occasions.life_events import find_life_events
from aimwell.segment.occasions.people import occasion_days
from aimwell.segment.occasions.rhythm import Rhythm
from aimwell.stats.multiplicity import benjamini_hochberg
from aimwell.store.sql import identifier, sql

__all__ = ["Assessment", "Overlap", "assess", "overlaps"]

Verdict = Literal["act", "promising", "weak", "cannot tell", "by person"]
Breadth = Literal["niche", "middling", "broad"]

_NICHE, _BROAD = 0.1, 0.3
_ORDERS_MIN = 20

_NATURES: dict[str, tuple[Nature, ...]] = {
    "holiday": ("celebratory",),
    "common": ("celebratory",),
    "birthday": ("celebratory",),
    "anniversary": ("celebratory",),
    "payday": ("routine",),
    "season": ("routine",),
    "replenishment": ("routine",),
    "life_event": ("problem-solving",),
    "trigger": ("problem-solving",),
}


@dataclass(frozen=True)
class Assessment:
    """One occasion as of a moment.

    `people` have it; `unknown` of the known people have no calendar for it. `next_on` is the next day of most of them.
    `likely` buy for it with a probability of at least a half. `reach` is the share of all buyers who bought in its
    windows. `verdict`: act; promising (more than chance brings, were it the only one looked at: worth a small test); weak (orders are no more than chance brings elsewhere, or fewer); cannot tell (too little was
    seen); by person (not judged against a calendar). `q_value` is the p-value for all occasions looked at together.
    """

    occasion: str
    description: str
    nature: tuple[Nature, ...]
    people: int
    unknown: int
    next_on: date | None
    rhythm: Rhythm | None
    q_value: float | None
    likely: int
    reach: float | None
    breadth: Breadth | None
    purpose: Purpose
    signs: tuple[Sign, ...]
    products: tuple[Product, ...]
    check: Check | None
    verdict: Verdict
    reason: str

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {**asdict(self), "next_on": self.next_on and self.next_on.isoformat()}


@dataclass(frozen=True)
class Overlap:
    """Two occasions: people who bought in the windows of both, and of either."""

    one: str
    other: str
    both: int
    either: int

    @property
    def jaccard(self) -> float:
        """`both` ÷ `either`."""
        return self.both / self.either if self.either else 0.0


def assess(moment: Moment, occasions: Sequence[Occasion]) -> tuple[Assessment, ...]:
    """Every occasion, with a verdict that counts that so many were looked at."""
    found = [_one(moment, occasion) for occasion in occasions]
    judged = [one for one in found if one.rhythm is not None]
    q_values = benjamini_hochberg([one.rhythm.p_value for one in judged if one.rhythm is not None])
    q_of = {one.occasion: q for one, q in zip(judged, q_values, strict=True)}
    return tuple(_judged(one, q_of.get(one.occasion)) for one in found)


def _one(moment: Moment, occasion: Occasion) -> Assessment:
    days = moment.session.rows(
        sql(
            "SELECT next_on, count(*) AS n FROM :days AS d GROUP BY next_on ORDER BY n DESC, next_on",
            days=occasion_days(moment, occasion),
        )
    )
    people = sum(number for _day, number in days)
    next_on = next((one for one, _number in days if one is not None), None)
    learned = learn(moment, occasion)
    likely, reach = 0, None
    told: tuple[Sign, ...] = ()
    goods: tuple[Product, ...] = ()
    if learned.days is not None:
        ((buyers, inside),) = moment.session.rows(
            sql(
                "SELECT count(DISTINCT profile_id) AS a, count(DISTINCT CASE WHEN turn IS NOT NULL THEN profile_id END) AS b "
                "FROM :days AS d",
                days=learned.days,
            )
        )
        reach = inside / buyers if buyers else None
        told, goods = (
            signs(moment, learned.days),
            products(moment, learned.days, goods=occasion.goods),
        )
    if learned.comers is not None or occasion.when.way == "life_event":
        ((likely,),) = moment.session.rows(
            sql(
                "SELECT count(*) AS n FROM :buyers AS b WHERE probability >= :least",
                buyers=buyers_query(moment, occasion),
                least=LIKELY,
            )
        )
    reason = learned.reason or ""
    if occasion.when.way == "life_event":
        reason = find_life_events(moment, occasion).reason or ""
    return Assessment(
        occasion.name,
        occasion.description,
        occasion.nature or _nature(occasion, told),
        int(people),
        learned.grouped.unknown if learned.grouped is not None else 0,
        next_on,
        learned.rhythm,
        None,
        int(likely),
        reach,
        None
        if reach is None
        else "niche"
        if reach < _NICHE
        else "broad"
        if reach >= _BROAD
        else "middling",
        purpose(told),
        told,
        goods,
        check(moment, learned),
        "by person" if learned.rhythm is None else "weak",
        reason,
    )


def _nature(occasion: Occasion, found: Sequence[Sign]) -> tuple[Nature, ...]:
    """By the way its days are told; social where more of a product is bought, emotional where names speak of feeling."""
    natures: list[Nature] = list(_NATURES.get(occasion.when.way, ()))
    more = {one.name for one in found if one.more}
    if "units" in more:
        natures.append("social")
    if "feeling" in more:
        natures.append("emotional")
    return tuple(natures)


def _judged(one: Assessment, q: float | None) -> Assessment:
    rhythm = one.rhythm
    if rhythm is None:
        verdict: Verdict = (
            "by person" if "own days or by a table" in one.reason or one.likely else "cannot tell"
        )
        return replace(one, verdict=verdict, reason=one.reason or "judged by what each person buys")
    times = (
        f"{rhythm.ratio:.2f} times the expected orders ({rhythm.lower:.2f} to {rhythm.upper:.2f})"
    )
    if rhythm.observed < _ORDERS_MIN:
        told = f"only {rhythm.observed:,} orders in {rhythm.windows:,} windows"
        return replace(one, q_value=q, verdict="cannot tell", reason=told)
    if q is not None and q <= P_MAX and rhythm.lower > 1:
        return replace(
            one, q_value=q, verdict="act", reason=f"{times} within {rhythm.lead} days before it"
        )
    if rhythm.p_value <= P_MAX and rhythm.lower > 1:
        told = (
            f"{times} within {rhythm.lead} days before it, p = {rhythm.p_value:.3f}; of so many occasions looked at "
            f"together one may look so by chance (q = {q:.2f})"
        )
        return replace(one, q_value=q, verdict="promising", reason=told)
    told = (
        f"{times}: no more than chance brings elsewhere in the time seen (p = {rhythm.p_value:.2f})"
    )
    if rhythm.upper < 1:
        told = f"{times}: people buy less before it"
    return replace(one, q_value=q, verdict="weak", reason=told)


def overlaps(moment: Moment, occasions: Sequence[Occasion]) -> tuple[Overlap, ...]:
    """How far those who buy before one occasion are those who buy before another, the most alike first."""
    tables = {one.name: learn(moment, one).days for one in occasions}
    names = [name for name, table in tables.items() if table is not None]
    for name in names:
        moment.session.materialise(
            f"occasion_seen {name}",
            sql(
                "SELECT DISTINCT profile_id FROM :days AS d WHERE turn IS NOT NULL",
                days=tables[name],
            ),
        )
    found = []
    for place, one in enumerate(names):
        for other in names[place + 1 :]:
            ((both, either),) = moment.session.rows(
                sql(
                    """
                    SELECT count(CASE WHEN a.profile_id = b.profile_id THEN 1 END) AS both_of, count(*) AS either_of
                    FROM :one AS a FULL JOIN :other AS b ON b.profile_id = a.profile_id
                    """,
                    one=_seen(one),
                    other=_seen(other),
                )
            )
            found.append(Overlap(one, other, int(both), int(either)))
    return tuple(sorted(found, key=lambda pair: (-pair.jaccard, pair.one, pair.other)))


def _seen(name: str) -> exp.Table:
    return exp.Table(this=identifier(f"occasion_seen {name}"))
