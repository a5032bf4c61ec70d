"""Who of a shop's customers will not come back: learnt, judged on later people, registered, and scored."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa

from aimwell.errors import PredictError
from aimwell.history.moment import TIME_COLUMNS
from aimwell.predict.buying_law import BuyingLaw
from aimwell.predict.cards import model_card
from aimwell.predict.churn import ChurnResult, fit_churn
from aimwell.predict.churn_people import (
    AtRisk,
    churn_horizon,
    in_units,
    law_between,
    people_at_risk,
)
from aimwell.predict.kind_words import kind_words
from aimwell.predict.metrics import churn_metrics
from aimwell.predict.propensity import PropensityModel
from aimwell.predict.questions import PURCHASE
from aimwell.predict.registry import (
    RegisteredModel,
    check_name,
    find_model,
    load_part,
    register_model,
    usual_name,
)
from aimwell.predict.scoring import check_seen, keep_scores, scores_table
from aimwell.predict.training import Progress, learning_moments, span_days
from aimwell.stats.samples import FloatArray
from aimwell.store.lake import Snapshot
from aimwell.store.stores import Stores

__all__ = ["ChurnFit", "chances_of_going", "churn_model", "predict_churn", "score_churn"]

_MODEL, _LAW = "propensity", "buying"
_STEPS = 5


@dataclass(frozen=True, slots=True, eq=False)
class ChurnFit:
    """Churn as it was registered, and the scores of those at risk.

    Args:
        entry: The registered model.
        result: All ways of telling, and the chosen one.
        people: One row per customer at risk, by profile_id: `profile_id`, `score` (probability of no order within the
            horizon), `probability_alive` (that the law of buying gives; null without a law), `revenue_365d` (what they
            spent in the year before). Who has been silent for a whole horizon has gone by definition and has no row.
        gone: Customers who have.
    """

    entry: RegisteredModel
    result: ChurnResult
    people: pa.Table
    gone: int

    @property
    def sentence(self) -> str:
        """What it is worth, in one sentence."""
        return str(model_card(self.entry)["sentence"])

    def to_dict(self) -> dict[str, Any]:
        """Its card."""
        return model_card(self.entry)


def predict_churn(
    stores: Stores,
    *,
    as_of: datetime,
    horizon_days: int | None = None,
    name: str | None = None,
    seed: int = 0,
    anew: bool = False,
    now: datetime,
    progress: Progress | None = None,
) -> ChurnFit:
    """Learn who of the customers at risk will not order within the horizon, judge it later, score everybody at risk.

    Args:
        stores: The workspace.
        as_of: Nothing from this moment on is seen.
        horizon_days: A silence of so many days makes a customer count as gone. Default: by when 90 % of those who come
            back have come back (`rhythm.shop_rhythm`), at most a third of the history.
        name: Of the model; default: `churn-90d`.
        seed: The same data and seed give the same model.
        anew: Register a new version even where the newest is the very same model.
        now: When it is trained.
        progress: Called with steps done, steps in all, and what comes next.

    Raises:
        TooLittleDataError: Too short a history, or too few at risk who went or stayed; says what is needed.
        PredictError: Nobody ever bought, or `name` stands for another model.
    """
    snapshot = stores.lake.pin(*TIME_COLUMNS)
    _tell(progress, 0, "reading the rhythm of purchases")
    known, horizon = churn_horizon(stores, as_of, horizon_days, snapshot)
    name = name or usual_name("churn", horizon.days)
    settings = {"event": PURCHASE, "horizon_days": horizon.days, "seed": seed}
    check_name(stores, name, kind="churn", settings=settings)
    span = span_days(horizon.days)
    moments = learning_moments(known, as_of, span, PURCHASE, what="churn")
    _tell(progress, 1, "reading people to learn from")
    train = people_at_risk(stores, moments.train_as_of, span, snapshot, outcome=True)
    _tell(progress, 2, "reading people to judge on")
    later = people_at_risk(stores, moments.judge_as_of, span, snapshot, outcome=True)
    laws, no_law = law_between(stores, moments, snapshot)
    _tell(progress, 3, "learning and judging")
    silent = None if laws is None else laws.model.probability_silent(later.history, in_units(span))
    result = fit_churn(
        train.table,
        later.table,
        law=None if laws is None else laws.chosen.title,
        law_silent=silent,
        seed=seed,
    )
    _tell(progress, 4, "scoring")
    parts: dict[str, Any] = {} if laws is None else {_LAW: laws.model}
    if result.chosen.model is not None:
        parts[_MODEL] = result.chosen.model
    entry = register_model(
        stores,
        parts,
        name=name,
        kind="churn",
        as_of=as_of.astimezone(UTC),
        settings=settings,
        metrics={
            **churn_metrics(result, train.table, later.table),
            "recorded": known,
            "rhythm": horizon.rhythm,
            "horizon_words": horizon.words,
            "law": None if laws is None else laws.reason,
            "no_law": no_law,
        },
        lake_versions=snapshot.versions,
        trained_at=now,
        anew=anew,
    )
    people, gone = score_churn(stores, entry, as_of=as_of, now=now, snapshot=snapshot)
    _tell(progress, _STEPS, "")
    return ChurnFit(entry, result, people, gone)


def score_churn(
    stores: Stores,
    model: RegisteredModel | str,
    *,
    as_of: datetime,
    now: datetime,
    snapshot: Snapshot | None = None,
) -> tuple[pa.Table, int]:
    """Score everybody at risk as of a moment, and keep the scores in the lake's table `scores`.

    A version scores a moment once: what was written first stands in the lake.

    Returns:
        The people as `ChurnFit.people`, and how many have gone by then.

    Raises:
        PredictError: There is no such model, it is none of churn, or it saw later data than `as_of` leaves.
        ModelFileError: Its files are missing or were changed.
    """
    entry = find_model(stores, model) if isinstance(model, str) else model
    if entry.kind != "churn":
        raise PredictError(
            f"'{entry.name}' is {kind_words(entry.kind)}, not a model of churn. List models with: "
            "aimwell predict models"
        )
    check_seen(entry, as_of)
    span = span_days(int(entry.settings["horizon_days"]))
    risk = people_at_risk(stores, as_of, span, snapshot, outcome=False)
    score = chances_of_going(stores, entry, risk)
    _, law = churn_model(stores, entry)
    scores = scores_table(risk.ids, score)
    keep_scores(stores, entry, scores, as_of=as_of, now=now)
    alive = np.full(len(score), np.nan) if law is None else law.probability_alive(risk.history)
    spent = risk.table.matrix(("revenue_365d",))[:, 0]
    people = pa.table(
        {
            "profile_id": risk.ids,
            "score": scores.column("score"),
            "probability_alive": pa.array(alive, mask=np.isnan(alive)),
            "revenue_365d": pa.array(spent, mask=np.isnan(spent)),
        }
    )
    return people, risk.gone


def churn_model(
    stores: Stores, entry: RegisteredModel
) -> tuple[PropensityModel | None, BuyingLaw | None]:
    """The propensity to buy, where it was chosen, and the law of buying that stands beside it or was chosen.

    Raises:
        ModelFileError: Files are missing or were changed.
    """
    parts = {path.split("/")[0] for path in entry.files}
    return (
        load_part(stores, entry, _MODEL, PropensityModel) if _MODEL in parts else None,
        load_part(stores, entry, _LAW, BuyingLaw) if _LAW in parts else None,  # type: ignore[type-abstract]
    )


def chances_of_going(stores: Stores, entry: RegisteredModel, risk: AtRisk) -> FloatArray:
    """The probability of each of those at risk not to order within the horizon.

    Raises:
        PredictError: The version holds nothing that scores.
        ModelFileError: Its files are missing or were changed.
    """
    fitted, law = churn_model(stores, entry)
    if fitted is not None:
        return np.asarray(1 - fitted.predict(risk.table))
    if law is None:
        raise PredictError(f"{entry.label} holds nothing that scores. Train it anew.")
    span = span_days(int(entry.settings["horizon_days"]))
    return law.probability_silent(risk.history, in_units(span))


def _tell(progress: Progress | None, step: int, note: str) -> None:
    if progress is not None:
        progress(step, _STEPS, note)
