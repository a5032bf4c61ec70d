"""Which subscriptions will end within a horizon: learnt from months of tenure, judged on later ones, scored.

The hazard of a month is learnt from all months seen before the moment of judging; the subscriptions that ran at that moment
are then foretold, and compared with those that ended within the horizon after it. That moment lies a horizon before `as_of`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from aimwell.errors import PredictError, TooLittleDataError
from aimwell.history.moment import TIME_COLUMNS, open_moment
from aimwell.history.subscription_lives import (
    MONTH_DAYS,
    subscription_lives,
    subscription_months,
)
from aimwell.predict.calibration import Calibrator
from aimwell.predict.cards import model_card
from aimwell.predict.folds import sample
from aimwell.predict.hazard import MonthRows, ends_within, hazard_features, hazard_matrix
from aimwell.predict.judging import Judgement, judge, losses
from aimwell.predict.learners import learners
from aimwell.predict.metrics import subscription_metrics
from aimwell.predict.paired import compare_losses
from aimwell.predict.propensity import PropensityModel
from aimwell.predict.registry import RegisteredModel, check_name, register_model, usual_name
from aimwell.predict.retention import (
    HazardRow,
    RetentionRow,
    hazards,
    plans_by_size,
    retention,
    revenue_at_risk,
)
from aimwell.predict.scoring import keep_scores, scores_table
from aimwell.predict.tables import BoolArray
from aimwell.predict.training import Progress, span_days
from aimwell.stats.estimate import DEFAULT_CONFIDENCE, Estimate
from aimwell.stats.samples import FloatArray
from aimwell.store.stores import Stores

__all__ = ["HazardCandidate", "SubscriptionChurn", "predict_subscription_churn"]

_PART = "hazard"
_STEPS = 4
# More months than these teach no more and take their time.
_MONTHS_MAX = 500_000
# The months of so many subscriptions at most may be unknown because their rows are dated later than their start.
_UNHEARD_MAX = 0.2
_NEEDED_TO_LEARN = {"months of subscriptions": 500, "endings": 50}
_NEEDED_TO_JUDGE = {"subscriptions": 100, "endings": 20, "subscriptions that went on": 20}


@dataclass(frozen=True, slots=True)
class HazardCandidate:
    """One learner's hazard and how it foretold the endings of a later horizon; as `churn.ChurnCandidate`."""

    learner: str
    model: PropensityModel
    later: Judgement
    extra_loss: Estimate


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


@dataclass(frozen=True, slots=True, eq=False)
class _Read:
    """Lives as of the end, months to learn from, and who ran at the moment of judging."""

    lives: pa.Table
    months: pa.Table
    judged: pa.Table
    seen: pa.Table


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
    with open_moment(stores, as_of=cut, snapshot=snapshot) as moment:
        judged, months = subscription_lives(moment), subscription_months(moment)
    with open_moment(stores, as_of=as_of, snapshot=snapshot) as moment:
        lives, seen = subscription_lives(moment), subscription_months(moment)
    read = _checked(_Read(lives, months, judged, seen), cut, as_of)
    _tell(progress, 1, "learning and judging")
    candidates, chosen, reason = _learnt(read, cut, span, seed)
    model = candidates[chosen].model
    _tell(progress, 2, "scoring")
    running = read.lives.filter(pc.is_null(read.lives.column("ended_at")))
    chance = _chances(model, running, span)
    price = np.asarray(
        running.column("price_monthly").to_numpy(zero_copy_only=False), dtype=np.float64
    )
    told = retention(read.lives), hazards(read.seen)
    at_risk = revenue_at_risk(chance, price)
    backwards = lives.num_rows - read.lives.num_rows
    ended = int(_ended(read).sum())
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
                "endings": _endings(read.months),
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


def _checked(read: _Read, cut: datetime, as_of: datetime) -> _Read:
    """Without those that end before they start; at the moment of judging only those that ran.

    Raises:
        PredictError: There is nothing to read, or it was heard of too late.
    """
    if not read.lives.num_rows:
        raise PredictError(
            f"No subscription had started before {as_of:%Y-%m-%d}. Collect them with: aimwell collect subscriptions"
        )
    lives = read.lives.filter(pc.invert(read.lives.column("backwards")))
    if not lives.num_rows:
        raise PredictError(
            f"All {read.lives.num_rows:,} subscriptions end before they start. Check the mapping of started_at and "
            "ended_at."
        )
    ran = pc.and_(
        pc.less(lives.column("started_at"), pa.scalar(cut)),
        pc.if_else(
            pc.is_null(lives.column("ended_at")),
            True,
            pc.greater_equal(lives.column("ended_at"), pa.scalar(cut)),
        ),
    )
    should = lives.filter(ran).column("subscription_id")
    judged = read.judged.filter(
        pc.and_(
            pc.is_null(read.judged.column("ended_at")),
            pc.is_in(read.judged.column("subscription_id"), should.combine_chunks()),
        )
    )
    unheard = len(should) - judged.num_rows
    if unheard > _UNHEARD_MAX * max(1, len(should)):
        raise PredictError(
            f"Of {len(should):,} subscriptions that ran on {cut:%Y-%m-%d}, {unheard:,} are first told of by rows dated "
            "later (set_at), so that nothing was known of them then, and those that ended would be missing. Each needs a "
            "row from its start: collect their states with their days, or map set_at to the day of the start "
            "(--map set_at=STARTED)."
        )
    return _Read(lives, read.months, judged, read.seen)


