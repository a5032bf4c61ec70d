"""Who was given which arm of an experiment, with which probability, and what came of it; nothing that was known before.

Arms are facts about an origin, read by today's identity; where people merged, the earliest assignment stands.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from sqlglot import exp

from aimwell.decide.stored import list_plans
from aimwell.decide.uplift.knowing import MOMENT
from aimwell.decide.uplift.own_outcomes import own_outcomes
from aimwell.errors import DecideError, nearest
from aimwell.history.moment import Moment, open_moment
from aimwell.stats.samples import FloatArray
from aimwell.store.sql import identifier, sql
from aimwell.store.stores import Stores

__all__ = [
    "CONTROL",
    "Assigned",
    "no_experiment",
    "read_assigned",
    "usual_outcome",
]

CONTROL = "control"
"""The arm of those who got nothing, in the lake."""

DEFAULT_DAYS = 14.0
"""So long outcomes count where nothing else was said."""
_SPAN_DAYS = 1.0
_MOST_MOMENTS = 24
_SAME = 1e-9
_SUM_TOLERANCE = 0.01
_USUAL = ("margin", "revenue", "spend")

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

# What is dated before its person was assigned cannot come of it.
_REPORTED = """
WITH given AS (
  SELECT profile_id, min(assigned_at) AS assigned_at
  FROM assignments WHERE experiment = :experiment AND profile_id IS NOT NULL AND :wanted GROUP BY profile_id
), told AS (
  SELECT o.profile_id, o.name, o.value, o.window_days, g.assigned_at IS NULL AS strange, o.observed_at < g.assigned_at AS early
  FROM outcomes AS o LEFT JOIN given AS g ON g.profile_id = o.profile_id
  WHERE o.experiment = :experiment AND o.profile_id IS NOT NULL
)
SELECT profile_id, name, sum(value) FILTER (WHERE NOT early) AS value, max(window_days) AS window_days,
       count(*) FILTER (WHERE early) AS early, bool_or(strange) AS strange
