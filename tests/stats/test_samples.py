"""n, mean and variance: from values, from sums, in parts and whole."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimwell.errors import StatsError
from aimwell.stats.samples import JointSample, Sample, as_sample, checked_values

amounts = st.floats(min_value=-1e6, max_value=1e6).map(lambda value: round(value, 2))
lists = st.lists(amounts, max_size=30)


def same(found, expected, *, rel=1e-9, absolute=1e-6) -> bool:
    """Whether both are missing, or both are there and agree."""
    if found is None or expected is None:
        return found is expected
    return found == pytest.approx(expected, rel=rel, abs=absolute)


def test_a_sample_of_values_divides_by_n_minus_one():
    sample = Sample.of([1.0, 2.0, 6.0])
    assert sample == Sample(3, 3.0, 7.0)
    assert sample.total == 9.0


def test_samples_of_nobody_and_of_one_person_say_what_is_unknown():
    assert Sample.of([]) == Sample(0, None, None)
    assert Sample.of([]).total == 0.0
    assert Sample.of([4.0]) == Sample(1, 4.0, None)


def test_equal_values_have_exactly_no_variance_although_the_mean_is_rounded():
    values = np.full(7, 0.1)
    assert np.var(values, ddof=1) > 0.0  # what rounding would have said
    assert Sample.of(values).variance == 0.0
    assert JointSample.of(values).covariances == ((0.0,),)


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_a_value_that_is_no_amount_is_refused_and_counted(wrong):
    with pytest.raises(StatsError, match="2 of the 4 outcomes are NaN or infinite"):
        checked_values([1.0, wrong, wrong, 2.0], name="outcomes")


def test_text_and_tables_are_refused_as_values():
    with pytest.raises(StatsError, match="not all numbers"):
        checked_values(["12", "many"], name="outcomes")
    with pytest.raises(StatsError, match="2 dimensions"):
        checked_values([[1.0], [2.0]], name="outcomes")


@pytest.mark.parametrize(
    "numbers",
    [
        (-1, None, None),
        (1.5, 1.0, None),
        (0, 1.0, None),
        (3, None, 1.0),
        (3, 1.0, None),
        (1, 1.0, 1.0),
        (3, np.nan, 1.0),
        (3, 1.0, -0.1),
        (3, 1.0, np.inf),
    ],
)
def test_a_sample_that_contradicts_itself_is_refused(numbers):
    with pytest.raises(StatsError):
        Sample(*numbers)


@given(st.lists(lists, min_size=1, max_size=5))
def test_merged_samples_equal_the_sample_of_all_values(parts):
    merged = Sample.merge([Sample.of(part) for part in parts])
    whole = Sample.of([value for part in parts for value in part])
    assert merged.n == whole.n
    assert same(merged.mean, whole.mean)
    assert same(merged.variance, whole.variance)


@given(lists)
def test_a_sample_from_sums_equals_the_sample_of_the_values(values):
    vector = np.array(values)
    sums = Sample.from_sums(len(vector), float(vector.sum()), float((vector**2).sum()))
    whole = Sample.of(vector)
    assert sums.n == whole.n
    assert same(sums.mean, whole.mean)
    scale = float((vector**2).sum()) if len(vector) else 0.0
    assert same(sums.variance, whole.variance, rel=1e-6, absolute=1e-12 + 1e-10 * scale)


def test_sums_that_contradict_each_other_are_refused():
    with pytest.raises(StatsError, match="sum of squares"):
        Sample.from_sums(10, 100.0, 10.0)


@given(st.lists(st.tuples(amounts, amounts, amounts), max_size=40), st.integers(0, 40))
def test_merged_joint_samples_equal_the_whole(rows, cut):
    table = np.array(rows, dtype=float).reshape(-1, 3)
    parts = [JointSample.of(part[:, 0], part[:, 1:]) for part in (table[:cut], table[cut:])]
    merged, whole = JointSample.merge(parts), JointSample.of(table[:, 0], table[:, 1:])
    assert merged.n == whole.n
    assert merged.means == pytest.approx(whole.means, rel=1e-9, abs=1e-6)
    np.testing.assert_allclose(merged.covariances, whole.covariances, rtol=1e-8, atol=1e-2)
    assert same(merged.outcome.mean, Sample.of(table[:, 0]).mean)


def test_a_joint_sample_has_the_covariances_of_numpy():
    rng = np.random.default_rng(1)
    table = rng.lognormal(size=(50, 3))
    sample = JointSample.of(table[:, 0], table[:, 1:])
    np.testing.assert_allclose(sample.covariances, np.cov(table.T), rtol=1e-12)
    sums = JointSample.from_sums(50, table.sum(axis=0), table.T @ table)
    np.testing.assert_allclose(sums.covariances, sample.covariances, rtol=1e-10)


def test_a_constant_summed_up_keeps_a_variance_of_zero():
    values = np.full(1_000, 123.45)
    sums = Sample.from_sums(1_000, float(values.sum()), float((values**2).sum()))
    assert sums.variance == 0.0


@pytest.mark.parametrize(
    ("means", "covariances", "words"),
    [
        ((), (), "at least the outcome"),
        ((1.0,), ((1.0, 2.0),), "matrix"),
        ((1.0, 2.0), ((1.0, 2.0), (3.0, 1.0)), "symmetric"),
        ((1.0,), ((-1.0,),), "negative"),
        ((np.nan,), ((1.0,),), "finite"),
    ],
)
def test_a_joint_sample_that_contradicts_itself_is_refused(means, covariances, words):
    with pytest.raises(StatsError, match=words):
        JointSample(5, means, covariances)


def test_nothing_and_unlike_parts_cannot_be_merged():
    with pytest.raises(StatsError, match="nothing to merge"):
        Sample.merge([])
    with pytest.raises(StatsError, match="different numbers"):
        JointSample.merge([JointSample.of([1.0]), JointSample.of([1.0], np.array([[1.0]]))])


def test_a_sample_passes_for_itself_where_values_are_allowed():
    sample = Sample(3, 1.0, 2.0)
    assert as_sample(sample, name="x") is sample
    assert as_sample([0.0, 1.0, 2.0], name="x") == Sample(3, 1.0, 1.0)
