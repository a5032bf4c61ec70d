"""Keyed hashes that stand for identifiers and addresses outside the vault.

An origin's id is the keyed hash of the identifier under which its rows came, so the same identifier gives the
same origin in every load and process without a look-up. Who does not have the workspace's key cannot find the
person from the id. The same hash can be computed by an engine over millions of rows.
"""

from __future__ import annotations

import hashlib

from sqlglot import exp

from aimwell.store.sql import sql

__all__ = ["identifier_hash", "identifier_hash_by", "identifier_hash_sql"]

_LENGTH = 24


def identifier_hash(key: bytes, kind: str, value: str) -> str:
    """24 hex digits (96 bits) of SHA-256 over the workspace's key, the kind and the normalised value.

    With 100 million identifiers two of them share a hash with probability below 1e-7.
    """
    return hashlib.sha256(f"{key.hex()}:{kind}:{value}".encode()).hexdigest()[:_LENGTH]


def identifier_hash_sql(key: bytes, kind: str, value: exp.Expr) -> exp.Expr:
    """The same as an expression over the text column or expression `value`; null stays null."""
    return sql(
        "substr(sha256(:prefix || :value), 1, 24)", prefix=f"{key.hex()}:{kind}:", value=value
    )


def identifier_hash_by(key: bytes, kind: exp.Expr, value: exp.Expr) -> exp.Expr:
    """The same where the kind is an expression, too."""
    return sql(
        "substr(sha256(:key || :kind || ':' || :value), 1, 24)",
        key=f"{key.hex()}:",
        kind=kind,
        value=value,
    )
