"""The library's front door: the loop from Python."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

import aimwell
from aimwell.errors import DefinitionError, WorkspaceError
from trial_shop import MAPPING, bodies, orders

NOW = datetime(2026, 7, 1, tzinfo=UTC)


def test_the_loop_from_python(tmp_path: Path) -> None:
    file = tmp_path / "orders.csv"
    file.write_text(orders(0, 300, people=50), encoding="utf-8")
    with aimwell.create(tmp_path / "shop", currency="GBP", margin_default=0.4) as ws:
        report = ws.collect.file("orders", file, mapping=MAPPING)
        assert report.loads[0].rows_taken == 300
        assert ws.collect.quarantine().total == 0
        assert ws.find("c1")
    rehearsal = aimwell.Workspace(
        aimwell.open(tmp_path / "shop").stores, clock=lambda: NOW, by="ann"
    )
    with rehearsal as ws:
        assert [c.action for c in ws.definitions.apply(bodies())] == ["created"] * 5
        assert ws.segment.members("buyers").num_rows == 50
        assert ws.segment.explain("buyers").members == 50
        rule = {"event": "Order Completed", "count": {"at_least": 1}}
        assert ws.segment.members(rule).equals(ws.segment.members("buyers"))
        with pytest.raises(DefinitionError, match="rule"):
            ws.segment.explain({"evnt": "Order Completed"})
        assert ws.segment.refresh()[0].members == 50
        assert ws.segment.rfm().num_rows == 50
        plan = ws.decide.plan("spring", as_of=datetime(2026, 6, 1, tzinfo=UTC))
        ws.decide.approve(plan.plan_id)
        status = ws.deliver.run(plan.plan_id)
        assert status.state == "sent"
        assert status.total("sent") == len(ws.decide.people(plan.plan_id, arms=("treatment",)))
        result = ws.measure.campaign("latest:spring")
        assert result.treated.people + result.control.people == 50
        assert ws.measure.report("latest:spring").exists()


def test_a_folder_without_a_workspace_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(WorkspaceError, match="aimwell init"):
        aimwell.open(tmp_path)


def test_the_package_names_what_it_has() -> None:
    assert set(aimwell.__all__) == {"Workspace", "__version__", "create", "open"}
    with pytest.raises(AttributeError, match="nonsense"):
        aimwell.nonsense  # noqa: B018
