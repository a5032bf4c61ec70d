"""Leaves one by one: that each is complete, and the corners that random rules do not reach."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from aimwell.definitions.catalogue import check
from aimwell.definitions.feature_names import FEATURE_NAMES
from aimwell.definitions.kinds.segment import Segment
from aimwell.definitions.reading import read_documents
from aimwell.definitions.rules import LEAF_KINDS, walk
from aimwell.definitions.service import apply
from aimwell.errors import DefinitionError, SegmentError
from aimwell.history.features import feature_names
from aimwell.history.moment import open_moment
from aimwell.privacy.consent import record
from aimwell.segment.rules.leaf_kinds import LEAVES
from aimwell.segment.rules.queries import compile_rule
from aimwell.segment.rules.words import describe
from aimwell.segment.service import (
    compiled,
    explain,
    members,
    members_query,
    scope_of,
    unknown,
)
from aimwell.store.stores import Stores
from project_tree import ROOT
from rule_strategies import NEW_LEAVES
from shop import (
    ALWAYS,
    add_events,
    add_orders,
    add_people,
    add_traits,
    append,
    day,
    make_stores,
    origin,
)

LONDON = "Europe/London"


def segment(rule: Any, name: str = "some") -> Segment:
    found = check({"kind": "segment", "name": name, "rule": rule})
    assert isinstance(found, Segment)
    return found


def faults(rule: Any) -> str:
    with pytest.raises(DefinitionError) as caught:
        segment(rule)
    return " ".join(f"{fault.path}: {fault.problem}" for fault in caught.value.faults)


# --- each kind is complete ------------------------------------------------------------------------------


def test_every_kind_of_leaf_has_its_query_its_words_and_its_random_rules() -> None:
    assert list(LEAVES) == list(LEAF_KINDS)
    assert set(NEW_LEAVES) | {"trait", "event", "rfm", "segment", "bucket"} == set(LEAF_KINDS)


def test_no_field_of_a_leaf_bears_the_key_of_another_node() -> None:
    nodes = {*LEAF_KINDS, "all", "any", "not"}
    for key, cls in LEAF_KINDS.items():
        fields = {field.alias or name for name, field in cls.model_fields.items()}
        assert fields & nodes == {key}


def test_features_that_rules_can_name_are_those_of_the_catalogue() -> None:
    assert feature_names() == FEATURE_NAMES


def examples() -> list[Segment]:
    """The segments of the page in its order."""
    text = (ROOT / "docs" / "segment.md").read_text(encoding="utf-8")
    found = []
    for block in text.split("```yaml\n")[1:]:
        body = block.partition("```")[0]
        if body.startswith("kind: segment"):
            found.append(body)
    return [one for one in map(_read, found) if isinstance(one, Segment)]


def _read(text: str) -> Any:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "example.yaml"
        file.write_text(text, encoding="utf-8")
        (document,) = read_documents([file])
    return check(document.body)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    """A workspace of London's time in which nobody is known."""
    stores = make_stores(tmp_path_factory.mktemp("leaves"), timezone=LONDON)
    survey = {
        "kind": "survey",
        "name": "nps",
        "questions": {"recommend": {"type": "nps"}},
    }
    occasion = {"kind": "occasion", "name": "mothers-day", "when": {"common": "mothers-day"}}
    apply(stores.control, [check(survey), check(occasion), *examples()], now=day(0), by="test")
    yield stores
    stores.close()


def test_every_leaf_has_an_example_on_the_page_and_each_is_run(shop: Stores) -> None:
    shown = {
        node.key for one in examples() for _path, node in walk(one.rule) if hasattr(node, "key")
    }
    assert shown == set(LEAF_KINDS)
    with open_moment(shop, as_of=day(30)) as moment:
        for one in examples():
            query = members_query(compiled(moment, one.rule, name=one.name))
            assert moment.session.rows(query) == []  # an empty population is no error
    told = explain(shop, "reliable-borrowers", as_of=day(30))
    assert told.note is not None
    assert told.note.startswith("Nobody was known")


