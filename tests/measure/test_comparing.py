"""Figures beside targets, earlier campaigns and benchmarks: verdicts by the interval, and bad files refused with the line."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimwell.deliver import service as deliver
from aimwell.errors import MeasureError
from aimwell.measure.benchmarks import import_benchmarks, kept_benchmarks
from aimwell.measure.compare_service import compare
from aimwell.measure.comparing import Benchmark, Compared, Told, compared
from aimwell.measure.service import measure, store_report
from aimwell.stats.estimate import Estimate
from aimwell.stats.intervals import newcombe, wilson
from campaigns import NOW, executed, set_up
from command import command_in
from shop import day, make_stores


def told(key: str, value: float, low: float | None = None, high: float | None = None) -> Told:
    interval = (
        None
        if low is None or high is None
        else Estimate(estimate=value, lower=low, upper=high, confidence=0.95, method="Wilson")
    )
    return Told(
        key=key, label=key, unit="percent", formula="", value=value, interval=interval, reason=None
    )


def verdict(one: Told, **against: object) -> str:
    plain = {"targets": {}, "earlier": [], "benchmarks": []}
    (row,) = compared({one.key: one}, **{**plain, **against})  # type: ignore[arg-type]
    return row.verdict


def test_a_target_is_reached_where_the_interval_says_so() -> None:
    assert verdict(told("conversion_rate", 8, 7, 9), targets={"conversion_rate": 5}) == "better"
    assert (
        verdict(told("conversion_rate", 8, 4, 12), targets={"conversion_rate": 5}) == "cannot tell"
    )
    assert verdict(told("churn_rate", 8, 7, 9), targets={"churn_rate": 5}) == "worse"
    assert verdict(told("churn_rate", 3, 2, 4), targets={"churn_rate": 5}) == "better"
    assert verdict(told("revenue", 900), targets={"revenue": 1_000}) == "below"


def test_sums_are_not_held_against_other_campaigns() -> None:
    mine, other = told("revenue", 900), told("revenue", 100)
    assert (
        compared(
            {"revenue": mine}, targets={}, earlier=[("before", {"revenue": other})], benchmarks=[]
        )
        == ()
    )


@given(st.integers(1, 300), st.integers(1, 300))
def test_the_difference_of_two_shares_is_newcombes(a: int, b: int) -> None:
    mine, theirs = wilson(a, 300).times(100.0), wilson(b, 300).times(100.0)
    one = Told(key="open_rate", label="", unit="percent", formula="", value=mine.estimate, interval=mine, reason=None)  # fmt: skip
    other = Told(key="open_rate", label="", unit="percent", formula="", value=theirs.estimate, interval=theirs, reason=None)  # fmt: skip
    row: Compared
    (row,) = compared({"open_rate": one}, targets={}, earlier=[("before", {"open_rate": other})], benchmarks=[])  # fmt: skip
    by_hand = newcombe(treated_successes=a, treated_n=300, control_successes=b, control_n=300)
    assert row.difference is not None
    assert row.difference.lower == pytest.approx(100 * by_hand.lower, abs=1e-9)  # type: ignore[operator]
    assert row.difference.upper == pytest.approx(100 * by_hand.upper, abs=1e-9)  # type: ignore[operator]


def test_a_benchmark_with_a_range_is_not_taken_for_exact() -> None:
    wide = Benchmark(
        key="open_rate", source="A study", channel="", value=20, low=10, high=30, year=2025
    )
    exact = Benchmark(
        key="open_rate", source="A study", channel="", value=20, low=None, high=None, year=2025
    )
    mine = told("open_rate", 25, 23, 27)
    assert verdict(mine, benchmarks=[wide]) == "cannot tell"
    assert verdict(mine, benchmarks=[exact]) == "better"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("kpi,value\nopen_rate,3\n", "Needed: kpi, value, source"),
        ("kpi,value,source\nopn_rate,3,A\n", "Line 2 of .*no key figure 'opn_rate'.*open_rate"),
        ("kpi,value,source\nopen_rate,x,A\n", "Line 2 of .*no number"),
        ("kpi,value,source\nopen_rate,nan,A\n", "no number"),
        ("kpi,value,source\nopen_rate,3,\n", "source is missing"),
        ("kpi,value,source,low\nopen_rate,3,A,2\n", "come together"),
        ("kpi,value,source,low,high\nopen_rate,3,A,4,5\n", "does not lie between"),
        ("kpi,value,source\n", "no lines"),
        ("kpi,value,source\nopen_rate,250,A\n", "no percentage"),
        ("kpi,value,source\nopen_rate,20,A,more\n", "more cells"),
        ("kpi,value,source,year\nopen_rate,20,A,99999\n", "write it as 2025"),
    ],
)
def test_bad_files_are_refused_with_the_line(tmp_path: Path, text: str, says: str) -> None:
    stores = make_stores(tmp_path)
    file = tmp_path / "others.csv"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(MeasureError, match=says):
        import_benchmarks(stores, file, now=NOW)
    assert kept_benchmarks(stores) == ()
    stores.close()


def test_a_plan_beside_its_targets_earlier_plans_and_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stores = make_stores(tmp_path, margin_default=0.4)
    set_up(stores, 45, spring={"targets": {"delivery_rate": 50, "orders": 5, "conversion_rate": 3}})
    plans = []
    for start in (NOW, NOW + timedelta(days=30)):
        made = executed(stores, now=start)
        plans.append(made.plan_id)
        deliver.run_sending(stores, made.plan_id, clock=lambda at=start: at + timedelta(seconds=2))
    file = tmp_path / "others.csv"
    file.write_text("kpi,value,low,high,source,year,channel\nopen_rate,20,15,25,A study,2025,email\nopen_rate,9,,,Another,,sms\n", encoding="utf-8")  # fmt: skip
    import_benchmarks(stores, file, now=NOW)
    import_benchmarks(stores, file, now=NOW)
    assert len(kept_benchmarks(stores)) == 2
    with pytest.raises(MeasureError, match="no report yet"):
        compare(stores, plans[1])
    results = [measure(stores, plan_id, now=day(200), permutations=199) for plan_id in plans]
    for result in results:
        store_report(stores, result)
    assert results[0].kpi("conversion_rate").notes[-1] == (
        "The campaign's target is 3.0%: whether it is reached cannot be told from chance."
    )
    first, second = (compare(stores, one) for one in plans)
    by = {(one.told.key, one.against): one for one in first.rows}
    assert by["delivery_rate", "target"].verdict == "better"
    assert by["orders", "target"].verdict == "below"
    assert by["open_rate", "benchmark"].verdict == "worse"
    assert sum(one.against == "benchmark" for one in first.rows) == 1
    assert any("No earlier campaign" in note for note in first.notes)
    later = {(one.told.key, one.against): one for one in second.rows}
    assert later["delivery_rate", "earlier"].source == "its earlier plans"
    assert later["delivery_rate", "earlier"].verdict == "cannot tell"
    assert ("orders", "earlier") not in later
    stores.close()
    run = command_in(tmp_path, monkeypatch, capsys)
    workspace = ["--workspace", str(stores.root)]
    shown = run("measure", "compare", plans[1], *workspace)
    assert shown.code == 0, shown.err
    assert "its earlier plans" in shown.out
    body = json.loads(run("measure", "compare", plans[1], "--json", *workspace).out)
    assert body["rows"][0]["verdict"]
    assert "A study" in run("measure", "benchmarks", *workspace).out
