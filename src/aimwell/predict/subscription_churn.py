"""Which subscriptions will end within a horizon: learnt from months of tenure, judged on later ones, scored.

The hazard of a month is learnt from all months seen before the moment of judging; the subscriptions that ran at that moment
are then foretold, and compared with those that ended within the horizon after it. That moment lies a horizon before `as_of`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from aimwell.history.moment import TIME_COLUMNS, open_moment
from aimwell.history.subscription_lives import (
    subscription_lives,
    subscription_months,
)
from aimwell.predict.cards import model_card
from aimwell.predict.metrics import subscription_metrics
from aimwell.predict.propensity import PropensityModel
from aimwell.predict.registry import (
    RegisteredModel,
    check_name,
    load_part,
    register_model,
    usual_name,
)
from aimwell.predict.retention import (
    HazardRow,
    RetentionRow,
    hazards,
    retention,
    revenue_at_risk,
)
from aimwell.predict.scoring import check_seen, keep_scores, scores_table
from aimwell.predict.subscription_learning import (
    HazardCandidate,
    SubscriptionsRead,
    chances_of_ending,
    checked_subscriptions,
    count_endings,
    ended_within,
    learnt_hazards,
)
from aimwell.predict.training import Progress, span_days
from aimwell.stats.estimate import Estimate
from aimwell.store.lake import Snapshot
from aimwell.store.stores import Stores

__all__ = [
    "SubscriptionChurn",
    "hazard_of",
    "predict_subscription_churn",
    "read_subscriptions",
    "running_subscriptions",
    "score_subscription_churn",
]

_PART = "hazard"
_STEPS = 4


@dataclass(frozen=True, slots=True, eq=False)
class SubscriptionChurn:
    """Endings of subscriptions as they were registered, and the scores of those that run.

    Args:
        entry: The registered model.
        candidates: All learners, the simplest first.
        people: One row per running subscription, by subscription_id: `subscription_id`, `profile_id`, `plan`, `score`
            (probability of ending within the horizon), `months` so far, `price_monthly`.
        retention, hazards: What was seen until `as_of`.
        at_risk: Monthly revenue expected to end within the horizon.
        backwards: Subscriptions left out because they end before they start.
    """

    entry: RegisteredModel
    candidates: tuple[HazardCandidate, ...]
    people: pa.Table
    retention: tuple[RetentionRow, ...]
    hazards: tuple[HazardRow, ...]
    at_risk: Estimate
    backwards: int

    @property
    def sentence(self) -> str:
        """What it is worth, in one sentence."""
        return str(model_card(self.entry)["sentence"])

    def to_dict(self) -> dict[str, Any]:
        """Its card."""
        return model_card(self.entry)


def predict_subscription_churn(
    stores: Stores,
    *,
    as_of: datetime,
    horizon_days: int = 90,
    name: str | None = None,
    seed: int = 0,
    anew: bool = False,
    now: datetime,
    progress: Progress | None = None,
) -> SubscriptionChurn:
    """Learn which subscriptions end, judge it on a later horizon, score those that run.

    Args:
        stores: The workspace.
        as_of: Nothing from this moment on is seen.
        horizon_days: How far ahead to look.
        name: Of the model; default: `subscriptions-end-90d`.
        seed: The same data and seed give the same model.
        anew: Register a new version even where the newest is the very same model.
        now: When it is trained.
        progress: Called with steps done, steps in all, and what comes next.

    Raises:
        TooLittleDataError: Too few months or endings to learn or to judge; says what is needed.
        PredictError: There are no subscriptions, or most were heard of only long after their start.
    """
    span = span_days(horizon_days)
    name = name or usual_name("subscriptions-end", horizon_days)
    settings = {"horizon_days": horizon_days, "seed": seed}
    check_name(stores, name, kind="subscription_churn", settings=settings)
    snapshot = stores.lake.pin(*TIME_COLUMNS)
    _tell(progress, 0, "reading subscriptions")
    cut = as_of.astimezone(UTC) - span
    raw = _read(stores, cut, as_of, snapshot)
    read = checked_subscriptions(raw, cut, as_of)
    _tell(progress, 1, "learning and judging")
    candidates, chosen, reason = learnt_hazards(read, cut, span, seed)
    model = candidates[chosen].model
    _tell(progress, 2, "scoring")
    running = _running(read.lives)
    chance = chances_of_ending(model, running, span)
    price = np.asarray(
        running.column("price_monthly").to_numpy(zero_copy_only=False), dtype=np.float64
    )
    told = retention(read.lives), hazards(read.seen)
    at_risk = revenue_at_risk(chance, price)
    backwards = raw.lives.num_rows - read.lives.num_rows
    ended = int(ended_within(read).sum())
    entry = register_model(
        stores,
        {_PART: model},
        name=name,
        kind="subscription_churn",
        as_of=as_of.astimezone(UTC),
        settings=settings,
        metrics=subscription_metrics(
            learner=candidates[chosen].learner,
            reason=reason,
            candidates=candidates,
            retention=told[0],
            hazards=told[1],
            at_risk=at_risk,
            learnt={
                "months": int(pc.sum(read.months.column("subscriptions")).as_py()),
                "endings": count_endings(read.months),
            },
            judge={"as_of": cut, "subscriptions": read.judged.num_rows, "ended": ended},
            running={"subscriptions": running.num_rows, "expected": float(chance.sum())},
            backwards=backwards,
            currency=stores.settings.currency,
        ),
        lake_versions=snapshot.versions,
        trained_at=now,
        anew=anew,
    )
    people = running.select(["subscription_id", "profile_id", "plan", "months", "price_monthly"])
    people = people.append_column("score", pa.array(chance))
    keep_scores(stores, entry, _by_person(people), as_of=as_of, now=now)
    _tell(progress, _STEPS, "")
    return SubscriptionChurn(entry, candidates, people, told[0], told[1], at_risk, backwards)


def read_subscriptions(stores: Stores, cut: datetime, as_of: datetime) -> SubscriptionsRead:
    """What was known of subscriptions at `cut`, and which of those that ran then had ended by `as_of`.

    Raises:
        PredictError: There are none, or most were heard of only later.
    """
    read = _read(stores, cut, as_of, stores.lake.pin(*TIME_COLUMNS))
    return checked_subscriptions(read, cut, as_of)


def _read(stores: Stores, cut: datetime, as_of: datetime, snapshot: Snapshot) -> SubscriptionsRead:
    # By this machine whatever the engine: each month is a row of a series, of which Spark has no proven form.
    with open_moment(stores, as_of=cut, snapshot=snapshot) as moment:
        judged, months = subscription_lives(moment), subscription_months(moment)
    with open_moment(stores, as_of=as_of, snapshot=snapshot) as moment:
        lives, seen = subscription_lives(moment), subscription_months(moment)
    return SubscriptionsRead(lives, months, judged, seen)


def running_subscriptions(stores: Stores, as_of: datetime) -> pa.Table:
    """Rows of `subscription_lives` of those that run at a moment."""
    with open_moment(stores, as_of=as_of, engine=stores.history_engine) as moment:
        lives = subscription_lives(moment)
    return _running(lives.filter(pc.invert(lives.column("backwards"))))


def _running(lives: pa.Table) -> pa.Table:
    return lives.filter(pc.is_null(lives.column("ended_at")))


def hazard_of(stores: Stores, entry: RegisteredModel) -> PropensityModel:
    """The hazard of a registered version. Raises ModelFileError where its files are missing or were changed."""
    return load_part(stores, entry, _PART, PropensityModel)


def score_subscription_churn(
    stores: Stores, entry: RegisteredModel, *, as_of: datetime, now: datetime
) -> int:
    """Store each person's likeliest ending among their subscriptions, and say of how many people.

    Raises:
        PredictError: The version has seen later data than `as_of` leaves.
        ModelFileError: Its files are missing or were changed.
    """
    check_seen(entry, as_of)
    running = running_subscriptions(stores, as_of)
    span = span_days(int(entry.settings["horizon_days"]))
    chance = chances_of_ending(hazard_of(stores, entry), running, span)
    scores = _by_person(running.append_column("score", pa.array(chance)))
    keep_scores(stores, entry, scores, as_of=as_of, now=now)
    return int(scores.num_rows)


def _by_person(people: pa.Table) -> pa.Table:
    """One score a person: of several subscriptions the likeliest to end."""
    highest = people.group_by("profile_id").aggregate([("score", "max")]).sort_by("profile_id")
    return scores_table(
        highest.column("profile_id").combine_chunks(), highest.column("score_max").to_numpy()
    )


def _tell(progress: Progress | None, step: int, note: str) -> None:
    if progress is not None:
        progress(step, _STEPS, note)
