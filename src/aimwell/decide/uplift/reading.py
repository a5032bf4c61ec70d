"""Experiments as they lie in the lake: our own campaigns, imported ones, and treatments that were only observed.

Arms are facts about an origin, read by today's identity; where people merged, the earliest assignment stands. Features are those of
the moment of the first assignment, and outcomes begin there, both through `history`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlglot import exp

from aimwell.decide.uplift.coding import Coding, coding_of
from aimwell.decide.uplift.data import ExperimentData, experiment_of
from aimwell.decide.uplift.observing import Overlap, observed_experiment
from aimwell.definitions.kinds.model import TRAIT_PREFIX
from aimwell.definitions.special_data import Asks
from aimwell.errors import DecideError, nearest
from aimwell.history.features import feature_names
from aimwell.history.moment import Moment, open_moment
from aimwell.history.outcomes import outcomes
from aimwell.segment.attributes.people_table import EVERYBODY, is_special, people_table
from aimwell.stats.samples import FloatArray
from aimwell.store.sql import identifier, sql
from aimwell.store.stores import Stores

__all__ = ["CONTROL", "ReadExperiment", "read_experiment", "read_observed", "traits_of"]

CONTROL = "control"
"""The arm of those who got nothing, in the lake."""

_SPAN_DAYS = 1.0
_SAME = 1e-9
_SUM_TOLERANCE = 0.01
_TREATED = "treated"

# Whom the policy passed over got as little as the held-out, and their logged probability is that of getting nothing.
_ARMS = """
WITH assigned AS (
  SELECT * REPLACE (CASE WHEN arm = 'nothing' THEN 'control' ELSE arm END AS arm)
  FROM assignments WHERE experiment = :experiment AND profile_id IS NOT NULL AND :wanted
)
SELECT profile_id, arg_min(arm, (assigned_at, origin_id)) AS arm,
       arg_min(coalesce(variant, ''), (assigned_at, origin_id)) AS variant,
       arg_min(probability, (assigned_at, origin_id)) AS probability,
       min(assigned_at) AS assigned_at, count(DISTINCT arm) > 1 AS crossed
FROM assigned GROUP BY profile_id ORDER BY profile_id
"""

_REPORTED = """
SELECT profile_id, name, sum(value) AS value, max(window_days) AS window_days
FROM outcomes WHERE experiment = :experiment AND profile_id IS NOT NULL
GROUP BY profile_id, name ORDER BY profile_id, name
"""

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
    """

    name: str
    data: ExperimentData
    profiles: pa.Array
    as_of: datetime
    window_days: float | None
    coding: Coding
    overlap: Overlap | None = None


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
    wanted = sql("TRUE") if plan_id is None else sql("plan_id = :plan", plan=plan_id)
    with open_moment(stores, as_of=now) as moment:
        arms = moment.session.table(sql(_ARMS, experiment=name, wanted=wanted))
        if not arms.num_rows:
            raise _unknown(moment, name, "assignments", "experiment")
        reported = moment.session.table(sql(_REPORTED, experiment=name))
    profiles = arms.column("profile_id").combine_chunks()
    as_of = pc.min(arms.column("assigned_at")).as_py()
    cautions = _cautions(arms)
    table, coding = _features(stores, as_of, profiles, columns, coding)
    window: float | None
    if reported.num_rows:
        found, missing = _reported(reported, profiles)
        days = pc.max(reported.column("window_days")).as_py()
        window = None if days is None else float(days)
    else:
        found, missing = _own(stores, profiles, as_of, horizon_days, now)
        window = horizon_days
    labels = arms.column("arm").to_pylist()
    if missing.any():
        cautions.append(f"{int(missing.sum()):,} people have no outcome and were left out.")
    kept = np.flatnonzero(~missing)
    data = experiment_of(
        coding.apply(table)[kept],
        np.asarray(labels, dtype=object)[kept],
        {key: values[kept] for key, values in found.items()},
        control=CONTROL,
        names=coding.names,
    )
    chances, words = _probabilities(arms, data.arms)
    data = replace(data, propensity=chances[kept], cautions=(*cautions, *words))
    split = data.split_check()
    if split.mismatch:
        data = replace(data, cautions=(*data.cautions, split.message))
    return ReadExperiment(name, data, profiles.take(pa.array(kept)), as_of, window, coding)


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
            raise _unknown(moment, campaign, "touches", "campaign")
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
    table, coding = _features(stores, as_of, profiles, columns)
    found, missing = _own(stores, profiles, as_of, horizon_days, now)
    labels = np.where(treated.to_numpy(zero_copy_only=False), _TREATED, CONTROL)
    kept = np.flatnonzero(~missing)
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
    stores: Stores, read: ReadExperiment, names: Sequence[str]
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


