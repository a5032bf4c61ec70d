"""Looking after a model by its loss: one that foretells worse than the dull rule is never called fine."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, cast

import numpy as np
import pytest

from aimwell.predict.care.by_loss import monitor_by_loss
from aimwell.predict.care.kinds import CaredKind, Seen, Told
from aimwell.predict.registry import RegisteredModel
from aimwell.store.stores import Stores

AT = datetime(2026, 1, 1, tzinfo=UTC)


class Made:
    """A kind whose people never change, and whose loss is that of the dull rule and so much more."""

    measure, dull_rule, judged, asked = "log loss", "everybody's share", "people", ()

    def __init__(self, more: float) -> None:
        self.more = more

    def span(self, _entry: RegisteredModel) -> timedelta:
        return timedelta(days=30)

    def seen(self, *_args: Any, **_moment: Any) -> Seen:
        return Seen({"orders": np.random.default_rng(3).poisson(4.0, 900).astype(float)}, {})

    def told(self, *_args: Any, **_cut: Any) -> Told:
        dull = np.random.default_rng(5).gamma(2.0, 0.3, 900)
        noise = np.random.default_rng(6).normal(0, 0.2, 900)
        return Told(losses=(dull + noise + self.more,), dull=dull)


@pytest.mark.parametrize(("more", "verdict"), [(-0.1, "fine"), (0.0, "fine"), (0.1, "look at it")])
def test_what_is_worse_than_the_dull_rule_is_to_be_looked_at(more: float, verdict: str) -> None:
    entry = RegisteredModel("made", 1, "made", AT, {"horizon_days": 30}, {}, {}, {}, AT)
    found = monitor_by_loss(
        cast(Stores, None), cast(CaredKind, Made(more)), entry, as_of=AT + timedelta(days=60)
    )
    assert found.verdict == verdict
    worse = [line for line in found.findings if "worse than everybody's share" in line]
    assert bool(worse) is (more > 0)
