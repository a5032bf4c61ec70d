"""How far each contacted person of a plan came, and in which places they are: pure columns, counted on any part."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from aimwell.measure.diagnosis.model import Step
from aimwell.measure.people import BoolArray

__all__ = ["Journeys", "Reached", "journeys"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Reached:
    """What befell each contacted person of a plan, as it was recorded.

    Attributes:
        sent, bounced, engaged, clicked: Of their message; engaged: a person opened or clicked.
        carted: Put something into the cart in the window; None where no cart of anybody is recorded.
        converted: Reached the goal in the window.
        sends_known: Whether all messages are through; while some wait, nobody can be missing.
        opens_known: Whether opens are recorded for the channel of the person.
        clicks_known: Likewise clicks.
    """

    sent: BoolArray
    bounced: BoolArray
    engaged: BoolArray
    clicked: BoolArray
    carted: BoolArray | None
    converted: BoolArray
    sends_known: bool
    opens_known: BoolArray
    clicks_known: BoolArray


@dataclass(frozen=True, eq=False)
class Journeys:
    """One row a contacted person.

    Attributes:
        base: Step → who took the step before, and of whom it is known whether they took this one.
        done: Step → who of these took it.
        places: Kind and name → who is in it.
    """

    base: Mapping[Step, BoolArray]
    done: Mapping[Step, BoolArray]
    places: Mapping[str, BoolArray]

    def __len__(self) -> int:
        return len(next(iter(self.base.values()))) if self.base else 0

    def count(self, step: Step, part: BoolArray) -> tuple[int, int]:
        """How many of a part took a step, of how many; (0, 0) where the step is not recorded."""
        if step not in self.base:
            return 0, 0
        of = self.base[step] & part
        return int((self.done[step] & of).sum()), int(of.sum())

    def place(self, name: str) -> BoolArray:
        """Who is in a place; nobody where the plan has no such place."""
        found = self.places.get(name)
        return np.zeros(len(self), dtype=np.bool_) if found is None else found


def journeys(reached: Reached, places: Mapping[str, BoolArray]) -> Journeys:
    """Each step of those who took the one before it.

    Where a channel records no opens, its people pass from delivered to clicked. Who reached the goal without a recorded cart must have had one.
    """
    base: dict[Step, BoolArray] = {}
    done: dict[Step, BoolArray] = {}
    everybody = np.ones(len(reached.sent), dtype=np.bool_)
    if reached.sends_known:
        base["sent"], done["sent"] = everybody, reached.sent
    base["delivered"], done["delivered"] = reached.sent, reached.sent & ~reached.bounced
    delivered = done["delivered"]
    if reached.opens_known.any():
        base["opened"] = delivered & reached.opens_known
        done["opened"] = delivered & reached.engaged
    opened = delivered & (reached.engaged | ~reached.opens_known)
    if not reached.clicks_known.any():
        return Journeys(base, done, places)
    base["clicked"], done["clicked"] = opened & reached.clicks_known, opened & reached.clicked
    clicked = base["clicked"] & done["clicked"]
    after = clicked
    if reached.carted is not None:
        after = clicked & (reached.carted | reached.converted)
        base["cart"], done["cart"] = clicked, after
    base["ordered"], done["ordered"] = after, after & reached.converted
    return Journeys(base, done, places)
