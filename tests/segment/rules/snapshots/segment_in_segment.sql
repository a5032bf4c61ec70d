SELECT
  profile_id
FROM known
WHERE
  NOT (
    (
      (
        NOT profile_id IN (
          SELECT
            profile_id
          FROM "activity_orders"
          WHERE
            event = 'Order Completed'
          GROUP BY
            profile_id
          HAVING
            NOT (
              COUNT(*) = 0
            )
        )
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
              name = 'a'
            GROUP BY
              profile_id
          ) AS t
          WHERE
            NOT latest.value IS NULL
        ) AS "newest"
        WHERE
          value IN ('x')
      )
    )
  )
