"""What is bought together, read from a workspace."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse

from aimwell.cli.output import plain
from aimwell.errors import PredictError, TooLittleDataError
from aimwell.history.moment import open_moment
from aimwell.predict.patterns.itemsets import find_itemsets
from aimwell.predict.patterns.rules import possible_rules, rules_of, written_rules
from aimwell.predict.patterns.service import basket_rules, bought_together, read_baskets
from aimwell.stats.multiplicity import benjamini_hochberg
from aimwell.store.stores import Stores
from shop import add_orders, add_products, day, make_stores, online_retail

AS_OF = day(365)


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Stores:
    """Bread and butter go together all year; jam comes alone; a few orders went back or are no goods."""
    stores = make_stores(tmp_path_factory.mktemp("baskets"), margin_default=0.4)
    rng = np.random.default_rng(1)
    rows = []
    for number in range(1_200):
        items = [sku for sku in ("bread", "jam", "tea", "salt") if rng.random() < 0.3]
        if "bread" in items and rng.random() < 0.6:
            items.append("butter")
        lines = [(sku, 1, 2.0) for sku in items or ["salt"]]
        rows.append(
            {
                "customer": None if number % 7 == 0 else f"p{number % 150}",
                "order_id": f"o{number}",
                "ordered_at": day(number * 0.3),
                "lines": [*lines, {"sku": "POST", "unit_price": 3, "goods": False}],
            }
        )
    back = [("bread", 1, 2.0), ("anchovy", 1, 2.0)]
    whole = {"customer": "p1", "order_id": "back", "ordered_at": day(5), "lines": back}
    rows += [whole, {**whole, "kind": "return", "ordered_at": day(6)}]
    rows.append({**whole, "order_id": "later", "ordered_at": day(400)})
    add_orders(stores, rows)
    add_products(
        stores,
        [
            {"sku": "bread", "name": "Bread", "category": "bakery"},
            {"sku": "butter", "name": "Butter", "category": "dairy"},
            {"sku": "tea", "category": "drinks"},
        ],
    )
    return stores


def test_planted_pair_stands_alone(stores: Stores) -> None:
    found = basket_rules(stores, as_of=AS_OF, support=0.02, confidence=0.0)
    pairs = {frozenset((*one.antecedent, *one.consequent)) for one in found.standing}
    assert pairs == {frozenset({"bread", "butter"})}
    assert found.names["bread"] == "Bread"
    assert found.baskets == 1_200  # neither what went back whole nor what is of later


def test_goods_alone_are_items_and_what_went_back_is_not(stores: Stores) -> None:
    found = basket_rules(stores, as_of=AS_OF, support=0.0001, confidence=0.0)
    assert found.items == 5
    assert "POST" not in found.names


def test_with_one_product(stores: Stores) -> None:
    found = bought_together(stores, "butter", as_of=AS_OF)
    assert [one.consequent for one in found.standing] == [("bread",)]
    assert all(one.antecedent == ("butter",) for one in found.rules)
    assert found.tests == 4


def test_by_category(stores: Stores) -> None:
    found = basket_rules(stores, as_of=AS_OF, by="category", support=0.02, confidence=0.0)
    assert found.items == 3
    assert {one.antecedent for one in found.standing} == {("bakery",), ("dairy",)}


def test_the_same_twice_byte_by_byte(stores: Stores) -> None:
    texts = {
        json.dumps(plain(basket_rules(stores, as_of=AS_OF, support=0.01, confidence=0.0)))
        for _turn in range(2)
    }
    assert len(texts) == 1
    assert "NaN" not in texts.pop()


def test_a_product_that_nobody_bought_is_refused_with_the_nearest(stores: Stores) -> None:
    with pytest.raises(PredictError, match=r"No basket has 'buter'. Did you mean 'butter'"):
        bought_together(stores, "buter", as_of=AS_OF)


def test_too_little_says_what_is_needed(stores: Stores, tmp_path: Path) -> None:
    with pytest.raises(TooLittleDataError, match=r"two or more products: .* of at least 100"):
        basket_rules(stores, as_of=day(20))
    with pytest.raises(TooLittleDataError, match=r"two or more products: 0 of at least 100"):
        basket_rules(make_stores(tmp_path), as_of=AS_OF)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"by": "colour"}, "Known: sku, category"),
        ({"confidence": 1.2}, "confidence is 1.2"),
        ({"support": 0.0}, "share of baskets"),
        ({"largest": 7}, "2 to 4"),
        ({"false_share": -1.0}, "share of false rules"),
    ],
)
def test_bad_questions_are_refused(stores: Stores, wrong: dict[str, object], words: str) -> None:
    with pytest.raises(PredictError, match=words):
        basket_rules(stores, as_of=AS_OF, **wrong)  # type: ignore[arg-type]


@pytest.mark.slow
def test_online_retail_gives_the_published_counts(tmp_path: Path) -> None:
    """Frequent sets and rules of confidence ≥ .5, as mlxtend counts them too."""
    stores = make_stores(tmp_path, currency="GBP")
    online_retail(stores)
    for support, itemsets, rules in ((0.02, 361, 55), (0.01, 1_790, 690), (0.005, 12_893, 7_186)):
        found = basket_rules(stores, as_of=day(0), support=support, confidence=0.5)
        assert (found.baskets, found.items) == (20_538, 3_919)
        assert (sum(found.itemsets.values()), len(found.rules)) == (itemsets, rules)
    together = bought_together(stores, "85123A", as_of=day(0))
    assert together.standing[0].consequent == ("21733",)  # the same holder in red


@pytest.mark.long
def test_in_online_retail_with_its_products_shuffled_nothing_stands(tmp_path: Path) -> None:
    """The sizes of baskets and the popularity of products stay; which product is in which basket is chance."""
    stores = make_stores(tmp_path, currency="GBP")
    online_retail(stores)
    with open_moment(stores, as_of=day(0)) as moment:
        baskets, _items = read_baskets(moment, by="sku", support=0.01)
    lines = baskets.matrix.tocoo()
    shuffled = np.random.default_rng(1).permutation(lines.col)
    ones = np.ones(len(shuffled), np.int32)
    matrix = sparse.csc_array((ones, (lines.row, shuffled)), shape=lines.shape)
    matrix.data[:] = 1
    itemsets = find_itemsets(replace(baskets, matrix=matrix), support=0.004, largest=2)
    counts = rules_of(itemsets, confidence=0.0)
    tests = {2: possible_rules(itemsets.frequent, 2)}
    rules = written_rules(counts, baskets.items, tests=tests)
    by_fisher = benjamini_hochberg(counts.p_value.tolist(), tests=tests[2])
    assert sum(p is not None and p <= 0.05 for p in by_fisher) > 0.9 * len(rules) > 1_000
    assert sum(one.adjusted_p_value <= 0.05 for one in rules) <= 0.05 * len(rules)
