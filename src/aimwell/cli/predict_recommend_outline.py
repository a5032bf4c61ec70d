"""The commands about recommendations as `aimwell predict -h` lists them; `predict_recommend` has them."""

from __future__ import annotations

from aimwell.cli.lazy import Outline
from aimwell.cli.predict_panels import PRODUCTS

__all__ = ["RECOMMENDING"]

RECOMMENDING = (
    Outline(
        "recommenders",
        "aimwell.cli.predict_recommend:recommenders",
        "Judge ways to recommend products on what people bought later, and keep the best simple one.",
        PRODUCTS,
    ),
    Outline(
        "recommend",
        "aimwell.cli.predict_recommend:recommend",
        "Recommend products to everybody, or to a few people, by the shop's rules.",
        PRODUCTS,
    ),
    Outline(
        "similar",
        "aimwell.cli.predict_recommend:similar",
        "Show which products go with one.",
        PRODUCTS,
    ),
)
