"""Occasions judged: what was planted is found, with who buys for it; where nothing was planted nothing is."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from aimwell.definitions.catalogue import check
from aimwell.definitions.kinds.occasion import Occasion
from aimwell.history.moment import Moment, open_moment
from aimwell.segment.occasions.assessing import Assessment, assess, overlaps
from aimwell.segment.occasions.buyers import buyers_query
from aimwell.store.sql import sql
from shop import (
    ALWAYS,
    add_orders,
    add_products,
    add_traits,
    day,
    make_stores,
    online_retail,
    origin,
)

PEOPLE, YEARS = 300, 2
MOTHERS = {
    "GB": (date(2026, 3, 15), date(2027, 3, 7)),
    "US": (date(2026, 5, 10), date(2027, 5, 9)),
}
GIVERS = range(60)
"""People who buy a bouquet before each Mother's Day of their country."""


def occasion(name: str, **fields: Any) -> Occasion:
    found = check({"kind": "occasion", "name": name, **fields})
    assert isinstance(found, Occasion)
    return found


@pytest.fixture(scope="module")
def moment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Moment]:
    """Two years of people who buy about every fifty days, half of them in each country."""
    stores = make_stores(tmp_path_factory.mktemp("shop"))
    rng = np.random.default_rng(1)
    orders = []
    for person in range(PEOPLE):
        times = set(np.flatnonzero(rng.random(365 * YEARS) < 0.02).tolist())
        gifts = set()
        if person in GIVERS:
            for when in MOTHERS[country(person)]:
                gifts.add((when - date(2026, 1, 1)).days - int(rng.integers(1, 10)))
        for at in times | gifts:
            sku = "bouquet" if at in gifts else f"sku {rng.integers(12)}"
            orders.append(
                {
                    "customer": f"c{person}",
                    "order_id": f"{person} {at}",
                    "ordered_at": day(at + 0.5),
                    "lines": [(sku, 1, 10)],
                }
            )
    add_orders(stores, orders)
    add_products(
        stores,
        [
            {"sku": "bouquet", "name": "Bouquet of roses", "category": "Flowers"},
            *({"sku": f"sku {n}", "name": f"Thing {n}", "category": "Things"} for n in range(12)),
        ],
    )
    add_traits(
        stores,
        [
            {"customer": f"c{n}", "name": "country", "value": country(n), "set_at": ALWAYS}
            for n in range(PEOPLE)
        ],
    )
    with open_moment(stores, as_of=day(365 * YEARS)) as found:
        yield found
    stores.close()


def country(person: int) -> str:
    return "GB" if person % 2 else "US"


NONE = [
    occasion("valentines-day", when={"common": "valentines-day"}),
    occasion("halloween", when={"common": "halloween"}),
    occasion("singles-day", when={"common": "singles-day"}),
    occasion("payday", when={"payday": {"day": "last"}}),
]


@pytest.fixture(scope="module")
def judged(moment: Moment) -> dict[str, Assessment]:
    wanted = [
        occasion("mothers-day", when={"common": "mothers-day"}),
        *NONE,
        occasion("refill", when={"replenishment": {"category": "Things"}}),
        occasion("birthday", when={"birthday": "february"}),
    ]
    return {one.occasion: one for one in assess(moment, wanted)}


def test_the_planted_occasion_is_found_with_its_size_lead_and_goods(
    judged: dict[str, Assessment],
) -> None:
    found = judged["mothers-day"]
    assert found.verdict == "act"
    assert found.q_value is not None
    assert found.q_value <= 0.05
    assert found.rhythm is not None
    assert found.rhythm.windows == 4
    assert found.rhythm.lead in (7, 14)
    assert found.rhythm.observed - found.rhythm.expected == pytest.approx(2 * len(GIVERS), rel=0.3)
    (bouquet,) = found.products
    assert bouquet.sku == "bouquet"
    assert list(bouquet.demand) == [2026, 2027]
    assert sum(bouquet.demand.values()) == bouquet.inside  # everybody bought one
    assert found.purpose == "gift"  # a bouquet speaks of giving
    assert found.people == PEOPLE
    assert found.next_on in (date(2028, 3, 26), date(2028, 5, 14))
    assert "celebratory" in found.nature


