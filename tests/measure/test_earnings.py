"""The profit ledger: sums with intervals, what is left out, and the files."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer

from aimwell.cli.measure_earnings import bounds
from aimwell.deliver import service as deliver
from aimwell.errors import MeasureError
from aimwell.measure.earnings import earnings
from aimwell.measure.earnings_report import earnings_csv, earnings_html
from aimwell.measure.executive import executive, executive_of
from aimwell.measure.later import beyond_words
from aimwell.measure.service import measure, store_earnings, store_report
from aimwell.measure.stored import latest_documents
from aimwell.stats.estimate import Estimate
from aimwell.stats.together import together
from campaigns import NOW, executed, set_up
from shop import day, make_stores

START = datetime(2026, 3, 1, tzinfo=UTC)
UNTIL = datetime(2027, 1, 1, tzinfo=UTC)


def estimate(middle: float, low: float, high: float) -> dict[str, Any]:
    return {
        "estimate": middle,
        "lower": low,
        "upper": high,
        "confidence": 0.95,
        "method": "Welch",
        "p_value": None,
        "reason": None,
    }


def missing(reason: str) -> dict[str, Any]:
    return estimate(0, 0, 0) | {"estimate": None, "lower": None, "upper": None, "reason": reason}


def document(name: str = "spring", **more: Any) -> dict[str, Any]:
    plain = {
        "campaign": name,
        "plan_id": f"{name}-1",
        "currency": "GBP",
        "trial": False,
        "verdict": "gain",
        "span": {
            "starts_at": START.isoformat(),
            "ends_at": (START + timedelta(days=14)).isoformat(),
            "measured_until": (START + timedelta(days=14)).isoformat(),
            "finished": True,
        },
        "treated": {"people": 900},
        "control": {"people": 100},
        "lifts": {
            "revenue": {"total": estimate(1000, 400, 1600)},
            "margin": {"total": estimate(400, 160, 640)},
        },
        "costs": {"offers": 10.0, "contact": 50.0},
        "profit": estimate(350, 110, 590),
    }
    return plain | more


def test_a_sum_squares_and_adds_the_distances_of_each_side() -> None:
    found = together([Estimate(**estimate(10, 7, 14)), Estimate(**estimate(20, 16, 23))])
    assert (found.estimate, found.lower, found.upper) == (30.0, 25.0, 35.0)
    alone = together([Estimate(**estimate(10, 7, 14))])
    assert (alone.estimate, alone.lower, alone.upper) == (10.0, 7.0, 14.0)
    assert not together([]).defined


def test_a_sum_of_estimates_that_go_together_adds_their_products() -> None:
    parts = [Estimate(**estimate(10, 7, 14)), Estimate(**estimate(20, 16, 23))]
    table = np.array([[1.0, 0.5], [0.5, 1.0]])
    found = together(parts, correlations=table)
    assert found.lower == pytest.approx(30 - (9 + 16 + 12) ** 0.5)
    assert found.upper == pytest.approx(30 + (16 + 9 + 12) ** 0.5)
    assert "correlations" in found.method
    lost = together([parts[0], Estimate(**missing("none"))], correlations=table)
    assert (lost.lower, lost.upper) == (7.0, 14.0)


def waves(together_: float | None) -> list[dict[str, Any]]:
    """Two waves of one campaign; the second one's report tells how their errors go together."""
    found = [document(plan_id=f"spring-{number}", measured_at=str(number)) for number in (1, 2)]
    if together_ is not None:
        row = {
            "waves": [{"plan_id": "spring-1"}, {"plan_id": "spring-2"}],
            "correlations": [[1.0, together_], [together_, 1.0]],
        }
        found[1]["series"] = {"rows": [row]}
    return found


def test_waves_of_a_campaign_are_summed_as_far_as_they_go_together() -> None:
    def width(correlation: float | None) -> float:
        found = earnings(waves(correlation), currency="GBP", since=None, until=UNTIL)
        return (found.profit.upper or 0.0) - (found.profit.lower or 0.0)

    assert width(0.0) == pytest.approx(480 * 2**0.5)
    assert width(0.8) == pytest.approx(480 * 3.6**0.5)
    assert width(None) == width(0.0)
    told = earnings(waves(None), currency="GBP", since=None, until=UNTIL)
    assert any("share the people who are held out" in one for one in told.caveats)
    told = earnings(waves(0.8), currency="GBP", since=None, until=UNTIL)
    assert not any("share the people who are held out" in one for one in told.caveats)


