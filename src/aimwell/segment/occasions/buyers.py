"""Who buys for an occasion, learned from each person's own days of buying against the calendar.

Somebody with m days of buying outside the occasion's windows would buy in a window with the probability
q = 1 − exp(−(m + ½) r), where r is what the days around the windows let expect for each such day. Where the shop as a whole shows
that the occasion matters (`rhythm`), people are taken to be of two kinds, and each has a probability of being of the kind that
buys for it besides (`stats.occurrences`). Where it does not, nobody has.

**Checked** by what came later: learned without the last window, the people named are held against as many with the most days of
buying (the dull choice), and against others with just as many days.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from sqlglot import exp

from aimwell.definitions.kinds.occasion import Occasion
from aimwell.history.moment import Moment
from aimwell.segment.occasions.groups import JUDGED, Grouped, bind_windows, grouped
from aimwell.segment.occasions.life_events import life_events_query
from aimwell.segment.occasions.rhythm import LEADS, Rhythm, measure
from aimwell.stats.occurrences import Comers, fit_comers
from aimwell.store.sql import sql

__all__ = ["LIKELY", "P_MAX", "Check", "Learned", "buyers_query", "learn"]

P_MAX = 0.05
LIKELY = 0.5
"""From this probability on a person is counted among those who buy for it."""

_PEOPLE_MIN = 20


@dataclass(frozen=True)
class Check:
    """Those named without the last window, and the share of each who then bought in it.

    `named_share` of the `named`; `most_share` of as many with the most days of buying; `alike_share` of others with as many days
    as the named had, with the `difference` to it and its interval.
    """

    named: int
    named_share: float
    most_share: float
    alike_share: float | None
    difference: float | None
    lower: float | None
    upper: float | None

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Learned:
    """What was learned: `rhythm` and `comers` are None where there is nothing, for the `reason`.

    `days` is the table of days of buying with their window, `rate` the r of the formula.
    """

    rhythm: Rhythm | None
    grouped: Grouped | None
    comers: Comers | None
    days: exp.Table | None
    reason: str | None
    rate: float = 0.0


def learn(moment: Moment, occasion: Occasion) -> Learned:
    """Whether the shop's people buy for the occasion as of the moment, and with which probability each does."""
    if occasion.when.way not in JUDGED:
        told = "told by each person's own days or by a table, so there is no calendar to hold orders against"
        return Learned(None, None, None, None, told)
    found = grouped(moment, occasion)
    if found is None:
        return Learned(None, None, None, None, "nobody bought anything yet")
    after = occasion.after.days if occasion.after is not None else 0
    rhythm = measure(
        found.groups,
        leads=_leads(occasion, found),
        after=after,
        weekday=found.start.weekday(),
        among=found.among,
    )
    if rhythm is None:
        return Learned(
            None,
            found,
            None,
            None,
            "none of its days lies in the time seen, with days around to compare",
        )
    days = bind_windows(moment, occasion, found, lead=rhythm.lead, after=after)
    if rhythm.p_value > P_MAX or rhythm.ratio <= 1:
        said = f"orders before it are no more than elsewhere by chance (p = {rhythm.p_value:.2f})"
        return Learned(rhythm, found, None, days, said)
    ((outside,),) = moment.session.rows(
        sql("SELECT count(*) AS m FROM :days AS d WHERE falls_on IS NULL", days=days)
    )
    whole = max(rhythm.windows / max(len(found.groups), 1), 1.0)
    rate = rhythm.expected / max(outside, 1) / whole
    rows = moment.session.rows(
        sql(
            """
            SELECT m, windows, came, count(*) AS people FROM (
              SELECT profile_id, count(CASE WHEN falls_on IS NULL THEN 1 END) AS m, max(windows) AS windows,
                     count(DISTINCT turn) AS came
              FROM :days AS d GROUP BY profile_id
            ) AS c WHERE windows IS NOT NULL GROUP BY m, windows, came
            """,
            days=days,
        )
    )
    comers = fit_comers(*_records(rows, rate))
    if comers is None:
        return Learned(rhythm, found, None, days, "no people stand out from the others")
    return Learned(rhythm, found, comers, days, None, rate)


def _records(rows: Sequence[tuple[Any, ...]], rate: float) -> tuple[Any, ...]:
    """q, turns, came and people of each record."""
    m, turns, came, people = (
        np.array([int(row[c]) for row in rows], dtype=np.int64) for c in range(4)
    )
    return _usual(m, rate), turns, came, people


def _usual(m: Any, rate: float) -> Any:
    """The probability of buying in a window with so many days of buying outside."""
    return np.clip(-np.expm1(-(m + 0.5) * rate), 1e-9, 1 - 1e-9)


