"""People who share a calendar, what they bought on which day, and the windows of an occasion in it.

A *day of buying* is a day, in the firm's time zone, on which a person placed at least one order that was kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from sqlglot import exp

from aimwell.definitions.kinds.occasion import Goods, Occasion
from aimwell.history.moment import Moment
from aimwell.privacy.birth_dates import birth_dates
from aimwell.segment.occasions.dates import calendar_days, same_day
from aimwell.segment.occasions.life_events import goods_test
from aimwell.segment.occasions.people import anniversary_bases, country_of, places
from aimwell.segment.occasions.rhythm import Group
from aimwell.store.sql import identifier, sql

__all__ = ["JUDGED", "Grouped", "bind_windows", "bought_days", "grouped"]

JUDGED = frozenset(
    {
        "holiday",
        "common",
        "yearly",
        "dates",
        "season",
        "payday",
        "birthday",
        "anniversary",
    }
)
"""Ways that lay days over the past, so that people's orders can be held against them."""

_FIRST_YEAR = timedelta(days=180)
"""After a first order people come again for their own reasons; only what follows later speaks of its anniversary."""


@dataclass(frozen=True)
class Grouped:
    """Groups with their calendars over one span of days: `start` is day 0. `keys` are the groups' numbers in the session's
    table of people (profile_id, key); `unknown` people have no calendar."""

    start: date
    groups: tuple[Group, ...]
    people: exp.Table
    unknown: int
    among: NDArray[np.int64] | None
    bought: int

    @property
    def length(self) -> int:
        """How many days."""
        return len(self.groups[0].orders) if self.groups else 0

    def day(self, number: int) -> date:
        """The date of a numbered day."""
        return self.start + timedelta(days=number)


def bought_days(moment: Moment, goods: Goods | None = None) -> exp.Table:
    """Days of buying, once a session: profile_id, day, and whether one of the goods was among it (`fits`)."""
    zone = moment.stores.settings.timezone
    if goods is None:
        return moment.materialised(
            "bought_days",
            lambda: sql(
                """
                SELECT DISTINCT profile_id, CAST(timezone(:zone, ordered_at) AS date) AS day, TRUE AS fits
                FROM purchases WHERE kept
                """,
                zone=zone,
            ),
        )
    return moment.materialised(
        f"bought_days {goods.model_dump_json()}",
        lambda: sql(
            """
            SELECT b.profile_id, b.day, bool_or(coalesce(l.fits, FALSE)) AS fits
            FROM :days AS b
            LEFT JOIN (
              SELECT l.profile_id, CAST(timezone(:zone, l.ordered_at) AS date) AS day, TRUE AS fits
              FROM order_lines AS l LEFT JOIN product_facts AS f ON f.sku = l.sku
              WHERE l.kind = 'sale' AND l.goods AND l.profile_id IS NOT NULL AND :wanted
            ) AS l ON l.profile_id = b.profile_id AND l.day = b.day
            GROUP BY b.profile_id, b.day
            """,
            days=bought_days(moment),
            zone=zone,
            wanted=exp.paren(goods_test(goods)),
        ),
    )


def grouped(moment: Moment, occasion: Occasion) -> Grouped | None:
    """Who shares which calendar; None where nobody bought anything yet."""
    moment.bind_known()
    ((first, last),) = moment.session.rows(
        sql("SELECT min(day) AS a, max(day) AS b FROM :days AS d", days=bought_days(moment))
    )
    if first is None:
        return None
    personal = occasion.when.way in ("birthday", "anniversary")
    keys, people = (_personal if personal else _placed)(moment, occasion, first, last)
    rows = moment.session.rows(
        sql(
            """
            SELECT g.key, b.day, count(*) AS n, sum(CASE WHEN b.fits THEN 1 ELSE 0 END) AS fitting
            FROM :days AS b JOIN :people AS g ON g.profile_id = b.profile_id
            WHERE b.day >= g.since GROUP BY g.key, b.day
            """,
            days=bought_days(moment, occasion.goods),
            people=people,
        )
    )
    length = (last - first).days + 1
    orders = {key: np.zeros(length, dtype=np.int64) for key in keys}
    among = np.zeros(length, dtype=np.int64)
    for key, day, count, fitting in rows:
        orders[key][(day - first).days] = fitting
        among[(day - first).days] += count
    groups = [
        Group(tuple((one - first).days for one in keys[key]), orders[key]) for key in sorted(keys)
    ]
    ((unknown,),) = moment.session.rows(
        sql(
            "SELECT count(*) AS n FROM known AS k ANTI JOIN :people AS g ON g.profile_id = k.profile_id",
            people=people,
        )
    )
    only = among if occasion.goods is not None else None
    return Grouped(first, tuple(groups), people, int(unknown), only, int(among.sum()))


def _years(first: date, last: date) -> range:
    return range(first.year - 1, last.year + 2)


