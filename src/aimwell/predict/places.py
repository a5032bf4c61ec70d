"""Where what came stood among people's drawn futures: do intervals hold as often as they say, and which would have?

An interval that begins at a heap at 0 holds more often than it says, so the share of people inside says little. The places
(`possible`) divide a heap by chance; where the futures are right they lie evenly between 0 and 1. Where the tails hold other
shares than they say, by more than chance, the shares of draws between which 95 of 100 people really stood make intervals that would have held.

Source: Kuleshov, Fenner & Ermon (2018), "Accurate uncertainties for deep learning using calibrated regression", ICML: levels
learnt from held-out places. Here they are learnt from one period and used in the next.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aimwell.predict.possible import Tails, even_tails
from aimwell.stats.estimate import DEFAULT_CONFIDENCE, Estimate
from aimwell.stats.intervals import wilson
from aimwell.stats.samples import FloatArray

__all__ = ["PlacesCheck", "check_places"]

_LESS = 0.8
_PEOPLE_MIN = 200
"""Of fewer, a tail of 2.5 % is told by a handful."""


@dataclass(frozen=True, slots=True)
class PlacesCheck:
    """Places of the people of a checked period.

    Args:
        people: How many.
        tenths: Share of them in each tenth of their own draws, from the lowest; 0.1 each where the draws are right.
        held, held_80: Share between the ends that intervals of 95 % and of 80 % have, a heap divided by chance.
        below, above: Share that stood under and over the ends that intervals of 95 % have, 2.5 % each where the draws are right.
        tails: Between which shares of their draws 95 of 100 people stood; None where 2.5 % lie in each tail within chance,
            or the people are too few to tell.
    """

    people: int
    tenths: tuple[float, ...]
    held: Estimate
    held_80: Estimate
    below: Estimate
    above: Estimate
    tails: Tails | None


def check_places(places: FloatArray) -> PlacesCheck | None:
    """Judge the places that are known; None where nobody has one."""
    places = places[np.isfinite(places)]
    if not len(places):
        return None
    usual = even_tails(DEFAULT_CONFIDENCE)
    below, above = (places <= usual.lower), (places >= usual.upper)
    uneven = len(places) >= _PEOPLE_MIN and not all(
        wilson(int(tail.sum()), len(places)).covers(usual.lower) for tail in (below, above)
    )
    lower, upper = np.quantile(places, [usual.lower, usual.upper])
    return PlacesCheck(
        people=len(places),
        tenths=tuple(float(one) for one in np.histogram(places, 10, (0.0, 1.0))[0] / len(places)),
        held=_held(places, DEFAULT_CONFIDENCE),
        held_80=_held(places, _LESS),
        below=wilson(int(below.sum()), len(places)),
        above=wilson(int(above.sum()), len(places)),
        tails=Tails(float(lower), float(upper)) if uneven else None,
    )


def _held(places: FloatArray, confidence: float) -> Estimate:
    tails = even_tails(confidence)
    return wilson(int(((places > tails.lower) & (places < tails.upper)).sum()), len(places))
