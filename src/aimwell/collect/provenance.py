"""What every row of the lake says of where it came from, and its further fields as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlglot import exp

from aimwell.collect.fields import under
from aimwell.store.sql import column, sql

__all__ = ["Provenance", "json_text"]


@dataclass(frozen=True)
class Provenance:
    """The load that rows came with."""

    source: str
    load_id: str
    received_at: datetime

    def columns(self) -> list[exp.Expr]:
        """The columns of the lake that every table ends with."""
        return [
            sql(":source AS source", source=self.source),
            sql(":load_id AS load_id", load_id=self.load_id),
            sql(":received_at AS received_at", received_at=self.received_at),
        ]


def json_text(prefix: str, names: tuple[str, ...]) -> exp.Expr:
    """The fields whose names begin with `prefix` as the text of a JSON object; missing values are left out."""
    fields = under(prefix, names)
    if not fields:
        return sql("CAST(NULL AS varchar)")
    pairs: list[exp.Expr] = []
    for last, name in fields.items():
        pairs += [exp.Literal.string(last), column(name)]
    whole = exp.Anonymous(this="json_object", expressions=pairs)
    return sql(
        "CAST(nullif(CAST(json_merge_patch('{}', :whole) AS varchar), '{}') AS varchar)",
        whole=whole,
    )
