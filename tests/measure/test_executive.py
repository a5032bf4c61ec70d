"""What a next campaign may bring, and what to do next, from reports as they are kept."""

from __future__ import annotations

import base64
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from aimwell.measure.earnings_report import earnings_html
from aimwell.measure.executive import Executive, executive_of
from aimwell.measure.global_holdout import HoldoutEffect
from aimwell.stats.estimate import Estimate
from aimwell.stats.meta_analysis import pool
from browser import Browser

START = datetime(2026, 3, 1, tzinfo=UTC)
UNTIL = datetime(2027, 1, 1, tzinfo=UTC)


def estimate(middle: float, half: float) -> dict[str, Any]:
    return {
        "estimate": middle,
        "lower": middle - half,
        "upper": middle + half,
        "confidence": 0.95,
        "method": "Welch",
        "p_value": None,
        "reason": None,
    }


def document(name: str, profit: float, half: float, **more: Any) -> dict[str, Any]:
    """A campaign whose window is over; a thousand people were contacted."""
    plain = {
        "campaign": name,
        "plan_id": f"{name}-1",
        "measured_at": "2026-04-01",
        "currency": "GBP",
        "trial": False,
        "verdict": "unsure",
        "span": {
            "starts_at": START.isoformat(),
            "ends_at": (START + timedelta(days=14)).isoformat(),
            "measured_until": (START + timedelta(days=14)).isoformat(),
            "finished": True,
        },
        "treated": {"people": 1000},
        "control": {"people": 200},
        "excluded": {},
        "lifts": {
            "revenue": {
                "total": estimate(2 * profit, 2 * half),
                "relative": estimate(profit / 1000, half / 1000),
            },
        },
        "costs": {"offers": 0.0, "contact": 50.0},
        "profit": estimate(profit, half),
        "views": {"strength": {"needed_for_worth": 5200, "underpowered": True}},
    }
    return plain | more.pop("more", {}) | more


def told(documents: list[dict[str, Any]], **more: Any) -> Executive:
    return executive_of(
        documents, currency="GBP", timezone="Europe/London", since=None, until=UNTIL, **more
    )


def verbs(found: Executive) -> list[tuple[str, str | None]]:
    return [(step.verb, step.campaign) for step in found.steps]


def test_each_campaign_gets_the_step_that_its_figures_ask_for() -> None:
    found = told(
        [
            document("good", 900, 200, excluded={"budget": 300, "capped": 90}),
            document("bad", -700, 200),
            document("open", 100, 400),
            document("broken", 500, 100, verdict="mismatch"),
            document("blind", 0, 0, verdict="no_control", **_no_figures()),
            document("early", 100, 400, span=_running()),
        ]
    )
    assert verbs(found) == [
        ("repair", "broken"),
        ("stop", "bad"),
        ("repeat", "good"),
        ("enlarge", "good"),
        ("judge later", "open"),
        ("hold out", "blind"),
        ("wait", "early"),
    ]
    said = {(step.verb, step.campaign): step.sentence for step in found.steps}
    assert "it lost £700 in profit (−£900 to −£500)" in said["stop", "bad"]
    assert "earned £900 in profit (£700 to £1,100), £0.90 for each" in said["repeat", "good"]
    assert "300 people" in said["enlarge", "good"]
    assert "£210 to £330 more" in said["enlarge", "good"]
    assert "4,000 more people" in said["judge later", "open"]
    assert "21 March 2026" in said["wait", "early"]


def _missing() -> dict[str, Any]:
    return estimate(0, 0) | {
        "estimate": None,
        "lower": None,
        "upper": None,
        "reason": "nobody was held out",
    }


def _no_figures() -> dict[str, Any]:
    lifts = {"revenue": {"total": _missing(), "relative": _missing()}}
    return {"more": {"profit": _missing(), "lifts": lifts}}


def _running() -> dict[str, Any]:
    return {
        "starts_at": START.isoformat(),
        "ends_at": (START + timedelta(days=20)).isoformat(),
        "measured_until": (START + timedelta(days=5)).isoformat(),
        "finished": False,
    }


def test_the_best_of_many_by_luck_is_not_praised() -> None:
    """An interval that just excludes nothing is a finding of one campaign, and none of twenty."""
    lucky = document("lucky", 210, 200)
    assert verbs(told([lucky])) == [("repeat", "lucky")]
    crowd = [document(f"c{number:02}", 10.0 * (number % 3), 200) for number in range(20)]
    assert ("judge later", "lucky") in verbs(told([lucky, *crowd]))


def test_a_gain_that_is_ruled_out_is_said_to_be() -> None:
    strength = {"needed_for_worth": 1000, "underpowered": False}
    found = told([document("flat", 1, 20, views={"strength": strength})])
    assert "A gain of 5% in revenue is ruled out" in found.steps[0].sentence
    without = told([document("old", 1, 20, views=None)])
    assert "One more wave" in without.steps[0].sentence


