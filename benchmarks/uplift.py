"""Learners of uplift on 100,000 simulated people, against scikit-uplift and econml on the same people in the same run.

`benchmarks/uplift.py [--peer PYTHON] [--turns N] [--quick]`

The yardsticks live in an environment of their own (`python -m venv …; … pip install scikit-uplift econml`). `--peer` or
`AIMWELL_UPLIFT_PYTHON` names its interpreter. Both fit the same arrays by ridge with a penalty of 1 and predict everybody; they take
turns, the peers in a process that stays up, so that no import is timed. S (with interactions), T and the Qini must come out the same.
econml's DR learner fits one outcome model for both arms and ours one for each, so there only the order of people must agree.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from aimwell.decide.uplift.bases import RidgeBase
from aimwell.decide.uplift.learners import UpliftLearner
from aimwell.decide.uplift.problem import Problem
from aimwell.decide.uplift.scikit_uplift import qini_auc_score

PEOPLE, COLUMNS = 100_000, 20
MOST_RATIO = 1.1
MOST_DIFFERENCE = 1e-8
LEAST_CORRELATION = 0.99

# Runs in the peers' interpreter: the name of what to do in, a line of JSON out, effects in a file.
PEER = """
import json, sys, time, warnings
import numpy as np
warnings.simplefilter("ignore")
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import Ridge
from sklift.metrics import qini_auc_score
from sklift.models import SoloModel, TwoModels
from econml.dr import DRLearner
data = np.load(sys.argv[1])
x, t, y, scores, done = (data[name] for name in ("x", "t", "y", "scores", "done"))

def s():
    model = SoloModel(Ridge(alpha=1.0), method="treatment_interaction")
    return model.fit(x, y, t).predict(x)

def two():
    model = TwoModels(Ridge(alpha=1.0), Ridge(alpha=1.0), method="vanilla")
    return model.fit(x, y, t).predict(x)

def dr():
    model = DRLearner(model_propensity=DummyClassifier(), model_regression=Ridge(alpha=1.0),
                      model_final=Ridge(alpha=1.0), cv=3, random_state=1)
    model.fit(y, t, X=x)
    return model.effect(x).ravel()

def qini():
    return np.array([qini_auc_score(done, scores, t)])

work = {"S": s, "T": two, "DR": dr, "Qini": qini}
for line in sys.stdin:
    start = time.perf_counter()
    found = work[line.strip()]()
    seconds = time.perf_counter() - start
    np.save(sys.argv[2], np.asarray(found, dtype=float))
    print(json.dumps({"seconds": seconds}), flush=True)
"""


def main() -> int:
    """Print a line per piece of work; 1 where results differ or the ratio is missed."""
    parser = argparse.ArgumentParser(description="uplift against scikit-uplift and econml")
    parser.add_argument("--peer", default=os.environ.get("AIMWELL_UPLIFT_PYTHON"))
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--quick", action="store_true")
    asked = parser.parse_args()
    people, turns = (5_000, 2) if asked.quick else (PEOPLE, asked.turns)
    problem, scores, done = made(people)
    ours = works(problem, scores, done)
    fine = True
    with peers(problem, scores, done, asked.peer) as ask:
        for name, (work, whose) in ours.items():
            fine &= told(name, whose, work, ask, turns, people, binding=not asked.quick)
    if not asked.peer:
        print("No peer was measured: name an interpreter by AIMWELL_UPLIFT_PYTHON.")
    return 0 if fine else 1


def made(people: int) -> tuple[Problem, np.ndarray, np.ndarray]:
    """People of whom contact moves some up and some down; scores and yes-or-noes for the Qini."""
    rng = np.random.default_rng(1)
    x = rng.standard_normal((people, COLUMNS))
    arm = rng.integers(2, size=people)
    outcome = x[:, 0] + arm * (0.2 + 0.5 * x[:, 1]) + rng.standard_normal(people)
    problem = Problem(x, arm, np.full((people, 2), 0.5), outcome)
    return problem, x[:, 1] + rng.standard_normal(people), (outcome > 1).astype(float)


def works(
    problem: Problem, scores: np.ndarray, done: np.ndarray
) -> dict[str, tuple[Callable[[], np.ndarray], str]]:
    """Name → our work, and whose is the yardstick."""
    ridge = RidgeBase(penalty=1.0)

    def effects(kind: Any) -> Callable[[], np.ndarray]:
        def work() -> np.ndarray:
            fresh = problem.take(np.arange(len(problem)))
            return UpliftLearner(kind, ridge, ridge).fit(fresh, seed=1).effects(fresh.values)[:, 0]

        return work

    def qini() -> np.ndarray:
        return np.array([qini_auc_score(done, problem.arm, scores).value])

    return {
        "S": (effects("S"), "scikit-uplift"),
        "T": (effects("T"), "scikit-uplift"),
        "DR": (effects("DR"), "econml"),
        "Qini": (qini, "scikit-uplift"),
    }


def told(
    name: str,
    whose: str,
    work: Callable[[], np.ndarray],
    ask: Callable[[str], tuple[float, np.ndarray] | None],
    turns: int,
    people: int,
    *,
    binding: bool,
) -> bool:
    """Take turns, print; False where results differ or, if that binds, where it takes too long."""
    ours, theirs = [], []
    other = None
    for turn in range(turns + 1):
        start = time.perf_counter()
        found = work()
        seconds = time.perf_counter() - start
        answer = ask(name)
        if turn:
            ours.append(seconds)
        if answer is not None:
            other = answer[1]
            theirs += [answer[0]] if turn else []
    line = f"{name}, {people:,} people: {statistics.median(ours) * 1e3:.0f} ms"
    if other is None:
        print(line)
        return True
    ratio = statistics.median(ours) / statistics.median(theirs)
    if name == "DR":
        correlation = float(np.corrcoef(found, other)[0, 1])
        same, words = correlation >= LEAST_CORRELATION, f"effects correlate by {correlation:.4f}"
    else:
        apart = float(np.abs(found - other).max())
        same, words = apart <= MOST_DIFFERENCE, f"results differ by {apart:.1e}"
    fast = ratio <= MOST_RATIO
    print(
        f"{line}, {whose} {statistics.median(theirs) * 1e3:.0f} ms: {ratio:.2f} x its time, to reach {MOST_RATIO} x"
        f"{'' if fast else ' MISSED'}; {words}{'' if same else ' WRONG'}"
    )
    return same and (fast or not binding)


@contextmanager
def peers(
    problem: Problem, scores: np.ndarray, done: np.ndarray, peer: str | None
) -> Iterator[Callable[[str], tuple[float, np.ndarray] | None]]:
    """Ask the peers to do one thing; None where there are none."""
    if not peer:
        yield lambda _name: None
        return
    with tempfile.TemporaryDirectory() as folder:
        data, answer = Path(folder, "people.npz"), Path(folder, "found.npy")
        np.savez(data, x=problem.values, t=problem.arm, y=problem.outcome, scores=scores, done=done)
        with subprocess.Popen(
            [peer, "-c", PEER, str(data), str(answer)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:

            def ask(name: str) -> tuple[float, np.ndarray]:
                if process.stdin is None or process.stdout is None:
                    raise RuntimeError("The peer has no pipes.")
                process.stdin.write(f"{name}\n")
                process.stdin.flush()
                line = process.stdout.readline()
                if not line:
                    sys.exit("The peer ended without an answer; has it scikit-uplift and econml?")
                return json.loads(line)["seconds"], np.load(answer)

            yield ask


if __name__ == "__main__":
    raise SystemExit(main())
