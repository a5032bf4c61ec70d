"""What groups say, each against all others."""

from __future__ import annotations

import json

import pytest

from aimwell.measure.feedback.joined import Counted, joined


def test_each_group_is_held_against_all_others() -> None:
    found = joined(
        {
            ("reviews", "csat", "loyal"): Counted(90, 0, 10),
            ("reviews", "csat", "others"): Counted(60, 0, 40),
            ("nps: recommend", "nps", "loyal"): Counted(50, 30, 20),
            ("nps: recommend", "nps", "others"): Counted(20, 30, 50),
        },
        by="segments",
    )
    rows = {(one.kind, one.group): one for one in found.rows}
    loyal = rows["csat", "loyal"]
    assert loyal.value.estimate == pytest.approx(0.9)
    # Newcombe (1998), method 10, from Wilson's bounds 0.8256 and 0.6906: 0.3 − √(0.0744² + 0.0906²).
    assert loyal.against_others.estimate == pytest.approx(0.3)
    assert loyal.against_others.lower == pytest.approx(0.1828, abs=1e-4)
    assert loyal.q_value is not None
    assert loyal.q_value < 0.001
    assert rows["nps", "loyal"].value.estimate == pytest.approx(30.0)
    assert rows["nps", "loyal"].against_others.estimate == pytest.approx(60.0)
    assert rows["nps", "others"].against_others.estimate == pytest.approx(-60.0)
    json.dumps(found.to_dict(), allow_nan=False)


def test_a_group_alone_has_nobody_to_be_held_against() -> None:
    (only,) = joined({("reviews", "csat", "all"): Counted(3, 0, 1)}, by="one").rows
    assert only.value.defined
    assert only.against_others.reason is not None
    assert only.q_value is None
    assert joined({}, by="none").rows == ()
