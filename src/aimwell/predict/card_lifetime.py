"""The card of lifetime values in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any
from zoneinfo import ZoneInfo

from aimwell.predict.card_words import day, estimate, figure, season_caveat
from aimwell.predict.check_total import SumCheck, check_sum
from aimwell.predict.registry import RegisteredModel

__all__ = ["lifetime_words"]


def lifetime_words(entry: RegisteredModel, zone: ZoneInfo) -> dict[str, Any]:
    """The parts of the card, days in `zone`."""
    metrics, horizon = entry.metrics, entry.settings["horizon_days"]
    check = metrics["check"]
    counts = "margin" if metrics["measure"] == "margin" else "revenue"
    judged = None if check is None else check_sum(check["money"], metrics["total"])
    return {
        "predicts": f"The {counts} in {metrics['currency']} that a customer will bring within {horizon} days, at today's "
        f"value (interest of {entry.settings['discount_monthly']:.1%} a month).",
        "sentence": f"{metrics['customers']:,} customers should bring {counts} of {_total(metrics, judged)} "
        f"within {horizon} days. {_check_sentence(check, metrics)}",
        "learnt_from": [
            f"{metrics['customers']:,} customers, {metrics['repeat_buyers']:,} of whom came back; purchases since "
            f"{day(metrics['recorded']['first_at'], zone)}. Learnt by: {_law(metrics)} (how often) and Gamma-Gamma (how much).",
            f"All together: {_total(metrics, judged)} from {metrics['expected_purchases']:,.0f} expected days with a "
            "purchase.",
            *_laws_alone(metrics),
            *_law_words(check),
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
        "sum_check": None if judged is None else asdict(judged),
        "caveats": [
            *_level_caveat(check, judged, metrics),
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


def _law(metrics: Mapping[str, Any]) -> str:
    """The law's title; what was registered before there was a choice is BG/NBD."""
    return str(metrics["buying"].get("law", "BG/NBD"))


def _law_words(check: Mapping[str, Any] | None) -> list[str]:
    """Why this law, and how the others did."""
    laws = None if check is None else check.get("laws")
    if laws is None:
        return []
    told = [laws["reason"]]
    told += [
        f"{one['title']} on the checked days: log-density {one['log_density']:.4f} a customer{_worse(one['worse_by'])}; "
        f"{one['purchases']:,.0f} days with a purchase predicted."
        for one in laws["tried"]
    ]
    return told + [f"{title} was not fitted: {why}" for title, why in laws["failed"].items()]


def _worse(extra: Mapping[str, Any]) -> str:
    return f", worse than the best by {estimate(extra, '.4f')}" if extra["estimate"] else ""


def _total(metrics: Mapping[str, Any], judged: SumCheck | None) -> str:
    """The sum with the widest range that is known: that of the check, else the one of the parameters."""
    total, currency = metrics["total"], metrics["currency"]
    if judged is None:
        return f"{estimate(total, ',.0f')} {currency}"
    return (
        f"{total['estimate']:,.0f} {currency} ({judged.lower:,.0f} to {judged.upper:,.0f} if the sum is as far off as it "
        "was on the check)"
    )


def _laws_alone(metrics: Mapping[str, Any]) -> list[str]:
    """The range of the sum where the laws hold; what was registered before chance was in it has the parameters' alone."""
    total, possible = metrics["total"], metrics.get("total_possible")
    if total["estimate"] is None:
        return []
    told = (
        f"The uncertainty of the models' parameters alone is {total['lower']:,.0f} to {total['upper']:,.0f}."
        if possible is None
        else f"If the laws hold, they will bring {possible['lower']:,.0f} to {possible['upper']:,.0f} together in 95 of 100 "
        f"cases, chance included ({total['lower']:,.0f} to {total['upper']:,.0f} by the uncertainty of the parameters alone)."
    )
    return [
        f"{told} It knows nothing of seasons, of changes in the shop, or of a model that does not fit: do not budget by it."
    ]


def _level_caveat(
    check: Mapping[str, Any] | None, judged: SumCheck | None, metrics: Mapping[str, Any]
) -> list[str]:
    if check is None or judged is None or not judged.beyond_chance:
        return []
    money = check["money"]
    side = "too low" if judged.ratio > 1 else "too high"
    return [
        f"The level was {side} on the later period, by more than chance: {money['total_predicted']:,.0f} "
        f"{metrics['currency']} predicted, {money['total_actual']:,.0f} came ({judged.ratio - 1:+.0%}; chance alone "
        f"makes at most {judged.chance / money['total_predicted']:.0%}). Use the values to order people; a budget must "
        "bear the wide range."
    ]


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
        *_places_words(check.get("places")),
        *_sum_words(check.get("sum_possible"), money["total_actual"]),
    ]


def _places_words(places: Mapping[str, Any] | None) -> list[str]:
    """Whether intervals hold as often as they say, which the share inside does not tell: most begin at a heap at 0."""
    if places is None:
        return []
    told = (
        "Where nothing is likelier than 95 %, the interval is 0 alone and holds more often than it says. With such a heap "
        f"divided by chance, {estimate(places['held'], '.1%')} lay within 95 % and {estimate(places['held_80'], '.1%')} "
        "within 80 %."
    )
    tails = places["tails"]
    if tails is None:
        return [told]
    return [
        told,
        f"Below the intervals' lower ends stood {estimate(places['below'], '.1%')}, above the upper ones "
        f"{estimate(places['above'], '.1%')}, where each should be 2.5%; by more than chance. So they now lie between the "
        f"shares {tails['lower']:.1%} and {tails['upper']:.1%} of a person's futures, between which 95 of 100 people stood on the check, and not between 2.5 % and 97.5 %.",
    ]


def _sum_words(foretold: Mapping[str, Any] | None, came: float) -> list[str]:
    if foretold is None or foretold["estimate"] is None:
        return []
    where = "within" if foretold["lower"] <= came <= foretold["upper"] else "outside"
    return [
        f"The sum that came lay {where} {foretold['lower']:,.0f} to {foretold['upper']:,.0f}, which the laws gave it in 95 "
        "of 100 cases."
    ]
