"""The tables of a report: the same numbers as in the result, each step where it belongs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from aimwell.cli.measure_rows import show_actions
from aimwell.cli.output import Output
from aimwell.measure.formatting import money, percent
from aimwell.measure.model import CampaignResult, ChosenFor
from aimwell.measure.report import report_html
from aimwell.measure.report_tables import (
    action_rows,
    arm_rows,
    chosen_rows,
    funnel,
    kpi_card,
    lift_rows,
)
from aimwell.measure.shown import signed
from aimwell.measure.view_tables import lift_csv
from aimwell.stats.estimate import Estimate


def test_the_funnel_goes_from_the_audience_to_the_order(result: CampaignResult) -> None:
    rows = [(row["label"], row["n"], row["share"]) for row in funnel(result)]
    assert rows == [
        ("Audience", "230", ""),
        ("excluded: has had as many messages as the contact policy allows", "30", "13.0%"),
        ("Eligible", "200", "87.0%"),
        ("Held out to compare", "40", "20.0%"),
        ("To be contacted", "160", "80.0%"),
        ("not sent: has had as many messages as the contact policy allows", "10", ""),
        ("Sent", "150", "93.8%"),
        ("Opened", "40", "26.7%"),
        ("opened by machines alone", "20", ""),
        ("Clicked", "9", "6.0%"),
        ("Bought", "160", "100.0%"),
    ]


def test_the_funnel_shows_what_else_happened_and_another_goal(result: CampaignResult) -> None:
    odd = replace(
        result,
        treated=replace(result.treated, converted=3),
        delivery=replace(
            result.delivery,
            failed={"refused": 2},
            unknown=1,
            waiting=4,
            clicked_machine=5,
            unsubscribed=6,
        ),
    )
    rows = {row["label"]: row["n"] for row in funnel(odd)}
    assert rows["not sent: the mail server refused the message"] == "2"
    assert rows["not known whether it arrived"] == "1"
    assert rows["still waiting"] == "4"
    assert rows["clicked by machines alone"] == "5"
    assert rows["unsubscribed"] == "6"
    assert rows["Reached the goal"] == "3"


def test_the_groups_are_shown_as_they_were_observed(result: CampaignResult) -> None:
    rows = {row["label"]: (row["treated"], row["control"]) for row in arm_rows(result)}
    assert rows["People"] == ("160", "40")
    assert rows["Revenue"] == (
        money(result.treated.revenue, "GBP"),
        money(result.control.revenue, "GBP"),
    )
    assert "Margin per person" in rows
    without = replace(result, treated=replace(result.treated, margin=None))
    assert "Margin per person" not in {row["label"] for row in arm_rows(without)}


def test_the_conversion_rate_differs_by_the_same_number_everywhere(result: CampaignResult) -> None:
    row = next(row for row in lift_rows(result) if row["label"] == "Conversion rate")
    card = kpi_card(result.kpi("conversion_rate"), "GBP")
    assert row["difference"] == card["caused"]
    assert row["interval"] == card["caused_interval"]
    assert row["treated"] == card["value"] == percent(100.0)


def test_what_is_missing_is_said_with_its_reason(result: CampaignResult) -> None:
    card = kpi_card(result.kpi("lifetime_value_lift"), "GBP")
    assert card["value"] == card["caused"] == card["interval"] == ""
    assert card["reason"].endswith(".")
    assert card["caused_reason"]
    missing = Estimate.missing("too few people", method="m")
    (row, _other) = action_rows(
        [replace(a, difference=missing, profit=missing, p_adjusted=None) for a in result.actions],
        result,
    )
    assert (row["difference"], row["interval"], row["p"], row["profit"]) == (
        "–",
        "missing: too few people",
        "–",
        "–",
    )


def test_where_chances_differ_profit_is_that_of_everybody(
    result: CampaignResult, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = Estimate.missing("people had different chances", method="none")
    of_all = Estimate(estimate=120.0, lower=-30.0, upper=270.0, confidence=0.975, method="Hájek")
    weighed = tuple(
        replace(one, profit=missing, profit_of_all=of_all, effective=44.2) for one in result.actions
    )
    (row, _other) = action_rows(weighed, result)
    assert row["profit"] == "–"
    assert row["of_all"].startswith("+£120 if everybody got it (")
    assert action_rows(result.actions, result)[0]["of_all"] == ""
    page = report_html(replace(result, actions=weighed))
    assert "+£120 if everybody got it" in page
    show_actions(Output(as_json=False), replace(result, actions=weighed))
    assert "profit +£120 if everybody got it" in capsys.readouterr().out


def test_what_was_chosen_has_a_table_of_its_own(
    result: CampaignResult, capsys: pytest.CaptureFixture[str]
) -> None:
    profit = Estimate(estimate=40.0, lower=10.0, upper=70.0, confidence=0.975, method="Welch")
    missing = Estimate.missing("the policy chose this action for nobody", method="none")
    one = ChosenFor(
        people=60, held_out=20, got=58, contact_cost=6.0, drawn_before=7, difference=profit.times(1 / 60), profit=profit
    )  # fmt: skip
    none = replace(one, people=0, held_out=0, got=0, difference=missing, profit=missing)
    a0, a1 = result.actions
    rows = (replace(a0, chosen=one, profit=profit), replace(a1, chosen=none, profit=missing))
    first, second = chosen_rows(rows, result)
    assert (first["people"], first["held_out"], first["got"]) == ("60", "20", "58")
    assert (first["profit"], first["range"]) == ("+£40.00", "£10.00 to £70.00")
    assert second["missing"] == "the policy chose this action for nobody"
    assert chosen_rows(result.actions, result) == []
    # The table of what it adds to everybody does not show the profit of these few.
    assert action_rows(rows, result)[0]["profit"] == ""
    shown = replace(result, actions=rows)
    page = report_html(shown)
    assert "Among those for whom it was chosen" in page
    assert "7 of earlier waves left out" in page
    assert "Among those for whom" not in report_html(result)
    show_actions(Output(as_json=False), shown)
    told = capsys.readouterr().out
    assert "58 of the 60 got it" in told
    assert "a1: missing: the policy chose this action for nobody" in told
    # Of a single action it is shown too: a policy may pass people over.
    show_actions(Output(as_json=False), replace(result, actions=rows[:1]))
    told = capsys.readouterr().out
    assert "By action" not in told
    assert "58 of the 60 got it" in told
    csv = lift_csv(shown)
    assert 'profit_added:a0,"Profit added by a0, among the 60 for whom it was chosen"' in csv


def test_why_nothing_is_told_of_what_was_chosen(
    result: CampaignResult, capsys: pytest.CaptureFixture[str]
) -> None:
    unknown = Estimate.missing("the plan was made when that was not kept", method="none")
    old = replace(
        result, actions=tuple(replace(a, effective=200.0, profit=unknown) for a in result.actions)
    )
    words = (
        "among those for whom it was chosen is not known: the plan was made when that was not kept."
    )
    show_actions(Output(as_json=False), old)
    assert words in capsys.readouterr().out
    assert words in report_html(old)
    show_actions(Output(as_json=False), result)
    assert "is not known" not in capsys.readouterr().out
    assert "for whom it was chosen" not in report_html(result)


def test_a_variant_is_named_with_its_action(result: CampaignResult) -> None:
    (row, _other) = action_rows([replace(a, variant="warm") for a in result.actions], result)
    assert row["name"] == "a0 / warm"


def test_every_share_of_the_funnel_says_of_what(result: CampaignResult) -> None:
    of = {row["label"]: row["of"] for row in funnel(result)}
    assert of["Audience"] == ""
    assert of["Eligible"] == "of audience"
    assert of["To be contacted"] == of["Held out to compare"] == "of eligible"
    assert of["Sent"] == of["Bought"] == "of group"
    assert of["Opened"] == "of sent"


def test_a_trial_sent_nothing_to_anybody(result: CampaignResult) -> None:
    labels = [row["label"] for row in funnel(replace(result, verdict="trial"))]
    assert "Sent as a trial" in labels
    assert "Sent" not in labels


def test_the_winsorised_difference_stands_beside_that_of_the_randomisation_test(
    result: CampaignResult,
) -> None:
    tame = result.lifts["revenue"].winsorised
    assert tame is not None
    assert tame.difference.estimate is not None
    rows = {row["label"]: row["tame"] for row in lift_rows(result)}
    expected = signed(tame.difference.estimate, "money", "GBP", 2)
    assert rows["Revenue per person"] == f"winsorised: {expected}"
    assert rows["Conversion rate"] == ""
    plain = {"revenue": replace(result.lifts["revenue"], winsorised=None)}
    assert lift_rows(replace(result, lifts=plain))[0]["tame"] == ""
