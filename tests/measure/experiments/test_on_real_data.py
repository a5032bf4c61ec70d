"""Published experiments from their source definitions to what is said of them, with the figures that are known."""

from __future__ import annotations

from pathlib import Path

import pytest

from aimwell.collect import collect
from aimwell.decide.uplift.assigned import read_assigned
from aimwell.decide.uplift.observing import CAVEAT
from aimwell.decide.uplift.reading import read_observed
from aimwell.decide.uplift.service import uplift_report
from aimwell.definitions.catalogue import check
from aimwell.definitions.kinds.source import Source
from aimwell.definitions.reading import read_documents
from aimwell.history.current import bring_collected_up_to_date
from aimwell.measure.experiments.service import measure_experiment, measure_experiments
from aimwell.store.stores import Stores, create_stores
from collecting import NOW
from command import Run, command_in
from data_folder import data_path

EXAMPLES = Path(__file__).resolve().parents[3] / "examples" / "sources"


def collected(folder: Path, file: str, *names: str, timezone: str = "UTC") -> Stores:
    """A workspace with these sources, whose files lie where `file` does."""
    root = data_path(file).parent
    stores = create_stores(folder / "shop", currency="USD", timezone=timezone)
    for name in names:
        [source] = [check(one.body) for one in read_documents([EXAMPLES / f"{name}.yaml"])]
        assert isinstance(source, Source)
        collect(stores, source, root=root, now=NOW)
    bring_collected_up_to_date(stores, now=NOW)
    return stores


