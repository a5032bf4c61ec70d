"""Waves of a campaign as what the next one learns from: what an earlier wave caused is no property of a person."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from aimwell.decide.campaign_parts import read_parts
from aimwell.decide.learning import Lesson, learn
from aimwell.decide.stored import places
from aimwell.decide.uplift.knowing import moments_of
from aimwell.decide.uplift.reading import ReadExperiment, read_experiment
from aimwell.decide.uplift.segments import in_segments, segment_members
from aimwell.deliver import service as deliver
from aimwell.errors import SegmentError
from aimwell.store.stores import Stores
from campaigns import NOW, add_customers, apply, executed, set_up
from shop import add_orders, add_traits, make_stores, origin

PEOPLE = 400
LATE = [f"late{number:02}" for number in range(60)]
WAVES = 3
EVERY = timedelta(days=15)
LATER = NOW + WAVES * EVERY + timedelta(days=20)
REGULAR = {
    "kind": "segment",
    "name": "regular",
    "rule": {"event": "Order Completed", "count": {"at_least": 2}},
}
ADDED = 40.0
"""What a contact brings in revenue in each wave; half of it is margin."""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stores, list[str]]]:
    """People of steady taste buy once a wave; who is held out stays held out. Some come after the first wave."""
    stores = make_stores(tmp_path_factory.mktemp("waves"), margin_default=0.5)
    spring = {"holdout": 0.3, "goal": {"value": "margin", "window": "14d"}}
    names = set_up(stores, PEOPLE, spring={**spring, "policy": {"choose": "random"}})
    names += LATE
    rng = np.random.default_rng(4)
    taste = rng.normal(100, 30, len(names))
    plans = []
    for wave in range(WAVES):
        began = NOW + wave * EVERY
        plan_id = executed(stores, now=began).plan_id
        deliver.run_sending(stores, plan_id, clock=lambda at=began: at + timedelta(seconds=2))
        arms = {place.profile_id: place.arm for place in places(stores.control, plan_id)}
        bought = [
            {
                "customer": name,
                "order_id": f"{wave}-{name}",
                "ordered_at": began + timedelta(days=3),
                "revenue": usual + rng.normal(0, 3) + ADDED * (arms[who] == "treatment"),
            }
            for name, usual in zip(names, taste, strict=True)
            if (who := origin(stores, name)) in arms
        ]
        add_orders(stores, bought)
        plans.append(plan_id)
        if wave == 0:
            # Nobody's area was known before it; of sizes, those that were known then are numbers.
            since = {"set_at": began + timedelta(days=1)}
            area = [{"customer": name, "name": "area", "value": "town", **since} for name in names[:90]]  # fmt: skip
            sizes = [{"customer": name, "name": "size", "value": "4"} for name in names[:200]]
            large = [{"customer": name, "name": "size", "value": "L", **since} for name in LATE]
            add_traits(stores, [*area, *sizes, *large])
            add_customers(stores, LATE)
    # Whole actions are weighed, so that no learner need be tried: what each adds is found in the same way.
    whole = {"policy": {"explore": {"share": 0.2, "method": "thompson"}}}
    apply(stores, spring={**spring, **whole}, regular=REGULAR)
    yield stores, plans
    stores.close()


def test_the_next_plan_learns_what_a_contact_adds_in_each_wave(
    shop: tuple[Stores, list[str]],
) -> None:
    """With what was known before each wave, past spend that earlier ones had caused was taken off: 9.6 (8.4 to 10.8) for a true 20."""
    stores, plans = shop
    lesson = learn(stores, read_parts(stores.control, "spring"), moment=LATER, trial=False, seed=3)
    assert isinstance(lesson, Lesson)
    assert list(lesson.sources) == plans[::-1]
    (gain,) = (one for name, one in lesson.choice.over_nobody.items() if "everyone" in name)
    assert gain.covers(ADDED / 2 - 0.02)
    assert gain.lower is not None
    assert gain.lower > 13.0
    assert any("drawn by an earlier wave too" in one for one in lesson.data.cautions)


def _read(shop: tuple[Stores, list[str]], wave: int, *columns: str) -> ReadExperiment:
    stores, plans = shop
    return read_experiment(
        stores, "spring", now=LATER, plan_id=plans[wave], columns=columns, horizon_days=14.0
    )


def test_what_is_known_of_a_person_ends_at_the_first_wave_that_drew_them(
    shop: tuple[Stores, list[str]],
) -> None:
    stores, _plans = shop
    late = pa.array([origin(stores, name) for name in LATE])
    first = _read(shop, 0, "orders", "revenue")
    third = _read(shop, 2, "orders", "revenue")
    assert third.known_at is not None
    is_late = pc.is_in(third.profiles, value_set=late).to_numpy(zero_copy_only=False)
    spent = dict(zip(first.profiles.to_pylist(), first.data.features[:, -1], strict=True))
    for who, later, row in zip(
        third.profiles.to_pylist(), is_late, third.data.features, strict=True
    ):
        # Of the late one small order was known when the second wave drew them.
        assert row[-1] <= 16.0 if later else row[-1] == spent[who]
    assert third.data.names[0] == "revenue"
    moments = dict(moments_of(third.known_at, third.as_of, len(third.profiles)))
    assert [len(rows) for rows in moments.values()] == [60, 400]
    assert list(moments)[1] == first.as_of


def test_a_trait_that_became_known_later_is_unknown_and_kinds_of_values_may_change(
    shop: tuple[Stores, list[str]],
) -> None:
    third = _read(shop, 2, "trait:area", "trait:size")
    assert "trait:area" in third.coding.left_out
    size = dict(zip(third.data.names, third.data.features.sum(axis=0).tolist(), strict=True))
    assert size == {"trait:size=4": 200.0, "trait:size=L": 60.0, "trait:size=(unknown)": 200.0}


def test_segments_are_those_of_before_the_first_wave_that_drew_each(
    shop: tuple[Stores, list[str]],
) -> None:
    stores, _plans = shop
    third = _read(shop, 2, "revenue")
    found = segment_members(stores, third, ["regular"])["regular"]
    assert found.sum() == 0
    now = in_segments(stores, third.profiles, ["regular"], as_of=third.as_of)["regular"]
    # Of the late the order before they came and that of the second wave.
    assert now.sum() == PEOPLE + len(LATE)


def test_a_wave_that_was_the_first_is_read_as_of_its_own_moment(
    shop: tuple[Stores, list[str]],
) -> None:
    first = _read(shop, 0, "revenue")
    assert first.known_at is not None
    assert first.known_at.null_count == PEOPLE
    assert not any("earlier wave" in one for one in first.data.cautions)


def test_read_as_a_whole_each_counts_from_the_wave_that_drew_them_first(
    shop: tuple[Stores, list[str]],
) -> None:
    """Counted from the first wave on, nothing was sent in the window to those who came later."""
    stores, plans = shop
    whole = read_experiment(stores, "spring", now=LATER, columns=["revenue", "trait:area"])
    first, second = _read(shop, 0, "revenue"), _read(shop, 1, "revenue")
    assert len(whole.data) == PEOPLE + len(LATE)
    assert not any("were assigned over" in one for one in whole.data.cautions)
    spent = {
        who: value
        for read in (second, first)
        for who, value in zip(read.profiles.to_pylist(), read.data.outcome("revenue"), strict=True)
    }
    found = dict(zip(whole.profiles.to_pylist(), whole.data.outcome("revenue"), strict=True))
    assert found == spent
    # Half way through the second wave's window its people have no outcome yet.
    middle = NOW + EVERY + timedelta(days=7)
    early = read_experiment(stores, "spring", now=middle, columns=["revenue"])
    assert len(early.data) == PEOPLE
    assert any("60 people have no outcome" in one for one in early.data.cautions)
    with pytest.raises(SegmentError, match="Nobody has the trait 'aera'"):
        read_experiment(stores, "spring", now=LATER, columns=["trait:aera"], plan_id=plans[2])
