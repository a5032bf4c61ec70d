"""Effects by period: sums by hand, fading and pulled-forward sales found, quiet where there are none."""

from __future__ import annotations

import numpy as np
import pytest

from aimwell.errors import StatsError
from aimwell.stats.effect_over_time import effect_by_period, effect_trend, pulled_forward
from aimwell.stats.estimate import Estimate
from aimwell.stats.intervals import welch

TREATED = np.arange(600) < 400


def _sales(rng, daily):
    """Orders of 28 days; `daily` is the added chance of a treated person to buy on each day."""
    rate = 0.05 * rng.gamma(2.0, 0.5, 600)
    chance = rate[:, None] + np.where(TREATED[:, None], daily, 0.0)
    person, day = np.nonzero(rng.random((600, 28)) < chance)
    return person, day + rng.random(len(day)), rng.lognormal(2.0, 0.5, len(person))


def test_periods_add_up_and_are_welch_of_each_persons_sum():
    person, days, amount = _sales(np.random.default_rng(1), np.zeros(28))
    first, second = effect_by_period(person, days, amount, treated=TREATED, ends=[7.0, 28.0])
    early = np.bincount(person, amount * (days < 7.0), 600)
    plain = welch(early[TREATED], early[~TREATED])
    assert (first.effect.estimate, first.effect.lower) == pytest.approx(
        (plain.estimate, plain.lower)
    )
    assert first.so_far == first.effect
    assert first.effect.estimate + second.effect.estimate == pytest.approx(second.so_far.estimate)
    assert (second.first, second.end) == (7.0, 28.0)


def test_the_slope_is_that_of_the_line_through_the_daily_differences():
    person, days, amount = _sales(np.random.default_rng(2), np.full(28, 0.02))
    trend = effect_trend(person, days, amount, treated=TREATED, whole_days=28)
    table = np.zeros((600, 28))
    np.add.at(table, (person, days.astype(int)), amount)
    gaps = table[TREATED].mean(axis=0) - table[~TREATED].mean(axis=0)
    assert trend.slope.estimate == pytest.approx(np.polyfit(np.arange(28), gaps, 1)[0])
    halves = gaps[14:].mean() - gaps[:14].mean()
    assert trend.late_less_early.estimate == pytest.approx(halves)


def test_an_effect_that_fades_is_found_and_a_steady_one_is_not_called_fading():
    fading = np.maximum(0.0, 0.25 - 0.02 * np.arange(28))
    found, alarms, runs = 0, 0, 200
    for number in range(runs):
        rng = np.random.default_rng([3, number])
        steady = effect_trend(*_sales(rng, np.full(28, 0.05)), treated=TREATED, whole_days=28).slope
        alarms += bool(steady.excludes_zero)
        if number < 20:
            slope = effect_trend(*_sales(rng, fading), treated=TREATED, whole_days=28).slope
            found += slope.upper < 0.0
    assert found == 20
    assert alarms / runs == pytest.approx(0.05, abs=0.047)


def _estimate(middle, half=1.0):
    return Estimate(
        estimate=middle, lower=middle - half, upper=middle + half, confidence=0.95, method="by hand"
    )


def test_sales_pulled_forward_are_told_in_words():
    assert "pulled forward from later" in pulled_forward(_estimate(3), _estimate(-2), _estimate(1))
    assert "not sure" in pulled_forward(_estimate(3), _estimate(-2), _estimate(0.5))
    assert "above zero" in pulled_forward(_estimate(3), _estimate(-2), _estimate(1.5))
    assert "went on" in pulled_forward(_estimate(3), _estimate(2), _estimate(5))
    assert "no clear gain" in pulled_forward(_estimate(0.5), _estimate(-2), _estimate(-1.5))
    assert "bought alike" in pulled_forward(_estimate(3), _estimate(0), _estimate(3))
    missing = Estimate.missing("nobody", method="none")
    assert "cannot be said" in pulled_forward(missing, _estimate(0), _estimate(3))


def test_a_week_of_stocking_up_is_seen_to_be_pulled_forward():
    daily = np.where(np.arange(28) < 7, 0.3, np.where(np.arange(28) < 14, -0.05, 0.0))
    person, days, amount = _sales(np.random.default_rng(4), daily)
    first, second = effect_by_period(person, days, amount, treated=TREATED, ends=[7.0, 14.0])
    words = pulled_forward(first.effect, second.effect, second.so_far)
    assert "pulled forward from later" in words
    assert "above zero" in words


def test_what_cannot_be_is_refused_and_too_short_said():
    nothing = np.zeros(0, dtype=int), np.zeros(0), np.zeros(0)
    with pytest.raises(StatsError, match="grow"):
        effect_by_period(*nothing, treated=TREATED, ends=[7.0, 7.0])
    with pytest.raises(StatsError, match="belongs to nobody"):
        effect_by_period(np.array([600]), np.zeros(1), np.zeros(1), treated=TREATED, ends=[1.0])
    with pytest.raises(StatsError, match="one person and one day"):
        effect_by_period(np.array([1]), np.zeros(2), np.zeros(1), treated=TREATED, ends=[1.0])
    short = effect_trend(*nothing, treated=TREATED, whole_days=1)
    assert "two are needed" in short.slope.reason
    quiet = effect_trend(*nothing, treated=TREATED, whole_days=5)
    assert "does not vary" in quiet.slope.reason


def test_what_was_known_before_takes_out_noise_and_differences_that_were_there():
    rng = np.random.default_rng(5)
    known = rng.gamma(2.0, 10.0, 600)
    person, days = np.repeat(np.arange(600), 4), np.tile([1.5, 5.5, 9.5, 20.5], 600)
    amount = known[person] + rng.normal(size=len(person))
    plain, adjusted = (
        effect_by_period(person, days, amount, treated=TREATED, ends=[28.0], before=before)[0]
        for before in (None, known)
    )
    assert adjusted.effect.covers(0.0)
    lengths = [one.effect.upper - one.effect.lower for one in (plain, adjusted)]
    assert lengths[1] < 0.1 * lengths[0]
    assert adjusted.effect.method.startswith("CUPED")
    with pytest.raises(StatsError, match="covariates"):
        effect_trend(person, days, amount, treated=TREATED, whole_days=7, before=known[:5])


def test_groups_that_were_drawn_and_strata_are_counted_in():
    rng = np.random.default_rng(6)
    n, cluster = 600, np.arange(600) // 6
    treated = (rng.random(100) < 0.6)[cluster]
    stratum = (cluster % 2).astype(float)
    amount = 20.0 * stratum + rng.normal(0, 3, 100)[cluster] + rng.normal(0, 1, n) + 2.0 * treated
    who, when = np.arange(n), np.full(n, 0.5)

    def width(**more):
        (one,) = effect_by_period(who, when, amount, treated=treated, ends=[1.0], **more)
        return one.effect.upper - one.effect.lower

    known = np.column_stack([rng.normal(size=n), stratum])
    assert width(before=known) < 0.5 * width(before=known[:, 0])
    assert width(before=known, cluster=cluster) > 1.8 * width(before=known)
    (grouped,) = effect_by_period(
        who, when, amount, treated=treated, ends=[1.0], before=known, cluster=cluster
    )
    assert "cluster-robust" in grouped.effect.method
    assert grouped.effect.covers(2.0)
    (alone,) = effect_by_period(
        who, when, amount, treated=treated, ends=[1.0], cluster=np.where(treated, 0, cluster)
    )
    assert "one cluster" in alone.effect.reason
