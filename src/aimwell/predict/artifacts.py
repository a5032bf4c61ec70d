"""Models as files: JSON with numbers, text of LightGBM or XGBoost, Arrow tables or NumPy's arrays beside it, nothing that runs when read.

Whoever saves a model keeps the hashes (the registry does) and hands them in to load it. A file is read once, its hash is
compared, and only then is it parsed: LightGBM ends the whole process on a text that was tampered with.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

import msgspec

from aimwell.errors import ModelFileError, StorageFullError
from aimwell.predict.ageing import Ageing
from aimwell.predict.base_rates import BaseRates
from aimwell.predict.beta_binomial import BetaBinomial
from aimwell.predict.buying_law import BuyingLaw
from aimwell.predict.calibration import Calibrator
from aimwell.predict.deep.files import (
    WEIGHTS,
    SequenceFacts,
    sequence_facts,
    sequence_model,
    weights_file,
)
from aimwell.predict.deep.model import SequenceModel
from aimwell.predict.demand.promised import Promised
from aimwell.predict.gamma_gamma import GammaGamma
from aimwell.predict.laws import LAWS, law_of
from aimwell.predict.learners import Scorer
from aimwell.predict.logistic import LogisticScorer
from aimwell.predict.propensity import PropensityModel
from aimwell.predict.recommend.files import (
    TABLES,
    RecommenderFacts,
    facts_of,
    recommender_of,
    tables_of,
)
from aimwell.predict.recommend.recommender import Recommender
from aimwell.predict.reference import Reference
from aimwell.predict.responding.channel_laws import ChannelLaws
from aimwell.predict.spend import SpendModel
from aimwell.predict.spend_ranges import SpendRanges
from aimwell.predict.timing.paces import Paces
from aimwell.predict.timing.time_laws import TimeLaws
from aimwell.predict.trees import TreesScorer
from aimwell.predict.xgboost_trees import XGBoostScorer
from aimwell.store.disk import is_full, settle

__all__ = ["MANIFEST", "TREES", "XGBOOST", "Model", "checked_file", "load_model", "save_model"]

MANIFEST = "model.json"
TREES = "trees.txt"
XGBOOST = "xgboost.json"

Model = (
    BetaBinomial
    | BuyingLaw
    | ChannelLaws
    | GammaGamma
    | Paces
    | Promised
    | PropensityModel
    | Recommender
    | Reference
    | SpendModel
    | SequenceModel
    | TimeLaws
)
ModelT = TypeVar("ModelT", bound=Model)

_FORMAT = 1
_FILES = (MANIFEST, TREES, XGBOOST, WEIGHTS, *TABLES)

_Plain = BetaBinomial | ChannelLaws | GammaGamma | Paces | Promised | Reference | TimeLaws
_KINDS: Mapping[type[_Plain], str] = {
    BetaBinomial: "beta_binomial",
    ChannelLaws: "channel_laws",
    GammaGamma: "gamma_gamma",
    Paces: "paces",
    Promised: "promised",
    Reference: "reference",
    TimeLaws: "time_laws",
}
"""Models that lie in the manifest as they are, beside the laws of buying."""


@dataclass(frozen=True, slots=True)
class _Propensity:
    """A propensity as it lies in the manifest; exactly one of `rule`, `logistic`, `trees` and `xgboost` is there."""

    learner: str
    names: tuple[str, ...]
    horizon: timedelta
    trained_as_of: datetime
    calibrator: Calibrator
    rule: BaseRates | None = None
    logistic: LogisticScorer | None = None
    trees: bool = False
    xgboost: bool = False
    ageing: Ageing | None = None


@dataclass(frozen=True, slots=True)
class _Spend:
    """A spend as it lies in the manifest; its trees lie beside it."""

    names: tuple[str, ...]
    horizon: timedelta
    trained_as_of: datetime
    level: float
    ageing: Ageing | None = None
    spread: SpendRanges | None = None


class _Manifest(msgspec.Struct, forbid_unknown_fields=True):
    format: int
    kind: str
    model: msgspec.Raw


def save_model(model: Model, folder: Path) -> dict[str, str]:
    """Write a model into a folder of its own, whole or not at all.

    Args:
        model: The model.
        folder: Must not exist yet; the folder around it must.

    Returns:
        The SHA-256 of each file by its name. Keep them: without them the model cannot be loaded.

    Raises:
        ModelFileError: The folder is there already, or the model holds a number that JSON cannot tell.
        StorageFullError: The disk is full; nothing is left of the attempt.
    """
    if folder.exists():
        raise ModelFileError(
            f"{folder.name} is there already. A stored model is never changed; save under a new version."
        )
    files = _written(model)
    if not _comes_back(files, model):
        raise ModelFileError(
            "The model does not come back whole from its own files: it holds a number that is not finite. Fit it anew."
        )
    try:
        part = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        try:
            for name, content in files.items():
                (part / name).write_bytes(content)
            settle(part / name for name in files)
            os.rename(part, folder)
            settle([folder])
        except BaseException:
            shutil.rmtree(part, ignore_errors=True)
            raise
    except OSError as error:
        if is_full(error):
            raise StorageFullError(
                "The disk is full, so the model was not saved. Make room and train again."
            ) from error
        raise ModelFileError(f"The model cannot be saved: {error.strerror}.") from error
    return {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}


def load_model(folder: Path, kind: type[ModelT], *, hashes: Mapping[str, str]) -> ModelT:
    """Read a model back.

    Args:
        folder: Where `save_model` put it.
        kind: The class that it must be of.
        hashes: What `save_model` returned.

    Raises:
        ModelFileError: A file is missing, has another hash, or does not hold a model of that kind.
    """
    files = {name: checked_file(folder, name, wanted) for name, wanted in hashes.items()}
    model = _read(files)
    if not isinstance(model, kind):
        raise ModelFileError(
            f"{folder.name} holds a {type(model).__name__}, not a {kind.__name__}. Ask for the right model."
        )
    return model


def _comes_back(files: Mapping[str, bytes], model: Model) -> bool:
    """Whether the files hold the very model."""
    found = _read(files)
    if isinstance(found, Recommender | SequenceModel):
        # Their arrays have no equality of their own; the bytes have.
        return _written(found) == files
    return found == model


def checked_file(folder: Path, name: str, wanted: str) -> bytes:
    """The content of a file, if it is one of ours and has the wanted hash."""
    if name not in _FILES:
        raise ModelFileError(f"'{name}' is not a file of a model; files are {', '.join(_FILES)}.")
    try:
        content = (folder / name).read_bytes()
    except OSError as error:
        raise ModelFileError(
            f"The file {name} of the model {folder.name} cannot be read ({error.strerror}). Restore it from a backup, or "
            "train the model anew."
        ) from error
    if not hmac.compare_digest(hashlib.sha256(content).hexdigest(), wanted):
        raise ModelFileError(
            f"The file {name} of the model {folder.name} is not the one that was saved: its hash differs. It was not "
            "read. Restore it from a backup, or train the model anew, and find out who changed it."
        )
    return content


def _written(model: Model) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    if isinstance(model, PropensityModel):
        scorer = model.scorer
        kind = "propensity"
        told: object = _Propensity(
            learner=model.learner,
            names=model.names,
            horizon=model.horizon,
            trained_as_of=model.trained_as_of,
            calibrator=model.calibrator,
            rule=scorer if isinstance(scorer, BaseRates) else None,
            logistic=scorer if isinstance(scorer, LogisticScorer) else None,
            trees=isinstance(scorer, TreesScorer),
            xgboost=isinstance(scorer, XGBoostScorer),
            ageing=model.ageing,
        )
        if isinstance(scorer, TreesScorer):
            files[TREES] = scorer.text.encode()
        elif isinstance(scorer, XGBoostScorer):
            files[XGBOOST] = scorer.text.encode()
    elif isinstance(model, Recommender):
        kind, told = "recommender", facts_of(model)
        files |= tables_of(model)
    elif isinstance(model, SequenceModel):
        kind, told = "sequence", sequence_facts(model)
        files[WEIGHTS] = weights_file(model)
    elif isinstance(model, SpendModel):
        kind, told = (
            "spend",
            _Spend(
                model.names,
                model.horizon,
                model.trained_as_of,
                model.level,
                model.ageing,
                model.spread,
            ),
        )
        files[TREES] = model.scorer.text.encode()
    elif isinstance(model, _Plain):
        kind, told = _KINDS[type(model)], model
    else:
        kind, told = law_of(model), model
    manifest = {"format": _FORMAT, "kind": kind, "model": told}
    files[MANIFEST] = msgspec.json.format(msgspec.json.encode(manifest))
    return files


def _read(files: Mapping[str, bytes]) -> Model:
    """The model in files that were checked."""
    if MANIFEST not in files:
        raise ModelFileError(f"A model needs the file {MANIFEST} and its hash.")
    try:
        manifest = msgspec.json.decode(files[MANIFEST], type=_Manifest)
        if manifest.format != _FORMAT:
            raise ModelFileError(
                f"The model is stored in format {manifest.format}; this version reads format {_FORMAT}. Train it anew."
            )
        for plain, kind in _KINDS.items():
            if manifest.kind == kind:
                return msgspec.json.decode(manifest.model, type=plain)
        for name, law in LAWS.items():
            if manifest.kind == name:
                return msgspec.json.decode(manifest.model, type=law)
        if manifest.kind == "spend" and TREES in files:
            spend = msgspec.json.decode(manifest.model, type=_Spend)
            scorer = TreesScorer(files[TREES].decode())
            return SpendModel(
                spend.names,
                spend.horizon,
                spend.trained_as_of,
                scorer,
                spend.level,
                spend.ageing,
                spend.spread,
            )
        if manifest.kind == "propensity":
            told = msgspec.json.decode(manifest.model, type=_Propensity)
            return _propensity(told, files)
        if manifest.kind == "sequence" and WEIGHTS in files:
            facts = msgspec.json.decode(manifest.model, type=SequenceFacts)
            return sequence_model(facts, files[WEIGHTS])
        if manifest.kind == "recommender":
            return recommender_of(msgspec.json.decode(manifest.model, type=RecommenderFacts), files)
    except msgspec.MsgspecError as error:
        raise ModelFileError(f"The file {MANIFEST} does not hold a model: {error}.") from error
    raise ModelFileError(f"The model is of the kind '{manifest.kind}', which is not known here.")


def _propensity(told: _Propensity, files: Mapping[str, bytes]) -> PropensityModel:
    scorer: Scorer | None = told.rule or told.logistic
    texts = {name for name in (TREES, XGBOOST) if name in files}
    if told.trees and texts == {TREES}:
        scorer = TreesScorer(files[TREES].decode())
    elif told.xgboost and texts == {XGBOOST}:
        scorer = XGBoostScorer(files[XGBOOST].decode())
    elif told.trees or told.xgboost or texts:
        scorer = None
    if scorer is None:
        raise ModelFileError(
            f"The files of the model do not fit together: {TREES} or {XGBOOST} is missing, or is there without need."
        )
    return PropensityModel(
        learner=told.learner,
        names=told.names,
        horizon=told.horizon,
        trained_as_of=told.trained_as_of,
        scorer=scorer,
        calibrator=told.calibrator,
        ageing=told.ageing,
    )
