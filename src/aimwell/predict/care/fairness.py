"""Whether a model is as right for one group as for another: outcomes by protected attribute, and who is among the likeliest.

Protected attributes (gender, age …; `privacy_rules` says which) are no features, but what is no feature can still be told by
others. On people whose outcomes the model has not learnt:

- **Level by group**: share that did it less the mean probability. Where one group's level is off and the others' is not, they are
  promised too much or too little. Told as uneven by more than chance (Holm over all groups, 1 %) and by a tenth of the rate or more.
- **Order by group**: the AUC within the group.
- **The likeliest fifth**: which share of the group is in it. Whether being in it stands in for the attribute is asked as of
  segments (`segment.validity.proxies`).

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
from aimwell.errors import PredictError
from aimwell.history.moment import Moment, open_moment
from aimwell.predict.care.later_people import later_people
from aimwell.predict.propensity import PropensityModel
from aimwell.predict.questions import Question
from aimwell.predict.registry import RegisteredModel, find_model, load_part
from aimwell.predict.service import PART
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
_LIKELIEST = "the likeliest fifth"
_UNEVEN_P, _UNEVEN_MIN = 0.01, 0.1
_FEW_VALUES, _NUMBERS_MIN = 12, 0.95


@dataclass(frozen=True, slots=True)
class GroupOutcome:
    """One group of people.

    Args:
        attribute, value: As "gender", "f".
        people: How many.
        did_it: Share that did it.
        predicted: Mean probability.
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
        people: How many.
        groups: By attribute; of groups of fewer than fifty people nothing is told.
        proxies: Whether being among the likeliest fifth stands in for an attribute.
        reason: Why there is nothing; None where there is something.
    """

    model: str
    as_of: datetime
    people: int
    groups: tuple[GroupOutcome, ...]
    proxies: tuple[Proxy, ...]
    reason: str | None

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def fairness(stores: Stores, model: RegisteredModel | str, *, as_of: datetime) -> Fairness:
    """Outcomes by protected attribute, on people of one horizon before `as_of`.

    Args:
        stores: The workspace.
        model: A registered propensity, or its name.
        as_of: Nothing from this moment on is seen.

    Raises:
        PredictError: It is no propensity, has learnt from these people's outcomes, or they are too few.
        ModelFileError: Its files are missing or were changed.
    """
    entry = find_model(stores, model) if isinstance(model, str) else model
    if entry.kind != "propensity":
        raise PredictError(
            f"'{entry.name}' is a model of {entry.kind.replace('_', ' ')}; outcomes by group are told of propensities."
        )
    fitted = load_part(stores, entry, PART, PropensityModel)
    question = Question.from_settings(entry.settings)
    ids, table = later_people(stores, [(entry, fitted)], question, as_of=as_of)
    with open_moment(stores, as_of=table.as_of, engine=stores.history_engine) as moment:
        attributes = _attributes(moment, ids)
    chances, happened = fitted.predict(table), table.happened
    likeliest = _likeliest(chances)
    groups = [
        group
        for name, values in attributes.items()
        for group in _groups(name, values, chances, happened, likeliest)
    ]
    rate = float(happened.mean())
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
    labels = np.where(likeliest, _LIKELIEST, "others")
    found = proxies(labels, attributes, built_from=(), seed=0) if attributes else ()
    reason = None
    if not told:
        reason = (
            f"No protected attribute has two groups of {_PEOPLE_MIN} people or more."
            if attributes
            else "No protected attribute is known of these people. Say which there are in `privacy_rules`."
        )
    return Fairness(
        model=entry.label,
        as_of=table.as_of,
        people=len(table),
        groups=told,
        proxies=tuple(one for one in found if one.group == _LIKELIEST),
        reason=reason,
    )


def _attributes(moment: Moment, ids: pa.Array) -> dict[str, list[str | None]]:
    """Protected attribute → the value of each person, numbers in bands."""
    rules = privacy_rules(moment.stores.control)
    places = {one: place for place, one in enumerate(ids.to_pylist())}
    found: dict[str, list[str | None]] = {}
    for (trait,) in moment.session.rows(sql("SELECT DISTINCT name FROM traits ORDER BY name")):
        attribute = rules.protected_attribute(trait)
        if attribute is None or rules.category(Asks("trait", trait, "trait")) is not None:
            continue
        values: list[str | None] = [None] * len(ids)
        for profile_id, value in moment.session.rows(
            sql("SELECT profile_id, value FROM :trait AS t", trait=moment.latest_trait(trait))
        ):
            place = places.get(profile_id)
            if place is not None:
                values[place] = value
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


def _groups(
    name: str,
    values: list[str | None],
    chances: FloatArray,
    happened: BoolArray,
    likeliest: BoolArray,
) -> list[GroupOutcome]:
    labels = np.array([one or "" for one in values])
    large = [
        value
        for value in sorted(set(labels.tolist()) - {""})
        if (labels == value).sum() >= _PEOPLE_MIN
    ]
    if len(large) < 2:
        return []
    return [
        _group(name, value, labels == value, labels != "", chances, happened, likeliest)
        for value in large
    ]


def _group(
    name: str,
    value: str,
    inside: BoolArray,
    known: BoolArray,
    chances: FloatArray,
    happened: BoolArray,
    likeliest: BoolArray,
) -> GroupOutcome:
    errors = happened - chances
    own, others = errors[inside], errors[known & ~inside]
    spread = _error(own)
    gap = float(own.mean() - others.mean()) if len(others) else 0.0
    both = sqrt(spread**2 + _error(others) ** 2) if len(others) > 1 else spread
    people = int(inside.sum())
    reach = float(norm.ppf((1 + DEFAULT_CONFIDENCE) / 2)) * spread
    level = float(own.mean())
    return GroupOutcome(
        attribute=name,
        value=value,
        people=people,
        did_it=wilson(int(happened[inside].sum()), people),
        predicted=float(chances[inside].mean()),
        level=Estimate(
            estimate=level,
            lower=level - reach,
            upper=level + reach,
            confidence=DEFAULT_CONFIDENCE,
            method="normal interval of the mean error",
        ),
        auc=auc(chances[inside], happened[inside]),
        likeliest=wilson(int(likeliest[inside].sum()), people),
        p_value=float(2 * norm.sf(abs(gap) / both)) if both > 0 else 1.0,
        uneven=False,
    )


def _error(errors: FloatArray) -> float:
    """Standard error of the mean."""
    return float(errors.std(ddof=1) / sqrt(len(errors))) if len(errors) > 1 else 0.0
