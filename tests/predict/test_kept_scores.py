"""Scores in arrays say what a dictionary of them would, whatever is changed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from aimwell.predict.kept_scores import Figure, KeptScores
from aimwell.predict.scoring import SCORES

AS_OF, LATER = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 2, 12, 0, 0, 7, tzinfo=UTC)
IDS = st.text("abc0", min_size=1, max_size=4)
NUMBERS = st.none() | st.floats(0, 1)
FIGURES = st.builds(Figure, NUMBERS, NUMBERS, NUMBERS, st.sampled_from([AS_OF, LATER]))


def kept(figures: dict[str, Figure]) -> KeptScores:
    rows = [
        {"profile_id": one, "score": told.score, "lower": told.lower, "upper": told.upper}
        for one, told in figures.items()
    ]
    return KeptScores.of_table(pa.Table.from_pylist(rows, schema=SCORES), AS_OF)


@given(
    st.dictionaries(IDS, FIGURES, max_size=8),
    st.lists(st.dictionaries(IDS, st.none() | FIGURES, max_size=5), max_size=3),
    st.sets(IDS, max_size=4),
)
def test_they_say_what_a_dictionary_would(
    first: dict[str, Figure], changes: list[dict[str, Figure | None]], gone: set[str]
) -> None:
    expected = {
        one: Figure(told.score, told.lower, told.upper, AS_OF) for one, told in first.items()
    }
    ends = any(told.lower is not None or told.upper is not None for told in first.values())
    scores = kept(first)
    for change in changes:
        scores = scores.with_(change)
        for one, told in change.items():
            expected.pop(one, None)
            if told is not None:
                # Where nobody had an interval, nobody who is changed gets one: no version gives some and keeps none.
                whole = (told.lower, told.upper) if ends else (None, None)
                expected[one] = Figure(told.score, *whole, told.as_of)
    scores = scores.without(gone)
    for one in gone:
        expected.pop(one, None)
    assert len(scores) == len(expected)
    assert [one.decode() for one in scores.ids] == sorted(expected)
    for one in {*expected, *gone, "zzzzz", "", "é"}:
        assert scores.of(one) == expected.get(one)


def test_a_person_takes_forty_bytes_and_fifty_six_with_an_interval() -> None:
    ids = [f"{one:024x}" for one in range(1_000)]
    told = {one: Figure(0.5, None, None, AS_OF) for one in ids}
    assert kept(told).size_bytes == 40 * len(ids)
    assert kept({one: Figure(0.5, 0.1, 0.9, AS_OF) for one in ids}).size_bytes == 56 * len(ids)
    changed = kept(told).with_({ids[7]: Figure(0.7, None, None, LATER)})
    assert changed.size_bytes == 40 * len(ids)
    assert changed.of(ids[7]) == Figure(0.7, None, None, LATER)
    assert changed.of(ids[8]) == told[ids[8]]


def test_a_slice_of_texts_is_read_from_its_own_beginning() -> None:
    rows = [{"profile_id": f"{one:024x}", "score": one / 10} for one in range(9)]
    table = pa.Table.from_pylist(rows, schema=SCORES).slice(4, 3)
    scores = KeptScores.of_table(table, AS_OF + timedelta(microseconds=1))
    assert [one.decode() for one in scores.ids] == [row["profile_id"] for row in rows[4:7]]
    assert np.array_equal(scores.scores, [0.4, 0.5, 0.6])
