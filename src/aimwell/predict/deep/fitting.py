"""Fitting a network to what came after several moments, and scoring with it. This module imports PyTorch.

The loss is the mean of minus the log-likelihood of `day_law`, censored rows with theirs. Every fifth person is held out of learning: the
weights are those of the round at which these were foretold best, and learning ends a few rounds after.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from aimwell.errors import ModelFileError
from aimwell.predict.deep.day_law import DayLaw, Watched, usual_rates
from aimwell.predict.deep.model import FittedNetwork, Network, SequenceModel
from aimwell.predict.deep.networks import SequenceNetwork, determined, make_network, tensors
from aimwell.predict.deep.sequences import Places, Reading, Sequences
from aimwell.stats.samples import FloatArray

__all__ = ["day_law", "fit_network"]

_BATCH_MAX, _BATCH_MIN = 256, 32
_BATCHES = 40
_SCORED = 4_096
_STEP = {"gru": 3e-3, "transformer": 1e-3}
_DECAY, _NORM = 1e-3, 1.0
_PATIENCE = 4


def fit_network(
    network: Network,
    rows: Sequences,
    watched: Watched,
    held_out: npt.NDArray[np.bool_],
    *,
    reading: Reading,
    ends: tuple[int, ...],
    trained_as_of: datetime,
    seed: int,
    rounds_max: int,
    seconds_max: float,
) -> FittedNetwork:
    """Learn the weights.

    Args:
        network: Which one.
        rows: People at moments.
        watched: What came of each.
        held_out: Rows of people who do not teach.
        reading, ends, trained_as_of: Of the model.
        seed: The same rows and seed give the same weights.
        rounds_max, seconds_max: Bounds of learning; seconds of processor time, which other work on the machine does not use up.
    """
    with determined(seed):
        net = make_network(network, events=len(reading.names), most=reading.most, spans=len(ends))
        net.begin_at(usual_rates(_part(watched, ~held_out), ends))
        exposed, span = watched.spread(ends)
        truth = _Truth(exposed.astype(np.float32), span, watched.bought)
        teach, judge = np.flatnonzero(~held_out), np.flatnonzero(held_out)
        steps = torch.optim.AdamW(net.parameters(), lr=_STEP[network], weight_decay=_DECAY)
        usual = best = _mean_loss(net, rows, truth, judge)
        weights, best_round, done, stopped = deepcopy(net.state_dict()), 0, 0, "rounds"
        draw, start = np.random.default_rng(seed), time.process_time()
        for done in range(1, rounds_max + 1):
            net.train()
            for batch in _batches(rows.lengths, teach, draw):
                steps.zero_grad()
                loss = _losses(net, rows, truth, batch).mean()
                loss.backward()
                torch.nn.utils.clip_grad_norm_(net.parameters(), _NORM)
                steps.step()
            found = _mean_loss(net, rows, truth, judge)
            if found < best:
                best, best_round, weights = found, done, deepcopy(net.state_dict())
            if done - best_round >= _PATIENCE:
                stopped = "no further gain"
                break
            if time.process_time() - start > seconds_max:
                stopped = "time"
                break
    arrays = {name: np.ascontiguousarray(value.numpy()) for name, value in weights.items()}
    model = SequenceModel(network, reading, ends, trained_as_of, arrays)
    return FittedNetwork(model, best, usual, done, best_round, stopped)


def day_law(model: SequenceModel, rows: Sequences, waited: FloatArray) -> DayLaw:
    """What a model says of people; of each the same, to rounding, whoever stands beside them.

    Raises:
        ModelFileError: The weights do not fit the network.
    """
    rates = np.empty((len(rows), len(model.ends)))
    order = np.argsort(rows.lengths, kind="stable")
    with determined(0), torch.no_grad():
        net = _network_of(model)
        for start in range(0, len(order), _SCORED):
            batch = order[start : start + _SCORED]
            said = net(*tensors(rows.padded(batch)))
            rates[batch] = np.exp(said.numpy().astype(np.float64))
    return DayLaw(waited, rates, model.ends)


def _network_of(model: SequenceModel) -> SequenceNetwork:
    net = make_network(
        model.network,
        events=len(model.reading.names),
        most=model.reading.most,
        spans=len(model.ends),
    )
    try:
        net.load_state_dict({name: torch.from_numpy(v.copy()) for name, v in model.weights.items()})
    except RuntimeError as error:
        raise ModelFileError(
            "The weights of the model do not fit its network. Train it anew."
        ) from error
    net.eval()
    return net


@dataclass(frozen=True, slots=True, eq=False)
class _Truth:
    """What came, span by span; see `Watched.spread`."""

    exposed: npt.NDArray[np.float32]
    span: Places
    bought: npt.NDArray[np.bool_]


def _losses(net: SequenceNetwork, rows: Sequences, truth: _Truth, batch: Places) -> Tensor:
    """Minus the log-likelihood of each row."""
    log_rates = net(*tensors(rows.padded(batch)))
    quiet = (log_rates.exp() * torch.from_numpy(truth.exposed[batch])).sum(dim=1)
    bought = torch.from_numpy(truth.bought[batch])
    last = log_rates.gather(1, torch.from_numpy(truth.span[batch])[:, None])[:, 0]
    came = torch.log(-torch.expm1(-last.exp()).clamp(max=-1e-12))
    return quiet - torch.where(bought, came, torch.zeros_like(came))


def _mean_loss(net: SequenceNetwork, rows: Sequences, truth: _Truth, chosen: Places) -> float:
    net.eval()
    order = chosen[np.argsort(rows.lengths[chosen], kind="stable")]
    with torch.no_grad():
        parts = [
            float(_losses(net, rows, truth, order[start : start + _SCORED]).double().sum())
            for start in range(0, len(order), _SCORED)
        ]
    return sum(parts) / len(order)


def _batches(lengths: Places, chosen: Places, draw: np.random.Generator) -> Iterator[Places]:
    """All of these rows, those of like length together, in an order drawn by chance."""
    mixed = draw.permutation(chosen)
    order = mixed[np.argsort(lengths[mixed], kind="stable")]
    # Of few rows small ones, so that a round takes some steps.
    size = min(_BATCH_MAX, max(_BATCH_MIN, len(order) // _BATCHES))
    for start in draw.permutation(np.arange(0, len(order), size)):
        yield order[start : start + size]


def _part(watched: Watched, rows: npt.NDArray[Any]) -> Watched:
    return Watched(watched.days[rows], watched.bought[rows])
