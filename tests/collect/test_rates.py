"""Exchange rates: taken once, checked, and used for money by the newest that held at the time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimwell.collect import collect
from aimwell.collect.currencies import CURRENCIES
from aimwell.collect.money import convert_money, first_rates, rate_checks
from aimwell.definitions.catalogue import check
from aimwell.definitions.kinds.source import Source
from aimwell.definitions.reading import read_documents
from aimwell.store.engine import DuckDBEngine
from aimwell.store.sql import sql
from aimwell.store.tables import LAKE_TABLES
from collecting import COLUMNS, NOW, ORDERS, Shop, balanced, source_of

RATES: dict[str, Any] = {
    "entity": "rates",
    "map": {"date": "day", "from_currency": "from", "to_currency": "to", "rate": "rate"},
}
HEAD = "day,from,to,rate\n"
LATER = NOW + timedelta(hours=1)
EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "sources"


def rates(*entities: Any, **named: Any) -> Source:
    return source_of(*(entities or [RATES]), name="rates", **named)


def market(shop: Shop) -> list[tuple[Any, ...]]:
    found = shop.rows("market", "name", "set_at", "value", order="set_at")
    return sorted(found, key=lambda row: (row[1], row[0]))


def at(month: int, day: int, hour: int = 0) -> datetime:
    return datetime(2026, month, day, hour, tzinfo=UTC)


def test_rates_are_dated_facts_of_the_market(shop: Shop) -> None:
    load = shop.collect(
        f"{HEAD}2026-01-01,EUR,GBP,0.8567\n2026-01-01,idr,GBP,0.0000459321\n2026-02-01,EUR,,8.6e-1\n",
        rates(),
    )
    assert (load.rows_taken, load.statements) == (3, 3)
    assert market(shop) == [
        ("rate:EUR:GBP", at(1, 1), 0.8567),
        ("rate:IDR:GBP", at(1, 1), 0.0000459321),
        ("rate:EUR:GBP", at(2, 1), 0.86),
    ]
    assert load.currencies == ("EUR", "GBP", "IDR")


@pytest.mark.parametrize(
    ("text", "value"), [("0,857", 0.857), ("1,1642", 1.1642), ("184,05", 184.05)]
)
def test_a_comma_in_rates_is_a_decimal_mark_and_never_groups(
    shop: Shop, text: str, value: float
) -> None:
    shop.collect(f'{HEAD}2026-01-01,EUR,GBP,"{text}"\n', rates())
    assert market(shop)[0][2] == value


def test_rates_that_cannot_be_are_set_aside_each_with_its_reason(shop: Shop) -> None:
    rows = [
        "2026-01-01,EUR,GBP,0.85",
        "2026-01-02,EUR,GBP,0",
        "2026-01-02,EUR,GBP,-0.85",
        "2026-01-02,EUR,GBP,nan",
        "2026-01-02,EUR,GBP,1e400",
        "2026-01-02,EUR,GBP,",
        "2026-01-02,XQZ,GBP,0.85",
        "2026-01-02,EUR,QQQ,0.85",
        "2026-01-02,Euro,GBP,0.85",
        "2026-01-02,GBP,GBP,1",
        "soon,EUR,GBP,0.85",
        "2031-01-02,EUR,GBP,0.85",
    ]
    load = shop.collect(HEAD + "\n".join(rows) + "\n", rates())
    assert load.rows_taken == 1
    assert load.quarantined_by_reason == {
        "missing": 2,  # one of them is `nan`, which stands for a missing value
        "not_a_number": 1,
        "not_a_time": 1,
        "rate_not_positive": 2,
        "same_currency": 1,
        "time_out_of_range": 1,
        "unknown_currency": 3,
    }
    assert all(len(code) == 3 and code.isupper() for code in CURRENCIES)


def test_the_same_rates_again_change_nothing_and_other_values_do_not_overwrite(shop: Shop) -> None:
    first = f"{HEAD}2026-01-01,EUR,GBP,0.85\n2026-01-02,EUR,GBP,0.86\n2026-01-02,EUR,GBP,0.86\n"
    load = shop.collect(first, rates())
    assert (load.rows_taken, load.duplicates) == (2, 1)
    stood = market(shop)
    assert shop.report(source=rates()).already_collected
    again = shop.collect(
        f"{HEAD}2026-01-02,EUR,GBP,0.86\n2026-01-01,EUR,GBP,0.99\n2026-01-03,EUR,GBP,0.87\n"
        "2026-01-03,EUR,GBP,0.88\n",
        rates(),
        now=LATER,
    )
    assert (again.rows_taken, again.known) == (1, 1)
    assert again.quarantined_by_reason == {"conflicting_rate": 1, "rate_changed": 1}
    assert market(shop) == [*stood, ("rate:EUR:GBP", at(1, 3), 0.87)]


def test_absurd_jumps_are_told_with_the_rates_that_stand(shop: Shop) -> None:
    load = shop.collect(f"{HEAD}2026-01-01,EUR,GBP,0.85\n2026-01-03,EUR,GBP,0.9\n", rates())
    assert load.warnings == ()
    load = shop.collect(
        f"{HEAD}2026-01-02,EUR,GBP,1.17\n2026-01-04,EUR,GBP,0.91\n", rates(), now=LATER
    )
    assert load.rows_taken == 2
    assert [warning.split(";")[0] for warning in load.warnings] == [
        "rate:EUR:GBP jumps from 0.85 to 1.17 on 2026-01-02",
        "rate:EUR:GBP jumps from 1.17 to 0.9 on 2026-01-03",
    ]


def test_rates_that_will_never_be_used_are_told(shop: Shop) -> None:
    load = shop.collect(f"{HEAD}2026-01-01,EUR,USD,1.1\n", rates())
    assert load.warnings == (
        "none of these rates is to or from GBP, the workspace's currency, so none will be used",
    )


def order_lines(*rows: str) -> str:
    return "\n".join([f"{COLUMNS},currency", *rows]) + "\n"


IN_CURRENCIES = {**ORDERS, "map": {**ORDERS["map"], "currency": "currency"}}


def test_orders_are_converted_by_the_newest_rate_and_earlier_ones_wait_for_one(shop: Shop) -> None:
    shop.write(f"{HEAD}2026-01-10,EUR,GBP,0.8\n2026-02-01,EUR,GBP,0.9\n", "rates.csv")
    collect(shop.stores, rates(files="rates.csv"), root=shop.folder, now=NOW)
    orders = order_lines(
        "1,2026-01-05,ann,mug,1,10,EUR",
        "2,2026-01-10,ann,mug,1,10,EUR",
        "3,2026-01-31,bob,mug,2,10,EUR",
        "4,2026-03-01,bob,mug,1,10,EUR",
        "5,2026-03-01,bob,mug,1,10,GBP",
        "6,2026-03-01,bob,mug,1,10,USD",
    )
    load = shop.collect(orders, source_of(IN_CURRENCIES))
    assert load.quarantined_by_reason == {"no_rate": 2}
    assert shop.rows("orders", "order_id", "revenue") == [
        ("2", Decimal(8)),
        ("3", Decimal(16)),
        ("4", Decimal(9)),
        ("5", Decimal(10)),
    ]
    told = {row[0]: row[1] for row in shop.rows("quarantine", "line", "detail", order="line")}
    assert "no rate to GBP for EUR (rate:EUR:GBP) before 2026-01-10" in told[2]
    assert "no rate to GBP for USD (rate:USD:GBP); take one with" in told[7]
    assert shop.report(source=source_of(IN_CURRENCIES)).already_collected
    # Once the rates are there the same file is taken again, and only what waited is new.
    shop.write(f"{HEAD}2025-12-01,EUR,GBP,0.7\n", "rates.csv")
    collect(shop.stores, rates(files="rates.csv"), root=shop.folder, now=LATER)
    after = LATER + timedelta(hours=1)
    again = shop.collect(source=source_of(IN_CURRENCIES), now=after)
    assert (again.rows_taken, again.known, again.quarantined_by_reason) == (1, 4, {"no_rate": 1})
    assert shop.rows("orders", "order_id", "revenue")[0] == ("1", Decimal(7))
    assert shop.report(source=source_of(IN_CURRENCIES), now=after).already_collected


def test_the_inverse_serves_where_only_that_is_known(shop: Shop) -> None:
    shop.write(f"{HEAD}2026-01-01,GBP,EUR,1.25\n2026-01-01,GBP,USD,1.6\n", "rates.csv")
    collect(shop.stores, rates(files="rates.csv"), root=shop.folder, now=NOW)
    shop.collect(order_lines("1,2026-01-05,ann,mug,3,10,EUR"), source_of(IN_CURRENCIES))
    assert shop.rows("orders", "revenue") == [(Decimal(24),)]


def test_one_source_may_bring_rates_and_orders(shop: Shop) -> None:
    shop.write(f"{HEAD}2026-01-01,EUR,GBP,0.8\n", "rates.csv")
    shop.write(order_lines("1,2026-01-05,ann,mug,1,10,EUR"))
    files = {"rates": "rates.csv", "orders": "orders.csv"}
    source = source_of({**RATES, "from": "rates"}, {**IN_CURRENCIES, "from": "orders"}, files=files)
    report = shop.report(source=source)
    assert [load.rows_taken for load in report.loads] == [1, 1]
    assert shop.report(source=source).already_collected


def test_events_and_products_wait_for_rates_only_where_they_have_money(shop: Shop) -> None:
    shop.write("sku,price,cost\nmug,2,\npen,,\n", "products.csv")
    products = {"entity": "products", "map": {"sku": "sku", "price": "price", "unit_cost": "cost"}}
    load = shop.collect(source=source_of(products, files="products.csv", currency="EUR"))
    assert (load.rows_taken, load.quarantined_by_reason) == (1, {"no_rate": 1})
    shop.write("who,what,when,worth\nann,View,2026-01-05,\nann,Buy,2026-01-05,3\n", "events.csv")
    events = {
        "entity": "events",
        "map": {"customer_id": "who", "event": "what", "occurred_at": "when", "revenue": "worth"},
    }
    load = shop.collect(source=source_of(events, files="events.csv", name="events", currency="EUR"))
    assert (load.rows_taken, load.quarantined_by_reason) == (1, {"no_rate": 1})


def test_very_many_currencies_without_rates_are_all_found(shop: Shop) -> None:
    codes = sorted(CURRENCIES - {"GBP"})[:40]
    rows = [f"{n},2026-01-05,ann,mug,1,10,{code}" for n, code in enumerate([*codes, "GBP"])]
    load = shop.collect(order_lines(*rows), source_of(IN_CURRENCIES))
    assert (load.rows_taken, load.quarantined_by_reason) == (1, {"no_rate": 40})


def test_the_example_reads_the_central_bank_file(shop: Shop) -> None:
    shop.write(
        "KEY,FREQ,CURRENCY,CURRENCY_DENOM,TIME_PERIOD,OBS_VALUE\n"
        "EXR.D.GBP.EUR.SP00.A,D,GBP,EUR,2026-01-02,0.8\n"
        "EXR.D.GBP.EUR.SP00.A,D,GBP,EUR,2026-01-03,\n"
        "EXR.D.USD.EUR.SP00.A,D,USD,EUR,2026-01-02,1.1\n",
        "ecb-2026.csv",
    )
    [document] = read_documents([EXAMPLES / "ecb-rates.yaml"])
    source = check(document.body)
    assert isinstance(source, Source)
    [load] = collect(shop.stores, source, root=shop.folder, now=NOW).loads
    assert balanced(load)
    assert (load.rows_taken, load.ignored, load.quarantined) == (2, 1, 0)
    shop.collect(order_lines("1,2026-01-05,ann,mug,1,10,EUR"), source_of(IN_CURRENCIES))
    assert shop.rows("orders", "revenue") == [(Decimal(8),)]


days = st.integers(0, 12)
told_rates = st.lists(
    st.tuples(
        st.sampled_from(["EUR:GBP", "GBP:EUR", "USD:GBP", "EUR:USD"]),
        days,
        st.integers(1, 400).map(lambda n: n / 64),
    ),
    max_size=12,
    unique_by=lambda rate: rate[:2],
)
told_orders = st.lists(
    st.tuples(st.sampled_from(["EUR", "USD", "GBP"]), days, st.integers(-500, 500)), max_size=10
)


@settings(max_examples=40, deadline=None)
@given(rates=told_rates, orders=told_orders)
def test_money_is_worth_what_the_newest_rate_that_held_makes_of_it(
    rates: list[tuple[str, int, float]], orders: list[tuple[str, int, int]]
) -> None:
    """Against the same said plainly: of the direct and inverse rates up to the moment, the newest."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    table = pa.Table.from_pylist(
        [
            {
                "name": f"rate:{pair}",
                "value": value,
                "set_at": start + timedelta(days=day),
                "source": "s",
                "load_id": "l",
                "received_at": start,
            }
            for pair, day, value in rates
        ],
        schema=LAKE_TABLES["market"].schema,
    )
    expected: dict[int, Decimal] = {}
    for n, (currency, day, amount) in enumerate(orders):
        held = [
            (when, pair.startswith(currency), value if pair.startswith(currency) else 1 / value)
            for pair, when, value in rates
            if when <= day and pair in (f"{currency}:GBP", f"GBP:{currency}")
        ]
        if currency == "GBP":
            expected[n] = Decimal(amount)
        elif held:
            exact = Decimal(amount * max(held)[2])
            expected[n] = exact.quantize(Decimal("0.0001"), ROUND_HALF_UP)
    lines = pa.table(
        {
            "n": pa.array(range(len(orders)), pa.int64()),
            "currency": pa.array([order[0] for order in orders], pa.string()),
            "ordered_at": pa.array(
                [start + timedelta(days=order[1]) for order in orders], pa.timestamp("us", "UTC")
            ),
            "revenue": pa.array([Decimal(order[2]) for order in orders], pa.decimal128(18, 4)),
        }
    )
    with DuckDBEngine(threads=1).session() as session:
        session.bind("lines", lines)
        firsts = first_rates(session, table, ["EUR", "GBP", "USD"], "GBP")
        checks = rate_checks(
            firsts, to="GBP", own="GBP", time=sql("ordered_at"), has_money=sql("TRUE")
        )
        waits = sql("SELECT n FROM lines WHERE :any", any=_any_of([one.when for one in checks]))
        unrated = {row[0] for row in session.rows(waits)}
        session.bind("fresh", sql("SELECT * FROM lines WHERE n NOT IN (:waits)", waits=waits))
        convert_money(session, table, money=["revenue"], time="ordered_at", to="GBP", now=start)
        found = dict(session.rows(sql("SELECT n, revenue FROM fresh")))
    assert unrated == set(range(len(orders))) - set(expected)
    assert set(found) == set(expected)
    for n, value in expected.items():
        assert abs(found[n] - value) <= Decimal("0.0001")


def _any_of(tests: list[Any]) -> Any:
    whole = tests[0]
    for test in tests[1:]:
        whole = sql("(:a OR :b)", a=whole, b=test)
    return whole
