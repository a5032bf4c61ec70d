"""People of one horizon ago, with what they did since, on whom models can be held against each other or against the truth."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pyarrow as pa

from aimwell.errors import PredictError
from aimwell.predict.care.days import check_unseen, day_of
from aimwell.predict.propensity import PropensityModel
from aimwell.predict.questions import Question
from aimwell.predict.registry import RegisteredModel
from aimwell.predict.tables import FeatureTable
from aimwell.predict.training import feature_table, span_days
from aimwell.store.stores import Stores

__all__ = ["later_people"]

_PEOPLE_MIN = 100


def later_people(
    stores: Stores,
    models: Sequence[tuple[RegisteredModel, PropensityModel]],
    question: Question,
    *,
    as_of: datetime,
) -> tuple[pa.Array, FeatureTable]:
    """The ids and the table of people of one horizon before `as_of`, with all features that any of the models needs.

    Raises:
        PredictError: One of the models has learnt from these people's outcomes, or they are too few to tell.
    """
    horizon = span_days(int(models[0][0].settings["horizon_days"]))
    cut = as_of.astimezone(UTC) - horizon
    for entry, model in models:
        learnt = model.trained_as_of + horizon
        check_unseen(stores, entry, cut=cut, learnt=learnt, span=horizon)
    names = tuple(dict.fromkeys(name for _entry, model in models for name in model.names))
    ids, table = feature_table(
        stores, as_of=cut, horizon=horizon, question=question, outcome=True, names=names
    )
    happened = table.happened
    if len(table) < _PEOPLE_MIN or not 0 < happened.sum() < len(happened):
        raise PredictError(
            f"{len(table):,} people of {day_of(stores, cut)} can be judged on, of whom {int(happened.sum()):,} did it by "
            f"{day_of(stores, as_of)}; at least {_PEOPLE_MIN} are needed, some who did it and some who did not. Collect what came "
            "later, or give a moment (as of) that the data reaches."
        )
    return ids, table
