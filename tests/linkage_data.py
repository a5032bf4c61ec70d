"""The record-linkage data sets as rows for matching: columns named, nothing else done; `truth` says who is who."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from sqlglot import exp

from aimwell.store.engine import DuckDBSession
from aimwell.store.sql import sql

__all__ = ["SETS", "bind_linkage", "true_pairs"]

_FEBRL = (
    "rec_id, first_name, last_name, street_number, address, more_address, city, postcode, region, birth_date, "
    "soc_sec_id"
)
SETS: Mapping[str, tuple[str, str, tuple[str, ...]]] = {
    "febrl_dataset3": (
        "febrl_dataset3.csv.gz",
        """
        SELECT rec_id AS id, split_part(rec_id, '-', 2) AS truth, first_name, last_name,
               trim(coalesce(street_number, '') || ' ' || coalesce(trim(address), '')) AS street,
               city, postcode, region, birth_date, soc_sec_id
        FROM read_csv(:file, header = FALSE, skip = 1, all_varchar = TRUE, names = :names)
        """,
        ("soc_sec_id",),
    ),
    "fake_1000": (
        "fake_1000.csv",
        """
        SELECT unique_id AS id, cluster AS truth, first_name, surname AS last_name, dob AS birth_date, city, email
        FROM read_csv(:file, all_varchar = TRUE)
        """,
        (),
    ),
    "historical_figures_with_errors_50k": (
        "historical_figures_with_errors_50k.parquet",
        """
        SELECT unique_id AS id, cluster AS truth, first_name, surname AS last_name, dob AS birth_date,
               birth_place AS city, postcode_fake AS postcode
        FROM read_parquet(:file)
        """,
        (),
    ),
}
"""Name → (file, its rows, columns that are codes)."""


def bind_linkage(session: DuckDBSession, folder: Path, name: str) -> tuple[str, ...]:
    """Make `given` of a data set (`id`, `truth`, the fields); the columns that are codes."""
    file, text, codes = SETS[name]
    parts: dict[str, object] = {"file": str(folder / file)}
    if ":names" in text:
        parts["names"] = exp.Array(
            expressions=[exp.Literal.string(one.strip()) for one in _FEBRL.split(",")]
        )
    session.materialise("given", sql(text, **parts))
    return codes


def true_pairs(session: DuckDBSession) -> int:
    """How many pairs of `given` are one person."""
    query = "SELECT sum(n * (n - 1) / 2) FROM (SELECT count(*) AS n FROM given GROUP BY truth) AS groups"
    return int(session.rows(sql(query))[0][0])