# --- corners --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    stores = make_stores(tmp_path_factory.mktemp("town"), timezone=LONDON)
    people = ["ann", "bob", "cid", "dan", "eve", "fay"]
    add_people(stores, [{"customer": name, "first_seen_at": day(0)} for name in people])
    yield stores
    stores.close()


def found(stores: Stores, rule: Any, as_of: datetime = day(200)) -> set[str]:
    ids = set(members(stores, segment(rule), as_of=as_of).column("profile_id").to_pylist())
    return {
        name for name in ("ann", "bob", "cid", "dan", "eve", "fay") if origin(stores, name) in ids
    }


def row(stores: Stores, customer: str, **values: Any) -> dict[str, Any]:
    return {"origin_id": origin(stores, customer), **values}


def test_a_due_day_ends_at_midnight_of_the_firm_also_when_clocks_change(town: Stores) -> None:
    # On 29 March 2026 London's clocks go forward: the day ends at 23:00 UTC.
    due = datetime(2026, 3, 29, tzinfo=UTC)
    for customer, minute in (("ann", 59), ("bob", 60)):
        paid = (
            datetime(2026, 3, 29, 22, 59, tzinfo=UTC)
            if minute == 59
            else datetime(2026, 3, 29, 23, tzinfo=UTC)
        )
        facts = {"payment_id": customer, "kind": "payment", "amount": 5, "due_at": due}
        append(
            town,
            "payments",
            [
                row(town, customer, state="due", set_at=day(50), **facts),
                row(town, customer, state="paid", set_at=paid, **facts),
            ],
        )
    append(
        town,
        "payments",
        [
            row(
                town,
                "cid",
                payment_id="c",
                kind="payment",
                amount=5,
                due_at=due,
                state="due",
                set_at=day(50),
            )
        ],
    )
    assert found(town, "payments(on_time)") == {"ann"}
    assert found(town, "payments(late)") == {"bob"}
    assert found(town, "payments(missed)") == {"cid"}
    before = datetime(2026, 3, 29, 22, 59, tzinfo=UTC)
    assert found(town, "payments(due)", before) == {"ann", "bob", "cid"}
    assert found(town, "payments(missed)", datetime(2026, 3, 29, 23, tzinfo=UTC)) == {"cid"} | {
        "bob"
    }
    assert found(town, "payments(missed, count: {exactly: 0})") == {
        "ann",
        "bob",
        "dan",
        "eve",
        "fay",
    }


def test_days_of_a_window_are_the_firms_also_when_clocks_change(town: Stores) -> None:
    times = {"ann": (28, 23, 59), "bob": (29, 0, 0), "cid": (29, 22, 59), "dan": (29, 23, 0)}
    add_events(
        town,
        [
            {"customer": name, "event": "A", "occurred_at": datetime(2026, 3, d, h, m, tzinfo=UTC)}
            for name, (d, h, m) in times.items()
        ],
    )
    rule = {"event": "A", "between": ["2026-03-29", "2026-03-29"]}
    assert found(town, rule) == {"bob", "cid"}


def test_the_time_of_a_sequence_passes_also_when_clocks_change(town: Stores) -> None:
    """On 29 March an hour is missing in London, on 25 October one comes twice."""
    for month, at in (3, 29), (10, 25):
        rows = [
            ("ann", "In", datetime(2026, month, at, 0, 30, tzinfo=UTC)),
            ("ann", "Out", datetime(2026, month, at, 1, 20, tzinfo=UTC)),  # 50 minutes
            ("bob", "In", datetime(2026, month, at, 0, 30, tzinfo=UTC)),
            ("bob", "Out", datetime(2026, month, at, 1, 40, tzinfo=UTC)),  # 70 minutes
        ]
        for customer, event, moment in rows:
            named = f"{event} {month}"
            add_events(town, [{"customer": customer, "event": named, "occurred_at": moment}])
        followed = f"sequence([{{event: 'In {month}'}}, {{event: 'Out {month}'}}], within: 1h)"
        missed = followed.replace(f"{{event: 'Out {month}'}}", f"{{not: {{event: 'Out {month}'}}}}")
        after = datetime(2026, month, at, 1, 30, tzinfo=UTC)
        assert found(town, followed, after) == {"ann"}
        assert found(town, missed, after) == set()  # bob's hour is just over, and not before
        assert found(town, missed, after + timedelta(seconds=1)) == {"bob"}


