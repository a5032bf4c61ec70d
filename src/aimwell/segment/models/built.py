"""What a definition of the kind model came to."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from aimwell.definitions.kinds.model import Model
from aimwell.segment.advocacy.model import Advocacy
from aimwell.segment.clusters.model import Sketch
from aimwell.segment.micro.service import MicroSegments
from aimwell.segment.models.applying import AnyModel

__all__ = ["Built"]


@dataclass(frozen=True, eq=False)
class Built:
    """What was learnt, and what it says of people.

    Args:
        definition: What was asked for.
        model: None where there is nothing to find, and of advocacy, of which nothing is kept.
        reason: Why this, or why nothing; with figures.
        version: Under which it is kept; None: nothing is.
        people: Everyone whom it says something of: `profile_id` and `group`, or `score` (0 to 1).
        excluded: Columns that were left out because the target's own rule asks for them.
        sketch: Some people of clusters, to be drawn.
        figures: What was found of micro-segments and advocacy, to be shown.
    """

    definition: Model
    model: AnyModel | None
    reason: str
    version: int | None
    people: pa.Table | None
    excluded: tuple[str, ...] = ()
    sketch: Sketch | None = None
    figures: MicroSegments | Advocacy | None = None
