"""The charts of a report show what the result says."""

from __future__ import annotations

import re
from dataclasses import replace

from aimwell.measure.model import CampaignResult, Truth
from aimwell.measure.report_charts import amounts, amounts_axis, beside_truth, growth
from aimwell.measure.shown import shown_interval
from aimwell.stats.estimate import Estimate


def test_profit_stands_first_where_it_is_known_and_revenue_below(result: CampaignResult) -> None:
    rows = amounts(result)
    assert [row.label for row in rows] == ["Profit added", "Revenue added"]
    assert rows[0].interval == shown_interval(result.profit, "money", "GBP")
    assert rows[1].interval in rows[1].drawing
    alone = replace(result, headline="revenue")
    assert [row.label for row in amounts(alone)] == ["Revenue added"]


def test_what_has_no_interval_is_not_drawn(result: CampaignResult) -> None:
    missing = Estimate.missing("nobody was held out", method="m")
    lifts = {"revenue": replace(result.lifts["revenue"], total=missing)}
    nothing = replace(result, lifts=lifts, profit=missing)
    assert amounts(nothing) == []
    assert amounts_axis(nothing) == ""


def test_the_truth_is_told_with_whether_the_interval_holds_it(result: CampaignResult) -> None:
    estimate = result.profit.estimate or 0.0
    near = replace(result, truth=Truth(source="s", profit=estimate + 1))
    far = replace(result, truth=Truth(source="s", profit=estimate + 1e6, revenue=0.0))
    assert len(beside_truth(near)) == 1
    assert "holds the truth" in beside_truth(near)[0]
    assert "misses the truth" in beside_truth(far)[0]
    assert len(beside_truth(far)) == 2
    assert beside_truth(result) == []


def test_the_scale_of_revenue_begins_at_zero_though_an_interval_reaches_below(
    result: CampaignResult,
) -> None:
    wide = tuple(replace(point, lower=point.mean - 9.0) for point in result.daily)
    drawn = growth(replace(result, daily=wide))
    assert drawn is not None
    assert re.findall(r"<text[^>]*>(.?£[\d.]+)<", drawn["drawing"])[0] in {"£0", "£0.00"}
    heights = [float(y) for y in re.findall(r"[ML][\d.]+ (-?[\d.]+)", drawn["drawing"])]
    assert min(heights) >= 0
    assert max(heights) <= 1000


def test_the_scale_of_revenue_goes_below_zero_where_returns_take_a_mean_there(
    result: CampaignResult,
) -> None:
    returned = tuple(replace(point, mean=-point.mean) for point in result.daily)
    drawn = growth(replace(result, daily=returned))
    assert drawn is not None
    assert "−£2" in drawn["drawing"]


def test_both_groups_grow_from_nothing_and_say_where_they_end(result: CampaignResult) -> None:
    drawn = growth(result)
    assert drawn is not None
    assert [(one["name"], one["end"]) for one in drawn["legend"]] == [
        ("Contacted", "£2.00"),
        ("Held out", "£2.00"),
    ]
    assert "Held out reached £2.00 per person" in drawn["drawing"]
    assert growth(replace(result, daily=())) is None
    trial = growth(replace(result, verdict="trial"))
    assert trial is not None
    assert trial["legend"][0]["name"] == "Would be contacted"
