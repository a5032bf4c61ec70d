"""How a million people answer in three channels: laws fitted, intervals and the best channel of each, against SciPy row by row.

`benchmarks/responses.py [--people 1000000] [--quick]`

Yardstick in the same run: SciPy's quantiles of each person's Beta law, and the best channel by a thousand draws, as one would write
it by hand; it gets 20,000 of the people, and its time is scaled. Ours takes equal people together and integrates; it must not be
slower, and find what was planted.
"""

from __future__ import annotations

import argparse
import resource
import time

import numpy as np
from scipy import stats

from aimwell.predict.beta_binomial import Shares, chances_best, fit_beta_binomial

MEANS, STRENGTH, MESSAGES, DRAWS, COMPARED = (0.12, 0.2, 0.05), 9.0, 25, 1_000, 20_000


def main() -> int:
    """Print the figures; 1 where ours is slower, or does not find the truth."""
    parser = argparse.ArgumentParser(description="How many people answer messages")
    parser.add_argument("--people", type=int, default=1_000_000)
    parser.add_argument("--quick", action="store_true")
    asked = parser.parse_args()
    people = 20_000 if asked.quick else asked.people
    truth, hits, trials = made(people)
    start = time.process_time()
    laws = [fit_beta_binomial(hits[:, one], trials[:, one]) for one in range(3)]
    means, strengths = (
        np.array([getattr(law, name) for law in laws]) for name in ("mean", "strength")
    )
    shares = Shares(strengths * means + hits, strengths * (1 - means) + trials - hits)
    lower, upper = shares.interval()
    best = chances_best(shares, trials + 1)
    ours = time.process_time() - start
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    part = min(people, COMPARED)
    theirs = scipys(shares.alpha[:part], shares.beta[:part]) * people / part
    covered = ((lower <= truth) & (truth <= upper)).mean()
    chosen = best.argmax(axis=1)
    told, right = best.max(axis=1).mean(), (truth.argmax(axis=1) == chosen).mean()
    found = 0.945 <= covered <= 0.955 and abs(told - right) < 0.01
    print(
        f"{people:,} people, three channels: {ours:.1f} s of processor time, {memory:.2f} GiB at most"
    )
    print(
        f"SciPy row by row, scaled: {theirs:.1f} s, {theirs / ours:.1f} x{'' if theirs >= ours else ' MISSED'}"
    )
    print(
        f"intervals of 95 % cover {covered:.2%}; the best channel is said to be right in {told:.1%}, and is in {right:.1%}"
        f"{'' if found else ' WRONG'}"
    )
    return 0 if found and (theirs >= ours or asked.quick) else 1


def made(people: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """True rates of people, answers, and messages."""
    rng = np.random.default_rng(1)
    means = np.array(MEANS)
    truth = rng.beta(STRENGTH * means, STRENGTH * (1 - means), (people, 3))
    trials = rng.integers(1, MESSAGES, (people, 3))
    return truth, rng.binomial(trials, truth).astype(float), trials.astype(float)


def scipys(alpha: np.ndarray, beta: np.ndarray) -> float:
    """Seconds of processor time of intervals and draws."""
    rng = np.random.default_rng(2)
    start = time.process_time()
    stats.beta.ppf(0.025, alpha, beta)
    stats.beta.ppf(0.975, alpha, beta)
    best = np.zeros(alpha.shape)
    for _ in range(DRAWS):
        best[np.arange(len(alpha)), rng.beta(alpha, beta).argmax(axis=1)] += 1
    return time.process_time() - start


if __name__ == "__main__":
    raise SystemExit(main())
