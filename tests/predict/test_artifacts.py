"""Stored models: they come back equal, and whatever was touched is refused before it is read."""

from __future__ import annotations

import errno
import hashlib
import json
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from aimwell.errors import ModelFileError, StorageFullError
from aimwell.predict import artifacts
from aimwell.predict.artifacts import MANIFEST, TREES, load_model, save_model
from aimwell.predict.base_rates import BaseRates
from aimwell.predict.bgnbd import BgNbd
from aimwell.predict.calibration import fit_calibrator
from aimwell.predict.gamma_gamma import GammaGamma, fit_gamma_gamma
from aimwell.predict.laws import LAWS, Law, fit_law
from aimwell.predict.learners import learners
from aimwell.predict.propensity import PropensityModel
from aimwell.predict.spend import SpendModel, fit_spend
from aimwell.predict.tables import FeatureTable
from aimwell.predict.trees import TreesScorer

MOMENT = datetime(2026, 1, 1, 6, 30, tzinfo=UTC)
QUARTER = timedelta(days=90)
NAMES = ("récence en jours", "spend [€]", 'a "quoted", name: {}')


def people() -> FeatureTable:
    rng = np.random.default_rng(4)
    values = rng.lognormal(0, 1, (3000, 3))
    values[rng.random(3000) < 0.2, 1] = np.nan
    happened = rng.random(3000) < 1 / (1 + np.exp(1 - values[:, 0]))
    return FeatureTable(NAMES, values, MOMENT, QUARTER, happened)


@pytest.fixture(
    scope="module", params=["base rate by recency", "logistic regression", "boosted trees"]
)
def propensity(request: pytest.FixtureRequest) -> PropensityModel:
    table = people()
    learner = next(row for row in learners(0) if row.name == request.param)
    scorer = learner.fit(table.values, table.happened)
    method = "isotonic" if request.param == "boosted trees" else "sigmoid"
    calibrator = fit_calibrator(scorer.score(table.values), table.happened, method=method)
    return PropensityModel(request.param, NAMES, QUARTER, MOMENT, scorer, calibrator)


@pytest.fixture
def trees(tmp_path: Path) -> tuple[Path, dict[str, str]]:
    table = people()
    scorer = learners(0)[2].fit(table.values, table.happened)
    assert isinstance(scorer, TreesScorer)
    calibrator = fit_calibrator(scorer.score(table.values), table.happened)
    model = PropensityModel("boosted trees", NAMES, QUARTER, MOMENT, scorer, calibrator)
    folder = tmp_path / "model é#1"
    return folder, save_model(model, folder)


def test_a_propensity_comes_back_equal_and_scores_equally(
    propensity: PropensityModel, tmp_path: Path
) -> None:
    hashes = save_model(propensity, tmp_path / "v1")
    back = load_model(tmp_path / "v1", PropensityModel, hashes=hashes)
    assert back == propensity
    assert (back.predict(people()) == propensity.predict(people())).all()


def test_models_of_buying_come_back_equal(cdnow, cdnow_model: BgNbd, tmp_path: Path) -> None:
    spending = fit_gamma_gamma(cdnow.history)
    buying_hashes = save_model(cdnow_model, tmp_path / "buying")
    spending_hashes = save_model(spending, tmp_path / "spending")
    assert load_model(tmp_path / "buying", BgNbd, hashes=buying_hashes) == cdnow_model
    assert load_model(tmp_path / "spending", GammaGamma, hashes=spending_hashes) == spending


@pytest.mark.parametrize("law", list(LAWS))
def test_every_law_of_buying_comes_back_equal_and_touched_is_refused(
    cdnow, law: Law, tmp_path: Path
) -> None:
    model = fit_law(cdnow.history, law)
    hashes = save_model(model, tmp_path / "v1")
    assert load_model(tmp_path / "v1", LAWS[law], hashes=hashes) == model
    manifest = tmp_path / "v1" / MANIFEST
    manifest.write_bytes(manifest.read_bytes().replace(b"1", b"2", 1))
    with pytest.raises(ModelFileError, match="its hash differs"):
        load_model(tmp_path / "v1", LAWS[law], hashes=hashes)


def test_a_learnt_spend_comes_back_equal(tmp_path: Path) -> None:
    table = people()
    revenue = np.where(table.happened, 10 * table.values[:, 0], 0.0)
    model = fit_spend(table, revenue)
    hashes = save_model(model, tmp_path / "v1")
    assert sorted(hashes) == [MANIFEST, TREES]
    back = load_model(tmp_path / "v1", SpendModel, hashes=hashes)
    assert back == model
    assert (back.predict(table) == model.predict(table)).all()


def test_the_hashes_are_those_of_the_files(trees: tuple[Path, dict[str, str]]) -> None:
    folder, hashes = trees
    assert sorted(hashes) == [MANIFEST, TREES] == sorted(file.name for file in folder.iterdir())
    for name, told in hashes.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == told