def test_a_subscription_renews_on_the_last_day_of_a_shorter_month(town: Stores) -> None:
    append(
        town,
        "subscriptions",
        [
            row(
                town,
                customer,
                subscription_id=customer,
                plan="Pro",
                state="active",
                period_months=months,
                started_at=datetime(2025, 12, 31, tzinfo=UTC),
                ended_at=ended,
                set_at=day(1),
            )
            for customer, months, ended in (
                ("ann", 1, None),
                ("bob", 3, None),
                ("cid", 1, datetime(2026, 2, 20, tzinfo=UTC)),
                ("dan", None, None),
            )
        ],
    )
    # From 1 February: monthly on the 28th, quarterly on 31 March.
    asked = datetime(2026, 2, 1, tzinfo=UTC)
    assert found(town, "subscription(renews: {within: 26d})", asked) == set()
    assert found(town, "subscription(renews: {within: 27d})", asked) == {"ann"}
    assert found(town, "subscription(renews: {within: 58d})", asked) == {"ann", "bob"}
    assert found(town, "subscription(ends: {within: 30d})", asked) == {"cid"}
    later = datetime(2026, 3, 1, tzinfo=UTC)
    assert found(town, "subscription(state == ended, ended: {within: 30d})", later) == {"cid"}
    late = datetime(9950, 1, 1, tzinfo=UTC)
    with pytest.raises(SegmentError, match="after the calendar"):
        found(town, "subscription(renews: {within: 36500d})", late)


def test_distance_is_along_the_great_circle_and_unknown_places_are_nowhere(town: Stores) -> None:
    places = {
        "ann": ("53.8008", "-1.5491", None),  # Leeds
        "bob": ("91", "0", "London"),  # no such latitude: the city counts
        "cid": (None, None, "London"),
        "dan": ("0", "179.9", None),
        "eve": ("x", "", "Atlantis"),
    }
    add_traits(
        town,
        [
            {"customer": name, "name": trait, "value": value}
            for name, told in places.items()
            for trait, value in zip(("latitude", "longitude", "city"), told, strict=True)
            if value is not None
        ],
    )
    facts = {"dimension": "city", "key": "London", "set_at": ALWAYS}
    append(
        town,
        "market",
        [
            {"name": "latitude", "value": 51.5074, **facts},
            {"name": "longitude", "value": -0.1278, **facts},
        ],
    )
    append(
        town,
        "shops",
        [
            {
                "shop_id": "leeds",
                "latitude": 53.8,
                "longitude": -1.55,
                "city": "Leeds",
                "set_at": ALWAYS,
            },
            {"shop_id": "nowhere", "set_at": ALWAYS},
        ],
    )
    # Leeds to London: 272.6 km (by Vincenty's formula on the ellipsoid 273.1 km).
    assert found(town, "distance({city: London}, within_km: 272)") == {"bob", "cid"}
    assert found(town, "distance({city: London}, within_km: 274)") == {"ann", "bob", "cid"}
    assert found(town, "distance({shop: leeds}, within_km: 1)") == {"ann"}
    assert found(town, "distance({any_shop: true}, beyond_km: 1)") == {"bob", "cid", "dan"}
    assert found(town, "distance({shop: nowhere}, within_km: 20000)") == set()
    # Over the date line 0.2 degrees of the equator are 22.2 km.
    point = {"distance": {"latitude": 0, "longitude": -179.9}}
    assert found(town, {**point, "within_km": 22.3}) == {"dan"}
    assert found(town, {**point, "within_km": 22.2}) == set()


