"""Special categories of data: refused without a declared consent, and then only those who gave it are reached."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlglot import exp

from aimwell.definitions.catalogue import check
from aimwell.definitions.kinds.privacy_rules import PrivacyRules
from aimwell.definitions.kinds.segment import Segment
from aimwell.definitions.leaves.consent import ConsentRule
from aimwell.definitions.service import apply
from aimwell.definitions.special_data import special_by_name
from aimwell.errors import DefinitionError, SegmentError
from aimwell.privacy.consent import record
from aimwell.segment.membership.refreshing import current_members, refresh
from aimwell.segment.rules.queries import Group, LeafQuery, compile_rule
from aimwell.segment.rules.scope import Scope
from aimwell.segment.service import explain, members
from aimwell.store.stores import Stores
from shop import add_people, add_traits, append, day, make_stores, origin

CUSTOMERS = ["ann", "bob", "cyd", "dan", "eve", "fay"]
CONSENTING = {"ann", "bob"}
PRIVACY = {
    "kind": "privacy_rules",
    "special": [
        {"trait": "religion", "category": "religion", "purpose": "faith-offers"},
        {"survey": "life", "question": "club", "category": "politics", "purpose": "faith-offers"},
        {"property": "condition", "category": "health", "purpose": "care"},
        {"trait": "race_distance", "category": "none"},
    ],
    "name": "default",
}
SURVEY = {
    "kind": "survey",
    "name": "life",
    "questions": {"club": {"type": "choice", "allowed": ["a", "b"]}},
}


def segment(rule: Any, name: str = "some") -> Segment:
    found = check({"kind": "segment", "name": name, "rule": rule})
    assert isinstance(found, Segment)
    return found


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    """Six people of two religions. Ann and Bob consented; Cyd took it back; Dan by law alone; Eve and Fay never."""
    stores = make_stores(tmp_path_factory.mktemp("special"))
    traits = []
    for number, name in enumerate(CUSTOMERS):
        traits.append({"customer": name, "name": "religion", "value": "xy"[number % 2]})
        traits.append({"customer": name, "name": "race_distance", "value": "10"})
        traits.append({"customer": name, "name": "country", "value": "GB"})
    add_traits(stores, traits)
    add_people(stores, [{"customer": name, "first_seen_at": day(0)} for name in CUSTOMERS])
    append(
        stores,
        "answers",
        [
            {
                "origin_id": origin(stores, name),
                "survey": "life",
                "question": "club",
                "value": "a",
                "answered_at": day(1),
            }
            for name in CUSTOMERS
        ],
    )
    said = [
        ("ann", "email", "granted", "opt_in", 1),
        ("bob", "sms", "granted", "opt_in", 1),
        ("cyd", "email", "granted", "opt_in", 1),
        ("cyd", "sms", "revoked", "request", 2),
        ("dan", "email", "granted", "soft_opt_in", 1),
    ]
    rows = [
        {
            "origin_id": origin(stores, name),
            "purpose": "faith-offers",
            "channel": channel,
            "state": state,
            "occurred_at": day(when),
            "basis": basis,
            "source": "crm",
            "wording": None,
        }
        for name, channel, state, basis, when in said
    ]
    record(stores, pa.Table.from_pylist(rows))
    apply(
        stores.control,
        [
            check(PRIVACY),
            check(SURVEY),
            segment({"trait": "religion", "is": "x"}, "faithful"),
        ],
        now=day(0),
        by="test",
    )
    yield stores
    stores.close()


def who(stores: Stores, rule: Any, when: float = 10) -> set[str]:
    ids = members(stores, segment(rule), as_of=day(when)).column("profile_id").to_pylist()
    names = {origin(stores, name): name for name in CUSTOMERS}
    return {names[one] for one in ids}


def test_a_rule_on_it_reaches_only_who_consented_explicitly(town: Stores) -> None:
    assert who(town, {"trait": "religion", "is": "x"}) == {"ann"}
    assert who(town, {"trait": "religion", "is": "y"}) == {"bob"}
    assert who(town, {"survey": "life", "question": "club", "is": "a"}) == CONSENTING
    assert (
        who(
            town,
            {
                "event": "Visit",
                "count": {"at_most": 0},
                "where": {"properties.condition": {"is": "x"}},
            },
        )
        == set()
    )
    # Before Cyd took it back.
    assert who(town, {"trait": "religion", "is": "x"}, when=1.5) == {"ann", "cyd"}


def test_what_was_declared_to_tell_of_nothing_is_free(town: Stores) -> None:
    assert who(town, {"trait": "race_distance", "is": "10"}) == set(CUSTOMERS)
    assert who(town, {"trait": "country", "is": "GB"}) == set(CUSTOMERS)


NASTY: list[Any] = [
    {"not": {"trait": "religion", "is": "x"}},
    {"not": {"segment": "faithful"}},
    {"any": [{"trait": "country", "is": "GB"}, {"not": {"not": {"segment": "faithful"}}}]},
    {"trait": "religion", "exists": False},
    {"percentile": {"feature": "orders"}, "top": 0.5, "by": "religion"},
    {"not": {"percentile": {"feature": "tenure_days"}, "top": 0.5, "among": "faithful"}},
]


@pytest.mark.parametrize("rule", NASTY)
def test_no_rule_that_looks_at_it_says_anything_of_others(town: Stores, rule: Any) -> None:
    assert who(town, rule) <= CONSENTING


def test_memberships_that_are_written_keep_to_the_consent_too(town: Stores) -> None:
    nasty = [segment(rule, f"nasty-{number}") for number, rule in enumerate(NASTY)]
    apply(town.control, nasty, now=day(0), by="test")
    counts = {one.segment: one for one in refresh(town, now=day(10))}
    for number, rule in enumerate(NASTY):
        written = current_members(town, f"nasty-{number}").column("profile_id").to_pylist()
        by_rule = members(town, segment(rule), as_of=day(10)).column("profile_id").to_pylist()
        assert written == by_rule
        assert counts[f"nasty-{number}"].failure is None


_leaf = st.sampled_from([*NASTY, {"trait": "country", "is": "GB"}, {"event": "Visit"}])
_rules = st.recursive(
    _leaf,
    lambda inner: st.one_of(
        st.builds(lambda one: {"not": one}, inner),
        st.builds(lambda some: {"all": some}, st.lists(inner, min_size=1, max_size=3)),
        st.builds(lambda some: {"any": some}, st.lists(inner, min_size=1, max_size=3)),
    ),
    max_leaves=4,
)


@settings(max_examples=40)
@given(rule=_rules)
def test_the_consent_stands_around_the_whole_rule(rule: Any) -> None:
    privacy = check(PRIVACY)
    assert isinstance(privacy, PrivacyRules)
    tree = compile_rule(segment(rule).rule, scope(privacy))
    looks = any(word in str(rule) for word in ("religion", "faithful"))
    last = tree.parts[-1] if isinstance(tree, Group) else None
    gated = isinstance(last, LeafQuery) and isinstance(last.rule, ConsentRule)
    assert gated == looks
    if gated:
        assert isinstance(tree, Group)
        assert tree.kind == "all"
        assert isinstance(last, LeafQuery)
        assert not last.inverted


def scope(privacy: PrivacyRules) -> Scope:
    anything = exp.to_table("anything")
    return Scope(
        day(10),
        "UTC",
        find=lambda name: segment({"trait": "religion", "is": "x"}, name),
        activity_of=lambda _event: anything,
        latest_trait=lambda _name: anything,
        feature=lambda _name: anything,
        consents=lambda *_which: anything,
        rfm=lambda: anything,
        lifecycle=lambda *_limits: anything,
        occasion=lambda _leaf: anything,
        members=lambda _name: anything,
        privacy=privacy,
    )


def test_explain_names_the_consent_and_counts_it(town: Stores) -> None:
    found = explain(town, segment({"not": {"segment": "faithful"}}), as_of=day(10))
    assert found.members == 1
    assert found.leaves[-1].words == "who granted explicit consent to “faith-offers”"
    assert found.leaves[-1].alone == 2


def test_without_a_declaration_it_is_refused_by_name(town: Stores) -> None:
    with pytest.raises(SegmentError, match="'Ethnic Group' tells of ethnicity") as caught:
        who(town, {"all": [{"trait": "Ethnic Group", "is": "x"}]})
    assert "rule.all[0].trait" in str(caught.value)
    assert "special: [{trait: Ethnic Group, category: ethnicity, purpose: NAME}]" in str(
        caught.value
    )
    with pytest.raises(DefinitionError, match="tells of health") as refused:
        apply(
            town.control,
            [segment({"freshness": {"trait": "chronicIllness"}, "within": "9d"}, "ill")],
            now=day(1),
            by="test",
        )
    assert refused.value.faults[0].path == "segment ill: rule.freshness.trait"


@pytest.mark.parametrize(
    ("name", "category"),
    [
        ("religion", "religion"),
        ("sexualOrientation", "orientation"),
        ("Political Party", "politics"),
        ("voted", "politics"),
        ("health_condition", "health"),
        ("is-pregnant", "health"),
        ("union member", "union"),
        ("trace", None),
        ("party_size", None),
        ("healthy", None),
        ("interface", None),
        ("email_domain", None),
    ],
)
def test_names_speak_for_themselves(name: str, category: str | None) -> None:
    assert special_by_name(name) == category


def test_wrong_declarations_are_told() -> None:
    for special, said in (
        ({"trait": "a", "property": "b", "category": "health"}, "say one"),
        ({"survey": "a", "category": "health"}, "say one"),
        ({"trait": "a", "category": "none", "purpose": "x"}, "needs no purpose"),
    ):
        with pytest.raises(DefinitionError, match=said):
            check({"kind": "privacy_rules", "name": "default", "special": [special]})
    body = {"protected": [{"trait": "age", "bands": [40, 20]}]}
    with pytest.raises(DefinitionError, match="bands must ascend"):
        check({"kind": "privacy_rules", "name": "default", **body})


def test_what_is_protected_is_declared_else_told_by_its_name() -> None:
    usual = PrivacyRules()
    assert usual.protected_attribute("gender") is not None
    assert usual.protected_attribute("Age") is not None
    assert usual.protected_attribute("page") is None
    own = check(
        {
            "kind": "privacy_rules",
            "name": "default",
            "protected": ["region", {"trait": "age", "bands": [40]}],
        }
    )
    assert isinstance(own, PrivacyRules)
    assert own.protected_attribute("gender") is None
    assert own.protected_attribute("region") is not None
    age = own.protected_attribute("age")
    assert age is not None
    assert age.bands == (40,)
