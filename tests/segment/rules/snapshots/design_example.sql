SELECT
  profile_id
FROM known
WHERE
  (
    profile_id IN (
      SELECT
        profile_id
      FROM rfm
      WHERE
        r IN (1, 2) AND m IN (4, 5)
    )
    AND profile_id IN (
      SELECT
        profile_id
      FROM "activity_orders"
      WHERE
        event = 'Order Completed'
        AND occurred_at >= CAST('2025-03-01T12:00:00+00:00' AS TIMESTAMPTZ)
        AND "revenue" > 20
      GROUP BY
        profile_id
      HAVING
        COUNT(*) >= 2
    )
    AND profile_id IN (
      SELECT
        profile_id
      FROM (
        SELECT
          profile_id,
          latest.value AS value
        FROM (
          SELECT
            profile_id,
            ARG_MAX({'value': value}, (set_at, received_at, value)) AS latest
          FROM traits
          WHERE
            name = 'country'
          GROUP BY
            profile_id
        ) AS t
        WHERE
          NOT latest.value IS NULL
      ) AS "newest"
      WHERE
        value IN ('GB', 'IE')
    )
    AND NOT (
      profile_id IN (
        SELECT
          profile_id
        FROM "activity_touches"
        WHERE
          event = 'Email Link Clicked'
          AND occurred_at >= CAST('2026-01-30T12:00:00+00:00' AS TIMESTAMPTZ)
          AND NOT machine
      )
    )
  )
