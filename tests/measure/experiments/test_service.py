"""An experiment in the lake, from its assignments to the sentence: what does not fit is found, counted and said."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from aimwell.errors import AimwellError, DecideError, MeasureError
from aimwell.measure.experiments.service import measure_experiment, measure_experiments
from aimwell.measure.experiments.words import adjusted_words
from aimwell.store.stores import Stores
from imported import assign, report
from shop import add_orders, add_people, add_touches, add_traits, day, make_stores, merge_people

NOW = day(90)
PEOPLE = 240
NAMES = [f"c{n}" for n in range(PEOPLE)]


@pytest.fixture
def stores(tmp_path: Path) -> Stores:
    """People of 24 shops, ten each."""
    made = make_stores(tmp_path)
    add_people(made, [{"customer": name, "seen_at": day(1)} for name in NAMES])
    add_traits(
        made,
        [
            {"customer": name, "name": "shop", "value": f"s{n // 10}"}
            for n, name in enumerate(NAMES)
        ],
    )
    return made


def run(
    stores: Stores,
    name: str = "mail",
    *,
    mailed: Callable[[int], bool] = lambda n: n % 2 == 1,
    adds: float = 5.0,
    at: float = 30,
    **more: object,
) -> None:
    """An experiment that adds so much to what each spends; `more` goes to the assignments."""
    rng = np.random.default_rng(3)
    assign(
        stores,
        [
            {
                "customer": one,
                "experiment": name,
                "arm": "letter" if mailed(n) else "control",
                "probability": 0.5,
                "assigned_at": day(at),
                **more,
            }
            for n, one in enumerate(NAMES)
        ],
    )
    spend = 20 + rng.standard_normal(PEOPLE)
    report(
        stores,
        name,
        {one: spend[n] + adds * mailed(n) for n, one in enumerate(NAMES)},
        observed_at=day(at + 14),
    )


def measured(stores: Stores) -> None:
    """A trait of three values."""
    sizes = [{"customer": one, "name": "size", "value": "SML"[n * n % 3]} for n, one in enumerate(NAMES)]  # fmt: skip
    add_traits(stores, sizes)


def test_what_a_letter_added_is_found_with_its_interval(stores: Stores) -> None:
    run(stores)
    found = measure_experiment(stores, "mail", now=NOW)
    [one] = found.comparisons
    assert one.difference.covers(5.0)
    assert found.split.mismatch is False
    assert found.groups_by is None
    assert found.cautions == ()
    assert found.sentence.startswith("'letter' added to spend: +")
    assert found.to_dict()["comparisons"][0]["difference"]["estimate"] == one.difference.estimate


def test_nothing_is_said_to_be_unknown_and_not_nothing(stores: Stores) -> None:
    run(stores, adds=0.0)
    assert measure_experiment(stores, "mail", now=NOW).sentence.startswith("We cannot tell: ")


def test_shops_that_were_assigned_whole_are_seen_without_being_told(stores: Stores) -> None:
    run(stores, mailed=lambda n: n // 10 % 2 == 1)
    found = measure_experiment(stores, "mail", now=NOW)
    assert found.groups_by == "shop"
    assert [one.groups for one in found.arms] == [12, 12]
    assert found.split.counts == {"control": 12, "letter": 12}
    assert found.comparisons[0].independent is not None
    assert any("not to the 240 people" in words for words in found.cautions)
    plain = measure_experiment(stores, "mail", now=NOW, cluster="none")
    assert plain.groups_by is None
    wrong = found.comparisons[0].independent
    assert wrong is not None
    assert plain.comparisons[0].difference.estimate == pytest.approx(wrong.estimate)


def test_a_page_of_the_other_arm_and_a_person_in_both_arms_are_counted(stores: Stores) -> None:
    run(stores)
    shown = [
        {
            "customer": name,
            "event": "Page Viewed",
            "occurred_at": day(31),
            "campaign": "mail",
            "action": ("control", "letter")[(n % 2) ^ (n < 6)],
        }
        for n, name in enumerate(NAMES)
    ]
    add_touches(stores, shown)
    both = [
        {"customer": name, "experiment": "mail", "arm": "letter", "probability": 0.5}
        for name in ("c8", "c10")
    ]
    assign(stores, [{**one, "assigned_at": day(33)} for one in both])
    found = measure_experiment(stores, "mail", now=NOW)
    assert [(one.arm, one.seen, one.people, one.times) for one in found.contradictions] == [
        ("control", "letter", 3, 3),
        ("letter", "control", 3, 3),
    ]
    assert (found.crossed, found.contradicted_people) == (2, 8)
    [one] = found.comparisons
    assert one.uncontradicted is not None
    assert one.reached is not None
    assert one.reached.reached_more.estimate == pytest.approx(117 / 120 - 3 / 120)
    assert sum(arm.people for arm in found.arms) == PEOPLE


def test_an_event_can_tell_whom_an_arm_reached(stores: Stores) -> None:
    run(stores)
    add_touches(
        stores,
        [
            {"customer": name, "event": "Letter Opened", "occurred_at": day(when)}
            for name, when in (*((one, 31) for one in NAMES[1:121:2]), ("c0", 29), ("c2", 60))
        ],
    )
    [one] = measure_experiment(stores, "mail", now=NOW, reached="Letter Opened").comparisons
    assert one.reached is not None
    assert one.reached.reached_more.estimate == pytest.approx(0.5)
    with pytest.raises(MeasureError, match="happened to nobody"):
        measure_experiment(stores, "mail", now=NOW, reached="Letter Eaten")


def test_what_was_known_before_is_taken_off_where_it_is_asked_for(stores: Stores) -> None:
    run(stores)
    measured(stores)
    plain = measure_experiment(stores, "mail", now=NOW)
    assert plain.adjusted_for == ()
    assert plain.comparisons[0].adjustment is None
    found = measure_experiment(stores, "mail", now=NOW, adjust=["trait:size"])
    assert found.adjusted_for == ("trait:size=M", "trait:size=S")
    [one] = found.comparisons
    assert one.adjustment is not None
    assert one.adjustment.active
    assert one.unadjusted == plain.comparisons[0].difference
    assert "trait:size=M" in (adjusted_words(found) or "")
    assert adjusted_words(plain) is None
    with pytest.raises(AimwellError, match="size"):
        measure_experiment(stores, "mail", now=NOW, adjust=["trait:sise"])


def test_the_shops_that_were_assigned_are_not_taken_off_themselves(stores: Stores) -> None:
    run(stores, mailed=lambda n: n // 10 % 4 == 1)
    measured(stores)
    found = measure_experiment(stores, "mail", now=NOW, adjust=["trait:shop", "trait:size"])
    assert found.groups_by == "shop"
    assert not any("shop" in name for name in found.adjusted_for)
    assert any("Nothing of what was known before" in words for words in found.cautions)


def test_who_was_unknown_before_they_were_assigned_bought_all_the_same(tmp_path: Path) -> None:
    fresh = make_stores(tmp_path / "fresh")
    orders = [
        {"customer": name, "order_id": name, "ordered_at": day(31), "revenue": 10 + n % 3 + n % 2}
        for n, name in enumerate(NAMES)
    ]
    add_orders(fresh, orders)
    assign(
        fresh,
        [
            {
                "customer": name,
                "experiment": "first",
                "arm": ("control", "letter")[n % 2],
                "probability": 0.5,
            }
            for n, name in enumerate(NAMES)
        ],
    )
    found = measure_experiment(fresh, "first", now=NOW, outcome="revenue")
    assert [one.mean for one in found.arms] == pytest.approx([11.0, 12.0])
    fresh.close()


def test_a_broken_split_comes_before_the_result(stores: Stores) -> None:
    run(stores, mailed=lambda n: n % 4 == 1)
    found = measure_experiment(stores, "mail", now=NOW)
    assert found.split.mismatch
    assert found.sentence.startswith("Do not believe this yet")
    assert found.cautions[0] == found.split.message


def test_waves_of_one_kind_are_pooled(stores: Stores) -> None:
    for number in (1, 2, 3):
        run(stores, f"wave-{number}", mailed=lambda n, k=number: (n // k) % 2 == 1, at=14 * number)  # type: ignore[misc]
    found = measure_experiments(stores, ["wave-1", "wave-2", "wave-3"], now=NOW)
    [one] = found.pooled
    assert one.experiments == ("wave-1", "wave-2", "wave-3")
    assert one.pooled.mean.covers(5.0)
    assert one.pooled.next.defined


def test_experiments_at_once_are_told_apart_or_not(stores: Stores) -> None:
    run(stores)
    run(stores, "same", at=32)
    run(stores, "other", mailed=lambda n: n // 2 % 2 == 1, at=33)
    run(stores, "later", at=50)
    told = measure_experiment(stores, "mail", now=NOW).cautions
    assert len(told) == 2
    assert "'other' meanwhile; arms of both were given independently" in told[0]
    assert "'same' meanwhile, and the arms of both go together" in told[1]


def test_people_merged_after_they_were_assigned_count_once(stores: Stores) -> None:
    run(stores)
    merge_people(stores, ["c0", "c1"])
    found = measure_experiment(stores, "mail", now=NOW)
    assert (found.people, found.crossed) == (PEOPLE - 1, 1)


def test_names_that_are_not_there_are_told_with_those_that_are(stores: Stores) -> None:
    run(stores)
    with pytest.raises(DecideError, match="'mail'"):
        measure_experiment(stores, "male", now=NOW)
    with pytest.raises(MeasureError, match="'spend'"):
        measure_experiment(stores, "mail", now=NOW, outcome="spent")
    with pytest.raises(MeasureError, match="'letter'"):
        measure_experiment(stores, "mail", now=NOW, against="leter")
    with pytest.raises(MeasureError, match="'shop'"):
        measure_experiment(stores, "mail", now=NOW, cluster="shp")
    with pytest.raises(MeasureError, match="in several arms"):
        measure_experiment(stores, "mail", now=NOW, cluster="shop")


def test_an_outcome_beyond_all_reckoning_is_refused_in_words(stores: Stores) -> None:
    run(stores, adds=1e300)
    with pytest.raises(MeasureError, match=r"reaches 1e\+300, which no person can have"):
        measure_experiment(stores, "mail", now=NOW)
