"""When an occasion is next for each person, and when it was last: by their calendar, their own days, or what they bought.

Days are those of the person's time zone where it is known, else the firm's. Nothing from the moment on is looked at; days
ahead come from calendars and habits. A date of birth holds whenever it was told.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pyarrow as pa
from sqlglot import exp

from aimwell.definitions.kinds.occasion import Occasion
from aimwell.errors import SegmentError
from aimwell.history.moment import Moment
from aimwell.privacy.birth_dates import birth_dates
from aimwell.segment.occasions.dates import calendar_days
from aimwell.segment.occasions.life_events import life_events_query
from aimwell.segment.rules.comparing import limits
from aimwell.segment.rules.scope import ago
from aimwell.settings import known_country
from aimwell.store.sql import sql

__all__ = [
    "LEAD_DAYS",
    "anniversary_bases",
    "bind_people",
    "country_of",
    "lead_of",
    "local_date",
    "matching",
    "occasion_days",
    "places",
]

LEAD_DAYS = 14
"""How long before the day people are looked for, where neither the document nor history says."""

_LEAP = "((:y) % 4 = 0 AND (:y) % 100 <> 0 OR (:y) % 400 = 0)"


def lead_of(occasion: Occasion) -> timedelta:
    """How long before the day people are looked for."""
    return occasion.lead if occasion.lead is not None else timedelta(days=LEAD_DAYS)


def local_date(moment: datetime, timezone: str) -> date:
    """The date of a moment in a zone. Raises ZoneInfoNotFoundError where there is no such zone."""
    return moment.astimezone(ZoneInfo(timezone)).date()


def occasion_days(moment: Moment, occasion: Occasion) -> exp.Table:
    """One row a person for whom the occasion is: profile_id, today, next_on (null: not known), previous_on (before today).

    Raises:
        SegmentError: The calendar that the document names has no such day.
    """
    bind_people(moment)
    queries = {
        "birthday": lambda: _birthdays(moment, occasion),
        "anniversary": lambda: _anniversaries(moment, occasion),
        "replenishment": lambda: _replenishments(moment, occasion),
        "life_event": lambda: _life_events(moment, occasion),
        "trigger": lambda: _triggers(moment, occasion),
        "calendar": lambda: _calendars(moment, occasion),
    }
    query = queries.get(occasion.when.way, lambda: _by_place(moment, occasion))
    return moment.materialised(f"occasion {occasion.name}", query)


def bind_people(moment: Moment) -> None:
    """Make `occasion_people` stand for profile_id and today's date where the person is."""
    moment.bind_profiles()
    moment.bind_known()

    def query() -> exp.Expr:
        zones = [
            row[0] for row in moment.session.rows(sql("SELECT DISTINCT timezone FROM profiles"))
        ]
        days = {}
        for zone in zones:
            try:
                days[zone] = local_date(moment.as_of, zone) if zone is not None else None
            except (ZoneInfoNotFoundError, ValueError, OSError):
                days[zone] = None  # a zone that there is not: the firm's day holds
        known = {zone: day for zone, day in days.items() if day is not None}
        moment.session.bind(
            "occasion_zones",
            pa.table(
                {
                    "zone": pa.array(list(known), pa.string()),
                    "today": pa.array(list(known.values()), pa.date32()),
                }
            ),
        )
        return sql(
            """
            SELECT p.profile_id, p.first_seen_at, coalesce(z.today, :today) AS today
            FROM profiles AS p LEFT JOIN occasion_zones AS z ON z.zone = p.timezone
            """,
            today=local_date(moment.as_of, moment.stores.settings.timezone),
        )

    moment.materialise_once("occasion_people", query)


# --- by the calendar -------------------------------------------------------------------------------------


def places(moment: Moment, occasion: Occasion) -> exp.Table:
    """Country and region of everybody, empty where not known: profile_id, country, region."""

    def query() -> exp.Expr:
        return sql(
            """
            SELECT k.profile_id, coalesce(c.value, '') AS country, coalesce(r.value, '') AS region
            FROM known AS k
            LEFT JOIN :countries AS c ON c.profile_id = k.profile_id
            LEFT JOIN :regions AS r ON r.profile_id = k.profile_id
            """,
            countries=exp.paren(moment.latest_trait(occasion.country_trait)),
            regions=exp.paren(moment.latest_trait(occasion.region_trait)),
        )

    name = f"occasion_places {occasion.country_trait} {occasion.region_trait}"
    return moment.materialised(name, query)


