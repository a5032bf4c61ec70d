"""Where the answer of a model that gives no score of one person is had: by a command that there is, as it is written."""

from __future__ import annotations

import shlex
from datetime import UTC, datetime
from typing import Any, get_args

import pytest
import typer

from aimwell.cli.app import app
from aimwell.predict.answers import where_told
from aimwell.predict.registry import Kind, RegisteredModel
from aimwell.predict.serving import KINDS

SETTINGS = {
    "best_time": {"signal": "any", "block_hours": 3},
    "demand": {"by": "category", "horizon_days": 14},
    "next_purchase": {"by": "product"},
}


def version(kind: str, **settings: Any) -> RegisteredModel:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return RegisteredModel("mine", 2, kind, at, settings, {}, {}, {}, at)


@pytest.mark.parametrize("kind", get_args(Kind))
def test_the_command_that_is_named_takes_what_is_written(kind: str) -> None:
    told = where_told(version(kind, **SETTINGS.get(kind, {})))
    for part in told.split("aimwell ")[1:]:
        words = shlex.split(part.partition(";")[0])
        group: Any = typer.main.get_command(app)
        while hasattr(group, "commands"):
            group = group.commands[words.pop(0)]
            if hasattr(group, "load"):
                group = group.load()
        assert group.make_context("aimwell", words).params, told


def test_kinds_that_score_people_are_sent_to_their_scores_and_others_are_not() -> None:
    for kind in {*get_args(Kind)} - {"propensity"}:
        told = where_told(version(kind, **{"by": "person", **SETTINGS.get(kind, {})}))
        scored = kind in KINDS and kind not in SETTINGS
        assert ("aimwell profile ID" in told) is scored, told
    assert "aimwell profile ID" in where_told(version("next_purchase", by="person"))
