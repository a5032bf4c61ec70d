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

from aimwell.errors import PredictError
from aimwell.predict.kept_scores import Figure, KeptScores
from aimwell.predict.propensity import PropensityModel
from aimwell.predict.questions import Question
from aimwell.predict.registry import RegisteredModel, find_model, load_part_once
from aimwell.predict.scoring import last_scoring
from aimwell.predict.service import PART, check_scores, score_propensity
from aimwell.predict.training import feature_table, span_days
from aimwell.segment.attributes.people_table import EVERYBODY
from aimwell.store.stores import Stores

__all__ = ["CurrentScores", "PersonScore", "current_scores", "score_one"]

_FRESH_MAX = 10_000
"""So many who were worked out anew are kept one by one; more are put in their places among all."""


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
    """Everybody's latest score by one version, in memory (see `KeptScores`), and a little more of whom was refreshed.

    One thread refreshes; any number may ask meanwhile.

    Args:
        stores: The workspace.
        entry: The version.
        as_of: Nothing from then on was looked at, except of whom was refreshed; None: only they have a score.
    """

    stores: Stores
    entry: RegisteredModel
    as_of: datetime | None
    _kept: KeptScores = field(repr=False)
    _fresh: dict[str, Figure | None] = field(default_factory=dict, repr=False)

    def of(self, profile_id: str) -> PersonScore | None:
        """The person's latest probability; None of somebody who was not known, or of whom it is not asked."""
        found = self.figure(profile_id)
        if found is None or found.score is None:
            return None
        return _told(self.entry, profile_id, found.score, found.as_of)

    def figure(self, profile_id: str) -> Figure | None:
        """The person's latest score, whatever the version tells."""
        fresh = self._fresh  # a refresh may put another in its place meanwhile
        if profile_id in fresh:
            return fresh[profile_id]
        return self._kept.of(profile_id)

    def was_asked(self, profile_id: str) -> bool:
        """Whether it was worked out what the version says of the person, if only that it is not asked of them."""
        return profile_id in self._fresh or self._kept.of(profile_id) is not None

    def refresh(self, profiles: Collection[str], *, as_of: datetime) -> None:
        """Work these people's out anew from what is known of them now, as after a flush of their messages."""
        found = _scored(self.stores, self.entry, profiles, as_of=as_of, whoever=False)
        moment = as_of.astimezone(UTC)
        told = {
            one: Figure(found[one], None, None, moment) if one in found else None
            for one in profiles
        }
        if len(self._fresh) + len(told) > _FRESH_MAX:
            # In this order: whoever asks in between finds everybody in one of the two.
            self._kept = self._kept.with_({**self._fresh, **told})
            self._fresh = {}
        else:
            self._fresh.update(told)

    def forget(self, profiles: Collection[str]) -> None:
        """Let go of people who are no more: erased, or merged into another."""
        self._kept = self._kept.without(profiles)
        self._fresh = {one: told for one, told in self._fresh.items() if one not in profiles}

    @property
    def fresh_ids(self) -> frozenset[str]:
        """Who was worked out anew, and is kept one by one."""
        return frozenset(self._fresh)

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def size_bytes(self) -> int:
        """What is kept of all, in memory."""
        return self._kept.size_bytes

    @property
    def ids(self) -> list[str]:
        """Of whom there was one when all were scored, in order."""
        return [one.decode() for one in self._kept.ids]


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
    last = last_scoring(stores, entry, before=now)
    moment = now if last is None else last.as_of
    scores = score_propensity(stores, entry, as_of=moment, now=now)
    return CurrentScores(stores, entry, moment, KeptScores.of_table(scores, moment))


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
    return _told(entry, profile_id, found[profile_id], as_of)


def _scored(
    stores: Stores,
    entry: RegisteredModel,
    profiles: Collection[str],
    *,
    as_of: datetime,
    whoever: bool,
) -> Mapping[str, float]:
    """Profile → probability, of those of whom it is asked."""
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
    return dict(zip(ids.to_pylist(), fitted.predict(table).tolist(), strict=True))


def _told(entry: RegisteredModel, profile_id: str, chance: float, as_of: datetime) -> PersonScore:
    return PersonScore(
        model=entry.label,
        profile_id=profile_id,
        probability=chance,
        as_of=as_of.astimezone(UTC),
        horizon_days=int(entry.settings["horizon_days"]),
    )
