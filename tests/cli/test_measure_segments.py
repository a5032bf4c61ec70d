"""What `aimwell measure segments` prints."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

from campaigns import NOW, executed, set_up
from command import Run
from shop import add_orders, make_stores


def test_segments_are_listed_with_what_sending_added_in_each(run: Run, tmp_path: Path) -> None:
    stores = make_stores(tmp_path)
    rule = {"event": "Order Completed", "sum": {"of": "revenue", "above": 13}}
    names = set_up(stores, 60, loyal={"kind": "segment", "name": "loyal", "rule": rule})
    plan_id = executed(stores).plan_id
    add_orders(
        stores,
        [
            {
                "customer": name,
                "order_id": f"n-{name}",
                "ordered_at": NOW + timedelta(days=2),
                "revenue": 20 + number % 11,
            }
            for number, name in enumerate(names)
        ],
    )
    stores.close()
    workspace = ["--workspace", str(stores.root)]
    found = run("measure", "segments", "latest:spring", *workspace)
    assert found.code == 0, found.err
    assert "segments" in found.out.splitlines()[0]
    assert "everyone" in found.out
    assert "loyal" in found.out
    assert "revenue added" in found.out
    assert all(
        len(line) <= 100 for line in found.out.splitlines() if "│" in line or "loyal" in line
    )
    body = json.loads(run("measure", "segments", plan_id, "--json", *workspace).out)
    assert {row["metric"] for row in body["rows"]} == {"revenue", "orders", "conversion"}
    assert body["span"]["finished"]
    missing = run("measure", "segments", plan_id, "--segment", "loyl", *workspace, code=1)
    assert missing.code == 1
    assert "loyal" in missing.err
