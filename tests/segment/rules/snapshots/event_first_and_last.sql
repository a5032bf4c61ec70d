SELECT
  profile_id
FROM known
WHERE
  profile_id IN (
    SELECT
      profile_id
    FROM (
      SELECT
        *
      FROM "activity_events"
      UNION ALL
      SELECT
        *
      FROM "activity_touches"
    ) AS "acts"
    WHERE
      event = 'Login'
    GROUP BY
      profile_id
    HAVING
      MIN(occurred_at) < CAST('2025-12-01T12:00:00+00:00' AS TIMESTAMPTZ)
      AND MAX(occurred_at) >= CAST('2026-01-30T12:00:00+00:00' AS TIMESTAMPTZ)
      AND MAX(occurred_at) < CAST('2026-03-01T00:00:00+00:00' AS TIMESTAMPTZ)
  )
