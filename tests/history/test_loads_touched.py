"""After a load only the people whom it touched are looked at, and the state is what looking at everybody gives."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from aimwell.collect.loads import not_unified
from aimwell.collect.touching import touched_by
from aimwell.definitions.catalogue import check
from aimwell.definitions.service import apply
from aimwell.history import current
from aimwell.history.current import bring_collected_up_to_date, bring_up_to_date
from aimwell.store.schema import metadata
from aimwell.store.stores import Stores, create_stores
from collecting import NOW, ORDERS, Shop, source_of
from databases import shortly_on

KEY = bytes(range(32))
_VAULT = {"email": "email", "first_name": "first", "street": "street", "postcode": "code"}
CUSTOMERS = {
    "entity": "customers",
    "map": {"customer_id": "id", **_VAULT},
    "traits": {"tier": "tier"},
}
PRODUCTS = {"entity": "products", "map": {"sku": "sku", "category": "category", "price": "price"}}
TABLES = {
    "identity_overrides": ("origin_id", "profile_id", "evidence"),
    "identity_set_aside": ("kind", "value_hash", "reason"),
    "households": ("profile_id", "address_hash", "household_id"),
    "profiles": (
        *("profile_id", "first_seen_at", "last_seen_at", "orders", "traits", "timezone"),
        *("provenance", "computed"),
    ),
}
ORDER_SOURCE = source_of(ORDERS, name="till")
CUSTOMER_SOURCE = source_of(CUSTOMERS, name="crm")
PRODUCT_SOURCE = source_of(PRODUCTS, name="goods")


def people_of(stores: Stores) -> dict[str, list[tuple[Any, ...]]]:
    """All that is known of who is who and what is known of each."""
    with stores.read_control() as connection:
        return {
            name: sorted(
                map(
                    tuple,
                    connection.execute(sa.select(*(metadata.tables[name].c[c] for c in columns))),
                ),
                key=str,
            )
            for name, columns in TABLES.items()
        }


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[[str], Shop]]:
    made: list[Stores] = []

    def shop(name: str, url: str | None = None) -> Shop:
        made.append(
            create_stores(tmp_path / name, identity_key=KEY, currency="GBP", control_url=url)
        )
        return Shop(made[-1], tmp_path / f"{name}-files")

    yield shop
    for stores in made:
        stores.close()


@pytest.fixture
def everybody(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows by one whenever everybody is looked at."""
    runs: list[int] = []

    def counted(*args: Any, **more: Any) -> Any:
        runs.append(1)
        return bring_up_to_date(*args, **more)

    monkeypatch.setattr(current, "bring_up_to_date", counted)
    return runs


Line = tuple[int, int, int]


def orders_file(lines: Sequence[Line]) -> str:
    rows = ["order,day,customer,sku,qty,price"]
    rows += [f"{o},2026-01-{o % 28 + 1:02d},c{c},s{s},{o % 3 + 1},{s + 1}.50" for o, c, s in lines]
    return "\n".join(rows) + "\n"


def customers_file(draw: random.Random, customers: Sequence[int]) -> str:
    """Neighbours share an address, some of them under another first name; some live together."""
    rows = ["id,tier,email,first,street,code"]
    for c in customers:
        first = "Bob" if c % 5 == 0 else "Ann"
        rows.append(
            f"c{c},{draw.choice(['gold', 'silver'])},m{c // 2}@example.com,{first},{c // 3} High Street,AB1"
        )
    return "\n".join(rows) + "\n"


def products_file(skus: Sequence[int], shift: int) -> str:
    return "sku,category,price\n" + "".join(f"s{s},k{(s + shift) % 3},{s + 1}\n" for s in skus)


def compare(make: Callable[..., Shop], everybody: list[int], seed: int, url: str | None) -> None:
    draw = random.Random(seed)  # noqa: S311 - examples, not secrets
    lines = [(o, draw.randrange(60), draw.randrange(9)) for o in range(200)]
    start = draw.randrange(55)
    some = range(start, start + 8)
    later = [
        (ORDER_SOURCE, orders_file(lines[160:180])),
        (ORDER_SOURCE, orders_file(lines[175:184])),
        (CUSTOMER_SOURCE, customers_file(draw, some[:5])),
        (CUSTOMER_SOURCE, customers_file(draw, some[3:])),
        (PRODUCT_SOURCE, products_file([draw.randrange(9)], draw.randrange(3))),
    ]
    draw.shuffle(later)
    shop = make("one", url)
    for source, content in [(ORDER_SOURCE, orders_file(lines[:170])), *later]:
        shop.report(content, source)
        bring_collected_up_to_date(shop.stores, now=NOW)
    assert not_unified(shop.stores) == []
    assert list(shop.stores.folder("touched").iterdir()) == []
    assert len(everybody) < len(later), "most loads were looked at alone"
    few = people_of(shop.stores)
    assert few["identity_overrides"], "some are one person"
    report = bring_up_to_date(shop.stores, now=NOW)
    assert (report.overrides_changed, report.profiles_changed) == (0, 0)
    assert people_of(shop.stores) == few