def test_restaurants_are_the_units_of_the_fast_food_promotion(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stores = collected(tmp_path, "fast-food-promotion/WA_Marketing-Campaign.csv", "fast-food")
    found = measure_experiment(stores, "fast-food", now=NOW)
    assert found.groups_by == "restaurant"
    assert [one.groups for one in found.arms] == [43, 47, 47]
    assert [one.mean for one in found.arms] == pytest.approx([58.10, 47.33, 55.36], abs=0.005)
    assert found.split.mismatch is False
    for one in found.comparisons:
        right, wrong = one.difference, one.independent
        assert wrong is not None
        assert right.estimate == pytest.approx(wrong.estimate)
        assert right.upper is not None
        assert right.lower is not None
        assert wrong.upper is not None
        assert wrong.lower is not None
        assert right.upper - right.lower > 1.8 * (wrong.upper - wrong.lower)
    first, second, third = found.comparisons
    assert (first.arm, first.against) == ("promotion 2", "promotion 1")
    assert first.difference.excludes_zero
    assert not second.difference.excludes_zero
    assert third.p_adjusted is not None
    assert third.p_adjusted < 0.05
    stores.close()
    run: Run = command_in(tmp_path, monkeypatch, capsys)
    told = run("measure", "experiment", "fast-food", "--cluster", "none", "-w", "shop")
    assert "restaurant" not in told.out
    told = run("measure", "experiment", "fast-food", "--against", "promotion 1", "-w", "shop")
    assert "wrong: as if independent" in told.out
    assert "not to the 548 people" in told.out + told.err


@pytest.mark.long
def test_the_mistakes_of_the_landing_page_test_are_found_and_counted(tmp_path: Path) -> None:
    stores = collected(tmp_path, "landing-page-ab-test/ab_data.csv.gz", "landing-page")
    found = measure_experiment(stores, "landing-page", now=NOW)
    assert found.people == 290_584
    assert [(one.arm, one.seen, one.times) for one in found.contradictions] == [
        ("control", "treatment", 1_928),
        ("treatment", "control", 1_965),
    ]
    assert (found.crossed, found.contradicted_people) == (1_895, 3_893)
    assert found.split.mismatch is False
    [one] = found.comparisons
    assert one.difference.excludes_zero is False
    assert one.uncontradicted is not None
    # Without the visits that do not fit others found 12.04 % and 11.88 %; here their people go too.
    assert one.uncontradicted.estimate == pytest.approx(0.1188 - 0.1204, abs=2e-4)
    assert one.uncontradicted.covers(0.1188 - 0.1204)
    assert "We cannot tell" in found.sentence
    assert one.reached is not None
    assert one.reached.reached_more.estimate == pytest.approx(0.986, abs=0.001)
    stores.close()


@pytest.mark.long
def test_each_wave_of_the_rewards_programme_is_an_experiment(tmp_path: Path) -> None:
    stores = collected(
        tmp_path,
        "starbucks-rewards/transcript.json.gz",
        *("starbucks", "starbucks-waves"),
        timezone="America/Los_Angeles",
    )
    waves = [f"wave-{number}" for number in range(1, 7)]
    found = measure_experiments(
        stores, waves, now=NOW, horizon_days=3.0, reached="Offer Viewed", outcome="revenue"
    )
    for one in found.experiments:
        assert one.people == 17_000
        assert [arm.arm for arm in one.arms] == ["control", "bogo", "discount", "informational"]
        assert one.split.mismatch is False
        assert one.crossed == 0
        assert one.groups_by is None
        treated = one.comparisons[0]
        assert treated.reached is not None
        assert treated.reached.effect.defined
    assert [(one.arm, one.pooled.count) for one in found.pooled] == [
        ("bogo", 6),
        ("discount", 6),
        ("informational", 6),
    ]
    assert all(one.pooled.mean.excludes_zero for one in found.pooled)
    stores.close()


@pytest.mark.long
def test_sending_the_starbucks_promotion_to_all_loses_money_from_the_definition_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stores = collected(
        tmp_path, "starbucks-promotion-experiment/training.csv.gz", "starbucks-promotion"
    )
    found = measure_experiment(stores, "starbucks-promotion", now=NOW)
    assert [one.people for one in found.arms] == [42_170, 42_364]
    assert found.comparisons[0].difference.estimate == pytest.approx(0.00945, abs=5e-6)
    assigned = read_assigned(stores, "starbucks-promotion", now=NOW)
    treated = assigned.labels != "control"
    bought = assigned.outcomes["purchase"]
    everybody = 10 * (bought[treated].sum() - bought[~treated].sum()) - 0.15 * treated.sum()
    assert everybody == pytest.approx(-2_334.60)
    stores.close()
    run: Run = command_in(tmp_path, monkeypatch, capsys)
    told = run(
        *("decide", "policy", "starbucks-promotion", "--outcome", "purchase", "--worth", 10),
        *("--contact-cost", 0.15, "--no-trees", "--repeats", 1, "-w", "shop", "--json"),
    )
    assert told.json["choice"]["best_constant"] == "nobody"
    assert told.json["choice"]["verdict"] == "personalise"


@pytest.mark.long
def test_coupons_that_went_to_chosen_households_keep_the_caveat(tmp_path: Path) -> None:
    stores = collected(
        tmp_path,
        "complete-journey/campaigns.parquet",
        "complete-journey",
        timezone="America/New_York",
    )
    read = read_observed(stores, "8", now=NOW, horizon_days=30)
    assert not read.data.randomised
    assert read.data.cautions[0] == CAVEAT
    assert read.overlap is not None
    assert (read.overlap.balance[0].before or 0) > 0.9
    assert abs(read.overlap.balance[0].after or 0) < 0.2
    found = uplift_report(read.data, "revenue", learners=["dr"])
    assert found.effect.covers(1.1)
    assert "median of 21 cross-fittings" in found.effect.method
    # How people are dealt hangs on the workspace's key. Over 60 orders of people two seeds lay apart by 0.093 (standard deviation), 0.346 at the
    # most, and in one of seven it was said that it can be told whom it moves; so of that nothing is held here.
    again = uplift_report(
        read_observed(stores, "8", now=NOW, horizon_days=30, seed=1).data,
        "revenue",
        learners=["dr"],
    )
    assert again.effect.estimate == pytest.approx(found.effect.estimate, abs=5 * 0.093)
    stores.close()
