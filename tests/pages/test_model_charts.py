"""Pictures of groups of people: what stands at their axes."""

from __future__ import annotations

from aimwell.pages.model_charts import points


def test_each_tick_of_the_axes_has_its_number_with_a_true_minus() -> None:
    drawn = points(
        [(-0.6, -1.1, 0), (2.2, 2.1, 0)], groups=1, names=("x", "y"), title="t", description="d"
    )
    for number in ("−1", "0", "1", "2", "3"):
        assert f">{number}</text>" in drawn
    assert drawn.count(">3</text>") == 2  # the last of both axes
    assert ">-" not in drawn
