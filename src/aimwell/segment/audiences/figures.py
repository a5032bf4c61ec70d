"""Figures of a shop's own distribution, by which ready-made audiences are set."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import floor, log10
from typing import Any

from sqlglot import exp

from aimwell.history.moment import Moment
from aimwell.segment.lifecycle import rhythm
from aimwell.store.sql import sql

__all__ = ["FIGURES", "Learned", "learn"]

PEOPLE_MIN = 30
"""Fewer values than this say nothing of a shop."""

_COUPON = "coupon (redeemed|applied|entered)|offer completed"
_RESPONSE = "(ad|advertisement|promotion|offer|campaign|banner) (clicked|completed)"


@dataclass(frozen=True)
class Learned:
    """A figure: its value, None where it cannot be learned, and how it was learned or why not, in words."""

    name: str
    value: Any
    words: str


def learn(moment: Moment, name: str) -> Learned:
    """One figure of FIGURES as of the moment."""
    return FIGURES[name](moment)


def _days(name: str) -> Callable[[Moment], Learned]:
    def found(moment: Moment) -> Learned:
        own = rhythm(moment)
        if not own.learned:
            return Learned(name, None, f"only {own.gaps:,} times somebody came back")
        share = {"active_days": 75, "lapsed_days": 95}[name]
        words = f"what {share} % of the {own.gaps:,} repeat gaps do not exceed"
        return Learned(name, getattr(own, name), words)

    return found


def _quantile(
    name: str, values: str, share: float, words: str, *, whole: bool = False
) -> Callable[[Moment], Learned]:
    """The least value that `share` of them do not exceed; `values` selects `value`."""

    def found(moment: Moment) -> Learned:
        moment.bind_profiles()
        ((count, value),) = moment.session.rows(
            sql(
                """
                SELECT count(*) AS n, min(CASE WHEN placed >= :share THEN value END) AS value
                FROM (
                  SELECT value, cume_dist() OVER (ORDER BY value) AS placed FROM :source AS v
                  WHERE value IS NOT NULL
                ) AS p
                """,
                source=sql(values),
                share=share,
            )
        )
        if count < PEOPLE_MIN:
            return Learned(name, None, f"only {count:,} values to learn from")
        rounded = max(round(value), 1) if whole else float(f"{value:.3g}")
        return Learned(name, rounded, f"{words} (of {count:,})")

    return found


_SPENT = "SELECT CAST(sum(revenue) AS double) AS value FROM purchases GROUP BY profile_id"


def _milestone(share: float) -> Callable[[Moment], Learned]:
    """A round number near the upper quarter of what buyers spent, or a share of it."""

    def found(moment: Moment) -> Learned:
        name = "milestone" if share == 1 else "milestone_near"
        spent = _quantile(name, _SPENT, 0.75, "")(moment)
        if spent.value is None or spent.value <= 0:
            return Learned(name, None, spent.words or "nothing was spent")
        power = 10.0 ** floor(log10(spent.value))
        round_one = max(step * power for step in (1, 2, 5) if step * power <= spent.value)
        value = round_one * share
        return Learned(
            name,
            int(value) if value == int(value) else value,
            f"{'' if share == 1 else f'{share:.0%} of '}the round number below what the upper quarter of buyers spent",
        )

    return found


def _event(name: str, pattern: str) -> Callable[[Moment], Learned]:
    """The commonest event whose name says so."""

    def found(moment: Moment) -> Learned:
        tables = ("activity_events", "activity_touches")
        counts: dict[str, int] = {}
        for table in tables:
            query = sql(
                "SELECT event, count(*) AS n FROM :acts AS a WHERE regexp_matches(lower(event), :pattern) GROUP BY event",
                acts=exp.to_table(table),
                pattern=f"^({pattern})$",
            )
            for event, rows in moment.session.rows(query):
                counts[event] = counts.get(event, 0) + rows
        if not counts:
            return Learned(name, None, "no event of such a name was collected")
        best = min(counts, key=lambda event: (-counts[event], event))
        return Learned(name, best, f"the commonest such event ({counts[best]:,} times)")

    return found


def _viewed_category(moment: Moment) -> Learned:
    query = sql(
        """
        SELECT category, count(DISTINCT profile_id) AS n FROM activity_events
        WHERE event = 'Product Viewed' AND category IS NOT NULL GROUP BY category ORDER BY n DESC, category LIMIT 1
        """
    )
    rows = moment.session.rows(query)
    if not rows:
        return Learned("viewed_category", None, "no view says its category")
    return Learned("viewed_category", rows[0][0], f"looked at by most people ({rows[0][1]:,})")


FIGURES: Mapping[str, Callable[[Moment], Learned]] = {
    "active_days": _days("active_days"),
    "lapsed_days": _days("lapsed_days"),
    "discount_share": _quantile(
        "discount_share",
        """
        SELECT CAST(sum(discount) AS double) / CAST(sum(gross + discount) AS double) AS value FROM purchases
        GROUP BY profile_id HAVING sum(discount) > 0 AND sum(gross + discount) > 0
        """,
        0.75,
        "what three quarters of those with any discount do not exceed",
    ),
    "cart_price": _quantile(
        "cart_price",
        """
        SELECT TRY_CAST(json_extract_string(properties, '$.price') AS double) AS value FROM activity_events
        WHERE event = 'Product Added'
        """,
        0.75,
        "what three quarters of the products put into carts do not exceed",
    ),
    "views": _quantile(
        "views",
        "SELECT count(*) AS value FROM activity_events WHERE event = 'Product Viewed' GROUP BY profile_id",
        0.75,
        "what three quarters of those who look do not exceed",
        whole=True,
    ),
    "category_views": _quantile(
        "category_views",
        """
        SELECT count(*) AS value FROM activity_events WHERE event = 'Product Viewed' AND category IS NOT NULL
        GROUP BY profile_id, category
        """,
        0.9,
        "what 90 % do not exceed in a category",
        whole=True,
    ),
    "coupon_event": _event("coupon_event", _COUPON),
    "response_event": _event("response_event", _RESPONSE),
    "viewed_category": _viewed_category,
    "milestone": _milestone(1.0),
    "milestone_near": _milestone(0.8),
}
"""Figure → how it is learned."""
