"""The card of a recommender in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

from aimwell.predict.card_words import day, estimate, season_caveat
from aimwell.predict.registry import RegisteredModel

__all__ = ["recommender_words", "recommender_worth"]

_QUESTIONS = {"new": "New products", "again": "Bought again"}


def recommender_words(entry: RegisteredModel, zone: ZoneInfo) -> dict[str, Any]:
    """The parts of the card, days in `zone`."""
    metrics, settings = entry.metrics, entry.settings
    contests: Mapping[str, Any] = metrics["contests"]
    return {
        "predicts": f"Which products each person is likely to buy within {settings['horizon_days']} days: new ones by "
        f"{metrics['method']}, those to be bought again by “{metrics['again_method']}”.",
        "sentence": " ".join(_sentence(kind, one, settings["k"]) for kind, one in contests.items()),
        "learnt_from": [
            f"{metrics['people']:,} people, {metrics['products']:,} products, {metrics['pairs']:,} pairs of both; purchases "
            f"since {day(metrics['recorded']['first_at'], zone)}. Views and carts count less than a purchase.",
            f"The methods were judged as of {day(metrics['judged_as_of'], zone)} on what was bought in the "
            f"{settings['horizon_days']} days after; the chosen ones were then fitted anew to everything.",
        ],
        "how_good": [
            *(one["reason"] for one in contests.values()),
            *(
                f"{_QUESTIONS[kind]}, {row['method']}: NDCG {estimate(row['ndcg'], '.4f')}, recall "
                f"{estimate(row['recall'], '.2%')}, a hit for {estimate(row['hit'], '.1%')} of {one['people']:,} people."
                for kind, one in contests.items()
                for row in one["methods"]
            ),
        ],
        "calibration": [],
        "features": [],
        "caveats": [
            "A list says what a person is likely to buy, perhaps without any promotion. Whether recommending makes them buy "
            "more is told by an experiment with a control group.",
            "Products that nobody had bought or looked at before the model was trained are in no list.",
            *(f"Not judged: {why}" for why in metrics["unjudged"].values()),
            *season_caveat(metrics, entry.as_of.isoformat(), zone),
        ],
    }


def recommender_worth(metrics: Mapping[str, Any]) -> str:
    """The one figure by which a recommender is known."""
    for kind, words in (("new", "hit"), ("again", "hit again")):
        if kind in metrics["contests"]:
            return f"{words} {_chosen(metrics['contests'][kind])['hit']['estimate']:.1%}"
    return "not judged"


def _chosen(contest: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = next(
        one for one in contest["methods"] if one["method"] == contest["chosen"]
    )
    return found


def _sentence(kind: str, contest: Mapping[str, Any], k: int) -> str:
    chosen = _chosen(contest)
    return (
        f"{_QUESTIONS[kind]} by {chosen['method']}: of those who bought such a product later, "
        f"{estimate(chosen['hit'], '.1%')} bought one of the {k} in their list."
    )
