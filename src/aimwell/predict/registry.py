"""The registry of models: what was learnt when, from what, how good it is, and the hashes of its files.

A model has a name and versions that count up; a version is never changed. Its row is in the control database, its files
are in the workspace's folder `models/NAME/VERSION/`. A row is written after its files, so files without a row are what a
killed attempt left.

Training again what the newest version already is makes no new one: the same question, the same moment, the same code, the
same figures and the same files, byte by byte. So a run repeated every night leaves no row of equal models, and what was
added to the lake since without changing what is seen (scores, later orders) does not count as a change.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, cast

import msgspec
import sqlalchemy as sa

from aimwell.errors import PredictError, nearest
from aimwell.predict.artifacts import Model, ModelT, checked_file, load_model, save_model
from aimwell.predict.kind_words import kind_words
from aimwell.store.disk import settle
from aimwell.store.schema import metadata
from aimwell.store.stores import Stores
from aimwell.version import VERSION

__all__ = [
    "Kind",
    "Promotion",
    "RegisteredModel",
    "check_files",
    "check_name",
    "find_model",
    "list_models",
    "load_part",
    "load_part_once",
    "model_of",
    "models_in_use",
    "newest_of",
    "promote",
    "promotions",
    "register_model",
    "usual_name",
]

Kind = Literal[
    "propensity",
    "lifetime_value",
    "churn",
    "subscription_churn",
    "spend",
    "next_purchase",
    "next_purchase_network",
    "recommender",
    "channel_preference",
    "discount_seeking",
    "account_leads",
    "best_time",
    "demand",
]

_models = metadata.tables["models"]
_promotions = metadata.tables["model_promotions"]
_LEASE = "models"
_QUESTION = ("event", "where", "among", "answer", "signal", "horizon_days")
"""Settings that say what is asked; by which features it is answered may differ between versions."""
_BY_LEVEL = ("next_purchase", "demand")
"""Kinds that are asked of people, products or categories, each a question of its own."""

# Names of folders, on every file system.
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_NOT_OF_NAMES = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True)
class RegisteredModel:
    """One version of a model.

    Args:
        name, version: Together they name it: `buy-90d@3`.
        kind: What it predicts; other stages register models of other kinds (clusters).
        as_of: Nothing from this moment on was seen, neither to learn nor to judge.
        settings: What it was asked for (horizon, event, seed …).
        metrics: What it was found to be worth; `cards` puts it in words. `code` is the version of Aimwell.
        files: Path below the version's folder → SHA-256.
        lake_versions: Versions of the lake's tables that were read.
        trained_at: When.
    """

    name: str
    version: int
    kind: Kind | str
    as_of: datetime
    settings: Mapping[str, Any]
    metrics: Mapping[str, Any]
    files: Mapping[str, str]
    lake_versions: Mapping[str, int]
    trained_at: datetime

    @property
    def label(self) -> str:
        """Name and version, as `find_model` takes them."""
        return f"{self.name}@{self.version}"


@dataclass(frozen=True, slots=True)
class Promotion:
    """A version of a model that its bare name has meant since `promoted_at`."""

    name: str
    version: int
    promoted_at: datetime
    promoted_by: str
    reason: str


def register_model(
    stores: Stores,
    parts: Mapping[str, Model],
    *,
    name: str,
    kind: Kind,
    as_of: datetime,
    settings: Mapping[str, Any],
    metrics: Mapping[str, Any],
    lake_versions: Mapping[str, int],
    trained_at: datetime,
    anew: bool = False,
) -> RegisteredModel:
    """Store a model as the next version of its name, whole or not at all; the newest version where it is the same.

    Args:
        stores: The workspace.
        parts: The fitted models by the name of their folder, as {"buying": …, "spending": …}.
        name: Small letters, digits and hyphens.
        kind, as_of, settings, metrics, lake_versions, trained_at: See `RegisteredModel`.
        anew: Make a new version though the newest is the same.

    Raises:
        PredictError: The name cannot be one, or stands for another kind of model or another event or horizon.
        StorageFullError: The disk is full.
        LeaseLostError: Another process took over because this one stood still; train again.
    """
    with stores.leases.hold(_LEASE) as held:
        newest = check_name(stores, name, kind=kind, settings=settings)
        version = 1 if newest is None else newest.version + 1
        folder = _folder(stores, name, version)
        # No row names this version, so whatever lies there was left by an attempt that was killed.
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        files = {
            f"{part}/{file}": digest
            for part, model in parts.items()
            for file, digest in save_model(model, folder / part).items()
        }
        settle([folder, folder.parent])
        made = RegisteredModel(
            name=name,
            version=version,
            kind=kind,
            as_of=as_of,
            settings=_plain(settings),
            metrics=_plain({**metrics, "code": VERSION}),
            files=files,
            lake_versions=dict(lake_versions),
            trained_at=trained_at,
        )
        if newest is not None and not anew and _same(stores, newest, made):
            shutil.rmtree(folder, ignore_errors=True)
            return newest
        held.check()
        with stores.control.begin() as connection:
            connection.execute(sa.insert(_models).values(**_row(made)))
    return made


def check_name(
    stores: Stores, name: str, *, kind: Kind, settings: Mapping[str, Any]
) -> RegisteredModel | None:
    """The newest version that `name` has, if a new one may follow it: asked before hours of training, too.

    Raises:
        PredictError: The name cannot be one, or stands for another kind of model or another event or horizon.
    """
    if not _NAME.fullmatch(name):
        raise PredictError(
            f"'{name:.80}' cannot be the name of a model. Allowed: small letters, digits and hyphens, at most 63, the "
            "first not a hyphen."
        )
    newest = _newest(stores, name)
    if newest is not None:
        _refuse_another(newest, kind, settings)
    return newest


def find_model(
    stores: Stores,
    name: str,
    *,
    train: str = "aimwell predict propensity, or aimwell predict lifetime-value",
) -> RegisteredModel:
    """The version of a model that was promoted last, else the newest; or the one that `name@version` names.

    Raises:
        PredictError: There is none; says which are known, and with `train` how to train one.
    """
    plain, _, number = name.partition("@")
    query = sa.select(_models).where(_models.c.name == plain)
    if number:
        # Nine digits fit what every database counts with.
        wanted = int(number) if number.isdecimal() and len(number) <= 9 else -1
        query = query.where(_models.c.version == wanted)
    with stores.read_control() as connection:
        if not number:
            promoted = connection.execute(_last_promoted(plain)).scalar()
            if promoted is not None:
                query = query.where(_models.c.version == promoted)
        row = connection.execute(query.order_by(_models.c.version.desc()).limit(1)).one_or_none()
        known = connection.execute(sa.select(_models.c.name).distinct()).scalars().all()
    if row is None:
        if number and plain in known:
            raise PredictError(
                f"The model '{plain}' has no version {number}. List them with: aimwell predict models"
            )
        raise PredictError(
            f"There is no model '{plain}'. {nearest(plain, list(known))} Train one with: {train}"
        )
    return _entry(row)


def promote(
    stores: Stores, model: RegisteredModel, *, by: str, reason: str, now: datetime
) -> Promotion:
    """From now on the bare name means this version, whichever is the newest.

    Args:
        stores: The workspace.
        model: The version.
        by: Who wants it.
        reason: Why, in words.
        now: When.

    Raises:
        PredictError: No reason is given.
    """
    if not reason.strip():
        raise PredictError(
            f"Say why {model.label} is to be used, for the record: the reason is empty."
        )
    made = Promotion(model.name, model.version, now, by, reason)
    with stores.leases.hold(_LEASE) as held:
        held.check()
        with stores.control.begin() as connection:
            row = {name: getattr(made, name) for name in made.__slots__}
            connection.execute(sa.insert(_promotions).values(**row))
    stores.audit("model promoted", actor=by, subject=model.label)
    return made


def promotions(stores: Stores, name: str) -> tuple[Promotion, ...]:
    """Which versions the bare name has meant, the first one first; none: always the newest."""
    query = sa.select(_promotions).where(_promotions.c.name == name)
    with stores.read_control() as connection:
        rows = connection.execute(query.order_by(_promotions.c.promoted_at)).all()
    return tuple(Promotion(**row._mapping) for row in rows)


def models_in_use(stores: Stores) -> tuple[RegisteredModel, ...]:
    """Of each model that was ever promoted the version that its bare name means, by name."""
    last = (
        sa.select(_promotions.c.name, sa.func.max(_promotions.c.promoted_at).label("at"))
        .group_by(_promotions.c.name)
        .subquery()
    )
    query = (
        sa.select(_models)
        .join(
            _promotions,
            (_promotions.c.name == _models.c.name) & (_promotions.c.version == _models.c.version),
        )
        .join(last, (last.c.name == _promotions.c.name) & (last.c.at == _promotions.c.promoted_at))
        .order_by(_models.c.name, _models.c.version)
    )
    with stores.read_control() as connection:
        return tuple({row.name: _entry(row) for row in connection.execute(query)}.values())


def _last_promoted(name: str) -> sa.Select[tuple[int]]:
    return (
        sa.select(_promotions.c.version)
        .where(_promotions.c.name == name)
        .order_by(_promotions.c.promoted_at.desc())
        .limit(1)
    )


def list_models(stores: Stores) -> tuple[RegisteredModel, ...]:
    """All versions of all models, by name, the newest first."""
    query = sa.select(_models).order_by(_models.c.name, _models.c.version.desc())
    with stores.read_control() as connection:
        return tuple(_entry(row) for row in connection.execute(query))


def newest_of(stores: Stores, kind: Kind) -> RegisteredModel | None:
    """Of the name of that kind that was trained last the version in use: what was trained since and is not used stays out."""
    found = [one for one in list_models(stores) if one.kind == kind]
    if not found:
        return None
    return find_model(stores, max(found, key=lambda one: (one.trained_at, one.version)).name)


def model_of(stores: Stores, kind: Kind, name: str | None, *, train: str) -> RegisteredModel:
    """The model of that name, which must be of the kind; None: the one trained last.

    Raises:
        PredictError: There is none, or it is of another kind; says with `train` how to train one.
    """
    what = kind.replace("_", " ")
    if name is None:
        newest = newest_of(stores, kind)
        if newest is None:
            raise PredictError(f"There is no {what} model yet. Train one with: {train}")
        return newest
    entry = find_model(stores, name, train=train)
    if entry.kind != kind:
        raise PredictError(
            f"'{entry.name}' is {kind_words(entry.kind)}, not {kind_words(kind)}. Train one with: {train}"
        )
    return entry


def load_part(stores: Stores, entry: RegisteredModel, part: str, kind: type[ModelT]) -> ModelT:
    """Read one part of a stored model; each file's hash is compared before it is parsed.

    Raises:
        ModelFileError: A file is missing, was changed, or is not of that kind.
    """
    folder = _folder(stores, entry.name, entry.version) / part
    return load_model(folder, kind, hashes=_hashes(entry, part))


def load_part_once(stores: Stores, entry: RegisteredModel, part: str, kind: type[ModelT]) -> ModelT:
    """The same, remembered by folder and hashes: for whoever answers again and again and cannot wait for a file.

    What was read had the hashes that the registry names, so a file that is changed later changes nothing here.
    """
    folder = _folder(stores, entry.name, entry.version) / part
    return cast(
        ModelT, _remembered(folder, cast(Any, kind), tuple(sorted(_hashes(entry, part).items())))
    )


def check_files(stores: Stores, entry: RegisteredModel) -> None:
    """That all files of a version are those that were saved.

    Raises:
        ModelFileError: One is missing or was changed.
    """
    for path, digest in entry.files.items():
        part, _, name = path.rpartition("/")
        checked_file(_folder(stores, entry.name, entry.version) / part, name, digest)


@lru_cache(maxsize=16)
def _remembered(folder: Path, kind: type[Model], hashes: tuple[tuple[str, str], ...]) -> Model:
    return load_model(folder, kind, hashes=dict(hashes))


def _hashes(entry: RegisteredModel, part: str) -> dict[str, str]:
    return {
        path.removeprefix(f"{part}/"): digest
        for path, digest in entry.files.items()
        if path.startswith(f"{part}/")
    }


def usual_name(words: str, horizon_days: int) -> str:
    """The usual name of a model: what it predicts and how far ahead, as `product-viewed-30d`."""
    plain = _NOT_OF_NAMES.sub("-", words.lower()).strip("-")[:50].strip("-")
    return f"{plain or 'event'}-{horizon_days}d"


def _newest(stores: Stores, name: str) -> RegisteredModel | None:
    query = sa.select(_models).where(_models.c.name == name).order_by(_models.c.version.desc())
    with stores.read_control() as connection:
        row = connection.execute(query.limit(1)).one_or_none()
    return None if row is None else _entry(row)


def _same(stores: Stores, newest: RegisteredModel, made: RegisteredModel) -> bool:
    """Whether the newest version is what was just made, and still lies whole on the disk."""
    told = ("kind", "as_of", "settings", "metrics", "files")
    if any(getattr(newest, name) != getattr(made, name) for name in told):
        return False
    folder = _folder(stores, newest.name, newest.version)
    try:
        return all(
            hashlib.sha256((folder / file).read_bytes()).hexdigest() == digest
            for file, digest in newest.files.items()
        )
    except OSError:
        return False


def _refuse_another(newest: RegisteredModel, kind: Kind, settings: Mapping[str, Any]) -> None:
    """Versions of a name must answer the same question, or their scores cannot be compared."""
    asked, stands = _question(kind, settings), _question(newest.kind, newest.settings)
    if asked != stands:
        raise PredictError(
            f"The name '{newest.name}' stands for another model: {_told(stands)}. This one is: {_told(asked)}. "
            "Give it another name."
        )


def _question(kind: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    keys = (*_QUESTION, "by") if kind in _BY_LEVEL else _QUESTION
    return {"kind": kind, **{key: settings.get(key) for key in keys}}


def _told(question: Mapping[str, Any]) -> str:
    """As "kind propensity, event Order Completed, where category is Wine, horizon_days 60"."""
    return ", ".join(
        f"{key} {_words(value)}" for key, value in question.items() if value is not None
    )


def _words(value: Any) -> str:
    """Conditions as they are written, without brackets; anything else as it is."""
    if isinstance(value, Mapping):
        return " and ".join(f"{key.rstrip('_')} {_words(one)}" for key, one in value.items())
    return str(value)


def _plain(figures: Mapping[str, Any]) -> dict[str, Any]:
    """The figures as the database gives them back."""
    plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(figures))
    return plain


def _folder(stores: Stores, name: str, version: int) -> Path:
    return stores.folder("models") / name / str(version)


def _row(entry: RegisteredModel) -> dict[str, Any]:
    return {
        name: dict(value) if isinstance(value := getattr(entry, name), Mapping) else value
        for name in entry.__slots__
    }


def _entry(row: sa.Row[Any]) -> RegisteredModel:
    return RegisteredModel(
        name=row.name,
        version=row.version,
        kind=row.kind,
        as_of=row.as_of,
        settings=row.settings,
        metrics=row.metrics,
        files=row.files,
        lake_versions=row.lake_versions,
        trained_at=row.trained_at,
    )
