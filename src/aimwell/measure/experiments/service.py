"""Measure an experiment that others ran, or several together, from the assignments and outcomes in the lake."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from aimwell.decide.uplift.assigned import CONTROL, Assigned, read_assigned, usual_outcome
from aimwell.decide.uplift.knowing import plain_traits
from aimwell.decide.uplift.reading import traits_of
from aimwell.errors import MeasureError, nearest
from aimwell.history.moment import open_moment
from aimwell.measure.experiments.comparing import Subjects, arm_figures, compared, pairs_of
from aimwell.measure.experiments.groups import group_codes, groups_assigned
from aimwell.measure.experiments.known import known_before
from aimwell.measure.experiments.model import Contradiction, ExperimentResult, Together
from aimwell.measure.experiments.overlaps import overlap_words
from aimwell.measure.experiments.queries import elsewhere, happened, shown
from aimwell.measure.experiments.together import pooled_comparisons
from aimwell.measure.experiments.words import (
    contradiction_words,
    group_words,
    sentence_of,
    unadjusted_words,
)
from aimwell.stats.samples import FloatArray
from aimwell.stats.srm import check_ratio
from aimwell.store.stores import Stores

__all__ = ["NO_GROUPS", "measure_experiment", "measure_experiments"]

NO_GROUPS = "none"
"""In place of a trait: persons were assigned, whatever it looks like."""

BoolArray = NDArray[np.bool_]

_MOST = 1e100
"""Squares of outcomes and their sums must stay numbers of double precision."""


def measure_experiments(
    stores: Stores, names: Sequence[str], *, now: datetime, **options: object
) -> Together:
    """Several experiments, each by itself and pooled; options as of `measure_experiment`."""
    found = tuple(measure_experiment(stores, name, now=now, **options) for name in names)  # type: ignore[arg-type]
    return Together(experiments=found, pooled=pooled_comparisons(found))


def measure_experiment(
    stores: Stores,
    name: str,
    *,
    now: datetime,
    outcome: str | None = None,
    horizon_days: float = 14.0,
    against: str | None = None,
    cluster: str | None = None,
    reached: str | None = None,
    adjust: Sequence[str] | None = None,
    seed: int = 0,
) -> ExperimentResult:
    """What each arm of an experiment added, by assignment.

    Args:
        stores: The workspace.
        name: As in the assignments.
        now: Nothing from this moment on is seen.
        outcome: An imported one; or bought, orders, revenue, margin. None: money if there is any, else the first.
        horizon_days: Days of outcomes from the assignment on (that of the first wave that drew a person), where none were imported.
        against: Compare all arms with this one; None: the control, or each with each where there is none.
        cluster: Trait by which arms were given to groups; None: one by which it looks as if they were; `none`: persons.
        reached: Event that tells whom an arm reached, in the window; None: touches of the experiment whose action names an arm.
        adjust: Features and `trait:NAME` of before the first assignment that are taken off the outcome (CUPED); empty: all that are known;
            None: nothing. To be decided before looking at what came out.
        seed: Of the randomisation test.

    Raises:
        DecideError: There is no such experiment, it has one arm, nobody of an arm has an outcome, or its probabilities are none.
        MeasureError: It has no such outcome, arm or trait.
    """
    assigned = read_assigned(stores, name, now=now, horizon_days=horizon_days)
    chosen = outcome or usual_outcome(assigned.outcomes)
    if chosen not in assigned.outcomes:
        raise MeasureError(
            f"No outcome '{chosen}' is known of '{name}'. {nearest(chosen, list(assigned.outcomes))}"
        )
    missing = assigned.missing([chosen])
    cautions = [*assigned.cautions, *_lost(assigned, missing)]
    kept = ~missing
    _check_size(assigned.outcomes[chosen][kept], chosen, name)
    arms = assigned.comparable(kept)
    code = np.array([arms.index(label) for label in assigned.labels[kept]], dtype=np.int64)
    chances, words = assigned.probabilities(arms)
    shares = chances[kept].mean(axis=0)
    cautions += words
    if against is not None and against not in arms:
        raise MeasureError(f"There is no arm '{against}'. {nearest(against, list(arms))}")
    by, owner, guessed = _groups(stores, assigned, cluster, kept, code, shares)
    names, known = known_before(stores, assigned, adjust, kept, without=by)
    contradictions, wrong = _contradictions(stores, assigned, now, kept)
    people = Subjects(
        arms=arms,
        arm=code,
        outcome=assigned.outcomes[chosen][kept],
        group=owner,
        contradicted=wrong | assigned.crossed[kept],
        reached=_reached(stores, assigned, reached, arms, now, horizon_days, kept),
        known=known,
    )
    figures = arm_figures(people)
    split = check_ratio(
        {one.arm: one.people if one.groups is None else one.groups for one in figures},
        dict(zip(arms, shares.tolist(), strict=True)),
    )
    found = compared(people, pairs_of(arms, against), seed=seed)
    if split.mismatch:
        cautions.insert(0, split.message)
    contradicted = int(people.contradicted.sum())
    crossed = int(assigned.crossed[kept].sum())
    cautions += contradiction_words(contradictions, crossed, contradicted)
    cautions += _overlaps(stores, assigned, now, horizon_days, kept, code, seed)
    cautions += unadjusted_words(found)
    if by is not None:
        cautions += group_words(by, found=guessed, arms=figures, comparisons=found)
    return ExperimentResult(
        name=name,
        outcome=chosen,
        outcomes=tuple(assigned.outcomes),
        as_of=assigned.as_of,
        window_days=assigned.window_days,
        arms=figures,
        split=split,
        groups_by=by,
        comparisons=tuple(found),
        adjusted_for=names,
        crossed=crossed,
        contradictions=contradictions,
        contradicted_people=contradicted,
        cautions=tuple(cautions),
        sentence=sentence_of(found, chosen, split),
    )


def _lost(assigned: Assigned, missing: BoolArray) -> list[str]:
    """Who has no outcome and is left out, arm by arm: it may itself be an effect."""
    if not missing.any():
        return []
    shares = ", ".join(
        f"{missing[assigned.labels == arm].mean():.1%} of '{arm}'"
        for arm in sorted(set(assigned.labels.tolist()))
    )
    number = int(missing.sum())
    kept_out = (
        "1 person has no outcome and was"
        if number == 1
        else f"{number:,} people have no outcome and were"
    )
    return [f"{kept_out} left out ({shares})."]


def _check_size(values: FloatArray, outcome: str, name: str) -> None:
    if len(values) and float(np.abs(values).max()) > _MOST:
        raise MeasureError(
            f"The outcome '{outcome}' of '{name}' reaches {float(np.abs(values).max()):.3g}, which no person can have. Correct it in the source and "
            "collect it again."
        )


def _groups(
    stores: Stores,
    assigned: Assigned,
    cluster: str | None,
    kept: BoolArray,
    code: NDArray[np.int64],
    shares: NDArray[np.float64],
) -> tuple[str | None, NDArray[np.int64] | None, bool]:
    """(the trait, each person's group, whether that was guessed)."""
    if cluster == NO_GROUPS:
        return None, None, False
    with open_moment(stores, as_of=assigned.as_of) as moment:
        known = plain_traits(moment)
    if cluster is not None and cluster not in known:
        raise MeasureError(
            f"No trait '{cluster}' was known before the first assignment. {nearest(cluster, known)}"
        )
    values = {
        name: [one for one, stays in zip(column, kept, strict=True) if stays]
        for name, column in traits_of(stores, assigned, [cluster] if cluster else known).items()
    }
    name = cluster or groups_assigned(values, code, shares.tolist())
    if name is None:
        return None, None, False
    return name, group_codes(name, values[name], code), cluster is None


def _contradictions(
    stores: Stores, assigned: Assigned, now: datetime, kept: BoolArray
) -> tuple[tuple[Contradiction, ...], BoolArray]:
    """What does not fit, and which of the people kept it befell."""
    with open_moment(stores, as_of=now) as moment:
        rows = moment.session.table(shown(assigned.name))
    wrong = rows.filter(pc.not_equal(rows.column("arm"), rows.column("seen")))
    grouped = wrong.group_by(["arm", "seen"]).aggregate(
        [("times", "sum"), ("profile_id", "count_distinct")]
    )
    found = [
        Contradiction(
            arm=one["arm"],
            seen=one["seen"],
            times=one["times_sum"],
            people=one["profile_id_count_distinct"],
        )
        for one in grouped.to_pylist()
    ]
    whom = _among(assigned.profiles, wrong.column("profile_id"))
    return tuple(sorted(found, key=lambda one: (one.arm, one.seen))), whom[kept]


def _overlaps(
    stores: Stores,
    assigned: Assigned,
    now: datetime,
    horizon_days: float,
    kept: BoolArray,
    code: NDArray[np.int64],
    seed: int,
) -> list[str]:
    until = assigned.last_at + timedelta(days=assigned.window_days or horizon_days)
    with open_moment(stores, as_of=now) as moment:
        rows = moment.session.table(
            elsewhere(assigned.name, since=assigned.as_of, until=min(until, now))
        )
    return overlap_words(rows, assigned.profiles.filter(pa.array(kept)), code, seed=seed)


def _reached(
    stores: Stores,
    assigned: Assigned,
    event: str | None,
    arms: tuple[str, ...],
    now: datetime,
    horizon_days: float,
    kept: BoolArray,
) -> Mapping[str, BoolArray]:
    """Arm → whom it reached, where anything tells."""
    with open_moment(stores, as_of=now) as moment:
        if event is not None:
            until = min(now, assigned.last_at + timedelta(days=horizon_days))
            rows = moment.session.table(happened(event, since=assigned.as_of, until=until))
            if not rows.num_rows:
                raise MeasureError(
                    f"'{event}' happened to nobody in the window. Name an event as it was collected."
                )
            whom = _among(assigned.profiles, rows.column("profile_id"))[kept]
            return dict.fromkeys((arm for arm in arms if arm != CONTROL), whom)
        rows = moment.session.table(shown(assigned.name))
    found = {}
    for arm in arms:
        seen = rows.filter(pc.equal(rows.column("seen"), arm)).column("profile_id")
        if len(seen):
            found[arm] = _among(assigned.profiles, seen)[kept]
    return found


def _among(profiles: pa.Array, some: pa.ChunkedArray) -> BoolArray:
    inside = pc.is_in(profiles, value_set=some.combine_chunks())
    return np.asarray(inside.to_numpy(zero_copy_only=False), dtype=np.bool_)
