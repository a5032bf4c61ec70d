"""Champion and challenger: two versions of a propensity on the same people of a later time.

Who did what was in the future of both when they learnt. The log loss is compared person by person, so what makes some people
hard for both cancels out. A version that was trained a horizon before its people's outcomes end has chosen its learner among three
on these very people, which flatters it by far less than the interval is wide.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from aimwell.errors import PredictError
from aimwell.predict.care.later_people import later_people
from aimwell.predict.care.model import Comparison
from aimwell.predict.judging import judge, losses
from aimwell.predict.paired import paired_difference
from aimwell.predict.propensity import PropensityModel
from aimwell.predict.questions import Question
from aimwell.predict.registry import RegisteredModel, load_part
from aimwell.predict.service import PART
from aimwell.predict.tables import FeatureTable
from aimwell.stats.estimate import Estimate
from aimwell.store.stores import Stores

__all__ = ["better_of", "compare_propensities", "compared_sentence"]


def compare_propensities(
    stores: Stores, entries: Sequence[RegisteredModel], *, as_of: datetime
) -> Comparison:
    """Which of two versions is better on people of one horizon before `as_of`.

    Args:
        stores: The workspace.
        entries: Two registered propensities.
        as_of: Nothing from this moment on is seen.

    Raises:
        PredictError: They are of different questions, or one of them has learnt from these people's outcomes.
        ModelFileError: Files are missing or were changed.
    """
    question = _same_question(entries)
    models = [load_part(stores, entry, PART, PropensityModel) for entry in entries]
    tables = _tables(stores, entries, models, question, as_of=as_of)
    table = tables[0]
    happened = table.happened
    chances = [model.predict(seen) for model, seen in zip(models, tables, strict=True)]
    each = [losses(chance, happened) for chance in chances]
    extra = paired_difference(each[0] - each[1])
    labels = (entries[0].label, entries[1].label)
    better = better_of(labels, extra)
    judged = [judge(chance, happened) for chance in chances]
    return Comparison(
        one=labels[0],
        other=labels[1],
        as_of=table.as_of,
        people=len(table),
        positives=int(happened.sum()),
        measure="log loss",
        one_loss=judged[0].log_loss,
        other_loss=judged[1].log_loss,
        one_judged=judged[0],
        other_judged=judged[1],
        extra_loss=extra,
        better=better,
        sentence=compared_sentence(labels, extra, better, len(table), "log loss"),
    )


def _tables(
    stores: Stores,
    entries: Sequence[RegisteredModel],
    models: Sequence[PropensityModel],
    question: Question,
    *,
    as_of: datetime,
) -> list[FeatureTable]:
    """What each version looks at of the same people, own features by the words that it has learnt from."""
    pairs = list(zip(entries, models, strict=True))
    owns = [Question.from_settings(entry.settings).own for entry in entries]
    if owns[0] == owns[1]:
        return [later_people(stores, pairs, question, as_of=as_of)[1]] * 2
    return [
        later_people(stores, [pair], replace(question, own=own), as_of=as_of)[1]
        for pair, own in zip(pairs, owns, strict=True)
    ]


def better_of(labels: tuple[str, str], extra: Estimate) -> str | None:
    """The label of the one whose loss is less by more than chance; None where chance may have made the difference."""
    if extra.upper is not None and extra.upper < 0:
        return labels[0]
    if extra.lower is not None and extra.lower > 0:
        return labels[1]
    return None


def _same_question(entries: Sequence[RegisteredModel]) -> Question:
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


def compared_sentence(
    labels: tuple[str, str], extra: Estimate, better: str | None, people: int, measure: str
) -> str:
    """What was found, in one sentence."""
    told = f"on {people:,} people the {measure} of {labels[0]} is {extra.estimate:+.4f} ({extra.lower:+.4f} to {extra.upper:+.4f}) against that of {labels[1]}"
    if better is None:
        return f"Chance may have made the difference: {told}."
    return f"{better} is better: {told}."
