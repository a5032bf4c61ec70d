"""A shop ready to be simulated: its spec with what follows from it once for everybody."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aimwell.simulate.products import Catalogue, build_catalogue
from aimwell.simulate.seasons import Calendar, build_calendar, to_seconds
from aimwell.simulate.spec import ShopSpec
from aimwell.simulate.streams import CELL_PEOPLE, stream

__all__ = ["Shop", "open_shop"]


@dataclass(frozen=True)
class Shop:
    """The spec, the products and the calendar. People come in cells, numbered from 0."""

    spec: ShopSpec
    catalogue: Catalogue
    calendar: Calendar

    @property
    def cells(self) -> int:
        """Number of cells of people."""
        return -(-self.spec.people // CELL_PEOPLE)

    def cell_people(self, cell: int) -> range:
        """The numbers of the people in a cell; a person's number is their place in the shop, from 0."""
        first = cell * CELL_PEOPLE
        return range(first, min(first + CELL_PEOPLE, self.spec.people))

    def stream(self, purpose: str, *, cell: int, occurrence: int = 0) -> np.random.Generator:
        """The random stream of one purpose for the people of one cell."""
        return stream(self.spec.seed, purpose, cell=cell, occurrence=occurrence)

    @property
    def start(self) -> int:
        """First second of the history, since 1970."""
        return to_seconds(self.spec.start)

    @property
    def end(self) -> int:
        """First second after the history."""
        return to_seconds(self.spec.end)

    @property
    def last(self) -> int:
        """First second after everything that is simulated."""
        return to_seconds(self.spec.last)


def open_shop(spec: ShopSpec) -> Shop:
    """Make the products and the calendar of a shop. Cheap; people are simulated cell by cell when asked for."""
    return Shop(spec, build_catalogue(spec), build_calendar(spec))
