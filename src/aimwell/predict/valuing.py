"""Lifetime values of a workspace's customers: fitted, checked on what really came, registered and stored."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa

from aimwell.errors import PredictError, TooLittleDataError
from aimwell.history.moment import TIME_COLUMNS, open_moment
from aimwell.predict.buying import Margin, purchase_history, usual_margin
from aimwell.predict.buying_law import BuyingLaw
from aimwell.predict.cards import model_card
from aimwell.predict.gamma_gamma import GammaGamma, fit_gamma_gamma
from aimwell.predict.laws import Law, checked_law, fit_law
from aimwell.predict.lifetime_check import LifetimeCheck, check_lifetime_value, usual_draws
from aimwell.predict.lifetime_value import LifetimeValues, lifetime_value
from aimwell.predict.metrics import check_metrics, lifetime_metrics
from aimwell.predict.possible import Tails
from aimwell.predict.purchases import PurchaseHistory
from aimwell.predict.questions import Question, Recorded, recorded
from aimwell.predict.registry import (
    RegisteredModel,
    check_name,
    load_part,
    register_model,
    usual_name,
)
from aimwell.predict.scoring import SCORES, check_seen, keep_scores
from aimwell.predict.training import Progress, span_days
from aimwell.store.lake import Snapshot
from aimwell.store.stores import Stores

__all__ = ["LifetimeValueFit", "fit_lifetime_value", "score_lifetime_value"]

# A value may look this many times as far ahead as the history goes back.
_AHEAD_MAX = 2.0
_QUIET_DAYS = 30


@dataclass(frozen=True, slots=True, eq=False)
class LifetimeValueFit:
    """Lifetime values as they were registered and stored.

    Args:
        entry: The registered model.
        people: One row per customer, by profile_id: `profile_id`, `value`; `lower` and `upper` (what the customer may
            really bring, chance included); `likely_lower` and `likely_upper` (of the expectation);
            `expected_purchases`, `probability_alive`, `spend_per_purchase`. Null where the spend is not known.
        values: The same with totals and warnings.
        margin: What was multiplied, or why the value is revenue.
        check: On a holdout period; None where `check_reason` says why not.
    """

    entry: RegisteredModel
    people: pa.Table
    values: LifetimeValues
    buying: BuyingLaw
    spending: GammaGamma
    margin: Margin
    check: LifetimeCheck | None
    check_reason: str

    @property
    def sentence(self) -> str:
        """What it is worth, in one sentence."""
        return str(model_card(self.entry)["sentence"])

    def to_dict(self) -> dict[str, Any]:
        """Its card."""
        return model_card(self.entry)


@dataclass(frozen=True, slots=True, eq=False)
class _Read:
    """What a fit rests on."""

    known: Recorded
    ids: pa.Array
    history: PurchaseHistory
    margin: Margin
    warnings: tuple[str, ...]


def fit_lifetime_value(
    stores: Stores,
    *,
    as_of: datetime,
    horizon_days: int,
    holdout_days: int | None = None,
    discount_monthly: float = 0.01,
    law: str = "auto",
    name: str | None = None,
    seed: int = 0,
    anew: bool = False,
    now: datetime,
    progress: Progress | None = None,
) -> LifetimeValueFit:
    """What each customer is expected to be worth over a horizon: a law of buying for how often, Gamma-Gamma for how much.

    Args:
        stores: The workspace.
        as_of: Nothing from this moment on is seen.
        horizon_days: How far ahead to count, in days.
        holdout_days: Length of the period before `as_of` on which the models, fitted to what came before it, are
            checked; default: the horizon, at most half of the history.
        discount_monthly: Interest of a month.
        law: "bgnbd", "mbg", "pareto", or "auto": BG/NBD, unless another is better on the checked period by more than
            chance.
        name: Of the model; default: `lifetime-value-365d`.
        seed: Of the drawn intervals; the same data and seed give the same figures.
        anew: Register a new version even where the newest is the very same model.
        now: When it is fitted.
        progress: Called with steps done, steps in all, and what comes next.

    Raises:
        TooLittleDataError: Too few customers or repeat buyers, or the horizon is more than twice the history.
        PredictError: A setting is out of range, or nobody bought.
    """
    span_days(horizon_days)
    asked = checked_law(law)
    name = name or usual_name("lifetime-value", horizon_days)
    check_name(stores, name, kind="lifetime_value", settings={"horizon_days": horizon_days})
    snapshot = stores.lake.pin(*TIME_COLUMNS)
    _tell(progress, 0, "reading purchases")
    read = _read(stores, as_of, horizon_days, snapshot)
    _tell(progress, 1, "checking on what really came")
    if holdout_days is None:
        holdout_days = min(horizon_days, (as_of - read.known.first_at).days // 2)
    check, reason = _checked(
        stores, as_of=as_of, holdout_days=holdout_days, law=asked, seed=seed, snapshot=snapshot
    )
    _tell(progress, 2, "fitting and drawing futures")
    chosen: Law = asked or ("bgnbd" if check is None else check.laws.chosen.law)
    buying, spending = fit_law(read.history, chosen), fit_gamma_gamma(read.history)
    tails = None if check is None or check.places is None else check.places.tails
    values = lifetime_value(
        read.history,
        buying,
        spending,
        horizon_days=float(horizon_days),
        margin=read.margin.share,
        discount_monthly=discount_monthly,
        draws=usual_draws(len(read.history)),
        seed=seed,
        tails=tails,
    )
    _tell(progress, 3, "storing")
    entry = register_model(
        stores,
        {"buying": buying, "spending": spending},
        name=name,
        kind="lifetime_value",
        as_of=as_of.astimezone(UTC),
        settings={
            "horizon_days": horizon_days,
            "holdout_days": holdout_days,
            "discount_monthly": discount_monthly,
            "law": law,
            "seed": seed,
        },
        metrics={
            **lifetime_metrics(buying, spending, values),
            "recorded": read.known,
            "margin": read.margin,
            "currency": stores.settings.currency,
            "warnings": (*read.warnings, *values.warnings),
            "check": None if check is None else check_metrics(check),
            "check_reason": reason,
            "tails": None if tails is None else asdict(tails),
        },
        lake_versions=snapshot.versions,
        trained_at=now,
        anew=anew,
    )
    people = _people(read.ids, values)
    keep_scores(stores, entry, _scores(people), as_of=as_of, now=now)
    _tell(progress, 4, "")
    return LifetimeValueFit(entry, people, values, buying, spending, read.margin, check, reason)


def score_lifetime_value(
    stores: Stores, entry: RegisteredModel, *, as_of: datetime, now: datetime
) -> int:
    """Store what each customer of a moment is worth by a version's laws, and say of how many.

    Raises:
        PredictError: The version has seen later data than `as_of` leaves.
        ModelFileError: Its files are missing or were changed.
    """
    check_seen(entry, as_of)
    horizon_days = int(entry.settings["horizon_days"])
    read = _read(stores, as_of, horizon_days, stores.lake.pin(*TIME_COLUMNS))
    tails = entry.metrics.get("tails")
    values = lifetime_value(
        read.history,
        load_part(stores, entry, "buying", BuyingLaw),  # type: ignore[type-abstract]
        load_part(stores, entry, "spending", GammaGamma),
        horizon_days=float(horizon_days),
        margin=read.margin.share,
        discount_monthly=float(entry.settings["discount_monthly"]),
        draws=usual_draws(len(read.history)),
        seed=int(entry.settings["seed"]),
        tails=Tails(**tails) if tails else None,
    )
    keep_scores(stores, entry, _scores(_people(read.ids, values)), as_of=as_of, now=now)
    return len(read.ids)


def _scores(people: pa.Table) -> pa.Table:
    return people.select(["profile_id", "value", "lower", "upper"]).rename_columns(SCORES.names)


def _read(stores: Stores, as_of: datetime, horizon_days: int, snapshot: Snapshot) -> _Read:
    engine = stores.history_engine
    with open_moment(stores, as_of=as_of, snapshot=snapshot, engine=engine) as moment:
        known = recorded(moment, Question())
        warnings = _check_reach(known, as_of, horizon_days)
        ids, history = purchase_history(moment)
        return _Read(known, ids, history, usual_margin(moment), warnings)


def _checked(
    stores: Stores,
    *,
    as_of: datetime,
    holdout_days: int,
    law: Law | None,
    seed: int,
    snapshot: Snapshot,
) -> tuple[LifetimeCheck | None, str]:
    """The check, or why it cannot be made; a history that is long enough to fit may be too short to halve."""
    try:
        check = check_lifetime_value(
            stores,
            as_of=as_of,
            holdout_days=holdout_days,
            law=law,
            seed=seed,
            snapshot=snapshot,
        )
    except PredictError as error:
        return None, str(error)
    return check, ""


def _check_reach(known: Recorded, as_of: datetime, horizon_days: int) -> tuple[str, ...]:
    """Refuses a horizon that the history cannot carry; warns of what stretches it."""
    history_days = (as_of - known.first_at).days
    quiet_days = (as_of - known.last_at).days
    if horizon_days > _AHEAD_MAX * history_days:
        raise TooLittleDataError(
            f"a lifetime value over {horizon_days} days",
            needed={"days of history": int(-(-horizon_days // _AHEAD_MAX))},
            present={"days of history": history_days},
            advice="Take a shorter horizon, or collect older orders.",
        )
    if quiet_days > horizon_days:
        raise PredictError(
            f"The last purchase was on {known.last_at:%Y-%m-%d}, {quiet_days:,} days before {as_of:%Y-%m-%d}. If orders "
            "of that time are missing, everybody would seem lost: collect them, or give a moment (as of) soon after "
            "that day. If nobody bought any more, take a longer horizon."
        )
    warnings = []
    if horizon_days > history_days:
        warnings.append(
            f"It looks {horizon_days} days ahead but only {history_days} days back: the models carry on what they have "
            "seen, and no season repeats itself in it. Read it as rough."
        )
    if quiet_days > _QUIET_DAYS:
        warnings.append(
            f"Nobody bought in the last {quiet_days} days. If orders are missing, the values are too low."
        )
    return tuple(warnings)


def _people(ids: pa.Array, values: LifetimeValues) -> pa.Table:
    possible = values.possible or values.likely
    columns = {
        "value": values.value,
        "lower": possible.lower,
        "upper": possible.upper,
        "likely_lower": values.likely.lower,
        "likely_upper": values.likely.upper,
        "expected_purchases": values.expected_purchases,
        "probability_alive": values.probability_alive,
        "spend_per_purchase": values.spend_per_purchase,
    }
    arrays = {name: pa.array(side, mask=np.isnan(side)) for name, side in columns.items()}
    return pa.table({"profile_id": ids, **arrays})


def _tell(progress: Progress | None, step: int, note: str) -> None:
    if progress is not None:
        progress(step, 4, note)
