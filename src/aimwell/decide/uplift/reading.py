"""Experiments with what was known of people: our own campaigns, imported ones, and treatments that were only observed.

Features are those of the moment of the first assignment, and outcomes begin there, both through `history`. In a later wave of a campaign, features of
whom an earlier one drew are those of before that one (see `knowing`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from aimwell.decide.uplift.assigned import (
    CONTROL,
    Assigned,
    no_experiment,
    read_assigned,
)
from aimwell.decide.uplift.coding import Coding
from aimwell.decide.uplift.data import ExperimentData, experiment_of
from aimwell.decide.uplift.knowing import drawn_before, features_known
from aimwell.decide.uplift.observing import Overlap, observed_experiment
from aimwell.decide.uplift.own_outcomes import own_outcomes
from aimwell.definitions.kinds.model import TRAIT_PREFIX
from aimwell.history.moment import open_moment
from aimwell.segment.attributes.people_table import EVERYBODY, people_table
from aimwell.stats.srm import RatioCheck, check_ratio
from aimwell.store.sql import sql
from aimwell.store.stores import Stores

__all__ = [
    "ReadExperiment",
    "read_experiment",
    "read_observed",
    "traits_of",
]

_TREATED = "treated"
_SAME = 1e-9
_EARLIER = (
    "{people:,} people were drawn by an earlier wave too; what they did since is in part an effect of it, so features of theirs are those of before "
    "the first."
)

_TOUCHED = """
SELECT profile_id, min(occurred_at) AS touched_at FROM touches
WHERE campaign = :campaign AND profile_id IS NOT NULL GROUP BY profile_id ORDER BY profile_id
"""


@dataclass(frozen=True, slots=True, eq=False)
class ReadExperiment:
    """An experiment with where it came from.

    Args:
        name: Of the experiment or campaign.
        data: What is learnt from.
        profiles: Of its rows.
        as_of: Features are known before it, outcomes come from it on.
        window_days: How long outcomes were counted; None: the report does not say.
        coding: How features became numbers.
        overlap: Where treatment was only observed.
        known_at: Of each row, before when its features are known: the first wave of the campaign that drew them. Null: before `as_of`.
    """

    name: str
    data: ExperimentData
    profiles: pa.Array
    as_of: datetime
    window_days: float | None
    coding: Coding
    overlap: Overlap | None = None
    known_at: pa.Array | None = None

    def take(self, rows: NDArray[np.intp]) -> ReadExperiment:
        """Only these people."""
        places = pa.array(rows)
        return replace(
            self,
            data=self.data.take(rows),
            profiles=self.profiles.take(places),
            known_at=None if self.known_at is None else self.known_at.take(places),
        )


def read_experiment(
    stores: Stores,
    name: str,
    *,
    now: datetime,
    horizon_days: float = 14.0,
    columns: Sequence[str] = (),
    plan_id: str | None = None,
    coding: Coding | None = None,
) -> ReadExperiment:
    """A campaign of our own or an imported experiment, by the name under which its assignments lie.

    Args:
        stores: The workspace.
        name: Of the experiment.
        now: Nothing from this moment on is seen.
        horizon_days: How long outcomes count, where no outcomes were imported with the experiment.
        columns: Features and `trait:NAME`; none: all that are known by then.
        plan_id: Only what this plan of a campaign assigned.
        coding: How features become numbers, as another experiment had it; default: learnt from these people.

    Raises:
        DecideError: There is none of that name; its window is not over; its probabilities are not such.
    """
    found = read_assigned(stores, name, now=now, horizon_days=horizon_days, plan_id=plan_id)
    cautions = list(found.cautions)
    # What is no experiment is said so, whatever is known of its people.
    missing = found.missing()
    arms = found.comparable(~missing)
    chances, words = found.probabilities(arms)
    kept = np.flatnonzero(~missing)
    # Read as a whole, each person of a campaign stands in it by the wave that drew them first.
    drawn = found.known_at
    if plan_id is not None:
        drawn = drawn_before(stores, name, found.profiles, found.as_of, now=now)
        if drawn.null_count < len(drawn):
            cautions.append(_EARLIER.format(people=len(drawn) - drawn.null_count))
    table, coding = features_known(
        stores, found.as_of, found.profiles, columns, coding, known_at=drawn
    )
    if missing.any():
        cautions.append(f"{int(missing.sum()):,} people have no outcome and were left out.")
    data = experiment_of(
        coding.apply(table)[kept],
        found.labels[kept],
        {key: values[kept] for key, values in found.outcomes.items()},
        control=CONTROL,
        names=coding.names,
    )
    data = replace(data, propensity=chances[kept], cautions=(*cautions, *words))
    split = _split(data, guessed=bool(words))
    if split is not None and split.mismatch:
        data = replace(data, cautions=(*data.cautions, split.message))
    people = pa.array(kept)
    return ReadExperiment(
        name,
        data,
        found.profiles.take(people),
        found.as_of,
        found.window_days,
        coding,
        known_at=None if drawn is None else drawn.take(people),
    )


def _split(data: ExperimentData, *, guessed: bool) -> RatioCheck | None:
    """Whether the arms are as large as promised. Of guessed chances only a control's that is the same for all promises anything."""
    if not guessed:
        return data.split_check()
    held = data.propensity[:, 0]
    if np.ptp(held) > _SAME:
        return None
    control = data.counts[data.arms[0]]
    counts = {data.arms[0]: control, "all others": len(data) - control}
    share = float(held[0])
    return check_ratio(counts, {data.arms[0]: share, "all others": 1 - share})


