"""What the cut tables mean together: the stream of activity, orders net of returns, products, margins.

Each function gives a query over the cut tables of a session, or over those that look ahead (`suffix` is
"" or "_ahead"); `open_moment` binds them to names.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sqlglot import exp

from aimwell.definitions.leaves.event_fields import ORDER_EVENTS
from aimwell.store.sql import identifier, sql, union_all

__all__ = [
    "ACTIVITY_COLUMNS",
    "activity",
    "activity_events",
    "activity_of",
    "activity_orders",
    "activity_touches",
    "line_margins",
    "loose_returns",
    "product_facts",
    "purchases",
]

ACTIVITY_COLUMNS = (
    "profile_id",
    "origin_id",
    "event",
    "occurred_at",
    "revenue",
    "quantity",
    "discount",
    "order_id",
    "coupon",
    "shop_id",
    "sku",
    "category",
    "campaign",
    "channel",
    "action",
    "machine",
    "properties",
)
"""Columns of the stream `activity`; a column that a row's source lacks is null there."""

_ORDERS = """
    SELECT profile_id, origin_id,
           CASE kind WHEN 'sale' THEN 'Order Completed' ELSE 'Order Refunded' END AS event,
           ordered_at AS occurred_at, revenue, quantity, discount, order_id, coupon, shop_id,
           CAST(NULL AS varchar) AS sku, CAST(NULL AS varchar) AS category,
           CAST(NULL AS varchar) AS campaign, CAST(NULL AS varchar) AS channel,
           CAST(NULL AS varchar) AS action, FALSE AS machine, properties
    FROM orders WHERE kind <> 'addition' AND origin_id IS NOT NULL
    """

_GROWN_ORDERS = """
    SELECT s.* REPLACE (
      s.revenue + coalesce(a.revenue, 0) AS revenue,
      s.quantity + coalesce(a.quantity, 0) AS quantity,
      coalesce(s.discount + a.discount, s.discount, a.discount) AS discount
    )
    FROM orders AS s
    LEFT JOIN (
      SELECT origin_id, order_id, CAST(sum(revenue) AS decimal(18, 4)) AS revenue,
             CAST(sum(quantity) AS decimal(18, 4)) AS quantity,
             CAST(sum(discount) AS decimal(18, 4)) AS discount
      FROM orders WHERE kind = 'addition' GROUP BY origin_id, order_id
    ) AS a ON s.kind = 'sale' AND a.origin_id = s.origin_id AND a.order_id = s.order_id
    """

_EVENTS = """
    SELECT profile_id, origin_id, event, occurred_at, revenue, quantity,
           CAST(NULL AS decimal(18, 4)) AS discount, CAST(NULL AS varchar) AS order_id,
           CAST(NULL AS varchar) AS coupon, CAST(NULL AS varchar) AS shop_id, sku, category,
           CAST(NULL AS varchar) AS campaign, CAST(NULL AS varchar) AS channel,
           CAST(NULL AS varchar) AS action, machine IS NOT NULL AS machine, properties
    FROM events
    """

_TOUCHES = """
    SELECT profile_id, origin_id, event, occurred_at, CAST(NULL AS decimal(18, 4)) AS revenue,
           CAST(NULL AS decimal(18, 4)) AS quantity, CAST(NULL AS decimal(18, 4)) AS discount,
           CAST(NULL AS varchar) AS order_id, CAST(NULL AS varchar) AS coupon,
           CAST(NULL AS varchar) AS shop_id, CAST(NULL AS varchar) AS sku,
           CAST(NULL AS varchar) AS category, campaign, channel, action, machine, properties
    FROM touches
    """


def activity(suffix: str) -> exp.Expr:
    """Everything that people did, as one stream: its three parts below.

    Rows of `events` that bear the name of an order are left out, so that an order that came as a message and
    as a row counts once.
    """
    tree = sql(
        """
        SELECT * FROM activity_orders
        UNION ALL SELECT * FROM activity_events WHERE NOT event IN :orders
        UNION ALL SELECT * FROM activity_touches
        """,
        orders=list(ORDER_EVENTS),
    )
    parts = ("activity_orders", "activity_events", "activity_touches")
    return _renamed(tree, {name: f"{name}{suffix}" for name in parts})


def activity_of(event: str, held: Mapping[str, Collection[str]]) -> exp.Expr:
    """What to read for the rows of one event, to stand behind FROM: only the parts of `activity` that have it.

    Args:
        event: The name that is asked for; rows of other events may be among what is read.
        held: For `events` and `touches` the names of events that the table holds; more names do no harm.
    """
    if event in ORDER_EVENTS:
        return exp.Table(this=identifier("activity_orders"))
    parts = [f"activity_{table}" for table, names in held.items() if event in names]
    if len(parts) <= 1:
        return exp.Table(this=identifier(parts[0] if parts else "activity_touches"))
    queries = [exp.select("*").from_(exp.Table(this=identifier(part))) for part in parts]
    return exp.Subquery(this=union_all(queries), alias=exp.TableAlias(this=identifier("acts")))


