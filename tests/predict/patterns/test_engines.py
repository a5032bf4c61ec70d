"""Patterns on DuckDB and on Spark: the same, byte by byte; and as a workspace offers them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from aimwell.cli.output import plain
from aimwell.predict.patterns.bundle_service import bundles
from aimwell.predict.patterns.next_service import bought_next
from aimwell.predict.patterns.paths import paths
from aimwell.predict.patterns.responses import responses
from aimwell.predict.patterns.service import basket_rules
from aimwell.store.stores import Stores
from aimwell.workspace.predict import Predictions
from pattern_shop import add_patterns
from shop import day, make_stores
from spark_here import spark_here

AS_OF = day(200)
QUESTIONS: list[Callable[..., Any]] = [basket_rules, bought_next, paths, responses, bundles]


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Stores:
    stores = make_stores(tmp_path_factory.mktemp("engines"), margin_default=0.5)
    add_patterns(stores)
    return stores


@pytest.mark.long
@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.__name__)
def test_spark_finds_what_duckdb_finds(stores: Stores, question: Callable[..., Any]) -> None:
    on_spark = replace(stores, history_engine=spark_here())
    one, other = (json.dumps(plain(question(on, as_of=AS_OF))) for on in (stores, on_spark))
    assert len(one) > 500
    assert one == other


def test_a_workspace_answers_as_of_now_unless_told(stores: Stores) -> None:
    offered = Predictions(stores, lambda: AS_OF, "test")
    assert offered.baskets() == basket_rules(stores, as_of=AS_OF)
    assert offered.baskets(product="butter").standing[0].consequent == ("bread",)
    assert offered.next_bought(within_days=30) == bought_next(stores, as_of=AS_OF, within_days=30)
    assert offered.paths(window_days=20) == paths(stores, as_of=AS_OF, window_days=20)
    assert offered.responses() == responses(stores, as_of=AS_OF)
    assert offered.bundles().bundles[0].items == ("bread", "butter")
