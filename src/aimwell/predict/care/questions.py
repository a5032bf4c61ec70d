"""What a definition of the kind prediction asks, with its own features as they are now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aimwell.definitions import service as definitions
from aimwell.definitions.base import Definition
from aimwell.definitions.kinds.feature import Feature
from aimwell.definitions.kinds.prediction import Asks, Prediction
from aimwell.errors import DefinitionError, Fault, PredictError
from aimwell.predict.own_functions import own_function
from aimwell.predict.questions import ACCOUNTS, Question
from aimwell.predict.registry import Kind, check_name, list_models
from aimwell.predict.tuning import Tuning
from aimwell.store.stores import Stores

__all__ = ["kind_asked", "question_of", "refuse_other_questions", "tuning_of"]

_ANSWERS: Mapping[Asks, Kind] = {
    "propensity": "propensity",
    "churn": "churn",
    "subscription-churn": "subscription_churn",
    "lifetime-value": "lifetime_value",
    "spend": "spend",
    "next-purchase": "next_purchase",
    "recommendations": "recommender",
    "channel": "channel_preference",
    "price": "discount_seeking",
    "lead": "propensity",
    "best-time": "best_time",
    "demand": "demand",
}
"""What a definition asks → the kind of model that answers it; leads among firms have one of their own."""


def kind_asked(wanted: Prediction) -> Kind:
    """The kind of model that answers a definition, as the registry names it; leads among people are propensities."""
    if wanted.asks == "lead" and wanted.whom == ACCOUNTS:
        return "account_leads"
    return _ANSWERS[wanted.asks]


def refuse_other_questions(stores: Stores, given: Sequence[Definition]) -> None:
    """That predictions ask what the models of their names answer: versions of one name can be compared, and their scores stand
    in one column.

    Raises:
        DefinitionError: One asks something else than the model that bears its name.
    """
    predictions = [one for one in given if isinstance(one, Prediction)]
    if not predictions:
        return
    newest = {one.name: one for one in reversed(list_models(stores))}
    faults = []
    for wanted in predictions:
        found = newest.get(wanted.name)
        if found is None:
            continue
        kind = kind_asked(wanted)
        if kind == "propensity":
            asked = Question(wanted.does, wanted.whom).settings()
        else:  # what it does not ask for stays as it is
            asked = {**found.settings, **_asked_besides(wanted)}
        asked["horizon_days"] = wanted.horizon_days
        try:
            check_name(stores, wanted.name, kind=kind, settings=asked)
        except PredictError as error:
            faults.append(Fault(f"prediction {wanted.name}", str(error)))
    if faults:
        raise DefinitionError(
            "Documents ask something else than the models of their names answer; nothing was taken.",
            faults,
        )


def _asked_besides(wanted: Prediction) -> dict[str, Any]:
    if wanted.asks == "channel":
        return {"answer": wanted.answer}
    if wanted.asks == "best-time":
        return {"signal": wanted.signal}
    return {"by": wanted.rows} if wanted.asks in ("next-purchase", "demand") else {}


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
