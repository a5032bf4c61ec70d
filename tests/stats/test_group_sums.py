"""Many metrics and groups by sums: the same as group by group, however the people are cut into batches."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimwell.errors import StatsError
from aimwell.stats.arms import pooled_skew
from aimwell.stats.cuped import cuped
from aimwell.stats.group_sums import GROUPS_A_WORD, GroupSums, lifts_of_groups
from aimwell.stats.multiplicity import benjamini_hochberg
from aimwell.stats.samples import JointSample

N, GROUPS, METRICS = 3_000, 70, 3


@pytest.fixture(scope="module")
def people():
    rng = np.random.default_rng(1)
    member = rng.random((N, GROUPS)) < np.linspace(0.02, 0.9, GROUPS)
    member[:, 3] = False
    bits = np.zeros((N, 2), dtype=np.int64)
    for group in range(GROUPS):
        word, bit = divmod(group, GROUPS_A_WORD)
        bits[:, word] |= member[:, group].astype(np.int64) << bit
    before = rng.lognormal(3.0, 0.6, (N, METRICS))
    before[:, 2] = 0.0
    outcomes = 1_000.0 * np.arange(METRICS) + before + rng.lognormal(2.0, 0.5, (N, METRICS))
    treated = rng.random(N) < 0.7
    outcomes[treated & member[:, 40], 0] += 8.0
    return treated, member, bits, outcomes, before


def _sums(people, cuts=()):
    treated, _, bits, outcomes, before = people
    sums = GroupSums(
        groups=[f"g{i}" for i in range(GROUPS)], metrics=[f"m{i}" for i in range(METRICS)]
    )
    edges = [0, *sorted(cuts), N]
    for start, end in pairwise(edges):
        part = slice(start, end)
        sums.add(
            treated=treated[part], bits=bits[part], outcomes=outcomes[part], before=before[part]
        )
    return sums


def test_each_lift_is_that_of_its_own_people(people):
    treated, member, _, outcomes, before = people
    found = lifts_of_groups(_sums(people))
    assert len(found) == (GROUPS + 1) * METRICS
    everybody = np.ones(N, dtype=bool)
    for number, lift in enumerate(found):
        group, metric = divmod(number, METRICS)
        chosen = everybody if group == 0 else member[:, group - 1]
        assert lift.group == ("everyone" if group == 0 else f"g{group - 1}")
        arms = [
            JointSample.of(outcomes[c, metric], before[c, metric, None])
            for c in (chosen & treated, chosen & ~treated)
        ]
        plain, adjustment = cuped(*arms)
        assert (lift.treated_n, lift.control_n) == (arms[0].n, arms[1].n)
        if not plain.defined:
            assert lift.difference.reason == plain.reason
            continue
        assert (lift.difference.estimate, lift.difference.lower) == pytest.approx(
            (plain.estimate, plain.lower), rel=1e-6, abs=1e-8
        )
        assert bool(lift.variance_reduction) == adjustment.active
        if group and not member[:, group - 1].all():
            rest = [
                JointSample.of(outcomes[c, metric], before[c, metric, None])
                for c in (~chosen & treated, ~chosen & ~treated)
            ]
            gap = plain.estimate - cuped(*rest)[0].estimate
            assert lift.against_others.estimate == pytest.approx(gap, rel=1e-6, abs=1e-8)
    rows = found[METRICS:]
    assert [row.p_adjusted for row in rows] == benjamini_hochberg(
        [row.difference.p_value for row in rows]
    )
    best = min((r for r in rows if r.p_adjusted is not None), key=lambda row: row.p_adjusted)
    assert (best.group, best.metric) == ("g40", "m0")


@settings(max_examples=4, deadline=None)
@given(cuts=st.lists(st.integers(0, N), max_size=4))
def test_batches_change_nothing_but_the_last_digits(people, cuts):
    whole, cut = lifts_of_groups(_sums(people)), lifts_of_groups(_sums(people, cuts))
    for one, other in zip(whole, cut, strict=True):
        assert one.treated_n == other.treated_n
        if one.difference.defined:
            assert one.difference.lower == pytest.approx(other.difference.lower, rel=1e-6, abs=1e-8)


def test_the_same_batches_give_the_same_digits(people):
    assert lifts_of_groups(_sums(people)) == lifts_of_groups(_sums(people))


def test_looked_at_while_it_runs_each_interval_holds_at_all_looks(people):
    fixed, watched = lifts_of_groups(_sums(people)), lifts_of_groups(_sums(people), fraction=0.5)
    for one, other in zip(fixed, watched, strict=True):
        assert one.difference.defined == other.difference.defined
        if one.difference.defined:
            assert other.difference.lower < one.difference.lower
            assert "always valid" in other.difference.method


def test_few_buyers_and_strong_skew_are_cautioned(people):
    treated, member, _, outcomes, _ = people
    sums = _sums(people)
    assert sums.skew(0, None) == pytest.approx(pooled_skew(outcomes[:, 0]), rel=1e-6)
    assert sums.skew(0, 40) == pytest.approx(pooled_skew(outcomes[member[:, 40], 0]), rel=1e-6)
    small = next(lift for lift in lifts_of_groups(sums) if lift.group == "g1")
    assert "buyers, under 200" in small.caution
    heavy = GroupSums(groups=[], metrics=["spend"])
    spend = np.where(np.arange(N) % 1_000 == 0, 1e4, 1.0)[:, None]
    heavy.add(
        treated=treated,
        bits=np.zeros((N, 0), dtype=np.int64),
        outcomes=spend,
        before=np.zeros((N, 1)),
    )
    assert "strongly skewed" in lifts_of_groups(heavy)[0].caution


def test_a_group_without_anybody_is_missing_with_the_reason(people):
    empty = [lift for lift in lifts_of_groups(_sums(people)) if lift.group == "g3"]
    assert all("nobody" in lift.difference.reason for lift in empty)
    assert all(lift.p_adjusted is None for lift in empty)


def test_no_people_at_all_and_wrong_shapes():
    sums = GroupSums(groups=["a"], metrics=["m"])
    assert "nobody" in lifts_of_groups(sums)[0].difference.reason
    ok = {"treated": np.ones(2, dtype=bool), "bits": np.zeros((2, 1), dtype=np.int64)}
    with pytest.raises(StatsError, match="2 people need"):
        sums.add(**ok, outcomes=np.zeros((2, 1)), before=np.zeros((2, 2)))
    with pytest.raises(StatsError, match="NaN"):
        sums.add(**ok, outcomes=np.array([[1.0], [np.nan]]), before=np.zeros((2, 1)))
    with pytest.raises(StatsError, match="no metric"):
        GroupSums(groups=["a"], metrics=[])
