"""Care of what comes next: when people buy again, and which products they are recommended."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from scipy.sparse import csr_array

from aimwell.definitions.kinds.prediction import Prediction
from aimwell.history.moment import TIME_COLUMNS, open_moment
from aimwell.predict.care.kinds import (
    EVER,
    Learns,
    Seen,
    Told,
    TrainedAlike,
    horizon_of,
    stand_ins,
)
from aimwell.predict.care.purchases_seen import purchases_seen
from aimwell.predict.recommend.catalogue import Catalogue
from aimwell.predict.recommend.fitting import fit_recommenders
from aimwell.predict.recommend.interactions import Interactions
from aimwell.predict.recommend.judging import split_truth
from aimwell.predict.recommend.measures import judge_lists
from aimwell.predict.recommend.reading import coded, read_catalogue, read_interactions, read_truth
from aimwell.predict.recommend.recommender import Recommender
from aimwell.predict.recommend.rules import Rules
from aimwell.predict.recommend.service import load_recommender, train_recommender
from aimwell.predict.recommend.serving import RECOMMENDATIONS, ReadyRecommender
from aimwell.predict.recommend.training import group_places
from aimwell.predict.registry import RegisteredModel
from aimwell.predict.timing.kept import paces_of, score_next_purchases, train_next_purchases
from aimwell.predict.timing.paces import Paces, fit_paces
from aimwell.predict.timing.reading import WaitRows, came_to, read_waits
from aimwell.predict.timing.wait_losses import CurveAhead, row_losses
from aimwell.predict.training import Progress
from aimwell.stats.samples import FloatArray
from aimwell.store.stores import Stores

__all__ = ["NextPurchaseCare", "RecommenderCare"]


class NextPurchaseCare:
    """People, or people and items, and the day on which each bought again."""

    measure: ClassVar[str] = "log score of the day (negative)"
    dull_rule: ClassVar[str] = "everybody's waits"
    judged: ClassVar[str] = "waits for a next purchase"
    asked: ClassVar[tuple[str, ...]] = ("by",)

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
        if progress is not None:
            progress(0, 1, "fitting the waits between purchases")
        by = wanted.rows
        assert by != "shop"  # noqa: S101 - the definition does not take it
        return train_next_purchases(
            stores,
            as_of=as_of,
            horizon_days=wanted.horizon_days,
            by=by,
            name=wanted.name,
            now=now,
        )

    def span(self, entry: RegisteredModel) -> timedelta:
        """See CaredKind."""
        return horizon_of(entry)

    def learnt_until(self, entry: RegisteredModel) -> datetime:  # noqa: ARG002
        """A stand-in answers for it."""
        return EVER

    def seen(self, stores: Stores, entry: RegisteredModel, *, as_of: datetime) -> Seen:
        """See CaredKind."""
        return purchases_seen(stores, entry, as_of=as_of, days=max(90, self.span(entry).days))

    def told(self, stores: Stores, entries: Sequence[RegisteredModel], *, cut: datetime) -> Told:
        """See CaredKind."""
        span = horizon_of(entries[0])
        snapshot = stores.lake.pin(*TIME_COLUMNS)
        read = read_waits(stores, cut, entries[0].settings["by"], snapshot, span)
        came = came_to(read, span.days)
        laws = [
            _paces(stores, entry, read, cut).next_gap(read.waits, read.items) for entry in entries
        ]
        return Told(
            losses=tuple(-row_losses(ahead, came, span.days).log_score for ahead in laws),
            dull=-row_losses(CurveAhead(read.curve, read.waits.waited), came, span.days).log_score,
            expected=tuple(ahead.within(span.days) for ahead in laws),
            came=np.isfinite(came).astype(np.float64),
            stand_ins=stand_ins(stores, entries, cut),
            persons=np.asarray(pc.rank(read.profiles, tiebreaker="dense").to_numpy()) - 1,
        )

    def score(
        self, stores: Stores, entry: RegisteredModel, *, as_of: datetime, now: datetime
    ) -> int | None:
        """See CaredKind."""
        return score_next_purchases(stores, entry, as_of=as_of, now=now)


def _paces(stores: Stores, entry: RegisteredModel, read: WaitRows, cut: datetime) -> Paces:
    if entry.as_of <= cut:
        return paces_of(stores, entry)
    return fit_paces(read.waits, read.items, read.once, read.once_items)


class RecommenderCare(TrainedAlike):
    """People who later bought something new to them, by how high it stood in their list."""

    measure: ClassVar[str] = "1 − NDCG"
    dull_rule: ClassVar[str] = "what is bought most"
    judged: ClassVar[str] = "people"
    asked: ClassVar[tuple[str, ...]] = ("k", "by")
    learns: ClassVar[Learns] = staticmethod(train_recommender)

    def span(self, entry: RegisteredModel) -> timedelta:
        """See CaredKind."""
        return horizon_of(entry)

    def learnt_until(self, entry: RegisteredModel) -> datetime:  # noqa: ARG002
        """A stand-in answers for it."""
        return EVER

    def seen(self, stores: Stores, entry: RegisteredModel, *, as_of: datetime) -> Seen:
        """How many products each person bought lately, and which share of them the recommender does not know.

        At its own moment it knows all; so the share then is that of products that were new within the time looked at.
        """
        _, recommender = load_recommender(stores, entry)
        with open_moment(stores, as_of=as_of, engine=stores.history_engine) as moment:
            found = read_interactions(moment)
        bought = found.days > 0
        span = horizon_of(entry)
        lately = bought & (found.since <= span.days)
        if as_of - span >= entry.as_of:
            known = pc.is_in(found.skus, recommender.skus).to_numpy(zero_copy_only=False)
        else:
            known = np.zeros(len(found.skus), dtype=bool)
            known[found.product[bought & (found.since + found.span > span.days)]] = True
        person = found.person[lately]
        counts = np.bincount(person, minlength=len(found)).astype(np.float64)
        strange = np.bincount(person, weights=~known[found.product[lately]], minlength=len(found))
        active = counts > 0
        return Seen(
            {
                "products bought lately": counts[active],
                "share of products unknown to it": strange[active] / counts[active],
            },
            {"products bought lately": 0.5, "share of products unknown to it": 0.5},
            "people who bought lately",
        )

    def told(self, stores: Stores, entries: Sequence[RegisteredModel], *, cut: datetime) -> Told:
        """See CaredKind."""
        span = horizon_of(entries[0])
        with open_moment(stores, as_of=cut, horizon=span, engine=stores.history_engine) as moment:
            before = read_interactions(moment)
            truth = split_truth(read_truth(moment, before), before)["new"]
            catalogue = read_catalogue(moment, before.skus)
        people = np.flatnonzero(np.diff(truth.indptr))
        wanted = csr_array(truth[people])
        ways = [_recommender(stores, entry, before, catalogue, cut) for entry in entries]
        dull = fit_recommenders(before, catalogue, ["popularity"], horizon_days=span.days)
        k = int(entries[0].settings["k"])
        qualities = [
            _missed(stores, way, before, people, wanted, cut, k)
            for way in (*ways, dull["popularity"])
        ]
        return Told(
            losses=tuple(qualities[:-1]),
            dull=qualities[-1],
            stand_ins=stand_ins(stores, entries, cut),
        )

    def score(
        self, stores: Stores, entry: RegisteredModel, *, as_of: datetime, now: datetime
    ) -> int | None:
        """Lists are no scores: they are made when they are asked for, or pinned by a plan."""
        del stores, entry, as_of, now
        return None


def _recommender(
    stores: Stores,
    entry: RegisteredModel,
    before: Interactions,
    catalogue: Catalogue,
    cut: datetime,
) -> Recommender:
    """The version, or the same methods fitted to what was known at the cut."""
    _, made = load_recommender(stores, entry)
    if entry.as_of <= cut:
        return made
    with open_moment(stores, as_of=cut, engine=stores.history_engine) as moment:
        groups, group = group_places(moment, made.by, before.people)
    return fit_recommenders(
        before,
        catalogue,
        [made.method],
        again_method=made.again_method,
        horizon_days=made.horizon_days,
        by=made.by,
        groups=groups,
        group=group,
        seed=int(entry.settings["seed"]),
    )[made.method]


def _missed(
    stores: Stores,
    recommender: Recommender,
    before: Interactions,
    people: npt.NDArray[np.int64],
    wanted: csr_array,
    cut: datetime,
    k: int,
) -> FloatArray:
    """1 − NDCG of each of the people who bought something new; a product that the recommender does not know is missed."""
    ids = before.people.take(pa.array(people))
    rules = Rules(kind="new", k=k, in_stock=False)
    ready = ReadyRecommender.prepare(recommender, Catalogue.unknown(recommender.skus), rules)
    with open_moment(stores, as_of=cut, engine=stores.history_engine) as moment:
        interactions = read_interactions(moment, skus=recommender.skus)
        groups = None
        if recommender.by is not None:
            known = recommender.popular.groups[1:]
            _, group = group_places(moment, recommender.by, ids, known)
            groups = None if group is None else group + 1
        rows = pa.Table.from_batches(ready.batches(ids, interactions, groups), RECOMMENDATIONS)
    product = coded(rows.column("sku"), before.skus)
    listed = product >= 0
    quality = judge_lists(
        coded(rows.column("profile_id"), ids)[listed],
        rows.column("rank").to_numpy().astype(np.int64)[listed],
        product[listed],
        wanted,
        k=k,
        bought_share=np.ones(len(before.skus)),
    )
    return 1 - quality.each["ndcg"]
