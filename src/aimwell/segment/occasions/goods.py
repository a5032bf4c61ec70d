"""What is bought for an occasion: products that sell in its windows, and whether they look like gifts.

**Products**: a product's days of buying in the windows against the share of *all* days of buying that lie there, so that a
busy season lifts no product by itself. One-sided binomial test; of all products found at most 5 % are expected to be false.
What the occasion's definition names as its goods comes first: in a shop of one year, the windows of Christmas hold a cold
December's hot-water bottles, too.

**Signs** compare a person's days in the windows with the same person's other days, and the mean difference over people has its
interval: the share of products never bought by them before (gifts are seldom what one buys for oneself), of products whose name
speaks of giving (gift, present, wrap, card …) or of feeling (love, heart, memory …), and the units of a product (for many).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from math import sqrt
from typing import Any, Literal

import numpy as np
from scipy.stats import binom
from sqlglot import exp

from aimwell.definitions.kinds.occasion import Goods
from aimwell.history.moment import Moment
from aimwell.segment.occasions.life_events import goods_test
from aimwell.stats.multiplicity import benjamini_hochberg
from aimwell.store.sql import sql

__all__ = ["Product", "Purpose", "Sign", "products", "purpose", "signs"]

_FEW = 5
_PEOPLE_MIN = 20
_Q_MAX = 0.05
_GIVING = "gift|present|wrap|card|ribbon|bow|bouquet|voucher"
_FEELING = "love|heart|memor|keepsake|sympathy|angel|photo|forever|hug|thank you|with love"

Purpose = Literal["gift", "own use", "cannot tell"]


@dataclass(frozen=True)
class Product:
    """A product that sells for the occasion: on `inside` of `days` days of buying; `lift` times what all products do.

    `wanted`: it is among the goods that the occasion's definition names. `demand`: year in which the occasion fell → units
    sold in its windows, before returns.
    """

    sku: str
    name: str | None
    category: str | None
    inside: int
    days: int
    lift: float
    q_value: float
    wanted: bool
    demand: Mapping[int, float]

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Sign:
    """A person's days in the windows against the same person's other days, over `people` who have both."""

    name: str
    words: str
    people: int
    usual: float
    difference: float
    lower: float
    upper: float

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)

    @property
    def more(self) -> bool:
        """Whether it is more in the windows, beyond chance."""
        return self.lower > 0

    @property
    def less(self) -> bool:
        """Whether it is less."""
        return self.upper < 0


def products(
    moment: Moment, days: exp.Expr, *, goods: Goods | None = None, most: int = 20
) -> tuple[Product, ...]:
    """Products that sell for the occasion: those of its `goods` first, and of each kind the surest.

    Args:
        moment: The cut session.
        days: Days of buying with their window: profile_id, day, falls_on.
        goods: What its definition names as bought for it.
        most: How many to give.
    """
    ((total, inside),) = moment.session.rows(
        sql("SELECT count(*) AS n, count(falls_on) AS k FROM :days AS d", days=days)
    )
    if not inside or inside == total:
        return ()
    rows = moment.session.rows(
        sql(
            """
            SELECT l.sku, f.name, f.category, l.inside, l.days, coalesce(:wanted, FALSE) AS wanted FROM (
              SELECT l.sku, count(*) AS days, count(d.falls_on) AS inside
              FROM :lines AS l JOIN :days AS d ON d.profile_id = l.profile_id AND d.day = l.day
              GROUP BY l.sku HAVING count(d.falls_on) >= :few
            ) AS l LEFT JOIN product_facts AS f ON f.sku = l.sku ORDER BY l.sku
            """,
            wanted=exp.paren(goods_test(goods)) if goods is not None else sql("FALSE"),
            lines=_lines(moment),
            days=days,
            few=_FEW,
        )
    )
    if not rows:
        return ()
    usual = inside / total
    k, n = (np.array([row[c] for row in rows], dtype=np.int64) for c in (3, 4))
    p_values = binom.sf(k - 1, n, usual)
    q_values = np.array(benjamini_hochberg(p_values.tolist()), dtype=np.float64)
    found = [
        Product(
            sku,
            name,
            category,
            int(here),
            int(there),
            float(here / there / usual),
            float(q),
            wanted,
            {},
        )
        for (sku, name, category, here, there, wanted), q in zip(rows, q_values, strict=True)
        if q <= _Q_MAX
    ]
    surest = _first(sorted(found, key=lambda one: (one.q_value, -one.lift, one.sku)), most)
    demand = _demand(moment, days)
    return tuple(replace(one, demand=demand[one.sku]) for one in surest)


def _first(surest: list[Product], most: int) -> list[Product]:
    """The goods of the occasion, then others, which have half of the places where there are so many."""
    wanted = [one for one in surest if one.wanted]
    others = [one for one in surest if not one.wanted]
    room = most - min(len(others), most // 2)
    return [*wanted[:room], *others][:most]


def _demand(moment: Moment, days: exp.Expr) -> dict[str, dict[int, float]]:
    """Product → year of the occasion's day → units sold in its windows."""
    rows = moment.session.rows(
        sql(
            """
            SELECT l.sku, year(d.falls_on) AS year, sum(l.units) AS units
            FROM :lines AS l JOIN :days AS d ON d.profile_id = l.profile_id AND d.day = l.day
            WHERE d.falls_on IS NOT NULL GROUP BY l.sku, year(d.falls_on) ORDER BY l.sku, year
            """,
            lines=_lines(moment),
            days=days,
        )
    )
    found: dict[str, dict[int, float]] = {}
    for sku, year, units in rows:
        found.setdefault(sku, {})[int(year)] = float(units)
    return found


