"""The registry: versions count up, files are checked before they are read, killed attempts leave no trace."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from aimwell.errors import ModelFileError, PredictError
from aimwell.predict.bgnbd import BgNbd
from aimwell.predict.gamma_gamma import GammaGamma
from aimwell.predict.registry import (
    RegisteredModel,
    find_model,
    list_models,
    load_part,
    promote,
    promotions,
    register_model,
    usual_name,
)
from aimwell.store.schema import metadata
from aimwell.store.stores import Stores
from aimwell.version import VERSION
from shop import make_stores

NOW = datetime(2026, 3, 1, tzinfo=UTC)
BUYING = BgNbd(r_=0.243, alpha_=4.414, a_=0.793, b_=2.426)
SPENDING = GammaGamma(p_=6.25, q_=3.74, v_=15.45)


@pytest.fixture
def stores(tmp_path: Path, control_url: str) -> Iterator[Stores]:
    opened = make_stores(tmp_path, control_url)
    yield opened
    opened.close()


@pytest.fixture
def lite(tmp_path: Path) -> Iterator[Stores]:
    opened = make_stores(tmp_path)
    yield opened
    opened.close()


def register(stores: Stores, name: str = "value", **more: Any) -> RegisteredModel:
    asked: dict[str, Any] = {
        "name": name,
        "kind": "lifetime_value",
        "as_of": NOW,
        "settings": {"horizon_days": 365},
        "metrics": {"share": 1 / 3, "at": NOW, "none": None, "pair": (1, 2)},
        "lake_versions": {"orders": 4},
        "trained_at": NOW,
    }
    return register_model(stores, {"buying": BUYING, "spending": SPENDING}, **{**asked, **more})


def test_a_model_comes_back_as_it_was_registered(stores: Stores) -> None:
    made = register(stores)
    assert made.label == "value@1"
    assert find_model(stores, "value") == find_model(stores, "value@1") == made
    assert made.metrics["share"] == 1 / 3
    assert load_part(stores, made, "buying", BgNbd) == BUYING
    assert load_part(stores, made, "spending", GammaGamma) == SPENDING
    assert set(made.files) == {"buying/model.json", "spending/model.json"}


def test_versions_count_up_for_each_name(stores: Stores) -> None:
    made = [register(stores, name, anew=True) for name in ("value", "other", "value")]
    assert [one.label for one in made] == ["value@1", "other@1", "value@2"]
    assert [one.label for one in list_models(stores)] == ["other@1", "value@2", "value@1"]
    assert find_model(stores, "value").version == 2


def test_what_the_newest_version_is_already_makes_no_new_one(stores: Stores) -> None:
    first = register(stores)
    later = {"trained_at": NOW + timedelta(days=1), "lake_versions": {"orders": 5}}
    assert register(stores, **later) == first
    assert list_models(stores) == (first,)
    assert sorted(one.name for one in (stores.root / "models" / "value").iterdir()) == ["1"]


@pytest.mark.parametrize(
    "change",
    [
        {"as_of": NOW + timedelta(days=1)},
        {"settings": {"horizon_days": 365, "seed": 2}},
        {"metrics": {"share": 0.3}},
        {"anew": True},
    ],
    ids=lambda change: next(iter(change)),
)
def test_whatever_is_another_is_a_new_version(lite: Stores, change: dict[str, Any]) -> None:
    register(lite)
    assert register(lite, **change).version == 2


def test_other_code_makes_a_new_version(lite: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    assert register(lite).metrics["code"] == VERSION
    monkeypatch.setattr("aimwell.predict.registry.VERSION", "999.0")
    assert register(lite).label == "value@2"


def test_only_the_newest_version_is_taken_for_the_same(lite: Stores) -> None:
    register(lite)
    register(lite, metrics={"share": 0.3})
    assert register(lite).label == "value@3"


def test_a_version_whose_files_were_lost_is_trained_anew(lite: Stores) -> None:
    first = register(lite)
    (lite.root / "models" / "value" / "1" / "buying" / "model.json").unlink()
    again = register(lite)
    assert (again.label, again.files) == ("value@2", first.files)
    assert load_part(lite, again, "buying", BgNbd) == BUYING


def test_a_file_that_was_changed_is_refused_unread(lite: Stores) -> None:
    made = register(lite)
    file = lite.root / "models" / "value" / "1" / "buying" / "model.json"
    file.write_bytes(file.read_bytes().replace(b"0.243", b"0.999"))
    with pytest.raises(ModelFileError, match="is not the one that was saved"):
        load_part(lite, made, "buying", BgNbd)
    assert load_part(lite, made, "spending", GammaGamma) == SPENDING
    file.unlink()
    with pytest.raises(ModelFileError, match="cannot be read"):
        load_part(lite, made, "buying", BgNbd)


def test_a_part_of_another_kind_or_name_is_refused(lite: Stores) -> None:
    made = register(lite)
    with pytest.raises(ModelFileError, match="holds a BgNbd, not a GammaGamma"):
        load_part(lite, made, "buying", GammaGamma)
    with pytest.raises(ModelFileError, match=r"needs the file model\.json"):
        load_part(lite, made, "selling", BgNbd)


def test_what_a_killed_attempt_left_is_overwritten(lite: Stores) -> None:
    left = lite.root / "models" / "value" / "1" / "buying"
    left.mkdir(parents=True)
    (left / "model.json").write_text("half")
    (left / "trees.txt").write_text("of another model")
    made = register(lite)
    assert load_part(lite, made, "buying", BgNbd) == BUYING
    assert not (left / "trees.txt").exists()


def test_an_attempt_that_fails_leaves_the_registry_as_it_was(
    lite: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = register(lite)

    def fails(*_args: Any) -> dict[str, str]:
        raise OSError("killed")

    with monkeypatch.context() as patch:
        patch.setattr("aimwell.predict.registry.save_model", fails)
        with pytest.raises(OSError, match="killed"):
            register(lite)
    assert list_models(lite) == (first,)
    assert register(lite, anew=True).label == "value@2"
    assert load_part(lite, first, "buying", BgNbd) == BUYING


def test_a_name_stands_for_one_question(lite: Stores) -> None:
    register(lite)
    with pytest.raises(PredictError, match=r"horizon_days 365.*horizon_days 30"):
        register(lite, settings={"horizon_days": 30})
    with pytest.raises(PredictError, match="stands for another model"):
        register(lite, kind="propensity")
    assert register(lite, settings={"horizon_days": 365, "seed": 7}).version == 2


@pytest.mark.parametrize("name", ["", "Buy", "a/b", "..", "-a", "a@1", "a" * 64, "a b", "ä"])
def test_a_name_that_is_no_folder_is_refused(lite: Stores, name: str) -> None:
    with pytest.raises(PredictError, match="cannot be the name of a model"):
        register(lite, name)
    assert not (lite.root / "models").exists()


def test_who_asks_for_an_unknown_model_hears_of_the_known_ones(lite: Stores) -> None:
    with pytest.raises(PredictError, match=r"None is known yet\. Train one"):
        find_model(lite, "value")
    register(lite)
    with pytest.raises(PredictError, match="Did you mean 'value'"):
        find_model(lite, "valu")
    for name in ("value@2", "value@x", "value@99999999999"):
        with pytest.raises(PredictError, match="has no version"):
            find_model(lite, name)


def test_models_of_other_stages_are_listed_too(stores: Stores) -> None:
    register(stores)
    with stores.control.begin() as connection:
        connection.execute(
            sa.insert(metadata.tables["models"]).values(
                name="clusters",
                version=1,
                kind="clusters",
                as_of=NOW,
                settings={},
                metrics={},
                files={},
                lake_versions={},
                trained_at=NOW,
            )
        )
    assert [one.name for one in list_models(stores)] == ["clusters", "value"]


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("buy", "buy-90d"),
        ("Product Viewed", "product-viewed-90d"),
        ("  Añadir/al carrito! ", "a-adir-al-carrito-90d"),
        ("検索", "event-90d"),
        ("x" * 99, "x" * 50 + "-90d"),
    ],
)
def test_the_usual_name_can_be_a_name(lite: Stores, words: str, name: str) -> None:
    assert usual_name(words, 90) == name
    assert register(lite, name).name == name


def test_the_bare_name_means_the_version_that_was_promoted_last(stores: Stores) -> None:
    first = register(stores)
    second = register(stores, metrics={"share": 1 / 4})
    assert find_model(stores, "value") == second  # of none that was promoted, the newest
    assert promotions(stores, "value") == ()
    later = NOW + timedelta(days=1)
    promote(stores, first, by="ann", reason="the newer one is worse", now=later)
    assert find_model(stores, "value") == first
    assert find_model(stores, "value@2") == second
    third = register(stores, metrics={"share": 1 / 5})
    assert find_model(stores, "value") == first  # however many are trained since
    promote(stores, third, by="bob", reason="better", now=later + timedelta(days=1))
    assert find_model(stores, "value") == third
    assert [(one.version, one.promoted_by) for one in promotions(stores, "value")] == [
        (1, "ann"),
        (3, "bob"),
    ]
    assert find_model(stores, "value") != find_model(stores, register(stores, "other").name)
