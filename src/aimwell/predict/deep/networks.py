"""Two small networks over acts in order, each with one output a span of days: the logarithm of the daily rate.

- A **GRU** reads act by act and keeps what matters (Cho et al. 2014, arXiv:1406.1078).
- A **transformer** lets each act look at all others (Vaswani et al. 2017, arXiv:1706.03762), with its layers normalised
  before and not after (Xiong et al. 2020, arXiv:2002.04745); acts are numbered from the last one backwards.

What either says at the last act, and the person's own figures, go through one hidden layer. The last layer begins with no weight and
the usual rates, so that a network which learns nothing says what is usual. This module imports PyTorch.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor, nn

from aimwell.predict.deep.model import Network
from aimwell.predict.deep.sequences import ACT_NUMBERS, PERSON_NUMBERS, Padded
from aimwell.stats.samples import FloatArray

__all__ = ["SequenceNetwork", "determined", "make_network", "tensors"]

_EVENT_SIZE = 8
_HIDDEN = 32
_HEADS = 2
_LAYERS = 2
_DROPOUT = 0.1
_LOG_RATE_MAX = 3.0


@contextmanager
def determined(seed: int) -> Iterator[None]:
    """Inside the block PyTorch draws by the seed, on one thread, by methods that give the same every time."""
    threads, strict = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        torch.set_num_threads(1)
        torch.use_deterministic_algorithms(True)
        try:
            yield
        finally:
            torch.set_num_threads(threads)
            torch.use_deterministic_algorithms(strict)


class SequenceNetwork(nn.Module):
    """Acts and a person's figures in, logarithms of daily rates (people, spans) out."""

    def __init__(self, reader: nn.Module, events: int, spans: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(events + 2, _EVENT_SIZE, padding_idx=0)
        self.reader = reader
        self.hidden = nn.Linear(_HIDDEN + PERSON_NUMBERS, _HIDDEN)
        self.drop = nn.Dropout(_DROPOUT)
        self.out = nn.Linear(_HIDDEN, spans)

    def begin_at(self, rates: FloatArray) -> None:
        """Say the usual rates of everybody, before anything is learnt."""
        with torch.no_grad():
            self.out.weight.zero_()
            self.out.bias.copy_(torch.from_numpy(np.log(rates).astype(np.float32)))

    def forward(self, event: Tensor, numbers: Tensor, person: Tensor, length: Tensor) -> Tensor:
        """See the class; `length` is how many acts of each row are none of padding."""
        acts = torch.cat([self.embedding(event), numbers], dim=2)
        said = self.reader(acts, length)
        hidden = torch.relu(self.hidden(torch.cat([said, person], dim=1)))
        return self.out(self.drop(hidden)).clamp(max=_LOG_RATE_MAX)


class _Gru(nn.Module):
    """What it holds after the last act; padding behind is read and not used."""

    def __init__(self) -> None:
        super().__init__()
        self.gru = nn.GRU(_EVENT_SIZE + ACT_NUMBERS, _HIDDEN, batch_first=True)

    def forward(self, acts: Tensor, length: Tensor) -> Tensor:
        states, _ = self.gru(acts)
        return _at_last(states, length)


class _Transformer(nn.Module):
    def __init__(self, most: int) -> None:
        super().__init__()
        self.widen = nn.Linear(_EVENT_SIZE + ACT_NUMBERS, _HIDDEN)
        self.place = nn.Embedding(most, _HIDDEN)
        # Small, or at first places drown what was done there.
        nn.init.normal_(self.place.weight, std=0.02)
        self.blocks = nn.ModuleList([_Block() for _ in range(_LAYERS)])
        self.norm = nn.LayerNorm(_HIDDEN)

    def forward(self, acts: Tensor, length: Tensor) -> Tensor:
        column = torch.arange(acts.shape[1])
        back = (length[:, None] - 1 - column).clamp(min=0)
        there = (column < length[:, None])[:, None, None, :]
        states = self.widen(acts) + self.place(back)
        for block in self.blocks:
            states = block(states, there)
        return self.norm(_at_last(states, length))


class _Block(nn.Module):
    """Attention over acts, then a layer at each of them, each added to what was there."""

    def __init__(self) -> None:
        super().__init__()
        self.before_attention = nn.LayerNorm(_HIDDEN)
        self.asked = nn.Linear(_HIDDEN, 3 * _HIDDEN)
        self.told = nn.Linear(_HIDDEN, _HIDDEN)
        self.before_layer = nn.LayerNorm(_HIDDEN)
        self.layer = nn.Sequential(
            nn.Linear(_HIDDEN, 2 * _HIDDEN), nn.ReLU(), nn.Linear(2 * _HIDDEN, _HIDDEN)
        )
        self.drop = nn.Dropout(_DROPOUT)

    def forward(self, states: Tensor, there: Tensor) -> Tensor:
        people, length, _ = states.shape
        parts = self.asked(self.before_attention(states))
        query, key, value = (
            part.reshape(people, length, _HEADS, -1).transpose(1, 2)
            for part in parts.chunk(3, dim=2)
        )
        weight = query @ key.transpose(2, 3) / (_HIDDEN / _HEADS) ** 0.5
        weight = weight.masked_fill(~there, float("-inf")).softmax(dim=3)
        seen = (weight @ value).transpose(1, 2).reshape(people, length, _HIDDEN)
        states = states + self.drop(self.told(seen))
        return states + self.drop(self.layer(self.before_layer(states)))


def make_network(network: Network, *, events: int, most: int, spans: int) -> SequenceNetwork:
    """A network with weights drawn by the seed that is set.

    Args:
        network: Which one.
        events: Events that are told apart.
        most: Acts of a person at most.
        spans: Spans of days ahead.
    """
    reader = _Gru() if network == "gru" else _Transformer(most)
    return SequenceNetwork(reader, events, spans)


def tensors(block: Padded) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """A block as the network takes it."""
    return (
        torch.from_numpy(block.event),
        torch.from_numpy(block.numbers),
        torch.from_numpy(block.person),
        torch.from_numpy(block.length),
    )


def _at_last(states: Tensor, length: Tensor) -> Tensor:
    """The state at the last act of each row."""
    return states[torch.arange(len(length)), length - 1]
