SELECT
  profile_id
FROM known
WHERE
  NOT profile_id IN (
    SELECT
      profile_id
    FROM "activity_events"
    WHERE
      event = 'Product Viewed'
      AND occurred_at >= CAST('2026-02-22T12:00:00+00:00' AS TIMESTAMPTZ)
      AND NOT machine
    GROUP BY
      profile_id
    HAVING
      NOT (
        COUNT(*) <= 2
        AND COALESCE(
          SUM(
            CAST(TRY_CAST(JSON_EXTRACT_STRING("properties", '/seconds') AS DECIMAL(38, 10)) AS DOUBLE)
          ),
          0
        ) < 60
      )
  )
