"""The as-of cut: a session in which every table ends at one moment.

Inside the block of `open_moment` the lake's tables stand under their own names with a `profile_id` (today's
identity) and only rows *before* `as_of`. With a `horizon` the tables that look ahead stand beside them under
`<name>_ahead`: rows from `as_of` on and before `as_of + horizon`. Nothing else in Aimwell compares a time
with a moment to decide what may be known.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pyarrow as pa
import sqlalchemy as sa
from sqlglot import exp

from aimwell.definitions.kinds.profile_rules import ProfileRules
from aimwell.definitions.leaves.event_fields import ORDER_EVENTS
from aimwell.errors import HistoryError
from aimwell.history import views
from aimwell.history.begun_later import known_since
from aimwell.history.views import ACTIVITY_COLUMNS
from aimwell.privacy.consent import latest_consents
from aimwell.privacy.erased import bind_erased
from aimwell.store.control import plain_rows
from aimwell.store.engine import Engine, Session
from aimwell.store.lake import Snapshot, empty_table
from aimwell.store.listed import among
from aimwell.store.schema import metadata
from aimwell.store.sql import column, identifier, sql
from aimwell.store.stores import Stores
from aimwell.store.tables import LAKE_TABLES, MONEY, TIME
from aimwell.unify.machines import give_back
from aimwell.unify.merging import held_trait, held_traits, profile_rules
from aimwell.unify.reading import bind_identity, identified, of_people, theirs

__all__ = [
    "ACTIVITY_COLUMNS",
    "TIME_COLUMNS",
    "Moment",
    "columns_left_out",
    "gathered",
    "open_moment",
    "people_known",
]

TIME_COLUMNS: Mapping[str, str] = {
    "events": "occurred_at",
    "orders": "ordered_at",
    "order_lines": "ordered_at",
    "touches": "occurred_at",
    "traits": "set_at",
    "products": "set_at",
    "memberships": "occurred_at",
    "assignments": "assigned_at",
    "answers": "answered_at",
    "scores": "as_of",
    "account_members": "set_at",
    "loyalty": "set_at",
    "outcomes": "observed_at",
    "payments": "set_at",
    "reviews": "reviewed_at",
    "subscriptions": "set_at",
    "usage": "occurred_at",
    "accounts": "set_at",
    "market": "set_at",
    "shops": "set_at",
}
"""Lake tables that have a cut, and the column that is cut."""

_LATER = frozenset({"account_members", "loyalty", "outcomes", "payments", "reviews"})
_LATER |= {"subscriptions", "usage", "accounts", "market", "shops"}
"""Tables that a snapshot of an older plan may lack; they were empty then."""

_AHEAD = ("events", "orders", "order_lines", "touches")

_DONE = frozenset({*_AHEAD, "answers", "reviews", "usage"})
"""Tables of what people did, which begin at `since`; the others say what holds."""

_BEFORE = tuple(f"{name}_before" for name in ("events", "orders", "touches"))

_READ_ONCE: Mapping[str, frozenset[str]] = {
    "events": frozenset(
        {"event_id", "session_id", "message_type", "vault_key", "source", "load_id"}
    ),
    "orders": frozenset({"lines", "tax", "source", "load_id"}),
    "order_lines": frozenset({"unit_price", "properties", "source", "load_id", "received_at"}),
    "touches": frozenset({"touch_id", "message_id", "link_id", "source", "load_id", "cost"}),
    "traits": frozenset({"load_id"}),
}
"""Tables of which the rows of a few people are gathered once, because several queries read them, and the columns that
none of these reads, which are left out there."""


def columns_left_out(table: str) -> frozenset[str]:
    """Columns that a moment of a few people lacks, so that what must be the same of one and of all cannot read them."""
    return _READ_ONCE.get(table, frozenset())


_OPTIONAL: Mapping[str, frozenset[str]] = {
    "events": frozenset(
        {"sku", "category", "revenue", "quantity", "properties", "envelope", "received_at"}
    ),
    "orders": frozenset(
        {"discount", "shipping", "coupon", "shop_id", "payment_method", "original_order_id"}
        | {"properties", "received_at"}
    ),
    "touches": frozenset(
        {"plan_id", "campaign", "channel", "action", "variant", "properties", "received_at"}
    ),
}
"""Columns of these that few questions read."""

_NULLS = {
    pa.string(): "CAST(NULL AS varchar)",
    MONEY: "CAST(NULL AS decimal(18, 4))",
    TIME: "CAST(NULL AS timestamptz)",
}

_NAMES = exp.select("event").distinct()

_profiles = metadata.tables["profiles"]


@dataclass(frozen=True)
class Moment:
    """A session cut at `as_of`. `snapshot` says which versions of the tables it reads.

    `people`: the profiles whose rows alone are there; None: everybody's. `since`: from when on what people did is there.
    """

    session: Session
    snapshot: Snapshot
    as_of: datetime
    horizon: timedelta | None
    stores: Stores
    people: Collection[str] | None = None
    since: datetime | None = None
    _rules: list[ProfileRules] = field(default_factory=list, repr=False, compare=False)
    _made: set[str] = field(default_factory=set, repr=False, compare=False)
    _events: dict[str, frozenset[str]] = field(default_factory=dict, repr=False, compare=False)

    def materialise_once(self, name: str, query: Callable[[], exp.Expr]) -> None:
        """Compute a query and make `name` stand for its rows, unless that was done in this session."""
        if name not in self._made:
            self.session.materialise(name, query())
            self._made.add(name)

    def materialised(self, name: str, query: Callable[[], exp.Expr]) -> exp.Table:
        """The same, as a table to read from."""
        self.materialise_once(name, query)
        return exp.Table(this=identifier(name))

    def latest_traits(self) -> exp.Expr:
        """A query: profile_id, name and the value that holds at the moment, for all traits.

        Which value counts where sources disagree is said by the document `profile_rules`, for the current state too.
        """
        return held_traits(self._trait_rules())

    def latest_trait(self, name: str) -> exp.Expr:
        """The same for one trait: profile_id and value."""
        return held_trait(self._trait_rules(), name)

    def _trait_rules(self) -> ProfileRules:
        if not self._rules:
            self._rules.append(profile_rules(self.stores.control))
        return self._rules[0]

    def activity_of(self, event: str) -> exp.Expr:
        """What to read for one event's rows: `activity`, or those of its parts that can hold it.

        Which names the pinned tables hold is looked up once a session, when it is first asked: a table has few
        names, so their column is small, and a leaf then need not go through tables that have none of its rows.
        """
        if event not in ORDER_EVENTS and not self._events:
            self._events.update((table, self._names_in(table)) for table in ("events", "touches"))
        return views.activity_of(event, self._events)

    def _names_in(self, table: str) -> frozenset[str]:
        # Of the whole table and not of its cut: that can be read off from the names alone.
        source = exp.Table(this=identifier(f"raw_{table}"))
        return frozenset(row[0] for row in self.session.rows(_NAMES.from_(source)))

    def consents(self, channel: str, purpose: str, explicit: bool = False) -> exp.Table:
        """What people answered last before the moment, as a table: profile_id and state ('granted', 'denied', 'revoked').

        The channel 'any' and `explicit` are as in `latest_consents`.
        """
        name = f"consents {channel} {purpose}{' explicit' if explicit else ''}"
        if name not in self._made:
            query = latest_consents(
                purpose=purpose, channel=channel, before=self.as_of, explicit=explicit
            )
            with self.stores.read_control() as connection:
                rows = connection.execute(query).all()
            self._keep(
                name,
                {
                    "profile_id": pa.array([row[0] for row in rows], pa.string()),
                    "state": pa.array([row[1] for row in rows], pa.string()),
                },
            )
        return exp.Table(this=identifier(name))

    def bind_known(self) -> None:
        """Make `known` stand for those known before `as_of`: profile_id, and whether they are mere visitors by now."""
        if "known" in self._made:
            return
        ids, visitors = self._profiles(_profiles.c.profile_id, _profiles.c.visitor)
        self._keep(
            "known" if self.since is None else "all_known",
            {
                "profile_id": pa.array(ids, pa.string()),
                "visitor": pa.array([bool(one) for one in visitors], pa.bool_()),
            },
        )
        if self.since is not None:
            self.bind_profiles()
            left = "SELECT k.* FROM all_known AS k SEMI JOIN profiles AS p ON p.profile_id = k.profile_id"
            self.materialise_once("known", lambda: sql(left))

    def bind_profiles(self) -> None:
        """Make `profiles` stand for the people known before `as_of`: profile_id, first_seen_at, timezone."""
        if "profiles" in self._made:
            return
        ids, first, zones = self._profiles(
            _profiles.c.profile_id, _profiles.c.first_seen_at, _profiles.c.timezone
        )
        # SQLite's driver gives times as text without a zone, PostgreSQL's as aware times.
        seen = pa.array(first)
        if not pa.types.is_timestamp(seen.type):
            seen = seen.cast(pa.string()).cast(pa.timestamp("us"))
        self._keep(
            "profiles" if self.since is None else "all_profiles",
            {
                "profile_id": pa.array(ids, pa.string()),
                "first_seen_at": seen.cast(TIME),
                "timezone": pa.array(zones, pa.string()),
            },
        )
        if self.since is not None:
            since = self.since
            self.materialise_once("profiles", lambda: known_since(since, _BEFORE))

    def _keep(self, name: str, columns: dict[str, pa.Array]) -> None:
        # As a table of the engine's own, so that it knows how many there are and plans its joins by it.
        self.session.bind(f"control_{name}", pa.table(columns))
        source = exp.Table(this=identifier(f"control_{name}"))
        self.materialise_once(name, lambda: exp.select("*").from_(source))

    def _profiles(self, *columns: sa.Column[Any]) -> list[list[Any]]:
        """The columns of the people known before `as_of`, as the database's driver gives them."""
        query = sa.select(*columns).where(_profiles.c.first_seen_at < self.as_of)
        if self.people is not None:
            query = query.where(among(_profiles.c.profile_id, self.people))
        with self.stores.read_control() as connection:
            rows = plain_rows(connection.execute(query))
        return [[row[place] for row in rows] for place in range(len(columns))]


