"""What `aimwell deliver` says of a plan."""

from __future__ import annotations

from pathlib import Path

from campaigns import executed, set_up
from command import Run
from shop import make_stores


def test_a_paused_plan_says_what_it_waits_for(run: Run, tmp_path: Path) -> None:
    stores = make_stores(tmp_path, margin_default=0.4)
    try:
        set_up(stores, 12)
        plan_id = executed(stores).plan_id
        where = ("-w", stores.root)
        told = run("deliver", "pause", plan_id, *where).out
        assert f"It waits until: aimwell deliver resume {plan_id}" in told
        assert "The next message is due" not in told
        assert "It waits until" not in run("deliver", "resume", plan_id, *where).out
    finally:
        stores.close()
