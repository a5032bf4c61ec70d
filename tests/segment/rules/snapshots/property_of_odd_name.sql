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
      AND NOT machine
      AND JSON_EXTRACT_STRING("properties", '/a~1b/~0''c"') IN ('it''s; DROP TABLE known --')
  )
