"""Whom a policy gave nothing: counted, compared with the contacted, and counted in the effect."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from aimwell.measure.diagnosis.passing import contacted, passed_over
from aimwell.measure.people import Cell, People
from aimwell.stats.intervals import newcombe

CELLS = (Cell("mail", None), Cell("", None))
MakePeople = Callable[..., People]


@pytest.fixture
def people(make_people: MakePeople) -> People:
    """200 contacted, 100 passed over, 80 held out."""
    return make_people([0] * 200 + [1] * 100 + [-1] * 80, cells=CELLS)


def _members(people: People, of_contacted: int, of_passed: int) -> np.ndarray:
    found = np.zeros(len(people), dtype=bool)
    found[:of_contacted] = found[200 : 200 + of_passed] = True
    return found


def test_they_are_counted_and_told_apart_by_what_was_known_before(people: People) -> None:
    groups = {
        "segment loyal": _members(people, 20, 60),
        "those who bought once": _members(people, 100, 50),
        "segment new": _members(people, 120, 30),
    }
    found = passed_over(people, groups)
    assert found is not None
    assert (found.people, found.of) == (100, 300)
    assert [one.place for one in found.unlike] == ["segment loyal", "segment new"]
    loyal = found.unlike[0]
    assert (loyal.passed, loyal.contacted) == (0.6, 0.1)
    alone = newcombe(treated_successes=60, treated_n=100, control_successes=20, control_n=200)
    assert loyal.difference == alone
    assert "passed over 100 of 300 people" in found.sentence
    assert "segment loyal 60.0% against 10.0% (+39" in found.sentence
    assert contacted(people).sum() == 200


def test_alike_or_too_few_is_said(people: People, make_people: MakePeople) -> None:
    alike = passed_over(people, {"segment loyal": _members(people, 40, 20)})
    assert alike is not None
    assert alike.unlike == ()
    assert "cannot be told from the contacted" in alike.sentence
    few = make_people([0] * 200 + [1] * 10 + [-1] * 80, cells=CELLS)
    told = passed_over(few, {"segment loyal": np.arange(290) < 205})
    assert told is not None
    assert told.unlike == ()
    assert "too few to be compared" in told.sentence
    assert passed_over(make_people([0, -1], cells=CELLS), {}) is None