def test_the_interval_of_a_sum_covers() -> None:
    rng = np.random.default_rng(1)
    truth, sizes = np.array([5.0, -2.0, 9.0, 0.0]), np.array([1.0, 4.0, 2.0, 3.0])
    hits = 0
    for _ in range(2_000):
        seen = truth + sizes * rng.normal(size=4)
        parts = [
            Estimate(**estimate(x, x - 1.96 * s, x + 1.96 * s))
            for x, s in zip(seen.tolist(), sizes.tolist(), strict=True)
        ]
        hits += bool(together(parts).covers(float(truth.sum())))
    assert 0.935 <= hits / 2_000 <= 0.965


def test_what_cannot_be_trusted_is_listed_and_not_added() -> None:
    found = earnings(
        [
            document(),
            document("tried", trial=True),
            document("broken", verdict="mismatch"),
            document("abroad", currency="EUR"),
        ],
        currency="GBP",
        since=None,
        until=UNTIL,
    )
    assert [row.campaign for row in found.counted] == ["spring"]
    assert found.profit.estimate == 350
    assert (found.contact, found.offers) == (50.0, 10.0)
    assert len([one for one in found.caveats if "not in the sum" in one]) == 3
    assert found.sentence.startswith("One campaign earned £350")


def test_an_unknown_margin_leaves_profit_to_the_others_and_says_so() -> None:
    unknown = document(
        "cheap",
        profit=missing("some margins are unknown"),
        lifts={"revenue": {"total": estimate(500, 0, 1000)}},
    )
    found = earnings([document(), unknown], currency="GBP", since=None, until=UNTIL)
    assert found.revenue.estimate == 1500
    assert (found.profit.estimate, found.profit_of) == (350, 1)
    assert any("1 of 2 campaigns" in one for one in found.caveats)
    assert not earnings([unknown], currency="GBP", since=None, until=UNTIL).profit.defined


def test_a_campaign_belongs_to_the_period_in_which_it_starts() -> None:
    for since, until, counted in (
        (START, START + timedelta(days=1), 1),
        (START + timedelta(seconds=1), UNTIL, 0),
        (None, START, 0),
    ):
        found = earnings([document()], currency="GBP", since=since, until=until)
        assert len(found.campaigns) == counted
    assert "nothing can be said" in found.sentence
    assert not found.profit.defined


def test_page_and_csv_say_the_same_and_are_safe() -> None:
    found = executive_of(
        [document(), document("=1+1<script>")],
        currency="GBP",
        timezone="UTC",
        since=None,
        until=UNTIL,
    )
    page = earnings_html(found, title="2026", timezone="UTC", made_at=UNTIL)
    assert page == earnings_html(found, title="2026", timezone="UTC", made_at=UNTIL)
    assert "<script>" not in page
    assert "£700" in page
    rows = list(csv.DictReader(io.StringIO(earnings_csv(found.ledger))))
    assert [float(row["profit_added"]) for row in rows] == [350.0, 350.0]
    assert rows[1]["campaign"] == "'=1+1<script>"


@pytest.mark.parametrize(
    ("text", "first", "after"),
    [
        ("2026", (2026, 1), (2027, 1)),
        ("2026Q4", (2026, 10), (2027, 1)),
        ("2026-q1", (2026, 1), (2026, 4)),
        ("2026-12", (2026, 12), (2027, 1)),
    ],
)
def test_periods(text: str, first: tuple[int, int], after: tuple[int, int]) -> None:
    start, end = bounds(text, "UTC")
    assert (start.year, start.month, start.day) == (*first, 1)
    assert (end.year, end.month, end.day) == (*after, 1)


@pytest.mark.parametrize("text", ["26", "2026Q5", "2026-13", "soon", "0000", "9999"])
def test_a_period_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter):
        bounds(text, "UTC")


def test_the_ledger_of_a_workspace_and_what_came_after_the_window(tmp_path: Path) -> None:
    stores = make_stores(tmp_path, margin_default=0.4)
    set_up(stores, 60)
    plan_id = executed(stores).plan_id
    deliver.run_sending(stores, plan_id, clock=lambda: NOW + timedelta(seconds=2))
    early = measure(stores, plan_id, now=NOW + timedelta(days=3), permutations=199)
    store_report(stores, early)
    store_report(stores, measure(stores, plan_id, now=day(100), permutations=199))
    (kept,) = latest_documents(stores)
    assert kept["span"]["finished"], "the newest report of a plan counts"
    found = executive(stores, since=None, until=day(200), now=day(200))
    files = store_earnings(stores, found, name="executive-2026", title="2026", now=day(100))
    assert json.loads(files["json"].read_text())["campaigns"][0]["plan_id"] == plan_id
    with pytest.raises(MeasureError, match="cannot be named"):
        store_earnings(stores, found, name="../out", title="", now=day(100))
    again = measure(stores, plan_id, now=day(100), permutations=199, windows=2.0)
    assert again.span.days == 2 * early.span.days
    assert "No time beyond" in beyond_words(early, early)
    stores.close()
