"""What a model makes of a feature: partial dependence, a description of the model and no cause.

The mean expectation if everybody had this value of a feature and all else were as it is, beside how many really have about that
value. Where few do, little is known.

Source: Friedman (2001), Greedy function approximation: a gradient boosting machine, Annals of Statistics 29(5), section 8.2.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np

from aimwell.errors import PredictError, nearest
from aimwell.history.moment import TIME_COLUMNS
from aimwell.predict.churn_people import people_at_risk
from aimwell.predict.churning import churn_model
from aimwell.predict.explaining import feature_unit, feature_words, known_people
from aimwell.predict.hazard import MonthRows, hazard_matrix
from aimwell.predict.kind_words import kind_words
from aimwell.predict.propensity import PropensityModel
from aimwell.predict.registry import RegisteredModel, find_model, load_part
from aimwell.predict.scoring import check_seen
from aimwell.predict.service import PART
from aimwell.predict.spend import SpendModel
from aimwell.predict.spending import spend_people
from aimwell.predict.subscription_churn import hazard_of, running_subscriptions
from aimwell.predict.tables import FeatureTable
from aimwell.predict.training import span_days
from aimwell.stats.samples import FloatArray
from aimwell.store.stores import Stores

__all__ = ["Effect", "effects"]

_PEOPLE_MAX = 2_000
_POINTS = 9
_FEATURES_SHOWN = 6


@dataclass(frozen=True, slots=True)
class Effect:
    """What a model makes of one feature.

    Args:
        name, words, unit, weight: Of the feature; share (0-1) of what tells people apart.
        points: Value, mean expectation if everybody had it, and how many of those looked at have about that value.
        without: The same for those without a value; None where everybody has one.
        expects: What is expected of a row, in words.
        money: Whether that is an amount, not a probability.
        units: What a row is.
    """

    name: str
    words: str
    unit: str
    weight: float
    points: tuple[tuple[float, float, int], ...]
    without: tuple[float, int] | None
    expects: str = "probability"
    money: bool = False
    units: str = "people"

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True, eq=False)
class _Looked:
    """What a version looks at and what it makes of it: rows × `names`, and from such rows to expectations."""

    names: tuple[str, ...]
    values: FloatArray
    weights: Mapping[str, float]
    tell: Callable[[FloatArray], FloatArray]
    expects: str
    money: bool = False
    units: str = "people"


def effects(
    stores: Stores,
    model: RegisteredModel | str,
    *,
    as_of: datetime,
    names: Sequence[str] = (),
) -> tuple[Effect, ...]:
    """What a model makes of its strongest features, or of those named.

    Args:
        stores: The workspace.
        model: A registered propensity, churn, endings of subscriptions or spend, or its name.
        as_of: People known then are looked at, two thousand at most, evenly through all.
        names: Features, those of your own with or without `own:`; default: the six strongest.

    Raises:
        PredictError: It looks at no features, has seen later data, knows no such feature, or nobody is known.
        ModelFileError: Its files are missing or were changed.
    """
    entry = find_model(stores, model) if isinstance(model, str) else model
    read = _READ.get(entry.kind)
    if read is None:
        raise PredictError(
            f"'{entry.name}' is {kind_words(entry.kind)}, which looks at no features. Told of "
            f"{', '.join(sorted(_READ)).replace('_', ' ')}."
        )
    check_seen(entry, as_of, told="effects")
    found = read(stores, entry, as_of)
    names = [_as_learnt(name, found.names) for name in names]
    unknown = [name for name in names if name not in found.names]
    if unknown:
        raise PredictError(
            f"{entry.label} does not look at '{unknown[0]}'. {nearest(unknown[0], list(found.names))}"
        )
    if not len(found.values):
        raise PredictError(f"Nobody was known before {as_of:%Y-%m-%d %H:%M %Z}.")
    by_weight = sorted(found.weights.items(), key=lambda pair: -pair[1])
    chosen = list(names) or [name for name, share in by_weight[:_FEATURES_SHOWN] if share > 0]
    return tuple(_effect(found, name) for name in chosen)


def _propensity(stores: Stores, entry: RegisteredModel, as_of: datetime) -> _Looked:
    fitted = load_part(stores, entry, PART, PropensityModel)
    _, table = known_people(stores, entry, fitted, as_of=as_of)
    return _of_table(
        _some(table, fitted.names), fitted.predict, dict(fitted.influences), "probability"
    )


def _churn(stores: Stores, entry: RegisteredModel, as_of: datetime) -> _Looked:
    fitted, _law = churn_model(stores, entry)
    if fitted is None:
        raise PredictError(
            f"{entry.label} goes by a law of buying, which looks at no features but how often and how lately people bought."
        )
    span = span_days(int(entry.settings["horizon_days"]))
    table = _some(people_at_risk(stores, as_of, span, None, outcome=False).table, fitted.names)
    found = _of_table(
        table,
        lambda moved: np.asarray(1 - fitted.predict(moved)),
        dict(fitted.influences),
        "probability of going",
    )
    return replace(found, units="people at risk")


def _spend(stores: Stores, entry: RegisteredModel, as_of: datetime) -> _Looked:
    model = load_part(stores, entry, "spend", SpendModel)
    people = spend_people(stores, as_of, model.horizon, stores.lake.pin(*TIME_COLUMNS), ahead=False)
    shares = model.scorer.influences(len(model.names))
    weights = dict(zip(model.names, map(float, shares), strict=True))
    found = _of_table(_some(people.table, model.names), model.predict, weights, "spend")
    return replace(found, money=True)


def _subscriptions(stores: Stores, entry: RegisteredModel, as_of: datetime) -> _Looked:
    model = hazard_of(stores, entry)
    running = running_subscriptions(stores, as_of)
    months = np.floor(running.column("months").to_numpy())
    return _Looked(
        model.names,
        _evenly(hazard_matrix(MonthRows.of(running, months), model.names)),
        dict(model.influences),
        model.scorer.score,
        "probability of ending within a month",
        units="subscriptions",
    )


_READ: Mapping[str, Callable[[Stores, RegisteredModel, datetime], _Looked]] = {
    "propensity": _propensity,
    "churn": _churn,
    "subscription_churn": _subscriptions,
    "spend": _spend,
}


def _some(table: FeatureTable, names: tuple[str, ...]) -> FeatureTable:
    return replace(table, names=names, values=_evenly(table.matrix(names)), outcome=None)


def _evenly(values: FloatArray) -> FloatArray:
    return values[:: -(-len(values) // _PEOPLE_MAX) or 1]


def _of_table(
    table: FeatureTable,
    tell: Callable[[FeatureTable], FloatArray],
    weights: Mapping[str, float],
    expects: str,
) -> _Looked:
    return _Looked(
        table.names,
        table.values,
        weights,
        lambda values: tell(replace(table, values=values)),
        expects,
    )


def _as_learnt(name: str, known: Sequence[str]) -> str:
    """The name by which a model knows a feature: definitions name those of one's own without `own:`."""
    own = f"own:{name}"
    return own if name not in known and own in known else name


def _effect(found: _Looked, name: str) -> Effect:
    place = found.names.index(name)
    column = found.values[:, place]
    known = np.sort(column[~np.isnan(column)])
    cuts = (
        np.unique(np.quantile(known, np.linspace(0, 1, _POINTS), method="lower"))
        if len(known)
        else known
    )
    # A value of the people stands for those nearest to it.
    owner = np.searchsorted((cuts[1:] + cuts[:-1]) / 2, known, side="right")
    counts = np.bincount(owner, minlength=len(cuts))
    gaps = int(np.isnan(column).sum())
    return Effect(
        name=name,
        words=feature_words(name),
        unit=feature_unit(name),
        weight=found.weights.get(name, 0.0),
        points=tuple(
            (float(cut), _mean_with(found, place, float(cut)), int(count))
            for cut, count in zip(cuts, counts, strict=True)
        ),
        without=(_mean_with(found, place, np.nan), gaps) if gaps else None,
        expects=found.expects,
        money=found.money,
        units=found.units,
    )


def _mean_with(found: _Looked, place: int, value: float) -> float:
    moved = found.values.copy()
    moved[:, place] = value
    return float(found.tell(moved).mean())
