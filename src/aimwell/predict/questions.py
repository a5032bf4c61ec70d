"""What a propensity asks: whether people do something within the horizon, of whom, and by which features.

What people do is said as in rules: an event, perhaps with conditions on its fields (`{category: {is: Wine}}`), so that "buys
wine" means in a prediction what it means in a segment. Orders that were wholly returned, and what machines did, do not count.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, cast
from zoneinfo import ZoneInfo

from pydantic import ValidationError
from sqlglot import exp

from aimwell.definitions import service as definitions
from aimwell.definitions.kinds.prediction import ACCOUNTS, PROSPECTS
from aimwell.definitions.kinds.segment import Segment
from aimwell.definitions.leaves.acts import Acts
from aimwell.definitions.leaves.event_fields import ORDER_EVENTS
from aimwell.errors import PredictError, nearest
from aimwell.history.moment import Moment
from aimwell.segment.attributes.people_table import BUYERS, EVERYBODY
from aimwell.segment.rules.event_queries import acts_query
from aimwell.segment.rules.phrases import where_words
from aimwell.segment.service import compiled, members_query, scope_of
from aimwell.store.sql import identifier, sql

__all__ = [
    "ACCOUNTS",
    "PROSPECTS",
    "PURCHASE",
    "Question",
    "Recorded",
    "doers_ahead",
    "members_among",
    "recorded",
]

PURCHASE = "Order Completed"

_AHEAD = ("order_lines", "product_facts", "purchases")


@dataclass(frozen=True)
class Question:
    """What is asked.

    Args:
        acts: What people do or do not do.
        among: Of whom: everybody, buyers, prospects (who have not bought), or the name of a segment, as of each moment.
        columns: Features that it may look at, own ones as `own:NAME`; none: all of the catalogue.
        own: Name of an own feature → its SQL, or the settings of its function, as it was when the question was asked.
    """

    acts: Acts = field(default_factory=lambda: Acts(event=PURCHASE))
    among: str = EVERYBODY
    columns: tuple[str, ...] = ()
    own: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of_event(cls, event: str) -> Question:
        """Whether everybody does an event, by all features."""
        return cls(Acts(event=event))

    @classmethod
    def from_settings(cls, settings: Any) -> Question:
        """As `settings` gives it.

        Raises:
            PredictError: They are those of no question.
        """
        asked = {"event": settings["event"], "where": settings.get("where")}
        try:
            acts = Acts.model_validate({k: v for k, v in asked.items() if v is not None})
        except ValidationError as error:
            raise PredictError(f"The question cannot be read: {error}") from error
        columns = tuple(settings.get("columns", ()))
        return cls(acts, settings.get("among", EVERYBODY), columns, settings.get("own", {}))

    def settings(self) -> dict[str, Any]:
        """Plain values; what is as usual is left out."""
        found: dict[str, Any] = {"event": self.acts.event}
        if self.acts.where is not None:
            found["where"] = self.acts.model_dump(mode="json", exclude_defaults=True)["where"]
        if self.among != EVERYBODY:
            found["among"] = self.among
        if self.columns:
            found["columns"] = list(self.columns)
        if self.own:
            found["own"] = dict(self.own)
        return found

    @property
    def does(self) -> str:
        """As "buys" or "does 'Login' (counting only those with …)"."""
        verb = "buys" if self.acts.event == PURCHASE else f"does '{self.acts.event}'"
        return f"{verb}{where_words(self.acts.where)}"

    @property
    def whose(self) -> str:
        """As "a person" or "a person of the segment 'vip'"."""
        named = {
            EVERYBODY: "a person",
            BUYERS: "a buyer",
            PROSPECTS: "a prospect",
            ACCOUNTS: "somebody of a firm that has not ordered",
        }
        return named.get(self.among, f"a person of the segment '{self.among}'")


@dataclass(frozen=True, slots=True)
class Recorded:
    """From when to when something was done by known people before a moment."""

    first_at: datetime
    last_at: datetime


def recorded(moment: Moment, question: Question) -> Recorded:
    """From when to when known people did it before the moment.

    Raises:
        PredictError: Nobody did; says what people did do.
    """
    event = question.acts.event
    zone = ZoneInfo(moment.stores.settings.timezone)
    cut = f"{moment.as_of.astimezone(zone):%Y-%m-%d %H:%M %Z}"
    times = _rows(moment, question.acts, "").select("occurred_at")
    first, last = moment.session.rows(
        sql("SELECT min(occurred_at), max(occurred_at) FROM :times AS t", times=times)
    )[0]
    if first is not None:
        return Recorded(first.astimezone(UTC), last.astimezone(UTC))
    if question.acts.where is not None:
        found = recorded(moment, Question.of_event(event))
        raise PredictError(
            f"Nobody did '{event}'{where_words(question.acts.where)} before {cut}, though "
            f"'{event}' was done from {found.first_at.astimezone(zone):%Y-%m-%d} to {found.last_at.astimezone(zone):%Y-%m-%d}. Check the condition."
        )
    rows = moment.session.rows(
        sql("SELECT DISTINCT event FROM activity WHERE profile_id IS NOT NULL")
    )
    others = [row[0] for row in rows if row[0] != event]
    raise PredictError(
        f"No known person did '{event}' before {cut}. "
        + (nearest(event, others) if others else "Nothing else is known from before then either.")
        + " Collect what people did, or give a later moment (as of)."
    )


def doers_ahead(moment: Moment, question: Question) -> frozenset[str]:
    """Who does it within the horizon of a moment that looks ahead."""
    rows = _rows(moment, question.acts, "_ahead").distinct()
    return frozenset(row[0] for row in moment.session.rows(rows))


def members_among(moment: Moment, question: Question) -> exp.Expr | None:
    """A query of the profiles of whom is asked, as of the moment; None: everybody.

    Raises:
        UnknownDefinitionError: There is no such segment.
    """
    if question.among == EVERYBODY:
        return None
    if question.among == BUYERS:
        return sql("SELECT profile_id FROM purchases WHERE kept")
    if question.among == PROSPECTS:
        moment.bind_profiles()
        return sql(
            """
            SELECT p.profile_id FROM profiles AS p
            ANTI JOIN (SELECT profile_id FROM purchases WHERE kept) AS b ON b.profile_id = p.profile_id
            """
        )
    segment = definitions.find(moment.stores.control, Segment, question.among)
    moment.bind_known()
    return members_query(compiled(moment, segment.rule, name=question.among))


def _rows(moment: Moment, acts: Acts, suffix: str) -> exp.Select:
    """The rows of the acts behind the moment or (`_ahead`) in front of it, a column `profile_id`."""
    part = "activity_orders" if acts.event in ORDER_EVENTS else "activity"
    stream = exp.Table(this=identifier(f"{part}{suffix}"))
    scope = replace(scope_of(moment), activity_of=lambda _event: stream)
    query = acts_query(acts, scope).where(sql("profile_id IS NOT NULL"))
    if acts.event == PURCHASE:
        query = query.where(
            sql("(profile_id, order_id) IN (SELECT profile_id, order_id FROM purchases WHERE kept)")
        )
    return cast(exp.Select, _renamed(query, _AHEAD, suffix))


def _renamed(query: exp.Expr, names: Collection[str], suffix: str) -> exp.Expr:
    for table in list(query.find_all(exp.Table)):
        if suffix and table.name in names:
            table.set("this", identifier(f"{table.name}{suffix}"))
    return query