@pytest.mark.parametrize("name", [MANIFEST, TREES])
@pytest.mark.parametrize("change", ["flip", "cut", "grow", "empty"])
def test_a_touched_file_is_refused_and_not_read(
    trees: tuple[Path, dict[str, str]], name: str, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, hashes = trees
    content = bytearray((folder / name).read_bytes())
    if change == "flip":
        content[len(content) // 2] ^= 1
    touched = {"cut": content[:-1], "grow": content + b"\n", "empty": b""}.get(change, content)
    (folder / name).write_bytes(bytes(touched))

    def parsed(files: object) -> None:
        raise AssertionError("It was parsed.")

    monkeypatch.setattr(artifacts, "_read", parsed)
    with pytest.raises(ModelFileError, match=rf"{name} of the model .* its hash differs"):
        load_model(folder, PropensityModel, hashes=hashes)


def test_tampered_trees_would_end_the_process_and_are_refused_instead(
    trees: tuple[Path, dict[str, str]],
) -> None:
    """In a process of its own: were the text parsed, that process would be gone."""
    folder, hashes = trees
    text = (folder / TREES).read_text()
    (folder / TREES).write_text(text.replace("num_leaves=15", "num_leaves=99999", 1))
    script = (
        "import json, sys; from pathlib import Path\n"
        "from aimwell.errors import ModelFileError\n"
        "from aimwell.predict.artifacts import load_model\n"
        "from aimwell.predict.propensity import PropensityModel\n"
        "try: load_model(Path(sys.argv[1]), PropensityModel, hashes=json.loads(sys.argv[2]))\n"
        "except ModelFileError as error: print('refused:', error)\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", script, str(folder), json.dumps(hashes)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert (run.returncode, run.stdout[:8]) == (0, "refused:"), run.stderr


def test_a_missing_file_and_a_missing_folder_are_refused(
    trees: tuple[Path, dict[str, str]],
) -> None:
    folder, hashes = trees
    (folder / TREES).unlink()
    with pytest.raises(ModelFileError, match=r"trees.txt .* cannot be read \(No such file"):
        load_model(folder, PropensityModel, hashes=hashes)
    with pytest.raises(ModelFileError, match="cannot be read"):
        load_model(folder / "absent", PropensityModel, hashes=hashes)


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "other.json", ""])
def test_a_file_that_is_none_of_a_model_s_is_refused_by_name(
    trees: tuple[Path, dict[str, str]], name: str
) -> None:
    folder, hashes = trees
    with pytest.raises(ModelFileError, match="is not a file of a model"):
        load_model(folder, PropensityModel, hashes={**hashes, name: "0"})


def test_hashes_of_other_files_than_the_model_needs_are_refused(
    trees: tuple[Path, dict[str, str]], tmp_path: Path
) -> None:
    folder, hashes = trees
    with pytest.raises(ModelFileError, match="do not fit together"):
        load_model(folder, PropensityModel, hashes={MANIFEST: hashes[MANIFEST]})
    with pytest.raises(ModelFileError, match=r"needs the file model\.json"):
        load_model(folder, PropensityModel, hashes={TREES: hashes[TREES]})
    with pytest.raises(ModelFileError, match=r"needs the file model\.json"):
        load_model(folder, PropensityModel, hashes={})


def test_another_kind_of_model_is_refused(published: BgNbd, tmp_path: Path) -> None:
    hashes = save_model(published, tmp_path / "v1")
    with pytest.raises(ModelFileError, match="holds a BgNbd, not a GammaGamma"):
        load_model(tmp_path / "v1", GammaGamma, hashes=hashes)


@pytest.mark.parametrize(
    "content",
    [
        b"not json",
        b"[1]",
        b'{"format": 1, "kind": "bgnbd", "model": {"r_": "0.2"}}',
        b'{"format": 1, "kind": "bgnbd", "model": {"r_": null, "alpha_": 1, "a_": 1, "b_": 1}}',
        b'{"format": 2, "kind": "bgnbd", "model": {}}',
        b'{"format": 1, "kind": "pickle", "model": {}}',
        b'{"format": 1, "kind": "propensity", "model": {"learner": "x"}}',
    ],
)
def test_a_manifest_that_holds_no_model_is_refused_in_words(tmp_path: Path, content: bytes) -> None:
    """With the right hash: an older or newer version may have written it."""
    (tmp_path / MANIFEST).write_bytes(content)
    with pytest.raises(ModelFileError, match=r"does not hold a model|format 2|kind 'pickle'"):
        load_model(tmp_path, BgNbd, hashes={MANIFEST: hashlib.sha256(content).hexdigest()})


def test_a_stored_model_is_never_overwritten(published: BgNbd, tmp_path: Path) -> None:
    hashes = save_model(published, tmp_path / "v1")
    with pytest.raises(ModelFileError, match="v1 is there already"):
        save_model(published, tmp_path / "v1")
    assert load_model(tmp_path / "v1", BgNbd, hashes=hashes) == published


def test_numbers_that_json_cannot_tell_are_refused_before_anything_is_written(
    tmp_path: Path,
) -> None:
    rule = BaseRates(0, (float("inf"),), (0.1, 0.2), 0.1)
    calibrator = fit_calibrator(np.array([0.2, 0.6]), np.array([False, True]))
    model = PropensityModel("rule", ("a",), QUARTER, MOMENT, rule, calibrator)
    with pytest.raises(ModelFileError, match="does not hold a model"):
        save_model(model, tmp_path / "v1")
    wild = replace(BgNbd(r_=1.0, alpha_=1.0, a_=1.0, b_=1.0), log_likelihood_=float("nan"))
    with pytest.raises(ModelFileError, match="not finite"):
        save_model(wild, tmp_path / "v2")
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_nothing_behind(
    published: BgNbd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(files: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(artifacts, "settle", full)
    with pytest.raises(StorageFullError, match="Make room"):
        save_model(published, tmp_path / "v1")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_refused_in_words(
    published: BgNbd, tmp_path: Path
) -> None:
    with pytest.raises(ModelFileError, match="cannot be saved: No such file or directory"):
        save_model(published, tmp_path / "absent" / "v1")