def country_of(moment: Moment, occasion: Occasion, text: str) -> str | None:
    """The country whose calendar holds where people's trait is this text; None where none does."""
    try:
        return known_country(text)
    except ValueError:  # what else people say of their country is none
        home = occasion.without_country == "home"
        return moment.stores.settings.country if home else None


def _by_place(moment: Moment, occasion: Occasion) -> exp.Expr:
    """Next and last day for each country, region and today that there is, joined to the people there."""
    where = places(moment, occasion)
    combinations = moment.session.rows(
        sql(
            """
            SELECT DISTINCT w.country, w.region, p.today
            FROM :places AS w JOIN occasion_people AS p ON p.profile_id = w.profile_id
            """,
            places=where,
        )
    )
    found = []
    for country, region, today in sorted(combinations):
        years = range(today.year - 2, today.year + 3)
        days = calendar_days(
            occasion, years, country=country_of(moment, occasion, country), region=region or None
        )
        if days:
            found.append((country, region, today, *_around(days, today)))
    _bind_days(moment, "occasion_by_place", ("country", "region"), found)
    return sql(
        """
        SELECT p.profile_id, p.today, d.next_on, d.previous_on
        FROM occasion_people AS p
        JOIN :places AS w ON w.profile_id = p.profile_id
        JOIN occasion_by_place AS d ON d.country = w.country AND d.region = w.region AND d.today = p.today
        """,
        places=where,
    )


def _around(days: Iterable[date], today: date) -> tuple[date | None, date | None]:
    """The first day from today on, and the last before."""
    ahead = [day for day in days if day >= today]
    behind = [day for day in days if day < today]
    return min(ahead, default=None), max(behind, default=None)


def _bind_days(
    moment: Moment, name: str, keys: tuple[str, ...], rows: Sequence[tuple[object, ...]]
) -> None:
    columns = {key: pa.array([row[n] for row in rows], pa.string()) for n, key in enumerate(keys)}
    for n, key in enumerate(("today", "next_on", "previous_on"), start=len(keys)):
        columns[key] = pa.array([row[n] for row in rows], pa.date32())
    moment.session.bind(name, pa.table(columns))


def _calendars(moment: Moment, occasion: Occasion) -> exp.Expr:
    """Days by a table, as known before the moment."""
    asked = occasion.when.calendar
    assert asked is not None  # noqa: S101 - of this way
    days = sql(
        """
        SELECT coalesce(key, '') AS key, TRY_CAST(text AS date) AS day FROM market
        WHERE name = :series AND TRY_CAST(text AS date) IS NOT NULL
        """,
        series=asked.series,
    )
    return sql(
        """
        SELECT p.profile_id, p.today, min(CASE WHEN d.day >= p.today THEN d.day END) AS next_on,
               max(CASE WHEN d.day < p.today THEN d.day END) AS previous_on
        FROM occasion_people AS p
        JOIN :keys AS t ON t.profile_id = p.profile_id
        JOIN :days AS d ON d.key = t.value OR d.key = ''
        GROUP BY p.profile_id, p.today
        """,
        keys=_keys(moment, asked.trait),
        days=days,
    )


def _keys(moment: Moment, trait: str | None) -> exp.Expr:
    """Of which key people are: profile_id and value; '' for all where there is no trait."""
    if trait is None:
        return sql("SELECT profile_id, '' AS value FROM known")
    return exp.paren(moment.latest_trait(trait))


