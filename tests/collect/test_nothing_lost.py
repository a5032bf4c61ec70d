"""Properties: every row that is read is accounted for, and how files are cut or repeated changes nothing."""

from __future__ import annotations

import shutil
from collections import Counter, defaultdict
from decimal import Decimal
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aimwell.store.stores import Stores, open_stores
from collecting import COLUMNS, ORDERS, Shop, source_of

_numbers = count()
FEW = settings(max_examples=5, suppress_health_check=[HealthCheck.function_scoped_fixture])
MANY = settings(max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture])

# Values as files have them: good ones, and everything that people and programs make of them.
ORDER_IDS = st.sampled_from(
    ["1", "2", "3", "C4", "", "NULL", "1.5E+18", " 1 ", "é", '"', "a\nb", "7\x00"]
)
DAYS = st.sampled_from(
    [
        "2026-01-05",
        "2026-01-05 10:00:00",
        "31.01.2026",
        "",
        "soon",
        "2026-02-30",
        "0000-00-00",
        "2026-01-05T10:00:00+02:00",
        "1999-01-01",
    ]
)
CUSTOMERS = st.sampled_from(["ann", "bob", "", "12.0", "9" * 25])
SKUS = st.sampled_from(["mug", "tea", "", "POST", "a,b", 'say "hi"', "line\nfeed"])
QUANTITIES = st.sampled_from(
    ["1", "2", "-1", "0", "", "x", "99999999999", "1,000", "1.5", "NaN", "-", "1e3"]
)
PRICES = st.sampled_from(
    ["1", "4.50", "-2", "", "free", "£3", "1e99", "0", "99999999999999", "(3)"]
)
JUNK = st.sampled_from(
    [
        "",
        "\n\n",
        "just one field\n",
        "a,b,c,d,e,f,g,h\n",
        '"never closed,1,2,3\n',
        '1,"x"y,z,1,2,3\n',
        "\r\n",
        ",,,,,\n",
        "\udcff\udcfe,1,1,1,1,1\n",
    ]
)


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if set(text) & set(',"\n') else text


ROW = st.tuples(ORDER_IDS, DAYS, CUSTOMERS, SKUS, QUANTITIES, PRICES).map(
    lambda values: ",".join(map(_quoted, values)) + "\n"
)
FILE = st.lists(st.one_of(ROW, ROW, ROW, ROW, JUNK), max_size=25)


