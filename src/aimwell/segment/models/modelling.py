"""Models as definitions ask for them: learn, judge, keep, and write what they say of people.

Each `build_*` gives what was found, kept as a new version where there is something; nothing is published yet.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlglot import exp

from aimwell.definitions import service as definitions
from aimwell.definitions.kinds.model import Model
from aimwell.definitions.kinds.segment import Segment
from aimwell.definitions.leaves.feature import FeatureRule
from aimwell.definitions.leaves.trait import TraitRule
from aimwell.definitions.rules import walk
from aimwell.definitions.special_data import Asks
from aimwell.errors import SegmentError
from aimwell.history.features import feature_names
from aimwell.history.moment import Moment, open_moment
from aimwell.segment.attributes.people_table import is_special, people_table
from aimwell.segment.cards.fitting import fit_score_card
from aimwell.segment.cards.look_alikes import LookAlikes, fit_look_alikes
from aimwell.segment.cards.score_card import ScoreCard
from aimwell.segment.classes.model import find_classes
from aimwell.segment.classes.survey_answers import answer_sheet
from aimwell.segment.clusters.files import save_clusters
from aimwell.segment.clusters.service import CLUSTER_FEATURES, find_clusters
from aimwell.segment.models.applying import (
    class_people,
    read_any,
    said_of_people,
    scored_people,
)
from aimwell.segment.models.built import Built
from aimwell.segment.models.files import keep_model
from aimwell.segment.models.group_models import build_advocacy, build_micro
from aimwell.segment.models.publishing import group_trait, publish_groups, publish_scores
from aimwell.segment.rules.scope import ago
from aimwell.segment.service import members
from aimwell.store.sql import sql
from aimwell.store.stores import Stores

__all__ = ["apply_kept", "build_model", "publish_built"]

_TRAITS_MAX = 100


def build_model(stores: Stores, wanted: str | Model, *, as_of: datetime, now: datetime) -> Built:
    """Learn a model, and keep it if there is anything to keep.

    Args:
        stores: The workspace.
        wanted: A definition, or its name.
        as_of: Nothing from this moment on is looked at.
        now: When.

    Raises:
        UnknownDefinitionError: There is no such model, segment or survey.
        SegmentError: Nobody has a trait that is asked for; the name belongs to a model of another kind.
    """
    model = definitions.find(stores.control, Model, wanted) if isinstance(wanted, str) else wanted
    if model.type == "clusters":
        return _clusters(stores, model, as_of, now)
    if model.type == "latent_classes":
        return _classes(stores, model, as_of, now)
    if model.type == "micro_segments":
        return build_micro(stores, model, as_of=as_of, now=now)
    if model.type == "advocacy":
        return build_advocacy(stores, model, as_of=as_of)
    return _ranking(stores, model, as_of, now)


def apply_kept(stores: Stores, wanted: str | Model, *, as_of: datetime) -> Built:
    """What the newest kept version says of everybody, those included who came after it was learnt. Nothing is learnt.

    Of advocacy nothing is kept, and it is asked anew.

    Args:
        stores: The workspace.
        wanted: A definition, or its name.
        as_of: Nothing from this moment on is looked at.

    Raises:
        UnknownDefinitionError: There is no such model.
        SegmentError: None was learnt yet, or it has seen later data than `as_of` leaves.
    """
    model = definitions.find(stores.control, Model, wanted) if isinstance(wanted, str) else wanted
    if model.type == "advocacy":
        return build_advocacy(stores, model, as_of=as_of)
    kept, version = read_any(stores, model.name, kind=model.type)
    people = said_of_people(stores, kept, as_of=as_of)
    reason = f"{model.name}@{version}, as it was learnt, says it of {people.num_rows:,} people."
    return Built(model, kept, reason, version, people)


def publish_built(
    stores: Stores, built: Built, *, as_of: datetime, now: datetime, changes_only: bool = False
) -> int:
    """Write what a model says of people, for rules: a trait `cluster:NAME`, or a score. Returns how many people.

    With `changes_only` nobody's group is written who is in it already; scores always are, for a rule may ask how old they are.
    """
    if built.people is None:
        return 0
    name = built.definition.name
    if "group" in built.people.schema.names:
        people = _moved(stores, built.people, name, as_of) if changes_only else built.people
        return publish_groups(stores, people, name=name, as_of=as_of, now=now)
    assert built.version is not None  # noqa: S101 - what gives scores is kept
    return publish_scores(
        stores, built.people, name=name, version=built.version, as_of=as_of, now=now
    )


def _moved(stores: Stores, people: pa.Table, name: str, as_of: datetime) -> pa.Table:
    """Those whose group is another one than rules find by now."""
    with open_moment(stores, as_of=as_of) as moment:
        moment.session.bind("said", people.select(["profile_id", "group"]))
        rows = moment.session.table(
            sql(
                """
                SELECT s.profile_id, s."group" FROM said AS s
                LEFT JOIN :held AS t ON t.profile_id = s.profile_id
                WHERE t.value IS NULL OR t.value <> s."group" ORDER BY s.profile_id
                """,
                held=exp.Subquery(this=moment.latest_trait(group_trait(name))),
            )
        )
    return rows


def _clusters(stores: Stores, model: Model, as_of: datetime, now: datetime) -> Built:
    snapshot = stores.lake.pin()
    found = find_clusters(
        stores,
        name=model.name,
        as_of=as_of,
        seed=model.seed,
        names=model.columns or CLUSTER_FEATURES,
        largest=model.largest or 8,
        method=model.method or "kmeans",
        number=model.groups,
        among=model.people,
        snapshot=snapshot,
    )
    if found.model is None:
        return Built(model, None, found.reason, None, None)
    version = save_clusters(stores, found.model, now=now, snapshot=snapshot)
    return Built(model, found.model, found.reason, version, found.assignments, sketch=found.sketch)


def _classes(stores: Stores, model: Model, as_of: datetime, now: datetime) -> Built:
    snapshot = stores.lake.pin()
    with open_moment(stores, as_of=as_of, snapshot=snapshot) as moment:
        sheet, people = answer_sheet(moment, str(model.survey), model.questions)
        columns = model.columns
        table = people_table(moment, columns, among=model.people) if columns else None
    found = find_classes(
        sheet,
        people,
        name=model.name,
        survey=str(model.survey),
        as_of=as_of,
        seed=model.seed,
        largest=model.largest or 8,
        number=model.groups,
        known=table,
        columns=columns,
        among=model.people,
    )
    if found.model is None or found.assignments is None:
        return Built(model, None, found.reason, None, None)
    version = keep_model(
        stores,
        found.model,
        kind="latent_classes",
        name=model.name,
        as_of=as_of,
        settings=model.settings(),
        metrics={
            "groups": len(found.model.names),
            "reason": found.model.reason,
            "notes": list(found.model.notes),
            "candidates": [candidate.to_dict() for candidate in found.model.candidates],
        },
        now=now,
        snapshot=snapshot,
    )
    placed = class_people(found.model, sheet, people, table)
    return Built(model, found.model, found.model.reason, version, placed)


def _ranking(stores: Stores, model: Model, as_of: datetime, now: datetime) -> Built:
    """A score card, or look-alikes."""
    snapshot = stores.lake.pin()
    chosen = str(model.target if model.type == "score_card" else model.audience)
    segment = definitions.find(stores.control, Segment, chosen)
    before = ago(as_of, model.look_ahead) if model.look_ahead is not None else as_of
    with open_moment(stores, as_of=before, snapshot=snapshot) as moment:
        columns, excluded = _columns(moment, model, segment)
        table = people_table(moment, columns, among=model.people, visitors=before != as_of)
    who = members(stores, segment, as_of=as_of, snapshot=snapshot).column("profile_id")
    did = pc.is_in(table.column("profile_id"), who.combine_chunks())
    outcome = (
        np.asarray(did.to_numpy(zero_copy_only=False), dtype=bool)
        if len(did)
        else np.empty(0, bool)
    )
    found: ScoreCard | LookAlikes | None
    if model.type == "score_card":
        result = fit_score_card(
            table,
            columns,
            outcome,
            name=model.name,
            target=f"'{chosen}'",
            among=model.people,
            as_of=before,
            seed=model.seed,
        )
        found, reason = result.card, result.reason
    else:
        alike = fit_look_alikes(
            table,
            columns,
            outcome,
            name=model.name,
            audience=f"'{chosen}'",
            among=model.people,
            as_of=before,
            seed=model.seed,
        )
        found, reason = alike.model, alike.reason
    if found is None:
        return Built(model, None, reason, None, None, excluded)
    version = keep_model(
        stores,
        found,
        kind=model.type,
        name=model.name,
        as_of=before,
        settings=model.settings(),
        metrics={"reason": reason},
        now=now,
        snapshot=snapshot,
    )
    if before != as_of:
        with open_moment(stores, as_of=as_of, snapshot=snapshot) as moment:
            table = people_table(moment, columns, among=model.people)
    return Built(model, found, reason, version, scored_people(found, table), excluded)


def _columns(
    moment: Moment, model: Model, segment: Segment
) -> tuple[Sequence[str], tuple[str, ...]]:
    """The attributes to learn from, and those left out: what the target's own rule asks for would only tell itself.

    With a look ahead, what it asks for is of an earlier moment and may well tell something.
    """
    columns = model.columns
    if not columns:
        rows = moment.session.rows(
            sql(
                "SELECT name FROM traits WHERE NOT contains(name, ':') GROUP BY name "
                "ORDER BY count(*) DESC, name LIMIT :most",
                most=_TRAITS_MAX,
            )
        )
        traits = [
            f"trait:{row[0]}"
            for row in rows
            if not is_special(moment, Asks("trait", row[0], "columns"))
        ]
        columns = (*feature_names(), *traits)
    if model.look_ahead is not None:
        return columns, ()
    asked = set()
    for _path, node in walk(segment.rule):
        if isinstance(node, TraitRule):
            asked.add(f"trait:{node.trait}")
        elif isinstance(node, FeatureRule):
            asked.add(node.feature)
    kept = tuple(name for name in columns if name not in asked)
    if not kept:
        raise SegmentError(
            f"All columns are asked for by the rule of '{segment.name}' itself and tell nothing but it. Name others."
        )
    return kept, tuple(name for name in columns if name in asked)
