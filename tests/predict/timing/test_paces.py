"""An item with many people who came back has a pace of its own, the others share one."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from aimwell.predict.timing.paces import fit_paces
from aimwell.predict.timing.renewal import Renewal
from aimwell.predict.timing.waits import Waits
from renewals import buy_again

QUICK = Renewal(log_mean=2.0, between=0.3, within=0.4, leave_a=0.6, leave_b=4.0)
SLOW = Renewal(log_mean=4.0, between=0.3, within=0.4, leave_a=0.6, leave_b=4.0)


def test_items_differ_where_there_is_enough_of_them() -> None:
    parts = [
        buy_again(truth, people, days=400, seed=seed).waits
        for seed, (truth, people) in enumerate([(QUICK, 600), (SLOW, 600), (QUICK, 30)])
    ]
    repeat = [part.take(part.gaps > 0) for part in parts]
    items = pa.array(np.repeat(["coffee", "perfume", "rare"], [len(part) for part in repeat]))
    together = repeat[0].joined(repeat[1]).joined(repeat[2])
    once = [part.take(part.gaps == 0) for part in parts]
    once_items = pa.array(np.repeat(["coffee", "perfume", "rare"], [len(part) for part in once]))
    paces = fit_paces(together, items, once[0].joined(once[1]).joined(once[2]), once_items)
    assert set(paces.items) == {"coffee", "perfume"}
    assert paces.items["coffee"].log_mean == pytest.approx(2.0, abs=0.15)
    assert paces.items["perfume"].log_mean == pytest.approx(4.0, abs=0.15)
    ahead = paces.next_gap(together, items)
    start = len(repeat[0])
    own = paces.items["perfume"].next_gap(repeat[1])
    assert ahead.mean[start : start + len(repeat[1])] == pytest.approx(own.mean)
    assert ahead.returns[-1] == paces.every.next_gap(repeat[2]).returns[-1]


def test_people_without_items_share_one_model() -> None:
    waits = buy_again(QUICK, 400, days=300, seed=9).waits
    nothing = Waits(*(np.zeros(0) for _ in range(5)))
    paces = fit_paces(waits, pa.array([""] * 400), nothing, pa.array([], pa.string()))
    assert paces.items == {}
