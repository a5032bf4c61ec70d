"""Lists: order, categories, filling up, rules; property: no rule is ever broken."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimwell.errors import PredictError
from aimwell.predict.recommend.candidates import Candidates, ranked
from aimwell.predict.recommend.catalogue import Catalogue
from aimwell.predict.recommend.fitting import fit_recommenders
from aimwell.predict.recommend.interactions import Interactions
from aimwell.predict.recommend.lists import Lists, make_lists
from aimwell.predict.recommend.reasons import reasons, strongest_links
from aimwell.predict.recommend.recommender import METHODS, Method, Recommender
from aimwell.predict.recommend.rules import Exclusions, Kind, Rules, allowed_products
from made_interactions import from_days, random_interactions

PRODUCTS = 20


def catalogue(made: Interactions, seed: int = 1) -> Catalogue:
    draw = np.random.default_rng(seed)
    products = len(made.skus)
    return Catalogue(
        made.skus,
        pa.array([f"thing {one}" if one % 3 else None for one in range(products)]),
        pa.array([f"c{one % 4}" if one % 5 else None for one in range(products)], pa.string()),
        np.where(draw.random(products) < 0.9, draw.uniform(1, 50, products), np.nan),
        np.where(draw.random(products) < 0.9, draw.uniform(0, 0.8, products), np.nan),
        np.where(draw.random(products) < 0.5, draw.integers(0, 3, products), np.nan),
    )


def fitted(made: Interactions, method: Method, products: Catalogue | None = None) -> Recommender:
    groups = np.arange(len(made)) % 2
    known = products or Catalogue.unknown(made.skus)
    one = fit_recommenders(
        made, known, [method], horizon_days=30, by="trait:x", groups=("a", "b"), group=groups
    )[method]
    return replace(one, chances={"new": (0.2, 0.1), "again": (0.3, 0.05)})


def lists_of(
    made: Interactions, one: Recommender, rules: Rules
) -> tuple[Lists, Catalogue, Exclusions]:
    exclusions = Exclusions()
    products = allowed_products(rules, one.catalogue, exclusions)
    found = make_lists(
        one,
        made.pairs(),
        len(made),
        rules,
        products=products,
        catalogue=one.catalogue,
        exclusions=exclusions,
        groups=np.arange(len(made)) % 2 + 1,
    )
    return found, one.catalogue, exclusions


def test_ranks_go_by_source_then_score_then_product_and_categories_are_capped() -> None:
    found, rank = ranked(
        Candidates(
            np.array([0, 0, 0, 0, 1]),
            np.array([3, 2, 1, 0, 3]),
            np.array([5.0, 1.0, 5.0, 9.0, 1.0]),
            np.array([0, 0, 0, 1, 0], dtype=np.int8),
        ),
        k=3,
        category=np.array([0, 1, 1, -1]),
        most_per_category=1,
    )
    assert found.product.tolist() == [1, 3, 0, 3]
    assert rank.tolist() == [1, 2, 3, 1]


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    method=st.sampled_from(METHODS),
    kind=st.sampled_from(["new", "again", "next-best", "cross-sell", "up-sell"]),
    k=st.integers(1, 8),
    more=st.fixed_dictionaries(
        {},
        optional={
            "not_bought_days": st.integers(1, 40),
            "most_per_category": st.integers(1, 3),
            "least_margin": st.sampled_from([0.1, 0.5]),
            "price_band": st.sampled_from([1.5, 4.0]),
            "without": st.just(("s0001", "s0002")),
            "without_categories": st.just(("c1",)),
            "in_stock": st.booleans(),
        },
    ),
)
def test_no_rule_is_ever_broken(
    seed: int, method: Method, kind: Kind, k: int, more: dict[str, Any]
) -> None:
    if kind == "again":
        more.pop("not_bought_days", None)
    draw = np.random.default_rng(seed)
    table = random_interactions(12, PRODUCTS, seed=seed)
    made = replace(table, since=(table.since + draw.integers(-9, 30, len(table.since))))
    one = fitted(made, method, catalogue(made, seed))
    rules = Rules(kind=kind, k=k, **more)
    found, products, _ = lists_of(made, one, rules)
    days = made.matrix(made.days).toarray()
    since = np.where(days > 0, made.matrix(made.since).toarray(), np.inf)
    category = products.category_codes
    for person in range(len(made)):
        mine = found.product[found.person == person]
        assert found.rank[found.person == person].tolist() == list(range(1, len(mine) + 1))
        assert len(mine) <= k
        assert len(set(mine.tolist())) == len(mine)
        assert (np.diff(found.score[(found.person == person) & ~found.popular]) <= 1e-9).all()
        if kind == "again":
            assert (days[person, mine] > 0).all()
        elif rules.not_bought_days is not None:
            assert (since[person, mine] >= rules.not_bought_days).all()
        elif kind != "next-best":
            assert (days[person, mine] == 0).all()
        own = np.flatnonzero(days[person])
        if kind == "cross-sell":
            assert not set(category[mine]) & set(category[own])
        if kind == "up-sell":
            for product in mine:
                same = own[(category[own] == category[product]) & (products.price[own] > 0)]
                assert products.price[product] > products.price[same].mean()
        if rules.most_per_category is not None:
            known = category[mine][category[mine] >= 0]
            assert np.bincount(known, minlength=1).max() <= rules.most_per_category
        if rules.least_margin is not None:
            assert (products.margin[mine] >= rules.least_margin).all()
        if rules.in_stock:
            assert not (products.stock[mine] <= 0).any()
        if rules.price_band is not None and (products.price[own] > 0).any():
            usual = np.exp(np.nanmean(np.log(products.price[own])))
            away = np.abs(np.log(products.price[mine] / usual))
            assert (away <= np.log(rules.price_band) + 1e-9).all()
        assert not set(mine.tolist()) & (set(map(int, rules.without and (1, 2))))
        if rules.without_categories:
            assert "c1" not in products.categories.take(pa.array(mine)).to_pylist()


@pytest.mark.parametrize("method", METHODS)
def test_lists_are_filled_up_as_long_as_anything_may_be_shown(method: Method) -> None:
    made = random_interactions(30, PRODUCTS, seed=4)
    found, _, exclusions = lists_of(made, fitted(made, method), Rules(k=PRODUCTS))
    sold = made.matrix(made.days).toarray() > 0
    free = (~sold & sold.any(axis=0)).sum(axis=1)
    assert np.bincount(found.person, minlength=30).tolist() == free.tolist()
    assert exclusions.pairs == {"bought before": int(sold.sum())}


def test_next_best_weighs_both_kinds_by_what_was_bought_later() -> None:
    made = from_days([[3, 1, 0, 0, 0, 0], [2, 0, 2, 1, 1, 1], [0, 1, 1, 0, 1, 1]] * 5)
    found, _, _ = lists_of(made, fitted(made, "popularity"), Rules(kind="next-best", k=4))
    first = found.person == 0
    assert found.again[first].tolist() == [True, False, False, False]
    assert found.score[first] == pytest.approx([0.3, 0.2, 0.1, 0.1], abs=1e-6)


def test_exclusions_are_counted_and_unknown_stock_is_said() -> None:
    made = from_days([[1, 0, 0, 0], [0, 1, 1, 1]])
    known = replace(
        Catalogue.unknown(made.skus),
        stock=np.array([np.nan, 0, 5, 5]),
        margin=np.array([0.5, 0.5, 0.1, np.nan]),
    )
    rules = Rules(without=("s0000",), least_margin=0.3)
    exclusions = Exclusions()
    assert not allowed_products(rules, known, exclusions).any()
    assert exclusions.products == {
        "left out by name": 1,
        "out of stock": 1,
        "margin unknown": 1,
        "margin too small": 1,
    }
    assert "Of 1 of 4 products the stock is unknown" in exclusions.notes[0]


def test_reasons_say_what_speaks_for_a_product() -> None:
    made = from_days(
        [[1, 1, 0, 0], [1, 1, 0, 0], [1, 0, 0, 3], [0, 0, 1, 1]],
        since=[[50, 50, 0, 0], [50, 50, 0, 0], [50, 0, 0, 31], [0, 0, 4, 4]],
        span=[[0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 60], [0, 0, 0, 0]],
    )
    one = fitted(made, "item-to-item, cosine")
    by_group = fitted(made, "popularity by group")
    found, products, _ = lists_of(made, by_group, Rules(k=1))
    of_group = reasons(by_group, found, made.pairs(), 4, products.called, np.arange(4) % 2 + 1)
    assert of_group.to_pylist() == [f"popular in {name}" for name in "aba"]

    def told(rules: Rules, person: int) -> list[str]:
        found, products, _ = lists_of(made, one, rules)
        groups = np.ones(4, dtype=np.int64)
        why = reasons(one, found, made.pairs(), 4, products.called, groups)
        return [
            text for text, who in zip(why.to_pylist(), found.person, strict=True) if who == person
        ]

    assert told(Rules(k=2), 2) == ["bought with s0000", "bought with s0003"]
    assert told(Rules(k=3), 3) == ["bought with s0003"]
    again = told(Rules(kind="again"), 2)
    assert "due again: bought 3 times, every 30 days, last 31 days ago" in again
    assert "bought once, 50 days ago" in again
    gone = replace(made, since=made.since + 60)
    found, products, _ = lists_of(gone, one, Rules(kind="again"))
    why = reasons(one, found, gone.pairs(), 4, products.called, None).to_pylist()
    assert "bought 3 times, every 30 days, last 91 days ago" in why


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"kind": "old"}, r"kind: one of new, again.*\(found old\)"),
        ({"k": 0}, r"k: 1 to 1,000 \(found 0\)"),
        ({"kind": "again", "not_bought_days": 3}, "nothing with the kind 'again'"),
        ({"not_bought_days": 0}, "not_bought_days: 1 or more"),
        ({"most_per_category": 0}, "most_per_category: 1 or more"),
        ({"least_margin": 30}, "a share of revenue"),
        ({"price_band": 1.0}, "price_band: above 1"),
        ({"price_band": float("nan")}, "price_band: above 1"),
    ],
)
def test_rules_that_cannot_be_are_refused(given: dict[str, Any], words: str) -> None:
    with pytest.raises(PredictError, match=words):
        Rules(**given)


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        (Rules(kind="up-sell"), "No product has a category"),
        (Rules(most_per_category=1), "No product has a category"),
        (Rules(without=("s9999",)), "There is no product 's9999'"),
        (Rules(without_categories=("toys",)), "There is no category 'toys'"),
    ],
)
def test_rules_about_what_is_not_known_are_refused(rules: Rules, words: str) -> None:
    with pytest.raises(PredictError, match=words):
        allowed_products(rules, Catalogue.unknown(pa.array(["s0000", "s0001"])), Exclusions())


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_the_strongest_link_is_the_largest_term_of_the_score(seed: int) -> None:
    made = random_interactions(8, 10, seed=seed, share=0.3)
    near = fitted(made, "item-to-item, cosine").neighbours
    person, product = np.divmod(np.arange(80), 10)
    found = strongest_links(near, made.pairs(), 8, person, product)
    terms = (made.matrix(made.days).toarray() > 0)[person] * near.toarray().T[product]
    expected = np.where(terms.max(axis=1) > 0, np.argmax(terms, axis=1), -1)
    assert found.tolist() == expected.tolist()
