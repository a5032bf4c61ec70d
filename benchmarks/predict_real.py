"""Propensity and churn on real data, later in time, beside a dull rule and what scikit-learn gives by hand on the same people.

`benchmarks/predict_real.py [--only NAME] [--quick]`

Every data set comes in by its written source (`examples/sources`, `examples/predictions`), is unified, and is asked as a user would
ask it. The peer gets the very features of ours, of the same people: scikit-learn's histogram boosting as it comes, and its logistic
regression after medians and scaling. Judged are all on the same later people; `customer-personality` tells no time, so there it is
five random parts, twice. *Worse by* is the log loss above the best of all, person by person, with its interval of 95 %.

A figure is wrong, and the exit code 1, where our choice is worse than the dull rule, or worse than the best peer, by more than chance.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from aimwell.collect.service import collect
from aimwell.definitions import service as definitions
from aimwell.definitions.catalogue import check
from aimwell.definitions.kinds.prediction import Prediction
from aimwell.definitions.kinds.source import Source
from aimwell.definitions.leaves.acts import Acts
from aimwell.definitions.reading import read_documents
from aimwell.errors import TooLittleDataError
from aimwell.history.moment import TIME_COLUMNS
from aimwell.predict.care.questions import question_of
from aimwell.predict.churn_people import churn_horizon, in_units, law_between, people_at_risk
from aimwell.predict.folds import folds
from aimwell.predict.judging import judge, losses
from aimwell.predict.learners import learners
from aimwell.predict.paired import compare_losses
from aimwell.predict.questions import Question
from aimwell.predict.registry import list_models
from aimwell.predict.service import predict_churn, train_propensity
from aimwell.predict.tables import BoolArray
from aimwell.predict.training import feature_table, learning_moments, span_days, training_tables
from aimwell.stats.estimate import DEFAULT_CONFIDENCE
from aimwell.stats.samples import FloatArray
from aimwell.store.stores import Stores, create_stores
from aimwell.unify.service import unify

ROOT = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("AIMWELL_DATA", ROOT.parent / "shared" / "data"))
NOW = datetime(2026, 1, 1, tzinfo=UTC)
BOOSTING, LOGISTIC = "scikit-learn, boosting", "scikit-learn, logistic"
PEERS = (BOOSTING, LOGISTIC)


@dataclass(frozen=True)
class Asked:
    """One question and the probabilities of each way for the same people, ours in the order of simplicity."""

    title: str
    ways: Mapping[str, FloatArray]
    chosen: str
    happened: BoolArray


@dataclass(frozen=True)
class DataSet:
    """A folder of data, the definitions that take it in, its currency, and what is asked of it."""

    folder: str
    documents: tuple[str, ...]
    currency: str
    timezone: str
    ask: Callable[[Stores], list[Asked]]


def main() -> int:
    """Print a table per question; 1 where what was chosen is worse than the rule or the peer by more than chance."""
    parser = argparse.ArgumentParser(description="Propensity and churn on real data")
    parser.add_argument("--only", choices=sorted(SETS))
    parser.add_argument("--quick", action="store_true", help="customer-personality alone")
    asked = parser.parse_args()
    fine = True
    for name in ["customer-personality"] if asked.quick else [asked.only] if asked.only else SETS:
        one = SETS[name]
        if not (DATA / one.folder).is_dir():
            print(f"The data set {one.folder} is absent; set AIMWELL_DATA to measure it.")
            continue
        with tempfile.TemporaryDirectory() as folder:
            start = time.process_time()
            stores = taken_in(one, Path(folder) / "shop")
            for found in one.ask(stores):
                fine &= told(found)
            stores.close()
            print(f"{name}: {time.process_time() - start:.0f} s of processor time in all\n")
    return 0 if fine or asked.quick else 1


def taken_in(one: DataSet, folder: Path) -> Stores:
    """A workspace with the data, collected by the source as it is written, and unified; the same ids in each run."""
    stores = create_stores(
        folder, identity_key=bytes(32), currency=one.currency, timezone=one.timezone
    )
    files = [ROOT / "examples" / name for name in one.documents]
    wanted = [check(document.body) for document in read_documents(files)]
    definitions.apply(stores.control, wanted, now=NOW, by="benchmark")
    for source in wanted:
        if isinstance(source, Source):
            collect(stores, source, root=DATA / one.folder, now=NOW)
    unify(stores, now=NOW)
    return stores


def told(found: Asked) -> bool:
    """Print how each way did; whether what was chosen is not worse than the rule and the peers by more than chance."""
    names, happened = list(found.ways), found.happened
    each = [losses(chances, happened) for chances in found.ways.values()]
    compared = compare_losses(each, confidence=DEFAULT_CONFIDENCE)
    print(f"{found.title}: {len(happened):,} people, {happened.sum():,} did it")
    print(f"  {'way':<26}{'AUC':<24}{'predicted':>10}{'did it':>8}{'log loss':>10}  worse by")
    for name, extra in zip(names, compared.extra, strict=True):
        seen = judge(found.ways[name], happened)
        more = (
            f"{extra.estimate:.4f}±{(extra.upper or 0) - (extra.estimate or 0):.4f}"
            if extra.estimate
            else ""
        )
        auc = f"{seen.auc.estimate:.3f} ({seen.auc.lower:.3f}–{seen.auc.upper:.3f})"
        print(
            f"{'*' if name == found.chosen else ' '} {name:<26}{auc:<24}{seen.mean_predicted:>10.1%}"
            f"{seen.base_rate.estimate:>8.1%}{seen.log_loss:>10.4f}  {more}"
        )
    mine = each[names.index(found.chosen)]
    rivals = [names[0], *(name for name in names if name in PEERS)]
    behind = [
        name
        for name in rivals
        if (compare_losses([mine, each[names.index(name)]], confidence=0.95).extra[0].lower or 0)
        > 0
    ]
    print(f"  {found.chosen}: {'WORSE than ' + ', '.join(behind) if behind else 'fine'}")
    return not behind


def by_hand(
    values: FloatArray, outcome: BoolArray, later: FloatArray, *, seed: int = 0
) -> dict[str, FloatArray]:
    """What somebody gets from scikit-learn in ten lines; columns that nobody has are left out, as it cannot bear them."""
    there = ~np.isnan(values).all(axis=0)
    values, later = values[:, there], later[:, there]
    ways = {
        LOGISTIC: make_pipeline(
            SimpleImputer(strategy="median", add_indicator=True),
            StandardScaler(),
            LogisticRegression(max_iter=5_000),
        ),
        BOOSTING: HistGradientBoostingClassifier(random_state=seed),
    }
    return {name: way.fit(values, outcome).predict_proba(later)[:, 1] for name, way in ways.items()}


def propensity(
    stores: Stores, title: str, question: Question, *, as_of: datetime, horizon_days: int
) -> Asked:
    """Trained as the command trains it, with the peer on the same people."""
    trained = train_propensity(
        stores,
        as_of=as_of,
        horizon_days=horizon_days,
        question=question,
        name=f"asked-{len(list_models(stores))}",
        now=NOW,
    )
    tables = training_tables(stores, as_of=as_of, horizon_days=horizon_days, question=question)
    train, later = tables.train, tables.judge
    ours = {one.model.learner: one.model.predict(later) for one in trained.result.candidates}
    peers = by_hand(train.values, train.happened, later.values)
    return Asked(title, ours | peers, trained.result.model.learner, later.happened)


def churn(stores: Stores, title: str, *, as_of: datetime) -> Asked:
    """Who of those at risk goes, learnt as the command learns it."""
    fit = predict_churn(stores, as_of=as_of, now=NOW)
    snapshot = stores.lake.pin(*TIME_COLUMNS)
    known, horizon = churn_horizon(stores, as_of, None, snapshot)
    span = span_days(horizon.days)
    moments = learning_moments(known, as_of, span, "Order Completed")
    train, risk = (
        people_at_risk(stores, moment, span, snapshot, outcome=True)
        for moment in (moments.train_as_of, moments.judge_as_of)
    )
    laws, _ = law_between(stores, moments, snapshot)
    later = risk.table
    ours = {}
    for one in fit.result.candidates:
        if one.model is not None:
            ours[one.learner] = 1 - one.model.predict(later)
        elif laws is not None:
            ours[one.learner] = laws.model.probability_silent(risk.history, in_units(span))
    peers = by_hand(train.table.values, ~train.table.happened, later.values)
    return Asked(
        f"{title}, gone after {horizon.days} days",
        ours | peers,
        fit.result.chosen.learner,
        ~later.happened,
    )


def refused(what: str, ask: Callable[[], object]) -> None:
    """Print why it was refused; that it was not is an error."""
    try:
        ask()
    except TooLittleDataError as error:
        print(f"{what}: refused. {error}")
    else:
        raise AssertionError(f"{what} was not refused.")


def online_shoppers(stores: Stores) -> list[Asked]:
    """Whether a visit buys, learnt on May to September, judged on October to December."""
    asked = []
    for name in ("visit-buys", "visit-buys-unvalued"):
        wanted = definitions.find(stores.control, Prediction, name)
        asked.append(
            propensity(
                stores,
                f"online-shoppers-intention, {name}",
                question_of(stores, wanted),
                as_of=datetime(2018, 4, 3, tzinfo=UTC),
                horizon_days=wanted.horizon_days,
            )
        )
    return asked


def customer_personality(stores: Stores) -> list[Asked]:
    """Who responded to the last campaign, each told by learners that had not seen them (first of two divisions)."""
    names = [name for _, name in definitions.names(stores.control, "feature")]
    question = question_of(
        stores, Prediction(name="responds", columns=("tenure_days",), own=tuple(names))
    )
    _, table = feature_table(
        stores, as_of=datetime(2026, 1, 2, tzinfo=UTC), horizon=span_days(1), question=question
    )
    responded = table.names.index("own:responded")
    happened = table.values[:, responded] == 1
    values = np.delete(table.values, responded, axis=1)
    asked = []
    for seed in (0, 1):
        ways: dict[str, FloatArray] = {}
        for learn, held in folds(happened, count=5, seed=seed):
            for learner in learners(None):
                scorer = learner.tuned(values[learn], happened[learn], seed=seed).fit(
                    values[learn], happened[learn]
                )
                told_by = ways.setdefault(learner.name, np.empty(len(happened)))
                told_by[held] = scorer.score(values[held])
            peers = by_hand(values[learn], happened[learn], values[held], seed=seed)
            for name, chances in peers.items():
                ways.setdefault(name, np.empty(len(happened)))[held] = chances
        places = [name for name in ways if name not in PEERS]
        compared = compare_losses(
            [losses(ways[name], happened) for name in places], confidence=DEFAULT_CONFIDENCE
        )
        asked.append(
            Asked(
                f"customer-personality, random division {seed + 1}",
                ways,
                places[compared.chosen],
                happened,
            )
        )
    return asked


def complete_journey(stores: Stores) -> list[Asked]:
    """Purchases of a category, of anything, and churn, at a grocer of whom one line in twenty is there."""
    as_of = datetime(2017, 12, 31, tzinfo=UTC)
    categories = ("SOFT DRINKS", "FLUID MILK PRODUCTS", "CHEESE", "BAKED BREAD/BUNS/ROLLS")
    asked = [
        propensity(
            stores,
            f"complete-journey, buys {category} within 60 days",
            Question(
                Acts.model_validate(
                    {"event": "Order Completed", "where": {"category": {"is": category}}}
                )
            ),
            as_of=as_of,
            horizon_days=60,
        )
        for category in categories
    ]
    return [*asked, churn(stores, "complete-journey", as_of=as_of)]


def olist(stores: Stores) -> list[Asked]:
    """A second purchase, and churn: five of three thousand people bought twice, so it must be refused."""
    as_of = datetime(2018, 9, 1, tzinfo=UTC)
    refused(
        "olist-sample, buys again within 90 days",
        lambda: train_propensity(
            stores,
            as_of=as_of,
            horizon_days=90,
            question=Question(among="buyers"),
            name="again",
            now=NOW,
        ),
    )
    refused(
        "olist-sample, churn within 180 days",
        lambda: predict_churn(stores, as_of=as_of, horizon_days=180, now=NOW),
    )
    return []


def online_retail(stores: Stores) -> list[Asked]:
    """Purchases within 90 days as of September and of December, and churn."""
    asked = [
        propensity(
            stores,
            f"online-retail, buys within 90 days, as of {as_of:%Y-%m-%d}",
            Question(),
            as_of=as_of,
            horizon_days=90,
        )
        for as_of in (datetime(2011, 9, 1, tzinfo=UTC), datetime(2011, 12, 10, tzinfo=UTC))
    ]
    return [*asked, churn(stores, "online-retail", as_of=datetime(2011, 12, 10, tzinfo=UTC))]


SETS = {
    "online-shoppers": DataSet(
        "online-shoppers-intention",
        ("predictions/online-shoppers.yaml",),
        "USD",
        "UTC",
        online_shoppers,
    ),
    "customer-personality": DataSet(
        "customer-personality",
        ("sources/customer-personality.yaml", "predictions/customer-personality.yaml"),
        "USD",
        "UTC",
        customer_personality,
    ),
    "complete-journey": DataSet(
        "complete-journey",
        ("sources/complete-journey.yaml",),
        "USD",
        "America/New_York",
        complete_journey,
    ),
    "olist": DataSet("olist-sample", ("sources/olist.yaml",), "BRL", "America/Sao_Paulo", olist),
    "online-retail": DataSet(
        "online-retail",
        ("sources/online-retail.yaml",),
        "GBP",
        "Europe/London",
        online_retail,
    ),
}


if __name__ == "__main__":
    raise SystemExit(main())
