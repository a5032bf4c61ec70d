"""The stage *predict*: who will do something within a horizon, and what customers are worth.

Training reads people at two earlier moments, learns at the first, judges at the second, and registers the very model
that was judged. Fitting it anew on the later people would leave nobody to judge that model by, and base rates move with
the season, so newer is not surely better.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from aimwell.definitions.kinds.prediction import USUAL_LEARNERS, LearnerKind
from aimwell.errors import PredictError
from aimwell.predict.answers import where_told
from aimwell.predict.cards import model_card
from aimwell.predict.churning import ChurnFit, predict_churn, score_churn
from aimwell.predict.kind_words import kind_words
from aimwell.predict.learners import check_installed
from aimwell.predict.metrics import propensity_metrics
from aimwell.predict.propensity import PropensityModel, PropensityResult, fit_propensity
from aimwell.predict.questions import PROSPECTS, PURCHASE, Question
from aimwell.predict.reference import reference_of
from aimwell.predict.registry import (
    RegisteredModel,
    check_name,
    find_model,
    load_part,
    register_model,
    usual_name,
)
from aimwell.predict.scoring import check_seen, keep_scores, scores_table, stored_scores
from aimwell.predict.spending import SpendFit, predict_spend
from aimwell.predict.subscription_churn import SubscriptionChurn, predict_subscription_churn
from aimwell.predict.training import (
    Progress,
    feature_table,
    span_days,
    training_tables,
)
from aimwell.predict.tuning import Tuning
from aimwell.predict.valuing import LifetimeValueFit, fit_lifetime_value
from aimwell.store.stores import Stores

__all__ = [
    "PART",
    "REFERENCE",
    "ChurnFit",
    "LifetimeValueFit",
    "SpendFit",
    "SubscriptionChurn",
    "TrainedModel",
    "check_scores",
    "fit_lifetime_value",
    "predict_churn",
    "predict_spend",
    "predict_subscription_churn",
    "score_churn",
    "score_propensity",
    "train_propensity",
]

PART, REFERENCE = "propensity", "reference"
"""The parts of a registered propensity: the model, and how the people were on whom it was judged."""

_PEOPLE = (
    "a propensity",
    "Take a longer horizon or a wider audience, or wait for more orders.",
)
_LEADS = (
    "lead scores of people",
    "Take a longer horizon, or wait until more people who have not ordered yet are known, and more of them order.",
)
"""For what there is too little data, and what to do."""

_RECENCY, _VISIT = "recency_days", "event_recency_days"
"""By which the rule bands people that a model has to beat: since the last order, or since the last visit where nobody ordered."""


@dataclass(frozen=True, slots=True)
class TrainedModel:
    """A propensity as it was registered, and everything that was found while it was chosen."""

    entry: RegisteredModel
    result: PropensityResult

    @property
    def sentence(self) -> str:
        """What it is worth, in one sentence."""
        return str(model_card(self.entry)["sentence"])

    def to_dict(self) -> dict[str, Any]:
        """Its card."""
        return model_card(self.entry)


def train_propensity(
    stores: Stores,
    *,
    as_of: datetime,
    horizon_days: int,
    question: Question | None = None,
    name: str | None = None,
    learners: Sequence[LearnerKind] = USUAL_LEARNERS,
    seed: int = 0,
    tuning: Tuning | None = None,
    anew: bool = False,
    now: datetime,
    progress: Progress | None = None,
) -> TrainedModel:
    """Learn how likely each person is to do something within a horizon, judge it on later people, register it.

    Args:
        stores: The workspace.
        as_of: Nothing from this moment on is seen. The people who judge are those known a horizon before it, the
            people who teach those known two horizons before it.
        horizon_days: How far ahead it looks, in days.
        question: What people do, of whom is asked, by which features; default: whether everybody buys.
        name: Of the model; default: `buy-90d`, or the event and the horizon.
        learners: Which ones try, beside the rule.
        seed: The same data and seed give the same model, unless a limit of time ends the tuning.
        tuning: How long to look for better settings; None: the usual ones.
        anew: Register a new version even where the newest is the very same model.
        now: When it is trained.
        progress: Called with steps done, steps in all, and what comes next.

    Returns:
        The registered model, whose files and figures stand, and all candidates. Where the newest version is this very
        model, that version.

    Raises:
        TooLittleDataError: Too short a history, or too few people who did or did not do it; says what is needed.
        PredictError: Nobody ever did it, or `name` stands for another model.
    """
    question = question or Question()
    event = question.acts.event
    does = " ".join(["buy" if event == PURCHASE else event, *_conditions(question)])
    name = name or usual_name(
        f"leads {does}" if question.among == PROSPECTS else does, horizon_days
    )
    settings = {**question.settings(), "horizon_days": horizon_days, "seed": seed}
    if tuple(learners) != USUAL_LEARNERS:
        settings["learners"] = list(learners)
    if tuning is not None:
        settings["tuning"] = tuning.settings()
    check_installed(learners)
    check_name(stores, name, kind="propensity", settings=settings)
    what, advice = _LEADS if question.among == PROSPECTS else _PEOPLE
    tables = training_tables(
        stores,
        as_of=as_of,
        horizon_days=horizon_days,
        question=question,
        what=what,
        progress=progress,
    )
    if progress is not None:
        progress(2, 4, "learning and judging")
    band = _VISIT if question.among == PROSPECTS else _RECENCY
    recency = band if band in tables.train.names else None
    result = fit_propensity(
        tables.train,
        tables.judge,
        recency=recency,
        kinds=learners,
        seed=seed,
        tuning=tuning,
        what=what,
        advice=advice,
    )
    if progress is not None:
        progress(3, 4, "storing the model")
    entry = register_model(
        stores,
        {PART: result.model, REFERENCE: reference_of(result.model, tables.judge)},
        name=name,
        kind="propensity",
        as_of=as_of.astimezone(UTC),
        settings=settings,
        metrics=propensity_metrics(result, tables),
        lake_versions=tables.snapshot.versions,
        trained_at=now,
        anew=anew,
    )
    if progress is not None:
        progress(4, 4, "")
    return TrainedModel(entry, result)


def _conditions(question: Question) -> list[str]:
    """The values that fields must have, for a name."""
    where = question.settings().get("where", {})
    return [str(value) for condition in where.values() for value in condition.values()]


def score_propensity(
    stores: Stores, model: RegisteredModel | str, *, as_of: datetime, now: datetime
) -> pa.Table:
    """Score everybody known before `as_of` and keep the scores in the lake's table `scores`.

    A version scores a moment once: asked again, it gives what was written then, though data that came late might change
    it. Take a later moment, or train anew, for newer scores.

    Args:
        stores: The workspace.
        model: A registered model, or its name (`buy-90d`, newest version; `buy-90d@2`).
        as_of: Nothing from this moment on is seen.
        now: When it is scored.

    Returns:
        One row per person, by profile_id: `profile_id`, `score` (probability 0-1); `lower` and `upper` are null.

    Raises:
        PredictError: There is no such model, or it is none of propensity, or it saw later data than `as_of` leaves.
        ModelFileError: Its files are missing or were changed.
    """
    entry = find_model(stores, model) if isinstance(model, str) else model
    check_scores(entry, as_of)
    # Read even where the scores stand: who asks with a model that was tampered with must hear of it.
    fitted = load_part(stores, entry, PART, PropensityModel)
    found = stored_scores(stores, entry, as_of)
    if found is not None:
        return found
    ids, table = feature_table(
        stores,
        as_of=as_of,
        horizon=span_days(int(entry.settings["horizon_days"])),
        question=Question.from_settings(entry.settings),
        names=fitted.names,
    )
    scores = scores_table(ids, fitted.predict(table))
    if not keep_scores(stores, entry, scores, as_of=as_of, now=now):
        # Another process was quicker; what it wrote is what everybody reads.
        stands = stored_scores(stores, entry, as_of)
        return scores if stands is None else stands
    return scores


def check_scores(entry: RegisteredModel, as_of: datetime) -> None:
    """That a model may score people as of a moment.

    Raises:
        PredictError: It is no propensity, or it saw later data than the moment leaves.
    """
    if entry.kind != "propensity":
        raise PredictError(
            f"'{entry.name}' is {kind_words(entry.kind)}, not a propensity; of one person alone only "
            f"propensities are worked out. {where_told(entry)}"
        )
    check_seen(entry, as_of)