def people_known(stores: Stores, as_of: datetime) -> list[str]:
    """Who was known before a moment: their profile ids in order."""
    query = sa.select(_profiles.c.profile_id).where(_profiles.c.first_seen_at < as_of)
    with stores.read_control() as connection:
        return sorted(profile for (profile,) in plain_rows(connection.execute(query)))


@contextmanager
def open_moment(
    stores: Stores,
    *,
    as_of: datetime,
    horizon: timedelta | None = None,
    snapshot: Snapshot | None = None,
    people: Collection[str] | None = None,
    fields: Collection[str] | None = None,
    since: datetime | None = None,
    engine: Engine | None = None,
) -> Iterator[Moment]:
    """A session in which each table ends at `as_of`.

    Bound names: each table of TIME_COLUMNS, cut, and of `history.views`: `activity` (orders ∪ events ∪ touches,
    see ACTIVITY_COLUMNS) and its parts `activity_orders`, `activity_events` and `activity_touches`, `purchases`
    (orders net of returns), `loose_returns`, `product_facts`, `line_margins` (order lines with what they earned). With a
    horizon also `events_ahead`, `orders_ahead`, `order_lines_ahead`, `touches_ahead`, and all these views with
    `_ahead`. All have `profile_id` beside `origin_id` (null where a sale is anonymous).

    With `people` only these profiles' rows are there, gathered in one reading of each table; what is computed of a person
    alone is the same as among all. The large tables then lack columns that no view or feature reads (ids of rows,
    provenance).

    `fields`: with `people`, columns of what they did that will be read, beside what it was and when; the others of events,
    orders and touches may be null. Default: all.

    `since`: as if records had begun then: what people did before is not there (`history.begun_later` says who is known),
    what held before still holds. Default: everything.

    `engine`: what computes; default: the one of this machine.

    Raises:
        HistoryError: `as_of` has no time zone, the horizon is not positive or beyond the calendar, or the
            snapshot lacks a table.
    """
    as_of, end = _checked(as_of, horizon)
    snapshot = snapshot or stores.lake.pin(*TIME_COLUMNS)
    missing = [name for name in TIME_COLUMNS if name not in snapshot.tables and name not in _LATER]
    if missing:
        raise HistoryError(
            f"The snapshot lacks the tables {', '.join(missing)}. Pin at least: {', '.join(TIME_COLUMNS)}."
        )
    with (engine or stores.engine).session() as session:
        merged = people is None and bind_identity(stores, session)
        erased = bind_erased(stores, session)
        if people is not None:
            of_people(stores, session, people)
        for name in TIME_COLUMNS:
            session.bind(f"raw_{name}", snapshot.tables.get(name) or empty_table(name))
            whose = partial(identified, name, merged=merged, erased=erased)
            if people is not None and "origin_id" in LAKE_TABLES[name].names:
                unread: set[str] = set()
                if fields is not None:
                    unread = set(_OPTIONAL.get(name, ())) - set(fields)
                left_out = _READ_ONCE.get(name, frozenset()) | unread
                kept = [one for one in LAKE_TABLES[name].names if one not in left_out]
                whose = partial(theirs, name, kept, erased=erased)
                if name in _READ_ONCE:
                    session.materialise(gathered(name).name, whose())
                    whose = partial(_gathered_with_nulls, name, sorted(unread))
            begin = since if name in _DONE else None
            session.bind(name, partial(_cut, name, whose, begin, as_of))
            if since is not None and f"{name}_before" in _BEFORE:
                session.bind(f"{name}_before", partial(_cut, name, whose, None, since))
            if end is not None and name in _AHEAD:
                session.bind(f"{name}_ahead", partial(_cut, name, whose, as_of, end))
        _give_back_events(session, "raw_events" if people is None else gathered("events").name)
        _bind_views(session, "", stores.settings.margin_default)
        if end is not None:
            _bind_views(session, "_ahead", stores.settings.margin_default)
        yield Moment(session, snapshot, as_of, horizon, stores, people, since)


