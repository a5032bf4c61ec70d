"""Advocates as segments: rules on the answers, and on the published trait of those who did not answer."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pyarrow as pa

from aimwell.definitions.base import Definition
from aimwell.definitions.catalogue import check
from aimwell.segment.advocacy.model import Advocacy
from aimwell.segment.advocacy.service import Answers
from aimwell.segment.models.publishing import publish_groups
from aimwell.store.stores import Stores

__all__ = ["advocacy_segments", "advocacy_trait", "publish_likely"]

_KIND = "advocacy"


def advocacy_trait(found: Advocacy) -> str:
    """The trait that says who of the silent is called a likely promoter or detractor."""
    return f"{_KIND}:{found.survey}"


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

    See `publish_groups`.
    """
    said = [
        f"likely {answers.likely[one]}" if one in answers.likely else "neither"
        for one in answers.silent
    ]
    people = pa.table(
        {
            "profile_id": pa.array(answers.silent, pa.string()),
            "group": pa.array(said, pa.string()),
        }
    )
    return publish_groups(stores, people, name=found.survey, as_of=as_of, now=now, kind=_KIND)
