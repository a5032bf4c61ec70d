"""`survey`: what each question of a survey is, so that its answers can be checked and others know which is the NPS."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from aimwell.definitions.base import Definition, Part
from aimwell.definitions.source_entity import FieldName

__all__ = ["AnswerKind", "Question", "QuestionType", "Survey"]

QuestionType = Literal["nps", "csat", "scale", "choice", "multiple", "text"]

AnswerKind = Literal[
    "demographic", "behavioural", "psychographic", "transactional", "feedback", "channel_preference"
]
"""What people can tell of themselves: each of the seven kinds but what others know of them."""

_RANGES: dict[str, tuple[float, float]] = {"nps": (0, 10), "csat": (1, 5), "scale": (1, 5)}


class Question(Part):
    """One question."""

    type: QuestionType = Field(
        description="nps (0–10: would you recommend us), csat (how satisfied), scale (a number), choice (one of "
        "`allowed`), multiple (several of `allowed`) or text (free; to the vault)."
    )
    data: AnswerKind = Field(
        default="feedback",
        description="Which kind of data about a person the answer is: feedback, psychographic (what they like and "
        "value), demographic (who they are) …",
    )
    wording: str = Field(default="", max_length=2000, description="The question, as it was asked.")
    lowest: float | None = Field(default=None, description="Lowest number; default: 1, of nps 0.")
    highest: float | None = Field(
        default=None, description="Highest number; default: 5, of nps 10."
    )
    allowed: tuple[Annotated[str, Field(min_length=1, max_length=200)], ...] = Field(
        default=(), description="The answers that there are, of choice and multiple."
    )
    numbers: dict[str, float] = Field(
        default={}, description="Answer in words → the number that it stands for: {Satisfied: 1}."
    )
    separator: Annotated[str, Field(min_length=1, max_length=3)] = Field(
        default=";", description="What stands between the answers of `multiple` in one field."
    )
    not_applicable: tuple[str, ...] = Field(
        default=(), description="Answers that mean the question does not apply, as '0'."
    )

    @property
    def range(self) -> tuple[float, float] | None:
        """The lowest and highest number; None where answers are no numbers."""
        if self.type not in _RANGES:
            return None
        low, high = _RANGES[self.type]
        return (
            low if self.lowest is None else self.lowest,
            high if self.highest is None else self.highest,
        )

    @model_validator(mode="after")
    def _sensible(self) -> Question:
        if self.type in ("choice", "multiple") and not self.allowed:
            raise ValueError(
                f"a question of the type {self.type} needs its answers: allowed: [yes, no]"
            )
        if self.type not in ("choice", "multiple") and self.allowed:
            raise ValueError(
                "`allowed` is for choice and multiple; numbers have `lowest` and `highest`"
            )
        if self.range is None and (self.lowest is not None or self.highest is not None):
            raise ValueError("`lowest` and `highest` are for nps, csat and scale")
        if self.range is not None and self.range[0] >= self.range[1]:
            raise ValueError("`lowest` must be below `highest`")
        if self.type == "nps" and self.range != (0, 10):
            raise ValueError(
                "an NPS is asked from 0 to 10; call it a scale if it was asked otherwise"
            )
        if self.range is not None:
            low, high = self.range
            beyond = [word for word, number in self.numbers.items() if not low <= number <= high]
            if beyond:
                raise ValueError(
                    f"`numbers` of {', '.join(beyond)} are not from {low:g} to {high:g}"
                )
        return self


class Survey(Definition):
    """A survey: its questions by the names that answers bear."""

    kind: Literal["survey"] = "survey"
    questions: Annotated[dict[FieldName, Question], Field(min_length=1)]
