"""Events in people's lives (a new home, a baby, a wedding) by what they buy, each with a probability.

A sign is a product by category, number or a word in its name. Looked at are the days on which somebody bought lately, and on how
many of them a sign was among it. The usual rate of signs is that of all days before. Where the people of lately are of two
kinds, those at the usual rate and those far above it (`stats.mixture`), the probability is that of being of the second kind;
where they are not, the event cannot be told by these signs, and nobody has it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sqlglot import exp

from aimwell.definitions.kinds.occasion import Goods, Occasion
from aimwell.history.moment import Moment
from aimwell.segment.rules.scope import ago
from aimwell.stats.mixture import Mixture, fit_mixture
from aimwell.store.sql import sql

__all__ = ["LifeEvents", "find_life_events", "goods_test", "life_events_query", "probability_query"]

P_MAX = 0.05
DAYS_MIN = 100
"""Fewer days of buying before than this tell no usual rate."""


@dataclass(frozen=True)
class LifeEvents:
    """What the signs tell: `mixture` None where they tell nothing, for the `reason`."""

    usual: float | None
    days: int
    mixture: Mixture | None
    reason: str | None


def goods_test(signs: Goods) -> exp.Expr:
    """What must hold for a line `l` with its product facts `f`."""
    tests: list[exp.Expr] = []
    if signs.categories:
        tests.append(sql("f.category IN :categories", categories=list(signs.categories)))
    if signs.skus:
        tests.append(sql("l.sku IN :skus", skus=list(signs.skus)))
    tests += [
        sql(
            "contains(lower(coalesce(f.name, '') || ' ' || coalesce(f.category, '')), :word)",
            word=word.lower(),
        )
        for word in signs.words
    ]
    return exp.or_(*tests)


def _bind(moment: Moment, occasion: Occasion) -> exp.Table:
    """Days of buying with and without a sign: profile_id, day, sign, lately."""
    signs = occasion.when.life_event
    assert signs is not None  # noqa: S101 - of this way
    return moment.materialised(
        f"signs {occasion.name}",
        lambda: sql(
            """
            SELECT l.profile_id, CAST(timezone(:zone, l.ordered_at) AS date) AS day,
                   max(CASE WHEN :sign THEN 1 ELSE 0 END) AS sign,
                   max(CASE WHEN l.ordered_at >= :start THEN 1 ELSE 0 END) AS lately
            FROM order_lines AS l LEFT JOIN product_facts AS f ON f.sku = l.sku
            WHERE l.kind = 'sale' AND l.goods AND l.profile_id IS NOT NULL
            GROUP BY l.profile_id, CAST(timezone(:zone, l.ordered_at) AS date)
            """,
            zone=moment.stores.settings.timezone,
            start=ago(moment.as_of, signs.within),
            sign=goods_test(signs),
        ),
    )


def find_life_events(moment: Moment, occasion: Occasion) -> LifeEvents:
    """What the signs of a life event tell as of the moment."""
    table = _bind(moment, occasion)
    ((days, signs),) = moment.session.rows(
        sql("SELECT count(*) AS n, sum(sign) AS k FROM :days AS d WHERE lately = 0", days=table)
    )
    if days < DAYS_MIN:
        return LifeEvents(
            None, days, None, f"only {days:,} days of buying before to tell what is usual"
        )
    usual = float(signs or 0) / days
    if usual in (0.0, 1.0):
        said = "was never" if usual == 0 else "is always"
        return LifeEvents(usual, days, None, f"what tells of it {said} bought before")
    rows = moment.session.rows(
        sql(
            """
            SELECT n, k, count(*) AS people FROM (
              SELECT profile_id, count(*) AS n, sum(sign) AS k FROM :days AS d WHERE lately = 1 GROUP BY profile_id
            ) AS c GROUP BY n, k
            """,
            days=table,
        )
    )
    n, k, people = (np.array([int(row[c]) for row in rows], dtype=np.int64) for c in range(3))
    mixture = fit_mixture(n, k, people, p=usual)
    if mixture is None:
        return LifeEvents(usual, days, None, "nobody bought lately")
    if mixture.p_value > P_MAX:
        return LifeEvents(
            usual,
            days,
            None,
            f"nobody buys it more than chance makes some (p = {mixture.p_value:.2f})",
        )
    return LifeEvents(usual, days, mixture, None)


def life_events_query(moment: Moment, occasion: Occasion) -> exp.Expr:
    """One row a person who bought a sign lately: profile_id, probability, since (the first such day)."""
    found = find_life_events(moment, occasion)
    table = _bind(moment, occasion)
    if found.mixture is None:
        return sql(
            "SELECT profile_id, CAST(NULL AS double) AS probability, day AS since FROM :days AS d WHERE FALSE",
            days=table,
        )
    return probability_query(
        found.mixture,
        sql(
            """
            SELECT profile_id, count(*) AS n, sum(sign) AS k, min(CASE WHEN sign = 1 THEN day END) AS since
            FROM :days AS d WHERE lately = 1 GROUP BY profile_id HAVING sum(sign) > 0
            """,
            days=table,
        ),
        extra=("since",),
    )


def probability_query(mixture: Mixture, counts: exp.Expr, extra: tuple[str, ...] = ()) -> exp.Expr:
    """Adds `probability` to counts of people (profile_id, n, k)."""
    logs = sql(
        "k * ln(:odds) - n * ln(1 + (:odds - 1) * :p) + ln(:share / (1 - :share))",
        odds=mixture.odds,
        p=mixture.p,
        share=mixture.share,
    )
    query = sql(
        "SELECT profile_id, n, k, 1 / (1 + exp(-greatest(least(:logs, 700), -700))) AS probability FROM :counts AS c",
        logs=logs,
        counts=counts,
    )
    assert isinstance(query, exp.Select)  # noqa: S101 - the text above is a SELECT
    return query.select(*extra)
