SELECT
  profile_id
FROM known
WHERE
  (
    profile_id IN (
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
            name = 'age'
          GROUP BY
            profile_id
        ) AS t
        WHERE
          NOT latest.value IS NULL
      ) AS "newest"
      WHERE
        TRY_CAST(value AS DECIMAL(38, 10)) >= 18
        AND TRY_CAST(value AS DECIMAL(38, 10)) <= 30.5
    )
    OR profile_id IN (
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
            name = 'born'
          GROUP BY
            profile_id
        ) AS t
        WHERE
          NOT latest.value IS NULL
      ) AS "newest"
      WHERE
        SUBSTRING(value, 1, 1) BETWEEN '0' AND '9'
        AND TRY_CAST(value AS DATE) < CAST('2000-01-01' AS DATE)
    )
    OR profile_id IN (
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
            name = 'seen'
          GROUP BY
            profile_id
        ) AS t
        WHERE
          NOT latest.value IS NULL
      ) AS "newest"
      WHERE
        SUBSTRING(value, 1, 1) BETWEEN '0' AND '9'
        AND TRY_CAST(value AS TIMESTAMPTZ) > CAST('2025-12-31T23:00:00+00:00' AS TIMESTAMPTZ)
    )
    OR profile_id IN (
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
            name = 'vip'
          GROUP BY
            profile_id
        ) AS t
        WHERE
          NOT latest.value IS NULL
      ) AS "newest"
      WHERE
        LOWER(value) IN ('true')
    )
    OR profile_id IN (
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
            name = 'size'
          GROUP BY
            profile_id
        ) AS t
        WHERE
          NOT latest.value IS NULL
      ) AS "newest"
      WHERE
        (
          value IN ('S')
          OR LOWER(value) IN ('false')
          OR TRY_CAST(value AS DECIMAL(38, 10)) IN (38)
        )
    )
    OR NOT profile_id IN (
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
            name = 'name'
          GROUP BY
            profile_id
        ) AS t
        WHERE
          NOT latest.value IS NULL
      ) AS "newest"
    )
  )
