"""The card of endings of subscriptions in words."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from aimwell.predict.card_propensity import chosen_candidate
from aimwell.predict.card_words import day, estimate, level_caveat, level_words
from aimwell.predict.registry import RegisteredModel

__all__ = ["subscription_words"]


def subscription_words(entry: RegisteredModel, zone: ZoneInfo) -> dict[str, Any]:
    """The parts of the card, days in `zone`."""
    metrics, horizon = entry.metrics, entry.settings["horizon_days"]
    chosen = chosen_candidate(metrics)
    later, judge, learnt = chosen["later"], metrics["judge"], metrics["learnt"]
    rate = later["base_rate"]
    caveats = [
        "It says which subscriptions will end, not which can be held. Whom an offer would hold only a control group tells."
    ]
    caveats += level_caveat(later, "horizon", "subscriptions rather than to count on sums")
    if metrics["backwards"]:
        caveats.append(
            f"{metrics['backwards']:,} subscriptions end before they start and are left out. Check their days."
        )
    return {
        "predicts": f"The probability that a running subscription ends within {horizon} days.",
        "sentence": f"AUC {estimate(later['auc'], '.3f')} on {judge['subscriptions']:,} subscriptions of a later time; "
        f"{estimate(rate, '.1%')} of them ended within {horizon} days, {later['mean_predicted']:.1%} were foretold.",
        "learnt_from": [
            f"{learnt['months']:,} months of subscriptions of the two years before {day(judge['as_of'], zone)}, "
            f"{learnt['endings']:,} of which were the last.",
            metrics["reason"],
        ],
        "how_good": [
            f"Judged on {judge['subscriptions']:,} subscriptions that ran on {day(judge['as_of'], zone)}; "
            f"{judge['ended']:,} ended within {horizon} days.",
            f"AUC {estimate(later['auc'], '.3f')}: so often it puts one that ended above one that went on.",
            *level_words(later),
            *(
                f"{one['learner']}: AUC {estimate(one['later']['auc'], '.3f')}, log loss {one['later']['log_loss']:.4f} "
                f"(the chosen: {later['log_loss']:.4f})."
                for one in metrics["candidates"]
                if one["learner"] != metrics["learner"]
            ),
        ],
        "calibration": [
            {
                "people": row["people"],
                "predicted": row["mean_predicted"],
                "actual": row["actual"]["estimate"],
                "lower": row["actual"]["lower"],
                "upper": row["actual"]["upper"],
            }
            for row in later["bins"]
        ],
        "features": [],
        "caveats": caveats,
    }