def _checked(as_of: datetime, horizon: timedelta | None) -> tuple[datetime, datetime | None]:
    """The moment in UTC and the end of the horizon."""
    if as_of.tzinfo is None:
        raise HistoryError(f"The moment {as_of.isoformat()} has no time zone; give an aware time.")
    as_of = as_of.astimezone(UTC)
    if horizon is None:
        return as_of, None
    if horizon <= timedelta(0):
        raise HistoryError(
            f"The horizon {horizon} is not positive; give a time span such as 90 days."
        )
    try:
        return as_of, as_of + horizon
    except OverflowError:
        raise HistoryError(
            f"The horizon of {horizon.days} days ends beyond the calendar; give a shorter one."
        ) from None


def _give_back_events(session: Session, raw: str) -> None:
    """What was held for a flood of robots counts as theirs again for those who have done more by the moment."""
    given_back = give_back(session, "events", raw=raw)
    if given_back is not None:
        session.materialise("known_events", given_back)
        session.bind("events", exp.select("*").from_("known_events"))


def _bind_views(session: Session, suffix: str, margin_default: float | None) -> None:
    # A cost that became known after the moment may serve to count what was earned, not to predict.
    products = "raw_products" if suffix else "products"
    added = bool(session.rows(_first_addition(f"orders{suffix}")))
    session.bind(
        f"activity_orders{suffix}", partial(views.activity_orders, suffix, additions=added)
    )
    session.bind(f"activity_events{suffix}", partial(views.activity_events, suffix))
    session.bind(f"activity_touches{suffix}", partial(views.activity_touches, suffix))
    session.bind(f"activity{suffix}", partial(views.activity, suffix))
    session.bind(f"purchases{suffix}", partial(views.purchases, suffix))
    session.bind(f"loose_returns{suffix}", partial(views.loose_returns, suffix))
    session.bind(f"product_facts{suffix}", partial(views.product_facts, products))
    session.bind(f"line_margins{suffix}", partial(views.line_margins, suffix, margin_default))