def activity_orders(suffix: str, *, additions: bool) -> exp.Expr:
    """The part of `activity` whose names are ORDER_EVENTS.

    Args:
        suffix: "" or "_ahead".
        additions: Whether any order has later differences to add to it, so that each is one row.
    """
    source = {"orders": f"orders{suffix}"}
    if not additions:
        return _renamed(sql(_ORDERS), source)
    query = _renamed(sql(_ORDERS), {"orders": "grown"})
    assert isinstance(query, exp.Select)  # noqa: S101 - the text above is a SELECT
    return query.with_("grown", as_=_renamed(sql(_GROWN_ORDERS), source))


def activity_events(suffix: str) -> exp.Expr:
    """The rows of `events` as the stream has them, and with them those that bear the name of an order."""
    return _renamed(sql(_EVENTS), {"events": f"events{suffix}"})


def activity_touches(suffix: str) -> exp.Expr:
    """The rows of `touches` as the stream has them."""
    return _renamed(sql(_TOUCHES), {"touches": f"touches{suffix}"})


def purchases(suffix: str) -> exp.Expr:
    """One row an order of a person: the sale, its additions, and the returns known to belong to it.

    Columns: profile_id, order_id, ordered_at (of the sale), revenue (net), gross (before returns), discount,
    coupon, kept (False where everything was returned; an order that was free is kept).
    """
    tree = sql(
        """
        SELECT s.profile_id, s.order_id, s.ordered_at, s.coupon,
               s.revenue + coalesce(x.revenue, 0) AS revenue,
               s.revenue + coalesce(x.added, 0) AS gross,
               coalesce(s.discount, 0) + coalesce(x.discount, 0) AS discount,
               x.returned IS NULL OR x.returned = 0 OR s.revenue + x.revenue > 0 AS kept
        FROM orders AS s
        LEFT JOIN (
          SELECT profile_id, coalesce(original_order_id, order_id) AS order_id, sum(revenue) AS revenue,
                 sum(CASE WHEN kind = 'addition' THEN revenue ELSE 0 END) AS added,
                 sum(CASE WHEN kind = 'return' THEN revenue ELSE 0 END) AS returned,
                 sum(CASE WHEN kind = 'addition' THEN discount ELSE 0 END) AS discount
          FROM orders
          WHERE kind <> 'sale' AND profile_id IS NOT NULL
          GROUP BY profile_id, coalesce(original_order_id, order_id)
        ) AS x ON x.profile_id = s.profile_id AND x.order_id = s.order_id
        WHERE s.kind = 'sale' AND s.profile_id IS NOT NULL
        """
    )
    return _renamed(tree, {"orders": f"orders{suffix}"})


def loose_returns(suffix: str) -> exp.Expr:
    """Returns of people that are known to belong to no order: profile_id, order_id, ordered_at, revenue (≤ 0).

    Looking ahead, a return of an order from before the moment is left out: it says nothing of what follows.
    """
    orders = [sql("SELECT profile_id, order_id FROM orders WHERE kind = 'sale'")]
    if suffix:
        orders.append(
            _renamed(orders[0].copy(), {"orders": f"orders{suffix}"}),
        )
    tree = sql(
        """
        SELECT r.profile_id, r.order_id, r.ordered_at, r.revenue
        FROM returns AS r
        ANTI JOIN :orders AS s
          ON s.profile_id = r.profile_id AND s.order_id = coalesce(r.original_order_id, r.order_id)
        WHERE r.kind = 'return' AND r.profile_id IS NOT NULL
        """,
        orders=exp.Subquery(this=union_all(orders)),
    )
    return _renamed(tree, {"returns": f"orders{suffix}"})


def product_facts(source: str) -> exp.Expr:
    """One row a product: sku and the newest known name, category, brand and unit cost in `source`."""
    newest = {
        name: sql("arg_max(:fact, (set_at, received_at, :fact))", fact=exp.column(identifier(name)))
        for name in ("name", "category", "brand", "unit_cost")
    }
    return (
        exp.select("sku", *[exp.alias_(value, name) for name, value in newest.items()])
        .from_(exp.Table(this=identifier(source)))
        .group_by("sku")
    )


def line_margins(suffix: str, margin_default: float | None) -> exp.Expr:
    """Order lines with `margin`: from the line's unit cost, else the product's newest, else the setting,
    else null (unknown). Lines without goods (postage, fees) earn nothing and cost nothing."""
    tree = sql(
        """
        SELECT l.line_id, l.order_id, l.profile_id, l.origin_id, l.kind, l.ordered_at, l.sku, l.goods,
               l.quantity, l.revenue,
               CASE
                 WHEN NOT l.goods THEN CAST(0 AS double)
                 WHEN coalesce(l.unit_cost, p.unit_cost) IS NOT NULL
                   THEN CAST(l.revenue AS double)
                        - CAST(l.quantity AS double) * CAST(coalesce(l.unit_cost, p.unit_cost) AS double)
                 ELSE CAST(l.revenue AS double) * CAST(:margin AS double)
               END AS margin
        FROM order_lines AS l LEFT JOIN product_facts AS p ON p.sku = l.sku
        """,
        margin=margin_default,
    )
    return _renamed(
        tree,
        {"order_lines": f"order_lines{suffix}", "product_facts": f"product_facts{suffix}"},
    )


def _renamed(tree: exp.Expr, names: Mapping[str, str]) -> exp.Expr:
    for table in list(tree.find_all(exp.Table)):
        if table.name in names:
            table.set("this", identifier(names[table.name]))
    return tree
