"""The scores of all models in use, in memory of a process that answers for them: read when they are first asked for, and
kept up with what happens.

One thread works (`work`), any number ask (`of`). Whom a flush touched is worked out anew; a full scoring, and a version that
was promoted, are taken up whole. What was read is never written: any number of processes may do the same.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from aimwell.errors import AimwellError
from aimwell.jobs.model import utc_now
from aimwell.predict.kept_scores import Figure, KeptScores
from aimwell.predict.person import CurrentScores
from aimwell.predict.questions import Question
from aimwell.predict.registry import RegisteredModel, check_files, models_in_use
from aimwell.predict.scoring import SCORES, Scoring, last_scoring, stored_scores
from aimwell.predict.touched import TOUCHED_MAX, Touched, Watch, no_more, touched_since
from aimwell.store.stores import Stores

__all__ = ["KINDS", "ServedScore", "ServedScores"]

KINDS = (
    "propensity",
    "churn",
    "subscription_churn",
    "lifetime_value",
    "spend",
    "next_purchase",
    "channel_preference",
    "discount_seeking",
)
"""Kinds of models that give each person a score. Of one person alone only propensities are worked out."""

_PROPENSITY = "propensity"
_AGAIN_SECONDS = 30.0
"""So long after something failed it is tried again, if it is asked for."""

_AT_ONCE = 1_000
_CATCHING_UP = "Something has happened since; it is being worked out. Ask again in a moment."
_WAITS = "It is being worked out. Ask again in a moment."

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ServedScore:
    """What one model says of a person.

    Args:
        model, version, kind: Which one says it.
        horizon_days: How far ahead it looks; None: it does not say.
        figure: The score with its interval and moment; None where there is none.
        reason: Why there is none, or what to know of it; None: nothing.
    """

    model: str
    version: int
    kind: str
    horizon_days: int | None
    figure: Figure | None
    reason: str | None


@dataclass(slots=True)
class _Held:
    """One model in memory.

    Args:
        entry: The version.
        asked_at: When it was asked for last.
        scoring: When it scored everybody; None: never.
        scores: What it says; None where it was refused.
        refused: Why it was.
        behind_at: So many had changed then that none of them was worked out anew.
        owed: People who could not be worked out.
        trouble: Why not.
        not_before: When what failed is tried again.
    """

    entry: RegisteredModel
    asked_at: float
    scoring: Scoring | None = None
    scores: CurrentScores | None = None
    refused: str | None = None
    behind_at: datetime | None = None
    owed: frozenset[str] = frozenset()
    trouble: str | None = None
    not_before: float = 0.0


@dataclass(slots=True)
class ServedScores:
    """Scores of the models in use.

    Args:
        stores: The workspace.
        bytes_max: What is kept of all people by all models takes at most so much; of models that were not asked for
            for longest it is let go, and read again when they are.
        now: Gives the present moment.
        clock: Seconds that never go back.
    """

    stores: Stores
    bytes_max: int
    now: Callable[[], datetime] = utc_now
    clock: Callable[[], float] = time.monotonic
    _in_use: dict[str, RegisteredModel] = field(default_factory=dict, init=False)
    _held: dict[str, _Held] = field(default_factory=dict, init=False)
    _watch: Watch = field(init=False)
    _written: int | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self._watch = Watch(self.stores)

    @property
    def models(self) -> tuple[str, ...]:
        """The models in use that give people scores."""
        return tuple(self._in_use)

    @property
    def size_bytes(self) -> int:
        """What is kept of all people, in memory."""
        return sum(one.scores.size_bytes for one in [*self._held.values()] if one.scores)

    def of(self, profile_id: str, model: str) -> ServedScore | None:
        """What a model in use says of a person; None: it is not known before it is worked out."""
        held = self._held.get(model)
        if held is None:
            return None
        held.asked_at = self.clock()
        if held.scores is None:
            return _served(held, None, held.refused)
        found = held.scores.figure(profile_id)
        if found is not None:
            return _served(held, found, _word(held, profile_id, found))
        if held.entry.kind != _PROPENSITY:
            return _served(held, None, _never(held))
        if held.scores.was_asked(profile_id):
            whom = Question.from_settings(held.entry.settings).among
            return _served(
                held, None, f"It is asked of {whom} only, and this person is not among them."
            )
        if held.trouble is not None and self.clock() < held.not_before:
            return _served(held, None, held.trouble)
        return None

    def waiting(self, model: str) -> ServedScore:
        """What is said of a model in use while it is being worked out."""
        return _served(_Held(self._in_use[model], self.clock()), None, _WAITS)

    def look(self) -> None:
        """Keep up: versions that were promoted, full scorings, people of whom something came or who are no more."""
        in_use = {one.name: one for one in models_in_use(self.stores) if one.kind in KINDS}
        touched = self._watch.look()
        written = self.stores.lake.pin("scores").tables["scores"].version
        for name, held in [*self._held.items()]:
            entry = in_use.get(name)
            if entry is None or (held.refused is not None and self.clock() >= held.not_before):
                del self._held[name]
            elif held.entry != entry or (
                written != self._written and self._last_scoring(entry) != held.scoring
            ):
                self._read(entry, asked_at=held.asked_at)
            else:
                self._follow(held, touched)
        self._written, self._in_use = written, in_use
        self._make_room()

    def work(self, wanted: Mapping[str, Collection[str]]) -> None:
        """Work out what was asked for and is not known: profile → models in use."""
        by_model: dict[str, list[str]] = {}
        for profile, models in wanted.items():
            for model in models:
                by_model.setdefault(model, []).append(profile)
        for model, profiles in by_model.items():
            entry = self._in_use.get(model)
            if entry is None:
                continue
            if model not in self._held:
                self._read(entry, asked_at=self.clock())
                self._make_room()
            missing = [one for one in profiles if self.of(one, model) is None]
            if missing:
                self._refresh(self._held[model], missing)

    def _read(self, entry: RegisteredModel, *, asked_at: float) -> None:
        """Hold a model as it lies there; then work out anew whom something happened to since it scored everybody.

        Meanwhile these have their old scores, which say so.
        """
        held = _Held(entry, asked_at)
        try:
            check_files(self.stores, entry)
            held.scoring = self._last_scoring(entry)
            held.scores = _everybody(self.stores, entry, held.scoring)
            if held.scoring is not None and entry.kind == _PROPENSITY:
                since = touched_since(self.stores, held.scoring.scored_at)
                held.behind_at = self.now() if since is None else None
                held.owed, held.trouble = since or frozenset(), _CATCHING_UP
        except AimwellError as error:
            _log.warning("%s is not served: %s", entry.label, error)
            held.refused = f"The model is not used: {error}"
            held.scores = None
            held.not_before = self.clock() + _AGAIN_SECONDS
        self._held[entry.name] = held
        self._refresh(held, held.owed)

    def _follow(self, held: _Held, touched: Touched) -> None:
        """What happened to whom, in one model that stays."""
        if held.scores is None:
            return
        if touched.gone:
            held.scores.forget(touched.gone)
        if held.entry.kind != _PROPENSITY:
            return
        whom = touched.profiles
        if held.scoring is None:  # nobody has a score who was not asked for
            fresh = held.scores.fresh_ids
            if whom is None:
                held.scores.forget(fresh)
            whom = frozenset() if whom is None else whom & fresh
        elif whom is None:
            held.behind_at = self.now()
            whom = frozenset()
        if held.owed and self.clock() >= held.not_before:
            whom |= held.owed
        if whom:
            self._refresh(held, whom)

    def _refresh(self, held: _Held, profiles: Collection[str]) -> None:
        """Work these people out; what cannot be is told instead and tried again, and everybody else keeps what they have."""
        if held.scores is None:
            return
        people = sorted(profiles)
        try:
            for start in range(0, len(people), _AT_ONCE):
                part = people[start : start + _AT_ONCE]
                # The moment is taken now: what the lake holds by now happened before it.
                held.scores.refresh(part, as_of=self.now())
                held.owed -= frozenset(part)
        except AimwellError as error:
            _log.warning("%s cannot be worked out: %s", held.entry.label, error)
            held.trouble = f"It cannot be worked out just now: {error}"
            held.owed |= frozenset(profiles)
            held.not_before = self.clock() + _AGAIN_SECONDS
        else:
            held.trouble = held.trouble if held.owed else None

    def _last_scoring(self, entry: RegisteredModel) -> Scoring | None:
        return last_scoring(self.stores, entry, before=self.now())

    def _make_room(self) -> None:
        """Let go of what was not asked for for longest; one model stays, however large it is."""
        by_age = sorted(self._held.items(), key=lambda one: one[1].asked_at)
        while len(by_age) > 1 and self.size_bytes > self.bytes_max:
            name, _ = by_age.pop(0)
            del self._held[name]


def _everybody(stores: Stores, entry: RegisteredModel, scoring: Scoring | None) -> CurrentScores:
    """The scores that were written, without those who are no more."""
    if scoring is None:
        return CurrentScores(stores, entry, None, KeptScores.of_table(SCORES.empty_table(), _EVER))
    found = stored_scores(stores, entry, scoring.as_of)
    kept = KeptScores.of_table(SCORES.empty_table() if found is None else found, scoring.as_of)
    return CurrentScores(
        stores,
        entry,
        scoring.as_of,
        kept.without(no_more(stores, erased_since=scoring.scored_at)),
    )


_EVER = datetime(1970, 1, 1, tzinfo=UTC)


def _served(held: _Held, figure: Figure | None, reason: str | None) -> ServedScore:
    entry = held.entry
    horizon = entry.settings.get("horizon_days")
    return ServedScore(
        entry.name,
        entry.version,
        str(entry.kind),
        None if horizon is None else int(horizon),
        figure,
        reason,
    )


def _word(held: _Held, profile_id: str, found: Figure) -> str | None:
    """What to know of a score that is there."""
    if found.score is None:
        return "The model does not know enough of this person to tell."
    if profile_id in held.owed:
        return held.trouble
    if held.behind_at is not None and found.as_of <= held.behind_at:
        return (
            f"More than {TOUCHED_MAX:,} people have changed since everybody was scored; this is as it was then. Score "
            f"everybody anew: aimwell predict score {held.entry.name}"
        )
    return None


def _never(held: _Held) -> str:
    if held.scoring is None:
        return f"{held.entry.label} has scored nobody yet. Its definition can ask for that each night (score: true)."
    return (
        f"{held.entry.label} said nothing of this person as of {held.scoring.as_of:%Y-%m-%d %H:%M %Z}: they were not known "
        "then, or it is not asked of them."
    )
