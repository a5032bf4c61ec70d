"""The check on later time rewards the truth and finds out a model that is wrong."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from aimwell.predict.timing.kaplan_meier import WaitCurve, wait_curve
from aimwell.predict.timing.renewal import Renewal
from aimwell.predict.timing.wait_check import WaitCheck, check_waits
from aimwell.stats.samples import FloatArray
from renewals import Renewed, buy_again

TRUTH = Renewal(log_mean=3.2, between=0.6, within=0.7, leave_a=0.6, leave_b=2.0)
HORIZON = 60


@pytest.fixture(scope="module")
def shop() -> Renewed:
    return buy_again(TRUTH, 4_000, days=365, seed=2)


@pytest.fixture(scope="module")
def curve(shop: Renewed) -> WaitCurve:
    days = np.round(np.exp(shop.waits.mean_log[shop.waits.gaps > 0])).astype(np.int64)
    return wait_curve(
        np.bincount(days).astype(np.float64), shop.waits.waited, np.ones(len(shop.waits))
    )


def judged(shop: Renewed, curve: WaitCurve, model: Renewal, came: FloatArray) -> WaitCheck:
    own = np.where(shop.waits.gaps > 0, np.exp(shop.waits.mean_log), np.nan)
    return check_waits(
        model.next_gap(shop.waits),
        curve,
        own_median=own,
        shop_median=25.0,
        came=np.where(came <= HORIZON, came, np.inf),
        horizon_days=HORIZON,
        people=np.arange(len(came)),
    )


def test_the_truth_beats_the_dull_rules_and_keeps_its_promises(
    shop: Renewed, curve: WaitCurve
) -> None:
    check = judged(shop, curve, TRUTH, shop.comes)
    model, rule, own, everybody = check.forecasters
    assert check.verdict == "better"
    assert model.pinball_days < min(rule.pinball_days, own.pinball_days, everybody.pinball_days)
    assert (model.log_score or 0) > (rule.log_score or 0)
    assert [one.days for one in check.promises] == [7, 14, 30, 60]
    for one in check.promises:
        assert (one.happened.lower or 0) - 0.01 <= one.predicted <= (one.happened.upper or 0) + 0.01
    assert check.covered_90.estimate == pytest.approx(0.9, abs=0.03)
    assert check.covered_50.estimate == pytest.approx(0.5, abs=0.05)


def test_a_model_that_is_too_sure_loses_and_its_intervals_do_not_hold(
    shop: Renewed, curve: WaitCurve
) -> None:
    sure = judged(shop, curve, replace(TRUTH, within=0.15, between=0.1, log_mean=2.0), shop.comes)
    assert sure.verdict == "worse"
    assert (sure.covered_90.estimate or 1) < 0.8


def test_where_nobody_came_back_no_share_is_made_up(shop: Renewed, curve: WaitCurve) -> None:
    check = judged(shop, curve, TRUTH, np.full(len(shop.comes), np.inf))
    assert check.returned == 0
    assert check.covered_90.estimate is None
    assert "nobody bought again" in (check.covered_90.reason or "")


def test_chunks_do_not_change_the_figures(
    shop: Renewed, curve: WaitCurve, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = judged(shop, curve, TRUTH, shop.comes)
    monkeypatch.setattr("aimwell.predict.timing.wait_losses._CHUNK_CELLS", HORIZON * 333)
    assert judged(shop, curve, TRUTH, shop.comes) == whole
