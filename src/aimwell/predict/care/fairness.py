"""Whether a model is as right for one group as for another: outcomes by protected attribute, and who is among the likeliest.

Protected attributes (gender, age …; `privacy_rules` says which) are no features, but what is no feature can still be told by
others. On people whose outcomes the model has not learnt:

- **Level by group**: share that did it less the mean probability. Where one group's level is off and the others' is not, they are
  promised too much or too little. Told as uneven by more than chance (Holm over all groups, 1 %) and by a tenth of the rate or more.
- **Order by group**: the AUC within the group; of amounts, that of who brings anything.
- **The likeliest fifth** (of amounts: of whom most is expected): which share of the group is in it. Whether being in it stands in
  for the attribute is asked as of segments (`segment.validity.proxies`).

Amounts have long tails, so a group needs two hundred people for its mean to be near the normal law, and not fifty.

A difference of shares alone is no fault of the model: groups may really differ. It is what a firm must know before it decides.
Data of special categories are not looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from math import sqrt
from typing import Any

import numpy as np
import pyarrow as pa
from scipy.stats import norm

from aimwell.definitions.special_data import Asks
from aimwell.history.moment import Moment, open_moment
from aimwell.predict.care.person_outcomes import PersonOutcomes, person_outcomes
from aimwell.predict.registry import RegisteredModel, find_model
from aimwell.predict.tables import BoolArray
from aimwell.privacy.special import privacy_rules
from aimwell.segment.validity.model import Proxy
from aimwell.segment.validity.proxies import banded, number_of, proxies
from aimwell.stats.discrimination import auc
from aimwell.stats.estimate import DEFAULT_CONFIDENCE, Estimate
from aimwell.stats.intervals import wilson
from aimwell.stats.multiplicity import holm
from aimwell.stats.samples import FloatArray
from aimwell.store.sql import sql
from aimwell.store.stores import Stores

__all__ = ["Fairness", "GroupOutcome", "fairness"]

_PEOPLE_MIN = 50
_FIFTH = 0.2
_LIKELIEST, _DEAREST = "the likeliest fifth", "the fifth of whom most is expected"
_AMOUNTS_MIN = 200
_UNEVEN_P, _UNEVEN_MIN = 0.01, 0.1
_FEW_VALUES, _NUMBERS_MIN = 12, 0.95


@dataclass(frozen=True, slots=True)
class GroupOutcome:
    """One group of people.

    Args:
        attribute, value: As "gender", "f".
        people: How many.
        did_it: Share that did it; of amounts, and of shares of messages answered, what came of each, on average.
        predicted: Mean probability, or mean amount expected.
        level: `did_it` less `predicted`, with interval.
        auc: Within the group.
        likeliest: Share of the group that is among the likeliest fifth of all.
        p_value: Of a level that differs from that of all others, for all groups together.
        uneven: It does, by more than chance and by enough to matter.
    """

    attribute: str
    value: str
    people: int
    did_it: Estimate
    predicted: float
    level: Estimate
    auc: Estimate
    likeliest: Estimate
    p_value: float
    uneven: bool


@dataclass(frozen=True, slots=True)
class Fairness:
    """What was found of one version.

    Args:
        model: Name and version.
        as_of: The moment of the people.
        people: How many rows: people, or their subscriptions.
        groups: By attribute; of groups of fewer than fifty people (of amounts two hundred) nothing is told.
        proxies: Whether being among the likeliest fifth stands in for an attribute.
        reason: Why there is nothing; None where there is something.
        money: Whether amounts are told, not probabilities.
        did: What came, in a word or two.
        units: What a row is.
        stand_in: Why it is not the version itself that was judged; None where it is.
    """

    model: str
    as_of: datetime
    people: int
    groups: tuple[GroupOutcome, ...]
    proxies: tuple[Proxy, ...]
    reason: str | None
    money: bool = False
    did: str = "did it"
    units: str = "people"
    stand_in: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def fairness(stores: Stores, model: RegisteredModel | str, *, as_of: datetime) -> Fairness:
    """Outcomes by protected attribute, on people of one horizon before `as_of`.

    Args:
        stores: The workspace.
        model: A registered propensity, churn, endings of subscriptions, spend, lifetime value or channel preference, or its name.
        as_of: Nothing from this moment on is seen.

    Raises:
        PredictError: It is of another kind, has learnt from these people's outcomes, or they are too few.
        ModelFileError: Its files are missing or were changed.
    """
    entry = find_model(stores, model) if isinstance(model, str) else model
    told_of = person_outcomes(stores, entry, as_of=as_of)
    with open_moment(stores, as_of=told_of.as_of, engine=stores.history_engine) as moment:
        attributes = _attributes(moment, told_of.ids)
    likeliest = _likeliest(told_of.expected)
    groups = [
        group
        for name, values in attributes.items()
        for group in _groups(name, values, told_of, likeliest)
    ]
    rate = abs(float(told_of.came.mean()))
    adjusted = holm([one.p_value for one in groups])
    told = tuple(
        replace(
            one,
            p_value=float(p or 0.0),
            uneven=float(p or 0.0) <= _UNEVEN_P
            and abs(one.level.estimate or 0.0) >= _UNEVEN_MIN * rate,
        )
        for one, p in zip(groups, adjusted, strict=True)
    )
    fifth = _DEAREST if told_of.money else _LIKELIEST
    labels = np.where(likeliest, fifth, "others")
    found = proxies(labels, attributes, built_from=(), seed=0) if attributes else ()
    reason = None
    if not told:
        reason = (
            f"No protected attribute has two groups of {_least(told_of)} people or more."
            if attributes
            else "No protected attribute is known of these people. Say which there are in `privacy_rules`."
        )
    return Fairness(
        model=entry.label,
        as_of=told_of.as_of,
        people=len(told_of.came),
        groups=told,
        proxies=tuple(one for one in found if one.group == fifth),
        reason=reason,
        money=told_of.money,
        did=told_of.did,
        units=told_of.units,
        stand_in=told_of.stand_in,
    )


def _attributes(moment: Moment, ids: pa.Array) -> dict[str, list[str | None]]:
    """Protected attribute → the value of each person, numbers in bands."""
    rules = privacy_rules(moment.stores.control)
    whose = ids.to_pylist()
    found: dict[str, list[str | None]] = {}
    for (trait,) in moment.session.rows(sql("SELECT DISTINCT name FROM traits ORDER BY name")):
        attribute = rules.protected_attribute(trait)
        if attribute is None or rules.category(Asks("trait", trait, "trait")) is not None:
            continue
        known = dict(
            moment.session.rows(
                sql("SELECT profile_id, value FROM :trait AS t", trait=moment.latest_trait(trait))
            )
        )
        values = [known.get(one) for one in whose]
        found[trait] = _in_bands(values, attribute.bands)
    return found


def _in_bands(values: list[str | None], bands: Sequence[float] | None) -> list[str | None]:
    known = [one for one in values if one is not None]
    numbers = np.array([number_of(one) for one in values])
    many = len(set(known)) > _FEW_VALUES and (~np.isnan(numbers)).sum() >= _NUMBERS_MIN * len(known)
    return banded(numbers, bands) if bands or many else values


def _likeliest(chances: FloatArray) -> BoolArray:
    """The fifth of the people with the highest probabilities, equal ones by their place."""
    chosen = np.zeros(len(chances), dtype=bool)
    chosen[np.argsort(-chances, kind="stable")[: round(_FIFTH * len(chances))]] = True
    return chosen


def _least(told_of: PersonOutcomes) -> int:
    return _AMOUNTS_MIN if told_of.money else _PEOPLE_MIN


def _groups(
    name: str, values: list[str | None], told_of: PersonOutcomes, likeliest: BoolArray
) -> list[GroupOutcome]:
    labels = np.array([one or "" for one in values])
    large = [
        value
        for value in sorted(set(labels.tolist()) - {""})
        if (labels == value).sum() >= _least(told_of)
    ]
    if len(large) < 2:
        return []
    return [
        _group(name, value, labels == value, labels != "", told_of, likeliest) for value in large
    ]


def _group(
    name: str,
    value: str,
    inside: BoolArray,
    known: BoolArray,
    told_of: PersonOutcomes,
    likeliest: BoolArray,
) -> GroupOutcome:
    expected, came = told_of.expected[inside], told_of.came[inside]
    errors = told_of.came - told_of.expected
    own, others = errors[inside], errors[known & ~inside]
    spread = _error(own)
    gap = float(own.mean() - others.mean()) if len(others) else 0.0
    both = sqrt(spread**2 + _error(others) ** 2) if len(others) > 1 else spread
    people = int(inside.sum())
    return GroupOutcome(
        attribute=name,
        value=value,
        people=people,
        did_it=_mean(came, _error(came), "normal interval of the mean")
        if told_of.money or told_of.shares
        else wilson(int(came.sum()), people),
        predicted=float(expected.mean()),
        level=_mean(own, spread, "normal interval of the mean error"),
        auc=auc(expected, came > 0),
        likeliest=wilson(int(likeliest[inside].sum()), people),
        p_value=float(2 * norm.sf(abs(gap) / both)) if both > 0 else 1.0,
        uneven=False,
    )


def _mean(values: FloatArray, error: float, method: str) -> Estimate:
    mean = float(values.mean())
    reach = float(norm.ppf((1 + DEFAULT_CONFIDENCE) / 2)) * error
    return Estimate(
        estimate=mean,
        lower=mean - reach,
        upper=mean + reach,
        confidence=DEFAULT_CONFIDENCE,
        method=method,
    )


def _error(errors: FloatArray) -> float:
    """Standard error of the mean."""
    return float(errors.std(ddof=1) / sqrt(len(errors))) if len(errors) > 1 else 0.0
