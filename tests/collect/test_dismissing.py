"""Rows of the quarantine that are wrong for good, and rows that were right all along."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from aimwell.collect import loads, quarantine
from aimwell.collect.corrections import read_corrections
from aimwell.collect.dismissing import dismiss, take_back
from aimwell.collect.replaying import replay, write_quarantine
from aimwell.errors import CollectError, LeaseBusyError
from collecting import COLUMNS, NOW, ORDERS, Shop, balanced, source_of

LATER = NOW + timedelta(hours=1)
ROWS = f"""{COLUMNS}
1,2026-01-05,ann,mug,2,4.50
2,2026-01-06,bob,mug,two,4.50
3,never,cat,mug,1,4.50
4,2026-01-06,dan,mug,900,4.50
5,2026-01-06,eve,mug,901,4.50
6,2026-01-07,eve,cup,1,5
8,2026-01-07,eve,cup,1,6
"""
STRICT = {
    **ORDERS,
    "expect": [
        {"field": "quantity", "at_most": 500},
        {"unique": ["customer_id", "sku"]},
    ],
}


def reasons(shop: Shop) -> dict[str, int]:
    return dict(quarantine(shop.stores, "shop").counts.get("shop", {}))


def test_rows_that_are_wrong_for_good_wait_and_count_no_longer(shop_on_both: Shop) -> None:
    shop = shop_on_both
    source = source_of(STRICT)
    shop.collect(ROWS, source)
    assert reasons(shop) == {"out_of_range": 2, "not_a_number": 1, "not_a_time": 1, "not_unique": 1}
    assert (
        dismiss(shop.stores, "shop", why="tests", by="ann", now=LATER, reason="out_of_range") == 2
    )
    assert reasons(shop) == {"not_a_number": 1, "not_a_time": 1, "not_unique": 1}
    found = quarantine(shop.stores, "shop")
    assert (found.total, found.dismissed) == (3, 2)
    # In a later, larger file they are nothing new, and they are not set aside again.
    load = shop.collect(ROWS + "7,2026-01-08,fay,mug,1,4\n", source, now=LATER)
    assert balanced(load)
    assert (load.rows_taken, load.known, load.quarantined) == (1, 4, 3)
    assert reasons(shop) == {"not_a_number": 1, "not_a_time": 1, "not_unique": 1}
    assert (
        shop.control_rows("quarantine_dismissed", "why", "dismissed_by") == [("tests", "ann")] * 2
    )
    logged = shop.control_rows("audit_log", "action", "actor", "detail")
    assert ("quarantine dismissed", "ann", {"rows": 2}) in logged
    assert take_back(shop.stores, "shop", by="ann") == 2
    assert reasons(shop)["out_of_range"] == 2


def test_rows_that_a_replay_may_be_taking_are_not_dismissed_meanwhile(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.collect(ROWS, source_of(STRICT))
    before = reasons(shop)
    monkeypatch.setattr(loads, "_WAIT_SECONDS", 0)
    with loads.hold_source(shop.stores, "shop"), ThreadPoolExecutor(1) as other:
        dismissed = other.submit(dismiss, shop.stores, "shop", why="tests", by="ann", now=LATER)
        with pytest.raises(LeaseBusyError):
            dismissed.result()
    assert reasons(shop) == before


def test_only_the_rows_that_a_file_names_are_dismissed(shop: Shop) -> None:
    shop.collect(ROWS, source_of(STRICT))
    path = shop.folder / "bad.csv"
    write_quarantine(shop.stores, "shop", path, by="ann", reason="out_of_range")
    one, two = read_corrections(path)
    named: Any = {"why": "a robot", "by": "ann", "now": LATER}
    assert dismiss(shop.stores, "shop", corrections=[one], **named) == 1
    assert reasons(shop)["out_of_range"] == 1
    with pytest.raises(CollectError, match="No row of 'shop' was dismissed"):
        take_back(shop.stores, "shop", by="ann", corrections=[two])
    with pytest.raises(CollectError, match="No row of 'shop' waits in quarantine that the file"):
        dismiss(shop.stores, "shop", corrections=[one], **named)
    with pytest.raises(CollectError, match="Say why"):
        dismiss(shop.stores, "shop", why=" ", by="ann", now=LATER)


def test_rows_that_were_right_are_taken_against_the_expectation_once(shop: Shop) -> None:
    source = source_of(STRICT)
    shop.collect(ROWS, source)
    options: Any = {"now": LATER, "root": shop.folder}
    report = replay(shop.stores, source.name, reason="out_of_range", accept=True, **options)
    assert (report.left, report.stay) == (2, 0)
    [load] = report.loads
    assert balanced(load)
    assert [(one.kind, one.broken) for one in load.expectations][:1] == [("range", 2)]
    # What has not the form of its target cannot be taken by anybody's word.
    report = replay(shop.stores, source.name, reason="not_a_number", accept=True, **options)
    assert (report.left, report.stay) == (0, 1)
    report = replay(shop.stores, source.name, reason="not_unique", accept=True, **options)
    assert (report.left, report.stay) == (1, 0)
    assert reasons(shop) == {"not_a_number": 1, "not_a_time": 1}
    # A later file has them too: they are neither taken twice nor set aside again.
    load = shop.collect(ROWS + "7,2026-01-08,fay,mug,1,4\n", source, now=LATER)
    assert balanced(load)
    assert (load.rows_taken, load.quarantined) == (1, 2)
    assert sorted(quantity for (quantity,) in shop.rows("order_lines", "quantity")) == [
        *([1] * 3),
        2,
        900,
        901,
    ]
