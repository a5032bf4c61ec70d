"""Why a model gives somebody a probability: a description of the model, no causes.

What each feature adds to the log-odds (`contributions`) is told as a factor of the odds, beside the value that is usual. What a
model makes of a feature over everybody: `effects`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np

from aimwell.errors import PredictError
from aimwell.history.catalogue import FEATURES
from aimwell.predict.card_propensity import chosen_candidate
from aimwell.predict.contributions import contributions
from aimwell.predict.kind_words import kind_words
from aimwell.predict.propensity import PropensityModel
from aimwell.predict.questions import Question
from aimwell.predict.reference import Reference
from aimwell.predict.registry import RegisteredModel, find_model, load_part
from aimwell.predict.scoring import check_seen
from aimwell.predict.service import PART, REFERENCE
from aimwell.predict.tables import FeatureTable
from aimwell.predict.training import feature_table, span_days
from aimwell.segment.attributes.people_table import EVERYBODY
from aimwell.stats.drift import Spread
from aimwell.store.stores import Stores

__all__ = ["Explained", "Factor", "feature_unit", "feature_words", "known_people", "why"]

_FEATURES_SHOWN = 6
_KNOWN = {feature.name: feature for feature in FEATURES}


@dataclass(frozen=True, slots=True)
class Factor:
    """What one feature makes of a person's odds.

    Args:
        name, words, unit: Of the feature.
        value: The person's; None where it is not defined.
        usual: Median of the people on whom the model was judged; None where it is not known.
        odds: By so much the odds are multiplied: above 1 likelier, below 1 less likely.
    """

    name: str
    words: str
    unit: str
    value: float | None
    usual: float | None
    odds: float


@dataclass(frozen=True, slots=True)
class Explained:
    """Why a person has a probability.

    Args:
        model: Name and version.
        profile_id: Whose.
        as_of: Nothing from this moment on was looked at.
        probability: The person's, calibrated.
        usual: Mean probability of the people on whom the model was judged.
        factors: The features that make most difference for this person, the strongest first.
        others: The factor of the odds of all other features together.
    """

    model: str
    profile_id: str
    as_of: datetime
    probability: float
    usual: float
    factors: tuple[Factor, ...]
    others: float

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def why(
    stores: Stores, model: RegisteredModel | str, profile_id: str, *, as_of: datetime
) -> Explained:
    """Why a person has the probability that a model gives them.

    Args:
        stores: The workspace.
        model: A registered propensity, or its name.
        profile_id: Who.
        as_of: Nothing from this moment on is looked at.

    Raises:
        PredictError: It is no propensity, has seen later data, or the person is not known at the moment.
        ModelFileError: Its files are missing or were changed.
    """
    entry, fitted = _propensity(stores, model, as_of)
    ids, table = known_people(stores, entry, fitted, as_of=as_of, people=[profile_id])
    if profile_id not in ids:
        raise PredictError(
            f"Nobody of the profile '{profile_id}' was known before {as_of:%Y-%m-%d %H:%M %Z}."
        )
    reference = _reference(stores, entry)
    spreads = [reference.features[name] for name in fitted.names] if reference else []
    missing = np.array([one.missing / one.people for one in spreads] or [0.0] * len(fitted.names))
    values = table.matrix(fitted.names)
    found = contributions(fitted.scorer, fitted.rows(table), missing=missing).values[0]
    order = np.argsort(-np.abs(found), kind="stable")
    shown = [place for place in order[:_FEATURES_SHOWN] if found[place] != 0]
    factors = tuple(
        Factor(
            name=fitted.names[place],
            words=feature_words(fitted.names[place]),
            unit=feature_unit(fitted.names[place]),
            value=None if np.isnan(values[0, place]) else float(values[0, place]),
            usual=_median(spreads[place]) if spreads else None,
            odds=float(np.exp(found[place])),
        )
        for place in shown
    )
    rest = found.sum() - sum(found[place] for place in shown)
    return Explained(
        model=entry.label,
        profile_id=profile_id,
        as_of=as_of,
        probability=float(fitted.predict(table)[0]),
        usual=_usual(entry),
        factors=factors,
        others=float(np.exp(rest)),
    )


def _propensity(
    stores: Stores, model: RegisteredModel | str, as_of: datetime
) -> tuple[RegisteredModel, PropensityModel]:
    entry = find_model(stores, model) if isinstance(model, str) else model
    if entry.kind != "propensity":
        raise PredictError(
            f"'{entry.name}' is {kind_words(entry.kind)}; only propensities are explained by their features."
        )
    check_seen(entry, as_of, told="reasons")
    return entry, load_part(stores, entry, PART, PropensityModel)


def known_people(
    stores: Stores,
    entry: RegisteredModel,
    fitted: PropensityModel,
    *,
    as_of: datetime,
    people: Sequence[str] | None = None,
) -> tuple[list[str], FeatureTable]:
    """Ids and features of those whom a propensity is asked of as of a moment, or of these people, whoever they are."""
    question = Question.from_settings(entry.settings)
    if people is not None:  # whoever it is, asked of the segment or not
        question = replace(question, among=EVERYBODY)
    ids, table = feature_table(
        stores,
        as_of=as_of,
        horizon=span_days(int(entry.settings["horizon_days"])),
        question=question,
        names=fitted.names,
        people=people,
    )
    return ids.to_pylist(), table


def _reference(stores: Stores, entry: RegisteredModel) -> Reference | None:
    """None of a model of before Aimwell kept it."""
    if not any(path.startswith(f"{REFERENCE}/") for path in entry.files):
        return None
    return load_part(stores, entry, REFERENCE, Reference)


def _usual(entry: RegisteredModel) -> float:
    return float(chosen_candidate(entry.metrics)["later"]["mean_predicted"])


def _median(one: Spread) -> float | None:
    return one.quantiles[len(one.quantiles) // 2] if one.quantiles else None


def feature_words(name: str) -> str:
    """What a feature is, in words."""
    feature = _KNOWN.get(name)
    if feature is not None:
        return f"{feature.formula}, {feature.window}"
    return "a feature of your own" if name.startswith("own:") else name


def feature_unit(name: str) -> str:
    """Its unit; empty where it is not of the catalogue."""
    return _KNOWN[name].unit if name in _KNOWN else ""