def _lines(moment: Moment) -> exp.Table:
    """What a person bought on a day, once a session: profile_id, day, sku, units."""
    return moment.materialised(
        "bought_products",
        lambda: sql(
            """
            SELECT profile_id, CAST(timezone(:zone, ordered_at) AS date) AS day, sku,
                   CAST(sum(quantity) AS double) AS units
            FROM order_lines WHERE kind = 'sale' AND goods AND profile_id IS NOT NULL AND sku IS NOT NULL
            GROUP BY profile_id, CAST(timezone(:zone, ordered_at) AS date), sku
            """,
            zone=moment.stores.settings.timezone,
        ),
    )


def signs(moment: Moment, days: exp.Expr) -> tuple[Sign, ...]:
    """The signs of which enough people tell. Arguments as in `products`."""
    values = {
        "once": (
            "products bought on no other day outside its windows",
            "CASE WHEN l.outside_days <= CASE WHEN l.falls_on IS NULL THEN 1 ELSE 0 END THEN 1.0 ELSE 0.0 END",
        ),
        "giving": (
            "products that speak of giving",
            "CASE WHEN regexp_matches(lower(f.name), :giving) THEN 1.0 WHEN f.name IS NOT NULL THEN 0.0 END",
        ),
        "feeling": (
            "products that speak of feeling",
            "CASE WHEN regexp_matches(lower(f.name), :feeling) THEN 1.0 WHEN f.name IS NOT NULL THEN 0.0 END",
        ),
        "units": ("units of a product", "ln(greatest(l.units, 1))"),
    }
    found = []
    for name, (words, text) in values.items():
        holes = {"giving": _GIVING, "feeling": _FEELING}
        value = sql(text, **{key: rule for key, rule in holes.items() if f":{key}" in text})
        ((people, usual, mean, spread),) = moment.session.rows(
            sql(
                """
                SELECT count(*) AS people, avg(outside) AS usual, avg(inside - outside) AS mean,
                       stddev_samp(inside - outside) AS spread
                FROM (
                  SELECT l.profile_id, avg(CASE WHEN l.falls_on IS NOT NULL THEN :value END) AS inside,
                         avg(CASE WHEN l.falls_on IS NULL THEN :value END) AS outside
                  FROM (
                    SELECT b.profile_id, b.sku, b.units, d.falls_on,
                           sum(CASE WHEN d.falls_on IS NULL THEN 1 ELSE 0 END)
                             OVER (PARTITION BY b.profile_id, b.sku) AS outside_days
                    FROM :lines AS b JOIN :days AS d ON d.profile_id = b.profile_id AND d.day = b.day
                  ) AS l
                  LEFT JOIN product_facts AS f ON f.sku = l.sku
                  GROUP BY l.profile_id
                ) AS p WHERE inside IS NOT NULL AND outside IS NOT NULL
                """,
                value=value,
                lines=_lines(moment),
                days=days,
            )
        )
        if people < _PEOPLE_MIN or spread is None:
            continue
        error = 1.96 * spread / sqrt(people)
        found.append(Sign(name, words, people, usual, mean, mean - error, mean + error))
    return tuple(found)


def purpose(found: tuple[Sign, ...]) -> Purpose:
    """Gift where products of a single day or words of giving are more in the windows and neither is less; own use the other way."""
    told = [one for one in found if one.name in ("once", "giving")]
    if any(one.more for one in told) and not any(one.less for one in told):
        return "gift"
    if any(one.less for one in told) and not any(one.more for one in told):
        return "own use"
    return "cannot tell"
