"""The Sankey chart: nothing lies over its numbers."""

from __future__ import annotations

from aimwell.pages.sankey import Column, Ribbon, sankey


def test_numbers_are_drawn_over_the_groups_of_all_columns() -> None:
    columns = [Column(f"{place}", {"a": 10, "b": 5}) for place in range(12)]
    flows = [Ribbon(place, "a", "a", 10) for place in range(1, 12)]
    drawn = sankey(columns, flows, css={"a": "flow-1", "b": "flow-2"}, title="t", description="d")
    assert drawn.index("<text") > drawn.rindex("<rect")
