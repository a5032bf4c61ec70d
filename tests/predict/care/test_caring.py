"""Predictions that are defined: trained first, kept while they are fine, replaced only by what is better."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from aimwell.definitions.catalogue import check
from aimwell.definitions.kinds.prediction import Prediction
from aimwell.definitions.service import apply, remove
from aimwell.errors import DefinitionError
from aimwell.jobs.alerts import Alerts
from aimwell.jobs.service import open_jobs
from aimwell.predict.care.caring import Cared, care_for_all
from aimwell.predict.jobs import CARE, predict_handlers, schedule_care
from aimwell.predict.registry import find_model, list_models, promotions
from aimwell.store.sql import sql
from aimwell.store.stores import Stores
from databases import shortly_on
from shop import day, make_stores
from steady import add_steady

COLUMNS = ["orders_90d", "recency_days", "revenue_90d", "gap_mean_days"]


def define(stores: Stores, **more: object) -> None:
    document = {"kind": "prediction", "name": "buy", "horizon": "45d", "columns": COLUMNS, **more}
    apply(stores.control, [check(document)], now=day(0), by="test")


def round_at(stores: Stores, at: float) -> Cared:
    (found,) = care_for_all(stores, clock=lambda: day(at))
    return found


def alerts(stores: Stores) -> dict[str, str]:
    return {one.key: one.message for one in Alerts(stores.control).all() if one.resolved_at is None}


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[Stores]:
    opened = make_stores(tmp_path)
    yield opened
    opened.close()


@shortly_on("sqlite")
def test_from_the_first_version_to_a_better_one(tmp_path: Path, control_url: str) -> None:
    stores = make_stores(tmp_path, control_url)
    add_steady(stores, people=600, days=420, changes_at=300, rate_then=0.25)
    define(stores, score=True)
    first = round_at(stores, 300)
    assert (first.outcome, first.model) == ("trained", "buy@1")
    assert (first.scored or 0) > 500
    kept = round_at(stores, 310)
    assert (kept.outcome, kept.model) == ("kept", "buy@1")
    assert alerts(stores) == {}
    # The change is noticed, and a newer version is better on people later than either has learnt from.
    better = round_at(stores, 400)
    assert (better.outcome, better.model) == ("promoted", "buy@2")
    assert better.comparison is not None
    assert better.comparison.better == "buy@2"
    assert find_model(stores, "buy").version == 2
    assert [one.version for one in promotions(stores, "buy")] == [1, 2]
    with stores.engine.session() as session:
        session.bind("scores", stores.lake.pin("scores").tables["scores"])
        rows = session.rows(
            sql(
                "SELECT version, as_of, count(*) FROM scores GROUP BY version, as_of ORDER BY as_of"
            )
        )
    assert [row[:2] for row in rows] == [(1, day(300)), (1, day(310)), (2, day(400))]
    again = round_at(stores, 401)
    assert again.model == "buy@2"
    stores.close()


def test_a_better_version_waits_where_a_person_is_to_sign_off(stores: Stores) -> None:
    add_steady(stores, people=600, days=420, changes_at=300, rate_then=0.25)
    define(stores, promote="sign-off")
    round_at(stores, 300)
    waits = round_at(stores, 400)
    assert (waits.outcome, waits.model) == ("waits for sign-off", "buy@1")
    assert "aimwell predict promote buy@2" in alerts(stores)["prediction-waits:buy"]
    assert find_model(stores, "buy").version == 1
    # Not another one each night.
    assert round_at(stores, 401).outcome == "kept"
    assert len(list_models(stores)) == 2


def test_its_turn_comes_by_the_calendar_and_what_is_not_better_is_not_used(stores: Stores) -> None:
    add_steady(stores, people=600, days=420)
    define(stores, retrain="monthly")
    round_at(stores, 300)
    assert round_at(stores, 325).outcome == "kept"
    turn = round_at(stores, 331)
    assert turn.told.startswith("Its monthly turn.")
    assert turn.outcome in ("promoted", "not better")
    assert len(list_models(stores)) == 2
    if turn.outcome == "not better":
        assert turn.model == "buy@1"
        assert "prediction:buy" in alerts(stores)
    assert round_at(stores, 340).outcome == "kept"


def test_one_that_fails_is_told_and_keeps_no_other_from_its_turn(stores: Stores) -> None:
    add_steady(stores, people=600, days=320)
    define(stores)
    wine = {"event": "Order Completed", "where": {"coupon": {"is": "NONE"}}}
    apply(
        stores.control,
        [check({"kind": "prediction", "name": "a-coupon", "does": wine, "horizon": "45d"})],
        now=day(0),
        by="test",
    )
    failed, trained = care_for_all(stores, clock=lambda: day(310))
    assert (failed.prediction, failed.outcome) == ("a-coupon", "failed")
    assert "Check the condition" in failed.told
    assert trained.outcome == "trained"
    assert "fails" in alerts(stores)["prediction:a-coupon"]
    remove(stores.control, "prediction", "a-coupon", by="test", now=day(0))
    round_at(stores, 311)
    assert alerts(stores) == {}


def test_workers_do_it_each_night(stores: Stores) -> None:
    add_steady(stores, people=400, days=320)
    define(stores)
    jobs = open_jobs(stores)
    schedule_care(jobs, timezone="UTC")
    schedule_care(jobs, timezone="UTC")
    assert [one.name for one in jobs.schedules.all()] == [CARE]
    handlers = predict_handlers(stores, clock=lambda: day(310))
    jobs.queue.enqueue(CARE)
    assert jobs.worker(handlers).run_until_idle() >= 1
    assert find_model(stores, "buy").as_of == day(310)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"horizon": "36h"}, "whole days"),
        ({"columns": ["orders"], "leave_out": ["orders"]}, "no feature is left"),
        ({"columns": ["order"]}, "Did you mean 'orders'"),
        ({"does": {"event": "Order Completed", "where": {"colour": {"is": "red"}}}}, "colour"),
        ({"retrain": "daily"}, "weekly"),
    ],
)
def test_wrong_definitions_are_refused_with_what_is_allowed(
    fields: dict[str, object], told: str
) -> None:
    with pytest.raises(DefinitionError, match=told):
        check({"kind": "prediction", "name": "x", **fields})


def test_a_definition_says_what_it_asks() -> None:
    found = check(
        {"kind": "prediction", "name": "x", "among": "vip", "leave_out": ["orders", "revenue"]}
    )
    assert isinstance(found, Prediction)
    assert "orders" not in found.features()
    assert found.horizon_days == 90
    assert list(found.references()) == [("among", "segment", "vip")]
    assert found.document() == {
        "kind": "prediction",
        "name": "x",
        "among": "vip",
        "leave_out": ["orders", "revenue"],
    }
