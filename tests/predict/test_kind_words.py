"""Every kind of model has a name that reads well in a sentence."""

from __future__ import annotations

from typing import get_args

import pytest

from aimwell.predict.kind_words import kind_words
from aimwell.predict.registry import Kind


@pytest.mark.parametrize("kind", get_args(Kind))
def test_names_have_an_article_and_no_underscore(kind: str) -> None:
    assert kind_words(kind).startswith("a ")
    assert "_" not in kind_words(kind)


def test_what_is_no_quantity_is_not_called_a_model_of_one() -> None:
    assert kind_words("recommender") == "a recommender"
    assert kind_words("lifetime_value") == "a model of lifetime value"
    assert kind_words("clusters") == "a model of clusters"
