SELECT
  profile_id
FROM known
WHERE
  profile_id IN (
    SELECT
      profile_id
    FROM "activity_others"
    WHERE
      event = 'Login'
      AND NOT machine
      AND JSON_EXTRACT_STRING("properties", '/a~1b/~0''c"') IN ('it''s; DROP TABLE known --')
  )