def _triggers(moment: Moment, occasion: Occasion) -> exp.Expr:
    """The newest figure of each key, where it is new enough and compares so."""
    asked = occasion.when.trigger
    assert asked is not None  # noqa: S101 - of this way
    newest = sql(
        """
        SELECT key, value, told_at FROM (
          SELECT coalesce(key, '') AS key, value, set_at AS told_at,
                 row_number() OVER (PARTITION BY coalesce(key, '') ORDER BY set_at DESC, received_at DESC) AS place
          FROM market WHERE name = :series
        ) AS m WHERE place = 1 AND told_at >= :start
        """,
        series=asked.series,
        start=ago(moment.as_of, asked.within),
    )
    holds = exp.and_(
        *(sql(f"d.value {symbol} :bound", bound=bound) for symbol, bound in limits(asked.value))
    )
    return sql(
        """
        SELECT p.profile_id, p.today, CAST(NULL AS date) AS next_on,
               CAST(max(timezone(:zone, d.told_at)) AS date) AS previous_on
        FROM occasion_people AS p
        JOIN :keys AS t ON t.profile_id = p.profile_id
        JOIN :newest AS d ON d.key = t.value OR d.key = ''
        WHERE :holds
        GROUP BY p.profile_id, p.today
        """,
        zone=moment.stores.settings.timezone,
        keys=_keys(moment, asked.trait),
        newest=newest,
        holds=holds,
    )


# --- each person's own days ------------------------------------------------------------------------------


def _birthdays(moment: Moment, occasion: Occasion) -> exp.Expr:
    def query() -> exp.Expr:
        moment.session.bind("control_births", birth_dates(moment.stores))
        return sql(
            "SELECT profile_id, TRY_CAST(born AS date) AS base FROM control_births WHERE TRY_CAST(born AS date) IS NOT NULL"
        )

    births = moment.materialised("births", query)
    return _yearly(births, leap=occasion.when.birthday or "february")


def _anniversaries(moment: Moment, occasion: Occasion) -> exp.Expr:
    return _yearly(exp.paren(anniversary_bases(moment, occasion)), leap="february")


def anniversary_bases(moment: Moment, occasion: Occasion) -> exp.Expr:
    """The day that returns each year: profile_id and base."""
    of = occasion.when.anniversary
    zone = moment.stores.settings.timezone
    if of == "signup":
        return sql(
            "SELECT profile_id, CAST(timezone(:zone, first_seen_at) AS date) AS base FROM profiles",
            zone=zone,
        )
    if of == "first_purchase":
        return sql(
            """
            SELECT profile_id, CAST(timezone(:zone, min(ordered_at)) AS date) AS base
            FROM purchases WHERE kept GROUP BY profile_id
            """,
            zone=zone,
        )
    return sql(
        "SELECT profile_id, TRY_CAST(value AS date) AS base FROM :trait AS t WHERE TRY_CAST(value AS date) IS NOT NULL",
        trait=exp.paren(moment.latest_trait(of or "")),
    )


def _yearly(bases: exp.Expr, *, leap: str) -> exp.Expr:
    """Next and last return of a day, never before it came round once."""

    def on(year: str) -> exp.Expr:
        return sql(
            f"""
            CASE
              WHEN month(base) = 2 AND day(base) = 29 AND NOT {_LEAP.replace(":y", year)}
                THEN make_date({year}, :month, :day)
              ELSE make_date({year}, month(base), day(base))
            END
            """,
            month=3 if leap == "march" else 2,
            day=1 if leap == "march" else 28,
        )

    return sql(
        """
        WITH based AS (
          SELECT p.profile_id, p.today, b.base FROM occasion_people AS p
          JOIN :bases AS b ON b.profile_id = p.profile_id
        ),
        turns AS (
          SELECT profile_id, today, base, :before AS before_on, :this AS this_on, :after AS after_on FROM based
        ),
        chosen AS (
          SELECT profile_id, today, base,
                 CASE WHEN this_on >= today AND this_on > base THEN this_on ELSE after_on END AS next_on,
                 CASE WHEN this_on < today THEN this_on ELSE before_on END AS previous_on
          FROM turns WHERE base <= today
        )
        SELECT profile_id, today, next_on, CASE WHEN previous_on > base THEN previous_on END AS previous_on FROM chosen
        """,
        bases=bases,
        before=on("year(today) - 1"),
        this=on("year(today)"),
        after=on("year(today) + 1"),
    )


# --- what they buy ---------------------------------------------------------------------------------------


