"""The net promoter score and its interval."""

from __future__ import annotations

import numpy as np
import pytest

from aimwell.errors import StatsError
from aimwell.stats.net_score import net_score, net_score_change


def test_the_score_is_promoters_less_detractors_with_bonett_and_prices_interval() -> None:
    found = net_score(50, 30, 20)
    assert found.estimate == pytest.approx(30.0)
    centre, up, down = 30 / 102, 51 / 102, 21 / 102
    reach = 1.959964 * ((up + down - centre**2) / 102) ** 0.5
    assert found.lower == pytest.approx(100 * (centre - reach), abs=1e-4)
    assert found.upper == pytest.approx(100 * (centre + reach), abs=1e-4)
    few = net_score(3, 0, 0)
    assert (few.estimate, few.upper) == (100.0, 100.0)
    assert few.lower is not None
    assert few.lower < 20
    assert net_score(0, 0, 0).reason == "nobody answered"
    with pytest.raises(StatsError, match="whole numbers"):
        net_score(-1, 0, 0)


def test_the_intervals_cover_the_truth_as_often_as_they_say() -> None:
    draw = np.random.default_rng(1)
    for n, shares in ((25, (0.5, 0.3, 0.2)), (60, (0.9, 0.05, 0.05))):
        truth = 100 * (shares[0] - shares[2])
        counts = draw.multinomial(n, shares, size=1_000)
        covered = np.mean([net_score(*map(int, one)).covers(truth) for one in counts])
        assert covered > 0.93
    pairs = draw.multinomial(80, (0.5, 0.3, 0.2), size=(1_000, 2))
    changes = [net_score_change(tuple(map(int, a)), tuple(map(int, b))) for a, b in pairs]
    assert 0.93 < np.mean([one.covers(0.0) for one in changes]) < 0.985
    assert np.mean([(one.p_value or 0) <= 0.05 for one in changes]) < 0.07
    assert net_score_change((1, 0, 0), (0, 0, 0)).reason is not None
