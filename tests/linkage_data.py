"""People for matching: the record-linkage data sets, of which `truth` says who is who, and made-up ones."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from sqlglot import exp

from aimwell.store.engine import DuckDBSession
from aimwell.store.sql import sql

__all__ = ["SETS", "bind_linkage", "made_up_people", "true_pairs"]

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


def made_up_people(count: int, doubles: int) -> dict[str, list[str | None]]:
    """Made-up people, the first `doubles` of whom stand there twice, the second time with first and last name swapped."""
    draw = np.random.default_rng(7)
    syllables = ["ba", "ko", "mi", "ru", "te", "la", "sho", "ve", "ni", "do", "fra", "gu"]

    def word() -> str:
        return "".join(draw.choice(syllables, 3))

    rows = [
        (
            word(),
            word(),
            f"19{draw.integers(40, 99)}-{draw.integers(1, 13):02}-{draw.integers(1, 29):02}",
        )
        for _ in range(count)
    ]
    rows += [(last, first, born) for first, last, born in rows[:5]]
    rows += rows[5:doubles]
    return {
        "id": [f"{number:04}" for number in range(len(rows))],
        "first_name": [row[0] for row in rows],
        "last_name": [row[1] for row in rows],
        "birth_date": [row[2] for row in rows],
    }
