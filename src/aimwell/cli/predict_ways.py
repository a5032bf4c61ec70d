"""The table of ways of telling who goes, each with what it was worth on a later time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aimwell.cli.context import Opened

__all__ = ["show_ways"]


def show_ways(ws: Opened, metrics: Mapping[str, Any]) -> None:
    """Print it; the intervals are of 95 %."""
    ws.output.table(
        ["told by", "AUC later", "95 %", "predicted", "went", "log loss", "worse by", "chosen"],
        [
            (
                one["learner"],
                *_auc(one["later"]["auc"]),
                f"{one['later']['mean_predicted']:.1%}",
                f"{one['later']['base_rate']['estimate']:.1%}",
                f"{one['later']['log_loss']:.4f}",
                _worse_by(one["extra_loss"]),
                "yes" if one["learner"] == metrics["learner"] else "",
            )
            for one in metrics["candidates"]
        ],
    )


def _auc(auc: Mapping[str, Any]) -> tuple[str, str]:
    if auc["estimate"] is None:
        return "–", "–"
    return f"{auc['estimate']:.3f}", f"{auc['lower']:.3f}–{auc['upper']:.3f}"


def _worse_by(extra: Mapping[str, Any]) -> str:
    """The loss above the best one's, with the reach of its interval, which is symmetric."""
    if not extra["estimate"]:
        return ""
    return f"{extra['estimate']:.3f}±{extra['upper'] - extra['estimate']:.3f}"
