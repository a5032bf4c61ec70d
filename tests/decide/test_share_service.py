"""Sharing a budget out over plans that have no curve."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from aimwell.decide.share_service import share_budget
from aimwell.errors import DecideError
from aimwell.store.stores import Stores
from campaigns import planned, set_up
from shop import make_stores


@pytest.fixture
def lite(tmp_path: Path) -> Iterator[Stores]:
    opened = make_stores(tmp_path, margin_default=0.4)
    yield opened
    opened.close()


def test_a_plan_drawn_at_random_has_no_curve(lite: Stores) -> None:
    set_up(lite, 20)
    made = planned(lite)
    with pytest.raises(DecideError, match="drew its actions at random"):
        share_budget(lite, [made.plan_id], 100.0)
