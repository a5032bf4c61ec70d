"""Ready-made audiences: each is a rule that can be read, set by the shop, and none is made up where nothing is known."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from aimwell.definitions.catalogue import check
from aimwell.definitions.parameters import named_parameters
from aimwell.definitions.rule_text import parse_rule
from aimwell.definitions.rules import LEAF_KINDS
from aimwell.errors import DefinitionError, UnknownDefinitionError
from aimwell.history.moment import Moment, open_moment
from aimwell.segment.audiences.figures import FIGURES, PEOPLE_MIN, learn
from aimwell.segment.audiences.service import adapted, audience, audiences, missing
from aimwell.segment.service import compiled, members_query
from shop import add_events, add_orders, day, make_stores, origin

PEOPLE = 40


@pytest.fixture(scope="module")
def moment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Moment]:
    """Forty people: number n ordered every 10 + n days for 10 n, and looked at n mugs; the last never bought."""
    stores = make_stores(tmp_path_factory.mktemp("shop"))
    orders, events = [], []
    for n in range(PEOPLE):
        for number in range(3):
            if n < PEOPLE - 1:
                orders.append(
                    {
                        "customer": f"c{n}",
                        "order_id": f"{n} {number}",
                        "ordered_at": day(100 + number * (10 + n)),
                        "lines": [("mug", 1, 10 * n + 1)],
                        "coupon": "TEN" if n == 7 else None,
                    }
                )
        events += [
            {
                "customer": f"c{n}",
                "event": "Product Viewed",
                "occurred_at": day(195 + view / 50),
                "category": "mugs",
            }
            for view in range(n)
        ]
    for name, price in (("c3", 5), ("c39", 50)):
        events.append(
            {
                "customer": name,
                "event": "Product Added",
                "occurred_at": day(198),
                "properties": {"price": price},
            }
        )
    add_orders(stores, orders)
    add_events(stores, events)
    with open_moment(stores, as_of=day(200)) as found:
        yield found
    stores.close()


def members(moment: Moment, name: str, **given: object) -> set[str]:
    segment, _learned = adapted(moment, audience(name), given=given)
    tree = compiled(moment, segment.rule)
    ids = {row[0] for row in moment.session.rows(members_query(tree))}
    return {f"c{n}" for n in range(PEOPLE) if origin(moment.stores, f"c{n}") in ids}


def test_each_uses_all_its_parameters_and_is_the_same_as_text(moment: Moment) -> None:
    assert len({one.name for one in audiences()}) == len(audiences()) >= 24
    for one in audiences():
        assert named_parameters(parse_rule(one.rule, LEAF_KINDS)) == set(one.parameters)
        assert set(one.learns) <= set(one.parameters)
        assert set(one.learns.values()) <= set(FIGURES)
        assert all(spec["description"] for spec in one.parameters.values())
        segment, _learned = adapted(moment, one, given={})
        again = check({**segment.document(), "rule": segment.text()})
        assert again.document()["rule"] == segment.document()["rule"]
        moment.session.rows(members_query(compiled(moment, segment.rule)))


def test_of_a_shop_without_orders_none_that_needs_them_is_made(tmp_path: Path) -> None:
    stores = make_stores(tmp_path)
    view = {"customer": "ann", "event": "Product Viewed", "occurred_at": day(1)}
    add_events(stores, [view])
    with open_moment(stores, as_of=day(2)) as moment:
        lacking = {one.name: missing(moment, one) for one in audiences()}
    assert lacking["at-risk"] == ("Order Completed",)
    assert {name for name, events in lacking.items() if not events} == {
        "coupon-responders",
        "ad-responders",
        "category-browsers",
        "window-shoppers",
        "prospects-aware",
        "prospects-interested",
        "prospects-considering",
    }
    stores.close()


def test_every_figure_is_used_by_some_audience() -> None:
    assert set(FIGURES) == {figure for one in audiences() for figure in one.learns.values()}


def test_parameters_are_learned_from_the_shop(moment: Moment) -> None:
    segment, learned = adapted(moment, audience("at-risk"), given={})
    # Gaps are 10 to 48 days, each person's alike.
    assert {one.name: one.value for one in learned} == {"active_days": 39, "lapsed_days": 47}
    active = segment.parameters["active"]
    assert active.default == 39
    assert (
        "Learned on 2026-07-20: what 75 % of the 78 repeat gaps do not exceed."
        in active.description
    )
    assert members(moment, "at-risk") == {
        f"c{n}" for n in range(PEOPLE - 1) if 39 < 100 - 2 * (10 + n) <= 47
    }
    assert learn(moment, "milestone").value == 500  # the upper quarter of them spent 871
    assert members(moment, "spending-milestone") == {f"c{n}" for n in range(17, PEOPLE - 1)}
    assert learn(moment, "viewed_category").value == "mugs"
    assert learn(moment, "views").value == 30
    assert members(moment, "window-shoppers", days=30) >= {"c39"}
    assert members(moment, "coupon-responders") == {"c7"}


def test_what_cannot_be_learned_keeps_its_default_and_says_why(moment: Moment) -> None:
    segment, (price,) = adapted(moment, audience("high-value-cart-abandoners"), given={})
    assert price.value is None
    assert price.words == "only 2 values to learn from"
    assert PEOPLE_MIN > 2
    assert segment.parameters["price"].default == 100
    assert "Not learned: only 2 values" in segment.parameters["price"].description
    assert members(moment, "high-value-cart-abandoners") == set()
    assert members(moment, "high-value-cart-abandoners", price=20) == {"c39"}
    assert members(moment, "cart-abandoners") == {"c3", "c39"}


def test_the_funnel_parts_prospects_by_what_they_did(moment: Moment) -> None:
    stages = [
        members(moment, f"prospects-{stage}")
        for stage in ("aware", "interested", "considering", "intending")
    ]
    assert stages == [set(), set(), set(), {"c39"}]


def test_what_is_given_is_not_learned_and_must_fit(moment: Moment) -> None:
    segment, learned = adapted(moment, audience("at-risk"), name="late", given={"active": 5})
    assert [one.name for one in learned] == ["lapsed_days"]
    assert (segment.name, segment.parameters["active"].default) == ("late", 5)
    with pytest.raises(DefinitionError, match="parameters of the ready-made"):
        adapted(moment, audience("at-risk"), given={"actve": 5})
    with pytest.raises(DefinitionError, match="parameters of the ready-made"):
        adapted(moment, audience("at-risk"), given={"active": "soon"})
    with pytest.raises(UnknownDefinitionError, match="win-back"):
        audience("winback")


def test_events_that_were_never_collected_are_named(moment: Moment, tmp_path: Path) -> None:
    assert missing(moment, audience("cart-abandoners")) == ()
    stores = make_stores(tmp_path)
    with open_moment(stores, as_of=day(1)) as empty:
        assert missing(empty, audience("cart-abandoners")) == ("Product Added",)
        for one in audiences():  # a shop in which nobody is known is no error
            adapted(empty, one, given={})
    stores.close()
