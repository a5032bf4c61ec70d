"""Validity: real groups are told from random ones, stereotypes and proxies are flagged, even groups are not."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import numpy as np
import pytest

from aimwell.definitions.catalogue import check
from aimwell.definitions.kinds.segment import Segment
from aimwell.definitions.service import apply
from aimwell.errors import SegmentError
from aimwell.history.moment import open_moment
from aimwell.segment.membership.overlap import overlap
from aimwell.segment.service import explain
from aimwell.segment.validity.page import validity_html
from aimwell.segment.validity.parts import aftermath, moves, unused_features
from aimwell.segment.validity.proxies import banded, group_proxies, proxies
from aimwell.segment.validity.service import validity
from aimwell.store.stores import Stores
from shop import add_orders, add_people, add_traits, day, make_stores


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    """240 people: "plan" tells who goes on buying, "dice" nothing; nine in ten on plan A are men."""
    stores = make_stores(tmp_path_factory.mktemp("validity"))
    draw = np.random.default_rng(8)
    orders, traits, people = [], [], []
    for number in range(240):
        name, plan = f"p{number}", "A" if number % 2 else "B"
        man = draw.random() < (0.9 if plan == "A" else 0.1)
        facts = {"plan": plan, "dice": str(number // 2 % 3), "gender": "M" if man else "F"}
        facts["religion"] = "x"
        traits += [{"customer": name, "name": one, "value": value} for one, value in facts.items()]
        people.append({"customer": name, "first_seen_at": day(0)})
        for start, end, rate in ((0, 50, 1.0), (50, 100, 0.7 if plan == "A" else 0.2)):
            if draw.random() < rate:
                orders.append(
                    {
                        "customer": name,
                        "order_id": f"{name}/{start}",
                        "ordered_at": day(float(draw.uniform(start, end))),
                        "revenue": 10,
                    }
                )
    add_orders(stores, orders)
    add_traits(stores, traits)
    add_people(stores, people)
    rules = {
        "on-a": {"trait": "plan", "is": "A"},
        "men": {"trait": "gender", "is": "M"},
        "a-again": {"all": [{"trait": "plan", "is": "A"}]},
    }
    found = [check({"kind": "segment", "name": n, "rule": rule}) for n, rule in rules.items()]
    apply(stores.control, found, now=day(0), by="test")
    yield stores
    stores.close()


def test_groups_that_tell_what_comes_are_told_from_groups_that_do_not(shop: Stores) -> None:
    real = validity(shop, "segments:on-a", as_of=day(100), horizon=timedelta(days=50))
    assert real.after is not None
    assert real.after.leader == "on-a"
    assert real.after.leads == 1.0
    assert real.after.bought.p_value is not None
    assert real.after.bought.p_value < 1e-6
    assert real.sentence.startswith("These groups tell what comes: in the 50 days")
    assert real.moves is not None
    assert (real.moves.stay.estimate, real.moves.agreement) == (1.0, 1.0)
    assert real.steady.reason is not None
    assert {one.verdict for one in real.proxies if one.attribute == "gender"} == {"proxy"}
    assert any("is a proxy for gender" in one for one in real.warnings)
    assert (
        "Not looked at, as no consent is declared for it in privacy_rules: religion."
        in real.warnings
    )
    assert real.sizes[0].needed is not None
    page = validity_html(real, as_of=day(100), timezone="Europe/London", currency="GBP")
    assert "is a proxy for gender" in page
    dull = validity(shop, "trait:dice", as_of=day(100), horizon=timedelta(days=50))
    assert dull.sentence.startswith("There is nothing here")
    assert {one.verdict for one in dull.proxies if one.attribute == "gender"} == {"fine"}


def test_a_segment_made_from_a_protected_attribute_is_named(shop: Stores) -> None:
    found = validity(shop, "segments:men", as_of=day(100), horizon=timedelta(days=50))
    assert any(one.verdict == "names it" and one.group == "men" for one in found.proxies)


def test_a_look_at_a_rule_tells_what_it_stands_in_for(shop: Stores) -> None:
    (told,) = explain(shop, "on-a", as_of=day(100)).warnings
    assert told.startswith("“on-a” is a proxy for gender: knowing who is in it tells much of it")
    assert explain(shop, "men", as_of=day(100)).warnings == ()  # its rule says so itself
    dice = check({"kind": "segment", "name": "dice", "rule": {"trait": "dice", "is": "1"}})
    assert isinstance(dice, Segment)
    assert explain(shop, dice, as_of=day(100)).warnings == ()
    # By counts as by people.
    draw = np.random.default_rng(5)
    inside = draw.random(400) < 0.4
    ages = np.where(inside, "old", np.where(draw.random(400) < 0.3, "old", "young"))
    counts = {
        age: (int((inside & (ages == age)).sum()), int((ages == age).sum()))
        for age in ("old", "young")
    }
    groups = np.where(inside, "in", "out")
    by_people = proxies(groups, {"age": ages.tolist()}, built_from=(), seed=0)
    (by_counts,) = group_proxies("in", {"age": counts}, seed=0)
    assert (by_counts.verdict, by_counts.least) == ("proxy", "young")
    assert by_counts.strength.estimate == by_people[0].strength.estimate
    assert by_counts.ratio == by_people[0].ratio


def test_numbers_are_counted_in_bands(shop: Stores) -> None:
    ages = {"kind": "privacy_rules", "name": "default", "protected": ["tier", "gender"]}
    add_traits(
        shop,
        [
            {"customer": f"p{n}", "name": "tier", "value": str(20 + n % 2 * 30 + n % 17)}
            for n in range(240)
        ],
    )
    apply(shop.control, [check(ages)], now=day(0), by="test")
    told = explain(shop, "on-a", as_of=day(100)).warnings
    assert [text.split(":")[0] for text in told] == [
        "“on-a” is a proxy for gender",
        "“on-a” is a proxy for tier",
    ]


def test_without_a_past_the_rest_is_still_said(shop: Stores) -> None:
    found = validity(shop, "rfm", as_of=day(100), horizon=timedelta(days=300))
    assert found.after is None
    assert found.warnings[0].startswith("There is no past to judge by:")
    with pytest.raises(SegmentError, match="names no division"):
        validity(shop, "rmf", as_of=day(100), horizon=timedelta(days=30))


def test_overlap_counts_people_in_both(shop: Stores) -> None:
    with open_moment(shop, as_of=day(100)) as moment:
        found = overlap(moment)
        assert found.segments == ("a-again", "men", "on-a")
        assert found.both[0][0] == found.both[0][2] == found.both[2][0] == 120
        share = found.share(2, 1)
        assert share is not None
        assert 0.8 < share < 1.0
        assert found.warnings == (
            "'a-again' and 'on-a' are nearly the same people (100%): keep one of them.",
        )
        with pytest.raises(SegmentError, match="takes two segments"):
            overlap(moment, ["men"])


def test_random_groups_are_seldom_taken_for_real() -> None:
    draw = np.random.default_rng(1)
    false, proxy = 0, 0
    for _trial in range(20):
        groups = draw.choice(["a", "b", "c"], 300)
        bought = (draw.random(300) < 0.3).astype(float)
        found = aftermath(groups, bought, bought * draw.lognormal(2, 1, 300), days=30, seed=1)
        false += (found.bought.p_value or 1.0) <= 0.05
        genders = draw.choice(["F", "M"], 300).tolist()
        fair = proxies(groups, {"gender": genders}, built_from=(), seed=1)
        proxy += sum(one.verdict != "fine" for one in fair)
    assert false <= 4  # one expected
    assert proxy <= 3


def test_what_formed_the_groups_or_says_the_same_is_no_evidence() -> None:
    draw = np.random.default_rng(2)
    orders = draw.poisson(4, 500).astype(float)
    groups = np.where(orders > 4, "many", "few")
    columns = {
        "orders": orders,
        "revenue": orders * draw.lognormal(3, 0.1, 500),
        "visits": draw.poisson(5, 500) + (orders > 4) * 2.0,
        "noise": draw.normal(size=500),
        "missing": np.full(500, np.nan),
    }
    found, used = unused_features(columns, groups, frozenset({"orders"}))
    assert used == ("orders", "revenue")
    assert [one.name for one in found] == ["visits", "noise"]
    assert found[0].p_value < 0.001 < 0.05 < found[1].p_value


def test_moves_count_people_who_are_there_twice() -> None:
    found = moves({"1": "a", "2": "a", "3": "b"}, {"1": "a", "2": "b", "4": "b"}, days=9)
    assert found.stay.estimate == 0.5
    assert dict(found.counts) == {("a", "a"): 1, ("a", "b"): 1}
    assert moves({}, {}, days=9).agreement is None


def test_bands_are_those_declared_or_quarters() -> None:
    ages = np.array([18.0, 25.0, 39.9, 40.0, np.nan])
    assert banded(ages, (25.0, 40.0)) == [
        "under 25",
        "25 to under 40",
        "25 to under 40",
        "40 and more",
        None,
    ]
    assert len(set(banded(np.arange(100.0), None))) == 4
