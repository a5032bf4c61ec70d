"""Lifetime values of CDNOW through the lake: the published figures, fitted and checked on the 39 weeks that followed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from aimwell.errors import PredictError, TooLittleDataError
from aimwell.history.moment import open_moment
from aimwell.predict.buying import later_history, purchase_history
from aimwell.predict.lifetime_check import LifetimeCheck, check_lifetime_value
from aimwell.predict.pareto_nbd import ParetoNbd
from aimwell.predict.registry import load_part
from aimwell.predict.service import LifetimeValueFit, fit_lifetime_value
from aimwell.store.stores import Stores
from data_folder import data_path
from shop import add_orders, day, make_stores, origin

AS_OF = datetime(1998, 7, 1, tzinfo=UTC)
CUT_AT = datetime(1997, 10, 1, tzinfo=UTC)
WEEKS_39 = 273
NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def cdnow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    file = data_path("cdnow-sample/CDNOW_sample.txt")
    stores = make_stores(tmp_path_factory.mktemp("cdnow"))
    orders = []
    for number, line in enumerate(file.read_text().splitlines()):
        if line.strip():
            _cohort, customer, when, _cds, value = line.split()
            moment = datetime.strptime(when, "%Y%m%d").replace(tzinfo=UTC)
            orders.append(
                {
                    "customer": customer,
                    "order_id": str(number),
                    "ordered_at": moment,
                    "revenue": value,
                }
            )
    add_orders(stores, orders)
    yield stores
    stores.close()


@pytest.fixture(scope="module")
def check(cdnow: Stores) -> LifetimeCheck:
    return check_lifetime_value(cdnow, as_of=AS_OF, holdout_days=WEEKS_39)


@pytest.fixture(scope="module")
def fit(cdnow: Stores) -> LifetimeValueFit:
    """As of the day on which the check cuts."""
    return fit_lifetime_value(cdnow, as_of=CUT_AT, horizon_days=WEEKS_39, now=NOW)


def test_the_parameters_are_the_published_ones(check: LifetimeCheck) -> None:
    assert check.cut_at == CUT_AT
    assert check.buying.parameters == pytest.approx([0.24259, 4.41353, 0.79289, 2.42575], rel=1e-3)
    assert check.buying.log_likelihood_ == pytest.approx(-9582.426, abs=0.01)
    assert (check.buying.customers_, check.buying.repeat_buyers_) == (2357, 946)
    assert check.spending.parameters == pytest.approx([6.2488, 3.7446, 15.4478], rel=1e-3)
    assert check.spending.log_likelihood_ == pytest.approx(-4055.923, rel=1e-3)
    assert check.spending.mean_spend == pytest.approx(35.171, rel=1e-3)


def test_the_holdout_is_the_published_one(check: LifetimeCheck) -> None:
    purchases = check.purchases
    assert purchases.correlation.value == pytest.approx(0.6256, abs=5e-4)
    assert purchases.mae == pytest.approx(0.7855, abs=5e-4)
    assert purchases.rmse == pytest.approx(1.608, abs=1e-3)
    assert purchases.total_predicted == pytest.approx(1653, abs=1)
    assert purchases.total_actual == 1882
    pairs = [(row.mean_actual, row.mean_predicted) for row in purchases.buckets]
    published = [
        (0.237, 0.225),
        (0.697, 0.523),
        (1.393, 1.044),
        (1.56, 1.52),
        (2.532, 2.164),
        (2.947, 2.654),
        (3.862, 3.504),
        (6.359, 6.157),
    ]
    assert np.array(pairs) == pytest.approx(np.array(published), abs=6e-4)


def test_predicting_nothing_scores_better_on_the_mean_error_alone(check: LifetimeCheck) -> None:
    assert check.purchases.mae_of_zero == pytest.approx(1882 / 2357)
    assert check.purchases.mae_of_zero < check.purchases.mae + 0.02


def test_money_is_checked_beside_purchases(check: LifetimeCheck) -> None:
    assert check.left_out == 0
    assert check.money.people == 2357
    assert check.money.total_predicted == pytest.approx(check.money.total_actual, rel=0.2)
    assert (check.money.correlation.value or 0) > 0.5
    assert 0.9 < (check.money.inside or 0) < 1


def test_values_of_a_day_are_those_of_the_models_fitted_on_it(
    cdnow: Stores, fit: LifetimeValueFit, check: LifetimeCheck
) -> None:
    assert fit.buying == check.buying
    assert fit.spending == check.spending
    assert fit.values.probability_alive.mean() == pytest.approx(0.81344, abs=1e-4)
    rows = {row["profile_id"]: row for row in fit.people.to_pylist()}
    first = rows[origin(cdnow, "0001")]
    assert first["expected_purchases"] == pytest.approx(1.2259104, rel=1e-3)
    assert first["probability_alive"] == pytest.approx(0.7266091, rel=1e-3)
    assert first["spend_per_purchase"] == pytest.approx(24.6586, rel=1e-3)
    # Nine months of interest of 1 % take a few per cent off.
    whole = first["expected_purchases"] * first["spend_per_purchase"]
    assert 0.93 * whole < first["value"] < 0.99 * whole
    assert first["likely_lower"] < first["value"] < first["likely_upper"]
    assert first["lower"] <= first["likely_lower"]
    assert first["likely_upper"] <= first["upper"]


def test_a_fit_checks_itself_on_the_past_half(fit: LifetimeValueFit) -> None:
    assert fit.entry.settings["holdout_days"] == 136
    assert fit.check is not None
    assert fit.check.cut_at == datetime(1997, 5, 18, tzinfo=UTC)
    assert fit.entry.metrics["check"]["purchases"]["people"] == fit.check.purchases.people


def test_a_history_too_short_to_halve_has_values_without_a_check(tmp_path: Path) -> None:
    stores = make_stores(tmp_path)
    add_orders(
        stores,
        [
            {
                "customer": f"{n}",
                "order_id": f"{n}-{k}",
                "ordered_at": day(first + k * (3 + n % 11)),
                "revenue": 5 + n % 17,
            }
            for n in range(150)
            for first in [31 + n / 10]
            for k in range(1 + n % 4)
        ],
    )
    fit = fit_lifetime_value(stores, as_of=day(60), horizon_days=30, holdout_days=22, now=NOW)
    assert fit.check is None
    assert "repeat buyers: 8 of at least 30" in fit.check_reason
    assert fit.entry.metrics["check_reason"] == fit.check_reason
    assert "could not be checked" in fit.sentence
    with pytest.raises(TooLittleDataError):
        check_lifetime_value(stores, as_of=day(60), holdout_days=22)
    with pytest.raises(PredictError, match="too short to check anything"):
        check_lifetime_value(stores, as_of=day(60), holdout_days=6)
    stores.close()


def test_each_law_is_judged_on_what_came_and_the_chosen_one_is_told(check: LifetimeCheck) -> None:
    assert [one.law for one in check.laws.candidates] == ["bgnbd", "mbg", "pareto"]
    assert check.laws.chosen.law == "bgnbd"
    assert check.laws.failed == {}
    # The figures of the literature, cut as it cuts.
    by_law = {one.law: one.model.parameters for one in check.laws.candidates}
    assert by_law["pareto"] == pytest.approx([0.5533, 10.5776, 0.6062, 11.6683], rel=1e-3)
    assert by_law["mbg"] == pytest.approx([0.5248, 6.183, 0.8914, 1.614], rel=1e-3)


def test_a_law_that_is_asked_for_is_fitted_registered_and_on_the_card(cdnow: Stores) -> None:
    fit = fit_lifetime_value(
        cdnow, as_of=CUT_AT, horizon_days=60, law="pareto", name="by-pareto", now=NOW
    )
    assert isinstance(fit.buying, ParetoNbd)
    assert load_part(cdnow, fit.entry, "buying", ParetoNbd) == fit.buying
    card = fit.to_dict()
    assert "Learnt by: Pareto/NBD (how often)" in card["learnt_from"][0]
    assert any("Pareto/NBD was asked for" in line for line in card["learnt_from"])
    assert fit.entry.settings["law"] == "pareto"


def test_an_unknown_law_is_refused(cdnow: Stores) -> None:
    with pytest.raises(PredictError, match="Allowed: auto, bgnbd, mbg, pareto"):
        fit_lifetime_value(cdnow, as_of=CUT_AT, horizon_days=60, law="weibull", now=NOW)


def test_the_later_history_is_the_one_that_is_read_at_the_end(cdnow: Stores) -> None:
    span = AS_OF - CUT_AT
    with open_moment(cdnow, as_of=CUT_AT, horizon=span) as moment:
        buyers = purchase_history(moment)
        later = later_history(moment, buyers)
    with open_moment(cdnow, as_of=AS_OF) as moment:
        read = purchase_history(moment)
    assert read.profiles == buyers.profiles
    for name in ("frequency", "recency", "age"):
        assert getattr(later, name) == pytest.approx(getattr(read.history, name)), name