def test_a_cart_is_abandoned_only_when_its_time_is_over(town: Stores) -> None:
    add_events(
        town,
        [
            {"customer": name, "event": "Product Added", "occurred_at": day(100)}
            for name in ("ann", "bob", "cid")
        ],
    )
    add_orders(
        town,
        [
            {"customer": name, "order_id": f"o {name}", "ordered_at": day(at), "revenue": 5}
            for name, at in (("ann", 100 + 1 / 24), ("bob", 100.05), ("cid", 100))
        ],
    )
    rule = {
        "sequence": [{"event": "Product Added"}, {"not": {"event": "Order Completed"}}],
        "within": "1h",
    }
    assert found(town, rule, day(100 + 1 / 24)) == set()
    assert found(town, rule, day(100 + 1.01 / 24)) == {
        "bob",
        "cid",
    }  # an order at once is no later one
    assert found(town, {**rule, "started": {"within": "1d"}}, day(102)) == set()
    bought = {**rule, "sequence": [{"event": "Product Added"}, {"event": "Order Completed"}]}
    assert found(town, bought, day(102)) == {"ann"}


def test_people_without_a_country_are_in_no_group_of_countries(town: Stores) -> None:
    add_traits(
        town,
        [
            {"customer": name, "name": "country", "value": value, "set_at": day(1)}
            for name, value in (("ann", "GB"), ("bob", "GB"), ("cid", "FR"))
        ],
    )
    rule = "percentile({feature: tenure_days}, top: 0.5, by: country)"
    assert found(town, rule) == {"ann", "bob", "cid"}  # all equal: nobody is before another
    assert found(town, "not country == GB") == {"cid", "dan", "eve", "fay"}
    assert found(town, "country missing") == {"dan", "eve", "fay"}
    assert found(town, "freshness({trait: country}, within: 1d)", day(1.5)) == {"ann", "bob", "cid"}


def test_a_trait_without_a_date_is_as_fresh_as_its_coming(town: Stores) -> None:
    always = datetime(1970, 1, 1, tzinfo=UTC)
    add_traits(
        town,
        [
            {
                "customer": name,
                "name": "hobby",
                "value": "chess",
                "set_at": set_at,
                "received_at": day(came),
            }
            for name, set_at, came in (
                ("ann", always, 90),
                ("bob", always, 20),
                ("cid", day(20), 90),
                ("dan", day(89), 90),
            )
        ],
    )
    rule = "freshness({trait: hobby}, within: 30d)"
    assert found(town, rule, day(100)) == {"ann", "dan"}
    assert found(town, "freshness({trait: hobby}, before: 30d)", day(100)) == {"bob", "cid"}
    # What came later says nothing of how fresh it was before.
    assert found(town, rule, day(40)) == {"bob", "cid"}


def test_a_share_of_a_segment_ranks_its_people_alone(town: Stores) -> None:
    add_events(
        town,
        [
            {"customer": name, "event": "Paid", "occurred_at": day(100), "revenue": spent}
            for name, spent in (("ann", 90), ("bob", 80), ("cid", 20), ("dan", 10))
        ],
    )
    cheap = segment("Paid.sum(revenue) <= 50", "cheap")
    best = "percentile({measure: {event: Paid, of: revenue}}, top: 0.5, among: cheap)"
    apply(town.control, [cheap, segment(best, "best")], now=day(0), by="test")
    assert found(town, best) == {"cid"}
    assert found(town, best.replace("top", "bottom")) == {"dan"}
    assert "among those in the segment “cheap”" in describe(segment(best).rule)
    with pytest.raises(DefinitionError, match="in a circle: cheap → best → cheap"):
        apply(town.control, [segment("segment(best)", "cheap")], now=day(1), by="test")
    # Nor does a circle that stands in no catalogue ever end in anything but its name.
    inner = segment("segment(best)", "cheap")
    with open_moment(town, as_of=day(150)) as moment:
        scope = scope_of(moment)
        circle = replace(scope, find=lambda name: inner if name == "cheap" else scope.find(name))
        with pytest.raises(SegmentError, match="circle: best → cheap → best"):
            compile_rule(segment(best).rule, circle, name="best")


