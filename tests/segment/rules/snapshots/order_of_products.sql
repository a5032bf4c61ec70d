SELECT
  profile_id
FROM known
WHERE
  profile_id IN (
    SELECT
      profile_id
    FROM (
      SELECT
        o.profile_id,
        o.event,
        o.occurred_at,
        o.order_id,
        o.coupon,
        o.shop_id,
        o.machine,
        o.properties,
        l.revenue,
        l.quantity,
        l.discount
      FROM "activity_orders" AS o
      JOIN (
        SELECT
          l.profile_id,
          l.order_id,
          l.kind,
          SUM(l.revenue) AS revenue,
          SUM(l.quantity) AS quantity,
          SUM(l.discount) AS discount
        FROM order_lines AS l
        LEFT JOIN product_facts AS p
          ON p.sku = l.sku
        WHERE
          (
            (
              l.goods AND NOT l.profile_id IS NULL
            ) AND "p"."category" IN ('Tea')
          )
          AND NOT "l"."sku" IS NULL
        GROUP BY
          l.profile_id,
          l.order_id,
          l.kind
      ) AS l
        ON l.profile_id = o.profile_id
        AND l.order_id = o.order_id
        AND l.kind = CASE o.event WHEN 'Order Refunded' THEN 'return' ELSE 'sale' END
    ) AS "bought"
    WHERE
      event = 'Order Completed'
      AND occurred_at >= CAST('2026-01-01T00:00:00+00:00' AS TIMESTAMPTZ)
      AND occurred_at < CAST('2026-02-01T00:00:00+00:00' AS TIMESTAMPTZ)
      AND "coupon" IS NULL
      AND "quantity" IN (1, 2)
    GROUP BY
      profile_id
    HAVING
      COUNT(*) >= 1 AND COUNT(*) <= 5 AND COALESCE(SUM("revenue"), 0) >= 99.95
  )
