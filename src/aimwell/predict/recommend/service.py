"""Recommendations from the workspace: learn and register, recommend to many or one, look up what goes with a product."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
from sqlglot import exp

from aimwell.errors import PredictError
from aimwell.history.moment import Moment, open_moment
from aimwell.predict.kind_words import kind_words
from aimwell.predict.recommend.catalogue import Catalogue
from aimwell.predict.recommend.reading import read_interactions, read_listed
from aimwell.predict.recommend.recommender import Recommender
from aimwell.predict.recommend.rules import Exclusions, Rules
from aimwell.predict.recommend.serving import RECOMMENDATIONS, ReadyRecommender
from aimwell.predict.recommend.training import Learnt, group_places, learn
from aimwell.predict.registry import (
    RegisteredModel,
    check_name,
    find_model,
    load_part,
    newest_of,
    register_model,
    usual_name,
)
from aimwell.predict.scoring import check_seen
from aimwell.predict.training import Progress
from aimwell.store.lake import Snapshot
from aimwell.store.sql import sql
from aimwell.store.stores import Stores

__all__ = [
    "Recommended",
    "TrainedRecommender",
    "load_recommender",
    "newest_recommender",
    "ready_recommender",
    "recommend",
    "similar_products",
    "train_recommender",
]

_PART = "recommender"

# For more people than these, one reading of everybody is quicker than gathering their rows.
_FEW = 5_000


@dataclass(frozen=True, slots=True)
class TrainedRecommender:
    """A recommender as it was registered, and how its methods were chosen."""

    entry: RegisteredModel
    learnt: Learnt

    def to_dict(self) -> dict[str, Any]:
        """Its name and figures."""
        return {
            "name": self.entry.name,
            "version": self.entry.version,
            "as_of": self.entry.as_of,
            "settings": dict(self.entry.settings),
            "metrics": dict(self.entry.metrics),
        }


@dataclass(frozen=True, slots=True, eq=False)
class Recommended:
    """What was recommended.

    Args:
        entry: By which version of which model.
        table: Rows of RECOMMENDATIONS; empty where they were handed to `write`.
        people: Who was asked for.
        short, none: Of these, with a shorter list than was asked for, and with no product at all.
        rows: How many recommendations there are.
        exclusions: What each rule left out.
        catalogue: The products, as they stand.
    """

    entry: RegisteredModel
    table: pa.Table
    people: int
    short: int
    none: int
    rows: int
    exclusions: Exclusions
    catalogue: Catalogue


def train_recommender(
    stores: Stores,
    *,
    as_of: datetime,
    horizon_days: int = 30,
    by: str | None = None,
    k: int = 10,
    name: str | None = None,
    seed: int = 0,
    anew: bool = False,
    now: datetime,
    progress: Progress | None = None,
) -> TrainedRecommender:
    """Judge all methods on what people bought in the last horizon, fit the chosen ones to everything, register that.

    Args:
        stores: The workspace.
        as_of: Nothing from this moment on is seen.
        horizon_days, by, k, seed, progress: See `training.learn`.
        name: Of the model; default: `recommend-30d`.
        anew: Register a new version even where the newest is the very same.
        now: When it is trained.

    Raises:
        TooLittleDataError: Too short a history, too few products or people; says what is needed.
        PredictError: Nobody ever bought, or `name` stands for another model.
    """
    name = name or usual_name("recommend", horizon_days)
    settings = {"horizon_days": horizon_days, "by": by, "k": k, "seed": seed}
    check_name(stores, name, kind="recommender", settings=settings)
    learnt = learn(
        stores, as_of=as_of, horizon_days=horizon_days, by=by, k=k, seed=seed, progress=progress
    )
    entry = register_model(
        stores,
        {_PART: learnt.model},
        name=name,
        kind="recommender",
        as_of=as_of.astimezone(UTC),
        settings=settings,
        metrics=learnt.metrics,
        lake_versions=learnt.snapshot.versions,
        trained_at=now,
        anew=anew,
    )
    return TrainedRecommender(entry, learnt)


def load_recommender(
    stores: Stores, model: RegisteredModel | str
) -> tuple[RegisteredModel, Recommender]:
    """A registered recommender; the hashes of its files are compared before they are read.

    Raises:
        PredictError: There is no such model, or it is none that recommends.
        ModelFileError: Its files are missing or were changed.
    """
    entry = find_model(stores, model) if isinstance(model, str) else model
    if entry.kind != "recommender":
        raise PredictError(
            f"'{entry.name}' is {kind_words(entry.kind)}, not a recommender. Train one with: "
            "aimwell predict recommenders"
        )
    return entry, load_part(stores, entry, _PART, Recommender)


def newest_recommender(stores: Stores) -> RegisteredModel:
    """Of the name that was trained last the version in use: what was trained since and is not used stays out of lists.

    Raises:
        PredictError: There is none.
    """
    newest = newest_of(stores, "recommender")
    if newest is None:
        raise PredictError(
            "There is no recommender yet. Train one with: aimwell predict recommenders"
        )
    return newest


def recommend(
    stores: Stores,
    model: RegisteredModel | str,
    *,
    as_of: datetime,
    rules: Rules | None = None,
    profiles: Sequence[str] | None = None,
    snapshot: Snapshot | None = None,
    write: Callable[[pa.RecordBatch], None] | None = None,
) -> Recommended:
    """Ranked products for people. The same version, moment, rules and snapshot give the same rows, byte by byte.

    Args:
        stores: The workspace.
        model: A registered recommender, or its name (`recommend-30d`, or one version, `recommend-30d@2`).
        as_of: Nothing from this moment on is seen.
        rules: What is asked for; default: ten new products.
        profiles: Who; default: everybody known who is more than a visitor, by profile_id.
        snapshot: Versions of the lake's tables, as a plan pins them; default: the newest.
        write: Takes the rows block by block, so that those of a million people need not be held at once.

    Raises:
        PredictError: No such model or person, the model saw later data than `as_of` leaves, or the rules cannot be applied.
        ModelFileError: Its files are missing or were changed.
    """
    entry, recommender = load_recommender(stores, model)
    asked = rules or Rules()
    _check(entry, recommender, asked, as_of)
    # Groups may rest on everybody (as the quantiles of RFM do), so then everybody is read.
    alone = profiles is not None and len(profiles) <= _FEW and recommender.by is None
    with open_moment(
        stores,
        as_of=as_of,
        snapshot=snapshot,
        people=profiles if alone else None,
        engine=stores.engine if alone else stores.history_engine,
    ) as moment:
        ids = _people(moment, profiles)
        ready = ReadyRecommender.prepare(
            recommender, read_listed(moment, recommender.catalogue), asked
        )
        interactions = read_interactions(moment, skus=recommender.skus)
        groups = None
        if recommender.by is not None:
            known = recommender.popular.groups[1:]
            _, group = group_places(moment, recommender.by, ids, known)
            groups = None if group is None else group + 1
    held: list[pa.RecordBatch] = []
    rows = short = served = 0
    for batch in ready.batches(ids, interactions, groups):
        rows += batch.num_rows
        ranks = batch.column("rank").to_numpy()
        served += int((ranks == 1).sum())
        short += int((ranks == asked.k).sum())
        (write or held.append)(batch)
    return Recommended(
        entry,
        pa.Table.from_batches(held, schema=RECOMMENDATIONS),
        len(ids),
        len(ids) - short,
        len(ids) - served,
        rows,
        ready.exclusions,
        ready.catalogue,
    )


def ready_recommender(
    stores: Stores,
    model: RegisteredModel | str,
    *,
    as_of: datetime,
    rules: Rules | None = None,
) -> ReadyRecommender:
    """A recommender to keep in memory, which then answers for one person at a time: `.one(purchases)`.

    Raises:
        PredictError, ModelFileError: As `recommend`.
    """
    entry, recommender = load_recommender(stores, model)
    asked = rules or Rules()
    _check(entry, recommender, asked, as_of)
    with open_moment(stores, as_of=as_of, people=()) as moment:
        catalogue = read_listed(moment, recommender.catalogue)
    return ReadyRecommender.prepare(recommender, catalogue, asked)


def similar_products(
    stores: Stores, model: RegisteredModel | str, sku: str, *, k: int = 10
) -> pa.Table:
    """What goes with a product, the likest first: `sku`, `name`, `category`, `price`, `likeness`.

    Raises:
        PredictError: No such model or product.
    """
    _, recommender = load_recommender(stores, model)
    catalogue = recommender.catalogue
    row = recommender.neighbours[[catalogue.place(sku)]]
    order = np.lexsort((row.indices, -row.data))[:k]
    places = pa.array(row.indices[order].astype(np.int64))
    return pa.table(
        {
            "sku": catalogue.skus.take(places),
            "name": catalogue.names.take(places),
            "category": catalogue.categories.take(places),
            "price": pa.array(catalogue.price, from_pandas=True).take(places),
            "likeness": pa.array(row.data[order].astype(np.float64)),
        }
    )


def _check(entry: RegisteredModel, recommender: Recommender, rules: Rules, as_of: datetime) -> None:
    check_seen(entry, as_of, told="recommendations")
    if rules.kind == "next-best" and not all(recommender.chances.values()):
        raise PredictError(
            "The next best product weighs new products against those bought again by what people bought later, and "
            f"{entry.label} could judge only one of the two. Ask for the kind new or again, or train with another horizon."
        )


def _people(moment: Moment, profiles: Sequence[str] | None) -> pa.Array:
    """Who gets recommendations, by id.

    Raises:
        PredictError: Somebody who was asked for is not known before the moment.
    """
    moment.bind_known()
    query = exp.select("profile_id").from_("known").order_by("profile_id")
    if profiles is None:
        query = query.where(sql("NOT visitor"))
    ids = moment.session.table(query).column("profile_id").cast(pa.string()).combine_chunks()
    if profiles is None:
        return ids
    known = set(ids.to_pylist())
    wanted = sorted(set(profiles))
    missing = [one for one in wanted if one not in known]
    if missing:
        raise PredictError(
            f"{len(missing)} of the {len(wanted)} profiles asked for are not known before the moment, the first is "
            f"'{missing[0]:.80}'. Look for people with: aimwell profile"
        )
    return pa.array(wanted, pa.string())
