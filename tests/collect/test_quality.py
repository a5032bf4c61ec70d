"""Measures of quality: by their formulas, missing with a reason, over time, in a page and in the terminal."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from aimwell.collect.model import ExpectationResult, LoadReport
from aimwell.collect.quality import FORMULAS, measures_of, quality, share_words
from aimwell.collect.quality_page import quality_html
from aimwell.definitions import service as definitions
from aimwell.errors import CollectError
from collecting import COLUMNS, NOW, ORDERS, Shop, source_of

REPORT = LoadReport(
    load_id="l1",
    source="shop",
    entity="orders",
    state="taken",
    collected_at=NOW,
    rows_read=110,
    ignored=10,
    duplicates=5,
    quarantined=8,
    quarantined_by_reason={"missing": 3, "who": 2, "not_unique": 1, "line_changed": 2},
    rows_cut=99,
    mapped=6,
    gaps={"customer_id": 10},
    filled={"sku": 8},
    warned={"validity": 7, "consistency": 4},
    compares=True,
    expectations=(
        ExpectationResult("who", "exists_in", "customer_id", "quarantine", 99, 2, "known"),
    ),
    last_at=NOW - timedelta(hours=36),
)


def test_each_measure_is_worked_out_by_its_formula() -> None:
    found = measures_of(REPORT, timedelta(hours=24))
    assert {name: one.value for name, one in found.items()} == {
        "completeness": pytest.approx((594 - 18) / 594),
        "validity": pytest.approx(0.90),  # 3 in quarantine and 7 with a warning, of 100
        "uniqueness": pytest.approx(0.94),  # 5 duplicates, 1 not unique
        "consistency": pytest.approx(0.92),  # 2 of unknown customers, 2 changed lines, 4 warnings
        "freshness": pytest.approx(24 / 36),
    }
    assert list(found) == list(FORMULAS)
    assert measures_of(REPORT, timedelta(hours=48))["freshness"].value == 1


@pytest.mark.parametrize(
    ("change", "dimension", "reason"),
    [
        ({"rows_read": 10, "rows_cut": 0}, "validity", "the files had no rows"),
        ({"rows_cut": 0}, "completeness", "the files had no rows"),
        ({"rows_cut": None}, "completeness", "the load is older than this measure"),
        ({"compares": False}, "consistency", "no reference, required join or check"),
        ({"last_at": None}, "freshness", "no new row had a time"),
    ],
)
def test_what_is_undefined_is_missing_with_its_reason(
    change: dict[str, Any], dimension: str, reason: str
) -> None:
    found = measures_of(replace(REPORT, **change), timedelta(hours=24))[dimension]
    assert found.value is None
    assert found.reason is not None
    assert found.reason.startswith(reason)
    assert (
        measures_of(REPORT, None)["freshness"].reason == "no `freshness` is written for the source"
    )


def test_a_share_is_never_rounded_to_all_or_nothing() -> None:
    shown = [share_words(value) for value in (1.0, 0.0, 0.98765, 0.9999, 0.9999999, 0.0000001)]
    assert shown == ["100%", "0%", "98.8%", "99.990%", "99.999%", "0.001%"]


def collected(shop: Shop) -> None:
    source = source_of(
        {
            **ORDERS,
            "expect": [
                {"field": "sku", "in": ["mug", "tea"], "severity": "warn"},
                {"field": "customer_id", "required": True, "severity": "warn"},
            ],
        },
        freshness="26h",
    )
    definitions.apply(shop.stores.control, [source], now=NOW, by="ann")
    days = [
        "1,2026-05-31,ann,mug,1,2\n2,2026-05-31,bob,jug,1,2\n",
        "3,2026-05-31,,jug,1,2\n4,2026-05-31,bob,tea,x,2\n",
        "5,2026-06-02,ann,mug,1,2\n5,2026-06-02,ann,mug,1,2\n",
    ]
    for n, rows in enumerate(days):
        shop.collect(f"{COLUMNS}\n{rows}", source, now=NOW + n * timedelta(days=1))


def test_a_row_that_was_taken_without_its_unreadable_address_is_not_valid(shop: Shop) -> None:
    mapped = {"customer_id": "id", "email": "email", "phone": "phone"}
    source = source_of({"entity": "customers", "map": mapped}, country="GB", files="people.csv")
    shop.write(
        "id,email,phone\nann,ann@x.example,07700 900123\nbob,bob at x,12\ncy,cy@x.example,\ndan,,12\n",
        "people.csv",
    )
    load = shop.collect(source=source)
    assert (load.rows_taken, load.warned) == (4, {"validity": 2})
    assert measures_of(load, None)["validity"].value == 0.5


def test_quality_is_told_load_by_load_in_figures_and_on_a_page(shop_on_both: Shop) -> None:
    shop = shop_on_both
    collected(shop)
    [found] = quality(shop.stores)
    values = {name: [load.measures[name].value for load in found.loads] for name in FORMULAS}
    assert values["validity"] == [0.5, 0.0, 1.0]
    assert values["uniqueness"] == [1.0, 1.0, 0.5]
    assert values["completeness"] == [1.0, pytest.approx(11 / 12), 1.0]
    assert values["consistency"] == [1.0, 1.0, 1.0]
    assert values["freshness"] == [
        pytest.approx(26 / 36),
        pytest.approx(26 / 60),
        pytest.approx(26 / 36),
    ]
    page = quality_html([found], now=NOW, timezone="Europe/London")
    assert page == quality_html([found], now=NOW, timezone="Europe/London")
    assert page.count("<svg") == 5
    assert "sku should be one of mug, tea" in page
    assert not re.search(r"<script|https?://(?!www\.w3\.org)|\bsrc=", page)
    with pytest.raises(CollectError, match=r"Nothing of 'shpo' was ever collected\. Did you mean"):
        quality(shop.stores, "shpo")
