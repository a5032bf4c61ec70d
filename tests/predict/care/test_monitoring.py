"""Looking after a model: a planted drift is noticed, what has not changed is not, and what it cannot know yet it says."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from aimwell.definitions.catalogue import check
from aimwell.definitions.kinds.prediction import Prediction
from aimwell.errors import ModelFileError, PredictError
from aimwell.predict.care.caring import train_defined
from aimwell.predict.care.model import SCORES
from aimwell.predict.care.service import compare, monitor
from aimwell.predict.registry import find_model
from aimwell.predict.service import fit_lifetime_value
from aimwell.store.stores import Stores
from shop import day, make_stores
from steady import add_steady

COLUMNS = ["orders_90d", "recency_days", "revenue_90d", "gap_mean_days"]
TRAINED, CHANGED = day(300), 300.0


def prediction(name: str = "buy", **more: object) -> Prediction:
    found = check(
        {"kind": "prediction", "name": name, "horizon": "45d", "columns": COLUMNS, **more}
    )
    assert isinstance(found, Prediction)
    return found


def shop(tmp_path_factory: pytest.TempPathFactory, rate_then: float) -> Stores:
    stores = make_stores(tmp_path_factory.mktemp("shop"), margin_default=0.4)
    add_steady(stores, people=700, days=420, changes_at=CHANGED, rate_then=rate_then)
    train_defined(stores, prediction(), as_of=TRAINED, now=TRAINED)
    return stores


@pytest.fixture(scope="module")
def steady(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    stores = shop(tmp_path_factory, 1.0)
    yield stores
    stores.close()


@pytest.fixture(scope="module")
def shrinking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    """From day 300 on people buy a quarter of what they did."""
    stores = shop(tmp_path_factory, 0.25)
    yield stores
    stores.close()


def test_where_nothing_has_changed_nothing_is_found(steady: Stores) -> None:
    found = monitor(steady, "buy", as_of=day(360))
    assert (found.model, found.verdict) == ("buy@1", "fine")
    assert {one.name for one in found.shifts} == {SCORES, *COLUMNS}
    assert found.shifts[0].name == SCORES
    assert {one.shift for one in found.shifts} == {"none"}
    assert found.realised is not None
    assert not found.realised.worse
    assert not found.realised.off
    assert found.realised.as_of == day(315)
    json.dumps(found.to_dict(), default=str)


def test_a_planted_drift_is_noticed_in_inputs_probabilities_and_level(shrinking: Stores) -> None:
    before = monitor(shrinking, "buy", as_of=day(301))
    assert before.verdict == "fine"  # it has not come yet
    found = monitor(shrinking, "buy", as_of=day(400))
    assert found.verdict == "train it anew"
    shifts = {one.name: one.shift for one in found.shifts}
    assert shifts[SCORES] == shifts["orders_90d"] == "large"
    assert found.realised is not None
    assert found.realised.off
    judged = found.realised.judgement
    assert judged.base_rate.estimate is not None
    assert judged.mean_predicted > 1.4 * judged.base_rate.estimate
    assert found.findings[0].startswith("Its level is off")


def test_what_it_cannot_know_yet_it_says(steady: Stores) -> None:
    found = monitor(steady, "buy", as_of=day(344))
    assert found.realised is None
    assert found.realised_reason == (
        "The first outcomes that it has not seen are complete on 2026-12-12."
    )
    with pytest.raises(PredictError, match="has seen data up to"):
        monitor(steady, "buy", as_of=day(299))


def test_a_newer_version_is_better_after_a_change_and_not_without_one(
    shrinking: Stores, steady: Stores
) -> None:
    for stores, better in ((shrinking, True), (steady, False)):
        entry = train_defined(stores, prediction(), as_of=day(400), now=day(400))
        assert entry.label == "buy@2"
        found = compare(stores, "buy@2", "buy", as_of=day(400))
        assert (found.other, found.as_of) == ("buy@1", day(355))
        if better:
            assert found.better == "buy@2"
            assert (found.extra_loss.upper or 0) < 0
        else:
            assert abs(found.extra_loss.estimate or 1) < 0.02
        turned = compare(stores, "buy@1", "buy@2", as_of=day(400))
        assert turned.extra_loss.estimate == pytest.approx(-(found.extra_loss.estimate or 0))
        assert turned.better == found.better


def test_versions_are_compared_only_on_people_whose_outcomes_neither_has_learnt(
    steady: Stores,
) -> None:
    newer = train_defined(steady, prediction(), as_of=day(400), now=day(400))
    with pytest.raises(PredictError, match="has learnt from what people did until 2026-09-13"):
        compare(steady, "buy@1", newer, as_of=day(299))
    with pytest.raises(PredictError, match="Both are buy@1, so there is nothing to compare"):
        compare(steady, "buy@1", "buy@1", as_of=day(400))
    entry = train_defined(
        steady, prediction("other", among="buyers", horizon="30d"), as_of=TRAINED, now=TRAINED
    )
    with pytest.raises(PredictError, match="different questions"):
        compare(steady, "buy@1", entry, as_of=day(400))


def test_models_of_another_kind_are_not_compared_and_changed_files_are_refused(
    steady: Stores,
) -> None:
    value = fit_lifetime_value(steady, as_of=TRAINED, horizon_days=90, now=TRAINED)
    with pytest.raises(PredictError, match="only models of one kind can be compared"):
        compare(steady, "buy", value.entry, as_of=day(400))
    entry = find_model(steady, "buy")
    path = next(one for one in entry.files if one.startswith("reference/"))
    file = steady.root / "models" / "buy" / "1" / path
    whole = file.read_bytes()
    file.write_bytes(whole.replace(b"1", b"2", 1))
    with pytest.raises(ModelFileError, match="its hash differs"):
        monitor(steady, entry, as_of=day(360))
    file.write_bytes(whole)


def test_versions_of_before_say_what_they_lack(steady: Stores) -> None:
    entry = find_model(steady, "buy")
    older = {path: digest for path, digest in entry.files.items() if "reference" not in path}
    old = type(entry)(
        **{**{name: getattr(entry, name) for name in entry.__slots__}, "files": older}
    )
    with pytest.raises(PredictError, match="Train it anew"):
        monitor(steady, old, as_of=day(360))


@pytest.mark.long
def test_false_alarms_are_as_rare_as_they_should_be(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    # What is counted within a window is spread alike at each moment; means over a life become steadier with its length.
    windows = prediction(columns=["orders_30d", "orders_90d", "revenue_90d"])
    anew, fine = 0, 0
    for seed in range(60):
        stores = make_stores(tmp_path_factory.mktemp("shop"))
        add_steady(stores, people=500, days=420, seed=100 + seed)
        train_defined(stores, windows, as_of=TRAINED, now=TRAINED)
        found = monitor(stores, "buy", as_of=day(400))
        anew += found.verdict == "train it anew"
        fine += found.verdict == "fine"
        stores.close()
    assert anew <= 3
    assert fine >= 50
