"""Advocacy: promoters, passives and detractors by a question of a survey, where they stand, and who of the silent is likely one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from aimwell.definitions import service as definitions
from aimwell.definitions.kinds.survey import Question, Survey
from aimwell.definitions.special_data import Asks
from aimwell.errors import SegmentError, nearest
from aimwell.history.moment import Moment
from aimwell.privacy.special import privacy_rules
from aimwell.segment.advocacy.likely import Told, resembling, told_by
from aimwell.segment.advocacy.model import (
    GROUPS,
    Advocacy,
    Score,
    Standing,
    StandingCounts,
    Thresholds,
    signed,
)
from aimwell.segment.attributes.known_columns import known_columns
from aimwell.segment.lifecycle import lifecycle
from aimwell.segment.personas.service import PERSONA_FEATURES
from aimwell.stats.estimate import Estimate
from aimwell.stats.net_score import net_score, net_score_change
from aimwell.store.sql import sql

__all__ = ["Answers", "advocacy", "thresholds"]

_PERIODS = 12
_NOBODY: StandingCounts = (0, 0, 0)


@dataclass(frozen=True, eq=False)
class Answers:
    """Who stands where. `told`: person → standing by the newest answer. `silent`: people without one. `likely`: of these those who
    are called a likely promoter or detractor. `probabilities`: of the silent, by kind."""

    told: Mapping[str, Standing]
    silent: tuple[str, ...]
    likely: Mapping[str, Standing]


def thresholds(survey: Survey, name: str) -> tuple[str, Question, Thresholds]:
    """The question and its limits: 9 and 6 for an NPS; of any other scale the top, and its lower half.

    Args:
        survey: The survey.
        name: The question; '' for its only NPS.

    Raises:
        SegmentError: There is no such question, or its answers are no numbers.
    """
    if not name:
        found = [one for one, asked in survey.questions.items() if asked.type == "nps"]
        if len(found) != 1:
            raise SegmentError(
                f"The survey '{survey.name}' has {len(found) or 'no'} questions of the type nps; say which question. "
                f"Known: {', '.join(survey.questions)}."
            )
        name = found[0]
    if name not in survey.questions:
        raise SegmentError(
            f"The survey '{survey.name}' has no question '{name}'. {nearest(name, list(survey.questions))}"
        )
    question = survey.questions[name]
    if question.range is None:
        raise SegmentError(
            f"Answers to '{name}' are no numbers; advocacy needs a question of the type nps, csat or scale."
        )
    if question.type == "nps":
        return name, question, Thresholds(9, 6)
    low, high = question.range
    return name, question, Thresholds(high, (low + high) / 2)


def advocacy(
    moment: Moment, survey: str, question: str = "", *, seed: int = 0
) -> tuple[Advocacy, Answers]:
    """The net score with its interval, by stage and month, and the likely promoters and detractors.

    Args:
        moment: The cut session.
        survey: A survey definition.
        question: Default: its only NPS.
        seed: Of cross-validation.

    Raises:
        SegmentError: See `thresholds`; or the question is of a special category of data.
        UnknownDefinitionError: There is no such survey.
    """
    document = definitions.find(moment.stores.control, Survey, survey)
    question, asked, limits = thresholds(document, question)
    rules = privacy_rules(moment.stores.control)
    if rules.category(Asks("question", question, "question", survey)) is not None:
        raise SegmentError(
            f"'{question}' is of a special category of data, by which nobody is grouped here."
        )
    rows = _answers(moment, survey, question)
    newest = {row[0]: limits.standing(row[1]) for row in rows if row[3] == 1}
    before = {row[0]: limits.standing(row[1]) for row in rows if row[3] == 2}
    moment.bind_profiles()
    stage = {row["profile_id"]: row["stage"] for row in lifecycle(moment).to_pylist()}
    stages: dict[str, Counter[Standing]] = {}
    for person, standing in newest.items():
        stages.setdefault(stage.get(person, "unknown"), Counter())[standing] += 1
    periods = _periods(moment, survey, question, limits)
    ratings, referrals = _ratings(moment), _referrals(moment)
    told_promoter, told_detractor, asks, weights, people = _likely(
        moment, newest, ratings, referrals, seed
    )
    outcome = {
        kind: np.array([newest[one] == kind for one in people[0]], dtype=bool) for kind in GROUPS
    }
    promoter = told_promoter.likely("promoter", outcome["promoter"], weights)
    detractor = told_detractor.likely("detractor", outcome["detractor"], weights)
    everybody = _score("all", Counter(newest.values()))
    found = Advocacy(
        survey=survey,
        question=question,
        is_nps=asked.type == "nps",
        thresholds=limits,
        all=everybody,
        stages=tuple(
            sorted(
                (_score(name, counts) for name, counts in stages.items()),
                key=lambda one: (-sum(one.counts), one.what),
            )
        ),
        periods=periods,
        change=_change(periods),
        moved=dict(
            sorted(Counter((before[one], newest[one]) for one in before if one in newest).items())
        ),
        ratings=_by_standing(ratings, newest),
        referrals=_by_standing(
            {one: float(one in referrals) for one in newest} if referrals else {}, newest
        ),
        likely=(promoter, detractor),
        asks=asks,
        sentence=_sentence(everybody, asked.type == "nps"),
    )
    likely: dict[str, Standing] = {}
    for place, person in enumerate(people[1]):
        chances = {
            "promoter": told_promoter.outside[place] if promoter.reason is None else 0.0,
            "detractor": told_detractor.outside[place] if detractor.reason is None else 0.0,
        }
        kind: Standing = "promoter" if chances["promoter"] >= chances["detractor"] else "detractor"
        if chances[kind] >= 0.5:
            likely[person] = kind
    return found, Answers(newest, tuple(people[1]), likely)


def _answers(moment: Moment, survey: str, question: str) -> list[tuple[str, float, object, int]]:
    """Each known person's two newest answers: profile_id, number, answered_at, place; of equals the lower one counts."""
    moment.bind_known()
    return moment.session.rows(
        sql(
            """
            SELECT profile_id, number, answered_at, place FROM (
              SELECT a.profile_id, a.number, a.answered_at,
                     row_number() OVER (PARTITION BY a.profile_id ORDER BY a.answered_at DESC, a.number) AS place
              FROM answers AS a JOIN known AS k ON k.profile_id = a.profile_id
              WHERE a.survey = :survey AND a.question = :question AND a.number IS NOT NULL
                AND coalesce(a.applicable, TRUE)
            ) AS ranked
            WHERE place <= 2 ORDER BY profile_id, place
            """,
            survey=survey,
            question=question,
        )
    )


