import json
from collections import Counter
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from aimwell.simulate import ShopSpec, open_shop
from aimwell.simulate.cells import open_cell, trade_before
from aimwell.simulate.events import EVENT_SCHEMA, event_lines, event_table


@pytest.fixture(scope="module")
def shop():
    return open_shop(ShopSpec(people=3000, seed=4, tracked_share=1.0))


@pytest.fixture(scope="module")
def cell(shop):
    return open_cell(shop, 0)


@pytest.fixture(scope="module")
def table(shop, cell):
    return event_table(shop, cell, trade_before(shop, cell)[0])


def test_json_lines_say_what_the_table_says(table):
    assert table.schema == EVENT_SCHEMA
    part = table.slice(1000, 3000)
    lines = [json.loads(line) for line in bytes(event_lines(part)).decode().splitlines()]
    for line, row in zip(lines, part.to_pylist(), strict=True):
        assert line.pop("properties") == json.loads(row.pop("properties"))
        assert line.pop("timestamp") == row.pop("timestamp").strftime("%Y-%m-%dT%H:%M:%SZ")
        assert line == row


def test_no_events_are_no_lines():
    assert bytes(event_lines(EVENT_SCHEMA.empty_table())) == b""


def test_events_are_in_order_within_the_history_and_have_ids_of_their_own(shop, table):
    times = np.array(table["timestamp"].cast("int64"))
    assert (np.diff(times) >= 0).all()
    assert times.min() >= shop.start
    assert times.max() < shop.end
    assert len(set(table["message_id"].to_pylist())) == len(table)


def test_visits_are_cut_off_where_the_history_ends():
    spec = ShopSpec(people=500, orders_per_year=1000, browse_per_order=50, tracked_share=1.0)
    shop = open_shop(replace(spec, end=spec.start + timedelta(days=1)))
    cell = open_cell(shop, 0)
    times = np.array(
        event_table(shop, cell, trade_before(shop, cell)[0])["timestamp"].cast("int64")
    )
    assert times.size > 5000
    assert shop.end - 60 < times.max() < shop.end


def test_products_bought_on_the_web_were_put_into_the_cart_before(shop, cell, table):
    trade = trade_before(shop, cell)[0]
    added = Counter()
    for row in table.to_pylist():
        if row["event"] == "Product Added":
            added[row["customer_id"], json.loads(row["properties"])["sku"]] += 1
    line = trade.orders.store[trade.baskets.order] < 0
    line &= trade.orders.at[trade.baskets.order] > shop.start + 7200
    rows = np.flatnonzero(line)[:2000]
    ids = cell.accounts.ids(
        trade.orders.person[trade.baskets.order[rows]], trade.orders.at[trade.baskets.order[rows]]
    )
    for customer, product in zip(ids.to_pylist(), trade.baskets.product[rows], strict=True):
        assert added[customer, shop.catalogue.sku[product]] > 0


def test_those_averse_to_contact_open_less(shop, cell, table):
    rows = table.to_pylist()
    opened = Counter(row["customer_id"] for row in rows if row["event"] == "Email Opened")
    ids = cell.accounts.ids_of_account(np.arange(3000), np.zeros(3000, np.int64)).to_pylist()
    counts = np.array([opened[id_] for id_ in ids])
    averse = cell.people.aversion > 0.8
    assert counts[averse].mean() < 0.6 * counts[~averse].mean()


def test_nothing_is_tracked_where_nobody_is_tracked_and_no_newsletter_is_sent():
    shop = open_shop(ShopSpec(people=300, tracked_share=0.0, newsletters_per_month=0.0))
    cell = open_cell(shop, 0)
    assert len(event_table(shop, cell, trade_before(shop, cell)[0])) == 0
