"""Micro-segments: what is known of people is crossed to the smallest groups that still respond differently, each a rule.

Groups are formed by what was known one horizon ago and judged by what their people did since; see `tree`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

from aimwell.definitions.catalogue import check
from aimwell.definitions.kinds.segment import Segment
from aimwell.errors import SegmentError
from aimwell.history.moment import open_moment
from aimwell.history.outcomes import outcomes
from aimwell.segment.attributes.known_columns import KnownColumns, known_columns
from aimwell.segment.micro.questions import (
    Question,
    limit_rule,
    number_questions,
    segment_questions,
    text_questions,
)
from aimwell.segment.micro.tree import Leaf, Response, grow, join
from aimwell.segment.personas.service import PERSONA_FEATURES
from aimwell.segment.rules.scope import ago
from aimwell.segment.rules.words import describe
from aimwell.stats.estimate import DEFAULT_CONFIDENCE, Estimate
from aimwell.stats.intervals import wilson
from aimwell.store.sql import sql
from aimwell.store.stores import Stores

__all__ = ["MicroGroup", "MicroSegments", "micro_segments", "split_groups"]

Way = tuple[tuple[int, bool], ...]

_MANY = 10
_METHOD = "mean of the second half with the normal interval"


@dataclass(frozen=True)
class MicroGroup:
    """One micro-segment: its rule, in words, how many people of all, and their response by the second half alone.

    `value` is that response times its people, `value_share` its share of everybody's; `cumulative` those of it and
    all groups before, which respond more each.
    """

    rule: Mapping[str, Any]
    words: str
    people: int
    share: float
    response: Estimate
    value: float
    value_share: float | None
    cumulative_people: float
    cumulative_value: float | None


@dataclass(frozen=True)
class MicroSegments:
    """All of them, the highest response first. `leaves` were grown, `p_value` says whether any of them differ.

    `response` is what was measured, `kind` whether it is a share or a mean.
    """

    response: str
    kind: Response
    days: int
    people: int
    overall: Estimate
    leaves: int
    p_value: float | None
    groups: tuple[MicroGroup, ...]
    sentence: str
    warnings: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def micro_segments(
    stores: Stores,
    *,
    as_of: datetime,
    horizon: timedelta,
    response: str = "revenue",
    crossed: Sequence[str] | None = None,
    names: Sequence[str] = PERSONA_FEATURES,
    fewest: int = 100,
    deepest: int = 4,
    seed: int = 0,
) -> MicroSegments:
    """Look for the smallest groups that still differ.

    Args:
        stores: The workspace.
        as_of: Nothing from this moment on is looked at.
        horizon: How long before it people are grouped by what was known then.
        response: `bought` (ordered within the horizon), `revenue` (how much), or `EXPERIMENT/OUTCOME` as a past experiment
            reports it for the people who were in it.
        crossed: Divisions whose groups are crossed, see `divisions`; default: RFM and life cycle, where anybody bought.
        names: Features to ask about; traits are asked about, too, but for those of special categories.
        fewest: People in a group, at least.
        deepest: Questions in a row, at most.
        seed: Of the halves and of shuffling.

    Raises:
        SegmentError: Nobody was known then, or there is no such response or division.
    """
    if response in ("bought", "revenue"):
        later = None
    else:
        later = _reported(stores, response, as_of, ago(as_of, horizon))
    with open_moment(stores, as_of=ago(as_of, horizon), horizon=horizon) as moment:
        known = known_columns(moment, list(dict.fromkeys(["orders", *names])), visitors=True)
        if later is None:
            table = outcomes(moment).select(["profile_id", response]).to_pydict()
            later = dict(zip(table["profile_id"], map(float, table[response]), strict=True))
        questions = [
            *number_questions(known),
            *text_questions(known),
            *segment_questions(moment, known, _usual(known) if crossed is None else crossed),
        ]
    there = np.array([person in later for person in known.people], dtype=bool)
    if there.sum() < 2 * fewest:
        raise SegmentError(
            f"{int(there.sum()):,} people are known {horizon.days} days before and have a response; to part them takes "
            f"{2 * fewest:,}. Take a shorter horizon, or a smaller group."
        )
    values = np.array([later[person] for person in known.people if person in later])
    kind: Response = "share" if set(np.unique(values).tolist()) <= {0.0, 1.0} else "mean"
    return split_groups(
        [replace(one, yes=one.yes[there]) for one in questions],
        values,
        kind=kind,
        response=response,
        days=horizon.days,
        fewest=fewest,
        deepest=deepest,
        seed=seed,
    )


def _usual(known: KnownColumns) -> tuple[str, ...]:
    return ("rfm", "lifecycle") if (known.numbers["orders"] > 0).any() else ()


def _reported(stores: Stores, response: str, as_of: datetime, start: datetime) -> dict[str, float]:
    """What an experiment reports of each person who was in it."""
    experiment, _, name = response.partition("/")
    with open_moment(stores, as_of=as_of) as moment:
        rows = moment.session.rows(
            sql(
                """
                SELECT profile_id, sum(value) FROM outcomes
                WHERE experiment = :experiment AND name = :name AND profile_id IS NOT NULL
                  AND observed_at >= :start GROUP BY profile_id
                """,
                experiment=experiment,
                name=name,
                start=start,
            )
        )
        known = moment.session.rows(
            sql("SELECT DISTINCT experiment, name FROM outcomes ORDER BY 1, 2")
        )
    if not rows:
        told = ", ".join(["bought", "revenue", *(f"{one}/{what}" for one, what in known)])
        raise SegmentError(f"Nobody has a response '{response}' in that time. Known: {told}.")
    return {row[0]: float(row[1]) for row in rows}


def split_groups(
    questions: Sequence[Question],
    values: npt.NDArray[np.float64],
    *,
    kind: Response,
    response: str,
    days: int,
    fewest: int,
    deepest: int = 4,
    seed: int = 0,
) -> MicroSegments:
    """The same from plain arrays: one response a person, and the answers to each question."""
    n = len(values)
    asked = np.column_stack([one.yes for one in questions]) if questions else np.empty((n, 0), bool)
    first = np.zeros(n, dtype=bool)
    first[np.random.default_rng(seed).permutation(n)[: n // 2]] = True
    leaves = grow(asked, values, first, fewest=fewest, deepest=deepest)
    joined, p_value = join(leaves, values, ~first, kind=kind, seed=seed)
    groups = []
    for places in joined:
        rows = np.concatenate([leaves[place].rows for place in places])
        rule = _rule([leaves[place] for place in places], questions)
        groups.append(
            MicroGroup(
                rule=rule,
                words=_words(rule),
                people=len(rows),
                share=len(rows) / n,
                response=_estimate(values[rows[~first[rows]]], kind),
                value=float(values[rows[~first[rows]]].mean()) * len(rows),
                value_share=None,
                cumulative_people=0.0,
                cumulative_value=None,
            )
        )
    groups.sort(key=lambda one: -(one.response.estimate or 0.0))
    groups = _cumulated(groups)
    found = MicroSegments(
        response=response,
        kind=kind,
        days=days,
        people=n,
        overall=_estimate(values, kind),
        leaves=len(leaves),
        p_value=p_value,
        groups=tuple(groups),
        sentence=_sentence(groups, len(leaves), p_value, response),
        warnings=_warnings(groups),
    )
    return found


def _estimate(values: npt.NDArray[np.float64], kind: Response) -> Estimate:
    if kind == "share":
        return wilson(int(values.sum()), len(values))
    if len(values) < 2:
        return Estimate.missing("fewer than two people", method=_METHOD)
    middle, error = float(values.mean()), float(values.std(ddof=1)) / len(values) ** 0.5
    return Estimate(
        estimate=middle,
        lower=middle - 1.96 * error,
        upper=middle + 1.96 * error,
        confidence=DEFAULT_CONFIDENCE,
        method=_METHOD,
    )


def _cumulated(groups: Sequence[MicroGroup]) -> list[MicroGroup]:
    """With shares of the value, by the second half alone, and those of all groups before."""
    whole = sum(one.value for one in groups)
    people, value = 0.0, 0.0
    found = []
    for one in groups:
        people, value = people + one.share, value + one.value
        found.append(
            replace(
                one,
                value_share=one.value / whole if whole > 0 else None,
                cumulative_people=people,
                cumulative_value=value / whole if whole > 0 else None,
            )
        )
    return found


def _rule(leaves: Sequence[Leaf], questions: Sequence[Question]) -> dict[str, Any]:
    """The rule of those who are in any of the leaves."""
    ways = [_way(way, questions) for way in _shortened([leaf.way for leaf in leaves])]
    return ways[0] if len(ways) == 1 else {"any": ways}


def _shortened(ways: Sequence[Way]) -> list[Way]:
    """The same people by fewer ways: two that differ in one answer alone need not ask that question."""
    found = list(ways)
    while True:
        for one, other in combinations(found, 2):
            shared = tuple(step for step in one if step in other)
            apart = [step for step in (*one, *other) if step not in shared]
            if len(apart) == 2 and apart[0][0] == apart[1][0]:
                found = [way for way in found if way not in (one, other)]
                found.append(shared)
                break
        else:
            return sorted(found)


def _way(way: Way, questions: Sequence[Question]) -> dict[str, Any]:
    """The rule of one leaf; several limits of one number are one leaf of the rule."""
    lowest: dict[str, float] = {}
    below: dict[str, float] = {}
    parts: list[dict[str, Any]] = []
    for place, yes in way:
        one = questions[place]
        if one.column is not None and one.limit is not None:
            if yes:
                lowest[one.column] = max(lowest.get(one.column, one.limit), one.limit)
            else:
                below[one.column] = min(below.get(one.column, one.limit), one.limit)
        else:
            parts.append(dict(one.rule if yes else one.otherwise))
    for column in sorted({*lowest, *below}):
        if column in lowest:
            parts.append(limit_rule(column, lowest[column], below.get(column)))
        else:
            asked = next(q for q in questions if (q.column, q.limit) == (column, below[column]))
            parts.append(dict(asked.otherwise))
    if not parts:
        return {"bucket": {"salt": "everybody", "from": 0, "to": 10_000}}
    return parts[0] if len(parts) == 1 else {"all": parts}


def _words(rule: Mapping[str, Any]) -> str:
    if "bucket" in rule:
        return "Everybody."
    found = check({"kind": "segment", "name": "micro", "rule": rule})
    assert isinstance(found, Segment)  # noqa: S101 - the kind says so
    return describe(found.rule)


def _sentence(
    groups: Sequence[MicroGroup], leaves: int, p_value: float | None, response: str
) -> str:
    if len(groups) < 2:
        if p_value is None:
            return f"There is nothing here: nothing that is known parts people by {response} more than chance would."
        return (
            f"There is nothing here: the {leaves} groups that one half of the people suggested do not differ in {response} "
            f"in the other half (p = {p_value:.2f})."
        )
    joined = (
        "" if leaves == len(groups) else f", after {leaves} leaves that could not all be told apart"
    )
    text = f"{len(groups)} groups differ in {response}{joined}."
    best = groups[0]
    if best.value_share is not None:
        what = "buyers" if response == "bought" else response
        text += f" The best holds {best.share:.0%} of the people and {best.value_share:.0%} of the {what}."
    return text


def _warnings(groups: Sequence[MicroGroup]) -> tuple[str, ...]:
    if len(groups) > _MANY:
        return (
            f"{len(groups)} groups are more than anybody can look after: use at most {_MANY} at once, or ask for larger ones.",
        )
    return ()
