"""`bucket`: a stable random part of the people."""

from __future__ import annotations

from aimwell.definitions.leaves.bucket import BucketRule
from aimwell.segment.rules.changing import NEVER, Changes
from aimwell.segment.rules.phrases import quoted
from aimwell.segment.rules.scope import People, Scope
from aimwell.stats.buckets import BUCKETS, HEX_DIGITS
from aimwell.store.sql import sql

__all__ = ["changes", "people", "words"]


def people(rule: BucketRule, _scope: Scope) -> People:
    """Whose bucket lies in the range."""
    query = sql(
        """
        SELECT profile_id FROM known
        WHERE CAST('0x' || substr(md5(:salt || profile_id), 1, :digits) AS bigint) % :buckets
              BETWEEN :first AND :last
        """,
        salt=f"{rule.bucket.salt}:",
        digits=HEX_DIGITS,
        buckets=BUCKETS,
        first=rule.bucket.from_,
        last=rule.bucket.to - 1,
    )
    return People(query)


def words(rule: BucketRule) -> str:
    """As "whose bucket by the salt “x” is 0 to 499 of 0 to 9999"."""
    first, last = rule.bucket.from_, rule.bucket.to - 1
    return f"whose bucket by the salt {quoted(rule.bucket.salt)} is {first} to {last} of 0 to 9999"


def changes(_rule: BucketRule) -> Changes:
    """By nothing."""
    return NEVER
