"""Sums by stratum: put together, they are the sums of people with their strata as covariates."""

from __future__ import annotations

import numpy as np
import pytest

from aimwell.errors import StatsError
from aimwell.stats.cuped import adjusted_means, plan_adjustment
from aimwell.stats.group_sums import GroupSums, lifts_of_groups
from aimwell.stats.samples import JointSample
from aimwell.stats.stratified_sums import StratifiedSums


def _shop(n: int = 3000):
    rng = np.random.default_rng(1)
    stratum = rng.choice(3, n, p=[0.5, 0.3, 0.2])
    before = rng.gamma(2, 10, n) + 100
    revenue = 40.0 * stratum + 0.3 * before + rng.normal(0, 5, n)
    treated = rng.random(n) < 0.7
    inside = rng.random(n) < 0.4
    # Nobody of the last stratum is in the second group.
    bits = inside + 2 * ((stratum < 2) & (rng.random(n) < 0.5))
    revenue[treated & inside] += 3.0
    return stratum, before, revenue, treated, bits


def _added(stratum, before, revenue, treated, bits):
    sums = StratifiedSums(groups=["a", "b"], metrics=["revenue"], strata=3)
    for part in np.array_split(np.arange(len(stratum)), 4):
        sums.add_within(
            stratum[part],
            treated=treated[part],
            bits=bits[part, None].astype(np.int64),
            outcomes=revenue[part, None],
            before=before[part, None],
        )
    return sums


@pytest.mark.parametrize(("group", "others"), [(None, False), (0, False), (0, True), (1, False)])
def test_they_are_the_sums_of_the_people(group, others):
    stratum, before, revenue, treated, bits = shop = _shop()
    sums = _added(*shop)
    member = np.ones(len(stratum), bool) if group is None else (bits & (1 << group)) > 0
    if others:
        member = ~member
    known = np.column_stack([before, stratum == 1, stratum == 2]).astype(float)
    for arm in (True, False):
        chosen = member & (treated == arm)
        direct = JointSample.of(revenue[chosen], known[chosen])
        found = sums.joint(0, group, treated=arm, others=others)
        assert found.n == direct.n
        assert found.means == pytest.approx(direct.means)
        assert np.array(found.covariances) == pytest.approx(np.array(direct.covariances), abs=1e-8)


def test_strata_take_out_noise_and_the_answer_is_that_of_the_people():
    stratum, before, revenue, treated, bits = shop = _shop()
    everyone, first, second = lifts_of_groups(_added(*shop))
    known = np.column_stack([before, stratum == 1, stratum == 2]).astype(float)
    arms = [JointSample.of(revenue[side], known[side]) for side in (treated, ~treated)]
    direct = adjusted_means(*arms, plan_adjustment(*arms)).difference()
    assert (everyone.difference.estimate, everyone.difference.lower) == pytest.approx(
        (direct.estimate, direct.lower)
    )
    plain = GroupSums(groups=["a", "b"], metrics=["revenue"])
    plain.add(
        treated=treated,
        bits=bits[:, None].astype(np.int64),
        outcomes=revenue[:, None],
        before=before[:, None],
    )
    wide = lifts_of_groups(plain)[1].difference
    short = first.difference
    assert short.covers(3.0)
    assert short.upper - short.lower < 0.4 * (wide.upper - wide.lower)
    assert first.against_others.covers(3.0)
    assert second.treated_n > 0


def test_strata_that_are_not_there_are_refused_and_nobody_is_no_sample():
    sums = StratifiedSums(groups=["a"], metrics=["revenue"], strata=2)
    assert sums.joint(0, 0, treated=True).n == 0
    with pytest.raises(StatsError, match="2 strata"):
        sums.add_within(
            np.array([2]),
            treated=np.array([True]),
            bits=np.zeros((1, 1), np.int64),
            outcomes=np.zeros((1, 1)),
            before=np.zeros((1, 1)),
        )
