"""The commands of measuring all campaigns at once, as they are typed."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from aimwell.cli.app import app
from aimwell.deliver import service as deliver
from aimwell.measure.service import measure, store_report
from aimwell.measure.stored import latest_documents
from aimwell.store.stores import Stores
from campaigns import NOW, executed, set_up
from shop import add_events, add_touches, day, make_stores

RUN = CliRunner()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A workspace with one measured campaign, some touches and conversions."""
    stores = make_stores(tmp_path, margin_default=0.4)
    names = set_up(stores, 60)
    plan_id = executed(stores).plan_id
    deliver.run_sending(stores, plan_id, clock=lambda: NOW + timedelta(seconds=2))
    store_report(stores, measure(stores, plan_id, now=day(100), permutations=199))
    add_touches(
        stores,
        [
            {
                "customer": name,
                "event": "Ad Viewed",
                "occurred_at": day(3 + place),
                "channel": ("video", "search")[(i + place) % 2],
            }
            for i, name in enumerate(names)
            for place in range(2)
        ],
    )
    add_events(
        stores,
        [
            {"customer": name, "event": "Signed Up", "occurred_at": day(6), "revenue": 2}
            for name in names[:55]
        ],
    )
    root = stores.root
    stores.close()
    return root


def run(folder: Path, *words: str, code: int = 0) -> str:
    found = RUN.invoke(app, ["measure", *words, "-w", str(folder)])
    assert found.exit_code == code, found.output
    return found.stdout


def test_attribution_shows_every_model_beside_what_sending_added(folder: Path) -> None:
    body = json.loads(run(folder, "attribution", "--goal", "Signed Up", "--json"))
    assert body["conversions"] == 55
    assert len(body["models"]) == 10
    sums = dict.fromkeys(body["models"], 0.0)
    for one in body["credits"]:
        sums[one["model"]] += one["conversions"]
    assert list(sums.values()) == pytest.approx([55.0] * 10)
    assert [one["campaign"] for one in body["incremental"]] == ["spring"]
    text = run(folder, "attribution", "--goal", "Signed Up", "--model", "markov")
    assert "would have happened anyway" in text
    assert "against the held-out" in text
    run(folder, "attribution", "--model", "lucky", code=2)
    run(folder, "attribution", "--goal", "Nothing", code=1)


def test_waves_of_a_campaign_stand_together_beside_its_credit(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def waves(stores: Stores) -> list[dict[str, Any]]:
        (one,) = latest_documents(stores)
        row = {"waves": [{"plan_id": one["plan_id"]}, {"plan_id": "spring-again"}]}
        again = {**one, "plan_id": "spring-again"}
        again["series"] = {"rows": [{**row, "correlations": [[1.0, 1.0], [1.0, 1.0]]}]}
        return [one, again]

    def beside() -> dict[str, Any]:
        body = json.loads(run(folder, "attribution", "--goal", "Signed Up", "--json"))
        (found,) = body["incremental"]
        return dict(found)

    alone = beside()
    monkeypatch.setattr("aimwell.measure.attribution.service.latest_documents", waves)
    both = beside()
    assert both["plan_ids"] == [*alone["plan_ids"], "spring-again"]
    assert both["credited"] == alone["credited"]
    for bound in ("estimate", "lower", "upper"):
        assert both["measured"][bound] == pytest.approx(2 * alone["measured"][bound])
    assert "'spring' in 2 waves" in run(folder, "attribution", "--goal", "Signed Up")


def test_kpis_ledger_executive_and_later(folder: Path) -> None:
    body = json.loads(run(folder, "kpis", "--by", "channel", "--json"))
    assert len(body["slices"]) == 1
    assert body["slices"][0]["people"] > 0
    assert "Return on investment" in run(folder, "kpis")
    assert run(folder, "kpis", "--period", "2020").startswith("No campaign of this time that")
    assert "spring" in run(folder, "ledger", "--period", "2026")
    assert "Measure a campaign first" in run(folder, "ledger", "--period", "2020")
    files = json.loads(run(folder, "executive", "--period", "2026", "--json"))["files"]
    assert all(Path(file).exists() for file in files.values())
    run(folder, "ledger", "--period", "soon", code=2)
    later = json.loads(run(folder, "later", "latest:spring", "--json"))
    assert later["beyond"]["span"]["days"] == 2 * later["within"]["span"]["days"]


def test_funnel_cohorts_and_feedback_refuse_in_words(folder: Path) -> None:
    body = json.loads(run(folder, "funnel", "Ad Viewed", "Signed Up", "--within", "9", "--json"))
    assert [step["people"] for step in body["steps"]] == [60, 55]
    assert "smallest share goes on" in run(folder, "funnel", "Ad Viewed", "Signed Up")
    run(folder, "funnel", "Ad Viewed", code=1)
    run(folder, "feedback", code=1)


@pytest.mark.parametrize(
    "words",
    [
        ("over-time", "latest:spring", "--after", "1e9"),
        ("experiment", "spring", "--days", "1e9"),
        ("attribution", "--window", "1e12"),
        ("attribution", "--half-life", "1e12"),
        ("funnel", "Ad Viewed", "Signed Up", "--within", "1e9"),
    ],
)
def test_more_days_than_a_calendar_has_are_a_wrong_call(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    run(tmp_path, *words, code=2)
