"""The table of learners of a propensity, each with what it was worth on a later time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aimwell.cli.context import Opened

__all__ = ["show_candidates"]


def show_candidates(ws: Opened, metrics: Mapping[str, Any]) -> None:
    """Each learner on later people, and what a random division would have promised."""
    ws.output.table(
        [
            "learner",
            "AUC later",
            "random",
            "predicted",
            "did it",
            "log loss",
            "worse by",
            "chosen",
        ],
        [
            (
                one["learner"],
                f"{one['later']['auc']['estimate']:.3f}",
                f"{one['random_split']['auc']['estimate']:.3f}",
                f"{one['later']['mean_predicted']:.1%}",
                f"{one['later']['base_rate']['estimate']:.1%}",
                f"{one['later']['log_loss']:.4f}",
                _worse_by(one["extra_loss"]),
                "yes" if one["learner"] == metrics["learner"] else "",
            )
            for one in metrics["candidates"]
        ],
    )


def _worse_by(extra: Mapping[str, Any]) -> str:
    """The loss above the best learner's, with the reach of its interval of 95 %, which is symmetric."""
    if not extra["estimate"]:
        return ""
    return f"{extra['estimate']:.3f}±{extra['upper'] - extra['estimate']:.3f}"
