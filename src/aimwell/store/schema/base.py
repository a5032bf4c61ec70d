"""What the tables of every room share: one collection, one way to name indexes and keys, short names of types."""

from __future__ import annotations

import sqlalchemy as sa

__all__ = ["AutoId", "Big", "Bool", "Int", "Real", "Text", "metadata"]

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Text, Int, Big, Bool, Real = sa.Text, sa.Integer, sa.BigInteger, sa.Boolean, sa.Float
AutoId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