def _replenishments(moment: Moment, occasion: Occasion) -> exp.Expr:
    """Due one median gap after the last day on which the person bought it."""
    asked = occasion.when.replenishment
    assert asked is not None  # noqa: S101 - of this way
    if asked.category is None and asked.sku is None:
        bought = sql("SELECT profile_id, ordered_at FROM purchases WHERE kept")
    else:
        wanted = (
            sql("f.category = :category", category=asked.category)
            if asked.category is not None
            else sql("l.sku = :sku", sku=asked.sku)
        )
        bought = sql(
            """
            SELECT l.profile_id, l.ordered_at
            FROM order_lines AS l LEFT JOIN product_facts AS f ON f.sku = l.sku
            WHERE l.kind = 'sale' AND l.goods AND l.profile_id IS NOT NULL AND :wanted
            """,
            wanted=wanted,
        )
    return sql(
        """
        WITH days AS (
          SELECT DISTINCT profile_id, CAST(timezone(:zone, ordered_at) AS date) AS day FROM :bought AS b
        ),
        gaps AS (
          SELECT profile_id, day,
                 date_diff('day', lag(day) OVER (PARTITION BY profile_id ORDER BY day), day) AS gap
          FROM days
        ),
        placed AS (
          SELECT profile_id, gap, row_number() OVER (PARTITION BY profile_id ORDER BY gap) AS place,
                 count(*) OVER (PARTITION BY profile_id) AS gaps
          FROM gaps WHERE gap IS NOT NULL
        ),
        habits AS (
          SELECT profile_id, avg(gap) AS median, max(gaps) + 1 AS orders
          FROM placed WHERE place IN ((gaps + 1) // 2, gaps // 2 + 1) GROUP BY profile_id
        ),
        due AS (
          SELECT h.profile_id, l.last_on + CAST(ceil(h.median) AS integer) AS due_on
          FROM habits AS h
          JOIN (SELECT profile_id, max(day) AS last_on FROM days GROUP BY profile_id) AS l ON l.profile_id = h.profile_id
          WHERE h.orders >= :orders
        )
        SELECT p.profile_id, p.today, CASE WHEN d.due_on >= p.today THEN d.due_on END AS next_on,
               CASE WHEN d.due_on < p.today THEN d.due_on END AS previous_on
        FROM occasion_people AS p JOIN due AS d ON d.profile_id = p.profile_id
        """,
        zone=moment.stores.settings.timezone,
        bought=bought,
        orders=asked.orders,
    )


def _life_events(moment: Moment, occasion: Occasion) -> exp.Expr:
    asked = occasion.when.life_event
    assert asked is not None  # noqa: S101 - of this way
    return sql(
        """
        SELECT p.profile_id, p.today, CAST(NULL AS date) AS next_on, e.since AS previous_on
        FROM occasion_people AS p JOIN :events AS e ON e.profile_id = p.profile_id
        WHERE e.probability >= :least
        """,
        events=life_events_query(moment, occasion),
        least=asked.probability,
    )


def matching(
    moment: Moment, occasion: Occasion, *, within: timedelta | None, past: timedelta | None
) -> exp.Expr:
    """The people for whom it is within a time ahead, or was within a time past; without both: for whom it is on now.

    On now: the day lies within the lead time, or was within the time after it in which people still buy; a life event
    or trigger holds.
    """
    table = occasion_days(moment, occasion)
    query = exp.select("profile_id").from_(exp.alias_(table, "d", table=True))
    tests = []
    if within is None and past is None:
        if occasion.when.way in ("life_event", "trigger"):
            return query.where("previous_on IS NOT NULL")
        within = lead_of(occasion)
        past = occasion.after
    if within is not None:
        tests.append(sql("next_on <= today + CAST(:days AS integer)", days=_days(within)))
    if past is not None:
        tests.append(sql("previous_on >= today - CAST(:days AS integer)", days=_days(past)))
    return query.where(exp.or_(*tests), copy=False)


def _days(span: timedelta) -> int:
    if span.days < 1:
        raise SegmentError("Occasions are counted in days; give a span of a day or more, as 7d.")
    return min(span.days, 4_000)
