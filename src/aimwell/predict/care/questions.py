"""What a definition of the kind prediction asks, with its own features as they are now."""

from __future__ import annotations

from typing import Any

from aimwell.definitions import service as definitions
from aimwell.definitions.kinds.feature import Feature
from aimwell.definitions.kinds.prediction import Prediction
from aimwell.errors import PredictError
from aimwell.predict.own_functions import own_function
from aimwell.predict.questions import Question
from aimwell.predict.tuning import Tuning
from aimwell.store.stores import Stores

__all__ = ["question_of", "tuning_of"]


def question_of(stores: Stores, wanted: Prediction) -> Question:
    """The question of a propensity, or of leads among people.

    Raises:
        UnknownDefinitionError: There is no feature of such a name.
        PredictError: Its function may not run or is not there.
    """
    own = {name: _own(stores, name) for name in wanted.own}
    return Question(wanted.does, wanted.whom, wanted.chosen(), own)


def _own(stores: Stores, name: str) -> str | dict[str, Any]:
    feature, _, number = name.partition(".")
    found = definitions.find(stores.control, Feature, feature)
    if found.sql is None:
        return own_function(stores, found, number or None).settings()
    if number:
        raise PredictError(
            f"The feature '{feature}' is SQL and gives one number; name it '{feature}'."
        )
    return found.sql


def tuning_of(wanted: Prediction) -> Tuning | None:
    """How long to look for better settings; None: the usual ones."""
    if wanted.tune is None and wanted.tries is None:
        return None
    return Tuning(wanted.tune, wanted.tries)
