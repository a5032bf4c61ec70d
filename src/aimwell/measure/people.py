"""The assigned people of a plan as columns: what each was given, did before and did afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aimwell.errors import MeasureError
from aimwell.measure.model import ArmFigures, Metric
from aimwell.stats.arms import Arm
from aimwell.stats.samples import FloatArray

__all__ = ["NOTHING", "UNKNOWN", "BoolArray", "Cell", "People", "arm_figures"]

NOTHING, UNKNOWN = -1, -2

BoolArray = NDArray[np.bool_]


@dataclass(frozen=True)
class Cell:
    """What a person can be given: an action in one variant."""

    action: str
    variant: str | None


@dataclass(frozen=True, eq=False, kw_only=True)
class People:
    """One row a person, counted by the arm they were assigned, whatever reached them.

    Args:
        cell: Index into `cells`; −1 for the held-out.
        probability: With which this arm, action and variant was drawn; NaN where unknown.
        converted: Reached the campaign's goal within the window.
        orders, revenue: Within the window, net of returns within it.
        margin: What the goods earned; NaN where the cost of some of them is unknown.
        offer_cost: Cost of redemptions that revenue does not show.
        spend_before: Revenue over all history before the start; of who stood in an earlier wave, before the first of them.
        customer: Had bought before the start.
        active, still_active: A customer at the start, and at the end of what is measured; None where no one can say.
        value_before, value_after: Lifetime value at the start and at the end of the window; NaN where it has none.
        strata: People × strata but the first, 1 where somebody is in it: where arms were dealt out evenly within strata,
            comparisons are within them too.
        cluster: The group with which each was drawn, as a number; None where people were drawn one by one.
        choice: What a policy chose for each before chance, as the first cell of the action; NOTHING for nothing, UNKNOWN where it was not
            kept. None: no policy chose for anybody.
        explored: Got an action at random, so that it can be learnt from; None: nobody.
        drawn_before: Stood in an earlier wave of the campaign; None: nobody.
        reached, opened, clicked: Got a message; a person opened it; a person clicked; None where nobody asked.
    """

    cells: tuple[Cell, ...]
    cell: NDArray[np.int64]
    probability: FloatArray
    converted: BoolArray
    orders: FloatArray
    revenue: FloatArray
    margin: FloatArray
    offer_cost: FloatArray
    spend_before: FloatArray
    customer: BoolArray
    active: BoolArray | None = None
    still_active: BoolArray | None = None
    value_before: FloatArray | None = None
    value_after: FloatArray | None = None
    strata: FloatArray | None = None
    cluster: NDArray[np.int64] | None = None
    choice: NDArray[np.int64] | None = None
    explored: BoolArray | None = None
    drawn_before: BoolArray | None = None
    reached: BoolArray | None = None
    opened: BoolArray | None = None
    clicked: BoolArray | None = None

    def __post_init__(self) -> None:
        lengths = {name: len(column) for name, column in self._columns().items()}
        if len(set(lengths.values())) > 1:
            raise MeasureError(f"The columns of people differ in length: {lengths}.")

    def _columns(self) -> dict[str, NDArray[Any]]:
        found = {field.name: getattr(self, field.name) for field in fields(self)}
        return {
            name: value for name, value in found.items() if name != "cells" and value is not None
        }

    def __len__(self) -> int:
        return len(self.cell)

    @property
    def treated(self) -> BoolArray:
        """Who was to be contacted."""
        return self.cell >= 0

    @property
    def margin_unknown(self) -> int:
        """People who bought something whose margin is not known."""
        return int(np.isnan(self.margin).sum())

    def take(self, chosen: BoolArray) -> People:
        """Only the chosen people."""
        columns = {name: column[chosen] for name, column in self._columns().items()}
        return People(cells=self.cells, **columns)

    def given(self, cells: Sequence[int]) -> BoolArray:
        """Who was given one of these cells."""
        return np.isin(self.cell, np.asarray(cells, dtype=np.int64))

    def outcome(self, metric: Metric) -> FloatArray:
        """One number a person. Margin is net of what offers cost.

        Raises:
            MeasureError: Margin is asked for and that of some people is unknown.
        """
        if metric == "margin":
            if self.margin_unknown:
                raise MeasureError("The margin of some people is unknown, so it has no mean.")
            return self.margin - self.offer_cost
        if metric == "conversion":
            return self.converted.astype(np.float64)
        return self.orders if metric == "orders" else self.revenue

    @property
    def known(self) -> FloatArray:
        """What was known of each person before: spend, then strata; a row a person."""
        spend = self.spend_before[:, None]
        return spend if self.strata is None else np.column_stack([spend, self.strata])

    def arms(self, values: FloatArray, treated: BoolArray | None = None) -> tuple[Arm, Arm]:
        """Treated (or those of `treated`) and held-out, with what was known before as covariates."""
        chosen = self.treated if treated is None else treated
        held = ~self.treated
        known = self.known
        return Arm.of(values[chosen], known[chosen]), Arm.of(values[held], known[held])


def arm_figures(people: People, chosen: BoolArray) -> ArmFigures:
    """What the chosen people did, as it was observed."""
    part = people.take(chosen)
    n = len(part)
    margin = None if people.margin_unknown else float((part.margin - part.offer_cost).sum())
    converted, revenue = int(part.converted.sum()), float(part.revenue.sum())
    return ArmFigures(
        people=n,
        converted=converted,
        buyers=int((part.orders > 0).sum()),
        orders=int(part.orders.sum()),
        revenue=revenue,
        margin=margin,
        conversion_percent=100 * converted / n if n else None,
        revenue_per_person=revenue / n if n else None,
        margin_per_person=margin / n if n and margin is not None else None,
    )
