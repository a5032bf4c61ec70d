"""One small shop of which everything in `predict` can be asked, and each question with all that it answers, down to the bytes.

stores = make_stores(tmp_path, margin_default=0.4)
add_everything(stores)
told("lifetime value by pareto", stores)   # plain values: files' hashes, figures, rows
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any, Literal, get_args

import numpy as np
import pyarrow as pa

from aimwell.cli.output import plain
from aimwell.definitions.kinds.prediction import LearnerKind
from aimwell.history.subscription_lives import MONTH_DAYS
from aimwell.predict.demand.kept import train_demand
from aimwell.predict.demand.service import forecast_demand
from aimwell.predict.laws import LAWS
from aimwell.predict.patterns.bundle_service import bundles
from aimwell.predict.patterns.next_service import bought_next
from aimwell.predict.patterns.paths import paths
from aimwell.predict.patterns.responses import responses
from aimwell.predict.patterns.service import basket_rules
from aimwell.predict.recommend.service import recommend, train_recommender
from aimwell.predict.registry import RegisteredModel
from aimwell.predict.responding.channels import channel_preferences
from aimwell.predict.service import (
    fit_lifetime_value,
    predict_churn,
    predict_spend,
    predict_subscription_churn,
    score_propensity,
    train_propensity,
)
from aimwell.predict.timing.best_time import best_times
from aimwell.predict.timing.kept import score_next_purchases, train_next_purchases
from aimwell.predict.timing.kept_times import train_best_times
from aimwell.predict.timing.next_purchase import next_purchases
from aimwell.store.stores import Stores
from shop import add_events, add_orders, add_products, add_touches, append, day, origin

__all__ = ["END", "HORIZON", "KINDS", "NOW", "add_everything", "told"]

NOW = datetime(2027, 6, 1, tzinfo=UTC)
END, HORIZON = 260, 50
TASTES = ("cook", "read", "ride")


def add_everything(stores: Stores, *, people: int = 600, seed: int = 5) -> None:
    """Orders of people with tastes who go at some time, what they looked at and clicked, and subscriptions, until day END."""
    rng = np.random.default_rng(seed)
    add_products(
        stores,
        [
            {"sku": f"{taste}-{n}", "category": taste, "price": 3 + n, "name": f"{taste} {n}"}
            for taste in TASTES
            for n in range(6)
        ],
    )
    orders: list[dict[str, Any]] = []
    views: list[dict[str, Any]] = []
    touches: list[dict[str, Any]] = []
    subscriptions: list[dict[str, Any]] = []
    for number in range(people):
        person = f"c{number}"
        at, rate = rng.uniform(0, 150), rng.gamma(1.5) / 25
        stops = at + rng.exponential() * 90 / rng.gamma(1.2)
        views.append({"customer": person, "event": "Product Viewed", "occurred_at": day(at)})
        while at < min(stops, END):
            skus = {f"{TASTES[number % 3]}-{rng.integers(6)}" for _ in range(3)}
            orders.append(
                {
                    "customer": person,
                    "order_id": f"{number}-{at:.6f}",
                    "ordered_at": day(at),
                    "lines": [(sku, 1 + number % 2, 3 + int(sku[-1])) for sku in sorted(skus)],
                }
            )
            at += max(rng.exponential() / rate, 0.01)
        for campaign, sent in (("spring", 100), ("summer", 180)):
            letter = {"customer": person, "campaign": campaign, "channel": "email"}
            letter["message_id"] = f"{campaign}-{number}"
            touches.append(letter | {"event": "Email Sent", "occurred_at": day(sent)})
            if rng.random() < 0.15 + 0.1 * (number % 3 == 0):
                clicked = {"event": "Email Link Clicked", "occurred_at": day(sent + 1)}
                touches.append(letter | clicked)
        subscriptions += _subscription(stores, rng, number)
    add_orders(stores, orders)
    add_events(stores, views)
    add_touches(stores, touches)
    append(stores, "subscriptions", subscriptions)


def _subscription(stores: Stores, rng: np.random.Generator, number: int) -> list[dict[str, Any]]:
    start = float(rng.uniform(-300, 200))
    fixed = {
        "subscription_id": f"s{number}",
        "origin_id": origin(stores, f"c{number}"),
        "plan": "plus" if number % 2 else "basic",
        "price": 10,
        "period_months": 1,
        "started_at": day(start),
    }
    rows = [{**fixed, "state": "active", "set_at": day(start)}]
    month = int(rng.geometric(0.05 if number % 2 else 0.12))
    end = start + (month - rng.random()) * MONTH_DAYS
    if end < END:
        rows.append({**fixed, "state": "ended", "set_at": day(end), "ended_at": day(end)})
    return rows


def told(kind: str, stores: Stores) -> Any:
    """All that one kind answers, as plain values; a table as the hash of its values."""
    return KINDS[kind](stores)


def _entry(entry: RegisteredModel, *tables: pa.Table) -> Any:
    return _plain([entry.version, entry.files, entry.metrics, *map(_rows, tables)])


def _rows(table: pa.Table) -> str:
    """The hash of all values; floats in full."""
    return hashlib.sha256(repr(table.to_pydict()).encode()).hexdigest()


def _plain(value: Any) -> Any:
    return json.loads(json.dumps(plain(value), sort_keys=True, default=str))


def _propensity(learner: LearnerKind, stores: Stores) -> Any:
    trained = train_propensity(
        stores,
        as_of=day(END),
        horizon_days=HORIZON,
        name=f"buy-{learner}",
        learners=(learner,),
        seed=3,
        now=NOW,
    )
    # Whichever is chosen: the scorer of the learner itself counts.
    mine = trained.result.candidates[-1].model
    return [
        _entry(trained.entry, score_propensity(stores, trained.entry, as_of=day(END), now=NOW)),
        hashlib.sha256(repr((mine.scorer, mine.calibrator)).encode()).hexdigest(),
    ]


def _lifetime(law: str, stores: Stores) -> Any:
    fit = fit_lifetime_value(
        stores, as_of=day(END), horizon_days=90, law=law, name=f"value-{law}", seed=3, now=NOW
    )
    return _entry(fit.entry, fit.people)


def _churn(stores: Stores) -> Any:
    fit = predict_churn(stores, as_of=day(END), horizon_days=HORIZON, seed=3, now=NOW)
    return _entry(fit.entry, fit.people)


def _subscriptions(stores: Stores) -> Any:
    fit = predict_subscription_churn(stores, as_of=day(END), horizon_days=60, seed=3, now=NOW)
    return _entry(fit.entry, fit.people)


def _spend(stores: Stores) -> Any:
    fit = predict_spend(stores, as_of=day(END), horizon_days=HORIZON, seed=3, now=NOW)
    return _entry(fit.entry, fit.people)


def _recommender(stores: Stores) -> Any:
    trained = train_recommender(stores, as_of=day(END), horizon_days=HORIZON, k=5, seed=3, now=NOW)
    lists = recommend(stores, trained.entry, as_of=day(END))
    return _entry(trained.entry, lists.table)


def _next_purchase(by: Literal["person", "product"], stores: Stores) -> Any:
    found = next_purchases(stores, as_of=day(END), by=by, check_days=30)
    return _plain([found.check, _rows(found.people)])


def _waits(stores: Stores) -> Any:
    entry = train_next_purchases(stores, as_of=day(END), horizon_days=30, now=NOW)
    return [_entry(entry), score_next_purchases(stores, entry, as_of=day(END), now=NOW)]


def _channels(stores: Stores) -> Any:
    found = channel_preferences(stores, as_of=day(END), now=NOW)
    assert found.entry is not None
    return _entry(found.entry, found.people, found.rates)


def _kept_times(stores: Stores) -> Any:
    return _entry(train_best_times(stores, as_of=day(END), now=NOW))


def _kept_demand(stores: Stores) -> Any:
    return _entry(train_demand(stores, as_of=day(END), level="shop", horizon_days=14, now=NOW))


def _best_times(stores: Stores) -> Any:
    found = best_times(stores, as_of=day(END))
    return _rows(found.people)


def _demand(stores: Stores) -> Any:
    found = forecast_demand(stores, as_of=day(END), horizon_days=14)
    return _plain([found.check, _rows(found.series), _rows(found.periods)])


KINDS: Mapping[str, Callable[[Stores], Any]] = {
    **{f"propensity by {kind}": partial(_propensity, kind) for kind in get_args(LearnerKind)},
    **{f"lifetime value by {law}": partial(_lifetime, law) for law in LAWS},
    "churn": _churn,
    "subscriptions": _subscriptions,
    "spend": _spend,
    "recommender": _recommender,
    "next purchase": partial(_next_purchase, "person"),
    "next purchase by product": partial(_next_purchase, "product"),
    "waits, kept": _waits,
    "best time": _best_times,
    "best time, kept": _kept_times,
    "channels": _channels,
    "demand, kept": _kept_demand,
    "demand": _demand,
    "baskets": lambda stores: _plain(basket_rules(stores, as_of=day(END))),
    "bought next": lambda stores: _plain(bought_next(stores, as_of=day(END), within_days=40)),
    "bundles": lambda stores: _plain(bundles(stores, as_of=day(END))),
    "paths": lambda stores: _plain(paths(stores, as_of=day(END), horizon_days=HORIZON)),
    "responses": lambda stores: _plain(responses(stores, as_of=day(END))),
}
"""Each kind of model or pattern, to its answer."""
