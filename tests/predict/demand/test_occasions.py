"""Demand by occasion: simulated shops whose uplift is known, an Easter that moves, and occasions that do nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from dateutil.easter import easter
from hypothesis import given
from hypothesis import strategies as st

from aimwell.definitions.catalogue import check
from aimwell.definitions.service import apply
from aimwell.errors import PredictError
from aimwell.predict.demand.occasion_days import DemandOccasion, plan_days
from aimwell.predict.demand.occasion_factors import OccasionSums, learn_effect
from aimwell.predict.demand.service import DemandForecast, forecast_demand
from aimwell.store.stores import Stores
from shop import add_orders, append, day, make_stores

UPLIFT = 2.5
FIRST = date(2023, 1, 9)
AS_OF = datetime(2026, 3, 27, tzinfo=UTC)  # nine days before Easter
LEVELS = {"eggs": 40.0, "tea": 60.0, "pens": 25.0}


def factor(on: date, sku: str, uplift: float) -> float:
    """Eggs are wanted in the fortnight up to Easter, tea half as much more, pens as ever."""
    before = (easter(on.year) - on).days
    effect = {"eggs": uplift, "tea": 1 + (uplift - 1) / 2, "pens": 1.0}[sku]
    return effect if 0 <= before <= 14 else 1.0


def sell(stores: Stores, last: date, *, uplift: float = UPLIFT, seed: int = 5) -> dict[str, float]:
    """Orders of every day until `last`; returns what is sold of each in the horizon of four weeks from the moment on."""
    rng = np.random.default_rng(seed)
    rows, ahead = [], dict.fromkeys(LEVELS, 0.0)
    for number in range((last - FIRST).days):
        on = FIRST + timedelta(days=number)
        lines = []
        for sku, level in LEVELS.items():
            wanted = int(rng.poisson(level * factor(on, sku, uplift)))
            if AS_OF.date() <= on < AS_OF.date() + timedelta(days=28):
                ahead[sku] += wanted if on <= easter(on.year) else 0
            if on < AS_OF.date() and wanted:
                lines.append((sku, wanted, 5))
        if lines:
            at = datetime(on.year, on.month, on.day, 11, tzinfo=UTC)
            rows.append(
                {"customer": None, "order_id": str(number), "ordered_at": at, "lines": lines}
            )
    add_orders(stores, rows)
    return ahead


def define(stores: Stores, **when: object) -> None:
    document = {"kind": "occasion", "name": "easter-goods", "when": when, "lead": "14d"}
    apply(stores.control, [check(document)], now=day(0), by="test")


EASTER = {"common": {"day": "easter", "country": "GB"}}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stores, dict[str, float]]]:
    stores = make_stores(tmp_path_factory.mktemp("easter"))
    came = sell(stores, AS_OF.date() + timedelta(days=28))
    define(stores, **EASTER)
    yield stores, came
    stores.close()


@pytest.fixture(scope="module")
def found(shop: tuple[Stores, dict[str, float]]) -> DemandForecast:
    return forecast_demand(shop[0], as_of=AS_OF)


def test_an_easter_that_moves_is_foretold_with_its_uplift(
    shop: tuple[Stores, dict[str, float]], found: DemandForecast
) -> None:
    (one,) = found.occasions
    assert (one.on, one.used) == (date(2026, 4, 5), True)
    assert [on.year for on in one.seen] == [2023, 2024, 2025]
    assert one.judged == one.seen[1:]
    rows = {row["series"]: row for row in found.occasion_series.to_pylist()}
    for sku, true in (("eggs", UPLIFT), ("tea", 1.75), ("pens", 1.0)):
        plain = 10 * LEVELS[sku]  # nine days before and the day, and the week after as ever
        assert rows[sku]["added"] == pytest.approx(plain * (true - 1), abs=plain * 0.2), sku
        assert rows[sku]["lower"] <= shop[1][sku] + 7 * LEVELS[sku] <= rows[sku]["upper"]


def test_without_it_the_forecast_misses_the_occasion(
    shop: tuple[Stores, dict[str, float]], found: DemandForecast
) -> None:
    plain = forecast_demand(shop[0], as_of=AS_OF, occasions=())
    assert plain.occasions == ()
    assert plain.occasion_series.num_rows == 0
    totals = [
        {row["series"]: row for row in one.series.to_pylist()}["eggs"]["total"]
        for one in (found, plain)
    ]
    true = LEVELS["eggs"] * (28 + 10 * (UPLIFT - 1))
    assert abs(totals[0] - true) < abs(totals[1] - true) / 2


def test_the_same_by_week(shop: tuple[Stores, dict[str, float]]) -> None:
    weekly = forecast_demand(shop[0], as_of=AS_OF, step="week", level="shop")
    (one,) = weekly.occasions
    assert one.used
    (row,) = weekly.occasion_series.to_pylist()
    assert row["added"] == pytest.approx(10 * (40 * 1.5 + 60 * 0.75), rel=0.35)


def test_the_same_data_give_the_same_forecast(
    shop: tuple[Stores, dict[str, float]], found: DemandForecast
) -> None:
    again = forecast_demand(shop[0], as_of=AS_OF)
    assert again.periods.equals(found.periods)
    assert again.occasion_series.equals(found.occasion_series)


def test_an_occasion_that_does_nothing_is_not_counted(tmp_path: Path) -> None:
    stores = make_stores(tmp_path)
    sell(stores, AS_OF.date(), uplift=1.0)
    define(stores, **EASTER)
    found = forecast_demand(stores, as_of=AS_OF, level="product")
    assert [one.used for one in found.occasions] == [False]
    plain = forecast_demand(stores, as_of=AS_OF, occasions=())
    assert found.series.equals(plain.series)


def test_what_was_seen_once_or_never_is_said_and_not_counted(
    shop: tuple[Stores, dict[str, float]],
) -> None:
    stores = shop[0]
    for name, dates, told in (
        ("fair", ["2025-06-10", "2026-04-10"], "wholly seen once"),
        ("opening", ["2026-04-12"], "never wholly seen"),
    ):
        document = {"kind": "occasion", "name": name, "when": {"dates": dates}}
        apply(stores.control, [check(document)], now=day(0), by="test")
        found = forecast_demand(stores, as_of=AS_OF, occasions=[name])
        (one,) = found.occasions
        assert not one.used
        assert told in one.why


def test_an_occasion_that_there_is_not_and_one_of_each_person_s_own_are_refused(
    shop: tuple[Stores, dict[str, float]],
) -> None:
    with pytest.raises(PredictError, match="no occasion 'eastr'"):
        forecast_demand(shop[0], as_of=AS_OF, occasions=["eastr"])
    own = {"kind": "occasion", "name": "birthday", "when": {"birthday": "march"}}
    apply(shop[0].control, [check(own)], now=day(0), by="test")
    with pytest.raises(PredictError, match="each person's own day"):
        forecast_demand(shop[0], as_of=AS_OF, occasions=["birthday"])


def test_public_holidays_of_the_firm_s_country_count_where_no_document_says_more(
    tmp_path: Path,
) -> None:
    stores = make_stores(tmp_path, country="GB")
    sell(stores, AS_OF.date())
    found = forecast_demand(stores, as_of=AS_OF, level="shop")
    assert {one.name for one in found.occasions} == {"Good Friday"}
    define(stores, **EASTER)
    both = forecast_demand(stores, as_of=AS_OF, level="shop")
    assert [one.name for one in both.occasions] == ["easter-goods"]


def test_days_of_a_table_are_those_that_were_known(tmp_path: Path) -> None:
    stores = make_stores(tmp_path)
    sell(stores, AS_OF.date())
    rows = [
        {"name": "fairs", "key": str(n), "text": on, "value": 1.0, "set_at": at}
        for n, (on, at) in enumerate(
            [("2024-05-01", day(-700)), ("2025-05-01", day(-300)), ("2026-04-10", day(60))]
        )
    ]
    rows.append(
        {"name": "fairs", "key": "late", "text": "2026-04-01", "value": 1.0, "set_at": day(500)}
    )
    append(stores, "market", rows)
    define(stores, calendar={"series": "fairs"})
    (one,) = forecast_demand(stores, as_of=AS_OF, level="shop").occasions
    assert one.on == date(2026, 4, 10)


@given(
    st.lists(st.integers(0, 399), min_size=1, max_size=8),
    st.lists(st.integers(0, 399), max_size=8),
    st.integers(0, 40),
    st.integers(0, 10),
)
def test_each_day_belongs_to_one_occasion_and_documents_come_first(
    own: list[int], kept: list[int], lead: int, after: int
) -> None:
    dates = [tuple(FIRST + timedelta(days=n) for n in sorted(set(one))) for one in (own, kept)]
    occasions = [
        DemandOccasion("own", dates[0], lead, after, holiday=False),
        DemandOccasion("kept", dates[1], 7, 0, holiday=True),
    ]
    plan = plan_days(occasions, FIRST, past=300, horizon=100, open_days=np.ones(300, dtype=bool))
    taken = np.concatenate([one.days for one in plan.occurrences])
    assert len(taken) == len(set(taken.tolist()))
    assert set(taken.tolist()) == set(np.flatnonzero(plan.occasion >= 0).tolist())
    for number in own:
        assert plan.occasion[number] == 0
    for one in plan.occurrences:
        assert one.on in dates[one.occasion]
        assert all(plan.occasion[one.reference] == -1)
        assert (one.reference < one.days[0]).all()


def sums(sold: float, usual: float) -> OccasionSums:
    return OccasionSums(np.array([[sold]]), np.array([[usual]]))


def test_a_factor_is_shrunk_where_times_are_few_or_unlike() -> None:
    alike = learn_effect([sums(2000, 1000)] * 5)
    once = learn_effect([sums(2000, 1000)])
    unlike = learn_effect([sums(4000, 1000), sums(1000, 1000)])
    assert 1 < once.factor[0, 0] < alike.factor[0, 0] < 2.0
    assert alike.factor[0, 0] == pytest.approx(2.0, rel=0.02)
    assert unlike.factor[0, 0] < alike.factor[0, 0]
    assert unlike.between > once.between


def test_a_series_that_sells_little_follows_the_shop() -> None:
    one = OccasionSums(np.array([[3000.0, 0.0]]), np.array([[1000.0, 1.0]]))
    found = learn_effect([one, one])
    assert found.factor[0, 1] == pytest.approx(found.overall[0], rel=0.1)


@pytest.mark.long
def test_intervals_hold_as_often_as_they_say(tmp_path: Path) -> None:
    inside = []
    for seed in range(25):
        stores = make_stores(tmp_path / str(seed))
        came = sell(stores, AS_OF.date() + timedelta(days=28), seed=100 + seed)
        define(stores, **EASTER)
        for row in forecast_demand(stores, as_of=AS_OF).occasion_series.to_pylist():
            inside.append(
                row["lower"] <= came[row["series"]] + 7 * LEVELS[row["series"]] <= row["upper"]
            )
        stores.close()
    assert np.mean(inside) >= 0.85
