"""Experiments in the simulated shop, whose true effect to date is known on each day: fixed, always-valid and planned looks.

A run draws people of the shop, divides them by chance, and looks on each of 30 days. The truth is the mean effect on everybody
in the shop; so few are drawn that it matters little that nobody is drawn twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest
from scipy.special import ndtr, stdtrit

from aimwell.simulate import Action, ShopSpec, open_shop, potential_outcomes
from aimwell.stats.always_valid import FIRST_LOOK, reach
from aimwell.stats.group_sequential import bounds_at, final_interval
from aimwell.stats.intervals import welch_means
from aimwell.stats.samples import Sample

DAYS = 30
ACTIONS = {
    "strong": Action(name="twenty", discount_share=0.2),
    "weak": Action(name="reminder"),
}


@cache
def _shop(people: int, effect: str) -> tuple[np.ndarray, np.ndarray]:
    """Revenue of each person to the end of each day, if contacted and if not."""
    spec = ShopSpec(people=people, seed=11)
    shop = open_shop(spec)
    found = [
        potential_outcomes(
            shop, ACTIONS.get(effect, ACTIONS["weak"]), sent_at=spec.end, window_days=day
        )
        for day in range(1, DAYS + 1)
    ]
    contacted, alone = (
        np.column_stack([table[f"revenue_{name}"].to_numpy() for table in found])
        for name in ("with", "without")
    )
    return (contacted if effect in ACTIONS else alone), alone


@dataclass
class Looks:
    """In how many runs something was wrong."""

    runs: int = 0
    some_look: int = 0
    some_fixed_look: int = 0
    end: int = 0
    paid: int = 0
    paid_at_end: int = 0

    def share(self, count: int) -> float:
        return count / self.runs


def _run(people: int, drawn: int, effect: str, *, runs: int, treated_share: float = 0.5) -> Looks:
    contacted, alone = _shop(people, effect)
    truth = (contacted - alone).mean(axis=0)
    fractions = np.arange(1, DAYS + 1) / DAYS
    looks = fractions >= FIRST_LOOK
    tails = ndtr([-reach(fraction) for fraction in fractions])
    tally, n = Looks(), round(drawn * treated_share)
    for number in range(runs):
        who = np.random.default_rng([21, number]).permutation(people)[:drawn]
        treated, control = contacted[who[:n]], alone[who[n:]]
        first = treated.var(axis=0, ddof=1) / len(treated)
        other = control.var(axis=0, ddof=1) / len(control)
        errors = np.sqrt(first + other)
        degrees = errors**4 / (first**2 / (len(treated) - 1) + other**2 / (len(control) - 1))
        gaps = treated.mean(axis=0) - control.mean(axis=0)
        bound, fixed = -stdtrit(degrees, tails) * errors, -stdtrit(degrees, 0.025) * errors
        away = np.abs(gaps - truth)
        tally.runs += 1
        tally.some_look += bool((away > bound)[looks].any())
        tally.some_fixed_look += bool((away > fixed)[looks].any())
        tally.end += bool(away[-1] > fixed[-1])
        tally.paid += bool((gaps > bound)[looks].any())
        tally.paid_at_end += bool(gaps[-1] > fixed[-1])
    return tally


def _check(tally: Looks, effect: str) -> None:
    noise = 3.0 * np.sqrt(0.95 * 0.05 / tally.runs)
    assert tally.share(tally.end) == pytest.approx(0.05, abs=max(noise, 0.02))
    assert 1.0 - tally.share(tally.some_look) >= 0.94
    assert tally.some_fixed_look > 2 * tally.end
    if effect == "none":
        assert tally.share(tally.paid) <= 0.05
        assert tally.share(tally.paid_at_end) <= 0.05 + noise / 2


@pytest.mark.parametrize("effect", ["none", "strong"])
def test_fixed_and_always_valid_intervals_in_200_runs(effect):
    _check(_run(20_000, 2_000, effect, runs=200), effect)


@pytest.mark.long
@pytest.mark.timeout(7_200)
@pytest.mark.parametrize("effect", ["none", "weak", "strong"])
@pytest.mark.parametrize(("drawn", "share"), [(2_000, 0.5), (8_000, 0.5), (8_000, 0.8)])
def test_fixed_and_always_valid_intervals_in_2000_runs(drawn, share, effect):
    tally = _run(100_000, drawn, effect, runs=2_000, treated_share=share)
    print(
        f"\n{drawn} people, {share:.0%} treated, {effect}: at the end {1 - tally.share(tally.end):.2%}, all looks "
        f"{1 - tally.share(tally.some_look):.2%}, fixed at all looks {1 - tally.share(tally.some_fixed_look):.2%}, "
        f"'it paid' at some look {tally.share(tally.paid):.2%}, at the end {tally.share(tally.paid_at_end):.2%}"
    )
    _check(tally, effect)


def _planned(effect: str, *, drawn: int, looks: int, runs: int, people: int) -> tuple[float, float]:
    """People come in even steps, looked at after each; coverage of what is reported, and how often it was stopped."""
    contacted, alone = _shop(people, effect)
    truth = float((contacted[:, -1] - alone[:, -1]).mean())
    fractions = tuple((k + 1) / looks for k in range(looks))
    bounds = bounds_at(fractions, spending="obrien_fleming")
    held = stopped = 0
    for number in range(runs):
        who = np.random.default_rng([22, number]).permutation(people)[: 2 * drawn]
        for k, (fraction, bound) in enumerate(zip(fractions, bounds, strict=True)):
            n = round(drawn * fraction)
            means = welch_means(
                Sample.of(contacted[who[:n], -1]), Sample.of(alone[who[drawn : drawn + n], -1])
            )
            out = abs(means.deviations or 0.0) > bound
            if out or k == looks - 1:
                final = final_interval(means, fractions=fractions[: k + 1], bounds=bounds[: k + 1])
                held += bool(final.covers(truth))
                stopped += out
                break
    return held / runs, stopped / runs


@pytest.mark.parametrize(
    ("effect", "runs", "people"),
    [
        ("strong", 200, 20_000),
        *(
            pytest.param(effect, 2_000, 100_000, marks=pytest.mark.long)
            for effect in ("none", "weak", "strong")
        ),
    ],
)
def test_what_is_reported_after_planned_looks_covers_the_truth(effect, runs, people):
    held, stopped = _planned(effect, drawn=1_500, looks=3, runs=runs, people=people)
    print(f"\nplanned looks, {effect}: {held:.2%} held, {stopped:.2%} stopped by a bound")
    noise = 3.0 * np.sqrt(0.95 * 0.05 / runs)
    assert held == pytest.approx(0.95, abs=max(noise, 0.02))
    if effect == "none":
        assert stopped <= 0.05 + noise
