"""What `aimwell measure report` prints."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from aimwell.cli.measure import show
from aimwell.cli.output import Output
from aimwell.deliver import service as deliver
from aimwell.measure.service import measure
from campaigns import NOW, executed, set_up
from shop import add_orders, make_stores, origin


def test_the_terminal_says_what_the_report_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stores = make_stores(tmp_path, margin_default=0.4)
    try:
        names = set_up(stores, 60)
        made = executed(stores)
        deliver.run_sending(stores, made.plan_id, clock=lambda: NOW + timedelta(seconds=2))

        def printed(days: float) -> str:
            found = measure(stores, made.plan_id, now=NOW + timedelta(days=days), permutations=199)
            opened: Any = SimpleNamespace(output=Output(as_json=False))
            show(opened, found)
            return capsys.readouterr().out

        fresh = printed(0.01)
        assert "nobody has bought anything since the plan began" in fresh
        assert "Conversion rate" not in fresh
        assert "–" not in fresh
        add_orders(
            stores,
            [
                {
                    "customer": name,
                    "order_id": f"new-{name}",
                    "ordered_at": NOW + timedelta(days=1),
                    "revenue": 10.0 + number,
                }
                for number, name in enumerate(names[:30])
            ],
        )
        text = printed(100)
    finally:
        stores.close()
    assert origin(stores, names[0]) not in text
    assert "Conversion rate: " in text
    assert "% (" in text
    assert "caused by sending: " in text
    assert "Customer acquisition cost: not defined\n" in text
    assert "could become a new customer" in text
    assert all(len(line) <= 80 for line in text.splitlines() if line.startswith(("  =", "what")))
