"""The demo: the whole loop twice on a simulated shop, with the truth beside what was measured."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

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
    again = facts["again"]
    # The second campaign learnt from the first, and went to the people of its own draw.
    assert again["treated"] + again["holdout"] == facts["decide again"]["eligible"]
    assert facts["decide again"]["chosen"]["policy"]["sources"].keys() == {
        facts["decide"]["plan_id"]
    }
    assert facts["deliver again"]["sent"] == sum(
        action["people"] for action in facts["decide again"]["actions"]
    )
    ways = {way["name"]: way for way in again["ways"]}
    assert ways["nobody"]["profit"] == 0
    assert ways["as it was planned"]["messages"] == facts["deliver again"]["sent"]
    # What the report tells as the truth is what the table of ways tells.
    assert again["measure"]["true_profit_added"] == pytest.approx(
        ways["as it was planned"]["profit"]
    )
    assert again["learning_added"] == pytest.approx(
        ways["as it was planned"]["profit"] - ways["at random, as the first was"]["profit"]
    )
    best = ways["each person's best, which nobody can know"]["profit"]
    assert best >= max(way["profit"] for way in ways.values())
    page = Path(facts["loop"]).read_text(encoding="utf-8")
    assert report.name in page
    assert "each person&#39;s best" in page
    # A plan that was learnt can have its share of a common budget; all of what it asks for, if it is alone.
    shared = run("decide", "share-out", 1000, "latest:demo-again", "-w", "shop", "--json").json
    (share,) = shared["campaigns"]
    assert share["budget"] == share["most"] <= 1000
    assert shared["channels"] == {"email": sum(share["people"].values())}
    assert (
        "one more GBP would add"
        in run("decide", "share-out", 1, "latest:demo-again", "-w", "shop").out
    )
    assert (
        "within 28 days"
        in run(
            "decide",
            "simulate",
            "demo",
            "demo-again",
            "--times",
            2,
            "--as-of",
            "2026-01-01",
            "-w",
            "shop",
        ).out
    )
    # Measured again by the command the figures are the same and the truth is still beside them.
    repeated = run("measure", "report", "latest:demo", "-w", "shop", "--json").json
    for key in ("seed", "sentence", "lifts", "profit", "kpis", "actions", "variants", "truth"):
        assert repeated[key] == body[key], key
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
