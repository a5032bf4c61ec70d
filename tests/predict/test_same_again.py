"""The same data, moment and seed give the same model in every process, to the last digit, whatever the threads."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from shop import add_orders, add_products, day, make_stores

_CHILD = """
import json, sys
from datetime import datetime
from pathlib import Path
from aimwell.predict.service import fit_lifetime_value, train_propensity
from aimwell.store.stores import open_stores

stores = open_stores(Path(sys.argv[1]))
as_of = datetime.fromisoformat(sys.argv[2])
value = fit_lifetime_value(stores, as_of=as_of, horizon_days=60, now=as_of).entry
chance = train_propensity(stores, as_of=as_of, horizon_days=60, now=as_of).entry
print(json.dumps([[e.version, e.metrics, e.files] for e in (value, chance)], sort_keys=True))
stores.close()
"""


@pytest.mark.long
def test_models_are_the_same_in_every_process_whatever_its_threads(tmp_path: Path) -> None:
    stores = make_stores(tmp_path)
    add_products(stores, [{"sku": f"p{n}", "unit_cost": f"{1 + n * 0.37:.2f}"} for n in range(40)])
    # Several files, so that several threads read them and their parts are added up in any order.
    for part in range(6):
        add_orders(
            stores,
            [
                {
                    "customer": f"{part}-{n}",
                    "order_id": f"{part}-{n}-{k}",
                    "ordered_at": day((n * 7 + k * (9 + n % 31)) % 380 + part / 7),
                    "lines": [(f"p{(n + k) % 40}", 1 + n % 3, round(20 + (n * k) % 17 * 1.13, 2))],
                }
                for n in range(120)
                for k in range(1 + n % 6)
            ],
        )
    stores.close()
    told = [_told(tmp_path / "workspace", blas, engine) for blas, engine in ((1, 1), (4, 8))]
    assert len(set(told)) == 1
    value, chance = json.loads(told[0])
    assert (value[0], chance[0]) == (1, 1)
    assert value[1]["margin"]["share"] is not None


def _told(root: Path, blas: int, engine: int) -> str:
    """What a new process with so many threads finds."""
    threads = dict.fromkeys(
        ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), str(blas)
    )
    done = subprocess.run(
        [sys.executable, "-c", _CHILD, str(root), day(390).isoformat()],
        env={**os.environ, **threads, "AIMWELL_ENGINE_THREADS": str(engine)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
