"""The page: whole, alone, harmless, readable by everybody."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
import pytest

from aimwell.measure.lifts import lifts_of, profit
from aimwell.measure.model import CampaignResult, Delivery, Figure, Truth
from aimwell.measure.people import People, arm_figures
from aimwell.measure.report import report_html
from aimwell.stats.estimate import Estimate

NASTY = '"><script>alert(1)</script><img src=x onerror=alert(2)>{{ 7*7 }}'


class Reader(HTMLParser):
    """Collects tags with their attributes, and checks that what is opened is closed."""

    EMPTY: ClassVar = {"meta", "br", "hr", "img", "input", "link"}

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    reader.close()
    assert reader.open == []
    return reader


def test_the_page_stands_alone(result: CampaignResult) -> None:
    page = report_html(result)
    reader = read(page)
    tags = {tag for tag, _ in reader.tags}
    assert not tags & {
        "script",
        "link",
        "img",
        "iframe",
        "object",
        "embed",
        "form",
        "video",
        "base",
    }
    for _tag, attributes in reader.tags:
        assert not {"src", "href", "action", "data", "srcset", "poster"} & set(attributes)
        assert not [name for name in attributes if name.startswith("on")]
    assert "url(" not in page
    assert "@import" not in page
    assert "http:" not in page
    assert "https:" not in page
    policy = next(a for tag, a in reader.tags if tag == "meta" and a.get("http-equiv"))
    assert (policy["content"] or "").startswith("default-src 'none'; style-src 'unsafe-inline'")


def test_the_page_shows_what_was_measured(result: CampaignResult) -> None:
    page = report_html(result)
    for text in (
        "Sending earned £3 more.",
        "Not sure yet",
        "14 days from 1 March 2026",
        "measured 15 March 2026, 09:00 (Europe/London)",
        "segment lapsing",
        "conversions ÷ targeted customers × 100",
        "clicks or opens ÷ total audience × 100",
        "(post-campaign CLV − pre-campaign CLV) ÷ pre-campaign CLV × 100",
        "excluded: has had as many messages as the contact policy allows",
        "How it was done.",
        "Mind this.",
        "Held out",
    ):
        assert text in page, text
    for kpi in result.kpis:
        assert kpi.label in page
        assert kpi.formula in page


def test_dates_are_those_of_the_workspaces_time_zone(result: CampaignResult) -> None:
    moved = timedelta(hours=14.5)  # to half past eleven in the evening, as UTC has it
    span = replace(
        result.span,
        **{
            name: getattr(result.span, name) + moved
            for name in ("starts_at", "ends_at", "measured_until")
        },
    )
    tokyo = replace(result, span=span, measured_at=span.ends_at, timezone="Asia/Tokyo")
    page = report_html(tokyo)
    assert "14 days from 2 March 2026" in page
    assert "measured 16 March 2026, 08:30 (Asia/Tokyo)" in page
    plain = tokyo.to_dict()
    assert plain["span"]["starts_at"] == "2026-03-01T23:30:00+00:00"
    assert plain["timezone"] == "Asia/Tokyo"


def test_names_that_people_wrote_do_nothing(result: CampaignResult) -> None:
    nasty = replace(
        result,
        campaign=NASTY,
        audience=NASTY,
        goal=NASTY,
        plan_id=NASTY,
        sentence=NASTY,
        excluded={NASTY: 1},
        caveats=(NASTY,),
        methods=(NASTY,),
        delivery=replace(result.delivery, stopped={NASTY: 2}),
        actions=tuple(replace(row, action=NASTY, channel=NASTY) for row in result.actions),
        truth=Truth(source=NASTY, revenue=1.0, profit=2.0),
    )
    reader = read(report_html(nasty))
    assert not {tag for tag, _ in reader.tags} & {"script", "img"}
    assert NASTY in "".join(reader.text)


def test_a_minus_is_not_parted_from_its_amount_at_the_end_of_a_line(result: CampaignResult) -> None:
    page = report_html(replace(result, sentence="It could be anything between −£40 and £660."))
    assert "between −\N{WORD JOINER}£40 and" in page


def test_everything_that_is_drawn_is_also_told(result: CampaignResult) -> None:
    reader = read(report_html(result))
    drawings = [
        attributes
        for tag, attributes in reader.tags
        if tag == "svg" and "chart" in (attributes.get("class") or "")
    ]
    assert drawings
    ids = [attributes["id"] for _tag, attributes in reader.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    for drawing in drawings:
        if drawing.get("aria-hidden") != "true":
            assert drawing["role"] == "img"
            assert set((drawing["aria-labelledby"] or "").split()) <= set(ids)
    levels = [int(tag[1]) for tag, _ in reader.tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert all(b - a <= 1 for a, b in pairwise(levels))
    html = next(attributes for tag, attributes in reader.tags if tag == "html")
    assert html["lang"] == "en"


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def palettes(page: str) -> list[dict[str, str]]:
    """The colours of light, dark and print, in this order."""
    return [
        dict(re.findall(r"--([a-z]+): (#[0-9a-f]{6})", block))
        for block in re.findall(r":root \{(.*?)\}", page, re.S)
    ]


def test_colours_have_the_contrast_that_wcag_asks_for(result: CampaignResult) -> None:
    found = palettes(report_html(result))
    assert len(found) == 3
    for colours in found:
        for ground in ("page", "card", "tint"):
            for ink in ("ink", "soft"):
                assert contrast(colours[ink], colours[ground]) >= 4.5, (ink, ground)
        for tone in ("good", "bad", "warn", "wait", "treated", "control"):
            assert contrast(colours[tone], colours["card"]) >= 4.5, tone


def seen_with(colour: str, rows: list[list[float]]) -> np.ndarray:
    parts = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]) ** 2.2
    return np.clip(np.array(rows) @ parts, 0, 1)


@pytest.mark.parametrize(
    "sight",
    [
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ],
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ],
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ],
    ],
    ids=["protanopia", "deuteranopia", "tritanopia"],
)
def test_the_two_groups_can_be_told_apart_without_seeing_all_colours(
    result: CampaignResult, sight: list[list[float]]
) -> None:
    """By the matrices of Machado, Oliveira and Fernandes (2009) for full deficiency."""
    page = report_html(result)
    for colours in palettes(page):
        apart = np.abs(seen_with(colours["treated"], sight) - seen_with(colours["control"], sight))
        assert apart.max() > 0.15
    assert "stroke-dasharray" in page


def test_it_follows_the_reader_to_the_dark_to_the_phone_and_to_paper(
    result: CampaignResult,
) -> None:
    page = report_html(result)
    for rule in (
        "prefers-color-scheme: dark",
        "max-width: 640px",
        "@media print",
        "size: A4",
        "tabular-nums",
    ):
        assert rule in page
    assert 'name="viewport"' in page


def test_the_truth_stands_beside_what_was_measured(result: CampaignResult) -> None:
    known = replace(result, truth=Truth(source="the demo shop", profit=20.0))
    page = report_html(known)
    assert "so the true effect is known, from the demo shop." in page
    assert "Profit added: the truth is £20.00" in page
    assert 'class="truth"' in page
    assert 'class="truth"' not in report_html(result)


@pytest.mark.parametrize(
    "verdict", ["gain", "loss", "no_control", "not_sent", "trial", "undefined", "mismatch"]
)
def test_every_verdict_has_its_page(result: CampaignResult, verdict: Any) -> None:
    read(report_html(replace(result, verdict=verdict)))


def test_a_result_without_anything_is_still_a_page(
    result: CampaignResult,
    make_people: Callable[..., People],
    make_delivery: Callable[..., Delivery],
) -> None:
    nobody = make_people([])
    lifts = lifts_of(nobody, seed=1, permutations=199)
    empty = replace(
        result, audience_size=0, excluded={}, treated=arm_figures(nobody, nobody.treated),
        control=arm_figures(nobody, ~nobody.treated), lifts=lifts, profit=profit(lifts, contact_cost=0.0),
        daily=(), actions=(), caveats=(), delivery=make_delivery(),
        span=replace(result.span, measured_until=result.span.starts_at + timedelta(days=2)),
    )  # fmt: skip
    page = report_html(empty)
    read(page)
    assert "2 days so far of 14 days" in page
    assert "Nothing to compare yet" in page
    assert "nobody has bought anything since the plan began" in page
    # No chart of a line at zero, and no tables of dashes.
    assert not any(
        word in page for word in ("day by day", "By action", "The two groups", "missing:")
    )
    over = replace(empty, span=replace(empty.span, measured_until=empty.span.ends_at))
    assert "nobody bought anything in the window" in report_html(over)


def test_a_chart_of_days_begins_with_the_first_whole_day(result: CampaignResult) -> None:
    """Before that it would be one point, on a scale of 'day 0.00017'."""
    first = [replace(point, day=0.4) for point in result.daily[:2]]
    assert "day by day" not in report_html(replace(result, daily=tuple(first)))
    odd = [replace(point, day=point.day * 1.0123456) for point in result.daily]
    last = max(point.day for point in odd)
    assert f"day {round(last, 1):g}<" in report_html(replace(result, daily=tuple(odd)))


def test_the_same_result_gives_the_same_page(result: CampaignResult) -> None:
    assert report_html(result) == report_html(result)


def test_a_card_says_once_why_it_has_no_figure(result: CampaignResult) -> None:
    free = "the campaign cost nothing, so a return on it is not defined"
    kpi = replace(
        result.kpi("return_on_ad_spend"),
        value=Figure(value=None, reason=free),
        causal=Estimate.missing(free, method="incremental revenue over spend"),
    )
    page = report_html(replace(result, kpis=(kpi,)))
    assert page.count(f"T{free[1:]}.") == 1
