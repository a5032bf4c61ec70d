"""The queries of measuring, over a session cut at the start of the campaign and looking ahead to its end.

Beside the names of the cut they read `assigned` (origin_id, cell, probability, bucket, choice, explored, and profile_id when planned, of the plan's people), `order_outcomes` and
`goal_outcomes` (see `history.outcomes`), `placed` and `members` (profile_id and position of the people as they stand in
the result).
"""

from __future__ import annotations

__all__ = [
    "CONTACTED",
    "GAPS",
    "IN_GROUPS",
    "IN_SEGMENTS",
    "PEOPLE",
    "PLACED",
    "REDEEMABLE",
    "RETURNED",
    "SPENT",
]

# Of several origins that are one person today, the one that was assigned earliest stands.
PLACED = """
SELECT coalesce(i.profile_id, a.origin_id) AS profile_id,
       arg_min(a.cell, (coalesce(e.assigned_at, :planned), a.origin_id)) AS cell,
       arg_min(a.probability, (coalesce(e.assigned_at, :planned), a.origin_id)) AS probability,
       arg_min(a.bucket, (coalesce(e.assigned_at, :planned), a.origin_id)) AS bucket,
       arg_min(a.choice, (coalesce(e.assigned_at, :planned), a.origin_id)) AS choice,
       arg_min(a.explored, (coalesce(e.assigned_at, :planned), a.origin_id)) AS explored,
       min(CASE WHEN e.assigned_at < :planned THEN e.assigned_at END) AS drawn_before_at,
       count(*) AS places,
       min(a.cell) < 0 AND max(a.cell) >= 0 AS crossed
FROM assigned AS a
LEFT JOIN identity AS i ON i.origin_id = a.origin_id
LEFT JOIN (
  SELECT origin_id, min(assigned_at) AS assigned_at
  FROM assignments WHERE experiment = :campaign GROUP BY origin_id
) AS e ON e.origin_id = a.origin_id
GROUP BY coalesce(i.profile_id, a.origin_id)
"""

# Spend counts up to the first wave in which the person was drawn: who is held out stays held out, so what they bought since is no longer the
# same in both arms, and to take it off would take off a part of what earlier waves added.
PEOPLE = """
SELECT p.profile_id, p.cell, p.probability, p.bucket, p.choice, p.explored, p.places, p.crossed,
       p.drawn_before_at IS NOT NULL AS drawn_before,
       coalesce(g.bought, FALSE) AS converted,
       CAST(coalesce(o.orders, 0) AS double) AS orders,
       CAST(coalesce(o.revenue, 0) AS double) AS revenue,
       CASE WHEN o.profile_id IS NULL THEN CAST(0 AS double) ELSE o.margin END AS margin,
       CAST(coalesce(s.spend, 0) AS double) AS spend_before,
       b.last_at IS NOT NULL AS customer,
       coalesce(b.last_at >= :active_from, FALSE) AS active,
       coalesce(greatest(b.last_at, n.last_at) >= :still_from, FALSE) AS still_active
FROM placed AS p
LEFT JOIN order_outcomes AS o ON o.profile_id = p.profile_id
LEFT JOIN goal_outcomes AS g ON g.profile_id = p.profile_id
LEFT JOIN (
  SELECT o.profile_id, sum(o.revenue) AS spend
  FROM orders AS o JOIN placed AS d ON d.profile_id = o.profile_id
  WHERE d.drawn_before_at IS NULL OR o.ordered_at < d.drawn_before_at
  GROUP BY o.profile_id
) AS s ON s.profile_id = p.profile_id
LEFT JOIN (
  SELECT profile_id, max(ordered_at) AS last_at FROM purchases WHERE kept GROUP BY profile_id
) AS b ON b.profile_id = p.profile_id
LEFT JOIN (
  SELECT profile_id, max(ordered_at) AS last_at FROM purchases_ahead WHERE kept GROUP BY profile_id
) AS n ON n.profile_id = p.profile_id
ORDER BY p.profile_id
"""

GAPS = """
WITH days AS (
  SELECT DISTINCT profile_id, CAST(timezone(:zone, ordered_at) AS date) AS day FROM purchases WHERE kept
),
gaps AS (
  SELECT date_diff('day', lag(day) OVER (PARTITION BY profile_id ORDER BY day), day) AS gap FROM days
)
SELECT gap, count(*) FROM gaps WHERE gap IS NOT NULL GROUP BY gap ORDER BY gap
"""

# Revenue as `outcomes` counts it, on the day of the sale, or of the return where the sale is not known.
SPENT = """
SELECT m.position, o.ordered_at, CAST(o.revenue AS double) AS revenue
FROM (
  SELECT profile_id, ordered_at, order_id, revenue FROM purchases_ahead
  UNION ALL
  SELECT profile_id, ordered_at, order_id, revenue FROM loose_returns_ahead
) AS o
JOIN members AS m ON m.profile_id = o.profile_id
ORDER BY o.ordered_at, m.position, o.order_id, o.revenue
"""

IN_SEGMENTS = """
SELECT s.segment, m.position
FROM fresh AS f
JOIN numbered AS n ON n.number = f.number
JOIN named AS s ON s.place = f.place
JOIN members AS m ON m.profile_id = n.profile_id
"""

IN_GROUPS = """
SELECT g."group", m.position FROM grouped AS g JOIN members AS m ON m.profile_id = g.profile_id
"""

CONTACTED = """
SELECT m.position, sum(c.sent) AS sent, sum(c.opened) AS opened, sum(c.opened_machine) AS opened_machine,
       sum(c.clicked) AS clicked, sum(c.clicked_machine) AS clicked_machine, sum(c.engaged) AS engaged,
       sum(c.engaged_machine) AS engaged_machine, sum(c.unsubscribed) AS unsubscribed, sum(c.bounced) AS bounced,
       sum(c.complained) AS complained, sum(c.shared) AS shared, sum(c.cost) AS cost
FROM contacts AS c
JOIN assigned AS a ON a.planned_as = c.profile_id
LEFT JOIN identity AS i ON i.origin_id = a.origin_id
JOIN members AS m ON m.profile_id = coalesce(i.profile_id, a.origin_id)
GROUP BY m.position
"""

REDEEMABLE = """
SELECT m.position, o.ordered_at, CAST(o.revenue AS double), o.coupon
FROM purchases_ahead AS o JOIN members AS m ON m.profile_id = o.profile_id
ORDER BY m.position, o.ordered_at, o.order_id
"""

RETURNED = """
SELECT m.position, -CAST(sum(b.revenue) AS double) AS revenue
FROM orders_ahead AS b
JOIN members AS m ON m.profile_id = b.profile_id
WHERE b.kind = 'return' AND b.ordered_at >= :ends
  AND EXISTS (
    SELECT 1 FROM orders_ahead AS s
    WHERE s.profile_id = b.profile_id AND s.kind = 'sale' AND s.ordered_at < :ends
      AND s.order_id = coalesce(b.original_order_id, b.order_id)
  )
GROUP BY m.position ORDER BY m.position
"""
