"""Memberships that follow what happens are those that a look at everybody gives; on both control databases."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aimwell.definitions.catalogue import check
from aimwell.definitions.kinds.privacy_rules import PrivacyRules
from aimwell.definitions.kinds.segment import Segment
from aimwell.definitions.service import apply, find, remove
from aimwell.history.moment import open_moment
from aimwell.history.touched import note_touched
from aimwell.jobs.alerts import Alerts
from aimwell.privacy.erasure import erase
from aimwell.segment.membership.active import active_names, active_of, too_many
from aimwell.segment.membership.defined import defined
from aimwell.segment.membership.following import Followed, follow
from aimwell.segment.membership.refreshing import current_members, refresh
from aimwell.segment.membership.standing import read_seen, read_standings
from aimwell.segment.model import SegmentCount
from aimwell.segment.rules.changing import EVERY_FIELD
from aimwell.segment.rules.closure import closure
from aimwell.segment.rules.leaf_kinds import LEAVES
from aimwell.segment.service import compiled, members_query
from aimwell.store.lake import Lake
from aimwell.store.schema import metadata
from aimwell.store.sql import sql
from aimwell.store.stores import Stores
from campaigns import DOCUMENTS
from databases import shortly_on
from lives import add_places, live, store
from rule_strategies import RULES
from shop import (
    add_events,
    add_orders,
    add_people,
    add_products,
    add_traits,
    day,
    make_stores,
    merge_people,
    origin,
)

NESTED = {
    "buyers": {"event": "Order Completed"},
    "loud": {"any": [{"event": "Login", "count": {"at_least": 2}}, {"segment": "buyers"}]},
}
CART = {
    "all": [
        {"event": "Product Added", "within": "1d"},
        {"not": {"event": "Order Completed", "within": "1d"}},
    ]
}
SURVEY = {
    "kind": "survey",
    "name": "nps",
    "questions": {"recommend": {"type": "nps"}, "why": {"type": "text"}},
}
OCCASION = {"kind": "occasion", "name": "month-end", "when": {"payday": {"day": "last"}}}
_PROFILES = metadata.tables["profiles"]
_OVERRIDES = metadata.tables["identity_overrides"]
_PLANS = metadata.tables["plans"]


def define(stores: Stores, rules: Mapping[str, Any], now: datetime = day(0)) -> None:
    found = [check({"kind": "segment", "name": name, "rule": rule}) for name, rule in rules.items()]
    apply(stores.control, found, now=now, by="test")


def look(stores: Stores, now: datetime, *, complete: bool = True) -> Followed:
    return follow(stores, clock=lambda: now, complete=complete)


def inside(stores: Stores, segment: str, as_of: datetime | None = None) -> set[str]:
    return set(current_members(stores, segment, as_of=as_of).column("profile_id").to_pylist())


def changes(stores: Stores) -> list[tuple[Any, ...]]:
    with stores.engine.session() as session:
        session.bind("memberships", stores.lake.pin("memberships").tables["memberships"])
        query = "SELECT segment, change, origin_id, occurred_at FROM memberships WHERE change <> 'snapshot' ORDER BY ALL"
        return session.rows(sql(query))


def written(stores: Stores, names: list[str]) -> dict[str, set[str]]:
    """Who is in each segment by the rows of the lake alone."""
    found: dict[str, set[str]] = {name: set() for name in names}
    with open_moment(stores, as_of=day(1000)) as moment:
        moment.bind_known()
        newest = """
            SELECT segment, profile_id FROM memberships AS m
            WHERE occurred_at >= coalesce(
                (SELECT max(occurred_at) FROM memberships WHERE change = 'snapshot'), occurred_at
              ) AND profile_id IN (SELECT profile_id FROM known)
            GROUP BY ALL HAVING arg_max(change <> 'left', (occurred_at, change <> 'left'))
            """
        for name, who in moment.session.rows(sql(newest)):
            if name in found:
                found[name].add(who)
    return found


def by_rule(stores: Stores, names: list[str], now: datetime) -> dict[str, set[str]]:
    """Who is in each segment by its rule."""
    with open_moment(stores, as_of=now) as moment:
        rules = {name: find(stores.control, Segment, name).rule for name in names}
        return {
            name: {row[0] for row in moment.session.rows(members_query(compiled(moment, rule)))}
            for name, rule in rules.items()
        }


# --- incremental = full ---------------------------------------------------------------------------------


def split_people(stores: Stores, gone: str) -> None:
    """Undo a merge, as `unify split` does: the origin is a profile of its own again."""
    with stores.control.begin() as connection:
        into = connection.execute(
            sa.select(_OVERRIDES.c.profile_id).where(_OVERRIDES.c.origin_id == gone)
        ).scalar()
        connection.execute(sa.delete(_OVERRIDES).where(_OVERRIDES.c.origin_id == gone))
        kept = connection.execute(sa.select(_PROFILES).where(_PROFILES.c.profile_id == into)).one()
        connection.execute(sa.insert(_PROFILES).values({**kept._mapping, "profile_id": gone}))
    note_touched(stores, {gone, into})


def happen(stores: Stores, names: list[str], draw: random.Random, now: datetime) -> None:
    """What comes in before a look: rows of all kinds, late ones and such of the future, merges, splits, erasures."""
    lives = {}
    for name in draw.sample(names, draw.randrange(0, 4)):
        lives[name] = live(origin(stores, name), name, random.Random(draw.random()))  # noqa: S311
    if lives:
        store(stores, lives)
        seen = [
            {"customer": name, "first_seen_at": one.first_seen_at} for name, one in lives.items()
        ]
        add_people(stores, seen)
        note_touched(stores, [one.profile_id for one in lives.values() if not one.events])
    with stores.read_control() as connection:
        known = connection.execute(sa.select(_PROFILES.c.profile_id)).scalars().all()
        merged = connection.execute(sa.select(_OVERRIDES.c.origin_id)).scalars().all()
    free = [name for name in names if origin(stores, name) in known]
    if draw.random() < 0.4 and merged:
        split_people(stores, draw.choice(sorted(merged)))
    elif draw.random() < 0.5 and len(free) >= 2 and not merged:
        pair = draw.sample(free, 2)
        merge_people(stores, pair)
        note_touched(stores, [origin(stores, name) for name in pair])
    elif draw.random() < 0.3 and free and not merged:
        who = origin(stores, draw.choice(free))
        erase(stores, who, [who], now=now, by="test")


def followed_as_everybody(
    stores: Stores, rules: list[Any], seed: int, steps: int, people: int = 8
) -> None:
    draw = random.Random(seed)  # noqa: S311
    add_places(stores)
    apply(stores.control, [check(SURVEY), check(OCCASION)], now=day(0), by="test")
    define(stores, {**NESTED, **{f"s{n}": rule for n, rule in enumerate(rules)}})
    names = [f"person {n}" for n in range(people)]
    happen(stores, names, draw, day(9))
    refresh(stores, now=day(10))
    exact = [
        name
        for name, one in defined(stores).closures.items()
        if not one.changes.others and not one.changes.clock
    ]
    now = day(10)
    for _ in range(steps):
        now += draw.choice([timedelta(minutes=10), timedelta(hours=7), timedelta(days=5)])
        happen(stores, names, draw, now)
        assert look(stores, now).people is not None
        seen = read_seen(stores)
        assert seen is not None
        assert written(stores, exact) == by_rule(stores, exact, now)
        assert not any(one.failure for one in read_standings(stores).values())


@settings(max_examples=2, suppress_health_check=list(HealthCheck))
@given(rules=st.lists(RULES, min_size=8, max_size=8), seed=st.integers(0, 2**32))
def test_following_gives_what_a_look_at_everybody_gives(
    tmp_path_factory: pytest.TempPathFactory, rules: list[Any], seed: int
) -> None:
    stores = make_stores(tmp_path_factory.mktemp("followed"))
    followed_as_everybody(stores, rules, seed, steps=3)
    stores.close()


@pytest.mark.long
@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(rules=st.lists(RULES, min_size=12, max_size=12), seed=st.integers(0, 2**32))
def test_following_through_many_loads_gives_what_a_look_at_everybody_gives(
    tmp_path_factory: pytest.TempPathFactory, rules: list[Any], seed: int
) -> None:
    stores = make_stores(tmp_path_factory.mktemp("followed"), timezone="America/New_York")
    followed_as_everybody(stores, rules, seed, steps=8, people=12)
    stores.close()


@settings(max_examples=2, suppress_health_check=list(HealthCheck))
@given(rules=st.lists(RULES, min_size=20, max_size=20))
def test_rules_are_answered_alike_by_the_fields_alone_that_they_say_they_read(
    town: Stores, rules: list[Any]
) -> None:
    everybody = {
        name: check({"kind": "segment", "name": name, "rule": one}) for name, one in NESTED.items()
    }
    with town.read_control() as connection:
        people = connection.execute(sa.select(_PROFILES.c.profile_id)).scalars().all()
    for rule in rules:
        segment = check({"kind": "segment", "name": "x", "rule": rule})
        assert isinstance(segment, Segment)
        found = closure(segment, everybody.__getitem__, ways="", privacy=PrivacyRules())  # type: ignore[arg-type]
        fields = found.changes.fields
        if EVERY_FIELD in fields:
            continue
        expected, got = (members_of_few(town, segment, people, some) for some in (None, fields))
        assert got == expected


def members_of_few(
    stores: Stores, segment: Segment, people: Sequence[str], fields: frozenset[str] | None
) -> list[tuple[Any, ...]]:
    with open_moment(stores, as_of=day(60), people=people, fields=fields) as moment:
        return sorted(moment.session.rows(members_query(compiled(moment, segment.rule))))


@pytest.mark.parametrize(
    ("rule", "fields"),
    [
        ({"event": "Login", "where": {"properties.n": {"above": 1}}}, {"properties"}),
        ({"event": "Login", "sum": {"of": "properties.n", "above": 1}}, {"properties"}),
        ({"event": "Order Completed", "where": {"category": {"is": "x"}}}, {"category"}),
        (
            {"event": "Order Completed", "where": {"coupon": {"is": "x"}}, "within": "3d"},
            {"coupon"},
        ),
        (
            {"trend": {"event": "Order Completed", "of": "gross"}, "window": "9d", "falling": 0.5},
            {"revenue", "discount"},
        ),
        ({"trait": "country", "is": "GB"}, set()),
        ({"feature": "event_recency_days", "above": 3}, {EVERY_FIELD}),
        (
            {"any": [{"event": "Login"}, {"event": "Login", "sum": {"of": "revenue", "above": 1}}]},
            {"revenue"},
        ),
    ],
)
def test_rules_say_which_fields_they_read(rule: Any, fields: set[str]) -> None:
    segment = check({"kind": "segment", "name": "x", "rule": rule})
    assert isinstance(segment, Segment)
    found = closure(segment, {}.__getitem__, ways="", privacy=PrivacyRules())
    assert found.changes.fields == fields


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    """A few people with rows of every kind."""
    stores = make_stores(tmp_path_factory.mktemp("town"))
    add_places(stores)
    define(stores, NESTED)
    apply(stores.control, [check(SURVEY), check(OCCASION)], now=day(0), by="test")
    happen(stores, [f"person {n}" for n in range(12)], random.Random(3), day(9))  # noqa: S311
    happen(stores, [f"person {n}" for n in range(12)], random.Random(5), day(30))  # noqa: S311
    yield stores
    stores.close()


# --- what it does, one by one ----------------------------------------------------------------------------


def add(stores: Stores, customer: str, event: str, at: datetime) -> None:
    add_events(stores, [{"customer": customer, "event": event, "occurred_at": at}])


@shortly_on("sqlite")
def test_a_cart_left_behind_is_noticed_and_forgotten_by_time_alone(
    tmp_path: Path, control_url: str
) -> None:
    stores = make_stores(tmp_path, control_url)
    define(stores, {"cart": CART})
    ann, bob = origin(stores, "ann"), origin(stores, "bob")
    add(stores, "bob", "Login", day(1))
    refresh(stores, now=day(2))
    add(stores, "ann", "Product Added", day(2.1))
    add(stores, "bob", "Product Added", day(2.3))  # not yet
    first = look(stores, day(2.2), complete=False)
    assert (first.people, first.counts) == (2, (SegmentCount("cart", 1, 1, 1, 0),))
    assert inside(stores, "cart") == {ann}
    add_orders(
        stores, [{"customer": "ann", "order_id": "1", "ordered_at": day(2.35), "revenue": 5}]
    )
    look(stores, day(2.4), complete=False)
    assert inside(stores, "cart") == {bob}  # his moment has come, and she has bought
    assert look(stores, day(3.25), complete=False).people == 1  # her cart is a day old
    assert inside(stores, "cart") == {bob}
    look(stores, day(3.4), complete=False)  # his too
    assert inside(stores, "cart") == set()
    assert changes(stores) == sorted(
        [
            ("cart", "entered", ann, day(2.2)),
            ("cart", "entered", bob, day(2.4)),
            ("cart", "left", ann, day(2.4)),
            ("cart", "left", bob, day(3.4)),
        ]
    )
    assert look(stores, day(3.5)).people == 0
    assert inside(stores, "cart", day(2.3)) == {ann}
    stores.close()


def test_a_fact_without_a_date_grows_old_from_its_coming_on(tmp_path: Path) -> None:
    stores = make_stores(tmp_path)
    define(stores, {"fresh": {"freshness": {"trait": "city"}, "within": "30d"}})
    add(stores, "ann", "Login", day(1))
    add_traits(stores, [{"customer": "ann", "name": "city", "value": "x", "received_at": day(9)}])
    refresh(stores, now=day(10))
    assert inside(stores, "fresh") == {origin(stores, "ann")}
    assert look(stores, day(38), complete=False).people == 0
    assert look(stores, day(39.5), complete=False).people == 1
    assert inside(stores, "fresh") == set()


def test_what_depends_on_others_waits_for_a_look_at_everybody(tmp_path: Path) -> None:
    stores = make_stores(tmp_path)
    define(stores, {"best": {"rfm": {"monetary": [1]}}, "buyers": NESTED["buyers"]})
    add(stores, "bob", "Login", day(1))
    refresh(stores, now=day(2))
    add_orders(stores, [{"customer": "ann", "order_id": "1", "ordered_at": day(3), "revenue": 5}])
    assert look(stores, day(4)).counts == (SegmentCount("buyers", 1, 1, 1, 0),)
    assert inside(stores, "best") == set()
    later = follow(
        stores, clock=lambda: day(5), complete=True, full_after=timedelta(days=2, hours=12)
    )
    assert later.people is None
    assert inside(stores, "best") == {origin(stores, "ann")}
    # So does a note that everybody is to be looked at, once.
    note_touched(stores, None)
    assert look(stores, day(6), complete=False) == Followed(None, behind=("best", "buyers"))
    # Until a worker does so, those whom something happens to are followed.
    add_orders(stores, [{"customer": "bob", "order_id": "2", "ordered_at": day(6), "revenue": 9}])
    assert look(stores, day(6.01), complete=False).counts == (SegmentCount("buyers", 1, 2, 1, 0),)
    assert look(stores, day(6.05)).people is None
    assert look(stores, day(6.1)).people == 0
    stores.close()


def test_new_and_changed_rules_and_facts_of_all_are_computed_for_everybody(tmp_path: Path) -> None:
    stores = make_stores(tmp_path)
    define(stores, {"tea": {"event": "Order Completed", "where": {"category": {"is": "Tea"}}}})
    add_products(stores, [{"sku": "a", "category": "Tea"}, {"sku": "b", "category": "Mugs"}])
    for customer, sku in (("ann", "a"), ("bob", "b")):
        order = {
            "customer": customer,
            "order_id": sku,
            "ordered_at": day(1),
            "lines": [(sku, 1, 2)],
        }
        add_orders(stores, [order])
    assert look(stores, day(2), complete=False).behind == ("tea",)  # nothing was ever computed
    assert look(stores, day(2)).people is None
    assert inside(stores, "tea") == {origin(stores, "ann")}
    add_products(stores, [{"sku": "b", "category": "Tea", "set_at": day(2)}])
    assert look(stores, day(3), complete=False).behind == ("tea",)
    assert look(stores, day(3)).counts == (SegmentCount("tea", 1, 2, 1, 0),)
    # The rule of a segment that another one asks for changes that one too, also where it ranks among its people.
    best = {"percentile": {"feature": "orders"}, "top": 0.9, "among": "tea"}
    define(stores, {"regulars": {"segment": "tea"}, "best": best})
    assert look(stores, day(4)).counts == (
        SegmentCount("best", 1, 2, 2, 0),
        SegmentCount("regulars", 1, 2, 2, 0),
    )
    define(stores, {"tea": {"event": "Order Completed", "where": {"sku": {"is": "a"}}}})
    assert look(stores, day(5)).counts == (
        SegmentCount("best", 1, 1, 0, 1),
        SegmentCount("regulars", 1, 1, 0, 1),
        SegmentCount("tea", 2, 1, 0, 1),
    )
    stores.close()


@shortly_on("postgresql")
def test_a_segment_that_fails_keeps_its_members_and_the_others_go_on(
    tmp_path: Path, control_url: str
) -> None:
    stores = make_stores(tmp_path, control_url)
    vip = {"trait": "vip", "is": True}
    define(stores, {"vip": vip, "inner": vip, "outer": {"segment": "inner"}})
    add_traits(stores, [{"customer": "ann", "name": "vip", "value": "true", "set_at": day(1)}])
    refresh(stores, now=day(2))
    with stores.control.begin() as connection:  # as no document would be taken
        table = metadata.tables["definitions"]
        connection.execute(sa.delete(table).where(table.c.name == "inner"))
    add_traits(stores, [{"customer": "bob", "name": "vip", "value": "true", "set_at": day(2)}])
    look(stores, day(3))
    outer = read_standings(stores)["outer"]
    assert (outer.members, outer.refreshed_at, outer.full_at) == (1, day(2), day(2))
    assert outer.failing_since == day(3)
    assert "inner" in (outer.failure or "")
    assert inside(stores, "outer") == {origin(stores, "ann")}
    assert inside(stores, "vip") == {origin(stores, "ann"), origin(stores, "bob")}
    (alert,) = Alerts(stores.control).all()
    assert (alert.key, alert.severity, alert.count) == ("segment:outer", "error", 1)
    counts = {one.segment: one for one in refresh(stores, now=day(4))}
    assert (counts["outer"].members, counts["outer"].entered) == (1, 0)
    assert counts["outer"].failure == outer.failure
    look(stores, day(4.01))  # soon after nothing is tried again
    assert read_standings(stores)["outer"].failed_at == day(4)
    define(stores, {"inner": vip}, day(5))
    look(stores, day(5))
    assert read_standings(stores)["outer"].failure is None
    assert inside(stores, "outer") == inside(stores, "vip")
    assert Alerts(stores.control).all() == ()
    remove(stores.control, "segment", "outer", now=day(6), by="test")
    refresh(stores, now=day(6))
    assert set(read_standings(stores)) == {"inner", "vip"}
    stores.close()


def test_what_was_noted_is_looked_at_again_after_a_crash_and_written_once(
    tmp_path: Path, control_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stores = make_stores(tmp_path, control_url)
    define(stores, {"cart": CART})
    refresh(stores, now=day(2))
    add(stores, "ann", "Product Added", day(2.1))
    note_touched(stores, [origin(stores, "ann")])
    append = Lake.append

    def killed(lake: Lake, *arguments: Any, before: bool, **named: Any) -> bool:
        if not before:
            append(lake, *arguments, **named)
        raise KeyboardInterrupt

    for before in (True, False):
        with monkeypatch.context() as patch:
            patch.setattr(Lake, "append", lambda *a, b=before, **n: killed(*a, before=b, **n))
            with pytest.raises(KeyboardInterrupt):
                look(stores, day(2.2))
    assert look(stores, day(2.3)).people == 1
    assert changes(stores) == [("cart", "entered", origin(stores, "ann"), day(2.2))]
    assert look(stores, day(2.4)).people == 0
    stores.close()


def test_the_current_state_holds_the_active_segments_of_each_person(
    tmp_path: Path, control_url: str
) -> None:
    stores = make_stores(tmp_path, control_url)
    define(stores, {"cart": CART, "busy": {"event": "Login"}})
    campaign = {**DOCUMENTS["spring"], "audience": {"segment": "cart"}}
    apply(
        stores.control,
        [check(one) for one in ({**DOCUMENTS, "spring": campaign}).values()],
        now=day(0),
        by="test",
    )
    add(stores, "ann", "Login", day(1))
    refresh(stores, now=day(2))
    ann = origin(stores, "ann")
    look(stores, day(2.05))
    assert active_of(stores, ann) == ()
    with stores.control.begin() as connection:
        connection.execute(
            sa.insert(_PLANS).values(
                **{name: {} for name in ("document", "lake_versions", "summary")},
                **dict.fromkeys(("as_of", "planned_at"), day(2)),
                plan_id="p",
                campaign="spring",
                revision=1,
                state="approved",
                trial=False,
                planned_by="test",
            )
        )
    add(stores, "ann", "Product Added", day(2.1))
    look(stores, day(2.2))
    assert active_of(stores, ann) == ("cart",)
    look(stores, day(4))
    assert active_of(stores, ann) == ()
    assert too_many(active_names(stores)) is None
    parts = {f"part-{number}": CART for number in range(9)}
    best = {"percentile": {"feature": "orders"}, "top": 0.5, "among": "busy"}
    define(stores, {**parts, "cart": {"any": [best, *({"segment": name} for name in parts)]}})
    assert active_names(stores) == {"cart", "busy", *parts}  # what is asked for is active, too
    assert (too_many(active_names(stores)) or "").startswith("11 segments are active")
    stores.close()


def test_every_leaf_says_how_it_changes_or_waits() -> None:
    others = {"occasion", "percentile", "rfm"}  # of some others some forms do
    silent = {key for key, kind in LEAVES.items() if kind.changes.__name__ == "_others"}
    assert silent - {"segment"} == others
