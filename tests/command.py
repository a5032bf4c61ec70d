"""What a call of the `aimwell` command gives, for tests of the command line."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from aimwell.cli.app import main

__all__ = ["Ran", "Run", "command_in"]


@dataclass(frozen=True)
class Ran:
    """What one call gave."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Its one JSON document."""
        return json.loads(self.out)


Run = Callable[..., Ran]


def command_in(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    """A `Run` that works in `folder`."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("AIMWELL_USER", "ann")
    monkeypatch.setenv("COLUMNS", "200")

    def call(*arguments: object, code: int = 0) -> Ran:
        monkeypatch.setattr(sys, "argv", ["aimwell", *map(str, arguments)])
        ended = 0
        try:
            main()
        except SystemExit as exit_:
            ended = exit_.code if isinstance(exit_.code, int) else 1
        told = capsys.readouterr()
        assert ended == code, told.err or told.out
        return Ran(ended, told.out, told.err)

    return call
