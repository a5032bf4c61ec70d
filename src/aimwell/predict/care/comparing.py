"""Champion and challenger: two versions of a propensity on the same people of a later time.

Who did what was in the future of both when they learnt. The log loss is compared person by person, so what makes some people
hard for both cancels out. A version that was trained a horizon before its people's outcomes end has chosen its learner among three
on these very people, which flatters it by far less than the interval is wide.
"""

from __future__ import annotations

from datetime import datetime

from aimwell.errors import PredictError
from aimwell.predict.care.later_people import later_people
from aimwell.predict.care.model import Comparison
from aimwell.predict.judging import judge, losses
from aimwell.predict.paired import paired_difference
from aimwell.predict.propensity import PropensityModel
from aimwell.predict.questions import Question
from aimwell.predict.registry import RegisteredModel, find_model, load_part
from aimwell.predict.service import PART
from aimwell.stats.estimate import Estimate
from aimwell.store.stores import Stores

__all__ = ["compare"]


def compare(
    stores: Stores,
    one: RegisteredModel | str,
    other: RegisteredModel | str,
    *,
    as_of: datetime,
) -> Comparison:
    """Which of two versions is better on people of one horizon before `as_of`.

    Args:
        stores: The workspace.
        one, other: Registered versions, or names (`buy-90d`: the one in use; `buy-90d@2`).
        as_of: Nothing from this moment on is seen.

    Raises:
        PredictError: They are not two propensities of one question, or one of them has learnt from these people's outcomes.
        ModelFileError: Files are missing or were changed.
    """
    entries = [find_model(stores, m) if isinstance(m, str) else m for m in (one, other)]
    question = _same_question(entries)
    models = [load_part(stores, entry, PART, PropensityModel) for entry in entries]
    _, table = later_people(stores, list(zip(entries, models, strict=True)), question, as_of=as_of)
    happened = table.happened
    chances = [model.predict(table) for model in models]
    extra = paired_difference(losses(chances[0], happened) - losses(chances[1], happened))
    labels = (entries[0].label, entries[1].label)
    better = None
    if extra.upper is not None and extra.upper < 0:
        better = labels[0]
    elif extra.lower is not None and extra.lower > 0:
        better = labels[1]
    judged = [judge(chance, happened) for chance in chances]
    return Comparison(
        one=labels[0],
        other=labels[1],
        as_of=table.as_of,
        people=len(table),
        positives=int(happened.sum()),
        one_judged=judged[0],
        other_judged=judged[1],
        extra_loss=extra,
        better=better,
        sentence=_sentence(labels, extra, better, len(table)),
    )


def _same_question(entries: list[RegisteredModel]) -> Question:
    for entry in entries:
        if entry.kind != "propensity":
            raise PredictError(
                f"'{entry.name}' is a model of {entry.kind.replace('_', ' ')}; propensities are compared."
            )
    asked = [Question.from_settings(entry.settings) for entry in entries]
    horizons = [int(entry.settings["horizon_days"]) for entry in entries]
    same = (asked[0].acts, asked[0].among, horizons[0]) == (
        asked[1].acts,
        asked[1].among,
        horizons[1],
    )
    if not same:
        told = [
            f"{one.whose} {one.does} within {days} days"
            for one, days in zip(asked, horizons, strict=True)
        ]
        raise PredictError(
            f"They answer different questions, so which is better cannot be asked: {told[0]}; {told[1]}."
        )
    return asked[0]


def _sentence(labels: tuple[str, str], extra: Estimate, better: str | None, people: int) -> str:
    told = f"on {people:,} people the log loss of {labels[0]} is {extra.estimate:+.4f} ({extra.lower:+.4f} to {extra.upper:+.4f}) against that of {labels[1]}"
    if better is None:
        return f"Chance may have made the difference: {told}."
    return f"{better} is better: {told}."
