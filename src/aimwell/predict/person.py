"""One person's probability while somebody waits for it: from what is kept of everybody, or worked out for that person alone.

A probability of last night is found in microseconds (`CurrentScores.of`). Whom something has happened to since is worked
out anew, together with whoever else it has (`CurrentScores.refresh`): that takes as long as a segment's refresh of a few
people. `score_one` does it for one person without keeping anybody.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np

from aimwell.errors import PredictError
from aimwell.predict.propensity import PropensityModel
from aimwell.predict.questions import Question
from aimwell.predict.registry import RegisteredModel, find_model, load_part_once
from aimwell.predict.scoring import last_scored
from aimwell.predict.service import PART, check_scores, score_propensity
from aimwell.predict.training import feature_table, span_days
from aimwell.segment.attributes.people_table import EVERYBODY
from aimwell.stats.samples import FloatArray
from aimwell.store.stores import Stores

__all__ = ["CurrentScores", "PersonScore", "current_scores", "score_one"]


@dataclass(frozen=True, slots=True)
class PersonScore:
    """What a model expects of a person.

    Args:
        model: Name and version.
        profile_id: Whose.
        probability: To do it within `horizon_days` of `as_of`.
        as_of: Nothing from this moment on was looked at.
        horizon_days: How far ahead it looks.
    """

    model: str
    profile_id: str
    probability: float
    as_of: datetime
    horizon_days: int

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(slots=True)
class CurrentScores:
    """Everybody's latest probability by one version, in memory: 32 bytes a person, and a little more of whom was refreshed.

    One thread refreshes; any number may ask meanwhile.

    Args:
        stores: The workspace.
        entry: The version.
        as_of: Nothing from then on was looked at, except of whom was refreshed.
    """

    stores: Stores
    entry: RegisteredModel
    as_of: datetime
    _ids: np.ndarray[Any, Any] = field(repr=False)
    _scores: FloatArray = field(repr=False)
    _fresh: dict[str, PersonScore | None] = field(default_factory=dict, repr=False)

    def of(self, profile_id: str) -> PersonScore | None:
        """The person's latest; None of somebody who was not known, or of whom it is not asked."""
        if profile_id in self._fresh:
            return self._fresh[profile_id]
        wanted = profile_id.encode()
        if len(wanted) > self._ids.itemsize:  # the search would widen all ids to compare them
            return None
        place = int(np.searchsorted(self._ids, wanted))
        if place == len(self._ids) or self._ids[place] != wanted:
            return None
        return _told(self.entry, profile_id, float(self._scores[place]), self.as_of)

    def refresh(self, profiles: Collection[str], *, as_of: datetime) -> None:
        """Work these people's out anew from what is known of them now, as after a flush of their messages."""
        found = _scored(self.stores, self.entry, profiles, as_of=as_of, whoever=False)
        self._fresh.update({one: found.get(one) for one in profiles})

    def __len__(self) -> int:
        return len(self._ids)

    @property
    def ids(self) -> list[str]:
        """Of whom there is one, in order."""
        return [one.decode() for one in self._ids]


def current_scores(stores: Stores, model: RegisteredModel | str, *, now: datetime) -> CurrentScores:
    """Everybody's latest probability, ready to be asked for: those that the version gave last, else given now.

    Args:
        stores: The workspace.
        model: A registered propensity, or its name.
        now: The moment as of which everybody is scored where this version never did.

    Raises:
        PredictError: It is no propensity.
        ModelFileError: Its files are missing or were changed.
    """
    entry = find_model(stores, model) if isinstance(model, str) else model
    moment = last_scored(stores, entry, before=now) or now
    scores = score_propensity(stores, entry, as_of=moment, now=now)
    ids = np.array(scores.column("profile_id").to_pylist(), dtype=np.bytes_)
    order = np.argsort(ids, kind="stable")
    chances = scores.column("score").to_numpy()
    return CurrentScores(stores, entry, moment, ids[order], chances[order])


def score_one(
    stores: Stores, model: RegisteredModel | str, profile_id: str, *, as_of: datetime
) -> PersonScore:
    """What a model expects of one person, from what is known of them now; whoever it is, asked of the segment or not.

    Args:
        stores: The workspace.
        model: A registered propensity, or its name.
        profile_id: Who.
        as_of: Nothing from this moment on is looked at.

    Raises:
        PredictError: It is no propensity, has seen later data, or the person is not known at the moment.
        ModelFileError: Its files are missing or were changed.
    """
    entry = find_model(stores, model) if isinstance(model, str) else model
    found = _scored(stores, entry, [profile_id], as_of=as_of, whoever=True)
    if profile_id not in found:
        raise PredictError(
            f"Nobody of the profile '{profile_id}' was known before {as_of:%Y-%m-%d %H:%M %Z}."
        )
    return found[profile_id]


def _scored(
    stores: Stores,
    entry: RegisteredModel,
    profiles: Collection[str],
    *,
    as_of: datetime,
    whoever: bool,
) -> Mapping[str, PersonScore]:
    check_scores(entry, as_of)
    fitted = load_part_once(stores, entry, PART, PropensityModel)
    question = Question.from_settings(entry.settings)
    ids, table = feature_table(
        stores,
        as_of=as_of,
        horizon=span_days(int(entry.settings["horizon_days"])),
        question=replace(question, among=EVERYBODY) if whoever else question,
        names=fitted.names,
        people=profiles,
    )
    chances = fitted.predict(table)
    return {
        one: _told(entry, one, float(chance), as_of)
        for one, chance in zip(ids.to_pylist(), chances, strict=True)
    }


def _told(entry: RegisteredModel, profile_id: str, chance: float, as_of: datetime) -> PersonScore:
    return PersonScore(
        model=entry.label,
        profile_id=profile_id,
        probability=chance,
        as_of=as_of.astimezone(UTC),
        horizon_days=int(entry.settings["horizon_days"]),
    )
