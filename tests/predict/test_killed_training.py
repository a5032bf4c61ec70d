"""Training that is killed at any moment: a version is there whole or not at all, and the next training goes on."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aimwell.definitions.catalogue import check
from aimwell.definitions.kinds.prediction import Prediction
from aimwell.definitions.service import apply
from aimwell.history.features import features
from aimwell.history.moment import open_moment
from aimwell.predict.care.caring import train_defined
from aimwell.predict.care.service import score
from aimwell.predict.registry import find_model, list_models, load_part
from aimwell.predict.scoring import stored_scores
from aimwell.store.stores import Stores
from answering import letters
from child import child
from shop import add_touches, day, make_stores
from steady import add_steady

# argv: workspace, name of the definition, day from which on a version is trained for each
TRAIN = """
import sys
from pathlib import Path
from aimwell.definitions import service as definitions
from aimwell.definitions.kinds.prediction import Prediction
from aimwell.history.features import features
from aimwell.history.moment import open_moment
from aimwell.predict.care.caring import train_defined
from aimwell.predict.care.service import score
from aimwell.store.stores import open_stores
from shop import day
stores = open_stores(Path(sys.argv[1]))
wanted = definitions.find(stores.control, Prediction, sys.argv[2])
print("ready", flush=True)
for at in range(int(sys.argv[3]), 399):
    entry = train_defined(stores, wanted, as_of=day(at), now=day(at))
    score(stores, entry, as_of=day(at), now=day(at))
"""
CHANNEL: dict[str, Any] = {"name": "channel", "asks": "channel"}
BUY: dict[str, Any] = {
    "name": "buy",
    "horizon": "45d",
    "columns": ["orders_90d", "recency_days"],
    "learners": ["boosted"],
}


def filled(folder: Path, *asked: dict[str, Any]) -> Stores:
    stores = make_stores(folder)
    if BUY in asked:
        add_steady(stores, people=300, days=400)
    add_touches(stores, letters(people=60, days=400, every=8))
    apply(
        stores.control,
        [check({"kind": "prediction", **one}) for one in asked],
        now=day(0),
        by="test",
    )
    return stores


def check_whole(stores: Stores, known: dict[datetime, int]) -> None:
    """Each version that the registry names can be read, and has scores of all or of none.

    `known`: how many people there are at a moment, filled where it is missing.
    """
    for entry in list_models(stores):
        for part in {path.partition("/")[0] for path in entry.files}:
            load_part(stores, entry, part, object)  # type: ignore[type-var]
        channels = ("buy",) if entry.name == "buy" else ("channel-email", "channel-sms")
        for name in channels:
            kept = stored_scores(stores, replace(entry, name=name), entry.as_of)
            if kept is None:
                continue
            if entry.as_of not in known:
                with open_moment(stores, as_of=entry.as_of) as moment:
                    known[entry.as_of] = features(moment, ["orders"]).num_rows
            assert kept.num_rows == (known[entry.as_of] if name == "buy" else 60)
        assert find_model(stores, entry.name).name == entry.name
    versions = dict.fromkeys(("buy", "channel"), 0)
    for entry in reversed(list_models(stores)):
        versions[entry.name] += 1
        assert entry.version == versions[entry.name]


def kill(stores: Stores, *asked: dict[str, Any], times: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    known: dict[datetime, int] = {}
    for number in range(times):
        name = asked[number % len(asked)]["name"]
        begun = max((one.as_of for one in list_models(stores)), default=day(300))
        at = (begun - day(0)).days + 1
        with child(TRAIN, stores.root, name, at, imports=["lightgbm"] * (name == "buy")) as process:
            assert process.line() == "ready"
            process.wait(float(rng.uniform(0.02, 1.0)))
            process.kill()
        check_whole(stores, known)
    for one in asked:
        wanted = check({"kind": "prediction", **one})
        assert isinstance(wanted, Prediction)
        before = [each for each in list_models(stores) if each.name == wanted.name]
        entry = train_defined(stores, wanted, as_of=day(399), now=day(399))
        assert entry.version == len(before) + 1
        score(stores, entry, as_of=day(399), now=day(399))
    check_whole(stores, known)


def test_two_kills_leave_no_half_model(tmp_path: Path) -> None:
    stores = filled(tmp_path, CHANNEL)
    kill(stores, CHANNEL, times=2, seed=1)
    stores.close()


@pytest.mark.long
def test_fifty_kills_leave_no_half_model(tmp_path: Path) -> None:
    stores = filled(tmp_path, BUY, CHANNEL)
    kill(stores, BUY, CHANNEL, times=50, seed=2)
    assert len(list_models(stores)) > 10
    stores.close()
