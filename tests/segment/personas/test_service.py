"""Personas: size, value, what sets a group apart, what and when it buys; and silence where groups do not differ."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from aimwell.errors import SegmentError
from aimwell.history.moment import open_moment
from aimwell.segment.personas.likings import likings
from aimwell.segment.personas.model import Persona
from aimwell.segment.personas.page import personas_html
from aimwell.segment.personas.service import personas
from aimwell.segment.personas.times import time_words, times
from aimwell.segment.rfm import rfm
from aimwell.store.stores import Stores
from shop import (
    add_orders,
    add_people,
    add_products,
    add_traits,
    day,
    make_stores,
    online_retail,
    origin,
)

COUNTRIES = {"tea": "GB", "sofa": "IE"}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    """60 tea drinkers buy often, cheaply, on Tuesdays at 9 local time; 20 sofa buyers seldom, on Sundays at 18."""
    stores = make_stores(tmp_path_factory.mktemp("personas"), timezone="Asia/Tokyo")
    draw = np.random.default_rng(11)
    add_products(stores, [{"sku": "tea", "name": "Green tea"}, {"sku": "sofa", "name": "Red sofa"}])
    orders, traits = [], []
    for kind, count in (("tea", 60), ("sofa", 20)):
        for number in range(count):
            name = f"{kind} {number}"
            traits.append({"customer": name, "name": "country", "value": COUNTRIES[kind]})
            traits.append({"customer": name, "name": "lucky", "value": str(number % 3)})
            traits.append({"customer": name, "name": "code", "value": f"{kind}{number}"})
            for order in range(
                int(draw.integers(6, 10)) if kind == "tea" else int(draw.integers(1, 3))
            ):
                # START is Thursday 2026-01-01. Tokyo is nine hours ahead: Tuesday 9:30 there is 0:30 in UTC.
                when = (
                    7 * int(draw.integers(0, 20))
                    + (5 if kind == "tea" else 3)
                    + (0.5 if kind == "tea" else 9.5) / 24
                )
                lines = [(kind, 1, round(float(draw.lognormal(2 if kind == "tea" else 6, 0.3)), 2))]
                if order == 0 and number % 2:
                    lines.append(("mug", 1, 4))
                orders.append(
                    {
                        "customer": name,
                        "order_id": f"{name}/{order}",
                        "ordered_at": day(when),
                        "lines": lines,
                    }
                )
    add_orders(stores, orders)
    add_traits(stores, traits)
    add_people(stores, [{"customer": "prospect", "first_seen_at": day(0)}])
    yield stores
    stores.close()


def groups(stores: Stores, *, swap: bool = False) -> pa.Table:
    rows = []
    for kind, count in (("tea", 60), ("sofa", 20)):
        for number in range(count):
            group = f"{kind} people" if not swap else ("odd" if number % 2 else "even")
            rows.append({"profile_id": origin(stores, f"{kind} {number}"), "group": group})
    rows.append({"profile_id": "nobody that is known", "group": rows[0]["group"]})
    return pa.Table.from_pylist(rows)


def described(stores: Stores, division: pa.Table) -> dict[str, Persona]:
    with open_moment(stores, as_of=day(150)) as moment:
        return {one.group: one for one in personas(moment, division)}


def test_size_value_and_time_are_those_of_the_group(shop: Stores) -> None:
    found = described(shop, groups(shop))
    assert list(found) == ["tea people", "sofa people"]  # the larger first
    tea, sofa = found.values()
    assert (tea.size, sofa.size) == (60, 20)
    assert tea.share == 0.75
    assert tea.revenue + sofa.revenue == pytest.approx(_revenue(shop))
    assert tea.revenue_share is not None
    assert sofa.revenue_share is not None
    assert tea.revenue_share + sofa.revenue_share == pytest.approx(1.0)
    assert tea.revenue_per_person == pytest.approx(tea.revenue / 60)
    assert 6 <= tea.orders_per_person <= 9
    assert (tea.weekday, tea.hour) == (2, 9)
    assert (sofa.weekday, sofa.hour) == (7, 18)
    assert tea.weekdays[1] == tea.hours[9] == 1.0
    assert tea.sentence.startswith("60 people (75%) with ")
    assert "They buy most on Tuesdays and between 9:00 and 10:00. More than others" in tea.sentence
    assert tea.sentence.endswith("Favourite product: Green tea (100% have bought it).")
    assert json.loads(json.dumps(tea.to_dict()))["size"] == 60


def _revenue(stores: Stores) -> float:
    with open_moment(stores, as_of=day(150)) as moment:
        return float(sum(row["monetary"] for row in rfm(moment).to_pylist()))


def test_what_sets_a_group_apart_is_ranked_and_certain(shop: Stores) -> None:
    found = described(shop, groups(shop))
    for one in found.values():
        effects = [abs(difference.effect) for difference in one.differences]
        assert effects == sorted(effects, reverse=True)
        assert all(difference.p_value <= 0.05 for difference in one.differences)
        assert min(effects) >= 0.2
        assert len(one.differences) == 5
    words = [difference.words for difference in found["sofa people"].differences]
    assert {"large baskets", "weekend buyers", "country is IE"} <= set(words)
    with open_moment(shop, as_of=day(150)) as moment:
        (tea, _sofa) = personas(moment, groups(shop), names=["orders"])
    orders = next(difference for difference in tea.differences if difference.what == "orders")
    assert orders.words == "many orders"
    assert orders.own > 6 > 2 > orders.others
    assert orders.effect > 2


def test_traits_that_differ_are_said_and_ids_and_chance_are_not(shop: Stores) -> None:
    with open_moment(shop, as_of=day(150)) as moment:
        whole = personas(moment, groups(shop), names=["return_share"], top=20)
        mixed = groups(shop).to_pylist()
        for number in range(6):  # a few of one group join the other
            mixed[number]["group"] = "sofa people"
        found = personas(moment, pa.Table.from_pylist(mixed), names=["return_share"], top=20)
    for one in (*whole, *found):
        said = {(difference.what, difference.value) for difference in one.differences}
        assert said == {("country", "GB"), ("country", "IE")}
    sofa = next(one for one in found if one.group == "sofa people")
    country = next(one for one in sofa.differences if one.value == "IE")
    assert (country.own, country.others) == (pytest.approx(20 / 26), 0.0)
    assert country.words == "country is IE"


def test_a_value_that_parts_groups_wholly_comes_first(shop: Stores) -> None:
    with open_moment(shop, as_of=day(150)) as moment:
        found = personas(moment, groups(shop), names=["weekend_share", "orders"])
    tea, sofa = found
    assert (tea.differences[0].words, tea.differences[0].effect) == ("weekday buyers", -10.0)
    assert (sofa.differences[0].words, sofa.differences[0].effect) == ("weekend buyers", 10.0)
    assert sofa.differences[0].p_value < 1e-15


def test_groups_that_do_not_differ_have_nothing_that_sets_them_apart(shop: Stores) -> None:
    found = described(shop, groups(shop, swap=True))
    for one in found.values():
        assert {difference.what for difference in one.differences} <= {"products"}  # the mug
    assert [liking.sku for liking in found["odd"].over_indexed] == ["mug"]
    assert found["even"].over_indexed == ()


def test_favourites_and_what_is_bought_more(shop: Stores) -> None:
    found = described(shop, groups(shop))
    tea = found["tea people"]
    assert [(liking.sku, liking.name, liking.buyers) for liking in tea.favourites] == [
        ("tea", "Green tea", 60),
        ("mug", None, 30),
    ]
    (more,) = tea.over_indexed
    assert (more.sku, more.own, more.others, more.index) == ("tea", 1.0, 0.0, None)


def test_likings_are_judged_by_an_exact_test() -> None:
    counts = pa.Table.from_pylist(
        [
            {"group": "a", "sku": "x", "name": "X", "buyers": 30},
            {"group": "b", "sku": "x", "name": "X", "buyers": 20},
            {"group": "a", "sku": "y", "name": None, "buyers": 4},
            {"group": "b", "sku": "z", "name": "Z", "buyers": 50},
            {"group": "a", "sku": "z", "name": "Z", "buyers": 50},
        ]
    )
    found = likings(counts, {"a": 100, "b": 200}, top=9, false_share=0.05)
    favourites, more = found["a"]
    assert [one.sku for one in favourites] == ["z", "x", "y"]
    assert [one.sku for one in more] == ["x", "z"]  # four buyers are too few for y
    assert more[0].index == pytest.approx(3.0)
    assert more[1].index == pytest.approx(2.0)
    from scipy.stats import fisher_exact

    own = fisher_exact([[30, 70], [20, 180]], alternative="greater").pvalue
    assert more[0].p_value == pytest.approx(own * 5 / 2)  # the second smallest of five
    assert found["b"][1] == ()


def test_when_a_group_buys_more_than_others_is_said_beside_when_it_buys_most(shop: Stores) -> None:
    tea, sofa = described(shop, groups(shop)).values()
    (tuesday,), (nine,) = tea.more_weekdays, tea.more_hours
    assert (tuesday.kind, tuesday.value, tuesday.own, tuesday.others) == ("weekday", 2, 1.0, 0.0)
    assert (nine.kind, nine.value, nine.index) == ("hour", 9, None)
    assert nine.orders == round(tea.orders_per_person * tea.size)
    assert [one.value for one in (*sofa.more_weekdays, *sofa.more_hours)] == [7, 18]
    assert (
        "They buy most on Sundays and between 18:00 and 19:00. More than others they buy on Sundays "
        "(100%, others 0%) and between 18:00 and 19:00 (100%, others 0%)." in sofa.sentence
    )
    for one in described(shop, groups(shop, swap=True)).values():
        assert (one.more_weekdays, one.more_hours) == ((), ())
        assert "They buy most on Tuesdays and between 9:00 and 10:00. Favourite" in one.sentence


def test_days_without_a_time_of_day_make_no_hour() -> None:
    orders = {"one": {0: 40}, "other": {0: 60}}
    found = times(*_timed(orders, each=2), list(orders), top=5, false_share=0.05)["one"]
    assert (found.hour, found.hours, found.more_hours) == (None, (), ())
    assert time_words(found) == " They buy most on Thursdays."
    found = times(
        *_timed(orders | {"late": {9: 1}}, each=1), [*orders, "late"], top=5, false_share=0.05
    )["one"]
    assert found.hour == 0


def test_a_group_buys_more_at_a_time_that_is_not_its_commonest() -> None:
    orders = {"early": {11: 900, 8: 600}, "late": {11: 1400, 8: 100}}
    found = times(*_timed(orders, each=2), list(orders), top=5, false_share=0.05)
    early = found["early"]
    assert (early.hour, early.weekday) == (11, 4)
    (eight,) = early.more_hours
    assert (eight.value, eight.orders, eight.own) == (8, 600, 0.4)
    assert eight.others == pytest.approx(100 / 1500)
    assert eight.index == pytest.approx(6.0)
    assert early.more_weekdays == ()
    assert time_words(early) == (
        " They buy most on Thursdays and between 11:00 and 12:00. "
        "More than others they buy between 8:00 and 9:00 (40%, others 7%)."
    )
    (eleven,) = found["late"].more_hours
    assert (eleven.value, eleven.index) == (11, pytest.approx(1400 / 900))


def test_orders_that_bear_days_alone_tell_no_hour() -> None:
    found = times(
        *_timed({"a": {0: 40}, "b": {0: 60}}, each=2), ["a", "b"], top=5, false_share=0.05
    )
    assert {(one.weekday, one.hour, one.hours) for one in found.values()} == {(4, None, ())}
    assert time_words(found["a"]) == " They buy most on Thursdays."


def test_one_heavy_buyer_is_not_the_habit_of_a_group() -> None:
    orders = {"few": {11: 900, 8: 600}, "many": {11: 1400, 8: 100}}
    counts, spread = _timed(orders, each=2)
    # The same orders, 1,400 of the one group's by a single person.
    heavy = pa.table({"group": ["few", "many"], "squares": [1400.0**2 + 100, 2 * 1500.0]})
    assert times(counts, spread, list(orders), top=5, false_share=0.05)["few"].more_hours
    assert times(counts, heavy, list(orders), top=5, false_share=0.05)["few"].more_hours == ()


def test_groups_by_chance_seldom_buy_at_other_times_than_the_rest() -> None:
    draw = np.random.default_rng(5)
    hours = np.arange(9, 21)
    wrong = 0
    for _ in range(40):
        # Everybody has one hour of their own, and orders there only: the case that the test must bear.
        group = draw.choice(["a", "b", "c"], 300)
        habit = draw.choice(hours, 300)
        number = draw.geometric(0.2, 300)
        orders = {name: dict.fromkeys(hours.tolist(), 0) for name in "abc"}
        for name, hour, count in zip(group, habit, number, strict=True):
            orders[str(name)][int(hour)] += int(count)
        counts, _ = _timed(orders, each=1)
        squares = [float((number[group == name] ** 2).sum()) for name in "abc"]
        spread = pa.table({"group": list("abc"), "squares": squares})
        found = times(counts, spread, list("abc"), top=5, false_share=0.05)
        wrong += any(one.more_hours or one.more_weekdays for one in found.values())
    assert wrong <= 6  # 2 are expected at most, 7 or more have a chance of 0.3 %


def _timed(orders: dict[str, dict[int, int]], *, each: int) -> tuple[pa.Table, pa.Table]:
    """Orders of each group by hour, all on Thursdays, by people with `each` orders."""
    counts = [
        {"group": group, "weekday": 4, "hour": hour, "orders": number}
        for group, by_hour in orders.items()
        for hour, number in by_hour.items()
    ]
    spread = [
        {"group": group, "squares": float(each * sum(by_hour.values()))}
        for group, by_hour in orders.items()
    ]
    return pa.Table.from_pylist(counts), pa.Table.from_pylist(spread)


def test_a_single_group_has_no_rest_to_differ_from(shop: Stores) -> None:
    division = groups(shop)
    division = division.set_column(1, "group", pa.array(["all"] * division.num_rows))
    (one,) = described(shop, division).values()
    assert one.share == 1.0
    assert one.differences == ()
    assert one.over_indexed == ()
    assert (one.more_weekdays, one.more_hours) == ((), ())
    assert one.favourites[0].sku == "tea"


def test_people_without_orders_make_a_persona_without_times(shop: Stores) -> None:
    division = pa.table({"profile_id": [origin(shop, "prospect")], "group": ["new"]})
    (one,) = described(shop, division).values()
    assert (one.size, one.revenue, one.revenue_share) == (1, 0.0, None)
    assert (one.weekday, one.hour, one.weekdays, one.hours) == (None, None, (), ())
    assert one.sentence == "1 person (100%)."
    page = personas_html(
        [one], title="the new", note=None, as_of=day(1), timezone="UTC", currency="GBP"
    )
    assert "there is no revenue to share" in page
    assert "1 <small>person, 100%</small>" in page
    assert "GBP" not in page
    empty = pa.table({"profile_id": pa.array([], pa.string()), "group": pa.array([], pa.string())})
    assert described(shop, empty) == {}


def test_what_is_no_division_is_refused(shop: Stores) -> None:
    with open_moment(shop, as_of=day(150)) as moment:
        with pytest.raises(SegmentError, match="lacks the columns group"):
            personas(moment, pa.table({"profile_id": ["a"]}))
        with pytest.raises(SegmentError, match="in two groups"):
            personas(moment, pa.table({"profile_id": ["a", "a"], "group": ["x", "y"]}))
        with pytest.raises(SegmentError, match="no group"):
            personas(moment, pa.table({"profile_id": ["a", "b"], "group": ["x", None]}))


def test_rfm_groups_of_online_retail_have_faces(tmp_path: Path) -> None:
    stores = make_stores(tmp_path, timezone="Europe/London")
    online_retail(stores)
    with open_moment(stores, as_of=datetime(2011, 9, 1, tzinfo=UTC)) as moment:
        division = rfm(moment)
        found = {one.group: one for one in personas(moment, division)}
    assert sum(one.size for one in found.values()) == division.num_rows
    assert sum(one.share for one in found.values()) == pytest.approx(1.0)
    champions = found["champions"]
    assert champions.revenue_share is not None
    assert champions.revenue_share > 0.4 > champions.share
    assert {"many orders", "bought lately"} <= {one.words for one in champions.differences}
    assert champions.weekday == 4  # the shop is closed on Saturdays; Thursday is its busiest day
    assert champions.weekdays[5] == 0.0
    assert champions.over_indexed
    stores.close()
