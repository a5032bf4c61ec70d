"""A model of latent classes: the questions, the chances of each answer in each class, and how others are placed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa

from aimwell.errors import SegmentError
from aimwell.segment.attributes.preparation import FloatArray
from aimwell.segment.classes.choice import ClassCandidate, ClassCount, choose_classes, entropy_r2
from aimwell.segment.classes.latent_classes import AnswerSheet, ClassFit, Item, fit_classes
from aimwell.segment.classes.typing_model import TypingModel, fit_typing
from aimwell.segment.clusters.names import name_groups

__all__ = ["ClassModel", "ClassResult", "find_classes"]

_FORMAT = 1
_ONE_SCALE = 0.9
_FIT_MAX = 50_000


@dataclass(frozen=True, eq=False)
class ClassModel:
    """Classes of people by their answers.

    Args:
        name: Of the model.
        survey: Whose questions.
        as_of: Moment of the answers.
        seed: Same answers and seed, same model.
        items: The questions in use.
        fit: Shares of the classes and chances of the answers.
        names: One a class, in plain words.
        entropy: How surely people belong to their class, 0 to 1.
        candidates: The numbers of classes that were tried.
        reason: Why this number.
        scale: Share of the differences between the classes' mean answers that is one of more or less in all questions;
            None where answers are no numbers.
        among: Of whom those are placed who did not answer.
        typing: How they are placed; None where that was not asked, or a reason why it cannot be.
    """

    name: str
    survey: str
    as_of: datetime
    seed: int
    items: tuple[Item, ...]
    fit: ClassFit
    names: tuple[str, ...]
    entropy: float
    candidates: tuple[ClassCandidate, ...]
    reason: str
    scale: float | None
    among: str
    typing: TypingModel | str | None = None

    @property
    def notes(self) -> tuple[str, ...]:
        """What to beware of, and how others are placed."""
        found = []
        if self.scale is not None and self.scale >= _ONE_SCALE:
            found.append(
                f"{self.scale:.0%} of the differences between the classes is one scale, from answering low to answering "
                "high in all: they are degrees rather than kinds."
            )
        if isinstance(self.typing, TypingModel):
            found.append(self.typing.sentence)
        elif self.typing is not None:
            found.append(f"Others cannot be placed: {self.typing}.")
        return tuple(found)

    @property
    def means(self) -> FloatArray | None:
        """Classes × questions: the mean answer; None where answers are no numbers."""
        scores = [item.scores for item in self.items]
        if any(one is None for one in scores):
            return None
        return _means(self.items, self.fit)

    def assign(self, sheet: AnswerSheet, people: pa.Array) -> pa.Table:
        """The class of people by their answers: `profile_id`, `cluster`, `group`, `probability`, `how` ('answers')."""
        members = self.fit.memberships(sheet)
        return self._placed(people, members, "answers")

    def place(self, table: pa.Table) -> pa.Table:
        """The class of people who did not answer, by the typing model; nobody where it cannot tell. As `assign`."""
        if not isinstance(self.typing, TypingModel) or not self.typing.tells:
            table = table.slice(0, 0)
            members = np.empty((0, len(self.names)))
        else:
            members = self.typing.probabilities(table)
        return self._placed(table.column("profile_id"), members, "typing")

    def _placed(self, people: Any, members: FloatArray, how: str) -> pa.Table:
        best = members.argmax(1) if len(members) else np.empty(0, dtype=np.int64)
        return pa.table(
            {
                "profile_id": people,
                "cluster": pa.array(best, pa.int64()),
                "group": pa.array(np.array(self.names, dtype=object)[best], pa.string()),
                "probability": pa.array(members[np.arange(len(best)), best], pa.float64()),
                "how": pa.array([how] * len(best), pa.string()),
            }
        )

    def to_json(self) -> str:
        """The whole model as text; `from_json` gives the same again."""
        typing = self.typing.to_dict() if isinstance(self.typing, TypingModel) else self.typing
        body = {
            "format": _FORMAT,
            **{
                name: getattr(self, name)
                for name in ("name", "survey", "seed", "entropy", "reason", "scale", "among")
            },
            "as_of": self.as_of.isoformat(),
            "items": [{"name": item.name, "levels": list(item.levels)} for item in self.items],
            "shares": self.fit.shares.tolist(),
            "chances": self.fit.chances.tolist(),
            "log_likelihood": self.fit.log_likelihood,
            "converged": self.fit.converged,
            "names": list(self.names),
            "candidates": [candidate.to_dict() for candidate in self.candidates],
            "typing": typing,
        }
        return json.dumps(body, indent=1, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> ClassModel:
        """A model from its text. Raises SegmentError where it is none of this format."""
        try:
            body: Mapping[str, Any] = json.loads(text)
            if body["format"] != _FORMAT:
                raise SegmentError(
                    f"This model has the format {body['format']}; this version reads {_FORMAT}. Fit it anew."
                )
            typing = body["typing"]
            return cls(
                name=body["name"],
                survey=body["survey"],
                as_of=datetime.fromisoformat(body["as_of"]),
                seed=body["seed"],
                items=tuple(Item(one["name"], tuple(one["levels"])) for one in body["items"]),
                fit=ClassFit(
                    np.array(body["shares"], dtype=np.float64),
                    np.array(body["chances"], dtype=np.float64),
                    body["log_likelihood"],
                    body["converged"],
                ),
                names=tuple(body["names"]),
                entropy=body["entropy"],
                candidates=tuple(ClassCandidate(**one) for one in body["candidates"]),
                reason=body["reason"],
                scale=body["scale"],
                among=body["among"],
                typing=TypingModel.from_dict(typing) if isinstance(typing, Mapping) else typing,
            )
        except (ValueError, KeyError, TypeError) as error:
            raise SegmentError(f"This is no model of classes: {error}. Fit it anew.") from error


@dataclass(frozen=True, eq=False)
class ClassResult:
    """A model with the class of everyone who answered, or the reason why there is none."""

    model: ClassModel | None
    count: ClassCount
    assignments: pa.Table | None

    @property
    def reason(self) -> str:
        """Why this number of classes, or why none."""
        return self.count.reason


def find_classes(
    sheet: AnswerSheet,
    people: pa.Array,
    *,
    name: str,
    survey: str,
    as_of: datetime,
    seed: int,
    largest: int = 8,
    number: int | None = None,
    known: pa.Table | None = None,
    columns: Sequence[str] = (),
    among: str = "everybody",
) -> ClassResult:
    """Look for classes among those who answered at least half of the questions, and learn to place others.

    Args:
        sheet: Answers.
        people: Whose, in their order.
        name, survey, as_of: Of the model.
        seed: Same answers and seed, same classes.
        largest: Most classes to try.
        number: So many classes, whatever speaks against it.
        known: `profile_id` and `columns` of those who answered, in any order, to learn to place others by.
        columns: Features and traits to place them by.
        among: Of whom others are placed, for the record.
    """
    enough = sheet.given * 2 >= len(sheet.items)
    answered, whose = sheet.take(enough), people.filter(pa.array(enough))
    count = choose_classes(answered, seed=seed, largest=largest, number=number)
    if count.number is None:
        return ClassResult(None, count, None)
    some = answered
    if len(answered) > _FIT_MAX:
        draw = np.random.default_rng(seed)
        some = answered.take(np.sort(draw.choice(len(answered), _FIT_MAX, replace=False)))
    fit = fit_classes(some, count.number, seed=seed)
    model = ClassModel(
        name=name,
        survey=survey,
        as_of=as_of,
        seed=seed,
        items=sheet.items,
        fit=fit,
        names=_called(sheet.items, fit),
        entropy=entropy_r2(fit, some),
        candidates=count.candidates,
        reason=count.reason,
        scale=_one_scale(sheet.items, fit),
        among=among,
    )
    placed = model.assign(answered, whose)
    if known is not None:
        joined = known.join(
            placed.select(["profile_id", "cluster"]), "profile_id", join_type="inner"
        )
        joined = joined.sort_by("profile_id")
        groups = joined.column("cluster").to_numpy()
        typing = fit_typing(joined, columns, groups, count.number, seed=seed)
        model = ClassModel(**{**vars(model), "typing": typing})
    return ClassResult(model, count, placed)


def _means(items: Sequence[Item], fit: ClassFit) -> FloatArray:
    parts, start = [], 0
    for item in items:
        width = len(item.levels)
        parts.append(fit.chances[:, start : start + width] @ np.array(item.scores or [0.0] * width))
        start += width
    return np.column_stack(parts)


def _called(items: Sequence[Item], fit: ClassFit) -> tuple[str, ...]:
    """Names by the answers that are farthest from everybody's, in deviations."""
    columns, labels, start = [], [], 0
    for item in items:
        chances = fit.chances[:, start : start + len(item.levels)]
        start += len(item.levels)
        overall = fit.shares @ chances
        if item.scores is not None:
            scores = np.array(item.scores)
            mean = float(overall @ scores)
            spread = max(float(overall @ (scores - mean) ** 2), 1e-12) ** 0.5
            columns.append((chances @ scores - mean) / spread)
            labels.append(item.name)
        else:
            for place, level in enumerate(item.levels):
                spread = max(float(overall[place] * (1 - overall[place])), 1e-12) ** 0.5
                columns.append((chances[:, place] - overall[place]) / spread)
                labels.append(f"{item.name}={level}")
    return name_groups(np.column_stack(columns), labels)


def _one_scale(items: Sequence[Item], fit: ClassFit) -> float | None:
    if any(item.scores is None for item in items):
        return None
    means = _means(items, fit)
    away = means - fit.shares @ means
    spread = np.sqrt(fit.shares @ away**2)
    away = away / np.where(spread > 1e-9, spread, 1.0) * np.sqrt(fit.shares)[:, None]
    total = float((away**2).sum())
    if total < 1e-12:
        return None
    _left, _values, right = np.linalg.svd(away, full_matrices=False)
    first = right[0]
    if not ((first > -0.1).all() or (first < 0.1).all()):
        return 0.0
    return float(((away @ first) ** 2).sum()) / total
