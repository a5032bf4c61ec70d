"""Recommendations: neighbours and factors against `implicit`, lists of a million people against a notebook's loop, one person.

`benchmarks/recommend.py [--people 1000000] [--peer PYTHON] [--quick]`

Made-up people with tastes buy about 20 of 5,000 products each. The yardstick `implicit` (0.7.3) lives in an environment of its own
(`python -m venv …; … pip install implicit`); `--peer` or `AIMWELL_IMPLICIT_PYTHON` names its interpreter. Without it the
neighbours are compared with what a notebook does: the whole co-occurrence by SciPy, then a sort of each row. Everything on one thread.
Lists are compared with a loop over people: a sparse row times the neighbours, bought products out, `argsort`.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
from scipy.sparse import csc_array, csr_array, load_npz, save_npz
from threadpoolctl import threadpool_limits

from aimwell.predict.recommend.catalogue import Catalogue
from aimwell.predict.recommend.factors import FACTORS, Factors, fit_factors, place_people
from aimwell.predict.recommend.fitting import fit_recommenders
from aimwell.predict.recommend.interactions import Interactions
from aimwell.predict.recommend.neighbours import Weighting, find_neighbours
from aimwell.predict.recommend.rules import Rules
from aimwell.predict.recommend.serving import Purchase, ReadyRecommender

PRODUCTS, TASTES, KEEP = 5_000, 25, 20
FITTED_PEOPLE = 200_000
MOST_RATIO = 2.5  # implicit is C++ made for nothing else; ours is SciPy
MOST_FACTORS_RATIO = 4.0
LEAST_LISTS_RATIO = 3.0
MOST_MILLISECONDS = 10.0

PEER = """
import json, os, sys, time, warnings
os.environ["OPENBLAS_NUM_THREADS"] = "1"
warnings.simplefilter("ignore")
import numpy as np
from scipy.sparse import csr_matrix, load_npz, save_npz
from implicit.nearest_neighbours import BM25Recommender, CosineRecommender
from implicit.cpu.als import AlternatingLeastSquares
table, out, keep, factors, alpha, penalty, rounds = sys.argv[1], sys.argv[2], *map(float, sys.argv[3:])
people = csr_matrix(load_npz(table)).astype("f8")
told = {}
for name, model in (
    ("cosine", CosineRecommender(K=int(keep) + 1, num_threads=1)),
    ("bm25", BM25Recommender(K=int(keep) + 1, num_threads=1)),
):
    start = time.process_time()
    model.fit(people, show_progress=False)
    told[name] = time.process_time() - start
    save_npz(f"{out}/{name}.npz", csr_matrix(model.similarity))
model = AlternatingLeastSquares(
    factors=int(factors), regularization=penalty, alpha=1 + alpha, iterations=int(rounds), num_threads=1, random_state=1
)
start = time.process_time()
model.fit(people.astype("f4"), show_progress=False)
told["factors"] = time.process_time() - start
np.save(f"{out}/factors.npy", model.item_factors)
print(json.dumps(told))
"""


def main() -> int:
    """Print the figures; 1 where a result differs, or a ratio is missed."""
    parser = argparse.ArgumentParser(description="Recommendations against implicit and a loop")
    parser.add_argument("--people", type=int, default=1_000_000)
    parser.add_argument("--peer", default=os.environ.get("AIMWELL_IMPLICIT_PYTHON"))
    parser.add_argument("--quick", action="store_true")
    asked = parser.parse_args()
    people, products = (4_000, 400) if asked.quick else (asked.people, PRODUCTS)
    made = interactions(people, products)
    some = made.take(np.arange(min(people, FITTED_PEOPLE)))
    print(
        f"{people:,} people, {products:,} products, {len(made.product):,} pairs; neighbours and factors of {len(some):,} people; "
        "processor time on one thread"
    )
    with threadpool_limits(limits=1):
        weights = some.weights(most=10**9).astype(np.float64)
        if asked.peer:
            fine = against_implicit(weights, asked.peer, rounds=2 if asked.quick else 5)
        else:
            print("implicit is not compared: name its Python with --peer.")
            fine = against_scipy(weights)
        fine = all((lists(made), one_person(made), fine))
    return 0 if fine or asked.quick else 1


def against_implicit(weights: csr_array, python: str, *, rounds: int) -> bool:
    """Neighbours by cosine and BM25, and factors, in the peer's process."""
    constants = Factors(np.zeros((1, FACTORS), dtype=np.float32))
    with tempfile.TemporaryDirectory() as folder:
        save_npz(f"{folder}/table.npz", weights)
        arguments = [KEEP, FACTORS, constants.confidence, constants.penalty, rounds]
        ran = subprocess.run(
            [python, "-c", PEER, f"{folder}/table.npz", folder, *map(str, arguments)],
            capture_output=True,
            text=True,
            check=True,
        )
        told: dict[str, float] = json.loads(ran.stdout.splitlines()[-1])
        fine = True
        for weighting in ("cosine", "bm25"):
            theirs = csr_array(load_npz(f"{folder}/{weighting}.npz"))
            theirs.setdiag(0)
            fine &= neighbours(weights, weighting, told[weighting], theirs, "implicit")
        factors = Factors(np.load(f"{folder}/factors.npy"), constants.confidence, constants.penalty)
    ours, found = timed(lambda: fit_factors(weights, seed=1, rounds=rounds))
    part = weights[:2_000]
    losses = [loss(one, part) for one in (found, factors)]
    fine &= told_ratio(
        f"{FACTORS} factors, {rounds} rounds", ours, told["factors"], "implicit", MOST_FACTORS_RATIO
    )
    print(
        f"  loss of 2,000 people by the factors of products: {losses[0] / losses[1]:.4f} x implicit's"
    )
    return fine and losses[0] < losses[1] * 1.02


