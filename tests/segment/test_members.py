"""Who is in a segment: random rules over random lives against a plain reading of the same rule, and the corners."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aimwell.definitions.catalogue import check
from aimwell.definitions.service import apply
from aimwell.errors import SegmentError, UnknownDefinitionError
from aimwell.history.features import features
from aimwell.history.moment import Moment, open_moment
from aimwell.segment.rfm import rfm
from aimwell.segment.rules.words import describe
from aimwell.segment.service import compiled, explain, members, members_query
from aimwell.store.stores import Stores
from lives import ACCOUNTS, PRODUCTS, SHOPS, store
from rule_reference import Life, World, fulfils
from rule_strategies import FEATURES, NEW_LEAVES, RULES
from shop import (
    ALWAYS,
    add_events,
    add_orders,
    add_people,
    add_traits,
    append,
    day,
    make_stores,
    merge_people,
    origin,
)
from town import NESTED, OCCASION, ZONE, make_town, segment, settle

Row = dict[str, Any]


def people_in(stores: Stores, rule: Any, as_of: datetime = day(60)) -> set[str]:
    ids = members(stores, segment(rule), as_of=as_of).column("profile_id").to_pylist()
    assert ids == sorted(set(ids))
    return set(ids)


# --- random rules over random lives ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stores, list[Life]]]:
    stores, lives = make_town(tmp_path_factory.mktemp("town"))
    yield stores, list(lives.values())
    stores.close()


@dataclass(frozen=True)
class View:
    """One moment in town, left open for many rules."""

    moment: Moment
    world: World
    known: tuple[Life, ...]

    def members(self, rule: Any) -> set[str]:
        tree = compiled(self.moment, segment(rule).rule)
        rows = self.moment.session.rows(members_query(tree))
        assert len(set(rows)) == len(rows)
        return {row[0] for row in rows}

    def true_of(self, rule: Any) -> set[str]:
        return {life.profile_id for life in self.known if fulfils(rule, life, self.world)}


MOMENTS = (day(30), day(60), day(61.25), day(500))


@pytest.fixture(scope="module")
def views(town: tuple[Stores, list[Life]]) -> Iterator[dict[datetime, View]]:
    stores, lives = town
    with ExitStack() as stack:
        opened = {}
        for as_of in MOMENTS:
            moment = stack.enter_context(open_moment(stores, as_of=as_of))
            quintiles = {row["profile_id"]: row for row in rfm(moment).to_pylist()}
            known = tuple(life for life in lives if life.first_seen_at < as_of)
            figures = {row["profile_id"]: row for row in features(moment, FEATURES).to_pylist()}
            world = World(as_of, ZONE, PRODUCTS, quintiles, NESTED, figures, ACCOUNTS, SHOPS, known)
            opened[as_of] = View(moment, world, known)
        yield opened


@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow])
@given(rule=RULES, as_of=st.sampled_from(MOMENTS))
def test_a_rule_yields_those_of_whom_it_is_true(
    views: dict[datetime, View], rule: Any, as_of: datetime
) -> None:
    assert views[as_of].members(rule) == views[as_of].true_of(rule)


@pytest.mark.parametrize("kind", NEW_LEAVES)
def test_a_leaf_of_each_kind_yields_those_of_whom_it_is_true(
    views: dict[datetime, View], kind: str
) -> None:
    @settings(max_examples=8, suppress_health_check=[HealthCheck.too_slow], database=None)
    @given(rule=NEW_LEAVES[kind], as_of=st.sampled_from(MOMENTS))
    def check_it(rule: Any, as_of: datetime) -> None:
        assert views[as_of].members(rule) == views[as_of].true_of(rule)

    check_it()


@pytest.mark.long
@settings(max_examples=10_000, suppress_health_check=[HealthCheck.too_slow])
@given(rule=RULES, as_of=st.sampled_from(MOMENTS))
def test_thousands_of_rules_yield_those_of_whom_they_are_true(
    views: dict[datetime, View], rule: Any, as_of: datetime
) -> None:
    assert views[as_of].members(rule) == views[as_of].true_of(rule)


@settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow])
@given(one=RULES, other=RULES)
def test_rules_obey_the_algebra_of_sets(views: dict[datetime, View], one: Any, other: Any) -> None:
    view = views[day(60)]
    known = {life.profile_id for life in view.known}
    first, second = view.members(one), view.members(other)
    assert view.members({"all": [one, other]}) == first & second
    assert view.members({"any": [one, other]}) == first | second
    assert view.members({"not": one}) == known - first


@settings(max_examples=5, suppress_health_check=[HealthCheck.too_slow])
@given(rule=RULES)
def test_a_stored_segment_is_its_rule_and_is_explained_by_the_same_number(
    town: tuple[Stores, list[Life]], views: dict[datetime, View], rule: Any
) -> None:
    stores, _lives = town
    true = views[day(60)].true_of(rule)
    apply(stores.control, [segment(rule, "stored")], now=day(0), by="test")
    found = members(stores, "stored", as_of=day(60))
    assert found.column("profile_id").to_pylist() == sorted(true)
    assert views[day(60)].members({"segment": "stored"}) == true
    assert explain(stores, "stored", as_of=day(60)).members == len(true)


def _together(stores: Stores, rules: list[Row], as_of: datetime) -> list[set[str]]:
    """The people of each rule, in one session."""
    with open_moment(stores, as_of=as_of) as moment:
        trees = [compiled(moment, segment(rule).rule) for rule in rules]
        return [{row[0] for row in moment.session.rows(members_query(tree))} for tree in trees]


def _live_later(later: Life, name: str, draw: random.Random, when: datetime) -> None:
    """Rows of further tables from a moment on, of which each changes what was known before."""
    id_, own = f"{name}/0", {"set_at": when}
    later.firms = [
        {"account_id": "f1", "role": "x", "state": draw.choice(["left", "member"]), **own}
    ]
    later.subscriptions = [{"subscription_id": id_, "plan": "Pro", "state": "ended", **own}]
    later.payments = [
        {"payment_id": id_, "kind": "payment", "state": "failed", "amount": "5", **own}
    ]
    later.usage = [{"name": "gb", "amount": 9.0, "occurred_at": when}]
    later.consents = [{"channel": "email", "state": "revoked", "occurred_at": when}]
    later.answers = [{"survey": "nps", "question": "recommend", "value": "7", "answered_at": when}]
    later.scores = [{"model": "churn", "version": 9, "score": draw.random(), "as_of": when}]
    later.events.append(
        {
            "event": "Email Link Clicked",
            "occurred_at": when,
            "touch": True,
            "machine": False,
            "revenue": None,
            "campaign": None,
            "channel": "sms",
            "properties": None,
        }
    )


def test_later_rows_change_no_membership(tmp_path: Path) -> None:
    stores = make_stores(tmp_path, timezone=ZONE)
    lives = settle(stores, 10)
    apply(stores.control, [check(OCCASION)], now=day(0), by="test")
    draw = random.Random(99)  # noqa: S311
    rules = [
        {"event": "Order Completed", "count": {"at_most": 1}},
        {"event": "Login", "sum": {"of": "revenue", "at_least": 3}},
        {"event": "Order Completed", "where": {"sku": {"in": ["sku 1", "sku 2"]}}},
        {"rfm": {"recency": [4, 5], "monetary": [3, 4, 5]}},
        {"trait": "country", "exists": True},
        {"not": {"event": "Email Opened", "last": {"before": "3d"}}},
        {"sequence": [{"event": "Seen"}, {"not": {"event": "Login"}}]},
        {"trend": {"event": "Login"}, "window": "30d", "falling": 0.3},
        {
            "ratio": {"part": {"event": "Order Refunded"}, "whole": {"event": "Order Completed"}},
            "below": 0.5,
        },
        {"percentile": {"measure": {"event": "Order Completed", "of": "revenue"}}, "top": 0.4},
        {"feature": "orders", "at_least": 1},
        {"score": "churn", "as": "decile", "at_least": 4},
        {"account": "industry", "is": "x"},
        {"subscription": {"state": {"is": "ended"}}},
        {"usage": "gb", "at_least": 0.2},
        {"payments": "missed", "count": {"exactly": 0}},
        {"consent": {"channel": "email"}},
        {"survey": "nps", "question": "recommend", "exists": False},
        {"channel": "email"},
        {"shop": "city", "is": "Leeds"},
        {"distance": {"city": "Leeds"}, "within_km": 50},
        {"freshness": {"table": "usage"}, "within": "20d"},
        {"lifecycle": ["active", "loyalty"], "active": "10d", "lapsed": "5w"},
        {"occasion": "month-end", "within": "10d"},
    ]
    assert {next(iter(rule)) for rule in rules} >= set(NEW_LEAVES)
    facts: dict[str, list[Row]] = {
        "accounts": [{"account_id": "f1", "industry": "x"}],
        "shops": [{"shop_id": shop, "city": "Leeds"} for shop in "12"],
        "market": [
            {"name": name, "dimension": "city", "key": "Leeds", "value": value}
            for name, value in (("latitude", 53.8), ("longitude", -1.55))
        ],
    }
    for table, rows in facts.items():
        append(stores, table, [{**row, "set_at": ALWAYS} for row in rows])
    before = _together(stores, rules, day(40))
    after: dict[str, Life] = {}
    for number, (name, life) in enumerate(lives.items()):
        later = after[name] = Life(life.profile_id, day(40))
        when = day(40 + draw.random() * 40)
        later.events = [
            {
                "event": "Login",
                "occurred_at": when,
                "touch": False,
                "machine": False,
                "revenue": "9",
                "properties": None,
            }
        ]
        line = {"sku": "sku 1", "quantity": 9, "price": "99"}
        later.orders = [
            {
                "order_id": f"later/{number}",
                "occurred_at": when,
                "kind": "sale",
                "coupon": None,
                "properties": None,
                "lines": [line],
            },
            {
                "order_id": f"{name}/0",
                "occurred_at": when,
                "kind": "return",
                "coupon": None,
                "properties": None,
                "lines": [line],
            },
        ]
        later.traits = [
            {"name": name, "value": None, "set_at": when} for name in ("country", "city")
        ]
        _live_later(later, name, draw, when)
    store(stores, after)
    for table, rows in facts.items():
        told = {"industry": "none", "city": "none", "value": 0.0}
        changed = [{key: told.get(key, value) for key, value in row.items()} for row in rows]
        append(stores, table, [{**row, "set_at": day(40)} for row in changed])
    add_people(stores, [{"customer": "stranger", "first_seen_at": day(40)}])
    assert _together(stores, rules, day(40)) == before
    changed = _together(stores, rules, day(90))
    unmoved = [rule for rule, one, two in zip(rules, before, changed, strict=True) if one == two]
    assert unmoved == []  # so that each of them could have seen what came later
    stores.close()


# --- corners --------------------------------------------------------------------------------------------


HOSTILE = [
    "'; DROP TABLE known; --",
    '" OR 1=1 --',
    "\\'; SELECT 1",
    "%' OR '1'='1",
    "$1 ${x} :hole ? {{x}}",
    "a''b\"c`d[e]",
    "/*comment*/--",
    "línea\nnueva\ttab",
    "🙂 \u202e \u200b",
    "~0/~1/",
    "*",
    "$.a",
    "0x41",
    "NULL",
]


def test_whatever_somebody_types_is_only_a_value(tmp_path: Path) -> None:
    stores = make_stores(tmp_path)
    for number, text in enumerate(HOSTILE):
        name = f"person {number}"
        add_traits(stores, [{"customer": name, "name": text, "value": text}])
        add_events(
            stores,
            [
                {
                    "customer": name,
                    "event": text,
                    "occurred_at": day(1),
                    "sku": text,
                    "properties": {text.replace(".", " "): {"in": text}},
                }
            ],
        )
    everyone = {origin(stores, f"person {number}") for number in range(len(HOSTILE))}
    with open_moment(stores, as_of=day(60)) as moment:

        def found(rule: Any) -> set[str]:
            return {
                row[0]
                for row in moment.session.rows(members_query(compiled(moment, segment(rule).rule)))
            }

        for number, text in enumerate(HOSTILE):
            own = {origin(stores, f"person {number}")}
            path = f"properties.{text.replace('.', ' ')}.in"
            assert found({"trait": text, "is": text}) == own
            assert found({"trait": text, "in": [text, "other"]}) == own
            assert found({"event": text}) == own
            assert found({"event": text, "where": {"sku": {"is": text}}}) == own
            assert found({"event": text, "where": {path: {"is": text}}}) == own
            assert found({"event": text, "sum": {"of": path, "above": 0}}) == set()
            half = found({"bucket": {"salt": text, "to": 5000}})
            rest = found({"bucket": {"salt": text, "from": 5000, "to": 10_000}})
            assert half | rest == everyone
            assert not half & rest
            assert describe(segment({"trait": text, "is": text}).rule).startswith("People whose ")
    stores.close()


def test_merged_people_are_counted_together_and_unknown_ones_not_at_all(
    tmp_path: Path, control_url: str
) -> None:
    stores = make_stores(tmp_path, control_url)
    for name in ("ann", "bob", "cid"):
        add_orders(
            stores, [{"customer": name, "order_id": name, "ordered_at": day(1), "revenue": 5}]
        )
    add_orders(stores, [{"customer": None, "order_id": "x", "ordered_at": day(1), "revenue": 5}])
    twice = {"event": "Order Completed", "count": {"at_least": 2}}
    assert people_in(stores, twice) == set()
    both = merge_people(stores, ["ann", "bob"])
    assert people_in(stores, twice) == {both}
    assert people_in(stores, {"not": twice}) == {origin(stores, "cid")}
    assert people_in(stores, {"event": "Order Completed"}, day(1)) == set()
    stores.close()


def test_windows_hold_what_happened_exactly_so_long_ago(tmp_path: Path) -> None:
    stores = make_stores(tmp_path)
    moments = {"earlier": 49.999, "exactly": 50, "later": 50.001, "just now": 59.999, "now": 60}
    add_people(stores, [{"customer": name, "first_seen_at": day(0)} for name in moments])
    add_events(
        stores,
        [{"customer": name, "event": "A", "occurred_at": day(at)} for name, at in moments.items()],
    )

    def found(rule: Any) -> list[str]:
        inside = people_in(stores, rule, day(60))
        return [name for name in moments if origin(stores, name) in inside]

    assert found({"event": "A", "within": "10d"}) == ["exactly", "later", "just now"]
    assert found({"event": "A", "first": {"within": "10d"}}) == ["exactly", "later", "just now"]
    assert found({"event": "A", "last": {"before": "10d"}}) == ["earlier"]
    assert found({"event": "A", "count": {"exactly": 0}}) == ["now"]
    stores.close()


def test_words_that_engines_take_for_numbers_or_dates_are_only_words(tmp_path: Path) -> None:
    stores = make_stores(tmp_path)
    values = ["nan", "inf", "infinity", "today", "epoch", "1e3", " 20 ", "20.0", "2026-02-03", "x"]
    add_traits(
        stores,
        [{"customer": value, "name": "t", "value": value, "set_at": day(1)} for value in values],
    )

    def found(test: Any) -> list[str]:
        inside = people_in(stores, {"trait": "t", **test})
        return [value for value in values if origin(stores, value) in inside]

    assert found({"above": 19}) == ["1e3", " 20 ", "20.0"]
    assert found({"below": 10**20}) == ["1e3", " 20 ", "20.0"]
    assert found({"is": 20}) == [" 20 ", "20.0"]
    assert found({"is": "20"}) == []
    assert found({"above": "1000-01-01"}) == ["2026-02-03"]
    assert found({"below": "2026-02-03T12:00+00:00"}) == ["2026-02-03"]
    stores.close()


def test_days_between_are_the_firms_and_the_last_one_counts(tmp_path: Path) -> None:
    stores = make_stores(tmp_path, timezone=ZONE)
    # New York is five hours behind UTC in January.
    for name, hour in (("early", 4.99), ("first", 5), ("last", 28.99), ("late", 29)):
        add_events(stores, [{"customer": name, "event": "A", "occurred_at": day(1 + hour / 24)}])
    rule = {"event": "A", "between": ["2026-01-02", "2026-01-02"]}
    assert people_in(stores, rule) == {origin(stores, "first"), origin(stores, "last")}
    rule = {"event": "A", "between": ["2026-01-02T05:00+00:00", "2026-01-03T05:00+00:00"]}
    assert people_in(stores, rule) == {origin(stores, n) for n in ("first", "last", "late")}
    assert len(people_in(stores, {"event": "A", "between": ["0001-01-01", "9999-12-31"]})) == 4
    stores.close()


def test_an_unknown_segment_or_a_circle_is_an_error_in_words(tmp_path: Path) -> None:
    stores = make_stores(tmp_path)
    apply(stores.control, [segment({"trait": "a", "is": 1}, "lapsed")], now=day(0), by="test")
    with pytest.raises(UnknownDefinitionError, match="Did you mean 'lapsed'"):
        members(stores, "lapsd", as_of=day(1))
    with pytest.raises(UnknownDefinitionError, match="Did you mean 'lapsed'"):
        members(stores, segment({"not": {"segment": "lapsd"}}), as_of=day(1))
    with pytest.raises(SegmentError, match="circle: lapsed → lapsed"):
        members(stores, segment({"segment": "lapsed"}, "lapsed"), as_of=day(1))
    early = datetime(50, 1, 1, tzinfo=UTC)
    with pytest.raises(SegmentError, match="before the calendar"):
        members(stores, segment({"event": "A", "within": "36500d"}), as_of=early)
    stores.close()


def test_an_empty_segment_is_a_table_without_rows_and_says_why(tmp_path: Path) -> None:
    stores = make_stores(tmp_path)
    rule = segment({"all": [{"trait": "a", "is": 1}, {"event": "Order Completed"}]})
    assert members(stores, rule, as_of=day(1)).num_rows == 0
    told = explain(stores, rule, as_of=day(1))
    assert told.note is not None
    assert told.note.startswith("Nobody was known before this moment")
    add_traits(stores, [{"customer": "ann", "name": "a", "value": "1", "set_at": day(1)}])
    told = explain(stores, rule, as_of=datetime(2026, 6, 1, tzinfo=UTC))
    assert told.members == 0
    assert told.note == (
        "Nobody fulfils this rule. Without rule.all[1] (who ordered) there would be 1 people."
    )
    stores.close()
