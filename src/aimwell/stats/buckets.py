"""The bucket that puts a person into an arm: stable, the same on every engine and in every batch.

The bucket is the number written by the first eight hexadecimal digits of md5(salt ":" origin), in UTF-8, modulo 10,000.
Eight digits make 32 bits, which every engine and a browser hold exactly; the remainder favours no bucket by more than
one in 400,000. In DuckDB:

    ('0x' || substr(md5(salt || ':' || origin), 1, 8))::BIGINT % 10000

and in Spark SQL:

    cast(conv(substr(md5(salt || ':' || origin), 1, 8), 16, 10) AS BIGINT) % 10000

md5 serves to mix here, not to keep anything secret.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import md5

import numpy as np
from numpy.typing import NDArray

__all__ = ["BUCKETS", "HEX_DIGITS", "bucket", "buckets"]

BUCKETS = 10_000
HEX_DIGITS = 8


def bucket(salt: str, origin: str) -> int:
    """The bucket of one origin, 0 to 9999."""
    digest = md5(f"{salt}:{origin}".encode(), usedforsecurity=False)
    return int.from_bytes(digest.digest()[: HEX_DIGITS // 2], "big") % BUCKETS


def buckets(salt: str, origins: Iterable[str]) -> NDArray[np.int64]:
    """The bucket of each origin, 0 to 9999, in the order given."""
    started = md5(f"{salt}:".encode(), usedforsecurity=False)
    heads = bytearray()
    for origin in origins:
        digest = started.copy()
        digest.update(origin.encode())
        heads += digest.digest()[: HEX_DIGITS // 2]
    return np.frombuffer(bytes(heads), dtype=">u4").astype(np.int64) % BUCKETS
