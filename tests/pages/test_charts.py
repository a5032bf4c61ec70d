"""Charts are well-formed, accessible, harmless and where they should be."""

from __future__ import annotations

import itertools
import re
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimwell.pages import charts


def parsed(svg: str) -> ElementTree.Element:
    return ElementTree.fromstring(svg)  # noqa: S314 - our own text


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0, 10, [0, 5, 10]),
        (-40, 660, [-200, 0, 200, 400, 600, 800]),
        (0, 0.3, [0, 0.1, 0.2, 0.3]),
        (5, 5, [4, 4.5, 5, 5.5, 6]),
    ],
)
def test_ticks_are_round_and_hold_the_range(low: float, high: float, ticks: list[float]) -> None:
    assert charts.nice_ticks(low, high) == ticks


@given(st.floats(-1e7, 1e7), st.floats(1e-3, 1e7))
def test_ticks_of_any_range_hold_it_and_are_few(low: float, width: float) -> None:
    ticks = charts.nice_ticks(low, low + width)
    assert ticks[0] <= low + 1e-6 * max(1, abs(low))
    assert ticks[-1] >= low + width - 1e-6 * max(1, abs(low + width))
    assert 2 <= len(ticks) <= 8
    assert ticks == sorted(set(ticks))


def test_a_whisker_lies_where_its_numbers_are() -> None:
    one = charts.Whisker(50, 0, 100, truth=25)
    scale = (0.0, 200.0)
    tree = parsed(charts.whisker(one, scale, title="Profit", description="from 0 to 100"))
    (dot,) = [e for e in tree.iter() if e.get("class") == "dot"]
    assert dot.get("cx") == "25.000%"
    assert any(e.get("x") == "12.500%" for e in tree.iter())
    reach = [e for e in tree.iter() if e.get("class") == "reach"]
    assert (reach[0].get("x1"), reach[0].get("x2")) == ("0.000%", "50.000%")


def test_a_chart_says_what_it_shows_to_those_who_cannot_see_it() -> None:
    tree = parsed(
        charts.whisker(
            charts.Whisker(1, 0, 2), (-1, 3), title="Profit added", description="Estimate 1"
        )
    )
    assert tree.get("role") == "img"
    labels = (tree.get("aria-labelledby") or "").split()
    named = {e.get("id"): e.text for e in tree}
    assert [named[label] for label in labels] == ["Profit added", "Estimate 1"]


def test_texts_are_escaped() -> None:
    nasty = '</title><script>alert("1")</script>'
    drawing = charts.growth(
        [charts.Band(nasty, "treated", ((0, 0, 0, 0), (1, 2, 1, 3)))],
        x_max=1,
        x_labels=[(0, nasty)],
        y_labels=[(0, nasty), (3, "b")],
        title=nasty,
        description=nasty,
    )
    assert "<script" not in drawing
    parsed(drawing)


def test_a_line_runs_from_corner_to_corner() -> None:
    drawing = charts.growth(
        [charts.Band("a", "treated", ((0, 0, 0, 0), (10, 4, 2, 4)))],
        x_max=10,
        x_labels=[(0, "start"), (10, "end")],
        y_labels=[(0, "0"), (4, "4")],
        title="t",
        description="d",
    )
    assert 'class="line treated" d="M0.0 1000.0L1000.0 0.0"' in drawing
    assert re.search(
        r'class="band treated" d="M0.0 1000.0L1000.0 0.0L1000.0 500.0L0.0 1000.0Z"', drawing
    )


def test_labels_of_amounts_stand_beside_the_lines_not_on_them() -> None:
    drawing = parsed(
        charts.growth(
            [charts.Band("a", "treated", ((0, 0, 0, 0), (10, 4, 2, 4)))],
            x_max=10,
            x_labels=[(0, "start"), (10, "end")],
            y_labels=[(0, "£0"), (4, "£4,000")],
            title="t",
            description="d",
        )
    )
    column, plot = list(drawing)
    assert [text.text for text in column] == ["£0", "£4,000"]
    assert "£0" not in {text.text for text in plot.iter("text")}


@given(st.floats(-1e6, 0), st.floats(1, 1e6))
def test_labels_of_an_axis_never_touch_on_a_phone(low: float, high: float) -> None:
    ticks = charts.fitting_ticks((low, high), lambda found: [f"£{tick:,.0f}" for tick in found])
    places = [300 * (tick - low) / (high - low) for tick, _label in ticks]
    for (place, after), (_, label) in zip(itertools.pairwise(places), ticks, strict=False):
        if len(ticks) > 2:
            assert after - place >= 7 * len(label)
    for tick, label in ticks:
        drawn = charts.axis((low, high), [(tick, label)])
        place, half = 300 * (tick - low) / (high - low), 7 * len(label) / 2
        if 'anchor="middle"' in drawn:
            assert place - half > -14
            assert place + half < 314


def test_a_bar_never_leaves_its_place() -> None:
    assert 'width="100.000%"' in charts.bar(1.7, "sent")
    assert 'width="0.000%"' in charts.bar(-1, "sent")


def test_the_scale_holds_zero_estimates_and_truth() -> None:
    low, high = charts.whiskers_scale([charts.Whisker(5, 4, 6, truth=9)])
    assert low < 0 < 9 < high
    assert charts.whiskers_scale([])[0] < charts.whiskers_scale([])[1]


def test_a_trend_breaks_where_a_value_is_missing_and_stays_within_its_place() -> None:
    drawn = charts.trend(
        [0.9, 1.0, None, 0.2, 1.0],
        low=0.5,
        labels=("50%", "100%"),
        ends=("1 May", "5 May"),
        title="Validity <b>",
        description="from 1 to 5 May",
    )
    tree = parsed(drawn)
    lines = [e for e in tree.iter() if e.get("class") == "line treated"]
    dots = [e for e in tree.iter() if e.get("class") == "dot"]
    assert (len(lines), len(dots)) == (2, 4)
    assert all(0 <= float(str(dot.get("cx")).rstrip("%")) <= 100 for dot in dots)
    heights = [float(str(dot.get("cy"))) for dot in dots]
    assert heights[1] == heights[3] == min(heights)
    assert heights[2] == 104  # what is below the scale stands on its edge
    [title] = [e for e in tree.iter() if e.tag.endswith("title")]
    assert title.text == "Validity <b>"
