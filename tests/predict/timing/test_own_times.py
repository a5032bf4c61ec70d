"""Own times by a registered version: who has one, who has not, and which versions may answer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from aimwell.errors import PredictError
from aimwell.predict.timing.acts import NOT_OWN
from aimwell.predict.timing.kept_times import train_best_times
from aimwell.predict.timing.own_times import OwnTimes, own_times
from aimwell.store.stores import Stores
from shop import add_touches, day, make_stores, origin

AS_OF = day(120)


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    """Ten clicks each: of larks at 7, of owls at 20 o'clock; two by somebody who has no habit."""
    opened = make_stores(tmp_path_factory.mktemp("own"), timezone="UTC")
    rng = np.random.default_rng(8)
    rows = [
        (f"c{person}", int(rng.integers(0, 119)) + (20 if person % 2 == 0 else 7.5) / 24)
        for person in range(100)
        for _ in range(10)
    ]
    rows += [("now and then", 10 + 7.5 / 24), ("now and then", 20 + 20 / 24)]
    add_touches(
        opened,
        [
            {
                "customer": who,
                "event": "Email Clicked",
                "channel": "email",
                "occurred_at": day(at),
            }
            for who, at in rows
        ],
    )
    train_best_times(opened, as_of=AS_OF, name="acts-at", now=AS_OF)
    yield opened
    opened.close()


def block_of(stores: Stores, found: OwnTimes, customer: str) -> int:
    return int(found.block[found.profiles.to_pylist().index(origin(stores, customer))])


def test_whose_time_is_everybodys_commonest_has_it_too_and_who_has_no_habit_has_none(
    stores: Stores,
) -> None:
    found = own_times(stores, None, as_of=AS_OF)
    assert found.entry.label == "acts-at@1"
    assert found.better == ("hours",)
    assert found.usual_block in (2, 6)
    assert [block_of(stores, found, f"c{n}") for n in range(4)] == [6, 2, 6, 2]
    assert block_of(stores, found, "now and then") == NOT_OWN
    # People have no weekdays here, so none is told.
    assert set(found.weekday.tolist()) == {NOT_OWN}


def test_a_later_moment_is_answered_and_an_earlier_refused(stores: Stores) -> None:
    assert len(own_times(stores, "acts-at@1", as_of=day(130)).profiles) == 101
    with pytest.raises(PredictError, match="has seen data"):
        own_times(stores, "acts-at", as_of=day(100))


def test_without_own_times_that_foretell_nobody_has_one(tmp_path: Path) -> None:
    opened = make_stores(tmp_path, timezone="UTC")
    rng = np.random.default_rng(8)
    add_touches(
        opened,
        [
            {
                "customer": f"c{person}",
                "event": "Email Clicked",
                "channel": "email",
                "occurred_at": day(int(rng.integers(0, 119)) + int(rng.integers(0, 24)) / 24),
            }
            for person in range(100)
            for _ in range(10)
        ],
    )
    train_best_times(opened, as_of=AS_OF, name="acts-at", now=AS_OF)
    found = own_times(opened, None, as_of=AS_OF)
    assert found.better == ()
    assert set(found.block.tolist()) == {NOT_OWN}
    opened.close()
