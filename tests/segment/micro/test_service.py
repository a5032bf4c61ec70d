"""Micro-segments: simulated groups are found, none where there are none, and each is a segment like any other."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from aimwell.definitions.catalogue import check
from aimwell.definitions.kinds.model import Model
from aimwell.definitions.kinds.segment import Segment
from aimwell.definitions.service import apply
from aimwell.errors import SegmentError
from aimwell.segment.micro.model import MicroModel, micro_definitions
from aimwell.segment.micro.page import micro_html
from aimwell.segment.micro.questions import Question, limit_rule
from aimwell.segment.micro.service import MicroSegments, micro_segments, split_groups
from aimwell.segment.micro.tree import grow, join
from aimwell.segment.models.modelling import apply_kept, build_model, publish_built
from aimwell.segment.models.page import model_html
from aimwell.segment.service import members
from aimwell.store.stores import Stores
from shop import add_orders, add_people, add_traits, append, day, make_stores, origin

BoolArray = npt.NDArray[np.bool_]


def asked(**answers: BoolArray) -> list[Question]:
    return [Question({"trait": name, "is": "y"}, yes) for name, yes in answers.items()]


def split(questions: list[Question], values: Any, **more: Any) -> MicroSegments:
    return split_groups(
        questions, np.asarray(values, dtype=float), response="bought", days=30, fewest=50, **more
    )


def test_groups_that_there_are_are_found_and_estimated_without_bias() -> None:
    draw = np.random.default_rng(1)
    a, b, noise = (draw.random(4_000) < 0.5 for _name in range(3))
    rate = np.where(a & b, 0.5, np.where(a, 0.2, 0.05))
    found = split(asked(a=a, b=b, noise=noise), draw.random(4_000) < rate, kind="share")
    assert [one.rule for one in found.groups] == [
        {"all": [{"trait": "a", "is": "y"}, {"trait": "b", "is": "y"}]},
        {"all": [{"trait": "a", "is": "y"}, {"not": {"trait": "b", "is": "y"}}]},
        {"not": {"trait": "a", "is": "y"}},
    ]
    for one, truth in zip(found.groups, (0.5, 0.2, 0.05), strict=True):
        assert one.response.lower is not None
        assert one.response.upper is not None
        assert one.response.lower - 0.02 < truth < one.response.upper + 0.02
    assert found.groups[-1].cumulative_people == pytest.approx(1.0)
    assert found.groups[-1].cumulative_value == pytest.approx(1.0)
    assert sum(one.people for one in found.groups) == 4_000


def test_where_there_are_none_it_says_so_mostly() -> None:
    draw = np.random.default_rng(2)
    false = 0
    for trial in range(60):
        questions = asked(**{f"q{n}": draw.random(600) < 0.4 for n in range(25)})
        values = draw.lognormal(0, 1.5, 600) * (draw.random(600) < 0.3)
        found = split(questions, values, kind="mean", seed=trial)
        false += len(found.groups) > 1
        assert len(found.groups) > 1 or found.sentence.startswith("There is nothing here")
    assert false <= 3  # both halves must be misled


def test_leaves_of_noise_are_judged_by_the_other_half() -> None:
    draw = np.random.default_rng(3)
    false = 0
    for trial in range(100):
        yes, values = draw.random((400, 1)) < 0.5, draw.exponential(1, 400)
        first = np.arange(400) % 2 == 0
        leaves = grow(yes, values + 5 * (yes[:, 0] & first), first, fewest=50)  # misled by force
        assert len(leaves) == 2
        groups, p_value = join(leaves, values, ~first, kind="mean", seed=trial)
        false += len(groups) > 1
        assert p_value is not None
    assert false <= 11  # five expected


def test_no_leaf_is_smaller_than_asked_and_nothing_of_the_second_half_grows_it() -> None:
    draw = np.random.default_rng(4)
    questions = draw.random((1_000, 12)) < draw.uniform(0.02, 0.5, 12)
    values = questions @ draw.normal(size=12) + draw.normal(size=1_000)
    first = draw.random(1_000) < 0.5
    leaves = grow(questions, values, first, fewest=60)
    assert len(leaves) > 3
    assert min(len(leaf.rows) for leaf in leaves) >= 60
    assert sorted(np.concatenate([leaf.rows for leaf in leaves]).tolist()) == list(range(1_000))
    other = np.where(first, values, draw.normal(size=1_000))
    again = grow(questions, other, first, fewest=60)
    assert [leaf.way for leaf in again] == [leaf.way for leaf in leaves]


def test_many_groups_are_warned_of_and_none_defines_nothing() -> None:
    draw = np.random.default_rng(5)
    bits = [draw.random(30_000) < 0.5 for _n in range(4)]
    values = sum(2.0**n * bit for n, bit in enumerate(bits)) + draw.normal(0, 0.1, 30_000)
    found = split(asked(**{f"b{n}": bit for n, bit in enumerate(bits)}), values, kind="mean")
    assert len(found.groups) == 16
    assert found.warnings[0].startswith("16 groups are more than anybody can look after")
    nothing = split(asked(a=bits[0]), np.ones(30_000), kind="mean")
    assert micro_definitions(nothing, "x") == []
    assert nothing.groups[0].words == "Everybody."
    assert limit_rule("trait age", 30, None) == {"trait": "age", "at_least": 30}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    """600 people known for 50 days; those on gold who bought before buy again."""
    stores = make_stores(tmp_path_factory.mktemp("micro"))
    draw = np.random.default_rng(7)
    orders, traits, people, outcomes = [], [], [], []
    for number in range(600):
        name, gold, before = f"p{number}", number % 2 == 0, number % 3 == 0
        people.append({"customer": name, "first_seen_at": day(0)})
        traits.append({"customer": name, "name": "tier", "value": "gold" if gold else "plain"})
        traits.append({"customer": name, "name": "religion", "value": "x" if gold else "y"})
        days = ([float(draw.uniform(1, 49))] if before else []) + (
            [float(draw.uniform(51, 99))]
            if draw.random() < (0.8 if gold and before else 0.1)
            else []
        )
        for when in days:
            orders.append(
                {
                    "customer": name,
                    "order_id": f"{name}/{when}",
                    "ordered_at": day(when),
                    "revenue": 10,
                }
            )
        outcomes.append(
            {
                "experiment": "test",
                "origin_id": origin(stores, name),
                "name": "visit",
                "value": float(draw.random() < (0.6 if gold else 0.2)),
                "observed_at": day(90),
            }
        )
    add_people(stores, people)
    add_orders(stores, orders)
    add_traits(stores, traits)
    append(stores, "outcomes", outcomes)
    yield stores
    stores.close()


def test_from_data_to_segments_with_members(shop: Stores) -> None:
    found = micro_segments(
        shop,
        as_of=day(100),
        horizon=timedelta(days=50),
        response="bought",
        crossed=["lifecycle"],
        fewest=60,
    )
    assert found.kind == "share"
    best = found.groups[0]
    assert best.people == 100
    assert best.response.covers(0.8)
    assert "religion" not in str([one.rule for one in found.groups])
    apply(shop.control, micro_definitions(found, "again"), now=day(100), by="test")
    inside = [
        members(shop, f"again-{place}", as_of=day(50)).num_rows
        for place in range(1, len(found.groups) + 1)
    ]
    assert inside == [one.people for one in found.groups]
    page = micro_html(found, as_of=day(100), timezone="UTC", currency="GBP")
    assert "Group 1" in page
    assert "GBP" not in page
    earned = micro_segments(shop, as_of=day(100), horizon=timedelta(days=50), response="revenue")
    page = micro_html(earned, as_of=day(100), timezone="UTC", currency="GBP")
    assert "In GBP a person." in page
    assert re.search(r"<b>[0-9.]+ GBP</b> <small>\([0-9.]+ to [0-9.]+\) · [0-9]+ people", page)


def test_a_definition_is_learnt_kept_published_and_asked_for_by_rules(shop: Stores) -> None:
    wanted = check(
        {
            "kind": "model",
            "name": "again",
            "type": "micro_segments",
            "response": "bought",
            "horizon": "50d",
            "cross": ["lifecycle"],
            "fewest": 60,
        }
    )
    assert isinstance(wanted, Model)
    apply(shop.control, [wanted], now=day(99), by="test")
    built = build_model(shop, "again", as_of=day(100), now=day(100))
    assert isinstance(built.model, MicroModel)
    assert MicroModel.from_json(built.model.to_json()) == built.model
    assert built.people is not None
    groups = built.people.to_pydict()
    assert len(set(groups["profile_id"])) == len(groups["profile_id"]) == 600
    assert publish_built(shop, built, as_of=day(100), now=day(100)) == 600
    rule = check(
        {"kind": "segment", "name": "best", "rule": {"trait": "cluster:again", "is": "group 1"}}
    )
    assert isinstance(rule, Segment)
    inside = set(members(shop, rule, as_of=day(100)).column("profile_id").to_pylist())
    named = zip(groups["profile_id"], groups["group"], strict=True)
    assert inside == {person for person, group in named if group == "group 1"}
    # Who comes later has a group by the rules that were kept, and nothing is learnt.
    add_people(shop, [{"customer": "late", "first_seen_at": day(110)}])
    add_traits(shop, [{"customer": "late", "name": "tier", "value": "plain", "set_at": day(110)}])
    later = apply_kept(shop, wanted, as_of=day(120))
    assert later.people is not None
    assert later.version == built.version
    assert origin(shop, "late") in later.people.column("profile_id").to_pylist()
    assert "Group 1" in model_html(
        built, as_of=day(100), now=day(100), timezone="UTC", currency="GBP"
    )


def test_what_an_experiment_reports_is_a_response(shop: Stores) -> None:
    more: dict[str, Any] = {"as_of": day(100), "horizon": timedelta(days=50), "crossed": []}
    found = micro_segments(shop, response="test/visit", **more)
    assert found.groups[0].rule == {"trait": "tier", "is": "gold"}
    with pytest.raises(SegmentError, match="Known: bought, revenue, test/visit"):
        micro_segments(shop, response="test/visits", **more)
    with pytest.raises(SegmentError, match="takes 2,000"):
        micro_segments(shop, response="test/visit", fewest=1_000, **more)
