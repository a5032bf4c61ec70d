"""The card of a sequence model of the next purchase in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

from aimwell.predict.card_words import day, estimate
from aimwell.predict.registry import RegisteredModel

__all__ = ["network_words"]


def network_words(entry: RegisteredModel, zone: ZoneInfo) -> dict[str, Any]:
    """The parts of the card, days in `zone`."""
    metrics, horizon = entry.metrics, entry.settings["horizon_days"]
    check = metrics["check"]
    way = next(one for one in check["ways"] if one["network"] == check["candidate"])
    return {
        "predicts": f"On which of the next {horizon} days each person buys again, or that they do not; beyond them the renewal model "
        "tells.",
        "sentence": check["sentence"],
        "learnt_from": [
            f"{check['learnt_rows']:,} people, counted at each of {check['learnt_moments']} moments, when it was judged; then anew, "
            f"from everything before {day(entry.as_of.isoformat(), zone)}.",
            f"A {way['name']} over each person's last acts ({', '.join(metrics['events'][:8])}) and what the renewal model reads.",
        ],
        "how_good": [
            f"Judged on {horizon} days that it had not seen: pinball loss {way['judged']['pinball_days']:.3f} days, log score "
            f"{way['judged']['log_score']:.3f}.",
            *(_against(one) for one in way["against"]),
            f"Of those who bought again {_share(way['covered_50'])} did so within their interval of 50 %, "
            f"{_share(way['covered_90'])} within that of 90 %.",
        ],
        "calibration": [],
        "features": [],
        "caveats": _caveats(metrics),
    }


def _against(one: Mapping[str, Any]) -> str:
    return (
        f"Against {one['other']}: {estimate(one['pinball_days'], '.3f')} days less loss; log score better by "
        f"{estimate(one['log_score'], '.3f')}."
    )


def _share(figure: Mapping[str, Any]) -> str:
    return "an unknown share" if figure["estimate"] is None else f"{figure['estimate']:.0%}"


def _caveats(metrics: Mapping[str, Any]) -> list[str]:
    found = ["It cannot say why a person has the probability that they have."]
    if not metrics["seasonal"]:
        found.append("It knows no seasons: fewer than two years of orders were there.")
    if metrics["stopped"] == "time":
        found.append("The time limit ended its learning, so another run may give another model.")
    return found