def _unknown(moment: Moment, name: str, table: str, column: str) -> DecideError:
    rows = moment.session.rows(
        sql(
            "SELECT DISTINCT :name FROM :stream WHERE :name IS NOT NULL ORDER BY 1",
            name=exp.column(column),
            stream=exp.Table(this=identifier(table)),
        )
    )
    known = [row[0] for row in rows]
    if not known:
        return DecideError(
            f"There is no experiment '{name}', nor any other: the table {table} is empty. Collect a past experiment (an entity "
            "`assignments` in a source), or send a campaign with a holdout."
        )
    return DecideError(f"There is no experiment '{name}'. {nearest(name, known)}")


def _cautions(arms: pa.Table) -> list[str]:
    words = []
    times = pc.min_max(arms.column("assigned_at")).as_py()
    days = (times["max"] - times["min"]).total_seconds() / 86_400
    if days > _SPAN_DAYS:
        words.append(
            f"People were assigned over {days:.0f} days; features are those of the first day, and outcomes count from it on."
        )
    crossed = int(pc.sum(arms.column("crossed")).as_py() or 0)
    if crossed:
        words.append(
            f"Given several arms under different names, of which the earliest counts: {crossed:,} of the people."
        )
    return words


def _features(
    stores: Stores,
    as_of: datetime,
    profiles: pa.Array,
    columns: Sequence[str],
    coding: Coding | None = None,
) -> tuple[pa.Table, Coding]:
    """What was known of these people, in their order, and its coding."""
    with open_moment(stores, as_of=as_of) as moment:
        given = columns if coding is None else coding.columns
        wanted = list(given) or [*feature_names(), *_traits(moment)]
        known = people_table(moment, wanted, among=EVERYBODY, visitors=True)
    places = pc.index_in(profiles, value_set=known.column("profile_id").combine_chunks())
    table = known.take(places).select(wanted)
    coding = coding or coding_of(table, wanted)
    if not coding.columns:
        raise DecideError(
            f"Nothing that differs between people was known of them before {as_of:%Y-%m-%d %H:%M %Z}, so nobody can be told from "
            "anybody. Collect their history or traits; what is dated at or after the assignment is not looked at."
        )
    return table, coding


def _traits(moment: Moment) -> list[str]:
    rows = moment.session.rows(sql("SELECT DISTINCT name FROM traits ORDER BY name"))
    names = [row[0] for row in rows]
    return [
        f"{TRAIT_PREFIX}{name}"
        for name in names
        if not is_special(moment, Asks("trait", name, "columns"))
    ]


def _reported(reported: pa.Table, profiles: pa.Array) -> tuple[dict[str, FloatArray], np.ndarray]:
    """The imported outcomes, and who has none."""
    found = {}
    missing = np.zeros(len(profiles), dtype=bool)
    for name in pc.unique(reported.column("name")).to_pylist():
        rows = reported.filter(pc.equal(reported.column("name"), name))
        places = pc.index_in(profiles, value_set=rows.column("profile_id").combine_chunks())
        values = rows.column("value").combine_chunks().take(places)
        found[name] = np.asarray(values.to_numpy(zero_copy_only=False), dtype=np.float64)
        missing |= np.isnan(found[name])
    return found, missing


