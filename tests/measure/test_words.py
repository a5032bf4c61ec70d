"""How a result was measured and what to mind, in words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from aimwell.measure.lifts import lifts_of
from aimwell.measure.model import CampaignResult, Span
from aimwell.measure.people import People
from aimwell.measure.words import explained
from aimwell.stats.srm import check_ratio


def told(result: CampaignResult, **more: Any) -> CampaignResult:
    plain: dict[str, Any] = {"margin_unknown": 0, "newest_order_at": None, "reached_nobody": False}
    return explained(result, **{**plain, **more})


def test_the_method_is_told_with_its_reason(result: CampaignResult) -> None:
    text = "\n".join(told(result).methods)
    assert "160 people" in text
    assert result.lifts["revenue"].choice.because in text
    assert result.lifts["revenue"].difference.method in text
    assert "CUPED" in text
    assert "Profit is the margin that sending added, less what offers cost (£0.00" in text
    assert "Holm" in text


def test_the_winsorised_figure_is_told_beside(
    result: CampaignResult, make_people: Callable[..., People]
) -> None:
    rng = np.random.default_rng(1)
    people = make_people(
        [0] * 300 + [-1] * 300, orders=np.ones(600), revenue=rng.pareto(1.5, 600) * 10
    )
    lifts = lifts_of(people, seed=1, permutations=199)
    assert lifts["revenue"].winsorised is not None
    text = "\n".join(told(replace(result, lifts=lifts)).methods)
    assert "most extreme spenders pulled in to £" in text
    assert "could not be used to take out noise: the covariate is constant" in text


def test_noise_taken_away_is_told_in_percent(
    result: CampaignResult, make_people: Callable[..., People]
) -> None:
    rng = np.random.default_rng(1)
    before = rng.normal(100, 30, 800)
    people = make_people(
        [0] * 400 + [-1] * 400, orders=np.ones(800), revenue=before + rng.normal(0, 15, 800), spend_before=before
    )  # fmt: skip
    lifts = lifts_of(people, seed=1)
    share = lifts["revenue"].adjustment.variance_reduction
    assert share == pytest.approx(0.8, abs=0.06)
    text = "\n".join(told(replace(result, lifts=lifts)).methods)
    assert f"That took away {100 * (share or 0):.1f}% of the noise" in text


@pytest.mark.parametrize(("days_before_end", "warned"), [(0.5, False), (1.2, False), (3, True)])
def test_data_that_ends_too_early_is_noticed(
    result: CampaignResult, days_before_end: float, warned: bool
) -> None:
    newest = result.span.measured_until - timedelta(days=days_before_end)
    caveats = told(result, newest_order_at=newest).caveats
    assert any(line.startswith("The newest order in the data") for line in caveats) is warned


def test_sizes_and_states_that_a_reader_must_mind(result: CampaignResult, unfinished: Span) -> None:
    odd = replace(
        result, span=unfinished, state="cancelled", merged=3,
        delivery=replace(result.delivery, waiting=4, unknown=2, sent=100),
        ratio=check_ratio({"treated": 900, "held out": 100}, {"treated": 0.8, "held out": 0.2}),
    )  # fmt: skip
    text = "\n".join(told(odd, margin_unknown=7).caveats)
    for words in (
        "Measured so far: 9 days of its 14 days.",
        "Profit is unknown: 7 people",
        "The smaller group has 40 people",
        "3 people turned out to be several records",
        "The arms are not as large as planned",
        "4 messages are still waiting",
        "Of 2 messages it is not known",
        "54 of 160 people got no message",
        "The plan was cancelled",
    ):
        assert words in text, words


def test_a_sound_result_needs_no_caveat(result: CampaignResult) -> None:
    large = replace(
        result,
        treated=replace(result.treated, people=800),
        control=replace(result.control, people=200),
        delivery=replace(result.delivery, sent=800, messages=800, stopped={}),
    )
    assert told(large).caveats == ()