def _placed(
    moment: Moment, occasion: Occasion, first: date, last: date
) -> tuple[dict[int, tuple[date, ...]], exp.Table]:
    """Places whose calendars are the same are one group."""
    where = places(moment, occasion)
    keys: dict[tuple[date, ...], int] = {}
    rows = []
    for country, region in sorted(
        moment.session.rows(sql("SELECT DISTINCT country, region FROM :w AS w", w=where))
    ):
        days = calendar_days(
            occasion,
            _years(first, last),
            country=country_of(moment, occasion, country),
            region=region or None,
        )
        if days:
            rows.append((country, region, keys.setdefault(days, len(keys))))
    moment.session.bind(
        "occasion_keys",
        pa.table(
            {
                "country": pa.array([row[0] for row in rows], pa.string()),
                "region": pa.array([row[1] for row in rows], pa.string()),
                "key": pa.array([row[2] for row in rows], pa.int64()),
            }
        ),
    )
    people = moment.materialised(
        f"occasion_groups {occasion.name}",
        lambda: sql(
            """
            SELECT w.profile_id, k.key, CAST('0001-01-01' AS date) AS since
            FROM :places AS w JOIN occasion_keys AS k ON k.country = w.country AND k.region = w.region
            """,
            places=where,
        ),
    )
    return {key: days for days, key in keys.items()}, people


def _personal(
    moment: Moment, occasion: Occasion, first: date, last: date
) -> tuple[dict[int, tuple[date, ...]], exp.Table]:
    """People whose day is the same day of the year are one group; its number is month × 100 + day."""
    birthday = occasion.when.birthday

    def query() -> exp.Expr:
        if birthday is not None:
            moment.session.bind("control_births", birth_dates(moment.stores))
            bases = sql("SELECT profile_id, TRY_CAST(born AS date) AS base FROM control_births")
            wait = 0
        else:
            bases, wait = anniversary_bases(moment, occasion), _FIRST_YEAR.days
        return sql(
            """
            SELECT k.profile_id, month(b.base) * 100 + day(b.base) AS key,
                   b.base + CAST(:wait AS integer) AS since
            FROM known AS k JOIN :bases AS b ON b.profile_id = k.profile_id WHERE b.base IS NOT NULL
            """,
            bases=bases,
            wait=wait,
        )

    people = moment.materialised(f"occasion_groups {occasion.name}", query)
    keys = {}
    for (key,) in moment.session.rows(
        sql("SELECT DISTINCT key FROM :people AS p ORDER BY key", people=people)
    ):
        month, day = divmod(key, 100)
        base = date(2000, month, day)
        leap = birthday or "february"
        keys[key] = tuple(same_day(base, year, leap=leap) for year in _years(first, last))
    return keys, people


def bind_windows(
    moment: Moment, occasion: Occasion, found: Grouped, *, lead: int, after: int
) -> exp.Table:
    """Days of buying, each with the window that it lies in.

    Columns: profile_id, day, falls_on (the occasion's day; null: in no window), turn (the same, but null without the goods
    that are bought for it), windows (how many the person's calendar had in the time seen), last_on and last_from (day and
    first day of the last of them). A day that lies in two windows belongs to the one whose day comes first.
    """
    rows = []
    for key, group in zip(_keys(moment, found), found.groups, strict=True):
        seen = [day for day in group.days if day + after >= 0 and day - lead < found.length]
        for day in seen:
            first = found.day(day - lead)
            last = max(seen)
            rows.append(
                (
                    key,
                    first,
                    found.day(day + after),
                    found.day(day),
                    len(seen),
                    found.day(last),
                    found.day(last - lead),
                )
            )
    names = ("first_on", "ends_on", "turn", "windows", "last_on", "last_from")
    columns = {"key": pa.array([row[0] for row in rows], pa.int64())}
    for place, name in enumerate(names, start=1):
        kind = pa.int64() if name == "windows" else pa.date32()
        columns[name] = pa.array([row[place] for row in rows], kind)
    moment.session.bind("occasion_windows", pa.table(columns))
    name = f"occasion_bought {occasion.name}"
    moment.session.materialise(
        name,
        sql(
            """
            SELECT b.profile_id, b.day, min(w.turn) AS falls_on, min(CASE WHEN b.fits THEN w.turn END) AS turn,
                   max(c.windows) AS windows, max(c.last_on) AS last_on, max(c.last_from) AS last_from
            FROM :days AS b
            JOIN :people AS g ON g.profile_id = b.profile_id AND b.day >= g.since
            LEFT JOIN (SELECT DISTINCT key, windows, last_on, last_from FROM occasion_windows) AS c ON c.key = g.key
            LEFT JOIN occasion_windows AS w ON w.key = g.key AND b.day BETWEEN w.first_on AND w.ends_on
            GROUP BY b.profile_id, b.day
            """,
            days=bought_days(moment, occasion.goods),
            people=found.people,
        ),
    )
    return exp.Table(this=identifier(name))


def _keys(moment: Moment, found: Grouped) -> list[int]:
    """The groups' numbers in the order of the groups."""
    return [
        int(row[0])
        for row in moment.session.rows(
            sql("SELECT DISTINCT key FROM :people AS p ORDER BY key", people=found.people)
        )
    ]