@shortly_on("postgresql")
def test_what_a_load_touches_is_all_that_changes(
    make: Callable[..., Shop], everybody: list[int], seed: int, control_url: str
) -> None:
    compare(make, everybody, seed, control_url)


@pytest.mark.long
@pytest.mark.parametrize("step", range(30))
def test_what_many_loads_touch_is_all_that_changes(
    make: Callable[..., Shop], everybody: list[int], seed: int, step: int
) -> None:
    compare(make, everybody, seed + 1 + step, None)


def test_the_first_load_changed_rules_and_most_of_the_people_concern_everybody(
    make: Callable[..., Shop], everybody: list[int]
) -> None:
    stores = (shop := make("one")).stores
    shop.report(orders_file([(n, n, n % 3) for n in range(30)]), ORDER_SOURCE)
    assert touched_by(stores, not_unified(stores)) is None
    bring_collected_up_to_date(stores, now=NOW)
    assert len(everybody) == 1
    shop.report(orders_file([(31, 3, 1)]), ORDER_SOURCE)
    assert touched_by(stores, not_unified(stores)) == {shop.origin("c3")}
    [noted] = stores.folder("touched").iterdir()
    whole = noted.read_bytes()
    for damaged in (
        b"",
        b"no Parquet at all",
        whole[:-9],
        whole[:4] + bytes(len(whole) - 12) + whole[-8:],
    ):
        noted.write_bytes(damaged)
        assert touched_by(stores, not_unified(stores)) is None
    noted.write_bytes(whole)
    bring_collected_up_to_date(stores, now=NOW)
    assert len(everybody) == 1
    shop.report(orders_file([(40 + n, n, 1) for n in range(9)]), ORDER_SOURCE)
    bring_collected_up_to_date(stores, now=NOW)
    assert len(everybody) == 2, "nine of thirty"
    rules = check({"kind": "profile_rules", "name": "default", "choose": "most_trusted"})
    apply(stores.control, [rules], now=NOW, by="t")
    shop.report(orders_file([(51, 3, 1)]), ORDER_SOURCE)
    bring_collected_up_to_date(stores, now=NOW)
    assert len(everybody) == 3


def test_who_bought_a_product_is_touched_by_its_new_category(
    make: Callable[..., Shop], everybody: list[int]
) -> None:
    stores = (shop := make("one")).stores
    lines = [(n, n, 0 if n == 4 else 1 + n % 3) for n in range(30)]
    shop.report(orders_file(lines), ORDER_SOURCE)
    bring_collected_up_to_date(stores, now=NOW)
    shop.report("sku,category,price\ns0,rare,1\n", PRODUCT_SOURCE)
    assert touched_by(stores, not_unified(stores)) == {shop.origin("c4")}
    bring_collected_up_to_date(stores, now=NOW)
    assert len(everybody) == 1
    profiles = metadata.tables["profiles"]
    query = sa.select(profiles.c.computed).where(profiles.c.profile_id == shop.origin("c4"))
    with stores.read_control() as connection:
        assert connection.execute(query).scalar_one()["favourite_category"] == "rare"


def test_a_load_whose_look_was_killed_is_looked_at_with_the_next(
    make: Callable[..., Shop], everybody: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    stores = (shop := make("one")).stores
    shop.report(orders_file([(n, n, 1) for n in range(30)]), ORDER_SOURCE)
    bring_collected_up_to_date(stores, now=NOW)
    shop.report(orders_file([(30, 50, 1)]), ORDER_SOURCE)

    class Killed(BaseException):
        pass

    def killed(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(current, "compute_within", killed)
        with pytest.raises(Killed):
            bring_collected_up_to_date(stores, now=NOW)
    shop.report(orders_file([(31, 51, 1)]), ORDER_SOURCE)
    later = NOW + timedelta(days=1)
    bring_collected_up_to_date(stores, now=later)
    few = people_of(stores)
    assert len(few["profiles"]) == 32
    assert len(everybody) == 1
    bring_up_to_date(stores, now=later)
    assert people_of(stores) == few
