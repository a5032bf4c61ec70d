"""Hazards of subscriptions learnt from months before a moment, and judged on those that ran at it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from aimwell.errors import PredictError, TooLittleDataError
from aimwell.history.subscription_conduct import CONDUCT
from aimwell.history.subscription_lives import MONTH_DAYS
from aimwell.predict.calibration import Calibrator
from aimwell.predict.folds import sample
from aimwell.predict.hazard import MonthRows, ends_within, hazard_features, hazard_matrix
from aimwell.predict.judging import Judgement, judge, losses
from aimwell.predict.learners import learners
from aimwell.predict.paired import compare_losses
from aimwell.predict.propensity import PropensityModel
from aimwell.predict.retention import plans_by_size
from aimwell.predict.tables import BoolArray
from aimwell.stats.estimate import DEFAULT_CONFIDENCE, Estimate
from aimwell.stats.samples import FloatArray

__all__ = [
    "HazardCandidate",
    "SubscriptionsRead",
    "chances_of_ending",
    "checked_subscriptions",
    "count_endings",
    "ended_within",
    "learnt_hazards",
]

# More months than these teach no more and take their time.
_MONTHS_MAX = 500_000
# The months of so many subscriptions at most may be unknown because their rows are dated later than their start.
_UNHEARD_MAX = 0.2
_NEEDED_TO_LEARN = {"months of subscriptions": 500, "endings": 50}
_NEEDED_TO_JUDGE = {"subscriptions": 100, "endings": 20, "subscriptions that went on": 20}
_NAMES = {"base rate by recency": "hazard by month of tenure"}


@dataclass(frozen=True, slots=True)
class HazardCandidate:
    """One learner's hazard and how it foretold the endings of a later horizon; as `churn.ChurnCandidate`."""

    learner: str
    model: PropensityModel
    later: Judgement
    extra_loss: Estimate


@dataclass(frozen=True, slots=True, eq=False)
class SubscriptionsRead:
    """Lives as of the end, months to learn from, and who ran at the moment of judging."""

    lives: pa.Table
    months: pa.Table
    judged: pa.Table
    seen: pa.Table


def checked_subscriptions(
    read: SubscriptionsRead, cut: datetime, as_of: datetime
) -> SubscriptionsRead:
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
    return SubscriptionsRead(lives, read.months, judged, read.seen)


def learnt_hazards(
    read: SubscriptionsRead, cut: datetime, span: timedelta, seed: int
) -> tuple[tuple[HazardCandidate, ...], int, str]:
    """All learners, the simplest first, the place of the one to take, and why.

    Raises:
        TooLittleDataError: Too few months or endings to learn or to judge.
    """
    values, outcome, names = _months(read.months, seed)
    ended = ended_within(read)
    _check_enough(read, ended)
    plain = [place for place, name in enumerate(names) if name not in CONDUCT]
    fitted = []
    for learner in learners(names.index("tenure_months")):
        label = _NAMES.get(learner.name, learner.name)
        ways = [(label, plain)]
        if len(plain) < len(names) and label == learner.name:
            ways.append((f"{label} with usage and payments", list(range(len(names)))))
        for told, places in ways:
            rows = values[:, places]
            fitted.append(
                PropensityModel(
                    learner=told,
                    names=tuple(names[place] for place in places),
                    horizon=timedelta(days=MONTH_DAYS),
                    trained_as_of=cut,
                    scorer=learner.tuned(rows, outcome, seed=seed).fit(rows, outcome),
                    calibrator=Calibrator(),
                )
            )
    chances = [chances_of_ending(model, read.judged, span) for model in fitted]
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


def _months(months: pa.Table, seed: int) -> tuple[FloatArray, BoolArray, tuple[str, ...]]:
    """A row for each month of each subscription, of many a sample."""
    count = months.column("subscriptions").to_numpy()
    plan = months.column("plan").to_numpy(zero_copy_only=False)
    names = hazard_features(plans_by_size(plan, count))
    names += tuple(name for name in CONDUCT if name in months.column_names)
    month = np.asarray(months.column("month").to_numpy(), dtype=np.float64)
    rows = np.repeat(np.arange(len(count)), count)
    outcome = months.column("ended").to_numpy(zero_copy_only=False)[rows].astype(bool)
    kept = sample(outcome, most=_MONTHS_MAX, seed=seed)
    matrix = hazard_matrix(MonthRows.of(months, month), names)
    return matrix[rows[kept]], outcome[kept], names


def chances_of_ending(model: PropensityModel, running: pa.Table, span: timedelta) -> FloatArray:
    """The probability of each running subscription to end within the span."""
    tenure = running.column("months").to_numpy()
    rows = MonthRows.of(running, np.floor(tenure))
    return ends_within(model.scorer, model.names, rows, tenure, span / timedelta(days=MONTH_DAYS))


def ended_within(read: SubscriptionsRead) -> BoolArray:
    """Whether each judged subscription had ended at the end of the horizon."""
    ended = read.lives.filter(pc.is_valid(read.lives.column("ended_at")))
    found = pc.is_in(
        read.judged.column("subscription_id"),
        ended.column("subscription_id").combine_chunks(),
    )
    return np.asarray(found.to_numpy(), dtype=bool)


def count_endings(months: pa.Table) -> int:
    """How many of the months were the last of a subscription."""
    return int(pc.sum(months.filter(months.column("ended")).column("subscriptions")).as_py() or 0)


def _check_enough(read: SubscriptionsRead, ended: BoolArray) -> None:
    steps = (
        (
            "learning",
            _NEEDED_TO_LEARN,
            {
                "months of subscriptions": int(
                    pc.sum(read.months.column("subscriptions")).as_py() or 0
                ),
                "endings": count_endings(read.months),
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