def test_the_outlook_is_the_meta_analysis_of_campaigns() -> None:
    figures = [(900.0, 200.0), (100.0, 300.0), (-50.0, 100.0), (300.0, 250.0)]
    found = told([document(f"c{n}", *one) for n, one in enumerate(figures)]).outlook
    direct = pool([one / 1000 for one, _half in figures], [half / 1959.964 for _, half in figures])
    assert found.each.mean.estimate == pytest.approx(direct.mean.estimate, rel=1e-5)
    assert found.each.next.lower == pytest.approx(direct.next.lower, rel=1e-3)
    assert found.unit == "profit"
    assert "Campaigns like these 4 bring" in found.sentence
    assert "Campaigns differ by more than chance" in found.sentence
    # Each is drawn towards the mean, the unsure ones most.
    assert direct.mean.estimate < found.expected["c0"] < 0.9
    repeat = next(step for step in told([document(f"c{n}", *one) for n, one in enumerate(figures)]).steps if step.verb == "repeat")  # fmt: skip
    assert f"Expect £{found.expected['c0']:.2f} next time" in repeat.sentence


def test_waves_count_as_one_campaign() -> None:
    waves = [document("spring", 300, 200, plan_id=f"spring-{n}") for n in range(3)]
    found = told([*waves, document("summer", 100, 200), document("autumn", 150, 200)])
    assert found.outlook.each.count == 3
    assert ("repeat", "spring") in verbs(found)
    said = next(step.sentence for step in found.steps if step.campaign == "spring")
    assert "in 3 waves" in said
    assert "£0.30 for each person" in said


def test_little_is_said_where_little_is_known() -> None:
    none = told([])
    assert none.steps == ()
    assert "there are no campaigns" in none.outlook.sentence
    two = told([document("a", 100, 50), document("b", 120, 50)])
    assert "three campaigns are needed" in two.outlook.sentence
    assert two.outlook.expected == {}


def test_two_campaigns_tell_of_themselves_and_no_change_below_a_loss_of_everything() -> None:
    """Taken as they stand, the relative lifts of these two gave a range that began far below −100 %."""
    two = [document("a", 1200, 900), document("b", 500, 800)]
    for one, (middle, half) in zip(two, [(0.9, 0.7), (0.1, 0.5)], strict=True):
        one["lifts"]["revenue"]["relative"] = estimate(middle, half)
    found = told(two)
    relative, these = found.outlook.relative, found.outlook.these
    assert relative.count == 2
    assert relative.mean.estimate is None
    assert "By what share they move revenue cannot be told: the ends" in found.outlook.sentence
    assert "%" not in found.outlook.sentence
    assert (these.estimate, these.lower) == pytest.approx((0.85, 0.85 - 0.5 * 1.45**0.5), abs=1e-3)
    assert (
        "These 2 campaigns brought £0.85 of profit for each person contacted (£0.25 to £1.45)"
        in found.outlook.sentence
    )
    page = earnings_html(found, title="2026", timezone="UTC", made_at=UNTIL)
    assert "fixed effects" in page
    assert "These campaigns" in page
    assert "Hartung and Knapp" in page


def test_a_campaign_whose_own_share_has_no_bounds_is_counted_out_of_the_shares_alone() -> None:
    documents = [document(f"c{n}", 100 + n, 60) for n in range(4)]
    documents[0]["lifts"]["revenue"]["relative"] = estimate(-0.4, 0.8)
    documents[1]["lifts"]["revenue"]["relative"] = _missing()
    found = told(documents).outlook
    assert (found.each.count, found.relative.count) == (4, 2)
    assert "(of 2 of them; of the others the share has no bounds)" in found.sentence
    assert found.relative.mean.lower is not None
    assert found.relative.mean.lower > -1.0
    assert found.shown is found.each.mean


def test_the_page_has_the_steps_and_the_next_campaign_and_what_people_wrote_does_nothing() -> None:
    holdout = HoldoutEffect(
        holdout="always-on",
        metric="margin",
        currency="GBP",
        periods=(),
        total=Estimate(estimate=1.0, lower=0.0, upper=2.0, confidence=0.95, method="MOVER"),
        sent=True,
        sentence="Against the 400 people whom no campaign could contact all promotion added £1.",
    )
    found = told(
        [document("<b>good", 900, 200), document("bad", -700, 200), document("c", 100, 400)],
        holdouts=[holdout],
    )
    page = earnings_html(found, title="2026Q1", timezone="UTC", made_at=UNTIL)
    assert "What to do next" in page
    assert "What the next campaign may bring" in page
    assert "whom no campaign could contact" in page
    assert "<b>good" not in page
    assert "\N{MINUS SIGN}\N{WORD JOINER}£900" in page
    body = found.to_dict()
    assert body["steps"][0]["verb"] == "all promotion"
    assert body["outlook"]["each"]["count"] == 3


def test_a_quarter_of_six_campaigns_prints_on_one_sheet(tmp_path: Path) -> None:
    documents = [
        document("spring-winback", 9000, 2000, excluded={"budget": 3000}),
        document("price-drop-news", -2700, 1500),
        document("baby-club", 300, 1400),
        document("new-arrivals-sms", 1100, 2300),
        document("broken-import", 500, 100, verdict="mismatch"),
        document("autumn-preview", 100, 400, span=_running()),
    ]
    file = tmp_path / "executive.html"
    page = earnings_html(told(documents), title="2026Q1", timezone="UTC", made_at=UNTIL)
    file.write_text(page, encoding="utf-8")
    with Browser() as browser:
        tab = browser.open(file.as_uri())
        assert tab.run("document.documentElement.scrollWidth <= window.innerWidth")
        printed = base64.b64decode(tab.call("Page.printToPDF", {"preferCSSPageSize": True})["data"])
    assert len(re.findall(rb"/Type\s*/Page\b", printed)) == 1
