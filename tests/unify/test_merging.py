"""Which value counts where sources disagree: by each rule, with withdrawals, the same through every query."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from sqlglot import exp

from aimwell.definitions.catalogue import check
from aimwell.definitions.kinds.profile_rules import ProfileRules
from aimwell.store.tables import TIME
from aimwell.unify.merging import held_trait, held_traits, merged_traits

START = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Said:
    """One statement of one record."""

    source: str
    value: str | None
    day: int
    origin: str = "a"
    name: str = "country"
    profile: str = "p"
    received: datetime | None = None

    @property
    def when(self) -> datetime:
        return START + timedelta(days=self.day)


def rules(**body: Any) -> ProfileRules:
    found = check({"kind": "profile_rules", "name": "default", **body})
    assert isinstance(found, ProfileRules)
    return found


def ask(said: Sequence[Said], *queries: exp.Expr) -> list[list[tuple[Any, ...]]]:
    table = pa.table(
        {
            "profile_id": [s.profile for s in said],
            "origin_id": [s.origin for s in said],
            "name": [s.name for s in said],
            "value": pa.array([s.value for s in said], pa.string()),
            "source": [s.source for s in said],
            "set_at": pa.array([s.when for s in said], TIME),
            "received_at": pa.array([s.received or s.when for s in said], TIME),
        }
    )
    with duckdb.connect(":memory:") as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("traits", table)
        return [connection.execute(query.sql("duckdb")).fetchall() for query in queries]


def merged(body: ProfileRules, *said: Said) -> Any:
    [[row]] = ask(said, merged_traits(body))
    return row


def test_the_newest_counts_unless_something_else_is_said() -> None:
    row = merged(ProfileRules(), Said("crm", "GB", 1), Said("web", "FR", 3), Said("crm", "IE", 2))
    assert row[2:5] == ("FR", "web", START + timedelta(days=3))


def test_the_word_of_the_source_trusted_most_counts_however_old_it_is() -> None:
    body = rules(choose="most_trusted", trust={"crm": 0.9, "web": 0.4})
    said = [
        Said("web", "FR", 9),
        Said("crm", "GB", 1),
        Said("crm", "IE", 2),
        Said("other", "DE", 8),
    ]
    assert merged(body, *said)[2:5] == ("IE", "crm", START + timedelta(days=2))


def test_one_trait_may_rank_its_sources_in_its_own_way() -> None:
    body = rules(
        trust={"crm": 0.9},
        traits={"country": {"choose": "most_trusted", "trust": {"web": 1.0}}},
    )
    said = [Said("web", "FR", 1), Said("crm", "GB", 9)]
    assert merged(body, *said)[2:4] == ("FR", "web")
    assert merged(body, *[Said(s.source, s.value, s.day, name="city") for s in said])[2] == "GB"


def test_what_most_records_say_now_counts_and_of_equals_the_newest() -> None:
    body = rules(choose="most_frequent")
    said = [
        Said("crm", "red", 1, "a"),
        Said("web", "red", 2, "b"),
        Said("web", "blue", 9, "c"),
    ]
    assert merged(body, *said)[2:4] == ("red", "web")
    changed = [*said, Said("web", "blue", 3, "b")]  # that record now says something else
    assert merged(body, *changed)[2] == "blue"
    assert merged(body, *said[1:])[2] == "blue"


@pytest.mark.parametrize(
    ("body", "said", "left"),
    [
        ({}, [Said("crm", "GB", 1), Said("web", None, 2)], None),
        ({}, [Said("crm", "GB", 3), Said("web", None, 2)], "GB"),
        (
            {"choose": "most_trusted", "trust": {"crm": 1}},
            [Said("crm", None, 1), Said("web", "GB", 2)],
            None,
        ),
        (
            {"choose": "most_trusted", "trust": {"crm": 1}},
            [Said("crm", "GB", 1), Said("web", None, 2)],
            "GB",
        ),
        (
            {"choose": "most_frequent"},
            [Said("crm", "GB", 1), Said("web", "GB", 2), Said("pos", None, 9)],
            "GB",
        ),
        ({"choose": "most_frequent"}, [Said("crm", "GB", 1), Said("web", None, 2)], None),
    ],
)
def test_a_withdrawal_is_weighed_as_a_statement(
    body: Any, said: list[Said], left: str | None
) -> None:
    assert merged(rules(**body), *said)[2] == left
    [held] = ask(said, held_traits(rules(**body)))
    assert [row[2] for row in held] == ([left] if left else [])


def test_confidence_rises_where_trusted_sources_agree_and_falls_where_they_do_not() -> None:
    body = rules(trust={"crm": 0.8, "web": 0.5})
    assert merged(body, Said("crm", "GB", 1))[5] == 0.8
    assert merged(body, Said("crm", "GB", 1), Said("web", "GB", 2))[5] == 0.9
    assert merged(body, Said("web", "FR", 1), Said("crm", "GB", 2))[5] == pytest.approx(0.49)
    assert merged(ProfileRules(), Said("crm", "GB", 1))[5] == 0.5  # nobody said how far to trust it
    assert merged(rules(trust={"crm": 0}), Said("crm", "GB", 1))[5] == 0


def test_a_fact_without_a_date_is_as_old_as_its_arrival() -> None:
    arrived = datetime(2026, 3, 1, tzinfo=UTC)
    always = (datetime(1970, 1, 1, tzinfo=UTC) - START).days
    assert merged(ProfileRules(), Said("crm", "GB", always, received=arrived))[4] == arrived


_SOURCES = ("crm", "web", "pos")
_CHOICES = ("newest", "most_trusted", "most_frequent")


@pytest.mark.parametrize("own", _CHOICES)
@pytest.mark.parametrize("choose", _CHOICES)
def test_every_query_gives_what_the_rule_says(choose: str, own: str, seed: int) -> None:
    draw = random.Random(seed)  # noqa: S311 - examples, not secrets
    trust = dict(zip(_SOURCES, draw.sample([0.2, 0.5, 0.9], 3), strict=True))
    body = rules(choose=choose, trust=trust, traits={"colour": {"choose": own}})
    said = [
        Said(
            draw.choice(_SOURCES),
            draw.choice(["x", "y", None]),
            number,
            draw.choice("ab"),
            draw.choice(["country", "colour"]),
            f"p{draw.randrange(200)}",
        )
        for number in range(1200)
    ]
    expected = {
        (profile, name): value
        for profile in {s.profile for s in said}
        for name in ("country", "colour")
        if (value := _by_hand(body, [s for s in said if (s.profile, s.name) == (profile, name)]))
        is not None
    }
    merged_, held, *ones = ask(
        said,
        merged_traits(body),
        held_traits(body),
        held_trait(body, "country"),
        held_trait(body, "colour"),
    )
    assert len(expected) > 150
    assert {row[:2]: row[2] for row in merged_ if row[2] is not None} == expected
    assert {row[:2]: row[2] for row in held} == expected
    for name, one in zip(("country", "colour"), ones, strict=True):
        assert {(row[0], name): row[1] for row in one} == {
            key: value for key, value in expected.items() if key[1] == name
        }


def _by_hand(body: ProfileRules, said: list[Said]) -> str | None:
    if not said:
        return None
    words = {(s.source, s.origin): s for s in sorted(said, key=lambda s: s.day)}.values()
    choice = body.choice(said[0].name)
    if choice == "most_trusted":
        return max(words, key=lambda s: (body.trust[s.source], s.day)).value
    if choice == "newest":
        return max(words, key=lambda s: s.day).value
    votes = Counter(s.value for s in words)
    return max(words, key=lambda s: (votes[s.value], s.day)).value