def against_scipy(weights: csr_array) -> bool:
    """What a notebook does: all of the co-occurrence, then each row sorted."""

    def notebook() -> csr_array:
        columns = csc_array(weights)
        length = np.sqrt(np.asarray(columns.power(2).sum(axis=0)))
        whole = (columns.T @ columns).toarray() / np.maximum(np.outer(length, length), 1e-12)
        np.fill_diagonal(whole, 0)
        least = np.sort(whole, axis=1)[:, [-KEEP]]
        return csr_array(np.where(whole >= least, whole, 0))

    theirs, found = timed(notebook)
    return neighbours(weights, "cosine", theirs, found, "a notebook")


def neighbours(
    weights: csr_array, weighting: Weighting, theirs: float, other: csr_array, whose: str
) -> bool:
    """Ours beside theirs: the likeness of each product's nearest, in order."""
    ours, found = timed(lambda: find_neighbours(weights, weighting, keep=KEEP, shrink=0.0))
    away = 0.0
    for row in range(0, found.shape[0], max(1, found.shape[0] // 500)):
        mine, near = (np.sort(one[[row]].data)[::-1][:KEEP] for one in (found, other))
        near = near[near > 0]
        size = min(len(mine), len(near))
        assert abs(len(mine) - len(near)) <= 1
        away = max(away, float(np.abs(mine[:size] / near[:size] - 1).max(initial=0)))
    assert away < 1e-4, f"{weighting} differs by {away}"
    return told_ratio(f"{KEEP} neighbours, {weighting}", ours, theirs, whose, MOST_RATIO)


def lists(made: Interactions) -> bool:
    """Ten new products for everybody by item-to-item, against a loop over 2,000 people."""
    ready = prepared(made)
    near = ready.recommender.neighbours
    before = peak()
    counted = [0]

    def all_of_them() -> None:
        for batch in ready.batches(made.people, made):
            counted[0] += batch.num_rows

    ours, _ = timed(all_of_them)
    sample = made.take(np.arange(min(2_000, len(made))))
    rows = sample.matrix(np.ones(len(sample.product)))

    def loop() -> list[list[int]]:
        found = []
        for person in range(len(sample)):
            score = (rows[[person]] @ near).toarray()[0]
            score[rows[[person]].indices] = 0
            found.append(np.argsort(-score, kind="stable")[:10].tolist())
        return found

    theirs, looped = timed(loop)
    table = pa.Table.from_batches(ready.batches(sample.people, sample)).to_pydict()
    skus = {sku: place for place, sku in enumerate(made.skus.to_pylist())}
    mine = np.array([skus[sku] for sku in table["sku"]]).reshape(-1, 10)
    same = float(np.mean([set(a) == set(b) for a, b in zip(mine.tolist(), looped, strict=True)]))
    assert same > 0.99, f"only {same:.1%} of the lists are the same"
    theirs *= len(made) / len(sample)
    print(
        f"ten products with reasons for {len(made):,} people: {ours:.1f} s, {ours / len(made) * 1e6:.0f} µs a person, a loop "
        f"(2,000 people, without reasons or rules) {theirs:.1f} s: {theirs / ours:.1f} x faster"
        f"{'' if theirs >= LEAST_LISTS_RATIO * ours else ' MISSED'}; {counted[0]:,} rows, {peak() - before:.2f} GiB more at most; "
        f"{same:.1%} the same products"
    )
    return theirs >= LEAST_LISTS_RATIO * ours


def one_person(made: Interactions) -> bool:
    """A list for one person whose purchases are at hand."""
    ready = prepared(made)
    skus = made.skus.to_pylist()
    seconds = []
    for person in range(200):
        held = made.product[made.starts[person] : made.starts[person + 1]]
        bought = [Purchase(skus[place], 1, 10.0) for place in held.tolist()]
        start = time.process_time()
        found = ready.one(bought)
        seconds.append(time.process_time() - start)
        assert found.num_rows == 10
    half, most = (float(np.quantile(seconds, share)) * 1e3 for share in (0.5, 0.99))
    missed = "" if most <= MOST_MILLISECONDS else " MISSED"
    print(
        f"one person: {half:.2f} ms (half), {most:.2f} ms (99 %), to reach {MOST_MILLISECONDS:.0f} ms{missed}"
    )
    return most <= MOST_MILLISECONDS


def prepared(made: Interactions) -> ReadyRecommender:
    """Item-to-item, fitted to some of the people."""
    some = made.take(np.arange(min(len(made), FITTED_PEOPLE)))
    catalogue = Catalogue.unknown(made.skus)
    method = "item-to-item, cosine"
    one = fit_recommenders(some, catalogue, [method], horizon_days=30)[method]  # type: ignore[list-item, index]
    return ReadyRecommender.prepare(one, catalogue, Rules())


def loss(factors: Factors, weights: csr_array) -> float:
    """Hu, Koren & Volinsky, equation 3, with each person placed at best; without the products' penalty."""
    exact = place_people(factors, weights).astype(np.float64)
    predicted = exact @ factors.products.T.astype(np.float64)
    dense = weights.toarray()
    squares = (1 + factors.confidence * dense) * ((dense > 0) - predicted) ** 2
    return float(squares.sum() + factors.penalty * (exact**2).sum())


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds of processor time, and what came of it."""
    start = time.process_time()
    found = work()
    return time.process_time() - start, found


def told_ratio(what: str, ours: float, theirs: float, whose: str, most: float) -> bool:
    """Print one comparison; whether it is reached."""
    fine = ours <= most * theirs
    print(
        f"{what}: {ours:.2f} s, {whose} {theirs:.2f} s: {ours / theirs:.2f} x, to reach {most} x{'' if fine else ' MISSED'}"
    )
    return fine


def peak() -> float:
    """The most memory so far, GiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def interactions(people: int, products: int) -> Interactions:
    """Half of what people buy is of their own taste; few products are bought by many."""
    draw = np.random.default_rng(1)
    each = 25
    places = (products * draw.random((people, each)) ** 2.5).astype(np.int64)
    own = draw.random((people, each)) < 0.5
    taste = np.arange(people)[:, None] % TASTES
    places = np.where(own, places // TASTES * TASTES + taste, places) % products
    keys = np.unique(np.arange(people)[:, None] * products + places)
    person, product = np.divmod(keys, products)
    size = len(keys)
    return Interactions(
        pa.array(np.char.add("p", np.char.zfill(np.arange(people).astype(str), 8))),
        pa.array([f"s{number:06}" for number in range(products)]),
        np.searchsorted(person, np.arange(people + 1)).astype(np.int64),
        product.astype(np.int32),
        np.ones(size, dtype=np.float32),
        np.zeros(size, dtype=np.float32),
        np.full(size, 10, dtype=np.float32),
        np.zeros(size, dtype=np.float32),
    )


if __name__ == "__main__":
    sys.exit(main())
