"""What care finds of a model: shifts, how good it has been since, and how two versions compare."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Literal

from aimwell.predict.judging import Judgement
from aimwell.stats.drift import Drift, Shift
from aimwell.stats.estimate import Estimate

__all__ = [
    "SCORES",
    "Comparison",
    "Monitored",
    "Realised",
    "RealisedLoss",
    "Shifted",
    "Verdict",
]

SCORES = "probabilities"
"""The name under which the model's own probabilities stand among what has shifted."""

Verdict = Literal["fine", "look at it", "train it anew", "cannot tell"]


@dataclass(frozen=True, slots=True)
class Shifted:
    """One feature of today's people, or the model's probabilities, against those on whom it was judged.

    `weight`: share (0-1) of what tells people apart in the model; None for the probabilities. `q_value` counts how many were
    looked at.
    """

    name: str
    weight: float | None
    drift: Drift
    q_value: float
    shift: Shift


@dataclass(frozen=True, slots=True)
class Realised:
    """How good the model was on people whose outcomes have come since, told by what was known of them then.

    Args:
        as_of: Their moment; it had not seen what they did after.
        judgement: Of them.
        auc_change: AUC now less that when it was judged, with interval.
        level: Share that did it less the mean probability, with interval.
        worse: The AUC has fallen by more than chance.
        off: The level is off by more than chance, and by a tenth of itself or more.
    """

    as_of: datetime
    judgement: Judgement
    auc_change: Estimate
    level: Estimate
    worse: bool
    off: bool


@dataclass(frozen=True, slots=True)
class RealisedLoss:
    """The same of a model that is judged by a loss per person, and not by probabilities of one event.

    Args:
        as_of: The moment of the people; what came after it the version had not learnt from.
        people: How many.
        units: What is counted as `people`, in words.
        measure: Of the loss; less is better.
        dull: The rule that it is held against, which knows nothing of the person.
        loss: Mean over people.
        gain: Loss of the dull rule less that of the model; above 0 the model is worth something.
        gain_change: `gain` less that of the people on whom it was judged first.
        expected, came: What was expected of all of them together, and what came; None where nothing is added up.
        level: What came less what was expected, a person; missing where nothing is added up.
        worse: The gain has fallen by more than chance.
        off: The level is off by more than chance, and by a tenth of itself or more.
        stand_in: Why what was judged is not the version itself; None where it is.
    """

    as_of: datetime
    people: int
    units: str
    measure: str
    dull: str
    loss: float
    gain: Estimate
    gain_change: Estimate
    expected: float | None
    came: float | None
    level: Estimate
    worse: bool
    off: bool
    stand_in: str | None


@dataclass(frozen=True, slots=True)
class Monitored:
    """What was found of one version as of a moment.

    Args:
        model: Name and version.
        as_of: Nothing from this moment on was seen.
        people: Today's.
        units: What is counted as `people`: of a law of buying it is purchases that are looked at.
        shifts: The probabilities, then features by falling weight.
        realised: None where no outcome is complete yet, for `realised_reason`.
        verdict: In short.
        findings: In words, the gravest first.
    """

    model: str
    as_of: datetime
    people: int
    shifts: tuple[Shifted, ...]
    realised: Realised | RealisedLoss | None
    realised_reason: str | None
    verdict: Verdict
    findings: tuple[str, ...]
    units: str = "people"

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two versions on the same later people.

    Args:
        one, other: Name and version.
        as_of: The moment of the people.
        people, positives: How many, and how many did it; None where it is not about doing something or not.
        measure: Of the loss; less is better.
        one_loss, other_loss: Mean over people.
        one_judged, other_judged: Each by itself; None where it is no probability of one event.
        extra_loss: Loss of `one` above that of `other`, person by person; below 0 means that `one` is better.
        better: The label of the better one; None where chance may have made the difference.
        stand_ins: Label → why what was compared is not the version itself.
        sentence: In words.
    """

    one: str
    other: str
    as_of: datetime
    people: int
    positives: int | None
    measure: str
    one_loss: float
    other_loss: float
    one_judged: Judgement | None
    other_judged: Judgement | None
    extra_loss: Estimate
    better: str | None
    sentence: str
    stand_ins: Mapping[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)
