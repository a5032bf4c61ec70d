"""The demo: the whole loop on a simulated shop, with the truth beside what was measured."""

from __future__ import annotations

import json
from pathlib import Path

from command import Run


def test_the_demo_runs_the_loop_and_knows_the_truth(run: Run, tmp_path: Path) -> None:
    facts = run("demo", "--folder", "shop", "--people", 800, "--json").json
    assert facts["unify"]["profiles"] == 800
    assert facts["treated"] + facts["holdout"] == facts["decide"]["eligible"]
    assert facts["deliver"] == {"sent": facts["treated"]}
    assert facts["true_effect"] is not None
    lift = facts["lift"]
    assert lift["lower"] < lift["estimate"] < lift["upper"]
    # Far outside it the interval would be wrong, not unlucky.
    spread = lift["upper"] - lift["lower"]
    assert lift["lower"] - spread < facts["true_effect"] < lift["upper"] + spread
    assert set(facts["seconds"]) >= {
        "Collect",
        "Unify",
        "Segment",
        "Predict",
        "Decide",
        "Deliver",
        "Measure",
    }
    report = Path(facts["report"])
    assert "Beside the truth" in report.read_text(encoding="utf-8")
    body = json.loads(report.with_suffix(".json").read_text(encoding="utf-8"))
    assert body["truth"]["revenue"] == facts["true_effect"]
    assert body["delivery"]["opened"] > 0
    # Measured again by the command the figures are the same and the truth is still beside them.
    again = run("measure", "report", "latest:demo", "-w", "shop", "--json").json
    for key in ("seed", "sentence", "lifts", "profit", "kpis", "actions", "variants", "truth"):
        assert again[key] == body[key], key
    assert "Beside the truth" in report.read_text(encoding="utf-8")
    printed = run("measure", "report", "latest:demo", "-w", "shop").out
    for kpi in body["kpis"]:
        assert f"{kpi['label']}: " in printed
    assert "caused by sending: " in printed
    assert " points to " not in printed
    assert " points (" in printed


def test_a_demo_does_not_write_over_a_workspace(run: Run) -> None:
    run("init", "shop")
    assert "holds a workspace already" in run("demo", "--folder", "shop", code=1).err
