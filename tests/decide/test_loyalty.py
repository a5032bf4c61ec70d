"""Points: rows worked by hand, laws of the ledger, and entries that are written once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimwell.decide import loyalty
from aimwell.decide.loyalty import Entry, standing_of
from aimwell.definitions.kinds.loyalty import Loyalty
from aimwell.errors import DecideError
from aimwell.store.stores import Stores, open_stores
from shop import add_orders, day, make_stores, origin


def programme(**fields: object) -> Loyalty:
    return Loyalty.model_validate({"kind": "loyalty", "name": "club", **fields})


CLUB = programme(
    expires="30d",
    tiers=[{"name": "silver", "from_points": 50}, {"name": "gold", "from_points": 200}],
)


def earned(points: int, at: float, lasts: float | None = 30) -> Entry:
    return Entry("earned", points, day(at), None if lasts is None else day(at + lasts))


def test_spent_points_come_off_those_that_expire_first() -> None:
    entries = [earned(40, 0), earned(60, 20), Entry("spent", -50, day(25))]
    at = standing_of(CLUB, entries, as_of=day(26))
    # All 40 of the older and 10 of the newer are gone.
    assert (at.balance, at.spent, at.expired, at.next_expiry) == (50, 50, 0, (day(50), 50))
    assert at.tier == "silver"
    assert standing_of(CLUB, entries, as_of=day(31)).balance == 50


def test_points_expire_at_their_moment_and_what_is_later_is_not_seen() -> None:
    entries = [earned(40, 0), earned(60, 20)]
    assert standing_of(CLUB, entries, as_of=day(20)).balance == 40
    assert standing_of(CLUB, entries, as_of=day(30)).balance == 60
    assert standing_of(CLUB, entries, as_of=day(30)).expired == 40


def test_what_is_returned_after_it_was_spent_is_owed_and_paid_by_the_next_points() -> None:
    entries = [earned(40, 0), Entry("spent", -40, day(1)), Entry("returned", -40, day(2))]
    assert standing_of(CLUB, entries, as_of=day(3)).balance == -40
    entries.append(earned(100, 4))
    assert standing_of(CLUB, entries, as_of=day(5)).balance == 60


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["earned", "spent", "returned"]), st.integers(1, 90), st.integers(0, 60)
        )
    ),
    st.randoms(use_true_random=False),
)
def test_the_order_of_writing_does_not_matter_and_nothing_is_lost(
    rows: list[tuple[str, int, int]], shuffled: object
) -> None:
    entries = [
        earned(points, at) if kind == "earned" else Entry(kind, -points, day(at))
        for kind, points, at in rows
    ]
    other = list(entries)
    shuffled.shuffle(other)  # type: ignore[attr-defined]
    at = standing_of(CLUB, entries, as_of=day(61))
    assert at == standing_of(CLUB, other, as_of=day(61))
    assert at.balance == at.earned - at.spent - at.expired


@pytest.fixture
def stores(tmp_path: Path, control_url: str) -> Iterator[Stores]:
    opened = make_stores(tmp_path, control_url)
    add_orders(
        opened,
        [
            {"customer": "ann", "order_id": "1", "ordered_at": day(1), "revenue": 80.9},
            {"customer": "ann", "order_id": "2", "ordered_at": day(9), "revenue": 45},
            {
                "customer": "ann",
                "order_id": "R",
                "ordered_at": day(10),
                "kind": "return",
                "revenue": 20,
                "original_order_id": "2",
            },
            {"customer": None, "order_id": "3", "ordered_at": day(9), "revenue": 50},
        ],
    )
    yield opened
    opened.close()


def _granted(stores: Stores, deeds: dict[str, str], points: int, *, at: int) -> int:
    with stores.control.begin() as connection:
        return loyalty.grant(connection, CLUB, points, deeds, now=day(at))


def test_orders_earn_once_and_a_till_that_asks_twice_takes_once(stores: Stores) -> None:
    assert loyalty.earn(stores, CLUB, now=day(12)) == 3
    assert loyalty.earn(stores, CLUB, now=day(12)) == 0
    ann = origin(stores, "ann")
    assert loyalty.standing(stores, CLUB, ann, as_of=day(12)).balance == 105
    assert loyalty.spend(stores, CLUB, ann, 100, entry_id="till-7", now=day(12))
    assert not loyalty.spend(stores, CLUB, ann, 100, entry_id="till-7", now=day(12))
    with pytest.raises(DecideError, match="there are 5 in 'club'"):
        loyalty.spend(stores, CLUB, ann, 6, entry_id="till-8", now=day(12))
    assert _granted(stores, {"spring": ann}, 30, at=13) == 1
    assert _granted(stores, {"spring": ann}, 30, at=13) == 0
    assert loyalty.standing(stores, CLUB, ann, as_of=day(14)).balance == 35


def test_two_tills_at_once_do_not_spend_the_same_points(stores: Stores) -> None:
    ann = origin(stores, "ann")
    _granted(stores, {"gift": ann}, 100, at=12)
    done: list[bool] = []

    def till(number: int) -> None:
        own = open_stores(stores.root)
        try:
            done.append(loyalty.spend(own, CLUB, ann, 60, entry_id=f"till-{number}", now=day(13)))
        except DecideError:
            done.append(False)
        finally:
            own.close()

    threads = [threading.Thread(target=till, args=[number]) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done) == [False, False, True]
    assert loyalty.standing(stores, CLUB, ann, as_of=day(14)).balance == 40
