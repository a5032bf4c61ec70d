"""What everybody, or a segment, will spend together: the sum of a spend model's scores with two ranges.

The narrow one holds in 95 of 100 cases as long as later people are as those were that it learnt from (`spend_ranges`). It knows nothing
of seasons, so the wide one stands beside it: the same moved outwards by the factor by which the sum missed on the people on whom the
model was judged. That rests on one period in the past, so no share of cases goes with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from math import exp, log
from typing import Any

import pyarrow.compute as pc

from aimwell.errors import PredictError
from aimwell.predict.card_spend import whole_way
from aimwell.predict.kind_words import kind_words
from aimwell.predict.registry import RegisteredModel, find_model, load_part
from aimwell.predict.scoring import stored_scores
from aimwell.predict.spend import SpendModel
from aimwell.predict.spending import score_spend
from aimwell.segment import service as segments
from aimwell.stats.estimate import Estimate
from aimwell.store.stores import Stores

__all__ = ["SpendSum", "spend_sum"]


@dataclass(frozen=True, slots=True)
class SpendSum:
    """What people will spend together.

    Args:
        model: The version.
        segment: Whose sum it is; None: everybody's.
        people: How many.
        as_of: The moment from which the horizon counts.
        total: The sum with the narrow range.
        lower, upper: The wide range; None where nothing was foretold or came on the check.
    """

    model: str
    segment: str | None
    people: int
    as_of: datetime
    total: Estimate
    lower: float | None
    upper: float | None

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self)


def spend_sum(
    stores: Stores,
    model: RegisteredModel | str,
    *,
    as_of: datetime,
    segment: str | None = None,
    now: datetime,
) -> SpendSum:
    """Add up what a version expects of everybody, or of a segment, as of a moment; scores them first where nobody did.

    Raises:
        PredictError: There is no such model, it is none of spend, or it has seen later data than `as_of` leaves.
        UnknownDefinitionError: There is no such segment.
        ModelFileError: Its files are missing or were changed.
    """
    entry = find_model(stores, model) if isinstance(model, str) else model
    if entry.kind != "spend":
        raise PredictError(
            f"'{entry.name}' is {kind_words(entry.kind)}; sums are those of spend. Make one with: aimwell predict "
            "spend"
        )
    fitted = load_part(stores, entry, "spend", SpendModel)
    scores = stored_scores(stores, entry, as_of)
    if scores is None:
        score_spend(stores, entry, as_of=as_of, now=now)
        scores = stored_scores(stores, entry, as_of)
    assert scores is not None  # noqa: S101 - they were written above
    if segment is not None:
        members = segments.members(stores, segment, as_of=as_of).column("profile_id")
        scores = scores.filter(pc.is_in(scores.column("profile_id"), members))
    total = fitted.total(scores.column("score").to_numpy())
    lower, upper = _wide(total, whole_way(entry.metrics)["check"])
    return SpendSum(
        entry.label, segment, scores.num_rows, as_of.astimezone(UTC), total, lower, upper
    )


def _wide(total: Estimate, check: Mapping[str, Any]) -> tuple[float | None, float | None]:
    foretold, came = check["total_predicted"], check["total_actual"]
    if total.lower is None or total.upper is None or min(foretold, came) <= 0:
        return None, None
    factor = exp(abs(log(came / foretold)))
    return total.lower / factor, total.upper * factor