def _own(
    stores: Stores, profiles: pa.Array, as_of: datetime, horizon_days: float, now: datetime
) -> tuple[dict[str, FloatArray], np.ndarray]:
    """What people did in the window, from the orders; margin only where it is known of everybody."""
    end = as_of + timedelta(days=horizon_days)
    if end > now:
        raise DecideError(
            f"The window of {horizon_days:g} days after {as_of:%Y-%m-%d} ends on {end:%Y-%m-%d}, which is to come. Wait, or "
            "take a shorter one."
        )
    with open_moment(stores, as_of=as_of, horizon=timedelta(days=horizon_days)) as moment:
        done = outcomes(moment)
    places = pc.index_in(profiles, value_set=done.column("profile_id").combine_chunks())
    found = {}
    for name in ("bought", "orders", "revenue", "margin"):
        column = done.column(name).cast(pa.float64()).combine_chunks().take(places)
        # Who was assigned before anything else was known of them and did nothing has no row.
        unknown = places.is_null().to_numpy(zero_copy_only=False)
        values = np.array(column.to_numpy(zero_copy_only=False), dtype=np.float64)
        values[unknown] = 0.0
        found[name] = values
    missing = np.isnan(found["revenue"])
    if np.isnan(found["margin"]).any():
        del found["margin"]
    return found, missing


def _probabilities(arms: pa.Table, order: Sequence[str]) -> tuple[FloatArray, list[str]]:
    """People × arms in `order`, and what must be said of them."""
    labels = np.asarray(arms.column("arm").to_pylist(), dtype=object)
    variants = np.asarray(arms.column("variant").to_pylist(), dtype=object)
    logged = np.asarray(arms.column("probability").to_numpy(), dtype=np.float64)
    shares: dict[str, float] = dict.fromkeys(order, 0.0)
    varies = False
    for arm in order:
        for variant in sorted(set(variants[labels == arm].tolist())):
            rows = (labels == arm) & (variants == variant)
            varies |= bool(np.ptp(logged[rows]) > _SAME)
            shares[arm] += float(logged[rows].mean())
    if not varies:
        _refuse_sum(shares)
        total = sum(shares.values())
        return np.tile([shares[arm] / total for arm in order], (len(labels), 1)), []
    return _varying(labels, variants, logged, order), [
        "People had different probabilities, of which only that of the arm they got was logged; those of the other arms are taken in "
        "proportion to the arms' sizes."
    ]


def _varying(
    labels: np.ndarray, variants: np.ndarray, logged: FloatArray, order: Sequence[str]
) -> FloatArray:
    """The logged probability where the arm was drawn, what is left of 1 over the others by their sizes."""
    own = np.zeros(len(labels))
    for arm in order:
        rows = labels == arm
        of_variants = {v: float((variants[rows] == v).mean()) for v in set(variants[rows].tolist())}
        own[rows] = np.minimum(logged[rows] / [of_variants[v] for v in variants[rows]], 1.0)
    people = np.arange(len(labels))
    code = np.array([list(order).index(label) for label in labels])
    found = np.tile([float((labels == arm).mean()) for arm in order], (len(labels), 1))
    found[people, code] = 0.0
    found *= ((1 - own) / found.sum(axis=1))[:, None]
    found[people, code] = own
    return np.asarray(found, dtype=np.float64)


def _refuse_sum(shares: Mapping[str, float]) -> None:
    total = sum(shares.values())
    if abs(total - 1.0) > _SUM_TOLERANCE:
        told = ", ".join(f"{arm} {share:.4g}" for arm, share in shares.items())
        raise DecideError(
            f"The logged probabilities of the arms add up to {total:.4g}, not to 1 ({told}). Put them right in the source, or name "
            "every arm that could be drawn."
        )
