"""The card of churn without a contract in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

from aimwell.predict.card_propensity import chosen_candidate
from aimwell.predict.card_words import day, estimate, level_caveat, level_words, season_caveat
from aimwell.predict.registry import RegisteredModel

__all__ = ["churn_words", "rule_words"]


def churn_words(entry: RegisteredModel, zone: ZoneInfo) -> dict[str, Any]:
    """The parts of the card, days in `zone`."""
    metrics, horizon = entry.metrics, entry.settings["horizon_days"]
    chosen = chosen_candidate(metrics)
    later, train, judge = chosen["later"], metrics["train"], metrics["judge"]
    return {
        "predicts": f"The probability that a customer who ordered within the last {horizon} days does not order within "
        f"the next {horizon}.",
        "sentence": f"AUC {estimate(later['auc'], '.3f')} on {judge['people']:,} customers of a later period; of them "
        f"{later['base_rate']['estimate']:.0%} went.",
        "learnt_from": [
            metrics["horizon_words"],
            f"{train['people']:,} customers at risk on {day(train['as_of'], zone)}, of whom {train['gone']:,} did not "
            f"order in the {horizon} days after.",
            metrics["reason"],
            *([metrics["law"]] if metrics["law"] else []),
        ],
        "how_good": [
            f"Judged on {judge['people']:,} customers at risk on {day(judge['as_of'], zone)}, later than it has learnt; "
            f"{judge['gone']:,} of them went.",
            f"AUC {estimate(later['auc'], '.3f')}: so often it puts somebody who went above somebody who stayed.",
            f"Mean prediction {later['mean_predicted']:.1%}, and {estimate(later['base_rate'], '.1%')} went.",
            *level_words(later),
            *(
                f"{one['learner']}: AUC {estimate(one['later']['auc'], '.3f')}, log loss {one['later']['log_loss']:.4f} "
                f"(the chosen: {later['log_loss']:.4f})."
                for one in metrics["candidates"]
                if one["learner"] != metrics["learner"]
            ),
            rule_words(metrics["rule"]),
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
        "features": [
            f"{row['name']}: {row['share']:.0%} of the difference it makes"
            for row in metrics["features"]
        ],
        "caveats": _caveats(metrics, later, zone),
    }


def rule_words(rule: Mapping[str, Any]) -> str:
    """How the rule of thumb did."""
    if rule["right"]["estimate"] is None or rule["found"]["estimate"] is None:
        return f"The rule of thumb (silent for more than two own mean gaps) tells nothing: {_why(rule)}."
    return (
        f"The rule of thumb (silent for more than two own mean gaps) knows {rule['told']:,} of them, those with two orders "
        f"or more. It calls {rule['flagged']:,} lost; of these {estimate(rule['right'], '.0%')} went, and it found "
        f"{estimate(rule['found'], '.0%')} of those who went."
    )


def _why(rule: Mapping[str, Any]) -> str:
    return str(rule["right"]["reason"] or rule["found"]["reason"])


def _caveats(metrics: Mapping[str, Any], later: Mapping[str, Any], zone: ZoneInfo) -> list[str]:
    found = [
        "It says who will go, not who can be held. Whom a promotion would hold only a control group tells."
    ]
    found += level_caveat(later, "people", "people rather than to count on sums of probabilities")
    if metrics["no_law"]:
        found.append(metrics["no_law"])
    return found + season_caveat(metrics, metrics["judge"]["as_of"], zone)
