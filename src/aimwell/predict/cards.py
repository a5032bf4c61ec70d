"""Model cards: what a model predicts, from what it learnt, how good it was on later time, and what to beware of.

A card is made from the registry's row alone, as a dictionary for programs and as text for people.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from aimwell.history.catalogue import FEATURES
from aimwell.predict.registry import RegisteredModel
from aimwell.predict.training import PURCHASE

__all__ = ["card_text", "model_card"]

_WORDS = {feature.name: f"{feature.formula}, {feature.window}" for feature in FEATURES}
_FEATURES_TOLD = 6
_SEASONS_DAYS = 365
# By so much AUC a random division must flatter before it is a caveat.
_FLATTERS = 0.02


def model_card(entry: RegisteredModel, *, timezone: str = "UTC") -> dict[str, Any]:
    """The card of a registered model.

    Args:
        entry: From the registry.
        timezone: IANA zone in which days are told.

    Returns:
        `name`, `version`, `kind`, `as_of`, `trained_at`; in words `predicts`, `sentence` (its worth in one), `learnt_from`, `how_good`, `features`
        and `caveats`; `calibration`, predicted beside actual by group of people; and all `settings` and `metrics`.
    """
    told = _propensity if entry.kind == "propensity" else _lifetime
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


def _propensity(entry: RegisteredModel, zone: ZoneInfo) -> dict[str, Any]:
    metrics, horizon = entry.metrics, entry.settings["horizon_days"]
    event = entry.settings["event"]
    chosen = _chosen(metrics)
    later = chosen["later"]
    does = "buys" if event == PURCHASE else f"does '{event}'"
    train, judge = metrics["train"], metrics["judge"]
    return {
        "predicts": f"The probability that a person {does} within {horizon} days.",
        "sentence": f"AUC {_estimate(later['auc'], '.3f')} on {judge['people']:,} people of a later period than it learnt "
        f"from (a random division would say {chosen['random_split']['auc']['estimate']:.3f}); the likeliest tenth did it "
        f"{_best_tenth(later)}",
        "learnt_from": [
            f"{train['people']:,} people known on {_day(train['as_of'], zone)}, of whom {train['positives']:,} did it in "
            f"the {horizon} days after.",
            f"Learnt by: {metrics['learner']}. {metrics['reason']}",
        ],
        "how_good": [
            f"Judged on {judge['people']:,} people known on {_day(judge['as_of'], zone)}, later than it has learnt; "
            f"{judge['positives']:,} of them did it.",
            f"AUC {_estimate(later['auc'], '.3f')}: so often it puts somebody who did it above somebody who did not; "
            "0.5 is a coin, 1 is perfect.",
            f"On a random division of the people it learnt from, the AUC was {_estimate(chosen['random_split']['auc'], '.3f')}. "
            "Most reports show that one; it knows nothing of time.",
            f"The best tenth did it {_best_tenth(later)}",
            f"Mean prediction {later['mean_predicted']:.1%}, and {_estimate(later['base_rate'], '.1%')} did it.",
            *(
                f"The {one['learner']} came to AUC {_estimate(one['later']['auc'], '.3f')}."
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
        "features": [_feature(row) for row in metrics["features"][:_FEATURES_TOLD]],
        "caveats": _propensity_caveats(metrics, chosen, zone),
    }


def _chosen(metrics: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = next(
        one for one in metrics["candidates"] if one["learner"] == metrics["learner"]
    )
    return found


def _best_tenth(later: Mapping[str, Any]) -> str:
    best = later["tops"][0]
    lift = best["lift"]["value"]
    return f"in {best['rate']:.0%} of cases" + (
        "." if lift is None else f", {lift:.1f} times as often as everybody."
    )


def _feature(row: Mapping[str, Any]) -> str:
    words = _WORDS.get(row["name"], row["name"])
    way = row["direction"]
    told = (
        "no plain direction"
        if way is None
        else ("more of it, likelier" if way > 0 else "more of it, less likely")
    )
    return f"{row['name']} ({words}): {row['share']:.0%} of the difference it makes; {told}"


def _propensity_caveats(
    metrics: Mapping[str, Any], chosen: Mapping[str, Any], zone: ZoneInfo
) -> list[str]:
    later = chosen["later"]
    found = [
        "It says who will do it, not whom a promotion would move. Many of the likeliest need no promotion."
    ]
    rate = later["base_rate"]
    if not rate["lower"] <= later["mean_predicted"] <= rate["upper"]:
        side = "too high" if later["mean_predicted"] > rate["estimate"] else "too low"
        found.append(
            f"The level was {side} on the later people, by more than chance: use it to order people rather than to count "
            "on sums of probabilities."
        )
    flatters = chosen["optimism"]["value"]
    if flatters is not None and flatters > _FLATTERS:
        found.append(
            f"A random division would have promised an AUC higher by {flatters:.3f} than time allowed."
        )
    if "base rate" in metrics["learner"]:
        found.append(
            "It only knows how long ago people bought; no model was better by more than chance."
        )
    found += _season_caveat(metrics, metrics["judge"]["as_of"], zone)
    return found


def _season_caveat(metrics: Mapping[str, Any], end: str, zone: ZoneInfo) -> list[str]:
    first = _moment(metrics["recorded"]["first_at"])
    if (_moment(end) - first).days >= _SEASONS_DAYS:
        return []
    return [
        f"The history begins on {_day(metrics['recorded']['first_at'], zone)}, so it has not seen each season."
    ]


def _lifetime(entry: RegisteredModel, zone: ZoneInfo) -> dict[str, Any]:
    metrics, horizon = entry.metrics, entry.settings["horizon_days"]
    check = metrics["check"]
    counts = "margin" if metrics["measure"] == "margin" else "revenue"
    return {
        "predicts": f"The {counts} in {metrics['currency']} that a customer will bring within {horizon} days, at today's "
        f"value (interest of {entry.settings['discount_monthly']:.1%} a month).",
        "sentence": f"{metrics['customers']:,} customers should bring {counts} of {_estimate(metrics['total'], ',.0f')} "
        f"{metrics['currency']} within {horizon} days. {_check_sentence(check, metrics)}",
        "learnt_from": [
            f"{metrics['customers']:,} customers, {metrics['repeat_buyers']:,} of whom came back; purchases since "
            f"{_day(metrics['recorded']['first_at'], zone)}. Learnt by: BG/NBD (how often) and Gamma-Gamma (how much).",
            f"All together: {_estimate(metrics['total'], ',.0f')} {metrics['currency']} from "
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
            *_season_caveat(metrics, entry.as_of.isoformat(), zone),
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
        f"Checked as of {_day(check['cut_at'], zone)} on the {check['holdout_days']} days after it, with "
        f"{purchases['people']:,} customers known then.",
        f"Days with a purchase: {purchases['total_predicted']:,.0f} predicted, {purchases['total_actual']:,.0f} came; "
        f"correlation over people {_figure(purchases['correlation'], '.2f')}; mean error {purchases['mae']:.2f} (of "
        f"predicting 0 for everybody: {purchases['mae_of_zero']:.2f}).",
        f"Revenue: {money['total_predicted']:,.0f} {metrics['currency']} predicted, {money['total_actual']:,.0f} came; "
        f"correlation over people {_figure(money['correlation'], '.2f')}.{inside}",
    ]


def _paragraph(title: str, lines: Sequence[str]) -> str:
    return "\n".join([title, *(f"  - {line}" for line in lines)]) if lines else ""


def _calibration_text(rows: Sequence[Mapping[str, Any]]) -> str:
    if not rows:
        return ""
    if "lower" in rows[0]:
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


def _estimate(row: Mapping[str, Any], form: str) -> str:
    if row["estimate"] is None:
        return f"not known ({row['reason']})"
    return f"{row['estimate']:{form}} ({row['lower']:{form}} to {row['upper']:{form}})"


def _figure(row: Mapping[str, Any], form: str) -> str:
    return f"not known ({row['reason']})" if row["value"] is None else f"{row['value']:{form}}"


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _day(text: str, zone: ZoneInfo) -> str:
    return f"{_moment(text).astimezone(zone):%Y-%m-%d}"
