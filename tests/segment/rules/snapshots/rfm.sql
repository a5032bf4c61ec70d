WITH bought AS (
  SELECT
    profile_id,
    MAX(ordered_at) AS last_at,
    COUNT(*) AS frequency,
    SUM(revenue) AS revenue
  FROM purchases
  WHERE
    kept
  GROUP BY
    profile_id
), returned AS (
  SELECT
    profile_id,
    SUM(revenue) AS revenue
  FROM loose_returns
  GROUP BY
    profile_id
), figures AS (
  SELECT
    b.profile_id,
    b.last_at,
    b.frequency,
    CAST(b.revenue + COALESCE(r.revenue, 0) AS DECIMAL(38, 4)) AS monetary
  FROM bought AS b
  LEFT JOIN returned AS r
    ON r.profile_id = b.profile_id
), places AS (
  SELECT
    profile_id,
    last_at,
    frequency,
    monetary,
    COUNT(*) OVER () AS buyers,
    RANK() OVER (ORDER BY last_at) - 1 AS less_recent,
    RANK() OVER (ORDER BY frequency) - 1 AS less_frequent,
    RANK() OVER (ORDER BY monetary) - 1 AS less_spent
  FROM figures
), quintiles AS (
  SELECT
    profile_id,
    last_at,
    frequency,
    monetary,
    1 + 5 * less_recent // buyers AS r,
    1 + 5 * less_frequent // buyers AS f,
    1 + 5 * less_spent // buyers AS m
  FROM places
), cells AS (
  SELECT
    *,
    (
      f + m + 1
    ) // 2 AS fm
  FROM quintiles
)
SELECT
  profile_id,
  (
    EPOCH(CAST('2026-03-01T12:00:00+00:00' AS TIMESTAMPTZ)) - EPOCH(last_at)
  ) / 86400.0 AS recency_days,
  frequency,
  CAST(monetary AS DOUBLE) AS monetary,
  r,
  f,
  m,
  fm,
  CASE
    WHEN r = 5 AND fm = 1
    THEN 'new'
    WHEN r = 5 AND fm = 2
    THEN 'potential_loyalists'
    WHEN r = 5 AND fm = 3
    THEN 'potential_loyalists'
    WHEN r = 5 AND fm = 4
    THEN 'champions'
    WHEN r = 5 AND fm = 5
    THEN 'champions'
    WHEN r = 4 AND fm = 1
    THEN 'promising'
    WHEN r = 4 AND fm = 2
    THEN 'potential_loyalists'
    WHEN r = 4 AND fm = 3
    THEN 'potential_loyalists'
    WHEN r = 4 AND fm = 4
    THEN 'loyal'
    WHEN r = 4 AND fm = 5
    THEN 'loyal'
    WHEN r = 3 AND fm = 1
    THEN 'about_to_sleep'
    WHEN r = 3 AND fm = 2
    THEN 'about_to_sleep'
    WHEN r = 3 AND fm = 3
    THEN 'needs_attention'
    WHEN r = 3 AND fm = 4
    THEN 'loyal'
    WHEN r = 3 AND fm = 5
    THEN 'loyal'
    WHEN r = 2 AND fm = 1
    THEN 'hibernating'
    WHEN r = 2 AND fm = 2
    THEN 'hibernating'
    WHEN r = 2 AND fm = 3
    THEN 'at_risk'
    WHEN r = 2 AND fm = 4
    THEN 'at_risk'
    WHEN r = 2 AND fm = 5
    THEN 'cant_lose_them'
    WHEN r = 1 AND fm = 1
    THEN 'lost'
    WHEN r = 1 AND fm = 2
    THEN 'lost'
    WHEN r = 1 AND fm = 3
    THEN 'at_risk'
    WHEN r = 1 AND fm = 4
    THEN 'at_risk'
    WHEN r = 1 AND fm = 5
    THEN 'cant_lose_them'
  END AS "group"
FROM cells