def _periods(moment: Moment, survey: str, question: str, limits: Thresholds) -> tuple[Score, ...]:
    answered = sql("timezone(:zone, a.answered_at)", zone=moment.stores.settings.timezone)
    rows = moment.session.rows(
        sql(
            """
            SELECT year, month, number, count(*) FROM (
              SELECT a.number, :year AS year, :month AS month,
                     row_number() OVER (
                       PARTITION BY a.profile_id, :year, :month ORDER BY a.answered_at DESC, a.number
                     ) AS place
              FROM answers AS a JOIN known AS k ON k.profile_id = a.profile_id
              WHERE a.survey = :survey AND a.question = :question AND a.number IS NOT NULL
                AND coalesce(a.applicable, TRUE)
            ) AS ranked
            WHERE place = 1 GROUP BY year, month, number ORDER BY year, month
            """,
            year=sql("year(:time)", time=answered),
            month=sql("month(:time)", time=answered),
            survey=survey,
            question=question,
        )
    )
    counts: dict[str, Counter[Standing]] = {}
    for year, month, number, people in rows:
        counts.setdefault(f"{year}-{month:02}", Counter())[limits.standing(number)] += people
    return tuple(_score(period, counts[period]) for period in sorted(counts)[-_PERIODS:])


def _change(periods: Sequence[Score]) -> Estimate:
    if len(periods) < 2:
        return net_score_change(_NOBODY, _NOBODY)
    return net_score_change(periods[-2].counts, periods[-1].counts)


