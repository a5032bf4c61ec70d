"""Micro-segments and advocacy as definitions ask for them; see `modelling`."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa

from aimwell.definitions.kinds.model import Model
from aimwell.history.moment import open_moment
from aimwell.segment.advocacy.service import Answers, advocacy
from aimwell.segment.micro.model import MicroModel
from aimwell.segment.micro.service import micro_segments
from aimwell.segment.models.built import Built
from aimwell.segment.models.files import keep_model
from aimwell.store.stores import Stores

__all__ = ["build_advocacy", "build_micro"]

_HORIZON = timedelta(days=90)


def build_micro(stores: Stores, model: Model, *, as_of: datetime, now: datetime) -> Built:
    """Look for micro-segments, and keep their rules; everybody is in the group of now. Errors as in `micro_segments`."""
    snapshot = stores.lake.pin()
    found = micro_segments(
        stores,
        as_of=as_of,
        horizon=model.horizon or _HORIZON,
        response=model.response or "revenue",
        crossed=model.cross or None,
        fewest=model.fewest or 100,
        deepest=model.deepest or 4,
        seed=model.seed,
    )
    if len(found.groups) < 2:
        return Built(model, None, found.sentence, None, None, figures=found)
    rules = {f"group {place}": one.rule for place, one in enumerate(found.groups, start=1)}
    kept = MicroModel(model.name, as_of, rules)
    version = keep_model(
        stores,
        kept,
        kind=model.type,
        name=model.name,
        as_of=as_of,
        settings=model.settings(),
        metrics={"reason": found.sentence, "groups": len(rules)},
        now=now,
        snapshot=snapshot,
    )
    with open_moment(stores, as_of=as_of, snapshot=snapshot) as moment:
        people = kept.people(moment)
    return Built(model, kept, found.sentence, version, people, figures=found)


def build_advocacy(stores: Stores, model: Model, *, as_of: datetime) -> Built:
    """Who promotes and detracts by their answers, and who of the silent likely does. Errors as in `advocacy`.

    Nothing is kept: with each answer that comes in others are silent.
    """
    with open_moment(stores, as_of=as_of) as moment:
        found, answers = advocacy(moment, str(model.survey), model.question or "", seed=model.seed)
    return Built(model, None, found.sentence, None, _standings(answers), figures=found)


def _standings(answers: Answers) -> pa.Table:
    """Everybody's standing: `profile_id`, and `group`: promoter, passive, detractor; likely promoter, likely detractor, neither."""
    groups: dict[str, Any] = dict.fromkeys(answers.silent, "neither")
    groups |= {one: f"likely {kind}" for one, kind in answers.likely.items()}
    groups |= answers.told
    people = sorted(groups)
    return pa.table(
        {
            "profile_id": pa.array(people, pa.string()),
            "group": pa.array([groups[one] for one in people], pa.string()),
        }
    )
