"""What sending added: the lift of each metric, profit after costs, and whether the arms are as planned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from aimwell.measure.model import Metric
from aimwell.measure.people import BoolArray, People
from aimwell.stats.always_valid import as_always_valid, one_look_confidence
from aimwell.stats.clustered_lift import clustered_lift
from aimwell.stats.estimate import DEFAULT_CONFIDENCE, Estimate
from aimwell.stats.intervals import newcombe
from aimwell.stats.lift import Lift, measure_lift
from aimwell.stats.randomisation import DEFAULT_PERMUTATIONS
from aimwell.stats.samples import FloatArray
from aimwell.stats.srm import RatioCheck, check_ratio

__all__ = [
    "MARGIN_UNKNOWN",
    "NO_CONTROL",
    "action_ratio",
    "arm_ratio",
    "conversion_difference",
    "less_cost",
    "lift_of",
    "lift_of_values",
    "lifts_of",
    "planned_shares",
    "profit",
    "share_difference",
    "shares_apart",
]

NO_CONTROL = "nobody was held out, so nothing says what would have happened without sending"
MARGIN_UNKNOWN = "the cost of some goods that were sold is unknown (no unit cost and no margin_default in the settings)"


def lift_of(
    people: People,
    metric: Metric,
    *,
    seed: int,
    permutations: int = DEFAULT_PERMUTATIONS,
    fraction: float | None = None,
) -> Lift:
    """Treated against held-out, adjusted by what each person had spent before.

    `fraction`: the share of an open window that has passed; the intervals then hold at all looks together.
    """
    return lift_of_values(
        people, people.outcome(metric), seed=seed, permutations=permutations, fraction=fraction
    )


def lift_of_values(
    people: People,
    values: FloatArray,
    *,
    chosen: BoolArray | None = None,
    seed: int,
    confidence: float = DEFAULT_CONFIDENCE,
    permutations: int = DEFAULT_PERMUTATIONS,
    fraction: float | None = None,
) -> Lift:
    """One number a person, treated (or those `chosen` of them) against held-out: by person, or by group where groups were drawn."""
    treated, control = people.arms(values, chosen)
    if people.cluster is not None:
        owners = people.cluster[people.treated if chosen is None else chosen]
        return clustered_lift(
            treated,
            control,
            (owners, people.cluster[~people.treated]),
            confidence=confidence,
            fraction=fraction,
        )
    return measure_lift(
        treated,
        control,
        seed=seed,
        confidence=confidence,
        permutations=permutations,
        fraction=fraction,
    )


def lifts_of(
    people: People,
    *,
    seed: int,
    permutations: int = DEFAULT_PERMUTATIONS,
    fraction: float | None = None,
) -> dict[Metric, Lift]:
    """The lift of every metric that is known; margin only where it is known of everybody."""
    metrics: list[Metric] = ["revenue", "orders", "conversion"]
    if not people.margin_unknown:
        metrics.insert(1, "margin")
    return {
        metric: lift_of(people, metric, seed=seed, permutations=permutations, fraction=fraction)
        for metric in metrics
    }


def profit(lifts: Mapping[Metric, Lift], *, contact_cost: float) -> Estimate:
    """Incremental margin (net of offer costs) less what the messages cost."""
    if "margin" not in lifts:
        return Estimate.missing(MARGIN_UNKNOWN, method="incremental margin less contact cost")
    return less_cost(lifts["margin"].total, contact_cost)


def less_cost(amount: Estimate, cost: float) -> Estimate:
    """The amount less a cost that is known exactly. Its p-value spoke of the amount before, so it goes."""
    if amount.estimate is None or amount.lower is None or amount.upper is None or cost == 0.0:
        return amount
    return replace(
        amount,
        estimate=amount.estimate - cost,
        lower=amount.lower - cost,
        upper=amount.upper - cost,
        p_value=None,
    )


def share_difference(
    treated: tuple[int, int], control: tuple[int, int], *, fraction: float | None = None
) -> Estimate:
    """Difference of two shares, each (people who did it, people), in percentage points; `fraction` as in `lift_of`."""
    if control[1] == 0:
        return Estimate.missing("there is nobody in the control arm", method="difference of shares")
    found = newcombe(
        treated_successes=treated[0],
        treated_n=treated[1],
        control_successes=control[0],
        control_n=control[1],
        confidence=DEFAULT_CONFIDENCE if fraction is None else one_look_confidence(fraction),
    )
    if fraction is not None:
        found = as_always_valid(found, fraction=fraction)
    return found.times(100.0)


def shares_apart(
    people: People, did: BoolArray, among: BoolArray, *, fraction: float | None = None
) -> Estimate:
    """Share of the treated who did it less that of the held-out, of those `among`, in percentage points; `fraction` as in `lift_of`."""
    held = ~people.treated
    if people.cluster is not None and (held & among).any() and (people.treated & among).any():
        part = people.take(among)
        return lift_of_values(
            part, did[among].astype(np.float64), seed=0, fraction=fraction
        ).difference.times(100.0)
    return share_difference(
        (int((did & among & people.treated).sum()), int((among & people.treated).sum())),
        (int((did & among & held).sum()), int((among & held).sum())),
        fraction=fraction,
    )


def conversion_difference(people: People, *, fraction: float | None = None) -> Estimate:
    """Conversion rate of the treated less that of the held-out, in percentage points; `fraction` as in `lift_of`."""
    held = ~people.treated
    if not held.any():
        return Estimate.missing(NO_CONTROL, method="difference of shares")
    return shares_apart(
        people, people.converted, np.ones(len(people), dtype=np.bool_), fraction=fraction
    )


def arm_ratio(people: People, *, holdout: float) -> RatioCheck | None:
    """Whether as many people are held out as were meant to be; None where nobody was meant to be."""
    if not 0.0 < holdout < 1.0:
        return None
    treated = int(people.treated.sum())
    return check_ratio(
        {"treated": treated, "held out": len(people) - treated},
        {"treated": 1.0 - holdout, "held out": holdout},
    )


def action_ratio(people: People, *, holdout: float) -> RatioCheck | None:
    """Whether each action and variant has the people that it was meant to have.

    None where there is one cell only, or where people could not all get the same actions: then the planned
    shares differ from person to person.
    """
    shares = planned_shares(people, holdout=holdout)
    if shares is None or len(shares) < 2:
        return None
    names = {index: _name(people, index) for index in shares}
    counts = {name: int((people.cell == index).sum()) for index, name in names.items()}
    planned = {name: shares[index] for index, name in names.items()}
    if holdout > 0.0:
        counts["held out"], planned["held out"] = int((~people.treated).sum()), holdout
    return check_ratio(counts, planned)


def planned_shares(people: People, *, holdout: float) -> dict[int, float] | None:
    """Cell → probability with which everybody could get it; None where it differs between people."""
    shares: dict[int, float] = {}
    for index in range(len(people.cells)):
        found = people.probability[people.cell == index]
        if not len(found) or np.isnan(found).any() or np.ptp(found) > 1e-9:
            return None
        shares[index] = float(found[0])
    if abs(sum(shares.values()) + holdout - 1.0) > 1e-9:
        return None
    return shares


def _name(people: People, index: int) -> str:
    cell = people.cells[index]
    return cell.action if cell.variant is None else f"{cell.action} / {cell.variant}"
