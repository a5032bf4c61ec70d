"""What is bought next, read from a workspace."""

from __future__ import annotations

import random

import pytest

from aimwell.errors import PredictError, TooLittleDataError
from aimwell.predict.patterns.next_service import bought_next
from aimwell.store.stores import Stores
from shop import add_orders, add_products, day, make_stores

AS_OF = day(365)
SKUS = ("cot", "pram", "book", "lamp", "mat", "bowl")


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Stores:
    """Who buys a cot mostly buys a toy within three weeks; who buys a pram does so much later."""
    stores = make_stores(tmp_path_factory.mktemp("next"))
    draw = random.Random(4)  # noqa: S311
    rows = []
    for person in range(900):
        when = draw.uniform(0, 330)
        first = draw.choice(SKUS)
        rows.append((person, when, first))
        if first == "cot" and draw.random() < 0.7:
            rows.append((person, when + draw.uniform(1, 20), "toy"))
        elif first == "pram":
            rows.append((person, when + draw.uniform(40, 60), "toy"))
        else:
            rows.append((person, when + draw.uniform(1, 60), draw.choice(("toy", *SKUS))))
    add_orders(
        stores,
        [
            {
                "customer": f"p{person}",
                "order_id": f"o{number}",
                "ordered_at": day(when),
                "lines": [(sku, 1, 9.0)],
            }
            for number, (person, when, sku) in enumerate(rows)
        ],
    )
    add_products(stores, [{"sku": "toy", "name": "Toy", "category": "toys"}])
    return stores


def test_what_follows_in_time_stands_and_what_follows_later_does_not(stores: Stores) -> None:
    found = bought_next(stores, as_of=AS_OF, within_days=30)
    assert [(one.first, one.then) for one in found.standing] == [(("cot",), "toy")]
    assert found.names == {"toy": "Toy"}
    first = found.standing[0]
    # 7 in 10 after a first cot (one in six people), none after a second basket with a cot (one in seven, after most).
    assert first.share.estimate == pytest.approx(0.7 * (1 / 6) / (1 / 6 + 5 / 6 / 7), abs=0.07)
    assert first.lift.lower is not None
    assert first.lift.lower > 2
    assert len(first.lift_by_half) == 2
    later = bought_next(stores, as_of=AS_OF, within_days=60, after="pram")
    assert ("pram",) in {one.first for one in later.standing}


def test_nothing_later_than_the_moment_is_seen(stores: Stores) -> None:
    early = bought_next(stores, as_of=day(330), within_days=30)
    late = bought_next(stores, as_of=AS_OF, within_days=30)
    assert early.baskets < late.baskets


def test_too_little_and_the_unknown_are_refused_with_reasons(stores: Stores) -> None:
    with pytest.raises(TooLittleDataError, match=r"came back within the days: .* of at least 200"):
        bought_next(stores, as_of=day(60))
    with pytest.raises(PredictError, match="No basket has 'cott'"):
        bought_next(stores, as_of=AS_OF, after="cott")
    with pytest.raises(PredictError, match="Within 0 days"):
        bought_next(stores, as_of=AS_OF, within_days=0)
    with pytest.raises(PredictError, match="Known: sku, category"):
        bought_next(stores, as_of=AS_OF, by="brand")
