"""Ways to an order or to silence: what was planted is found, being active is no way, time runs forwards."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aimwell.cli.output import plain
from aimwell.errors import PredictError, TooLittleDataError
from aimwell.predict.patterns.found import Finding, Paths
from aimwell.predict.patterns.paths import paths
from aimwell.store.stores import Stores
from shop import add_events, add_orders, day, make_stores

AS_OF = day(120)
EVENTS = ("Viewed", "Saved", "Asked", "Compared", "Shared")


def lives(
    draw: random.Random, people: int, *, planted: float, silent: float = 0.0
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Events and orders of people; who saves after a view orders more often, who asks after a share less.

    Before each of the days 60 and 90 everybody does some events; within the 30 days after it some order, the more active
    the likelier.
    """
    for person in range(people):
        customer = f"p{person}"
        yield (
            "order",
            {
                "customer": customer,
                "order_id": f"first-{person}",
                "ordered_at": day(1),
                "revenue": 5,
            },
        )
        for moment in (60, 90):
            many = draw.choice((2, 3, 5, 8))
            did = sorted(
                (draw.uniform(moment - 29, moment), draw.choice(EVENTS)) for _ in range(many)
            )
            for when, event in did:
                yield "event", {"customer": customer, "event": event, "occurred_at": day(when)}
            names = [event for _, event in did]
            chance = 0.1 + 0.03 * many
            if "Viewed" in names and "Saved" in names[names.index("Viewed") + 1 :]:
                chance += planted
            if "Shared" in names and "Asked" in names[names.index("Shared") + 1 :]:
                chance *= 1 - silent
            if draw.random() < chance:
                yield (
                    "order",
                    {
                        "customer": customer,
                        "order_id": f"{person}-{moment}",
                        "ordered_at": day(moment + draw.uniform(0.1, 29)),
                        "revenue": 20,
                    },
                )


def made(folder: Path, seed: int, people: int = 1_500, **chances: float) -> Stores:
    stores = make_stores(folder)
    rows = list(lives(random.Random(seed), people, **{"planted": 0.0, **chances}))  # noqa: S311
    add_orders(stores, [row for kind, row in rows if kind == "order"])
    add_events(stores, [row for kind, row in rows if kind == "event"])
    return stores


def asked(stores: Stores, **options: Any) -> Paths:
    return paths(stores, as_of=AS_OF, **{"window_days": 30, **options})


def standing(found: Paths) -> set[tuple[str, ...]]:
    return {one.first for one in found.standing}


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Stores:
    return made(tmp_path_factory.mktemp("planted"), 3, planted=0.35, silent=0.8)


def test_the_planted_way_to_an_order_is_found_in_its_order_only(planted: Stores) -> None:
    found = asked(planted, longest=2)
    first = found.standing[0]
    assert first.first == ("Viewed", "Saved")
    assert first.others_share is not None
    assert first.cases / first.counted - first.others_share > 0.2
    assert first.adjusted_p_value < 1e-9
    # Who viewed and who saved twice did so in the planted order more often than others; nothing else stands.
    assert standing(found) <= {("Viewed", "Saved"), ("Viewed", "Viewed"), ("Saved", "Saved")}
    assert found.people == (1_500, 1_500)
    assert found.tests == len(EVENTS) ** 2


def test_a_third_step_that_adds_nothing_is_no_way_of_its_own(planted: Stores) -> None:
    found = asked(planted)
    assert not [way for way in standing(found) if len(way) == 3]
    longer = next(one for one in found.findings if one.first == ("Viewed", "Saved", "Compared"))
    assert longer.lift.lower is not None
    assert longer.lift.lower > 1.2
    assert longer.adjusted_p_value > 0.5


def test_the_planted_way_to_silence_is_found(planted: Stores) -> None:
    found = asked(planted, to="silence", longest=2)
    assert ("Shared", "Asked") in {one.first for one in found.findings[:2]}
    assert ("Viewed", "Saved") not in standing(found)


def test_any_event_can_be_the_end(tmp_path: Path) -> None:
    """Who saves after a view asks within the month after each of two moments; orders do not matter."""
    draw, stores, rows = random.Random(8), make_stores(tmp_path), []  # noqa: S311
    for person in range(900):
        for moment in (60, 90):
            did = sorted(
                (draw.uniform(moment - 9, moment), draw.choice(EVENTS[:2])) for _ in range(3)
            )
            names = [event for _, event in did]
            viewed = names.index("Viewed") if "Viewed" in names else len(names)
            after = "Saved" in names[viewed:]
            if draw.random() < (0.6 if after else 0.3):
                did.append((moment + draw.uniform(0.1, 19), "Asked"))
            rows += [
                {"customer": f"p{person}", "event": event, "occurred_at": day(when)}
                for when, event in did
            ]
    add_events(stores, rows)
    found = asked(stores, to="Asked", longest=2, window_days=10)
    assert standing(found) == {("Viewed", "Saved")}


def test_where_only_activity_counts_no_way_stands(tmp_path: Path) -> None:
    alarms = [
        standing(asked(made(tmp_path / str(seed), seed, 700), longest=3)) for seed in range(4)
    ]
    assert sum(bool(one) for one in alarms) <= 1


def test_the_way_lies_before_the_moment_and_the_end_after_it(tmp_path: Path) -> None:
    """The same events and orders in the wrong order of time: ordered first, then viewed and saved."""
    stores = make_stores(tmp_path)
    orders, events = [], []
    for person in range(600):
        for moment in (60, 90):
            customer = f"p{person}"
            events.append({"customer": customer, "event": "Asked", "occurred_at": day(moment - 5)})
            if person % 2:
                events += [
                    {"customer": customer, "event": event, "occurred_at": day(moment + when)}
                    for event, when in (("Viewed", 3), ("Saved", 4))
                ]
                orders.append(
                    {
                        "customer": customer,
                        "order_id": f"{person}-{moment}",
                        "ordered_at": day(moment + 2),
                        "revenue": 5,
                    }
                )
    add_orders(stores, orders)
    add_events(stores, events)
    found = asked(stores, longest=2, window_days=10)
    assert found.findings == ()


def test_the_same_twice(planted: Stores) -> None:
    texts = {json.dumps(plain(asked(planted, longest=2))) for _turn in range(2)}
    assert len(texts) == 1


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"of": "colours"}, "Known: events, categories, products"),
        ({"longest": 4}, "2 to 3"),
        ({"horizon_days": 0}, "1 or more"),
        ({"false_share": 2.0}, "share of false findings"),
    ],
)
def test_bad_questions_are_refused(planted: Stores, wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(PredictError, match=words):
        asked(planted, **wrong)


def test_too_little_says_what_is_needed(planted: Stores) -> None:
    with pytest.raises(TooLittleDataError, match=r"people who did Flown: 0 of at least 100"):
        asked(planted, to="Flown")


def _ratio(one: Finding) -> float:
    assert one.lift.estimate is not None
    return one.lift.estimate


def test_findings_come_by_the_sure_part_of_their_strength(planted: Stores) -> None:
    lower = [one.lift.lower or 0.0 for one in asked(planted).findings]
    assert lower == sorted(lower, reverse=True)
    assert all(_ratio(one) > 0 for one in asked(planted).findings)
