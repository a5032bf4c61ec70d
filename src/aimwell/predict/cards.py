"""Model cards: what a model predicts, from what it learnt, how good it was on later time, and what to beware of.

A card is made from the registry's row alone, as a dictionary for programs and as text for people.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from aimwell.predict.card_churn import churn_words
from aimwell.predict.card_lifetime import lifetime_words
from aimwell.predict.card_networks import network_words
from aimwell.predict.card_propensity import propensity_words
from aimwell.predict.card_responses import channel_words, discount_words
from aimwell.predict.card_spend import spend_words
from aimwell.predict.card_subscriptions import subscription_words
from aimwell.predict.demand.kept import demand_words
from aimwell.predict.kind_words import kind_words
from aimwell.predict.recommend.words import recommender_words
from aimwell.predict.registry import RegisteredModel
from aimwell.predict.timing.kept import next_purchase_words
from aimwell.predict.timing.kept_times import best_time_words

__all__ = ["card_text", "model_card"]


def model_card(entry: RegisteredModel, *, timezone: str = "UTC") -> dict[str, Any]:
    """The card of a registered model.

    Args:
        entry: From the registry.
        timezone: IANA zone in which days are told.

    Returns:
        `name`, `version`, `kind`, `as_of`, `trained_at`; in words `predicts`, `sentence` (its worth in one), `learnt_from`, `how_good`, `features`
        and `caveats`; `calibration`, predicted beside actual by group of people; of a lifetime value `sum_check`
        (`check_total.SumCheck`, or None); and all `settings` and `metrics`.
    """
    told = {
        "propensity": propensity_words,
        "lifetime_value": lifetime_words,
        "recommender": recommender_words,
        "churn": churn_words,
        "spend": spend_words,
        "next_purchase": next_purchase_words,
        "subscription_churn": subscription_words,
        "next_purchase_network": network_words,
        "channel_preference": channel_words,
        "discount_seeking": discount_words,
        "account_leads": propensity_words,
        "best_time": best_time_words,
        "demand": demand_words,
    }.get(entry.kind, _other_words)
    zone = ZoneInfo(timezone)
    return {
        "name": entry.name,
        "version": entry.version,
        "kind": entry.kind,
        "as_of": entry.as_of.astimezone(zone).isoformat(),
        "trained_at": entry.trained_at.astimezone(zone).isoformat(),
        **told(entry, zone),
        "settings": dict(entry.settings),
        "metrics": dict(entry.metrics),
        "lake_versions": dict(entry.lake_versions),
    }


def card_text(card: Mapping[str, Any]) -> str:
    """The card as plain text."""
    parts = [
        f"{card['name']}, version {card['version']}",
        _paragraph("What it predicts", [card["predicts"]]),
        _paragraph("What it learnt from", card["learnt_from"]),
        _paragraph("How good it is", card["how_good"]),
        _calibration_text(card["calibration"]),
        _paragraph("What tells people apart", card["features"]),
        _paragraph("Beware", card["caveats"]),
    ]
    return "\n\n".join(part for part in parts if part)


def _other_words(entry: RegisteredModel, _zone: ZoneInfo) -> dict[str, Any]:
    """What can be said of a model of another stage, such as clusters."""
    reason = str(entry.metrics.get("reason", ""))
    return {
        "predicts": f"Nothing: it is {kind_words(entry.kind)}, which another stage made and uses.",
        "sentence": reason,
        "learnt_from": [],
        "how_good": [reason] if reason else [],
        "calibration": [],
        "features": [],
        "caveats": [],
    }


def _paragraph(title: str, lines: Sequence[str]) -> str:
    return "\n".join([title, *(f"  - {line}" for line in lines)]) if lines else ""


def _calibration_text(rows: Sequence[Mapping[str, Any]]) -> str:
    if not rows:
        return ""
    if "within_days" in rows[0]:
        title = "Predicted and actual, by how soon"
        lines = [
            f"within {row['within_days']} days: predicted {row['predicted']:.1%}, actual {row['actual']:.1%} "
            f"({row['lower']:.1%} to {row['upper']:.1%})"
            for row in rows
        ]
    elif "lower" in rows[0]:
        title = "Predicted and actual, by tenths of the people"
        lines = [
            f"{row['people']:,} people: predicted {row['predicted']:.1%}, actual {row['actual']:.1%} "
            f"({row['lower']:.1%} to {row['upper']:.1%})"
            for row in rows
        ]
    else:
        title = "Days with a purchase, predicted and actual, by how often people had bought again before"
        lines = [
            f"{row['bought again before']} times ({row['people']:,} people): predicted {row['predicted']:.2f}, actual "
            f"{row['actual']:.2f}"
            for row in rows
        ]
    return _paragraph(title, lines)
