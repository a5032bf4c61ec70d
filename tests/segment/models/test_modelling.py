"""Models as definitions: learnt, kept, published, and asked for by rules like anything else."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import numpy as np
import pytest

from aimwell.definitions import service as definitions
from aimwell.definitions.catalogue import check
from aimwell.definitions.kinds.model import Model
from aimwell.definitions.kinds.segment import Segment
from aimwell.errors import DefinitionError, SegmentError
from aimwell.segment.cards.look_alikes import LookAlikes
from aimwell.segment.cards.score_card import ScoreCard
from aimwell.segment.classes.model import ClassModel
from aimwell.segment.clusters.model import ClusterModel
from aimwell.segment.models.files import read_model
from aimwell.segment.models.modelling import apply_kept, build_model, publish_built
from aimwell.segment.models.page import model_html
from aimwell.segment.service import members
from aimwell.store.stores import Stores
from shop import add_people, add_traits, append, day, make_stores, origin

AS_OF = day(30)


def model(**fields: object) -> Model:
    found = check({"kind": "model", **fields})
    assert isinstance(found, Model)
    return found


def segment(name: str, rule: object) -> Segment:
    found = check({"kind": "segment", "name": name, "rule": rule})
    assert isinstance(found, Segment)
    return found


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    """Three kinds of people by age and drink; who likes what is asked of two thirds of them."""
    stores = make_stores(tmp_path_factory.mktemp("town"))
    draw = np.random.default_rng(7)
    kinds = draw.permutation(np.repeat([0, 1, 2], [160, 90, 80]))
    people = [f"person {number}" for number in range(len(kinds))]
    traits, answers = [], []
    for person, kind in zip(people, kinds.tolist(), strict=True):
        age = (25, 45, 65)[kind] + float(draw.normal()) * 3
        income = (20, 60, 25)[kind] + float(draw.normal()) * 3
        values = {"age": f"{age:.1f}", "income": f"{income:.1f}", "kind": str(kind)}
        values["drink"] = ("tea", "coffee", "mate")[kind]
        if draw.random() < 0.05:
            del values["income"]
        traits += [
            {"customer": person, "name": name, "value": value, "set_at": day(1)}
            for name, value in values.items()
        ]
        if draw.random() < 2 / 3:
            for item in range(9):
                likes = item // 3 == kind
                number = int(draw.choice([4, 5]) if likes else draw.choice([1, 2, 2, 3]))
                answers.append(
                    {
                        "origin_id": origin(stores, person),
                        "survey": "likes",
                        "question": f"q{item}",
                        "response_id": person,
                        "value": str(number),
                        "number": float(number),
                        "answered_at": day(2),
                    }
                )
    add_people(stores, [{"customer": person, "first_seen_at": day(0)} for person in people])
    add_traits(stores, traits)
    append(stores, "answers", answers)
    questions = {f"q{item}": {"type": "scale"} for item in range(9)}
    definitions.apply(
        stores.control,
        [
            check({"kind": "survey", "name": "likes", "questions": questions}),
            segment("second", {"trait": "kind", "is": 1}),
        ],
        by="test",
        now=day(3),
    )
    yield stores
    stores.close()


def ids(stores: Stores, rule: object) -> set[str]:
    found = members(stores, segment("asked", rule), as_of=AS_OF)
    return set(found.column("profile_id").to_pylist())


def test_groups_become_rules_that_take_the_same_people_and_a_trait(town: Stores) -> None:
    built = build_model(
        town,
        model(
            name="kinds",
            type="clusters",
            among="everybody",
            columns=["trait:age", "trait:income", "trait:drink"],
            method="prototypes",
            groups=3,
        ),
        as_of=AS_OF,
        now=AS_OF,
    )
    assert isinstance(built.model, ClusterModel)
    assert built.people is not None
    groups: dict[str, set[str]] = {}
    for row in built.people.to_pylist():
        groups.setdefault(row["group"], set()).add(row["profile_id"])
    assert len(groups) == 3
    assert publish_built(town, built, as_of=AS_OF, now=AS_OF) == 330
    assert publish_built(town, built, as_of=AS_OF, now=AS_OF) == 0
    assert built.model.description is not None
    taken = []
    for document in built.model.description.segments("kinds"):
        mine = groups[document["description"]]
        by_rule = ids(town, document["rule"])
        taken.append(by_rule)
        assert len(by_rule & mine) >= 0.97 * len(by_rule | mine)
        assert ids(town, {"trait": "cluster:kinds", "is": document["description"]}) == mine
    assert len(set.union(*taken)) == sum(map(len, taken)) == 330  # everybody once
    later = apply_kept(town, built.definition, as_of=day(40))
    assert later.people is not None
    assert later.people.equals(built.people)
    with pytest.raises(SegmentError, match="know its own future"):
        apply_kept(town, built.definition, as_of=day(29))
    kept, version = read_model(town, "kinds", kind="clusters", read=ClusterModel.from_json)
    assert (kept.to_json(), version) == (built.model.to_json(), 1)
    page = model_html(built, as_of=AS_OF, now=AS_OF, timezone="UTC", currency="GBP")
    assert all(name in page for name in groups)
    assert "<script" not in page


def test_those_who_did_not_answer_are_placed_into_the_classes_of_those_who_did(
    town: Stores,
) -> None:
    wanted = model(
        name="tastes",
        type="latent_classes",
        survey="likes",
        columns=["trait:age", "trait:income"],
        groups=3,
    )
    built = build_model(town, wanted, as_of=AS_OF, now=AS_OF)
    assert isinstance(built.model, ClassModel)
    assert built.people is not None
    assert built.people.num_rows == 330
    rows = built.people.to_pylist()
    assert {row["how"] for row in rows} == {"answers", "typing"}
    assert publish_built(town, built, as_of=AS_OF, now=AS_OF) == 330
    again = apply_kept(town, wanted, as_of=AS_OF)
    assert again.people is not None
    assert again.people.sort_by("profile_id").equals(built.people.sort_by("profile_id"))
    for name in built.model.names:
        found = ids(town, {"trait": "cluster:tastes", "is": name})
        kinds = [len(found & ids(town, {"trait": "kind", "is": kind})) for kind in range(3)]
        assert max(kinds) >= 0.95 * len(found)
    assert "How each class answers" in model_html(
        built, as_of=AS_OF, now=AS_OF, timezone="UTC", currency="GBP"
    )
    nothing = model(name="x", type="latent_classes", survey="likes", questions=["q0", "qq"])
    with pytest.raises(SegmentError, match="no question 'qq'"):
        build_model(town, nothing, as_of=AS_OF, now=AS_OF)


def test_people_like_a_seed_are_asked_for_by_score(town: Stores) -> None:
    wanted = model(name="like-second", type="look_alikes", audience="second")
    built = build_model(town, wanted, as_of=AS_OF, now=AS_OF)
    assert isinstance(built.model, LookAlikes)
    assert built.excluded == ("trait:kind",)
    assert built.model.tells
    assert publish_built(town, built, as_of=AS_OF, now=AS_OF) == 330
    assert publish_built(town, built, as_of=AS_OF, now=AS_OF) == 0
    again = apply_kept(town, wanted, as_of=AS_OF)
    assert again.people is not None
    assert again.people.equals(built.people)
    second = ids(town, {"segment": "second"})
    like = ids(town, {"score": "like-second", "above": 0})
    assert len(like & second) > 0.9 * len(like | second)
    assert "Size against likeness" in model_html(
        built, as_of=AS_OF, now=AS_OF, timezone="UTC", currency="GBP"
    )


def test_a_card_looks_ahead_without_seeing_ahead(town: Stores) -> None:
    won = segment("won", {"trait": "won", "is": "yes"})
    definitions.apply(town.control, [won], by="test", now=day(3))
    drinkers = ids(town, {"trait": "drink", "is": "coffee"})
    everybody = [f"person {number}" for number in range(330)]
    coffee = [person for person in everybody if origin(town, person) in drinkers]
    add_traits(
        town,
        [{"customer": who, "name": "won", "value": "yes", "set_at": day(25)} for who in coffee],
    )
    wanted = model(name="won", type="score_card", target="won", look_ahead="10d")
    built = build_model(town, wanted, as_of=AS_OF, now=AS_OF)
    assert isinstance(built.model, ScoreCard)
    assert "trait:won" not in {weight.name for weight in built.model.weights}
    assert "trait:drink" in built.model.columns
    assert built.model.judged.auc > 0.99
    assert built.model.as_of == day(20)
    assert "The card" in model_html(built, as_of=AS_OF, now=AS_OF, timezone="UTC", currency="GBP")
    other = model(name="won", type="look_alikes", audience="won")
    with pytest.raises(SegmentError, match="another kind"):
        build_model(town, other, as_of=AS_OF, now=AS_OF)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"type": "clusters", "survey": "x"}, "survey means nothing for clusters"),
        ({"type": "latent_classes"}, "latent_classes needs: survey"),
        ({"type": "look_alikes"}, "look_alikes needs: audience"),
        ({"type": "advocacy"}, "advocacy needs: survey"),
        ({"type": "micro_segments", "columns": ["orders"]}, "columns means nothing for"),
        ({"type": "micro_segments", "fewest": 3}, "greater than or equal to 10"),
        ({"type": "clusters", "columns": ["ordrs"]}, "there is no such feature"),
        (
            {"type": "clusters", "method": "hdbscan", "groups": 3},
            "finds the number of groups itself",
        ),
    ],
)
def test_a_wrong_definition_is_refused_in_words(fields: dict[str, object], told: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        model(name="x", **fields)
    assert told in str([str(fault) for fault in caught.value.faults])


def test_an_unknown_trait_is_told_with_those_that_there_are(town: Stores) -> None:
    wanted = model(name="x", type="clusters", among="everybody", columns=["trait:agee"])
    special = model(name="x", type="clusters", among="everybody", columns=["trait:religion"])
    with pytest.raises(SegmentError, match="a special category of data"):
        build_model(town, special, as_of=AS_OF, now=AS_OF)
    with pytest.raises(SegmentError, match="Did you mean 'age'"):
        build_model(town, wanted, as_of=AS_OF, now=AS_OF)


@pytest.mark.parametrize(
    "fields",
    [
        {"type": "micro_segments", "response": "revenue", "horizon": "36500d"},
        {"type": "score_card", "target": "drinkers", "look_ahead": "36500d"},
    ],
)
def test_a_span_that_leaves_the_calendar_is_refused_in_words(
    town: Stores, fields: dict[str, str]
) -> None:
    rule = {"trait": "drink", "exists": True}
    definitions.apply(
        town.control,
        [check({"kind": "segment", "name": "drinkers", "rule": rule})],
        now=AS_OF,
        by="test",
    )
    early = datetime(50, 1, 1, tzinfo=UTC)
    with pytest.raises(SegmentError, match="give a shorter span"):
        build_model(town, model(name="x", **fields), as_of=early, now=AS_OF)
