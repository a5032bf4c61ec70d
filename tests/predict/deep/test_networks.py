"""Networks: padding and neighbours change nothing, the seed says all, and they learn what depends on the order."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from aimwell.errors import ModelFileError
from aimwell.predict.deep.day_law import Watched
from aimwell.predict.deep.fitting import day_law, fit_network
from aimwell.predict.deep.model import NETWORKS, FittedNetwork, Network, SequenceModel
from aimwell.predict.deep.networks import determined, make_network, tensors
from aimwell.predict.deep.sequences import ACT_NUMBERS, PERSON_NUMBERS, Reading, Sequences

HOW = Reading(
    names=("Order Completed", "Product Viewed"), most=12, revenue_scale=1.0, seasonal=False
)
ENDS = (1, 2, 3, 4, 5, 6, 7)
MOMENT = datetime(2026, 5, 1, tzinfo=UTC)
KINDS = list(NETWORKS)


def people(lengths: list[int], seed: int = 0) -> Sequences:
    rng = np.random.default_rng(seed)
    total = sum(lengths)
    return Sequences(
        rng.integers(1, 4, total),
        rng.normal(0, 1, (total, ACT_NUMBERS)).astype(np.float32),
        np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        rng.normal(0, 1, (len(lengths), PERSON_NUMBERS)).astype(np.float32),
    )


def said(
    network: Network, rows: Sequences, order: list[int], length: int | None = None
) -> np.ndarray:
    with determined(4), torch.no_grad():
        net = make_network(network, events=2, most=12, spans=7).eval()
        return np.asarray(net(*tensors(rows.padded(np.array(order), length))).numpy())


@pytest.mark.parametrize("network", KINDS)
@settings(max_examples=15, deadline=None)
@given(lengths=st.lists(st.integers(1, 12), min_size=2, max_size=6), data=st.data())
def test_padding_and_neighbours_change_nothing(
    network: Network, lengths: list[int], data: st.DataObject
) -> None:
    rows = people(lengths)
    order = data.draw(st.permutations(range(len(lengths))))
    usual = said(network, rows, list(range(len(lengths))))
    assert said(network, rows, order, 12) == pytest.approx(usual[order], abs=1e-5)
    for row in range(len(lengths)):
        assert said(network, rows, [row])[0] == pytest.approx(usual[row], abs=1e-5)


@pytest.mark.parametrize("network", KINDS)
def test_the_order_of_acts_counts(network: Network) -> None:
    rows = people([6])
    turned = Sequences(rows.event[::-1].copy(), rows.numbers[::-1].copy(), rows.start, rows.person)
    assert np.abs(said(network, rows, [0]) - said(network, turned, [0])).max() > 1e-4


def ordered(count: int, seed: int = 1) -> tuple[Sequences, Watched]:
    """Whoever viewed last buys on the second day, whoever bought last stays away; how often they did either says nothing."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(2, 9, count)
    rows = people(lengths.tolist(), seed)
    event = rng.integers(2, 4, len(rows.event))
    rows = Sequences(event, np.zeros_like(rows.numbers), rows.start, np.zeros_like(rows.person))
    viewed = event[rows.start[1:] - 1] == 3
    came = np.where(viewed & (rng.random(count) < 0.9), 2.0, np.inf)
    return rows, Watched.of(came, 7)


def fitted(network: Network, seed: int = 3, rounds: int = 12, seconds: float = 60) -> FittedNetwork:
    rows, watched = ordered(1_500)
    return fit_network(
        network,
        rows,
        watched,
        np.arange(1_500) % 5 == 0,
        reading=HOW,
        ends=ENDS,
        trained_as_of=MOMENT,
        seed=seed,
        rounds_max=rounds,
        seconds_max=seconds,
    )


@pytest.mark.parametrize("network", KINDS)
def test_it_learns_what_depends_on_the_order(network: Network) -> None:
    found = fitted(network)
    assert found.held_out_loss < found.usual_loss - 0.2
    rows, watched = ordered(400, seed=9)
    law = day_law(found.model, rows, np.zeros(400))
    viewed = rows.event[rows.start[1:] - 1] == 3
    assert law.within(1).max() < 0.1
    assert law.within(2)[viewed].mean() == pytest.approx(0.9, abs=0.05)
    assert law.within(7)[~viewed].mean() < 0.05
    assert watched.bought[viewed].mean() > 0.8


def test_the_same_seed_gives_the_same_weights_and_another_others() -> None:
    before = torch.get_rng_state()
    one, again, other = fitted("gru", 3, 2), fitted("gru", 3, 2), fitted("gru", 4, 2)
    for name, weights in one.model.weights.items():
        assert weights.tobytes() == again.model.weights[name].tobytes()
    assert any(
        weights.tobytes() != other.model.weights[name].tobytes()
        for name, weights in one.model.weights.items()
    )
    # Whoever uses PyTorch beside us keeps their own draws and threads.
    assert torch.equal(torch.get_rng_state(), before)
    assert not torch.are_deterministic_algorithms_enabled()


def test_a_network_that_learns_nothing_says_what_is_usual() -> None:
    found = fitted("transformer", rounds=0)
    assert (found.rounds, found.best_round, found.stopped) == (0, 0, "rounds")
    assert found.held_out_loss == found.usual_loss
    rows, watched = ordered(1_500)
    told = day_law(found.model, rows, np.zeros(1_500)).within(7)
    assert told == pytest.approx(np.full(1_500, watched.bought.mean()), abs=0.03)


def test_the_time_limit_is_told() -> None:
    assert fitted("gru", seconds=0.0).stopped == "time"


def test_weights_that_do_not_fit_are_refused() -> None:
    model = fitted("gru", rounds=0).model
    wrong = SequenceModel("transformer", HOW, ENDS, MOMENT, model.weights)
    with pytest.raises(ModelFileError, match="do not fit its network"):
        day_law(wrong, people([2]), np.zeros(1))
