"""What the waves of a campaign say together, in words."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from aimwell.measure.formatting import money, money_interval, percent, ratio
from aimwell.measure.model import Metric
from aimwell.measure.series_model import SeriesRow
from aimwell.measure.shown import p_words
from aimwell.stats.estimate import Estimate

__all__ = ["series_notes", "series_sentence"]

_WHAT = {"margin": "margin after offer costs", "revenue": "revenue"}


def series_sentence(every: SeriesRow, total: Estimate, metric: Metric, currency: str) -> str:
    """Two or three sentences: on a person, on a next wave, in all."""
    mean, ahead = every.pooled.mean, every.pooled.next
    assert mean.estimate is not None  # noqa: S101 - two waves are there
    assert total.estimate is not None  # noqa: S101 - as above
    verb = "added" if mean.estimate >= 0 else "cost"
    unsure = "" if mean.excludes_zero else ", so whether waves like these add anything is not sure"
    found = [
        f"Over {len(every.waves)} waves sending {verb} {money(abs(mean.estimate), currency, 2)} of {_WHAT[metric]} a person "
        f"({money_interval(mean, currency)}){unsure}."
    ]
    if ahead.defined:
        found.append(f"A next wave may add {money_interval(ahead, currency)} a person.")
    else:
        found.append("Of two waves nothing says how far a next one may lie from them.")
    gain = "earned" if metric == "margin" else "brought"
    loss = "lost" if metric == "margin" else "cost"
    what = "in profit" if metric == "margin" else "in revenue"
    found.append(
        f"Together these waves {gain if total.estimate >= 0 else loss} {money(abs(total.estimate), currency)} {what} "
        f"({money_interval(total, currency)})."
    )
    return " ".join(found)


def series_notes(
    every: SeriesRow, actions: Sequence[str], metric: Metric, left_out: Sequence[str]
) -> tuple[str, ...]:
    """How the waves were put together, and which are missing."""
    same, pairs = every.pooled.homogeneity, list(combinations(range(len(every.waves)), 2))
    shared = sum(every.correlations[one][other] for one, other in pairs) / len(pairs)
    found = [
        f"The mean is that of {every.pooled.mean.method}. People held out stay held out, so their luck is in every wave: errors of two "
        f"waves go together by {ratio(shared)} on average, which the ranges count in."
    ]
    found.append(
        "Past spend is that before a person's first wave: what they bought since is an effect of it. Whom the audience of a later wave "
        "takes in may be an effect of earlier ones too; where it is chosen by what people did, compare the first wave by itself."
    )
    if same.i_squared is not None and same.p_value is not None:
        found.append(
            f"Of the spread between waves {percent(100 * same.i_squared, 0)} is not chance (I²; of all being alike the p-value is "
            f"{p_words(same.p_value)})."
        )
    if len(actions) > 1:
        found.append(
            "Actions are dealt out anew in each wave; each is compared with the held-out of its own waves, weighed by the probabilities of "
            f"the wave where they differ. Ranges of the {len(actions)} actions are wide enough to hold together."
        )
    if metric == "revenue":
        found.append("The margin of some goods is unknown, so it is revenue that is told.")
    found += [f"Not among the waves: {one}." for one in left_out]
    return tuple(found)
