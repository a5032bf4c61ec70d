"""The bucket: the same on every engine, even, and stable for ever."""

from __future__ import annotations

import duckdb
import numpy as np
import pytest
from scipy.stats import chisquare, pearsonr

from aimwell.stats.buckets import BUCKETS, HEX_DIGITS, bucket, buckets

ORIGINS = [
    *[f"customer-{i}" for i in range(2_000)],
    "17850.0", "9007199254740993123", "", " ", ":", "a:b", "Zoë", "李小龍", "🎁", "O'Brien; DROP TABLE", "\\x41",
]  # fmt: skip


@pytest.mark.parametrize(
    ("salt", "origin", "digits", "expected"),
    [  # the digits are what `printf 'salt:origin' | md5sum` begins with
        ("spring-winback", "17850", "be3425b8", 8568),
        ("spring-winback", "17851", "91121970", 2480),
        ("", "", "853ae90f", 479),
    ],
)
def test_buckets_never_change(salt, origin, digits, expected):
    """A change would move people between arms in the middle of a campaign."""
    assert int(digits, 16) % 10_000 == expected
    assert bucket(salt, origin) == expected


@pytest.mark.parametrize("salt", ["spring-winback", "", "with'quote", "salé"])
def test_duckdb_finds_the_same_bucket(salt):
    connection = duckdb.connect()
    rows = connection.execute(
        f"""
        SELECT ('0x' || substr(md5($salt || ':' || origin), 1, {HEX_DIGITS}))::BIGINT % {BUCKETS}
        FROM (SELECT unnest($origins) AS origin)
        """,  # noqa: S608
        {"salt": salt, "origins": ORIGINS},
    ).fetchall()
    assert [row[0] for row in rows] == [bucket(salt, origin) for origin in ORIGINS]


def test_many_at_once_are_the_same_as_one_by_one():
    assert buckets("s", ORIGINS).tolist() == [bucket("s", origin) for origin in ORIGINS]
    assert buckets("s", iter(ORIGINS)).dtype == np.int64
    assert buckets("s", []).tolist() == []


def test_buckets_are_even_and_another_salt_shuffles_them_anew():
    origins = [str(i) for i in range(100_000)]
    first, second = buckets("first", origins), buckets("second", origins)
    assert first.min() >= 0
    assert first.max() < BUCKETS
    assert chisquare(np.bincount(first // 100, minlength=100)).pvalue > 0.001
    assert abs(pearsonr(first, second).statistic) < 0.015
