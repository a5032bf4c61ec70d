"""The card of lifetime values in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

from aimwell.predict.card_words import day, estimate, figure, season_caveat
from aimwell.predict.registry import RegisteredModel

__all__ = ["lifetime_words"]


def lifetime_words(entry: RegisteredModel, zone: ZoneInfo) -> dict[str, Any]:
    """The parts of the card, days in `zone`."""
    metrics, horizon = entry.metrics, entry.settings["horizon_days"]
    check = metrics["check"]
    counts = "margin" if metrics["measure"] == "margin" else "revenue"
    return {
        "predicts": f"The {counts} in {metrics['currency']} that a customer will bring within {horizon} days, at today's "
        f"value (interest of {entry.settings['discount_monthly']:.1%} a month).",
        "sentence": f"{metrics['customers']:,} customers should bring {counts} of {estimate(metrics['total'], ',.0f')} "
        f"{metrics['currency']} within {horizon} days. {_check_sentence(check, metrics)}",
        "learnt_from": [
            f"{metrics['customers']:,} customers, {metrics['repeat_buyers']:,} of whom came back; purchases since "
            f"{day(metrics['recorded']['first_at'], zone)}. Learnt by: BG/NBD (how often) and Gamma-Gamma (how much).",
            f"All together: {estimate(metrics['total'], ',.0f')} {metrics['currency']} from "
            f"{metrics['expected_purchases']:,.0f} expected days with a purchase.",
        ],
        "how_good": _check_words(check, metrics, zone)
        if check
        else [f"Not checked. {metrics['check_reason']}"],
        "calibration": []
        if not check
        else [
            {
                "bought again before": row["label"],
                "people": row["people"],
                "predicted": row["mean_predicted"],
                "actual": row["mean_actual"],
            }
            for row in check["purchases"]["buckets"]
        ],
        "features": [],
        "caveats": [
            *([] if metrics["measure"] == "margin" else [metrics["margin"]["reason"]]),
            *metrics["warnings"],
            *(
                [
                    f"{metrics['missing']:,} customers have no value, because their spend is not known."
                ]
                if metrics["missing"]
                else []
            ),
            *season_caveat(metrics, entry.as_of.isoformat(), zone),
        ],
    }


def _check_sentence(check: Mapping[str, Any] | None, metrics: Mapping[str, Any]) -> str:
    if check is None:
        return "The figure could not be checked on the past."
    money = check["money"]
    return (
        f"Checked on the past {check['holdout_days']} days: revenue of {money['total_predicted']:,.0f} was expected, "
        f"{money['total_actual']:,.0f} {metrics['currency']} came."
    )


def _check_words(check: Mapping[str, Any], metrics: Mapping[str, Any], zone: ZoneInfo) -> list[str]:
    purchases, money = check["purchases"], check["money"]
    inside = (
        ""
        if money["inside"] is None
        else f" {money['inside']:.0%} of people lay within their interval of 95 %."
    )
    return [
        f"Checked as of {day(check['cut_at'], zone)} on the {check['holdout_days']} days after it, with "
        f"{purchases['people']:,} customers known then.",
        f"Days with a purchase: {purchases['total_predicted']:,.0f} predicted, {purchases['total_actual']:,.0f} came; "
        f"correlation over people {figure(purchases['correlation'], '.2f')}; mean error {purchases['mae']:.2f} (of "
        f"predicting 0 for everybody: {purchases['mae_of_zero']:.2f}).",
        f"Revenue: {money['total_predicted']:,.0f} {metrics['currency']} predicted, {money['total_actual']:,.0f} came; "
        f"correlation over people {figure(money['correlation'], '.2f')}.{inside}",
    ]
