"""Column types that mean the same on SQLite and PostgreSQL: aware times, exact money, JSON."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

__all__ = ["JsonType", "Money", "UtcDateTime"]

_CENT_OF_CENT = Decimal("0.0001")


class UtcDateTime(sa.types.TypeDecorator[datetime]):
    """An aware time, stored in UTC. Naive times are refused."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """To UTC; SQLite keeps text without a zone."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"The time {value.isoformat()} has no zone; pass an aware datetime.")
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """Back to an aware time in UTC."""
        del dialect  # both databases give either form
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Money(sa.types.TypeDecorator[Decimal]):
    """An exact amount with four decimals. SQLite has no decimals, so it counts ten-thousandths there."""

    impl = sa.Numeric(18, 4)
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine[Any]:
        """The column's type on each database."""
        return dialect.type_descriptor(
            sa.BigInteger() if dialect.name == "sqlite" else sa.Numeric(18, 4)
        )

    def process_bind_param(self, value: Decimal | None, dialect: sa.Dialect) -> Any:
        """To four decimals, halves away from zero, as PostgreSQL rounds."""
        if value is None:
            return None
        exact = Decimal(value).quantize(_CENT_OF_CENT, ROUND_HALF_UP)
        return int(exact.scaleb(4)) if dialect.name == "sqlite" else exact

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> Decimal | None:
        """Back to an amount; sums and averages too."""
        if value is None:
            return None
        amount = Decimal(value).scaleb(-4) if dialect.name == "sqlite" else Decimal(value)
        return amount.quantize(_CENT_OF_CENT, ROUND_HALF_UP)


JsonType = sa.JSON(none_as_null=True).with_variant(
    postgresql.JSONB(none_as_null=True), "postgresql"
)
