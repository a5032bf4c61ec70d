"""How features and probabilities were spread among the people on whom a model was judged: what later people are held against."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from aimwell.predict.folds import sample
from aimwell.predict.propensity import PropensityModel
from aimwell.predict.tables import FeatureTable
from aimwell.stats.drift import Spread, spread

__all__ = ["Reference", "reference_of"]

_PEOPLE_MAX = 100_000


@dataclass(frozen=True, slots=True)
class Reference:
    """The people of one moment.

    Args:
        as_of: The moment.
        features: Name → how it was spread.
        scores: How the model's probabilities were.
    """

    as_of: datetime
    features: dict[str, Spread]
    scores: Spread


def reference_of(model: PropensityModel, table: FeatureTable) -> Reference:
    """The people of a table with outcomes, by the features that the model needs; of more than a hundred thousand so many."""
    table = table.take(sample(table.happened, most=_PEOPLE_MAX, seed=0))
    values = table.matrix(model.names)
    return Reference(
        as_of=table.as_of,
        features={name: spread(values[:, place]) for place, name in enumerate(model.names)},
        scores=spread(model.predict(table)),
    )
