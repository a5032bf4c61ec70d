"""What a model of a kind is called in a sentence."""

from __future__ import annotations

__all__ = ["kind_words"]

_NAMES = {
    "propensity": "a propensity",
    "recommender": "a recommender",
    "next_purchase_network": "a network of the next purchase",
    "next_purchase": "a model of the next purchase",
    "account_leads": "a model of leads among firms",
    "best_time": "a model of the best time",
}


def kind_words(kind: str) -> str:
    """With its article: 'a recommender', 'a model of lifetime value'."""
    return _NAMES.get(kind, f"a model of {kind.replace('_', ' ')}")