FROM told GROUP BY profile_id, name ORDER BY profile_id, name
"""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Assigned:
    """One row a person, by profile.

    Args:
        name: Of the experiment.
        profiles: Of the rows.
        labels: The arm of each; `CONTROL` is that of those who got nothing.
        variants: The content variant of each, empty where there is none.
        logged: With which probability this arm and variant were drawn.
        crossed: Who was given several arms, of which the earliest counts.
        outcomes: Name → one number a person; NaN where there is none.
        as_of: The first assignment.
        window_days: How long outcomes were counted; None: the report does not say.
        cautions: What a reader must know, in words.
        early: How many outcomes are dated before their person was assigned; they do not count.
        known_at: Where people were assigned in a few waves, when each was: outcomes of their own count from then on. Null, and None of
            all: `as_of`.
    """

    name: str
    profiles: pa.Array
    labels: NDArray[np.object_]
    variants: NDArray[np.object_]
    logged: FloatArray
    crossed: NDArray[np.bool_]
    outcomes: Mapping[str, FloatArray]
    as_of: datetime
    window_days: float | None
    cautions: tuple[str, ...]
    early: int = 0
    known_at: pa.Array | None = None

    @property
    def last_at(self) -> datetime:
        """When the last of the waves assigned; the first where they are not told apart."""
        last = None if self.known_at is None else pc.max(self.known_at).as_py()
        return self.as_of if last is None else max(self.as_of, last)

    def missing(self, names: Collection[str] | None = None) -> NDArray[np.bool_]:
        """Who lacks one of these outcomes, by default any."""
        found = np.zeros(len(self.labels), dtype=bool)
        for name in self.outcomes if names is None else names:
            found |= np.isnan(self.outcomes[name])
        return found

    def comparable(self, kept: NDArray[np.bool_]) -> tuple[str, ...]:
        """The arms of those who are kept because they have an outcome, the control first.

        Raises:
            DecideError: Everybody got one arm, or nobody of an arm is kept.
        """
        given = sorted(set(self.labels.tolist()))
        if len(given) < 2:
            raise DecideError(
                f"Everybody in '{self.name}' got '{given[0]}', so there is nobody to compare with. An experiment needs a second arm."
            )
        present = sorted(set(self.labels[kept].tolist()))
        bare = [arm for arm in given if arm not in present]
        if bare:
            early = f" {_too_early(self.early)}" if self.early else ""
            raise DecideError(
                f"Nobody in the arm '{bare[0]}' of '{self.name}' has an outcome, so it cannot be compared. Report the outcome of "
                f"everybody who was assigned, a 0 where nothing happened.{early}"
            )
        return tuple(sorted(present, key=lambda arm: (arm != CONTROL, arm)))

    def probabilities(self, order: Sequence[str]) -> tuple[FloatArray, list[str]]:
        """People × arms in `order`, and what must be said of them.

        Raises:
            DecideError: They do not add up to 1.
        """
        shares: dict[str, float] = dict.fromkeys(order, 0.0)
        varies = False
        for arm in order:
            for variant in sorted(set(self.variants[self.labels == arm].tolist())):
                rows = (self.labels == arm) & (self.variants == variant)
                varies |= bool(np.ptp(self.logged[rows]) > _SAME)
                shares[arm] += float(self.logged[rows].mean())
        if not varies:
            _refuse_sum(shares)
            total = sum(shares.values())
            return np.tile([shares[arm] / total for arm in order], (len(self.labels), 1)), []
        return _varying(self.labels, self.variants, self.logged, order), [
            "People had different probabilities, of which only that of the arm they got was logged; those of the other arms are taken in "
            "proportion to the arms' sizes."
        ]


def read_assigned(
    stores: Stores,
    name: str,
    *,
    now: datetime,
    horizon_days: float = DEFAULT_DAYS,
    plan_id: str | None = None,
) -> Assigned:
    """A campaign of our own or an imported experiment, by the name under which its assignments lie.

    Args:
        stores: The workspace.
        name: Of the experiment.
        now: Nothing from this moment on is seen.
        horizon_days: How long outcomes count, where no outcomes were imported with the experiment.
        plan_id: Only what this plan of a campaign assigned.

    Raises:
        DecideError: There is none of that name, or its window is not over.
    """
    wanted = _wanted(stores, name, plan_id)
    with open_moment(stores, as_of=now) as moment:
        arms = moment.session.table(sql(_ARMS, experiment=name, wanted=wanted))
        if not arms.num_rows:
            raise no_experiment(moment, name, "assignments", "experiment")
        reported = moment.session.table(sql(_REPORTED, experiment=name, wanted=wanted.copy()))
    profiles = arms.column("profile_id").combine_chunks()
    as_of = pc.min(arms.column("assigned_at")).as_py()
    cautions = _cautions(arms)
    known_at = None
    window: float | None = horizon_days
    if reported.num_rows:
        cautions += _told_wrong(reported)
        found = _reported(reported, profiles)
        days = pc.max(reported.column("window_days")).as_py()
        window = None if days is None else float(days)
        if window is not None and horizon_days not in (DEFAULT_DAYS, window):
            cautions.append(
                f"The outcomes came with the experiment and are those of {window:g} days; {horizon_days:g} days cannot be counted."
            )
    else:
        known_at = _own_moments(arms, as_of)
        found = own_outcomes(stores, profiles, as_of, horizon_days, now, known_at=known_at)
    return Assigned(
        name=name,
        profiles=profiles,
        labels=np.asarray(arms.column("arm").to_pylist(), dtype=object),
        variants=np.asarray(arms.column("variant").to_pylist(), dtype=object),
        logged=np.asarray(arms.column("probability").to_numpy(), dtype=np.float64),
        crossed=np.asarray(arms.column("crossed").to_numpy(), dtype=bool),
        outcomes=found,
        as_of=as_of,
        window_days=window,
        cautions=tuple(cautions),
        early=int(pc.sum(reported.column("early")).as_py() or 0),
        known_at=known_at,
    )


def _wanted(stores: Stores, name: str, plan_id: str | None) -> exp.Expr:
    """Which assignments count: those of the plan, else all, without trials where anything was sent."""
    if plan_id is not None:
        return sql("plan_id = :plan", plan=plan_id)
    plans = list_plans(stores.control, name)
    trials = [one.plan_id for one in plans if one.trial]
    if not trials or not any(one.started_at is not None and not one.trial for one in plans):
        return sql("TRUE")
    return sql("(plan_id IS NULL OR plan_id NOT IN :trials)", trials=trials)


def _own_moments(arms: pa.Table, as_of: datetime) -> pa.Array | None:
    """When each was assigned, where that was in few waves; None where all were at once, or one by one."""
    moments = arms.column("assigned_at").combine_chunks().cast(MOMENT)
    different = pc.unique(moments)
    if not 1 < len(different) <= _MOST_MOMENTS:
        return None
    return pc.if_else(pc.equal(moments, pa.scalar(as_of, MOMENT)), pa.scalar(None, MOMENT), moments)


def usual_outcome(names: Collection[str]) -> str:
    """The outcome that is looked at where none is named: money if there is any, else the first."""
    return next((name for name in _USUAL if name in names), next(iter(names)))


def _too_early(early: int) -> str:
    return f"{early:,} outcomes are dated before their person was assigned, so they cannot come of it and do not count."


def _told_wrong(reported: pa.Table) -> list[str]:
    words = []
    early = pc.sum(reported.column("early")).as_py()
    if early:
        words.append(_too_early(early))
    strange = len(pc.unique(reported.filter(reported.column("strange")).column("profile_id")))
    if strange:
        words.append(f"{strange:,} people have outcomes and no arm; they do not count.")
    return words


def no_experiment(moment: Moment, name: str, table: str, column: str) -> DecideError:
    """What to raise where nothing of that name lies in `table`, with the names that do."""
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
    if days > _SPAN_DAYS and _own_moments(arms, times["min"]) is None:
        words.append(
            f"People were assigned over {days:.0f} days; features are those of the first, and outcomes that are not imported count from it on."
        )
    crossed = int(pc.sum(arms.column("crossed")).as_py() or 0)
    if crossed:
        words.append(
            f"Given several arms under different names, of which the earliest counts: {crossed:,} of the people."
        )
    return words


def _reported(reported: pa.Table, profiles: pa.Array) -> dict[str, FloatArray]:
    """The imported outcomes."""
    found = {}
    for name in pc.unique(reported.column("name")).to_pylist():
        rows = reported.filter(pc.equal(reported.column("name"), name))
        places = pc.index_in(profiles, value_set=rows.column("profile_id").combine_chunks())
        values = rows.column("value").combine_chunks().take(places)
        found[name] = np.asarray(values.to_numpy(zero_copy_only=False), dtype=np.float64)
    return found


def _varying(
    labels: np.ndarray, variants: np.ndarray, logged: FloatArray, order: Sequence[str]
) -> FloatArray:
    """The logged probability where the arm was drawn, what is left of 1 over the others by their sizes.

    A control that had one probability had it for everybody, as a share that is held out before anything is chosen.
    """
    own = np.zeros(len(labels))
    for arm in order:
        rows = labels == arm
        of_variants = {v: float((variants[rows] == v).mean()) for v in set(variants[rows].tolist())}
        own[rows] = np.minimum(logged[rows] / [of_variants[v] for v in variants[rows]], 1.0)
    people = np.arange(len(labels))
    code = np.array([list(order).index(label) for label in labels])
    found = np.tile([float((labels == arm).mean()) for arm in order], (len(labels), 1))
    found[people, code] = 0.0
    held = own[code == 0] if order[0] == CONTROL and len(order) > 2 else np.zeros(0)
    if held.size and np.ptp(held) <= _SAME:
        others, shares = code != 0, found[:, 1:]
        found[others, 0] = np.minimum(held[0], 1 - own[others])
        left = np.where(others, 1 - own - found[:, 0], 1 - own)
        found[:, 1:] = shares * (left / shares.sum(axis=1))[:, None]
    else:
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