def _leads(occasion: Occasion, found: Grouped) -> tuple[int, ...]:
    """The lead time that the document says, else those that fit between two of its days."""
    if occasion.lead is not None:
        return (max(occasion.lead.days, 0),)
    gaps = [
        b - a
        for group in found.groups
        for a, b in zip(group.days, group.days[1:], strict=False)
        if b > a
    ]
    shortest = min(gaps, default=365)
    fitting = tuple(lead for lead in LEADS if lead <= 0.25 * shortest)
    return fitting or (1,)


def buyers_query(moment: Moment, occasion: Occasion) -> exp.Expr:
    """One row a person who ever bought in one of its windows: profile_id, came (in how many windows), probability.

    No rows where nothing was learned. Of the others it is only known what holds for all.
    """
    if occasion.when.way == "life_event":
        return life_events_query(moment, occasion)

    def query() -> exp.Expr:
        learned = learn(moment, occasion)
        comers = learned.comers
        if comers is None or learned.days is None:
            moment.bind_known()
            return sql(
                "SELECT profile_id, 0 AS came, CAST(NULL AS double) AS probability FROM known WHERE FALSE"
            )
        return sql(
            """
            SELECT profile_id, came, 1 / (1 + exp(-greatest(least(
                     came * ln(1 + :extra * (1 - q) / q) + (windows - came) * ln(1 - :extra) + ln(:share / (1 - :share)),
                     700), -700))) AS probability
            FROM (
              SELECT profile_id, max(windows) AS windows, count(DISTINCT turn) AS came,
                     1 - exp(-(count(CASE WHEN falls_on IS NULL THEN 1 END) + 0.5) * :rate) AS q
              FROM :days AS d GROUP BY profile_id HAVING count(turn) > 0
            ) AS c
            """,
            extra=comers.extra,
            share=comers.share,
            rate=learned.rate,
            days=learned.days,
        )

    table = moment.materialised(f"occasion_buyers {occasion.name}", query)
    return exp.select("*").from_(table)


def check(moment: Moment, learned: Learned) -> Check | None:
    """How well those named beforehand were named; None where there were not two windows, or nobody was named."""
    if learned.comers is None or learned.days is None:
        return None
    rows = moment.session.rows(
        sql(
            """
            SELECT m, windows, came, count(*) AS people, sum(hit) AS hits, n FROM (
              SELECT profile_id, count(CASE WHEN day < last_from AND falls_on IS NULL THEN 1 END) AS m,
                     max(windows) - 1 AS windows, count(DISTINCT CASE WHEN day < last_from THEN turn END) AS came,
                     max(CASE WHEN turn = last_on THEN 1 ELSE 0 END) AS hit,
                     count(CASE WHEN day < last_from THEN 1 END) AS n
              FROM :days AS d GROUP BY profile_id
            ) AS c WHERE n > 0 AND windows > 0 GROUP BY m, windows, came, n
            """,
            days=learned.days,
        )
    )
    if not rows:
        return None
    q, turns, came, people = _records(rows, learned.rate)
    hits, n = (np.array([int(row[c]) for row in rows], dtype=np.int64) for c in (4, 5))
    comers = fit_comers(q, turns, came, people)
    if comers is None:
        return None
    named = (came > 0) & (comers.probability(q, turns, came) >= LIKELY)
    count = int(people[named].sum())
    if count < _PEOPLE_MIN:
        return None
    share = hits[named].sum() / count
    return Check(
        count,
        float(share),
        _most(n, people, hits, count),
        *_alike(n, people, hits, named, float(share), count),
    )


def _most(n: Any, people: Any, hits: Any, count: int) -> float:
    """The share of hits among `count` people with the most days; of equals as many as there is room for."""
    left, found = count, 0.0
    for size in sorted(set(n.tolist()), reverse=True):
        here = n == size
        taken = min(left, int(people[here].sum()))
        found += taken * hits[here].sum() / people[here].sum()
        left -= taken
        if not left:
            break
    return float(found / max(count - left, 1))


def _alike(
    n: Any, people: Any, hits: Any, named: Any, share: float, count: int
) -> tuple[float | None, float | None, float | None, float | None]:
    """Others with as many days as the named, and the difference to them with its interval of 95 %."""
    expected, variance, weight = 0.0, 0.0, 0
    for size in set(n[named].tolist()):
        own = int(people[named & (n == size)].sum())
        others = ~named & (n == size)
        there = int(people[others].sum())
        if not there:
            continue
        rate = hits[others].sum() / there
        expected += own * rate
        variance += own**2 * rate * (1 - rate) / there
        weight += own
    if weight < count / 2:
        return None, None, None, None
    alike = expected / weight
    error = float(np.sqrt(variance / weight**2 + share * (1 - share) / count))
    difference = share - alike
    return (
        float(alike),
        float(difference),
        float(difference - 1.96 * error),
        float(difference + 1.96 * error),
    )
