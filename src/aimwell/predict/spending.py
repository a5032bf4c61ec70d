"""What everybody known will spend within a horizon, prospects too: learnt, judged on later people, registered, scored."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from aimwell.errors import PredictError
from aimwell.history.features import feature_names, features
from aimwell.history.moment import TIME_COLUMNS, open_moment
from aimwell.history.outcomes import outcomes
from aimwell.predict.ageing import AGE, ageing_between, oldest_days
from aimwell.predict.bgnbd import fit_bgnbd
from aimwell.predict.buying import Buyers, purchase_history
from aimwell.predict.cards import model_card
from aimwell.predict.gamma_gamma import fit_gamma_gamma
from aimwell.predict.holdout import HoldoutCheck, check_holdout, quantile_buckets
from aimwell.predict.lifetime_value import lifetime_value
from aimwell.predict.metrics import spend_metrics
from aimwell.predict.paired import compare_losses
from aimwell.predict.questions import PURCHASE, Question, recorded
from aimwell.predict.registry import (
    RegisteredModel,
    check_name,
    load_part,
    register_model,
    usual_name,
)
from aimwell.predict.scoring import check_seen, keep_scores, scores_table
from aimwell.predict.spend import SpendModel, fit_spend, tweedie_losses
from aimwell.predict.tables import FeatureTable
from aimwell.predict.training import Progress, learning_moments, span_days
from aimwell.stats.estimate import DEFAULT_CONFIDENCE, Estimate
from aimwell.stats.samples import FloatArray
from aimwell.store.lake import Snapshot
from aimwell.store.stores import Stores

__all__ = ["SpendFit", "SpendPeople", "SpendWay", "predict_spend", "score_spend", "spend_people"]

LEARNT, LAW, LAST_YEAR = "boosted trees", "BG/NBD and Gamma-Gamma", "last year's revenue"
_PART = "spend"
_STEPS = 4


@dataclass(frozen=True, slots=True)
class SpendWay:
    """One way of foretelling on the later people of a group.

    Args:
        group: "customers" (had bought before), "prospects" (had not) or "everybody".
        way: What told.
        check: Totals, correlation and errors.
        loss: Mean Tweedie deviance; less is better.
        extra_loss: Above that of the best of the group, person by person; 0 for the best.
    """

    group: str
    way: str
    check: HoldoutCheck
    loss: float
    extra_loss: Estimate


@dataclass(frozen=True, slots=True, eq=False)
class SpendFit:
    """The model as it was registered, and its scores.

    Args:
        entry: The registered model.
        ways: How each way did by group.
        people: One row per known person, by profile_id: `profile_id`, `score` (expected revenue within the horizon), `lower` and
            `upper` (what the person may really bring, in 95 of 100 cases).
    """

    entry: RegisteredModel
    ways: tuple[SpendWay, ...]
    people: pa.Table
    total: Estimate

    @property
    def sentence(self) -> str:
        """What it is worth, in one sentence."""
        return str(model_card(self.entry)["sentence"])

    def to_dict(self) -> dict[str, Any]:
        """Its card."""
        return model_card(self.entry)


@dataclass(frozen=True, slots=True, eq=False)
class SpendPeople:
    """Everybody known at a moment, what they spent in the horizon after it, and what buyers had bought before."""

    ids: pa.Array
    table: FeatureTable
    revenue: FloatArray
    buyers: Buyers


def predict_spend(
    stores: Stores,
    *,
    as_of: datetime,
    horizon_days: int,
    name: str | None = None,
    seed: int = 0,
    anew: bool = False,
    now: datetime,
    progress: Progress | None = None,
) -> SpendFit:
    """Learn what each known person spends within a horizon, judge it on later people, score everybody.

    Args:
        stores: The workspace.
        as_of: Nothing from this moment on is seen.
        horizon_days: How far ahead it looks, in days.
        name: Of the model; default: `spend-90d`.
        seed: The same data and seed give the same model.
        anew: Register a new version even where the newest is the very same model.
        now: When it is trained.
        progress: Called with steps done, steps in all, and what comes next.

    Raises:
        TooLittleDataError: Too short a history, or too few people or buyers.
        PredictError: Nobody ever bought, or `name` stands for another model.
    """
    span = span_days(horizon_days)
    name = name or usual_name("spend", horizon_days)
    settings = {"event": PURCHASE, "horizon_days": horizon_days, "seed": seed}
    check_name(stores, name, kind="spend", settings=settings)
    snapshot = stores.lake.pin(*TIME_COLUMNS)
    with open_moment(
        stores, as_of=as_of, snapshot=snapshot, engine=stores.history_engine
    ) as moment:
        known = recorded(moment, Question())
    moments = learning_moments(known, as_of, span, PURCHASE, what="the spend of people")
    _tell(progress, 0, "reading people to learn from")
    train = spend_people(stores, moments.train_as_of, span, snapshot, ahead=True)
    _tell(progress, 1, "reading people to judge on")
    later = spend_people(stores, moments.judge_as_of, span, snapshot, ahead=True)
    _tell(progress, 2, "learning and judging")
    ageing = ageing_between(
        train.table.oldest_days,
        later.table.oldest_days,
        elapsed_days=(later.table.as_of - train.table.as_of) / timedelta(days=1),
    )
    model = fit_spend(train.table, train.revenue, ageing=ageing, seed=seed)
    law, no_law = _by_law(train, later, span)
    ways = _judged(model, later, law)
    _tell(progress, 3, "scoring")
    today = spend_people(stores, as_of, span, snapshot, ahead=False)
    expected = model.predict(today.table)
    entry = register_model(
        stores,
        {_PART: model},
        name=name,
        kind="spend",
        as_of=as_of.astimezone(UTC),
        settings=settings,
        metrics=spend_metrics(
            learner=LEARNT,
            ways=ways,
            total=model.total(expected),
            check_total=model.total(model.predict(later.table)),
            recorded=known,
            train={"as_of": moments.train_as_of, "people": len(train.table)},
            judge={"as_of": moments.judge_as_of, "people": len(later.table)},
            no_law=no_law,
            currency=stores.settings.currency,
        ),
        lake_versions=snapshot.versions,
        trained_at=now,
        anew=anew,
    )
    scores = scores_table(today.ids, expected, model.ranges(expected))
    keep_scores(stores, entry, scores, as_of=as_of, now=now)
    _tell(progress, _STEPS, "")
    return SpendFit(entry, ways, scores, model.total(expected))


def score_spend(stores: Stores, entry: RegisteredModel, *, as_of: datetime, now: datetime) -> int:
    """Store what each known person is expected to spend, and say of how many.

    Raises:
        PredictError: The version has seen later data than `as_of` leaves.
        ModelFileError: Its files are missing or were changed.
    """
    check_seen(entry, as_of)
    model = load_part(stores, entry, _PART, SpendModel)
    snapshot = stores.lake.pin(*TIME_COLUMNS)
    today = spend_people(stores, as_of, model.horizon, snapshot, ahead=False)
    expected = model.predict(today.table)
    scores = scores_table(today.ids, expected, model.ranges(expected))
    keep_scores(stores, entry, scores, as_of=as_of, now=now)
    return int(scores.num_rows)


def spend_people(
    stores: Stores,
    cut: datetime,
    span: timedelta,
    snapshot: Snapshot,
    *,
    ahead: bool,
    since: datetime | None = None,
) -> SpendPeople:
    """Everybody known at a moment; with `ahead` also what each spent within the span after it; `since` as in `open_moment`."""
    with open_moment(
        stores,
        as_of=cut,
        horizon=span if ahead else None,
        snapshot=snapshot,
        since=since,
        engine=stores.history_engine,
    ) as moment:
        table = features(moment, None)
        ids = table.column("profile_id").combine_chunks()
        revenue = np.full(len(ids), np.nan)
        if ahead:
            later = outcomes(moment)
            if later.column("profile_id").combine_chunks() != ids:
                raise PredictError(
                    "People became known while they were read. Run the same command again."
                )
            found = pc.cast(later.column("revenue"), pa.float64(), safe=False)
            revenue = np.nan_to_num(found.to_numpy())
        buyers = purchase_history(moment)
    known = FeatureTable.from_arrow(
        table, names=feature_names(), as_of=cut.astimezone(UTC), horizon=span
    )
    oldest = oldest_days(known.matrix((AGE,))[:, 0])
    return SpendPeople(ids, replace(known, oldest_days=oldest), revenue, buyers)


def _by_law(
    train: SpendPeople, later: SpendPeople, span: timedelta
) -> tuple[FloatArray | None, str]:
    """Revenue that BG/NBD and Gamma-Gamma, fitted at the first moment, foretell at the later one; NaN for prospects."""
    try:
        buying = fit_bgnbd(train.buyers.history)
        spending = fit_gamma_gamma(train.buyers.history)
    except PredictError as error:
        return None, f"No law of buying stands beside it. {error}"
    values = lifetime_value(
        later.buyers.history,
        buying,
        spending,
        horizon_days=float(span.days),
        margin=None,
        discount_monthly=0.0,
        draws=0,
    )
    told = np.full(len(later.ids), np.nan)
    place = pc.index_in(later.buyers.profiles, later.ids)
    there = place.is_valid().to_numpy(zero_copy_only=False)
    told[place.drop_null().to_numpy()] = values.value[there]
    return told, ""


def _judged(model: SpendModel, later: SpendPeople, law: FloatArray | None) -> tuple[SpendWay, ...]:
    """Every way on the later people, by group; a law tells nothing of prospects."""
    bought = ~np.isnan(later.table.matrix(("recency_days",))[:, 0])
    last_year = np.nan_to_num(later.table.matrix(("revenue_365d",))[:, 0])
    told = {
        LAST_YEAR: np.maximum(last_year, 0.0) * later.table.horizon.days / 365,
        LEARNT: model.predict(later.table),
    }
    if law is not None:
        bought &= np.isfinite(law)
        told = {LAST_YEAR: told[LAST_YEAR], LAW: law, LEARNT: told[LEARNT]}
    ways: list[SpendWay] = []
    groups = (("customers", bought), ("prospects", ~bought), ("everybody", np.ones_like(bought)))
    for group, rows in groups:
        if not rows.any():
            continue
        names = [way for way in told if way != LAW or group == "customers"]
        losses = [tweedie_losses(told[way][rows], later.revenue[rows]) for way in names]
        compared = compare_losses(losses, confidence=DEFAULT_CONFIDENCE)
        for way, loss, extra in zip(names, losses, compared.extra, strict=True):
            amounts = told[way][rows]
            ranges = model.ranges(amounts) if way == LEARNT else None
            check = check_holdout(
                amounts, later.revenue[rows], buckets=quantile_buckets(amounts), ranges=ranges
            )
            ways.append(SpendWay(group, way, check, float(loss.mean()), extra))
    return tuple(ways)


def _tell(progress: Progress | None, step: int, note: str) -> None:
    if progress is not None:
        progress(step, _STEPS, note)