def _score(what: str, counts: Mapping[Standing, int]) -> Score:
    three = (counts.get("promoter", 0), counts.get("passive", 0), counts.get("detractor", 0))
    return Score(what, three, net_score(*three))


def _ratings(moment: Moment) -> dict[str, float]:
    """Mean mark of each person's reviews, as a share of the best."""
    rows = moment.session.rows(
        sql(
            """
            SELECT profile_id, avg(rating / rating_max) FROM reviews
            WHERE profile_id IS NOT NULL AND rating IS NOT NULL AND rating_max > 0 GROUP BY profile_id
            """
        )
    )
    return {row[0]: float(row[1]) for row in rows}


def _referrals(moment: Moment) -> frozenset[str]:
    """Who ever referred, invited or shared."""
    rows = moment.session.rows(
        sql(
            """
            SELECT DISTINCT profile_id FROM events
            WHERE event LIKE '%Refer%' OR event LIKE '%Invite%' OR event IN ('Product Shared', 'Cart Shared')
            """
        )
    )
    return frozenset(row[0] for row in rows)


def _by_standing(
    figures: Mapping[str, float], told: Mapping[str, Standing]
) -> dict[Standing, float | None]:
    found: dict[Standing, float | None] = {}
    for group in GROUPS:
        own = [
            figures[one] for one, standing in told.items() if standing == group and one in figures
        ]
        found[group] = float(np.mean(own)) if own else None
    return found


def _deeds(
    people: Sequence[str], ratings: Mapping[str, float], referrals: Container[str]
) -> npt.NDArray[np.float64]:
    """Columns of reviews and referrals, a row a person: whether they wrote a review, how far its mark is from the mean of all
    (0 for who wrote none, 1 is a standard deviation), whether they refer. Most people do neither, so that the usual
    preparation would leave them out."""
    marks = np.array([ratings.get(one, np.nan) for one in people], dtype=np.float64)
    wrote = ~np.isnan(marks)
    refer = np.array([one in referrals for one in people], dtype=np.float64)
    away = np.zeros(len(people))
    if wrote.any() and (spread := float(marks[wrote].std())) > 0.0:
        away[wrote] = (marks[wrote] - marks[wrote].mean()) / spread
    return np.column_stack([wrote.astype(np.float64), away, refer])


def _likely(
    moment: Moment,
    newest: Mapping[str, Standing],
    ratings: Mapping[str, float],
    referrals: Container[str],
    seed: int,
) -> tuple[Told, Told, Estimate, npt.NDArray[np.float64], tuple[list[str], list[str]]]:
    """Promoters and detractors as told by what is known, how far who answers can be told, the weights of those who did,
    and (who answered, who did not)."""
    known = known_columns(moment, PERSONA_FEATURES)
    deeds = _deeds(known.people, ratings, referrals)
    rows = np.hstack([known.prepared(), deeds[:, deeds.any(axis=0)]])
    answered = np.array([person in newest for person in known.people], dtype=bool)
    own, others = rows[answered], rows[~answered]
    here = [one for one in known.people if one in newest]
    away = [one for one in known.people if one not in newest]
    standings = np.array([newest[one] for one in here], dtype=object)
    promoter = told_by(own, standings == "promoter", others, seed=seed)
    detractor = told_by(own, standings == "detractor", others, seed=seed)
    asks = told_by(rows, answered, rows[:0], seed=seed)
    return promoter, detractor, asks.area, resembling(asks, answered), (here, away)


def _sentence(score: Score, is_nps: bool) -> str:
    name = "Net promoter score" if is_nps else "Net score (of another scale than an NPS)"
    if score.score.estimate is None:
        return f"{name}: {score.score.reason}."
    promoters, passives, detractors = score.counts
    return (
        f"{name} {signed(score.score.estimate)} ({signed(score.score.lower)} to {signed(score.score.upper)}): {promoters:,} promoters, "
        f"{passives:,} passives, {detractors:,} detractors."
    )