def test_what_lies_on_the_border_of_a_window_belongs_to_the_later_one(town: Stores) -> None:
    moments = {"ann": [140, 150], "bob": [140, 149.9], "cid": [129.9, 155], "dan": [150]}
    add_events(
        town,
        [
            {"customer": name, "event": "B", "occurred_at": day(moment)}
            for name, those in moments.items()
            for moment in those
        ],
    )
    # Windows from day 150 on, and from day 140 on.
    rule = {"trend": {"event": "B"}, "window": "10d"}
    assert found(town, {**rule, "falling": 1}, day(160)) == {"bob"}
    assert found(town, {**rule, "rising": 0.1}, day(160)) == set()
    assert found(town, {**rule, "falling": 0.5}, day(160)) == {"bob"}


def test_a_share_on_the_border_is_kept_and_who_has_nothing_of_the_part_has_a_ratio_of_nothing(
    town: Stores,
) -> None:
    for number, name in enumerate(["ann", "bob", "cid", "dan"]):
        add_events(
            town,
            [{"customer": name, "event": "C", "occurred_at": day(170), "revenue": number + 1}],
        )
    add_events(town, [{"customer": "dan", "event": "D", "occurred_at": day(171)}])
    figure = {"percentile": {"measure": {"event": "C", "of": "revenue"}}}
    assert found(town, {**figure, "top": 0.25}) == {"dan"}
    assert found(town, {**figure, "top": 0.26}) == {"dan", "cid"}
    assert found(town, {**figure, "bottom": 0.5}) == {"ann", "bob"}
    ratio = {"ratio": {"part": {"event": "D"}, "whole": {"event": "C"}}}
    assert found(town, {**ratio, "below": 0.5}) == {"ann", "bob", "cid"}
    assert found(town, {**ratio, "at_least": 1}) == {"dan"}


def test_the_newest_answer_on_consent_counts_and_none_is_unknown(town: Stores) -> None:
    answers = [
        ("ann", "granted", 1),
        ("bob", "granted", 1),
        ("bob", "revoked", 9),
        ("cid", "denied", 1),
    ]
    record(
        town,
        pa.Table.from_pylist(
            [
                row(
                    town,
                    name,
                    purpose="marketing",
                    channel="email",
                    state=state,
                    occurred_at=day(when),
                    basis="soft_opt_in",
                    source="test",
                    wording=None,
                )
                for name, state, when in answers
            ]
        ),
    )
    assert found(town, "consent(channel: email)", day(5)) == {"ann", "bob"}
    assert found(town, "consent(channel: email)") == {"ann"}
    assert found(town, "consent(channel: email, state: revoked)") == {"bob"}
    assert found(town, "consent(channel: email, state: unknown)") == {"dan", "eve", "fay"}
    assert len(found(town, "consent(channel: email, purpose: service, state: unknown)")) == 6


