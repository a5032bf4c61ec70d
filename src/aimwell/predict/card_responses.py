"""The cards of how people answer messages and lean to discounts, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from aimwell.predict.card_words import estimate, loss_saved
from aimwell.predict.registry import RegisteredModel
from aimwell.predict.responding.channel_laws import score_name

__all__ = ["channel_words", "discount_words", "gain_worth"]

_NOT_CAUSE = (
    "Whom a channel wrote to, and what, was chosen by somebody. It describes answers, and does not say what another channel would "
    "have brought; only sending by chance does."
)


def channel_words(entry: RegisteredModel, _zone: ZoneInfo) -> dict[str, Any]:
    """The parts of the card of preferred channels."""
    metrics, answer = entry.metrics, entry.settings["answer"]
    channels, judged = metrics["channels"], metrics["judged"]
    days = entry.settings["horizon_days"]
    known = [one for one in channels if one["law"] is not None]
    names = ", ".join(one["channel"] for one in known)
    return {
        "predicts": f"Of each channel ({names}) the probability that it is the one through which a person answers most ({answer} "
        f"within {days} days), of those that write to them.",
        "sentence": f"{_answered(known)} were answered; " + _worth(judged, "message"),
        "learnt_from": [
            f"{one['channel']}: {_answered([one])} to {one['people']:,} people were answered. Over people the rate follows a Beta law "
            f"with the mean {one['law']['mean']:.1%}; a person's own messages count against {one['law']['strength']:,.1f} of "
            "everybody's."
            for one in known
        ],
        "how_good": [
            f"{'All channels' if one['channel'] == 'all' else one['channel']}, {one['messages']:,} later messages: log loss "
            f"{one['log_loss']:.4f} by people's own rates, {one['log_loss_everybody']:.4f} by everybody's; "
            f"{loss_saved(one['gain'], '.4f')} a message."
            for one in judged
        ]
        or [metrics["reason"]],
        "calibration": [],
        "features": [],
        "caveats": [
            *(
                f"{one['channel']} is left out: {one['reason']}."
                for one in channels
                if one["law"] is None
            ),
            _NOT_CAUSE,
            f"Only one channel ({names}) wrote often enough, so nobody's best can be told, and nobody has a score."
            if len(known) == 1
            else "Its scores stand under a name for each channel, by which rules ask for them: "
            + ", ".join(score_name(entry.name, one["channel"]) for one in known)
            + ".",
        ],
    }


def _answered(channels: Sequence[Mapping[str, Any]]) -> str:
    answered, sent = (sum(one[name] for one in channels) for name in ("answered", "sent"))
    return f"{answered:,} of {sent:,} messages"


def discount_words(entry: RegisteredModel, _zone: ZoneInfo) -> dict[str, Any]:
    """The parts of the card of the leaning to discounts."""
    metrics = entry.metrics
    law, judged = metrics["law"], metrics["judged"]
    return {
        "predicts": "By how much a person's share of lines bought on discount is above what was on discount where and when they "
        "bought.",
        "sentence": f"{law['mean']:.1%} of {metrics['lines']:,} lines were bought on discount; "
        + _worth([] if judged is None else [judged], "line"),
        "learnt_from": [
            f"{metrics['lines']:,} lines of {metrics['people']:,} people. A person's own lines count against {law['strength']:,.1f} "
            "at what is usual for them.",
        ],
        "how_good": [metrics["reason"]]
        if judged is None
        else [
            f"{judged['lines']:,} later lines: log loss {judged['log_loss']:.4f} by people's leaning, "
            f"{judged['log_loss_offered']:.4f} by what was on discount alone; {loss_saved(judged['gain'], '.4f')} a line."
        ],
        "calibration": [],
        "features": [],
        "caveats": [
            *(
                [
                    "What was on discount alone foretold later lines better, so do not choose people by it. Where a whole order is on "
                    "discount or none of it, its lines count as if each were chosen by itself."
                ]
                if judged is not None and judged["verdict"] == "worse"
                else []
            ),
            "It describes what people bought. What they would have bought at the full price, only prices set by chance tell.",
        ],
    }


def gain_worth(judged: Sequence[Mapping[str, Any]] | Mapping[str, Any] | None) -> str:
    """The one figure by which such a model is known: the loss saved against everybody's behaviour."""
    if not judged:
        return "not judged"
    first = judged if isinstance(judged, Mapping) else judged[0]
    return f"loss saved {estimate(first['gain'], '.4f')}"


def _worth(judged: list[Mapping[str, Any]], unit: str) -> str:
    if not judged:
        return "not judged on later time."
    words = {
        "better": "own behaviour foretold later ones better than everybody's",
        "worse": "own behaviour foretold later ones worse than everybody's",
        "cannot tell": "whether own behaviour foretells later ones better cannot be told",
    }
    return f"{words[judged[0]['verdict']]} ({loss_saved(judged[0]['gain'], '.4f')} a {unit})."