def _first_addition(orders: str) -> exp.Expr:
    """Whether any order grew later: mostly none did, and then no join is needed to add them up."""
    return sql(
        "SELECT 1 FROM :orders WHERE kind = 'addition' LIMIT 1",
        orders=exp.Table(this=identifier(orders)),
    )


def _cut(
    name: str, whose: Callable[[], exp.Select], start: datetime | None, end: datetime
) -> exp.Expr:
    """Rows of one lake table (`t` in the query that `whose` makes), from `start` on and before `end`."""
    time = column(TIME_COLUMNS[name], "t")
    bounds = [sql("CAST(:time AS timestamptz) < :moment", time=time, moment=end)]
    if start is not None:
        bounds.append(sql("CAST(:time AS timestamptz) >= :moment", time=time, moment=start))
    return whose().where(*bounds, copy=False)


def _gathered_with_nulls(name: str, unread: Sequence[str]) -> exp.Select:
    """A few people's rows of a large table (as `t`), with nulls for the columns that were not read."""
    nulls = [exp.alias_(_null(name, one), one) for one in unread]
    return exp.select("t.*", *nulls).from_(exp.alias_(gathered(name), "t", table=True))


def _null(table: str, name: str) -> exp.Expr:
    """Null of a column's type."""
    kind = next(one.type for one in LAKE_TABLES[table].columns if one.name == name)
    return sql(_NULLS[kind])


def gathered(name: str) -> exp.Table:
    """In a session of a few people: all their rows of a large table, those after the moment too."""
    return exp.Table(this=identifier(f"their_{name}"))
