"""What a kept model says of everybody known at a moment, those included who came after it was learnt."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from aimwell.errors import SegmentError
from aimwell.history.moment import Moment, open_moment
from aimwell.segment.attributes.people_table import people_table
from aimwell.segment.cards.look_alikes import LookAlikes
from aimwell.segment.cards.score_card import ScoreCard
from aimwell.segment.classes.latent_classes import AnswerSheet
from aimwell.segment.classes.model import ClassModel
from aimwell.segment.classes.survey_answers import answer_sheet
from aimwell.segment.classes.typing_model import TypingModel
from aimwell.segment.clusters.model import ClusterModel
from aimwell.segment.clusters.service import assign_people
from aimwell.segment.micro.model import MicroModel
from aimwell.segment.models.files import read_model
from aimwell.store.stores import Stores

__all__ = ["AnyModel", "class_people", "read_any", "said_of_people", "scored_people"]

AnyModel = ClusterModel | ClassModel | ScoreCard | LookAlikes | MicroModel

_READERS: Mapping[str, Callable[[str], AnyModel]] = {
    "clusters": ClusterModel.from_json,
    "latent_classes": ClassModel.from_json,
    "score_card": ScoreCard.from_json,
    "look_alikes": LookAlikes.from_json,
    "micro_segments": MicroModel.from_json,
}


def read_any(stores: Stores, name: str, *, kind: str) -> tuple[AnyModel, int]:
    """The newest kept version of a model, and which it is. Errors as in `read_model`."""
    return read_model(stores, name, kind=kind, read=_READERS[kind])


def said_of_people(stores: Stores, model: AnyModel, *, as_of: datetime) -> pa.Table:
    """What a model says of everybody among whom it divides or ranks.

    Args:
        stores: The workspace.
        model: A kept model.
        as_of: Nothing from this moment on is looked at.

    Returns:
        `profile_id` and `group` (with more columns), or `score` (0 to 1).

    Raises:
        SegmentError: The model has seen later data than `as_of` leaves.
    """
    learnt = model.card.as_of if isinstance(model, LookAlikes) else model.as_of
    if as_of < learnt:
        raise SegmentError(
            f"'{model.name}' has seen data up to {learnt:%Y-%m-%d %H:%M %Z}, so what it says as of "
            f"{as_of:%Y-%m-%d %H:%M %Z} would know its own future. Take a later moment, or learn it as of that one."
        )
    with open_moment(stores, as_of=as_of) as moment:
        if isinstance(model, ClusterModel):
            return assign_people(moment, model)
        if isinstance(model, ClassModel):
            return _classes(moment, model)
        if isinstance(model, MicroModel):
            return model.people(moment)
        card = model.card if isinstance(model, LookAlikes) else model
        return scored_people(model, people_table(moment, card.columns, among=card.among))


def _classes(moment: Moment, model: ClassModel) -> pa.Table:
    names = [item.name for item in model.items]
    sheet, people = answer_sheet(moment, model.survey, names, items=model.items)
    table = None
    if isinstance(model.typing, TypingModel) and model.typing.tells:
        table = people_table(moment, model.typing.preparation.names, among=model.among)
    return class_people(model, sheet, people, table)


def class_people(
    model: ClassModel, sheet: AnswerSheet, people: pa.Array, others: pa.Table | None
) -> pa.Table:
    """The class of those who answered half of the questions, by their answers, and of `others` by the typing model."""
    enough = sheet.given * 2 >= len(sheet.items)
    placed = model.assign(sheet.take(enough), people.filter(pa.array(enough)))
    if others is None:
        return placed
    answered = placed.column("profile_id").combine_chunks()
    rest = others.filter(pc.invert(pc.is_in(others.column("profile_id"), answered)))
    return pa.concat_tables([placed, model.place(rest).cast(placed.schema)])


def scored_people(model: ScoreCard | LookAlikes, table: pa.Table) -> pa.Table:
    """`profile_id` and `score`: the chance that the points stand for, or the likeness."""
    card = model if isinstance(model, ScoreCard) else model.card
    points = card.points(table)
    score = card.chances(points) if isinstance(model, ScoreCard) else model.similarity(points)
    return pa.table({"profile_id": table.column("profile_id"), "score": pa.array(score)})
