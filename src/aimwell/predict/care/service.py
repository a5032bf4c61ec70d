"""Care of any registered model, by its kind: look after it, hold two versions against each other, make the next, score."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from aimwell.definitions.kinds.prediction import Prediction
from aimwell.errors import PredictError
from aimwell.predict.care.by_loss import compare_by_loss, monitor_by_loss
from aimwell.predict.care.comparing import compare_propensities
from aimwell.predict.care.kind_answers import ChannelCare, PriceCare
from aimwell.predict.care.kind_churn import ChurnCare, SubscriptionCare
from aimwell.predict.care.kind_leads import AccountLeadsCare
from aimwell.predict.care.kind_money import LifetimeCare, SpendCare
from aimwell.predict.care.kind_next import NextPurchaseCare, RecommenderCare
from aimwell.predict.care.kind_times import BestTimeCare, DemandCare
from aimwell.predict.care.kinds import CaredKind
from aimwell.predict.care.model import Comparison, Monitored
from aimwell.predict.care.monitoring import monitor_propensity
from aimwell.predict.care.questions import kind_asked, question_of, tuning_of
from aimwell.predict.kind_words import kind_words
from aimwell.predict.registry import RegisteredModel, find_model
from aimwell.predict.scoring import check_seen
from aimwell.predict.service import score_propensity, train_propensity
from aimwell.predict.training import Progress
from aimwell.store.stores import Stores

__all__ = ["compare", "monitor", "score", "train_version"]

_PROPENSITY = "propensity"

CARES: Mapping[str, CaredKind] = {
    "churn": ChurnCare(),
    "subscription_churn": SubscriptionCare(),
    "lifetime_value": LifetimeCare(),
    "spend": SpendCare(),
    "next_purchase": NextPurchaseCare(),
    "recommender": RecommenderCare(),
    "channel_preference": ChannelCare(),
    "discount_seeking": PriceCare(),
    "account_leads": AccountLeadsCare(),
    "best_time": BestTimeCare(),
    "demand": DemandCare(),
}
"""Kind of model → what care knows of it. Propensities keep how their people were, and are judged by AUC besides."""


def monitor(stores: Stores, model: RegisteredModel | str, *, as_of: datetime) -> Monitored:
    """Whether a version still sees what it knew, and is still as good as it was judged to be.

    Args:
        stores: The workspace.
        model: A registered version, or a name (`buy-90d`: the version in use; `buy-90d@2`).
        as_of: Nothing from this moment on is seen.

    Raises:
        PredictError: There is no such model, it is of no kind that is cared for, or it has seen later data than `as_of` leaves.
        ModelFileError: Its files are missing or were changed.
    """
    entry = find_model(stores, model) if isinstance(model, str) else model
    check_seen(entry, as_of, told="findings")
    if entry.kind == _PROPENSITY:
        return monitor_propensity(stores, entry, as_of=as_of)
    return monitor_by_loss(stores, _kind(entry), entry, as_of=as_of)


def compare(
    stores: Stores,
    one: RegisteredModel | str,
    other: RegisteredModel | str,
    *,
    as_of: datetime,
) -> Comparison:
    """Which of two versions is better on people whose outcomes have come by `as_of`, person by person.

    Args:
        stores: The workspace.
        one, other: Registered versions, or names (`buy-90d`: the one in use; `buy-90d@2`).
        as_of: Nothing from this moment on is seen.

    Raises:
        PredictError: They are one and the same, not of one kind and question, or one of them has learnt from these people's outcomes.
        ModelFileError: Files are missing or were changed.
    """
    entries = [find_model(stores, m) if isinstance(m, str) else m for m in (one, other)]
    if entries[0].label == entries[1].label:
        raise PredictError(
            f"Both are {entries[0].label}, so there is nothing to compare. Name two versions, as {entries[0].name}@1 and "
            f"{entries[0].name}@2; all are listed by: aimwell predict models"
        )
    kinds = {entry.kind for entry in entries}
    if len(kinds) > 1:
        told = " and ".join(f"'{entry.name}' is {kind_words(entry.kind)}" for entry in entries)
        raise PredictError(f"{told}; only models of one kind can be compared.")
    if kinds == {_PROPENSITY}:
        return compare_propensities(stores, entries, as_of=as_of)
    return compare_by_loss(stores, _kind(entries[0]), entries, as_of=as_of)


def train_version(
    stores: Stores,
    wanted: Prediction,
    *,
    as_of: datetime,
    now: datetime,
    progress: Progress | None = None,
) -> RegisteredModel:
    """Register the next version of a definition's model. Errors as in the training of its kind."""
    kind = kind_asked(wanted)
    if kind != _PROPENSITY:
        return CARES[kind].train(stores, wanted, as_of=as_of, now=now, progress=progress)
    return train_propensity(
        stores,
        as_of=as_of,
        horizon_days=wanted.horizon_days,
        question=question_of(stores, wanted),
        name=wanted.name,
        learners=wanted.learners,
        seed=wanted.seed,
        tuning=tuning_of(wanted),
        now=now,
        progress=progress,
    ).entry


def score(
    stores: Stores, model: RegisteredModel | str, *, as_of: datetime, now: datetime
) -> int | None:
    """Store what a version expects of everybody as of a moment, and say of how many; None where it gives no scores.

    Raises:
        PredictError: There is no such model, or it has seen later data than `as_of` leaves.
        ModelFileError: Its files are missing or were changed.
    """
    entry = find_model(stores, model) if isinstance(model, str) else model
    if entry.kind == _PROPENSITY:
        return int(score_propensity(stores, entry, as_of=as_of, now=now).num_rows)
    return _kind(entry).score(stores, entry, as_of=as_of, now=now)


def _kind(entry: RegisteredModel) -> CaredKind:
    found = CARES.get(entry.kind)
    if found is None:
        raise PredictError(
            f"'{entry.name}' is {kind_words(entry.kind)}, which another stage looks after. Looked after "
            f"here: {', '.join(sorted([_PROPENSITY, *CARES])).replace('_', ' ')}."
        )
    return found
