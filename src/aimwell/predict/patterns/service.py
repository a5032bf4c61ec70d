"""What is bought together, read from the workspace."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

import numpy as np

from aimwell.errors import TooLittleDataError
from aimwell.history.moment import Moment, open_moment
from aimwell.predict.patterns import queries
from aimwell.predict.patterns.itemsets import (
    Baskets,
    Itemsets,
    find_itemsets,
    halves_of,
    least_baskets,
    pairs_with,
    size_classes,
)
from aimwell.predict.patterns.model import BasketRules, Rule
from aimwell.predict.patterns.reading import (
    FALSE_SHARE,
    bind_items,
    checked_share,
    lines_matrix,
    names_of,
    unknown_item,
)
from aimwell.predict.patterns.rules import possible_rules, rules_of, written_rules
from aimwell.store.stores import Stores

__all__ = ["basket_rules", "bought_together", "read_baskets"]

_BASKETS_MIN = 100
_PAIR_BASKETS_MIN = 10


def basket_rules(
    stores: Stores,
    *,
    as_of: datetime,
    by: str = "sku",
    support: float = 0.01,
    confidence: float = 0.3,
    largest: int = 3,
    false_share: float = FALSE_SHARE,
) -> BasketRules:
    """What is bought together: frequent sets of items, and rules "who has A has C too".

    Args:
        stores: The workspace.
        as_of: Nothing from this moment on is seen.
        by: 'sku' or 'category'.
        support: The least share of baskets that a set must be in, 0–1.
        confidence: The least share of baskets with A that must hold C too, 0–1.
        largest: Most items in a set, 2 to 4.
        false_share: Of the rules that stand, this share may be false on average.

    Raises:
        TooLittleDataError: Too few baskets of two products or more.
        PredictError: A share or a size that cannot be.
    """
    checked_share("confidence", confidence)
    checked_share("share of false rules", false_share)
    with open_moment(stores, as_of=as_of, engine=stores.history_engine) as moment:
        baskets, items = read_baskets(moment, by=by, support=support)
        itemsets = find_itemsets(baskets, support=support, largest=largest)
        tests = {size: possible_rules(itemsets.frequent, size) for size in range(2, largest + 1)}
        rules = written_rules(rules_of(itemsets, confidence=confidence), baskets.items, tests=tests)
        return _found(moment, by, items, itemsets, rules, sum(tests.values()), false_share)


def bought_together(
    stores: Stores,
    product: str,
    *,
    as_of: datetime,
    by: str = "sku",
    false_share: float = FALSE_SHARE,
) -> BasketRules:
    """What is in the basket with one product (or category), of everything that is in ten baskets with it.

    Raises:
        PredictError: Nobody has bought it.
        TooLittleDataError: Too few baskets, on the whole or with it.
    """
    checked_share("share of false rules", false_share)
    with open_moment(stores, as_of=as_of, engine=stores.history_engine) as moment:
        baskets, items = read_baskets(moment, by=by, support=_PAIR_BASKETS_MIN)
        column = _column_of(product, baskets, moment)
        itemsets = pairs_with(baskets, column, least=_PAIR_BASKETS_MIN)
        rules = rules_of(itemsets, confidence=0.0)
        rules = rules.take(np.flatnonzero(rules.antecedent[:, 0] == column))
        tests = itemsets.frequent - 1
        written = written_rules(rules, baskets.items, tests={2: tests})
        return _found(moment, by, items, itemsets, written, tests, false_share)


def read_baskets(moment: Moment, *, by: str, support: float) -> tuple[Baskets, int]:
    """The baskets known at the moment, with the items that are in enough of them, and how many items there are at all.

    `support`: A share of baskets up to 1, or a number of them above that.
    """
    bind_items(moment, by)
    facts = moment.session.table(queries.basket_facts())
    size = facts.column("size").to_numpy().astype(np.int64)
    needed = {"baskets of two or more products": _BASKETS_MIN}
    present = {"baskets of two or more products": int((size > 1).sum())}
    if present["baskets of two or more products"] < _BASKETS_MIN:
        raise TooLittleDataError("what is bought together", needed=needed, present=present)
    every = moment.session.table(queries.known_items(1)).num_rows
    least = least_baskets(support, len(size)) if support <= 1 else int(support)
    known = moment.session.table(queries.known_items(least)).column("item").to_pylist()
    shape = (len(size), len(known))
    matrix = lines_matrix(moment, queries.basket_lines(least), row="basket", shape=shape)
    at = facts.column("seconds").to_numpy()
    baskets = Baskets(matrix, tuple(known), halves_of(at), size_classes(size))
    return baskets, every


def _found(
    moment: Moment,
    by: str,
    items: int,
    itemsets: Itemsets,
    rules: tuple[Rule, ...],
    tests: int,
    false_share: float,
) -> BasketRules:
    seconds = moment.session.table(queries.basket_facts()).column("seconds").to_numpy()
    named = {item for rule in rules for item in (*rule.antecedent, *rule.consequent)}
    return BasketRules(
        by=by,
        since=datetime.fromtimestamp(float(seconds[0]), UTC),
        until=datetime.fromtimestamp(float(seconds[-1]), UTC),
        baskets=int(itemsets.totals.sum()),
        items=items,
        frequent=itemsets.frequent,
        least=itemsets.least,
        itemsets=dict(sorted(Counter(itemsets.sizes.tolist()).items())),
        rules=rules,
        tests=tests,
        false_share=false_share,
        names=names_of(moment, by, named),
    )


def _column_of(product: str, baskets: Baskets, moment: Moment) -> int:
    if product in baskets.items:
        return baskets.items.index(product)
    raise unknown_item(product, moment, what="what is bought with it", needed=_PAIR_BASKETS_MIN)
