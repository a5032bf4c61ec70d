"""What a persona is made of: demographics, price sensitivity, channels, names; divisions by a short text; the page."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest

from aimwell.definitions.catalogue import check
from aimwell.definitions.service import apply
from aimwell.errors import SegmentError, UnknownDefinitionError
from aimwell.history.moment import open_moment
from aimwell.segment.divisions import NONE_OF_THESE, divide
from aimwell.segment.personas.habits import channel_use, discount_use, ratio_of_sums
from aimwell.segment.personas.model import Difference
from aimwell.segment.personas.names import name_personas
from aimwell.segment.personas.page import personas_html
from aimwell.segment.personas.service import personas
from aimwell.segment.validity.parts import labels_hold
from aimwell.store.stores import Stores
from shop import add_orders, add_people, add_touches, add_traits, day, make_stores


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    """40 of the north are old, buy on discount and read e-mail; 80 of the south are young, pay in full, read nothing."""
    stores = make_stores(tmp_path_factory.mktemp("parts"))
    draw = np.random.default_rng(5)
    orders, traits, touches = [], [], []
    for number in range(120):
        name, north = f"p{number}", number < 40
        age = int(draw.normal(60 if north else 30, 8))
        for trait, value in (
            ("area", "north" if north else "south"),
            ("age", str(age)),
            ("religion", "x" if north else "y"),
            ("number", str(1000 + number)),
        ):
            traits.append({"customer": name, "name": trait, "value": value})
        for order in range(int(draw.integers(1, 5))):
            reduced = draw.random() < (0.7 if north else 0.1)
            orders.append(
                {
                    "customer": name,
                    "order_id": f"{name}/{order}",
                    "ordered_at": day(float(draw.uniform(0, 90))),
                    "revenue": 20,
                    "discount": 5 if reduced else 0,
                }
            )
        for event in ("Email Sent", *(["Email Opened"] if north else [])):
            touches.append(
                {"customer": name, "event": event, "occurred_at": day(20), "channel": "email"}
            )
    add_orders(stores, orders)
    add_traits(stores, traits)
    add_touches(stores, touches)
    add_people(stores, [{"customer": "prospect", "first_seen_at": day(0)}])
    rules = {
        "old": {"trait": "age", "at_least": 50},
        "north": {"trait": "area", "is": "north"},
        "busy": {"feature": "orders", "at_least": 3},
    }
    found = [check({"kind": "segment", "name": n, "rule": rule}) for n, rule in rules.items()]
    apply(stores.control, found, now=day(0), by="test")
    yield stores
    stores.close()


def test_demographics_prices_and_channels_are_those_of_the_group(shop: Stores) -> None:
    with open_moment(shop, as_of=day(100)) as moment:
        division = divide(moment, "trait:area")
        south, north = personas(moment, division.groups, top=3, without=division.trait)
        page = personas_html(
            (south, north),
            title=division.title,
            note="<b>take care</b>",
            as_of=moment.as_of,
            timezone="Europe/London",
            currency="GBP",
        )
    assert (south.size, north.size) == (80, 40)
    [age] = [one for one in north.numbers if one.trait == "age"]
    assert 55 < age.median < 65
    assert age.others is not None
    assert age.others < 40
    # A religion and a number that names the person are nothing to compare people by.
    assert {one.trait for one in north.numbers} == {"age"}
    assert {one.what for one in north.differences}.isdisjoint({"religion", "number"})
    assert "older" in north.name.lower()
    assert {one.what for one in north.differences} >= {"age", "discount_share"}
    assert north.discounts is not None
    assert north.discounts.orders.estimate is not None
    assert north.discounts.orders.covers(0.7)
    assert north.discounts.p_value is not None
    assert north.discounts.p_value < 0.001
    assert (north.channels[0].own, north.channels[0].others) == (1.0, 0.0)
    assert north.averages["orders"] == pytest.approx(north.orders_per_person)
    assert "religion" not in page
    assert "<b>take care</b>" not in page  # shown, not obeyed
    assert page.count('class="card persona"') == 2


def test_a_division_by_segments_puts_everybody_into_the_first_that_fits(shop: Stores) -> None:
    with open_moment(shop, as_of=day(100)) as moment:
        found = divide(moment, "segments:old, north ,busy")
        counts = {
            row["values"]: row["counts"] for row in found.groups["group"].value_counts().to_pylist()
        }
        assert sum(counts.values()) == 121
        assert counts["old"] > 30
        assert NONE_OF_THESE in counts
        assert found.built_from == {"trait age", "trait area", "orders"}
        assert found.note is not None
        assert "count in the first" in found.note
        for by, error, said in (
            ("nonsense", SegmentError, "names no division"),
            ("segments:old,old", SegmentError, "stands twice"),
            ("segments:older", UnknownDefinitionError, "older"),
            ("trait:religion", SegmentError, "special category"),
            ("trait:number", SegmentError, "120 values"),
            ("trait:none", SegmentError, "Nobody has the trait 'none'"),
        ):
            with pytest.raises(error, match=said):
                divide(moment, by)


def difference(words: str, holds: float = 0.9, what: str | None = None) -> Difference:
    return Difference(what or words, None, words, 1.0, 0.0, 1.0, 0.01, holds, 100)


def test_names_are_short_and_all_different() -> None:
    names = name_personas(
        {
            "a": [difference("many orders"), difference("large baskets"), difference("old")],
            "b": [difference("many orders"), difference("large baskets"), difference("young")],
            "c": [difference("few orders"), difference("small baskets"), difference("old")],
            "d": [],
            "e": [],
        }
    )
    assert names["a"] == "Many orders, large baskets, old"
    assert names["b"] == "Many orders, large baskets, young"
    assert names["c"] == "Few orders, small baskets"
    assert [names["d"], names["e"]] == ["Like everybody else (1)", "Like everybody else (2)"]
    # What holds for half of the group is no name for it, if there is a better one; nor twice the same trait.
    mixed = [difference("early", 0.5), difference("country is GB", what="country")]
    assert name_personas({"a": [*mixed, difference("country seldom is FR", what="country")]}) == {
        "a": "Country is GB, early"
    }


def test_a_label_that_fits_too_few_is_flagged_as_a_stereotype() -> None:
    face = SimpleNamespace(
        group="a",
        differences=[
            difference("many orders", 0.9),
            difference("weekend buyers", 0.58),
            difference("older", 0.7),
            difference("never looked at", 0.1),
        ],
    )
    found = labels_hold([face])  # type: ignore[list-item]
    assert [(one.words, one.mixed) for one in found] == [
        ("many orders", False),
        ("weekend buyers", True),
        ("older", False),
    ]
    assert found[1].holds.estimate == 0.58
    assert found[1].holds.covers(0.6)


def test_a_ratio_over_people_covers_the_truth_as_often_as_it_says() -> None:
    draw = np.random.default_rng(3)
    covered = 0
    for _trial in range(400):
        orders = draw.geometric(0.3, 60)
        taste = draw.beta(1, 2, 60)  # a person's orders resemble each other
        reduced = draw.binomial(orders, taste)
        found = ratio_of_sums(
            60,
            float(orders.sum()),
            float(reduced.sum()),
            (float(orders @ orders), float(orders @ reduced), float(reduced @ reduced)),
        )
        covered += bool(found.covers(1 / 3))
    assert 0.90 < covered / 400 < 0.98


def test_without_discounts_or_buyers_nothing_is_claimed() -> None:
    names = ("people", "orders", "reduced", "oo", "od", "dd", "discount", "gross")
    row = dict.fromkeys(names, 0.0) | {"group": "a", "people": 9, "orders": 20.0, "oo": 50.0}
    assert discount_use(pa.Table.from_pylist([row]), ["a", "b"]) == {"a": None, "b": None}
    some = row | {"reduced": 5.0, "od": 10.0, "dd": 4.0}
    found = discount_use(pa.Table.from_pylist([some]), ["a", "b"])
    assert found["b"] is not None
    assert found["b"].orders.reason == "fewer than 5 people bought anything"
    assert found["b"].p_value is None
    rows = [{"group": "a", "channel": "sms", "reached": 4, "reacted": 1}]
    uses = channel_use(pa.Table.from_pylist(rows), ["a", "b"])
    assert (uses["a"][0].own, uses["a"][0].others, uses["b"]) == (0.25, None, ())
