"""Matrix factorisation on real shops: ours beside `implicit`, the same lists judged on what people bought later.

`benchmarks/recommend_real.py [--peer PYTHON] [--quick]`

Online Retail at three moments and a grocer at one. All fit the same matrix of people and products that was known a horizon before
the moment; people are placed, lists made and judged by the same code, so what differs are the products' factors. `implicit` (0.7.3, in
an environment of its own, named by `--peer` or `AIMWELL_IMPLICIT_PYTHON`) is tried with our settings and as it comes. Popularity and
item-to-item stand beside them. Time: processor time of the fit alone, one thread.

A figure is wrong, and the exit code 1, where ours is worse than `implicit`'s by more than chance: NDCG of ten, person by person.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from scipy.sparse import csr_array, save_npz
from threadpoolctl import threadpool_limits

from aimwell.history.moment import open_moment
from aimwell.predict.recommend.factors import FACTORS, Factors, fit_factors
from aimwell.predict.recommend.fitting import fit_recommenders
from aimwell.predict.recommend.judging import hold_contest, split_truth
from aimwell.predict.recommend.measures import mean_estimate
from aimwell.predict.recommend.reading import read_catalogue, read_interactions, read_truth
from aimwell.stats.estimate import Estimate
from aimwell.store.stores import Stores
from predict_real import DATA, SETS, taken_in

MOMENTS = (
    ("online-retail", datetime(2011, 9, 1, tzinfo=UTC), 30),
    ("online-retail", datetime(2011, 12, 1, tzinfo=UTC), 30),
    ("online-retail", datetime(2011, 12, 1, tzinfo=UTC), 60),
    ("complete-journey", datetime(2017, 12, 31, tzinfo=UTC), 60),
)
ROUNDS = 12
OURS, SAME, AS_IT_COMES = "ours", "implicit, our settings", "implicit, as it comes"
SIMPLE = ("popularity", "recent popularity", "item-to-item, cosine", "item-to-item, jaccard")

PEER = """
import json, os, sys, time, warnings
os.environ["OPENBLAS_NUM_THREADS"] = "1"
warnings.simplefilter("ignore")
import numpy as np
from scipy.sparse import csr_matrix, load_npz
from implicit.cpu.als import AlternatingLeastSquares
people, told = csr_matrix(load_npz(sys.argv[1])).astype("f4"), []
for place, settings in enumerate(json.loads(sys.argv[3])):
    model = AlternatingLeastSquares(num_threads=1, random_state=1, **settings)
    start = time.process_time()
    model.fit(people, show_progress=False)
    told.append(time.process_time() - start)
    np.save(f"{sys.argv[2]}/{place}.npy", model.item_factors)
print(json.dumps(told))
"""


def main() -> int:
    """Print a table per moment; 1 where ours is worse than the peer by more than chance."""
    parser = argparse.ArgumentParser(description="Matrix factorisation on real shops")
    parser.add_argument("--peer", default=os.environ.get("AIMWELL_IMPLICIT_PYTHON"))
    parser.add_argument("--quick", action="store_true", help="one moment")
    asked = parser.parse_args()
    if not asked.peer:
        print("implicit is not compared: name its Python with --peer.")
    fine, shops = True, {}
    with tempfile.TemporaryDirectory() as folder:
        for name, as_of, horizon in MOMENTS[:1] if asked.quick else MOMENTS:
            one = SETS[name]
            if not (DATA / one.folder).is_dir():
                print(f"The data set {one.folder} is absent; set AIMWELL_DATA to measure it.")
                continue
            if name not in shops:
                shops[name] = taken_in(one, Path(folder) / name)
            print(f"{name}, {as_of:%Y-%m-%d}, {horizon} days")
            fine &= judged(shops[name], as_of, horizon, asked.peer)
        for stores in shops.values():
            stores.close()
    return 0 if fine else 1


def judged(stores: Stores, as_of: datetime, horizon: int, peer: str | None) -> bool:
    """Fit and judge all; whether ours is not worse than the peer by more than chance."""
    ahead = timedelta(days=horizon)
    with open_moment(stores, as_of=as_of - ahead, horizon=ahead) as moment:
        before = read_interactions(moment)
        truth = read_truth(moment, before)
        catalogue = read_catalogue(moment, before.skus)
    weights = before.weights(most=500)
    with threadpool_limits(limits=1):
        start = time.process_time()
        factors = {OURS: fit_factors(weights, rounds=ROUNDS)}
        seconds = {OURS: time.process_time() - start}
        if peer:
            found, took = of_implicit(weights, peer)
            factors |= found
            seconds |= took
        fitted = fit_recommenders(before, catalogue, SIMPLE, horizon_days=horizon)
        base = replace(fitted["popularity"], method="matrix factorisation")
        all_of_them = {str(name): one for name, one in fitted.items()} | {
            name: replace(base, factors=one) for name, one in factors.items()
        }
        contest = hold_contest(
            all_of_them,
            "new",
            before,
            split_truth(truth, before)["new"],
            k=10,
            buyers=int((np.diff(truth.indptr) > 0).sum()),
        )
    quality = {one.method: one.quality for one in contest.judged}
    print(
        f"  {len(before):,} people and {len(before.skus):,} products known, {contest.people:,} judged"
    )
    for name, one in quality.items():
        took = f"{seconds[name]:7.2f} s" if name in seconds else ""
        print(
            f"  {name:<24} NDCG {told(one.estimate('ndcg'))}  recall {told(one.estimate('recall'))}  {took}"
        )
    fine = True
    for rival in (SAME, AS_IT_COMES):
        if rival in quality:
            gap = mean_estimate(quality[OURS].each["ndcg"] - quality[rival].each["ndcg"])
            worse = (gap.upper or 0.0) < 0
            print(f"  ours less {rival}: {told(gap)}{' WORSE' if worse else ''}")
            fine &= not worse
    return fine


def of_implicit(weights: csr_array, peer: str) -> tuple[dict[str, Factors], dict[str, float]]:
    """The peer's factors by our settings and by its own, and what their fits took."""
    usual = Factors(np.zeros((1, FACTORS), dtype=np.float32))
    settings = {
        SAME: {
            "factors": FACTORS,
            "regularization": usual.penalty,
            "alpha": 1 + usual.confidence,
            "iterations": ROUNDS,
        },
        AS_IT_COMES: {"factors": 100, "regularization": 0.01, "alpha": 1.0, "iterations": 15},
    }
    with tempfile.TemporaryDirectory() as folder:
        save_npz(f"{folder}/table.npz", weights)
        ran = subprocess.run(
            [
                peer,
                "-c",
                PEER,
                f"{folder}/table.npz",
                folder,
                json.dumps(list(settings.values())),
            ],
            capture_output=True,
            text=True,
            check=True,
        )
        # Their confidence of a purchase is alpha where ours is one more than the constant.
        found = {
            name: Factors(np.load(f"{folder}/{place}.npy"), one["alpha"] - 1, one["regularization"])
            for place, (name, one) in enumerate(settings.items())
        }
    return found, dict(zip(settings, json.loads(ran.stdout.splitlines()[-1]), strict=True))


def told(row: Estimate) -> str:
    """An estimate with the reach of its interval of 95 %."""
    return f"{row.estimate:.4f}±{(row.upper or 0) - (row.estimate or 0):.4f}"


if __name__ == "__main__":
    raise SystemExit(main())
