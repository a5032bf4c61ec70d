"""The catalogue of computed traits: what is worked out of each person's history and kept in the current state.

A figure that is a feature too is that feature: its formula stands in `catalogue`. None depends on the present moment
(times of orders are kept instead of days since), so the state of people to whom nothing happens stays true. A value is
absent where it is undefined; a count of nothing is 0. Money is in the workspace currency, revenue net of returns.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from aimwell.definitions.data_kinds import DataKind
from aimwell.definitions.kinds.survey import AnswerKind
from aimwell.history.catalogue import FEATURES

__all__ = ["COMPUTED", "ComputedTrait", "ComputedUnit"]

ComputedUnit = Literal[
    "days", "count", "money", "share", "hour", "weekday", "seconds", "time", "text"
]


ANSWER_KINDS: tuple[AnswerKind, ...] = get_args(AnswerKind)


@dataclass(frozen=True)
class ComputedTrait:
    """One computed trait.

    `formula`, `window` and `undefined` (why it is absent) are for people. `sql` is computed from `f` (the features
    of the person) and the `parts` of `computed_parts`.
    """

    name: str
    unit: ComputedUnit
    data: DataKind
    formula: str
    undefined: str
    parts: tuple[str, ...]
    sql: str
    feature: str | None = None
    window: str = "all before"


_FEATURES = {feature.name: feature for feature in FEATURES}


def _feature(name: str, data: DataKind, feature: str) -> ComputedTrait:
    """A trait that is a feature, perhaps under a name that says more to people."""
    found = _FEATURES[feature]
    units: dict[str, ComputedUnit] = {
        "days": "days",
        "count": "count",
        "money": "money",
        "share": "share",
    }
    return ComputedTrait(
        name,
        units[found.unit],
        data,
        found.formula,
        found.undefined,
        (),
        f'f."{feature}"',
        feature,
        found.window,
    )


def _own(
    name: str,
    unit: ComputedUnit,
    data: DataKind,
    formula: str,
    undefined: str,
    sql: str,
    window: str = "all before",
) -> ComputedTrait:
    return ComputedTrait(name, unit, data, formula, undefined, (sql[0],), sql, None, window)


_NEVER, _NO_ORDER, _NO_EVENT = "never", "no order yet", "no event yet"
_EMPTY = "no open cart"
_OPEN = "since the last order"

COMPUTED: tuple[ComputedTrait, ...] = (
    _feature("orders", "transactional", "orders"),
    _feature("total_spend", "transactional", "revenue"),
    _feature("average_order_value", "transactional", "average_order_value"),
    _feature("largest_order_value", "transactional", "largest_order_value"),
    _own(
        "first_order_at",
        "time",
        "transactional",
        "time of the first order",
        _NO_ORDER,
        "o.first_at",
    ),
    _own(
        "last_order_at", "time", "transactional", "time of the last order", _NO_ORDER, "o.last_at"
    ),
    _feature("gap_mean_days", "transactional", "gap_mean_days"),
    _feature("discount_share", "transactional", "discount_share"),
    _feature("coupon_share", "transactional", "coupon_share"),
    _feature("return_share", "transactional", "return_share"),
    _feature("products", "transactional", "products"),
    _own(
        "payment_method",
        "text",
        "transactional",
        "how most orders were paid (of equals the newest)",
        "no order that says how it was paid",
        "s.payment_method",
    ),
    _own(
        "usual_shop",
        "text",
        "transactional",
        "shop of most orders (of equals the newest)",
        "no order that says in which shop",
        "s.shop_id",
    ),
    _own(
        "cart_units",
        "count",
        "transactional",
        "units put into the cart less those taken out, products with fewer than one left out",
        _EMPTY,
        "k.units",
        _OPEN,
    ),
    _own(
        "cart_value",
        "money",
        "transactional",
        "units in the cart × the price told when they were put in, else the product's newest list price",
        f"{_EMPTY}, or the price of something in it is unknown",
        "k.value",
        _OPEN,
    ),
    _own(
        "cart_since",
        "time",
        "transactional",
        "when the first of what lies in the cart was put in",
        _EMPTY,
        "k.since",
        _OPEN,
    ),
    _own(
        "favourite_category",
        "text",
        "behavioural",
        "category of goods in most orders (of equals that of more revenue, then by name)",
        "nothing bought yet whose category is known",
        "c.category",
    ),
    _own(
        "usual_hour",
        "hour",
        "behavioural",
        "hour of most orders and events (the earlier of equals), 0–23, in the person's time zone, else the firm's",
        "no order or event yet that bears a time of day",
        "h.hour",
    ),
    _own(
        "usual_weekday",
        "weekday",
        "behavioural",
        "weekday of most orders and events (the earlier of equals), 1 Monday – 7 Sunday, in the same zone",
        "no order or event yet",
        "h.weekday",
    ),
    _own(
        "usual_device",
        "text",
        "behavioural",
        "device of most events, as they say it or by their user agent: mobile, tablet or desktop (of equals the newest)",
        "no event that says by which device",
        "d.device",
    ),
    _own(
        "visits",
        "count",
        "behavioural",
        "events more than 30 minutes after the one before, and the first",
        _NEVER,
        "b.visits",
    ),
    _own(
        "browsing_seconds",
        "seconds",
        "behavioural",
        "time between events that follow one another within 30 minutes",
        _NO_EVENT,
        "b.seconds",
    ),
    _own(
        "visit_mean_seconds",
        "seconds",
        "behavioural",
        "browsing time ÷ visits",
        _NO_EVENT,
        "b.seconds / b.visits",
    ),
    _own(
        "last_event_at",
        "time",
        "behavioural",
        "time of the last event other than orders and messages",
        _NO_EVENT,
        "b.last_at",
    ),
    _own(
        "viewed_category",
        "text",
        "psychographic",
        "category of most events that name one (of equals the newest)",
        "no event that names a category",
        "v.category",
    ),
    _own(
        "responsive_channel",
        "text",
        "channel_preference",
        "channel of most clicks on messages, not by machines (of equals the newest)",
        "no click on a message yet",
        "t.channel",
    ),
    _own("answers", "count", "feedback", "answers to questions of surveys", _NEVER, "a.answers"),
    _own(
        "last_answer_at",
        "time",
        "feedback",
        "time of the last answer of the kind feedback, as a question is that says no other `data`",
        "no such answer yet",
        "a.feedback_at",
    ),
    *(
        _own(
            f"answered_{kind}_at",
            "time",
            kind,
            f"time of the last answer to a question of a survey with `data: {kind}`",
            "no such answer yet",
            f"a.{kind}_at",
        )
        for kind in ANSWER_KINDS
        if kind != "feedback"
    ),
)
"""Every computed trait, in the order in which they are shown."""
