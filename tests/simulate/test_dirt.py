from collections import Counter
from datetime import datetime

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimwell.errors import SimulateError
from aimwell.simulate import Dirt, ShopSpec, open_shop
from aimwell.simulate.cells import open_cell, trade_before
from aimwell.simulate.dirt import Soiler, soil
from aimwell.simulate.orders import order_table

SHOP = open_shop(ShopSpec(people=200, seed=13))
CELL = open_cell(SHOP, 0)
LINES = order_table(
    SHOP, CELL.people, CELL.accounts, *vars(trade_before(SHOP, CELL)[0]).values(), until=SHOP.end
)
SALES = sum(quantity > 0 for quantity in LINES["quantity"].to_pylist())


def _date_fault(text):
    for form, name in (
        ("%Y-%m-%d %H:%M:%SZ", None),
        ("%d.%m.%Y %H:%M", "mixed_dates"),
        ("%m/%d/%Y %I:%M %p", "mixed_dates"),
    ):
        try:
            datetime.strptime(text, form)  # noqa: DTZ007 - only the form is looked at
        except ValueError:
            continue
        return name
    return "unreadable_dates"


def _quantity_fault(row):
    text = row["quantity"]
    if not text.lstrip("-").isdigit():
        return "text_quantities"
    if int(text) < 0 and not row["order_id"].startswith("C"):
        return "negative_quantities"
    return {"0": "zero_quantities", "99999999": "absurd_quantities"}.get(text)


def _faults(table):
    """The faults that a reader of the file finds, counted without knowing what was put in."""
    rows = table.to_pylist()
    seen = Counter(tuple(row.values()) for row in rows)
    found = Counter(duplicate_lines=sum(count - 1 for count in seen.values()))
    for row in rows:
        faults = {_date_fault(row["ordered_at"]), _quantity_fault(row)} - {None}
        assert len(faults) <= 1
        found.update(faults)
    return found


counts = st.integers(0, SALES // 8)


@settings(max_examples=12, deadline=None)
@given(st.builds(Dirt, **dict.fromkeys(Dirt().counts(), counts)), st.integers(0, 1000))
def test_every_fault_is_there_exactly_as_often_as_asked(dirt, seed):
    soiled, put = soil(np.random.default_rng(seed), LINES, dirt.counts())
    assert put == dirt.counts()
    assert dict(_faults(soiled)) == {
        name: count for name, count in dirt.counts().items() if count or name == "duplicate_lines"
    }
    assert soiled.num_rows == LINES.num_rows + dirt.duplicate_lines


def test_without_dirt_the_lines_stay_as_they_are():
    assert Soiler(SHOP).soil(LINES, 0) is LINES


def test_lines_without_a_fault_stay_right():
    soiled, _ = soil(
        np.random.default_rng(1), LINES, Dirt(text_quantities=5, duplicate_lines=5).counts()
    )
    right = {tuple(str(value) for value in row.values()) for row in _as_text_rows(LINES)}
    wrong = [
        row
        for row in _as_text_rows(soiled)
        if tuple(str(value) for value in row.values()) not in right
    ]
    assert len(wrong) == 5


def _as_text_rows(table):
    for name in ("ordered_at", "quantity"):
        table = table.set_column(
            table.column_names.index(name), name, table[name].cast(pa.string())
        )
    return table.to_pylist()


def test_faults_are_spread_over_cells_and_add_up():
    dirt = Dirt(duplicate_lines=7, zero_quantities=100)
    shop = open_shop(ShopSpec(people=20_000, dirt=dirt))
    soiler = Soiler(shop)
    steps = []
    for cell in range(shop.cells):
        soiler.soil(LINES, cell)
        steps.append(soiler.done["zero_quantities"])
    soiler.finish()
    assert steps == [40, 81, 100]
    assert soiler.done == dirt.counts()


def test_a_cell_with_too_few_sales_leaves_faults_to_the_next():
    shop = open_shop(ShopSpec(people=20_000, dirt=Dirt(zero_quantities=100)))
    soiler = Soiler(shop)
    for cell, lines in enumerate((LINES.slice(0, 0), LINES.slice(0, 10), LINES)):
        soiler.soil(lines, cell)
    assert soiler.done["zero_quantities"] == 100


def test_more_faults_than_sales_are_refused():
    shop = open_shop(ShopSpec(people=3, dirt=Dirt(zero_quantities=1000)))
    soiler = Soiler(shop)
    soiler.soil(LINES.slice(0, 10), 0)
    with pytest.raises(SimulateError, match="too few sales"):
        soiler.finish()
