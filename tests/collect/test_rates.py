"""Exchange rates: taken once, checked, and used for money by the newest that held at the time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimwell.collect import collect
from aimwell.collect.inline import inline_source
from aimwell.collect.inspecting import quarantine
from aimwell.collect.money import convert_money, first_rates, rate_checks
from aimwell.currencies import CURRENCIES
from aimwell.definitions.catalogue import check
from aimwell.definitions.kinds.source import Source
from aimwell.definitions.reading import read_documents
from aimwell.errors import SourceFileError
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
        "not_a_time": 1,
        "rate_out_of_range": 1,
        "rate_not_positive": 2,
        "same_currency": 1,
        "time_out_of_range": 1,
        "unknown_currency": 3,
    }
    assert all(len(code) == 3 and code.isupper() for code in CURRENCIES)


@pytest.mark.parametrize(
    ("text", "reason", "word"),
    [
        ("999999999999", "rate_out_of_range", "too large"),
        ("1e308", "rate_out_of_range", "too large"),
        ("inf", "rate_out_of_range", "too large"),
        ("10000000.1", "rate_out_of_range", "too large"),
        ("1e-8", "rate_out_of_range", "too small"),
        ("1e-400", "rate_not_positive", "above zero"),
        ("-inf", "not_a_number", "no number"),
        ("ten", "not_a_number", "no number"),
    ],
)
def test_rates_too_large_or_too_small_for_any_currency_are_set_aside(
    shop: Shop, text: str, reason: str, word: str
) -> None:
    load = shop.collect(
        f"{HEAD}2026-01-01,JPY,GBP,{text}\n2026-01-01,EUR,GBP,1e7\n2026-01-01,VND,GBP,1e-7\n",
        rates(),
    )
    assert (load.rows_taken, load.quarantined_by_reason) == (2, {reason: 1})
    assert word in (load.commonest_fault or "")


def test_the_same_rates_again_change_nothing(shop: Shop) -> None:
    first = f"{HEAD}2026-01-01,EUR,GBP,0.85\n2026-01-02,EUR,GBP,0.86\n2026-01-02,EUR,GBP,0.86\n"
    load = shop.collect(first, rates())
    assert (load.rows_taken, load.duplicates) == (2, 1)
    stood = market(shop)
    assert shop.report(source=rates()).already_collected
    again = shop.collect(
        f"{HEAD}2026-01-02,EUR,GBP,0.86\n2026-01-03,EUR,GBP,0.87\n2026-01-03,EUR,GBP,0.88\n",
        rates(),
        now=LATER,
    )
    assert (again.rows_taken, again.known, again.warnings) == (1, 1, ())
    assert again.quarantined_by_reason == {"conflicting_rate": 1}
    assert market(shop) == [*stood, ("rate:EUR:GBP", at(1, 3), 0.87)]


def take_rates(shop: Shop, text: str, now: datetime = NOW, **named: Any) -> Any:
    """Collect a file of rates beside that of orders."""
    shop.write(HEAD + text, "rates.csv")
    source = source_of(RATES, files="rates.csv", **{"name": "rates", **named})
    [load] = collect(shop.stores, source, root=shop.folder, now=now).loads
    return load


def revenues(shop: Shop) -> dict[str, Decimal]:
    return dict(shop.rows("orders", "order_id", "revenue"))


@pytest.mark.parametrize("later", [LATER, NOW, NOW - timedelta(days=1)])
def test_a_corrected_rate_counts_for_what_is_collected_from_then_on(
    shop: Shop, later: datetime
) -> None:
    take_rates(shop, "2026-01-01,EUR,GBP,0.5\n2026-01-10,EUR,GBP,0.6\n")
    euros = source_of(IN_CURRENCIES)
    shop.collect(
        order_lines("1,2026-01-05,ann,mug,1,10,EUR", "2,2026-01-06,bob,mug,1,10,EUR"), euros
    )
    load = take_rates(shop, "2026-01-01,EUR,GBP,0.55\n", later)
    assert (load.rows_taken, load.quarantined) == (1, 0)
    assert load.warnings == (
        "rate:EUR:GBP from 2026-01-01 00:00 UTC is corrected from 0.5 to 0.55; 2 orders had been converted by the old "
        "value and stand as converted",
    )
    after = LATER + timedelta(hours=1)
    shop.collect(
        order_lines("1,2026-01-05,ann,mug,1,10,EUR", "3,2026-01-05,ann,mug,1,10,EUR"),
        euros,
        now=after,
    )
    assert revenues(shop) == {"1": Decimal(5), "2": Decimal(5), "3": Decimal("5.5")}
    # And back again: what the source said last is what it says.
    back = take_rates(shop, "2026-01-01,EUR,GBP,0.5\n2026-01-11,EUR,GBP,0.6\n", after)
    assert (back.rows_taken, back.known) == (2, 0)
    assert "corrected from 0.55 to 0.5; 1 order had been" in back.warnings[0]


def test_orders_of_mixed_loads_are_told_as_a_bound(shop: Shop) -> None:
    take_rates(shop, "2026-01-01,EUR,GBP,0.5\n")
    lines = ("1,2026-01-05,ann,mug,1,10,EUR", "2,2026-01-06,bob,mug,1,10,GBP")
    shop.collect(order_lines(*lines), source_of(IN_CURRENCIES))
    load = take_rates(shop, "2026-01-01,EUR,GBP,0.55\n", LATER)
    assert "up to 2 orders had been converted by the old value" in load.warnings[0]


def test_many_corrections_are_told_shortly(shop: Shop) -> None:
    take_rates(shop, "".join(f"2026-01-{day:02},EUR,GBP,0.5\n" for day in range(1, 10)))
    load = take_rates(
        shop, "".join(f"2026-01-{day:02},EUR,GBP,0.51\n" for day in range(1, 10)), LATER
    )
    assert len(load.warnings) == 6
    assert load.warnings[-1] == (
        "and 4 more rates have other values from now on; no order had been converted by the old value"
    )


def test_of_two_sources_that_disagree_the_last_received_counts_and_that_is_told(shop: Shop) -> None:
    take_rates(shop, "2026-01-01,EUR,GBP,0.5\n", name="bank")
    same = take_rates(shop, "2026-01-01,EUR,GBP,0.5\n", LATER, name="desk")
    assert (same.rows_taken, same.warnings) == (1, ())
    load = take_rates(shop, "2026-01-01,EUR,GBP,0.6\n", LATER + timedelta(minutes=1), name="broker")
    assert load.warnings[0].startswith(
        "rate:EUR:GBP from 2026-01-01 00:00 UTC: source 'desk' says 0.5, 'broker' says 0.6. What was received last "
        "counts from now on, which is 0.6; no order"
    )
    shop.collect(order_lines("1,2026-01-05,ann,mug,1,10,EUR"), source_of(IN_CURRENCIES))
    assert revenues(shop) == {"1": Decimal(6)}
    # A source that only repeats itself, with a further day, does not take the word back.
    again = take_rates(
        shop,
        "2026-01-01,EUR,GBP,0.5\n2026-01-02,EUR,GBP,0.6\n",
        LATER + timedelta(minutes=2),
        name="bank",
    )
    assert (again.rows_taken, again.known, again.warnings) == (1, 1, ())


def test_jumps_are_seen_across_sources(shop: Shop) -> None:
    take_rates(shop, "2026-01-01,EUR,GBP,0.85\n", name="bank")
    load = take_rates(shop, "2026-01-02,EUR,GBP,1.17\n", LATER, name="desk")
    assert "rate:EUR:GBP jumps from 0.85 to 1.17 on 2026-01-02" in load.warnings[0]


def test_two_sources_at_once_see_what_the_other_says(shop: Shop) -> None:
    with ThreadPoolExecutor(2) as pool:
        found = []
        for name, rate in (("bank", "0.5"), ("desk", "0.55")):
            shop.write(f"{HEAD}2026-01-01,EUR,GBP,{rate}\n", f"{name}.csv")
            source = source_of(RATES, files=f"{name}.csv", name=name)
            found.append(pool.submit(collect, shop.stores, source, root=shop.folder, now=NOW))
        loads = [one.result().loads[0] for one in found]
    [told] = [load for load in loads if load.warnings]
    assert f"'{told.source}' says" in told.warnings[0]
    assert market(shop)[-1][2] in (0.5, 0.55)
    shop.collect(order_lines("1,2026-01-05,ann,mug,1,10,EUR"), source_of(IN_CURRENCIES))
    assert revenues(shop) == {"1": Decimal("5") if told.source == "bank" else Decimal("5.5")}


def test_money_that_a_rate_makes_absurd_waits_row_by_row_and_comes_with_the_right_rate(
    shop: Shop,
) -> None:
    take_rates(shop, "2026-01-01,JPY,GBP,9999999\n2026-01-01,EUR,GBP,0.5\n")
    rows = ("1,2026-01-05,ann,mug,1,9999999,JPY", "2,2026-01-05,bob,mug,1,10,EUR")
    shop.write(
        "who,what,when,worth,cur\nann,Buy,2026-01-05,9999999,JPY\nann,Buy,2026-01-06,1,JPY\n",
        "e.csv",
    )
    events = source_of(
        {
            "entity": "events",
            "map": {
                "customer_id": "who",
                "event": "what",
                "occurred_at": "when",
                "revenue": "worth",
                "currency": "cur",
            },
        },
        files="e.csv",
        name="events",
    )
    euros = source_of(IN_CURRENCIES)
    load = shop.collect(order_lines(*rows), euros)
    assert (load.rows_taken, load.quarantined_by_reason) == (1, {"converted_out_of_range": 1})
    assert "take the right one with `aimwell collect rates" in (load.commonest_fault or "")
    load = shop.collect(source=events)
    assert (load.rows_taken, load.quarantined_by_reason) == (1, {"converted_out_of_range": 1})
    take_rates(shop, "2026-01-01,JPY,GBP,0.005\n", LATER)
    after = LATER + timedelta(hours=1)
    again = shop.collect(source=euros, now=after)
    assert (again.rows_taken, again.known, again.quarantined) == (1, 1, 0)
    assert revenues(shop) == {"1": Decimal("49999.995"), "2": Decimal(5)}
    assert shop.collect(source=events, now=after).rows_taken == 1


def test_an_absurd_rate_of_an_earlier_version_is_passed_over(shop: Shop) -> None:
    row = {
        "name": "rate:JPY:GBP",
        "value": 999999999999.0,
        "set_at": at(1, 1),
        "source": "rates",
        "load_id": "l",
        "received_at": NOW,
    }
    table = pa.Table.from_pylist([row], schema=LAKE_TABLES["market"].schema)
    shop.stores.lake.append("market", table, transaction=("test", 1))
    jpy = order_lines("1,2026-01-05,ann,mug,1,9999999,JPY")
    load = shop.collect(jpy, source_of(IN_CURRENCIES))
    assert load.quarantined_by_reason == {"no_rate": 1}
    take_rates(shop, "2026-01-01,JPY,GBP,0.005\n", LATER)
    again = shop.collect(source=source_of(IN_CURRENCIES), now=LATER + timedelta(hours=1))
    assert (again.rows_taken, again.quarantined) == (1, 0)


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


@pytest.mark.parametrize(
    ("entity", "line", "columns"),
    [
        ("rates", "2026-01-01,EUR,0.85", "date, from_currency, rate"),
        ("customers", "1001,ann@example.com,2026-01-01", "customer_id, email"),
        ("products", "1001,4.50,2.20", "sku, category"),
        ("events", "1001,Product Viewed,2026-01-01", "customer_id, event, occurred_at"),
    ],
)
def test_a_file_without_a_header_is_told_the_columns_of_its_kind(
    tmp_path: Path, entity: Any, line: str, columns: str
) -> None:
    file = tmp_path / "rows.csv"
    file.write_text(f"{line}\n{line}\n")
    with pytest.raises(SourceFileError) as caught:
        inline_source(entity, file, mapping={})
    assert f"{{path: rows.csv, header: false, columns: [{columns}, ...]}}}}" in str(caught.value)


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
    waiting = quarantine(shop.stores)
    assert (waiting.total, [row.line for row in waiting.rows], waiting.taken_since) == (1, [7], 1)
    assert len(shop.rows("quarantine", "line")) == 3  # the lake forgets nothing
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