def test_who_buys_for_it_is_learned_and_checked_by_the_year_after(
    moment: Moment, judged: dict[str, Assessment]
) -> None:
    mothers = occasion("mothers-day", when={"common": "mothers-day"})
    query = sql(
        "SELECT profile_id FROM :buyers AS b WHERE probability >= 0.5",
        buyers=buyers_query(moment, mothers),
    )
    named = {row[0] for row in moment.session.rows(query)}
    givers = {origin(moment.stores, f"c{n}") for n in GIVERS}
    assert len(named & givers) >= 0.65 * len(givers)  # some bought earlier than the lead time
    assert len(named & givers) >= 0.8 * len(named)
    made = judged["mothers-day"].check
    assert made is not None
    assert made.named_share > max(made.most_share, made.alike_share or 0) + 0.2
    assert made.lower is not None
    assert made.lower > 0


def test_where_nothing_was_planted_nothing_is_found(judged: dict[str, Assessment]) -> None:
    for one in NONE:
        found = judged[one.name]
        assert found.verdict in ("weak", "cannot tell")
        assert found.likely == 0
        assert found.check is None
        assert found.reason
    assert judged["refill"].verdict == "by person"
    assert judged["birthday"].verdict == "cannot tell"


def test_nobody_is_said_to_buy_for_what_is_too_weak(moment: Moment) -> None:
    for one in NONE:
        assert moment.session.rows(buyers_query(moment, one)) == []


def test_overlap_counts_people_who_bought_before_both(moment: Moment) -> None:
    (pair,) = overlaps(
        moment, [NONE[0], occasion("mothers-day", when={"common": "mothers-day"}, lead="10d")]
    )
    assert {pair.one, pair.other} == {"valentines-day", "mothers-day"}
    assert 0 < pair.both < pair.either <= PEOPLE
    assert pair.jaccard == pair.both / pair.either


def test_a_shop_without_orders_is_judged_in_words(tmp_path_factory: pytest.TempPathFactory) -> None:
    stores = make_stores(tmp_path_factory.mktemp("empty"))
    with open_moment(stores, as_of=day(30)) as empty:
        (found,) = assess(empty, [NONE[0]])
    assert (found.verdict, found.people, found.next_on) == ("cannot tell", 0, None)
    assert found.reason == "nobody bought anything yet"
    stores.close()


@pytest.mark.long
def test_christmas_is_found_in_online_retail_and_mothers_day_is_not(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    stores = make_stores(tmp_path_factory.mktemp("retail"), timezone="Europe/London", country="GB")
    online_retail(stores)
    wanted = [
        occasion(
            "christmas",
            when={"common": {"day": "christmas", "country": "GB"}},
            goods={"words": ["christmas", "xmas", "advent"]},
        ),
        occasion("mothers-day", when={"common": {"day": "mothers-day", "country": "GB"}}),
    ]
    as_of = datetime(2011, 12, 10).astimezone() + timedelta(hours=12)
    with open_moment(stores, as_of=as_of) as found:
        christmas, mothers = assess(found, wanted)
    assert christmas.verdict == "act"
    assert christmas.rhythm is not None
    assert christmas.rhythm.ratio > 2
    named = [one for one in christmas.products if one.wanted]
    assert len(named) == 10  # its goods have half of the places, and the first
    assert christmas.products[: len(named)] == tuple(named)
    assert all("CHRISTMAS" in (one.name or "") for one in named)
    assert named[0].demand[2010] > 1_000
    assert mothers.verdict == "weak"
    stores.close()
