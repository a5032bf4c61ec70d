"""Cutting what people saw into paths."""

from __future__ import annotations

import numpy as np
import pytest

from aimwell.errors import MeasureError
from aimwell.measure.attribution.paths import Paths, build_paths

DAY = 86_400_000_000


def built(
    touches: list[tuple[int, float, int]],
    conversions: list[tuple[int, float, float]],
    *,
    window: float = 30.0,
    since: float | None = None,
) -> Paths:
    t, c = np.array(touches, dtype=float).reshape(-1, 3), np.array(conversions).reshape(-1, 3)
    return build_paths(
        channels=("A", "B", "C"),
        touch_person=t[:, 0].astype(np.int64),
        touch_at=(t[:, 1] * DAY).astype(np.int64),
        touch_channel=t[:, 2].astype(np.int64),
        conversion_person=c[:, 0].astype(np.int64),
        conversion_at=(c[:, 1] * DAY).astype(np.int64),
        conversion_value=c[:, 2].astype(float),
        window_days=window,
        since=None if since is None else int(since * DAY),
    )


def test_touches_are_put_in_order_and_cut_at_each_conversion() -> None:
    paths = built([(1, 5, 2), (1, 1, 0), (1, 3, 1), (2, 1, 0)], [(1, 4, 10.0)])
    assert paths.starts.tolist() == [0, 2, 3, 4]
    assert paths.channel.tolist() == [0, 1, 2, 0]
    assert paths.converted.tolist() == [True, False, False]
    assert paths.value.tolist() == [10.0, 0.0, 0.0]
    assert paths.days_before.tolist() == [3.0, 1.0, 0.0, 0.0]


def test_a_touch_at_the_moment_of_a_conversion_came_before_it() -> None:
    paths = built([(1, 4, 0)], [(1, 4, 1.0)])
    assert paths.converted.tolist() == [True]


def test_touches_before_the_window_are_left_out_and_a_bare_conversion_is_unattributed() -> None:
    paths = built([(1, 0, 0), (2, 90, 1)], [(1, 40, 7.0), (2, 100, 3.0), (3, 5, 2.0)])
    assert len(paths) == 1
    assert paths.person.tolist() == [2]
    assert (paths.unattributed, paths.unattributed_value) == (2, 9.0)


def test_paths_that_end_before_the_period_are_left_out_but_still_cut() -> None:
    paths = built([(1, 1, 0), (1, 6, 1)], [(1, 2, 1.0), (1, 8, 1.0), (2, 1, 1.0)], since=5)
    assert paths.channel.tolist() == [1]
    assert paths.unattributed == 0


def test_a_bad_window_or_value_is_refused() -> None:
    with pytest.raises(MeasureError, match="window"):
        built([(1, 1, 0)], [], window=0)
    with pytest.raises(MeasureError, match="not finite"):
        built([(1, 1, 0)], [(1, 2, np.inf)])
