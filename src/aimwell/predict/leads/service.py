"""Which firms will order for the first time within a horizon: learnt, judged on firms of a later time, registered, scored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa

from aimwell.definitions.kinds.prediction import USUAL_LEARNERS, LearnerKind
from aimwell.errors import PredictError, TooLittleDataError
from aimwell.predict.cards import model_card
from aimwell.predict.kind_words import kind_words
from aimwell.predict.leads.firms import RECENCY, Firms, read_firms
from aimwell.predict.metrics import propensity_metrics
from aimwell.predict.propensity import (
    NEEDED_TO_JUDGE,
    NEEDED_TO_LEARN,
    PropensityModel,
    PropensityResult,
    fit_propensity,
)
from aimwell.predict.questions import ACCOUNTS, PURCHASE, Question
from aimwell.predict.registry import (
    RegisteredModel,
    check_name,
    find_model,
    load_part,
    register_model,
    usual_name,
)
from aimwell.predict.scoring import check_seen, keep_account_scores
from aimwell.predict.tables import FeatureTable
from aimwell.predict.training import Progress, span_days, tables_of_two_moments
from aimwell.store.lake import Snapshot
from aimwell.store.stores import Stores

__all__ = ["AccountLeads", "leads_model", "score_account_leads", "train_account_leads"]

_PART = "propensity"
_WHAT = "lead scores of firms"
_WORDS = {
    "people": "firms",
    "people who did it": "firms that did it",
    "people who did not": "firms that did not",
}


@dataclass(frozen=True, slots=True)
class AccountLeads:
    """The model as it was registered, and everything that was found while it was chosen."""

    entry: RegisteredModel
    result: PropensityResult

    @property
    def sentence(self) -> str:
        """What it is worth, in one sentence."""
        return str(model_card(self.entry)["sentence"])

    def to_dict(self) -> dict[str, Any]:
        """Its card."""
        return model_card(self.entry)


def train_account_leads(
    stores: Stores,
    *,
    as_of: datetime,
    horizon_days: int,
    event: str = PURCHASE,
    name: str | None = None,
    learners: Sequence[LearnerKind] = USUAL_LEARNERS,
    seed: int = 0,
    anew: bool = False,
    now: datetime,
    progress: Progress | None = None,
) -> AccountLeads:
    """Learn how likely anybody of a firm that has not ordered does something within a horizon, judge it on later firms.

    Args:
        stores: The workspace.
        as_of: Nothing from this moment on is seen.
        horizon_days: How far ahead it looks, in days.
        event: What somebody of the firm does: orders, or an event such as 'Opportunity Created'.
        name: Of the model; default: `account-leads-buy-90d`, or the event and the horizon.
        learners: Which ones try, beside the rule by the last visit of anybody.
        seed: The same data and seed give the same model.
        anew: Register a new version even where the newest is the very same model.
        now: When it is trained.
        progress: Called with steps done, steps in all, and what comes next.

    Raises:
        TooLittleDataError: Too short a history, or too few firms that did or did not do it.
        PredictError: Nobody ever did it, or `name` stands for another model.
    """
    question, horizon = Question.of_event(event), span_days(horizon_days)
    name = name or usual_name(
        f"account leads {'buy' if event == PURCHASE else event}", horizon_days
    )
    settings = {
        **question.settings(),
        "among": ACCOUNTS,
        "horizon_days": horizon_days,
        "seed": seed,
    }
    check_name(stores, name, kind="account_leads", settings=settings)

    def read(cut: datetime, snapshot: Snapshot, before: FeatureTable | None) -> FeatureTable:
        found = read_firms(
            stores,
            as_of=cut,
            horizon=horizon,
            question=question,
            outcome=True,
            names=None if before is None else before.names,
            snapshot=snapshot,
        ).table
        _check_enough(found, NEEDED_TO_LEARN if before is None else NEEDED_TO_JUDGE, cut)
        return found

    tables = tables_of_two_moments(
        stores, read, as_of=as_of, horizon=horizon, question=question, what=_WHAT, progress=progress
    )
    if progress is not None:
        progress(2, 4, "learning and judging")
    result = fit_propensity(tables.train, tables.judge, recency=RECENCY, kinds=learners, seed=seed)
    entry = register_model(
        stores,
        {_PART: result.model},
        name=name,
        kind="account_leads",
        as_of=as_of.astimezone(UTC),
        settings=settings,
        metrics=propensity_metrics(result, tables),
        lake_versions=tables.snapshot.versions,
        trained_at=now,
        anew=anew,
    )
    if progress is not None:
        progress(4, 4, "")
    return AccountLeads(entry, result)


def score_account_leads(
    stores: Stores, model: RegisteredModel | str, *, as_of: datetime, now: datetime
) -> pa.Table:
    """Score the firms that have not ordered before `as_of`, and keep the scores in the lake's table `account_scores`.

    Args:
        stores: The workspace.
        model: A registered model of account leads, or its name.
        as_of: Nothing from this moment on is seen.
        now: When it is scored.

    Returns:
        The likeliest first: `account_id`, `name`, `industry`, `country`, `people`, `last_visit_days` (null: nobody visited), `score`
        (0-1).

    Raises:
        PredictError: There is no such model, it is another kind, or it saw later data than `as_of` leaves.
        ModelFileError: Its files are missing or were changed.
    """
    entry = find_model(stores, model) if isinstance(model, str) else model
    if entry.kind != "account_leads":
        raise PredictError(
            f"'{entry.name}' is {kind_words(entry.kind)}, not one of firms. Train one with: aimwell predict leads "
            "--accounts"
        )
    check_seen(entry, as_of)
    fitted = leads_model(stores, entry)
    firms: Firms = read_firms(
        stores,
        as_of=as_of,
        horizon=span_days(int(entry.settings["horizon_days"])),
        question=Question.of_event(str(entry.settings["event"])),
        outcome=False,
        names=fitted.names,
    )
    score = fitted.predict(firms.table) if len(firms.table) else np.empty(0)
    keep_account_scores(stores, entry, firms.ids, score, as_of=as_of, now=now)
    found = firms.facts.append_column("score", pa.array(score))
    return found.sort_by([("score", "descending"), ("account_id", "ascending")])


def leads_model(stores: Stores, entry: RegisteredModel) -> PropensityModel:
    """The model of a registered version. Raises ModelFileError where its files are missing or were changed."""
    return load_part(stores, entry, _PART, PropensityModel)


def _check_enough(table: FeatureTable, needed: dict[str, int], cut: datetime) -> None:
    did = int(table.happened.sum())
    present = {
        "people": len(table),
        "people who did it": did,
        "people who did not": len(table) - did,
    }
    if any(present[name] < least for name, least in needed.items()):
        raise TooLittleDataError(
            f"{_WHAT} as of {cut:%Y-%m-%d}",
            needed={_WORDS[name]: least for name, least in needed.items()},
            present={_WORDS[name]: count for name, count in present.items()},
            advice="Take a longer horizon, or score their people: aimwell predict leads. Firms and their people count from the day "
            "that their rows bear (set_at): map it to when they became known.",
        )