def _learnt(
    read: _Read, cut: datetime, span: timedelta, seed: int
) -> tuple[tuple[HazardCandidate, ...], int, str]:
    values, outcome, names = _months(read.months, seed)
    ended = _ended(read)
    _check_enough(read, ended)
    fitted = [
        PropensityModel(
            learner=_NAMES.get(learner.name, learner.name),
            names=names,
            horizon=timedelta(days=MONTH_DAYS),
            trained_as_of=cut,
            scorer=learner.tuned(values, outcome, seed=seed).fit(values, outcome),
            calibrator=Calibrator(),
        )
        for learner in learners(names.index("tenure_months"))
    ]
    chances = [_chances(model, read.judged, span) for model in fitted]
    compared = compare_losses(
        [losses(chance, ended) for chance in chances], confidence=DEFAULT_CONFIDENCE
    )
    candidates = tuple(
        HazardCandidate(model.learner, model, judge(chance, ended), extra)
        for model, chance, extra in zip(fitted, chances, compared.extra, strict=True)
    )
    chosen, best = candidates[compared.chosen], candidates[compared.best]
    reason = f"Taken: {chosen.learner} (log loss {chosen.later.log_loss:.4f}), " + (
        "the best on the later horizon; what is simpler is worse by more than chance."
        if chosen is best
        else f"the simplest within chance of the best: {best.learner} ({best.later.log_loss:.4f})."
    )
    return candidates, compared.chosen, reason


_NAMES = {"base rate by recency": "hazard by month of tenure"}


def _months(months: pa.Table, seed: int) -> tuple[FloatArray, BoolArray, tuple[str, ...]]:
    """A row for each month of each subscription, of many a sample."""
    count = months.column("subscriptions").to_numpy()
    plan = months.column("plan").to_numpy(zero_copy_only=False)
    names = hazard_features(plans_by_size(plan, count))
    month = np.asarray(months.column("month").to_numpy(), dtype=np.float64)
    rows = np.repeat(np.arange(len(count)), count)
    outcome = months.column("ended").to_numpy(zero_copy_only=False)[rows].astype(bool)
    kept = sample(outcome, most=_MONTHS_MAX, seed=seed)
    matrix = hazard_matrix(MonthRows.of(months, month), names)
    return matrix[rows[kept]], outcome[kept], names


def _chances(model: PropensityModel, running: pa.Table, span: timedelta) -> FloatArray:
    tenure = running.column("months").to_numpy()
    rows = MonthRows.of(running, np.floor(tenure))
    return ends_within(model.scorer, model.names, rows, tenure, span / timedelta(days=MONTH_DAYS))


def _ended(read: _Read) -> BoolArray:
    """Whether each judged subscription had ended at the end of the horizon."""
    ended = read.lives.filter(pc.is_valid(read.lives.column("ended_at")))
    found = pc.is_in(
        read.judged.column("subscription_id"),
        ended.column("subscription_id").combine_chunks(),
    )
    return np.asarray(found.to_numpy(), dtype=bool)


def _endings(months: pa.Table) -> int:
    return int(pc.sum(months.filter(months.column("ended")).column("subscriptions")).as_py() or 0)


def _check_enough(read: _Read, ended: BoolArray) -> None:
    steps = (
        (
            "learning",
            _NEEDED_TO_LEARN,
            {
                "months of subscriptions": int(
                    pc.sum(read.months.column("subscriptions")).as_py() or 0
                ),
                "endings": _endings(read.months),
            },
        ),
        (
            "judging on a later horizon",
            _NEEDED_TO_JUDGE,
            {
                "subscriptions": len(ended),
                "endings": int(ended.sum()),
                "subscriptions that went on": int((~ended).sum()),
            },
        ),
    )
    for task, needed, present in steps:
        if any(present[name] < needed[name] for name in needed):
            raise TooLittleDataError(
                f"endings of subscriptions ({task})",
                needed=needed,
                present=present,
                advice="Take a longer horizon, collect older subscriptions (those that ended, too), or wait.",
            )


def _by_person(people: pa.Table) -> pa.Table:
    """One score a person: of several subscriptions the likeliest to end."""
    highest = people.group_by("profile_id").aggregate([("score", "max")]).sort_by("profile_id")
    return scores_table(
        highest.column("profile_id").combine_chunks(), highest.column("score_max").to_numpy()
    )


def _tell(progress: Progress | None, step: int, note: str) -> None:
    if progress is not None:
        progress(step, _STEPS, note)
