"""Joins marks of reviews and answers of surveys to segments, personas' groups and campaigns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

import pyarrow as pa
from sqlglot import exp

from aimwell.decide.model import Plan
from aimwell.decide.stored import load_plan
from aimwell.definitions import service as definitions
from aimwell.definitions.catalogue import check
from aimwell.definitions.kinds.survey import Survey
from aimwell.definitions.special_data import Asks
from aimwell.errors import MeasureError
from aimwell.history.moment import Moment, open_moment
from aimwell.measure.feedback.joined import Counted, Joined, Kind, joined
from aimwell.measure.feedback.texts import LONG_AGO
from aimwell.measure.feedback.topics import GOOD
from aimwell.measure.spans import assigned, span_of
from aimwell.privacy.special import privacy_rules
from aimwell.segment.advocacy.service import thresholds
from aimwell.segment.divisions import divide
from aimwell.store.sql import sql, union_all
from aimwell.store.stores import Stores

__all__ = [
    "ARMS_DRAWN",
    "arms_of",
    "feedback_by",
    "feedback_of_campaign",
    "group_feedback",
    "said_in_numbers",
]

_REVIEWS = """
SELECT profile_id, 'reviews' AS question, 'csat' AS kind, reviewed_at AS at,
       CASE WHEN (rating - 1) / nullif(rating_max - 1, 0) >= :good THEN 1 ELSE -1 END AS said
FROM reviews WHERE profile_id IS NOT NULL AND rating IS NOT NULL AND rating_max > 1
"""

_ANSWERS = """
SELECT profile_id, :label AS question, :kind AS kind, answered_at AS at,
       CASE WHEN number >= :high THEN 1 WHEN number <= :low THEN -1 ELSE 0 END AS said
FROM answers WHERE profile_id IS NOT NULL AND survey = :survey AND question = :question AND number IS NOT NULL
  AND coalesce(applicable, TRUE)
"""

# Of answers at the same moment the lower one counts.
_COUNTED = """
SELECT n.question, n.kind, g."group",
       count(*) FILTER (WHERE n.said > 0) AS good, count(*) FILTER (WHERE n.said = 0) AS middling,
       count(*) FILTER (WHERE n.said < 0) AS bad
FROM (
  SELECT profile_id, question, kind, said,
         row_number() OVER (PARTITION BY profile_id, question ORDER BY at DESC, said) AS place
  FROM :said AS s WHERE at >= :since
) AS n
JOIN divided AS g ON g.profile_id = n.profile_id
WHERE n.place = 1
GROUP BY n.question, n.kind, g."group"
"""

_OF_ARMS = """
SELECT coalesce(i.profile_id, a.origin_id) AS profile_id, min(a."group") AS "group"
FROM arms AS a LEFT JOIN identity AS i ON i.origin_id = a.origin_id
GROUP BY coalesce(i.profile_id, a.origin_id) HAVING count(DISTINCT a."group") = 1
"""

ARMS_DRAWN = (
    "Arms were drawn by chance, but a message may change who answers, not only what they say. Whom a policy gave nothing counts with the contacted, "
    "as the like of them are among the held-out."
)
_CHOSEN = "Who answers chooses to; each person counts once a question, by the newest answer."


def feedback_by(
    stores: Stores, by: str, *, until: datetime, since: datetime | None = None
) -> Joined:
    """What the groups of a division say.

    Args:
        stores: The workspace.
        by: As `segment.divisions.divide` takes it: rfm, lifecycle, clusters:NAME (personas' groups), trait:NAME, segments:A,B.
        until: Up to when; people are in their groups as of then.
        since: Only answers from then on.

    Raises:
        SegmentError: There is no such division.
    """
    with open_moment(stores, as_of=until) as moment:
        division = divide(moment, by)
        notes = [_CHOSEN, *([division.note] if division.note else [])]
        counted = group_feedback(moment, division.groups, since=since)
    return joined(counted, by=division.title, notes=notes)


def feedback_of_campaign(stores: Stores, plan_id: str, *, now: datetime) -> Joined:
    """What those whom a plan contacted said in its window, against those it held out.

    Raises:
        DecideError: There is no such plan.
        MeasureError: It has not begun, or is a trial.
    """
    with arms_of(stores, plan_id, now=now) as (moment, groups, title, since):
        counted = group_feedback(moment, groups, since=since)
    return joined(counted, by=title, notes=(_CHOSEN, ARMS_DRAWN))


@contextmanager
def arms_of(
    stores: Stores, plan_id: str, *, now: datetime
) -> Iterator[tuple[Moment, pa.Table, str, datetime]]:
    """The moment at the end of a plan's window so far, its arms as groups, how they are called, and when it began.

    Raises:
        DecideError: There is no such plan.
        MeasureError: It has not begun, or is a trial.
    """
    plan = load_plan(stores.control, plan_id)
    if plan.trial:
        raise MeasureError("A trial reaches nobody, so nothing that people say is about it.")
    span = span_of(plan, now, timezone=stores.settings.timezone)
    with open_moment(stores, as_of=span.measured_until) as moment:
        yield moment, _arms(moment, plan), f"the arms of {plan.plan_id}", span.starts_at


def _arms(moment: Moment, plan: Plan) -> pa.Table:
    placed = assigned(moment.stores, plan.plan_id).people
    moment.session.bind(
        "arms",
        pa.table(
            {
                "origin_id": pa.array([one.origin_id for one in placed], pa.string()),
                "group": pa.array(
                    ["held out" if one.arm == "control" else "contacted" for one in placed],
                    pa.string(),
                ),
            }
        ),
    )
    return moment.session.table(sql(_OF_ARMS))


def group_feedback(
    moment: Moment, groups: pa.Table, *, since: datetime | None = None
) -> dict[tuple[str, Kind, str], Counted]:
    """Newest answers before the moment, of each question and group.

    Args:
        moment: The cut session.
        groups: One row a person: `profile_id` and `group`.
        since: Only answers from then on.
    """
    moment.session.bind("divided", groups)
    rows = moment.session.rows(
        sql(
            _COUNTED,
            said=exp.Subquery(this=union_all(said_in_numbers(moment.stores))),
            since=since or LONG_AGO,
        )
    )
    return {
        (question, kind, group): Counted(good, middling, bad)
        for question, kind, group, good, middling, bad in rows
    }


def said_in_numbers(stores: Stores) -> Sequence[exp.Expr]:
    """A query of reviews, and one of each question of a survey that is answered by numbers and is of no special category."""
    rules = privacy_rules(stores.control)
    found: list[exp.Expr] = [sql(_REVIEWS, good=GOOD)]
    for name, (document, _revision) in sorted(
        definitions.documents(stores.control, "survey").items()
    ):
        survey = check(document)
        if not isinstance(survey, Survey):
            continue
        for key, question in survey.questions.items():
            if question.range is None:
                continue
            if rules.category(Asks("question", key, "question", name)) is not None:
                continue
            nps = question.type == "nps"
            lowest, highest = question.range
            limit = lowest + GOOD * (highest - lowest)
            marks = thresholds(survey, key)[2]
            found.append(
                sql(
                    _ANSWERS,
                    label=f"{name}: {key}",
                    kind="nps" if nps else "csat",
                    high=marks.promoter_from if nps else limit,
                    low=marks.detractor_to if nps else limit,
                    survey=name,
                    question=key,
                )
            )
    return found
