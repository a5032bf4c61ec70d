"""Care of leads among firms: which of those that have not ordered will."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import ClassVar

from aimwell.definitions.kinds.prediction import Prediction
from aimwell.predict.care.equally_long import equally_long
from aimwell.predict.care.kind_churn import told_of_chances
from aimwell.predict.care.kinds import Seen, Told, horizon_of, taught_until
from aimwell.predict.care.model import SCORES
from aimwell.predict.leads.firms import Firms, read_firms
from aimwell.predict.leads.service import leads_model, score_account_leads, train_account_leads
from aimwell.predict.questions import Question
from aimwell.predict.registry import RegisteredModel
from aimwell.predict.training import Progress
from aimwell.store.stores import Stores

__all__ = ["AccountLeadsCare"]


class AccountLeadsCare:
    """Firms that had not ordered, and whether anybody of theirs did it within the horizon."""

    measure: ClassVar[str] = "log loss"
    dull_rule: ClassVar[str] = "every firm's share"
    judged: ClassVar[str] = "firms"
    asked: ClassVar[tuple[str, ...]] = ("event",)

    def train(
        self,
        stores: Stores,
        wanted: Prediction,
        *,
        as_of: datetime,
        now: datetime,
        progress: Progress | None,
    ) -> RegisteredModel:
        """See CaredKind."""
        return train_account_leads(
            stores,
            as_of=as_of,
            horizon_days=wanted.horizon_days,
            event=wanted.does.event,
            name=wanted.name,
            learners=wanted.learners,
            seed=wanted.seed,
            now=now,
            progress=progress,
        ).entry

    def span(self, entry: RegisteredModel) -> timedelta:
        """See CaredKind."""
        return horizon_of(entry)

    def learnt_until(self, entry: RegisteredModel) -> datetime:
        """See CaredKind."""
        return taught_until(entry)

    def seen(self, stores: Stores, entry: RegisteredModel, *, as_of: datetime) -> Seen:
        """Features of firms, and their probabilities, by records as long as at the version's own moment."""
        model = leads_model(stores, entry)
        since = equally_long(stores, then=entry.as_of, now=as_of)
        firms = _firms(stores, [entry], as_of, model.names, outcome=False, since=since)
        values = firms.table.matrix(model.names)
        columns = {SCORES: model.predict(replace(firms.table, as_of=entry.as_of))}
        columns |= {name: values[:, place] for place, name in enumerate(model.names)}
        return Seen(columns, dict(model.influences), "firms")

    def told(self, stores: Stores, entries: Sequence[RegisteredModel], *, cut: datetime) -> Told:
        """See CaredKind."""
        models = [leads_model(stores, entry) for entry in entries]
        names = tuple(dict.fromkeys(name for model in models for name in model.names))
        firms = _firms(stores, entries, cut, names, outcome=True)
        chances = tuple(model.predict(firms.table) for model in models)
        return told_of_chances(chances, firms.table.happened)

    def score(
        self, stores: Stores, entry: RegisteredModel, *, as_of: datetime, now: datetime
    ) -> int | None:
        """See CaredKind."""
        return int(score_account_leads(stores, entry, as_of=as_of, now=now).num_rows)


def _firms(
    stores: Stores,
    entries: Sequence[RegisteredModel],
    as_of: datetime,
    names: Sequence[str],
    *,
    outcome: bool,
    since: datetime | None = None,
) -> Firms:
    return read_firms(
        stores,
        as_of=as_of,
        horizon=horizon_of(entries[0]),
        question=Question.of_event(str(entries[0].settings["event"])),
        outcome=outcome,
        names=names,
        since=since,
    )
