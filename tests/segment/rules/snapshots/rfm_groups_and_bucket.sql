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
        "group" IN ('champions', 'cant_lose_them')
    )
    AND profile_id IN (
      SELECT
        profile_id
      FROM known
      WHERE
        CAST('0x' || SUBSTRING(MD5('spring:' || profile_id), 1, 8) AS BIGINT) % 10000 BETWEEN 0 AND 499
    )
  )