def read_observed(
    stores: Stores,
    campaign: str,
    *,
    now: datetime,
    horizon_days: float = 30.0,
    within_days: float = 1.0,
    columns: Sequence[str] = (),
    seed: int = 0,
) -> ReadExperiment:
    """A campaign that was sent to people whom somebody chose: those touched in its first days against all others known then.

    Args:
        stores: The workspace.
        campaign: As in the touches.
        now: Nothing from this moment on is seen.
        horizon_days: How long outcomes count, from the first touch on.
        within_days: Who was touched later than so many days after the first is left out.
        columns: Features and `trait:NAME` that treatment and outcome may hang on; none: all that are known by then.
        seed: Of the folds.

    Raises:
        DecideError: There is none of that name, or treated and others have nobody alike.
    """
    with open_moment(stores, as_of=now) as moment:
        touched = moment.session.table(sql(_TOUCHED, campaign=campaign))
        if not touched.num_rows:
            raise no_experiment(moment, campaign, "touches", "campaign")
    as_of = pc.min(touched.column("touched_at")).as_py()
    last = as_of + timedelta(days=within_days)
    early = pc.less(
        touched.column("touched_at"), pa.scalar(last, touched.column("touched_at").type)
    )
    with open_moment(stores, as_of=as_of) as moment:
        moment.bind_known()
        known = moment.session.table(
            sql("SELECT profile_id FROM known WHERE NOT visitor ORDER BY profile_id")
        )
    profiles = known.column("profile_id").combine_chunks()
    treated = pc.is_in(
        profiles, value_set=touched.filter(early).column("profile_id").combine_chunks()
    )
    later = pc.is_in(
        profiles, value_set=touched.filter(pc.invert(early)).column("profile_id").combine_chunks()
    )
    profiles, treated = (one.filter(pc.invert(later)) for one in (profiles, treated))
    table, coding = features_known(stores, as_of, profiles, columns)
    found = own_outcomes(stores, profiles, as_of, horizon_days, now)
    labels = np.where(treated.to_numpy(zero_copy_only=False), _TREATED, CONTROL)
    kept = np.flatnonzero(~np.isnan(found["revenue"]))
    data, overlap, alike = observed_experiment(
        coding.apply(table)[kept],
        labels[kept],
        {key: values[kept] for key, values in found.items()},
        control=CONTROL,
        names=coding.names,
        seed=seed,
    )
    people = profiles.take(pa.array(kept[alike]))
    return ReadExperiment(campaign, data, people, as_of, horizon_days, coding, overlap)


def traits_of(
    stores: Stores, read: ReadExperiment | Assigned, names: Sequence[str]
) -> dict[str, list[str | None]]:
    """The value of each trait for each of the experiment's people, as it was when they were assigned; None where unknown."""
    wanted = [f"{TRAIT_PREFIX}{name}" for name in names]
    with open_moment(stores, as_of=read.as_of) as moment:
        known = people_table(moment, wanted, among=EVERYBODY, visitors=True)
    places = pc.index_in(read.profiles, value_set=known.column("profile_id").combine_chunks())
    table = known.take(places)
    return {
        name: table.column(column).cast(pa.string()).to_pylist()
        for name, column in zip(names, wanted, strict=True)
    }