@pytest.fixture(scope="module")
def module_shop(empty_workspace: Path, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """One workspace for all examples; each is a source of its own."""
    root = tmp_path_factory.mktemp("properties")
    stores: Stores = open_stores(shutil.copytree(empty_workspace, root / "workspace"))
    (root / "files").mkdir()
    return Shop(stores, root / "files")


def _every_row(module_shop: Shop, rows: list[str], numbered: bool, repeats: bool) -> None:
    """`report` asserts the sum; here the lake must hold just what the report says."""
    shop = module_shop
    mapping = {**ORDERS["map"], **({"line": "sku"} if numbered else {})}
    entity = {**ORDERS, "map": mapping, "keep_repeats": repeats, "shipping_codes": ["POST"]}
    source = source_of(entity, name=f"property-{next(_numbers)}")
    # A good row, so that a file of bad ones only is not refused for its mapping.
    text = COLUMNS + "\n1,2025-05-05,zoe,good,1,1\n" + "".join(rows)
    load = shop.collect(text.encode("utf-8", "surrogateescape"), source)
    lines = [row for row in shop.rows("order_lines", "source", "line_id") if row[0] == source.name]
    assert len(lines) == len(set(lines)) == load.rows_taken
    bad = Counter(
        row[1] for row in shop.rows("quarantine", "source", "reason") if row[0] == source.name
    )
    assert dict(bad) == dict(load.quarantined_by_reason)
    assert sum(bad.values()) == load.quarantined
    again = shop.report(source=source)
    assert again.already_collected


_drawn_rows = given(rows=FILE, numbered=st.booleans(), repeats=st.booleans())


@FEW
@_drawn_rows
def test_every_row_is_taken_or_told(
    module_shop: Shop, rows: list[str], numbered: bool, repeats: bool
) -> None:
    _every_row(module_shop, rows, numbered, repeats)


@pytest.mark.long
@pytest.mark.timeout(3_600)
@MANY
@_drawn_rows
def test_every_row_of_many_files_is_taken_or_told(
    module_shop: Shop, rows: list[str], numbered: bool, repeats: bool
) -> None:
    _every_row(module_shop, rows, numbered, repeats)


# The customer follows from the order and the price from the product: another line of the same order, product,
# quantity and moment at another price would be taken for a changed one.
GOOD_ROW = st.tuples(
    st.integers(1, 8),
    st.integers(1, 9),
    st.sampled_from("xyz"),
    st.integers(-3, 9).filter(bool),
).map(
    lambda v: f"{v[0]},2026-01-{v[0]:02d} 0{v[1]}:00,{'abc'[v[0] % 3]},{v[2]},{v[3]},{ord(v[2])}\n"
)


def _parts(module_shop: Shop, text: list[str], cuts: list[int], backwards: bool) -> None:
    """The same rows whole in one source, and in overlapping parts in another, come to the same."""
    shop = module_shop
    whole, parts = (source_of(name=f"property-{next(_numbers)}") for _ in range(2))
    shop.collect(COLUMNS + "\n" + "".join(text), whole)
    windows = [text[: cut + 5] for cut in cuts] + [text[cut:] for cut in cuts] + [text]
    for window in reversed(windows) if backwards else windows:
        shop.report(COLUMNS + "\n" + "".join(window), parts)
    assert _lines(shop, parts.name) == _lines(shop, whole.name)
    assert _sums(shop, parts.name) == _sums(shop, whole.name)
    kinds = Counter(
        (o, k) for s, o, k in shop.rows("orders", "source", "order_id", "kind") if s == parts.name
    )
    assert all(n == 1 for (_, kind), n in kinds.items() if kind == "sale")


_drawn_parts = given(
    text=st.lists(GOOD_ROW, min_size=1, max_size=30),
    cuts=st.lists(st.integers(0, 30), min_size=1, max_size=2),
    backwards=st.booleans(),
)


@FEW
@_drawn_parts
def test_overlapping_parts_in_any_order_are_as_the_whole(
    module_shop: Shop, text: list[str], cuts: list[int], backwards: bool
) -> None:
    _parts(module_shop, text, cuts, backwards)


@pytest.mark.long
@pytest.mark.timeout(3_600)
@MANY
@_drawn_parts
def test_many_overlapping_parts_in_any_order_are_as_the_whole(
    module_shop: Shop, text: list[str], cuts: list[int], backwards: bool
) -> None:
    _parts(module_shop, text, cuts, backwards)


def _lines(shop: Shop, source: str) -> list[tuple[object, ...]]:
    names = (
        "source",
        "order_id",
        "kind",
        "ordered_at",
        "sku",
        "quantity",
        "unit_price",
        "origin_id",
    )
    return [row[1:] for row in shop.rows("order_lines", *names) if row[0] == source]


def _sums(shop: Shop, source: str) -> dict[tuple[str, bool], tuple[Decimal, Decimal, int]]:
    """(order, whether it came back) → what its rows add up to."""
    found: dict[tuple[str, bool], list[Decimal]] = defaultdict(lambda: [Decimal(0)] * 3)
    for whose, order, kind, revenue, quantity, lines in shop.rows(
        "orders", "source", "order_id", "kind", "revenue", "quantity", "lines"
    ):
        if whose == source:
            sums = found[order, kind == "return"]
            found[order, kind == "return"] = [
                sums[0] + revenue,
                sums[1] + quantity,
                sums[2] + lines,
            ]
    return {key: (sums[0], sums[1], int(sums[2])) for key, sums in found.items()}
