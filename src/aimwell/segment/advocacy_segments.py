"""Advocates as segments: rules on the answers, and on the published trait of those who did not answer."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa

from aimwell.definitions.base import Definition
from aimwell.definitions.catalogue import check
from aimwell.errors import SegmentError
from aimwell.segment.advocacy import Answers
from aimwell.segment.advocacy_model import Advocacy
from aimwell.store.stores import Stores
from aimwell.store.tables import LAKE_TABLES, TIME

__all__ = ["advocacy_segments", "advocacy_trait", "publish_likely"]

_INSTANT = timedelta(microseconds=1)  # what the lake's times tell apart


def advocacy_trait(found: Advocacy) -> str:
    """The trait that says who of the silent is called a likely promoter or detractor."""
    return f"advocacy:{found.survey}"


def advocacy_segments(found: Advocacy) -> list[Definition]:
    """Definitions of promoters, passives and detractors by their newest answer, and of the likely ones by the trait."""
    asked = {"survey": found.survey, "question": found.question}
    top, bottom = found.thresholds.promoter_from, found.thresholds.detractor_to
    rules: dict[str, dict[str, Any]] = {
        "promoters": {**asked, "at_least": top},
        "passives": {**asked, "above": bottom, "below": top},
        "detractors": {**asked, "at_most": bottom},
    }
    for one in found.likely:
        silent = {"survey": found.survey, "question": found.question, "exists": False}
        named = {"trait": advocacy_trait(found), "is": f"likely {one.kind}"}
        rules[f"likely-{one.kind}s"] = {"all": [named, silent]}
    return [
        check({"kind": "segment", "name": f"{found.survey}-{name}", "rule": rule})
        for name, rule in rules.items()
    ]


def publish_likely(
    stores: Stores, found: Advocacy, answers: Answers, *, as_of: datetime, now: datetime
) -> int:
    """Write who of the silent is a likely promoter or detractor as a trait; of all others of them that they are neither.

    The trait is dated to the last instant before `as_of`, so that it holds as of it. Publishing the same again changes nothing.

    Returns:
        How many people were written; 0 where it was done before.

    Raises:
        SegmentError: A later publication stands already.
    """
    people = list(answers.silent)
    count = len(people)
    given = {
        "origin_id": pa.array(people, pa.string()),
        "name": pa.array([advocacy_trait(found)] * count, pa.string()),
        "value": pa.array(
            [
                f"likely {answers.likely[one]}" if one in answers.likely else "neither"
                for one in people
            ],
            pa.string(),
        ),
        "set_at": pa.array([as_of - _INSTANT] * count, TIME),
        "source": pa.array(["segment"] * count, pa.string()),
        "load_id": pa.nulls(count, pa.string()),
        "received_at": pa.array([now] * count, TIME),
    }
    schema = LAKE_TABLES["traits"].schema
    rows = pa.table([given[field.name] for field in schema], schema=schema)
    application, version = advocacy_trait(found), int(as_of.timestamp() * 1_000_000)
    if stores.lake.append("traits", rows, transaction=(application, version)):
        return count
    if stores.lake.has_transaction("traits", (application, version + 1)):
        raise SegmentError(
            f"Advocacy of '{found.survey}' was published as of a later moment already. Take a later one than that."
        )
    return 0
