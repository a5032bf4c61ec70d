"""Other senders ask whether a person is held out, and learn nothing else."""

from __future__ import annotations

from pathlib import Path

import httpx

from aimwell.decide.experiment_service import members_of_holdout
from aimwell.definitions import service as definitions
from aimwell.definitions.catalogue import check
from campaigns import NOW, set_up
from live_server import serving
from shop import make_stores

HOLDOUT = {"kind": "holdout", "name": "always-on", "share": 0.3, "starts": "2026-02-01"}


def test_another_sender_asks_by_id(tmp_path: Path) -> None:
    stores = make_stores(tmp_path)
    set_up(stores, 40)
    ending = {**HOLDOUT, "rotates": "9999d"}
    definitions.apply(stores.control, [check(ending)], now=NOW, by="ann")
    found = members_of_holdout(stores, "always-on", as_of=NOW)
    held = found.profile_ids[0]
    with serving(stores) as base:
        answer = httpx.get(f"{base}/api/holdouts/always-on/{held}").json()
        stranger = httpx.get(f"{base}/api/holdouts/always-on/nobody-known")
        absent = httpx.get(f"{base}/api/holdouts/other/{held}")
    stores.close()
    assert answer["held_out"] is True
    assert answer["until"].startswith("2053")
    assert stranger.status_code == 200
    assert absent.status_code == 404
    assert 0 < len(found.profile_ids) < found.known == 40
