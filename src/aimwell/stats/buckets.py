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

import numpy as np
from numpy.typing import NDArray

try:
    # Python's own: for texts as short as these twice as fast as that of OpenSSL.
    from _md5 import md5 as _hash  # type: ignore[import-not-found]
except ImportError:  # pragma: no cover - a Python that was built without
    from hashlib import md5 as _hash

__all__ = ["BUCKETS", "HEX_DIGITS", "bucket", "buckets"]

BUCKETS = 10_000
HEX_DIGITS = 8
_WORDS = 4
"""A digest is four numbers of eight such digits."""


def bucket(salt: str, origin: str) -> int:
    """The bucket of one origin, 0 to 9999."""
    digest = _hash(f"{salt}:{origin}".encode(), usedforsecurity=False)
    return int.from_bytes(digest.digest()[: HEX_DIGITS // 2], "big") % BUCKETS


def buckets(salt: str, origins: Iterable[str]) -> NDArray[np.int64]:
    """The bucket of each origin, 0 to 9999, in the order given."""
    texts = map(str.encode, map(f"{salt}:".__add__, origins))
    digests = b"".join([_hash(text, usedforsecurity=False).digest() for text in texts])
    heads = np.frombuffer(digests, dtype=">u4").reshape(-1, _WORDS)[:, 0]
    return heads.astype(np.int64) % BUCKETS
