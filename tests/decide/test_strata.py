"""Arms that are dealt out evenly within segments."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimwell.decide.service import plan
from aimwell.decide.stored import places
from aimwell.decide.strata import Strata, combined, evenly
from aimwell.errors import DefinitionError
from aimwell.measure.lifts import lift_of
from aimwell.measure.members import InSegments, within_strata
from aimwell.measure.people import Cell, People
from aimwell.stats.buckets import BUCKETS, buckets
from aimwell.stats.estimate import Estimate
from aimwell.store.stores import Stores
from campaigns import NOW, apply, set_up
from shop import add_traits, make_stores, origin

IDS = [f"p{n:05}" for n in range(3_000)]


@given(st.integers(0, 30), st.lists(st.integers(0, 4), min_size=1, max_size=200), st.floats(0, 1))
def test_every_share_is_met_within_one_person_in_every_stratum(
    salt: int, strata: list[int], share: float
) -> None:
    code = np.array(strata)
    found = evenly(f"s{salt}", IDS[: len(code)], code)
    assert found.min() >= 0
    assert found.max() < BUCKETS
    for stratum in set(strata):
        inside = found[code == stratum]
        below = round(share * BUCKETS)
        assert abs((inside < below).sum() - below / BUCKETS * inside.size) <= 1 + 1e-9


def test_each_person_has_the_probability_that_is_logged() -> None:
    code = np.repeat([0, 1, 2], [3, 7, 20])
    share = np.zeros(30)
    for n in range(3_000):
        share += evenly(f"salt {n}", IDS[:30], code) < 3_000
    # Binomial error of 3,000 draws: 0.0084; thirty people looked at together.
    assert np.abs(share / 3_000 - 0.3).max() < 4 * 0.0084


def test_who_is_excluded_has_the_plain_bucket_and_order_does_not_matter() -> None:
    code = np.where(np.arange(3_000) % 5 == 0, -1, np.arange(3_000) % 3)
    found = evenly("s", IDS, code)
    assert (found[code < 0] == buckets("s", IDS)[code < 0]).all()
    turned = evenly("s", IDS[::-1], code[::-1])
    assert (turned[::-1] == found).all()


def test_actions_are_even_among_those_who_are_not_held_out() -> None:
    code = np.arange(3_000) % 7
    strata = Strata(code, "s", 2_000)
    held = strata.buckets("s", IDS) < 2_000
    action = strata.buckets("s:action", IDS) < 5_000
    for stratum in range(7):
        free = (code == stratum) & ~held
        assert abs(action[free].sum() - free.sum() / 2) <= 1


def test_who_was_assigned_before_keeps_the_bucket() -> None:
    kept = {3: 17, 500: 9_990}
    found = Strata(np.zeros(3_000, dtype=np.int64), "s", 2_000, kept).buckets("s", IDS)
    assert found[3] == 17
    assert found[500] == 9_990
    assert abs((found < 2_000).sum() - 600) <= 2


def test_combinations_of_segments_are_strata() -> None:
    code = combined([np.array([1, 1, 0, 0], bool), np.array([1, 0, 1, 1], bool)], 4)
    assert len(set(code.tolist())) == 3
    assert code[2] == code[3]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    stores = make_stores(tmp_path_factory.mktemp("strata"), margin_default=0.5)
    town = {
        "kind": "segment",
        "name": "town",
        "rule": {"trait": "area", "in": ["town"]},
    }
    names = set_up(stores, 300, town=town, spring={"holdout": 0.2, "stratify": ["town"]})
    add_traits(
        stores,
        [{"customer": name, "name": "area", "value": "town"} for name in names[:30]],
    )
    yield stores
    stores.close()


def test_a_plan_holds_out_its_share_of_a_small_segment(shop: Stores) -> None:
    made = plan(shop, "spring", now=NOW, by="ann")
    town = {origin(shop, f"c{n:05}") for n in range(30)}
    people = places(shop.control, made.plan_id)
    held = [place for place in people if place.arm == "control"]
    assert abs(sum(place.profile_id in town for place in held) - 6) <= 1
    assert abs(len(held) - 60) <= 2
    assert {place.probability for place in held} == {0.2}
    assert any("dealt out evenly" in note for note in made.summary["notes"])
    again = plan(shop, "spring", now=NOW, by="ann")
    assert places(shop.control, again.plan_id) == people


def test_clusters_and_strata_together_are_refused(shop: Stores) -> None:
    with pytest.raises(DefinitionError, match="not both"):
        apply(shop, spring={"cluster": "household", "stratify": ["town"]})


def test_strata_make_the_comparison_surer_and_keep_it_right() -> None:
    # Two segments that spend unlike: dealing out evenly and comparing within them takes that out of the noise.
    rng = np.random.default_rng(8)
    code = (np.arange(600) % 3 == 0).astype(np.int64)
    names = IDS[:600]
    within, plain, covered = [], [], 0
    for n in range(200):
        held = evenly(f"run {n}", names, code) < 5_000
        spent = 100.0 * code + 10.0 + 5.0 * ~held + rng.normal(0, 10, 600)
        people = made_people(spent, ~held)
        plain.append(lift_of(people, "revenue", seed=1).difference)
        marked = within_strata(people, InSegments({"loyal": code == 1}, {}))
        within.append(lift_of(marked, "revenue", seed=1).difference)
        covered += bool(within[-1].covers(5.0))
    assert covered >= 183
    assert _width(within[0]) < 0.4 * _width(plain[0])
    assert np.std([one.estimate for one in within]) == pytest.approx(
        _width(within[0]) / 3.92, rel=0.2
    )


def _width(one: Estimate) -> float:
    assert one.lower is not None
    assert one.upper is not None
    return one.upper - one.lower


def made_people(spent: np.ndarray, treated: np.ndarray) -> People:
    n = len(spent)
    zeros = np.zeros(n)
    return People(
        cells=(Cell("mail", "a"),),
        cell=np.where(treated, 0, -1),
        probability=np.full(n, 0.5),
        converted=spent > 0,
        orders=np.ones(n),
        revenue=spent,
        margin=spent,
        offer_cost=zeros,
        spend_before=zeros,
        customer=np.ones(n, bool),
    )
