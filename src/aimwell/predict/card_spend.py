"""The card of a spend learnt from features in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

from aimwell.predict.card_words import day, estimate, figure, season_caveat
from aimwell.predict.registry import RegisteredModel

__all__ = ["spend_words", "whole_way"]

_HELD_MIN = 0.93
"""Intervals of 95 % that held fewer of the later people are a caveat."""


def spend_words(entry: RegisteredModel, zone: ZoneInfo) -> dict[str, Any]:
    """The parts of the card, days in `zone`."""
    metrics, horizon = entry.metrics, entry.settings["horizon_days"]
    judge = metrics["judge"]
    check = whole_way(metrics)["check"]
    return {
        "predicts": f"The revenue in {metrics['currency']} that a person, customer or prospect, brings within {horizon} days.",
        "sentence": f"On {judge['people']:,} people of a later period it foretold {check['total_predicted']:,.0f} "
        f"{metrics['currency']}, {check['total_actual']:,.0f} came; correlation over people "
        f"{figure(check['correlation'], '.2f')}.",
        "learnt_from": [
            f"{metrics['train']['people']:,} people known on {day(metrics['train']['as_of'], zone)} and what they spent in the "
            f"{horizon} days after. Learnt by: {metrics['learner']} with the Tweedie deviance.",
        ],
        "how_good": [
            f"Judged on {judge['people']:,} people known on {day(judge['as_of'], zone)}, later than it has learnt.",
            *(
                f"{one['group']}, by {one['way']}: deviance {one['loss']:.2f}{_worse(one['extra_loss'])}; "
                f"{one['check']['total_predicted']:,.0f} foretold, {one['check']['total_actual']:,.0f} came; correlation "
                f"{figure(one['check']['correlation'], '.2f')}.{_inside(one['check'])}"
                for one in metrics["ways"]
            ),
            *_sum_words(metrics),
        ],
        "calibration": [],
        "features": [],
        "caveats": _caveats(metrics, zone),
    }


def whole_way(metrics: Mapping[str, Any]) -> Mapping[str, Any]:
    """How what was learnt did on everybody."""
    found: Mapping[str, Any] = next(
        one
        for one in metrics["ways"]
        if one["group"] == "everybody" and one["way"] == metrics["learner"]
    )
    return found


def _inside(check: Mapping[str, Any]) -> str:
    inside = check["inside"]
    return "" if inside is None else f" {inside:.1%} lay within their interval of 95 %."


def _sum_words(metrics: Mapping[str, Any]) -> list[str]:
    """What all will spend together; nothing of models registered before sums had an interval."""
    total = metrics.get("total")
    if total is None:
        return []
    return [
        f"All together are expected to spend {estimate(total, ',.0f')} {metrics['currency']}, in 95 of 100 cases if they are as those "
        "were that it learnt from."
    ]


def _sum_caveat(metrics: Mapping[str, Any]) -> list[str]:
    told, check = metrics.get("check_total"), whole_way(metrics)["check"]
    if told is None or told["estimate"] is None:
        return []
    came = check["total_actual"]
    if told["lower"] <= came <= told["upper"]:
        return []
    return [
        f"The sum that came on the later period, {came:,.0f} {metrics['currency']}, lay outside the {told['lower']:,.0f} to "
        f"{told['upper']:,.0f} that were foretold: the level had moved. A budget must bear as much again."
    ]


def _worse(extra: Mapping[str, Any]) -> str:
    return f" (worse than the best by {estimate(extra, '.2f')})" if extra["estimate"] else ""


def _caveats(metrics: Mapping[str, Any], zone: ZoneInfo) -> list[str]:
    found = []
    for one in metrics["ways"]:
        if one["way"] == metrics["learner"] and one["extra_loss"]["lower"] > 0:
            better = next(
                other["way"]
                for other in metrics["ways"]
                if other["group"] == one["group"] and not other["extra_loss"]["estimate"]
            )
            found.append(
                f"Of {one['group']}, {better} told more than what was learnt, by more than chance."
            )
    inside = whole_way(metrics)["check"]["inside"]
    if inside is None:
        found.append("It has no interval for a person; lifetime-value has one for customers.")
    elif inside < _HELD_MIN:
        found.append(
            f"Intervals of 95 % held {inside:.1%} of the later people, whose level was another: they are too narrow where the level "
            "moves as much again."
        )
    found += _sum_caveat(metrics)
    if metrics["no_law"]:
        found.append(metrics["no_law"])
    return found + season_caveat(metrics, metrics["judge"]["as_of"], zone)
