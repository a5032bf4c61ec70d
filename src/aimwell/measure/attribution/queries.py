"""The queries of attribution, over a session cut at the end of the period.

`touched` and `reached` are made by the first two; the others read them.
"""

from __future__ import annotations

__all__ = [
    "AD_SPEND",
    "CONVERSIONS",
    "ORDERS",
    "PEOPLE",
    "REACHED",
    "TOUCHED",
    "TOUCHES",
    "TOUCH_COST",
]

TOUCHED = """
SELECT profile_id, occurred_at, coalesce(:by, :without || channel, :unnamed) AS name
FROM touches
WHERE NOT machine AND profile_id IS NOT NULL AND :counts AND occurred_at >= :since
"""

ORDERS = """
SELECT profile_id, ordered_at AS occurred_at, CAST(revenue AS double) AS value
FROM purchases WHERE kept AND profile_id IS NOT NULL AND ordered_at >= :since
"""

CONVERSIONS = """
SELECT profile_id, occurred_at, CAST(revenue AS double) AS value
FROM activity WHERE event = :event AND NOT machine AND profile_id IS NOT NULL AND occurred_at >= :since
"""

REACHED = """
SELECT profile_id, row_number() OVER (ORDER BY profile_id) - 1 AS person
FROM (SELECT profile_id FROM touched UNION SELECT profile_id FROM converted) AS u
"""

TOUCHES = """
SELECT r.person, epoch_us(t.occurred_at) AS at, t.name
FROM touched AS t JOIN reached AS r ON r.profile_id = t.profile_id
ORDER BY r.person, at, t.name
"""

PEOPLE = """
SELECT r.person, epoch_us(c.occurred_at) AS at, c.value
FROM converted AS c JOIN reached AS r ON r.profile_id = c.profile_id
ORDER BY r.person, at, c.value
"""

TOUCH_COST = """
SELECT coalesce(:by, :without || channel, :unnamed) AS name, CAST(sum(cost) AS double) AS cost
FROM touches
WHERE occurred_at >= :since AND cost IS NOT NULL
GROUP BY 1 ORDER BY 1
"""

# Of a period that lies partly outside, the part of the cost that falls within, as if it had been spent evenly.
AD_SPEND = """
SELECT coalesce(:by, :without || channel, :unnamed) AS name,
       sum(CAST(cost AS double) * CASE
         WHEN ends_at <= starts_at THEN 1
         ELSE greatest(0, CAST(epoch_us(least(ends_at, CAST(:until AS timestamptz)))
                               - epoch_us(greatest(starts_at, CAST(:since AS timestamptz))) AS double))
              / CAST(epoch_us(ends_at) - epoch_us(starts_at) AS double)
       END) AS cost
FROM ad_spend
WHERE starts_at < CAST(:until AS timestamptz) AND ends_at >= CAST(:since AS timestamptz)
GROUP BY 1 ORDER BY 1
"""
