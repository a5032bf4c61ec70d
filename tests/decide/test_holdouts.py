"""A global holdout rotates: shares hold, nobody is held out twice in a cycle, everybody's turn comes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from pydantic import ValidationError

from aimwell.decide.holdouts import held_out, period_at
from aimwell.definitions.kinds.holdout import Holdout

PEOPLE = [f"p{number}" for number in range(20_000)]
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


def holdout(**fields: object) -> Holdout:
    body = {"kind": "holdout", "name": "always-on", "share": 0.1, "starts": "2026-01-01"}
    return Holdout.model_validate({**body, "rotates": "30d", **fields})


def test_each_period_holds_out_its_share_and_nobody_twice_in_a_cycle() -> None:
    one = holdout()
    held = np.array(
        [held_out(one, PEOPLE, moment=BEGIN + timedelta(days=30 * number)) for number in range(10)]
    )
    assert (np.abs(held.mean(axis=1) - 0.1) < 0.01).all()
    # Ten periods of a tenth: everybody has had one turn.
    assert (held.sum(axis=0) == 1).all()


def test_the_next_cycle_deals_anew() -> None:
    one = holdout()
    first = held_out(one, PEOPLE, moment=BEGIN)
    again = held_out(one, PEOPLE, moment=BEGIN + timedelta(days=300))
    assert 0.05 < again[first].mean() < 0.15


def test_within_a_period_nobody_changes_and_its_end_is_exclusive() -> None:
    one = holdout()
    last = BEGIN + timedelta(days=30) - timedelta(microseconds=1)
    assert (held_out(one, PEOPLE, moment=BEGIN) == held_out(one, PEOPLE, moment=last)).all()
    period = period_at(one, last)
    assert period is not None
    assert (period.number, period.ends_at) == (0, BEGIN + timedelta(days=30))


def test_outside_its_time_nobody_is_held_out() -> None:
    one = holdout(ends="2026-03-01")
    for moment in (BEGIN - timedelta(seconds=1), datetime(2026, 3, 1, tzinfo=UTC)):
        assert period_at(one, moment) is None
        assert not held_out(one, PEOPLE, moment=moment).any()


def test_two_holdouts_are_independent() -> None:
    first = held_out(holdout(), PEOPLE, moment=BEGIN)
    second = held_out(holdout(name="other"), PEOPLE, moment=BEGIN)
    assert 0.05 < second[first].mean() < 0.15


def test_a_share_under_one_bucket_is_refused() -> None:
    with pytest.raises(ValidationError, match=r"greater than or equal to 0\.0001"):
        holdout(share=0.00001)