def test_a_firm_that_was_left_counts_no_more(town: Stores) -> None:
    append(
        town,
        "accounts",
        [
            {
                "account_id": "f",
                "industry": "Retail",
                "size": 9,
                "properties": {"vat": "x"},
                "set_at": ALWAYS,
            },
            {"account_id": "f", "industry": "Banking", "set_at": day(9)},
        ],
    )
    append(
        town,
        "account_members",
        [
            row(town, "ann", account_id="f", role="buyer", state="member", set_at=day(1)),
            row(town, "bob", account_id="f", role="boss", state="member", set_at=day(1)),
            row(town, "bob", account_id="f", state="left", set_at=day(5)),
        ],
    )
    assert found(town, "account(industry) == Retail", day(4)) == {"ann", "bob"}
    assert found(town, "account(industry) == Retail") == set()
    assert found(town, "account(size) >= 9 and account(industry) == Banking") == {"ann"}
    assert found(town, "account(role) == boss", day(4)) == {"bob"}
    assert found(town, "account(properties.vat) exists") == {"ann"}
    assert "ann" not in found(town, "account(industry) missing")


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({"account": "industri", "is": "x"}, "Did you mean 'industry'"),
        ({"account": "industry"}, "say what to compare with"),
        ({"subscription": {}}, "say what it must be"),
        ({"subscription": {"plam": {"is": "x"}}}, "Did you mean|unknown field"),
        ({"usage": "gb"}, "either a limit"),
        ({"usage": "gb", "level": "heavy", "above": 3}, "either a limit"),
        ({"usage": "gb", "above": 3, "share": 0.1}, "give a `level`"),
        ({"payments": "tardy"}, "not one of the allowed values"),
        ({"consent": {"channel": "email", "state": "yes"}}, "not one of the allowed values"),
        ({"survey": "nps", "is": 3}, "rule.question: this field is required"),
        ({"sequence": [{"event": "A"}]}, "at least 2"),
        ({"sequence": [{"not": {"event": "A"}}, {"event": "B"}]}, "only the last step"),
        (
            {"sequence": [{"event": "A", "where": {"x": {"is": 1}}}, {"event": "B"}]},
            "no such field",
        ),
        ({"trend": {"event": "A"}, "window": "9d"}, "say one way"),
        ({"trend": {"event": "A", "of": "discount"}, "window": "9d", "rising": 1}, "only orders"),
        ({"trend": {"event": "A", "of": "money"}, "window": "9d", "rising": 1}, "one can measure"),
        ({"ratio": {"part": {"event": "A"}}, "above": 1}, "say the `whole`"),
        ({"percentile": {"feature": "ordrs"}, "top": 0.1}, "Did you mean 'orders'"),
        ({"percentile": {"feature": "orders"}}, "say one end"),
        ({"percentile": {"feature": "orders", "within": "9d"}, "top": 0.1}, "its own window"),
        ({"percentile": {"feature": "orders"}, "top": 10}, "less than 1"),
        ({"feature": "orders"}, "either a limit"),
        ({"score": "churn", "as": "centile", "above": 1}, "not one of the allowed values"),
        ({"distance": {"shop": "1", "city": "x"}, "within_km": 1}, "say one place"),
        ({"distance": {"latitude": 1}, "within_km": 1}, "a latitude and a longitude"),
        (
            {"distance": {"latitude": 99, "longitude": 1}, "within_km": 1},
            "less than or equal to 90",
        ),
        ({"distance": {"shop": "1"}}, "say how far"),
        ({"distance": {"shop": "1"}, "within_km": 1, "beyond_km": 2}, "nothing lies between"),
        ({"freshness": {"trait": "a", "table": "orders"}, "within": "1d"}, "say of what"),
        ({"freshness": {"trait": "a"}}, "say when"),
    ],
)
def test_a_leaf_that_makes_no_sense_is_refused_in_words(rule: Any, words: str) -> None:
    import re

    assert re.search(words, faults(rule)), faults(rule)


def test_names_that_were_never_collected_are_told_with_the_nearest(town: Stores) -> None:
    add_orders(
        town,
        [
            {
                "customer": "fay",
                "order_id": "s",
                "ordered_at": day(9),
                "revenue": 5,
                "shop_id": "leeds",
            }
        ],
    )
    append(
        town,
        "usage",
        [row(town, "fay", name="data_gb", amount=1.0, occurred_at=day(9))],
    )
    append(
        town,
        "scores",
        [row(town, "fay", model="churn", version=1, score=0.5, as_of=day(9))],
    )
    rule = {
        "any": [
            {"usage": "data_bg", "above": 1},
            {"score": "chrun", "above": 0.5},
            {"shop": "city", "is": "Leds"},
            {"distance": {"shop": "leds"}, "within_km": 1},
            {"sequence": [{"event": "Product Addded"}, {"event": "Order Completed"}]},
            {"percentile": {"feature": "orders"}, "top": 0.1, "by": "contry"},
            {"freshness": {"trait": "countri"}, "within": "9d"},
        ]
    }
    told = " ".join(unknown(town, segment(rule), as_of=day(200), values=True))
    for word in ("data_gb", "churn", "Leeds", "leeds", "Product Added", "country"):
        assert f"Did you mean '{word}'?" in told, told
