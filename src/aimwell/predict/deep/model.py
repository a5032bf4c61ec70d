"""A fitted sequence model as plain arrays and settings: what is stored, and what a network is made from to score."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import numpy as np
import numpy.typing as npt

from aimwell.predict.deep.sequences import Reading

__all__ = ["NETWORKS", "FittedNetwork", "Network", "SequenceModel"]

Network = Literal["gru", "transformer"]
NETWORKS: Mapping[Network, str] = {"gru": "GRU network", "transformer": "transformer"}
"""The networks and their names in words."""


@dataclass(frozen=True, slots=True, eq=False)
class SequenceModel:
    """A network that was fitted.

    Args:
        network: Which one.
        reading: How acts become numbers.
        ends: Last days of the spans of its law; the last one is its horizon.
        trained_as_of: Nothing from this moment on was seen.
        weights: By name, 32-bit floats.
    """

    network: Network
    reading: Reading
    ends: tuple[int, ...]
    trained_as_of: datetime
    weights: Mapping[str, npt.NDArray[np.float32]]


@dataclass(frozen=True, slots=True, eq=False)
class FittedNetwork:
    """A network and how it was learnt.

    Args:
        model: What was learnt.
        held_out_loss: Minus the mean log-likelihood of people who were held out, at its best round.
        usual_loss: The same of a network that has learnt nothing but the usual rates.
        rounds: Times that all rows were read; the best one is `best_round`.
        stopped: Why it ended: 'no further gain', 'rounds' or 'time'. Where 'time', another run may differ.
    """

    model: SequenceModel
    held_out_loss: float
    usual_loss: float
    rounds: int
    best_round: int
    stopped: str
