"""Key figures by slice: sums, what is missing and why, and that they agree with each plan's own report."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimwell.deliver import service as deliver
from aimwell.measure.ledger import read_hits, read_ledger
from aimwell.measure.pieces import Piece
from aimwell.measure.segment_pieces import segment_pieces
from aimwell.measure.service import measure, store_report
from aimwell.measure.slice_reading import bring_up_to_date, read_pieces
from aimwell.measure.slices import FIGURES, slices
from aimwell.segment.micro.model import MicroModel
from aimwell.segment.models.files import keep_model
from aimwell.stats.estimate import Estimate
from campaigns import NOW, executed, set_up
from shop import add_orders, day, make_stores

ADDITIVE = ("orders", "revenue", "cost")


def estimate(middle: float, low: float, high: float) -> Estimate:
    return Estimate(estimate=middle, lower=low, upper=high, confidence=0.95, method="Welch")


def piece(**more: Any) -> Piece:
    plain: dict[str, Any] = {
        "plan_id": "spring-1",
        "campaign": "spring",
        "audience": "all",
        "month": "2026-03",
        "channel": "email",
        "offer": "ten",
        "action": "ten by email",
        "variant": "(one variant)",
        "people": 100,
        "converted": 10,
        "orders": 12,
        "revenue": 600.0,
        "margin": 240.0,
        "cost": 2.0,
        "discount": 8.0,
        "hits": {"sent": 90, "bounced": 10, "opened": 40, "clicked": 8, "engaged": 40},
        "of_plan": 1,
        "profit": estimate(50, 10, 90),
        "plan_revenue": estimate(200, 50, 350),
        "plan_profit": estimate(50, 10, 90),
        "plan_orders": estimate(4, 1, 8),
        "plan_discount": 8.0,
    }
    return Piece(**(plain | more))


def value(pieces: list[Piece], key: str, *, by: Any = "channel", place: int = 0) -> float | None:
    return slices(pieces, by)[place].figure(key).value.value


def test_figures_by_hand() -> None:
    expected = {
        "delivery_rate": 100 * 80 / 90,
        "open_rate": 50.0,
        "click_rate": 10.0,
        "click_to_open_rate": 20.0,
        "conversion_rate": 10.0,
        "return_on_ad_spend": 300.0,
        "incremental_profit": 50.0,
        "return_on_investment": 500.0,
        "cost_per_incremental_order": 2.5,
    }
    for key, wanted in expected.items():
        assert value([piece()], key) == pytest.approx(wanted), key
    each = slices([piece()], "channel")[0].figure("cost_per_incremental_order").interval
    assert each is not None
    assert (each.lower, each.upper) == (10 / 8, 10.0)


def test_every_figure_is_there_or_says_why_and_none_is_zero_by_lack() -> None:
    empty = piece(people=0, converted=0, hits={}, cost=0.0, plan_discount=0.0, margin=None)
    for figure in slices([empty], "channel")[0].figures:
        assert (figure.value.value is None) == bool(figure.value.reason)
    for key in ("delivery_rate", "open_rate", "conversion_rate", "margin", "return_on_investment"):
        assert value([empty], key) is None
    assert [figure.key for figure in slices([empty], "channel")[0].figures] == list(FIGURES)


def test_complaints_that_nobody_reports_are_not_none_at_all() -> None:
    assert value([piece()], "complaint_rate") is None
    told = piece(plan_id="b", hits={"sent": 10, "complained": 1}, channel="sms")
    assert value([piece(), told], "complaint_rate", place=0) == 0.0
    assert value([piece(), told], "complaint_rate", place=1) == 10.0


def test_an_added_order_that_may_be_none_has_no_cost() -> None:
    assert value([piece(plan_orders=estimate(1, -1, 3))], "cost_per_incremental_order") is None


def test_actions_of_one_plan_do_not_add_up_unless_they_are_all_of_it() -> None:
    three = [
        piece(action=f"a{i}", channel="email" if i < 2 else "sms", of_plan=3, discount=None)
        for i in range(3)
    ]
    email, sms = slices(three, "channel")
    assert "share one held-out group" in (email.figure("incremental_profit").value.reason or "")
    assert sms.figure("incremental_profit").value.value == 50.0
    assert sms.figure("incremental_revenue").value.value is None
    (whole,) = slices(three, "campaign")
    assert whole.figure("incremental_profit").value.value == 50.0
    assert whole.figure("discount").value.value == 8.0


def test_an_action_with_all_its_variants_has_the_profit_of_the_action() -> None:
    whole = {"of_action": 2, "action_profit": estimate(70, 60, 80), "of_plan": 3, "discount": None}
    pieces = [
        piece(action="a", variant="x", offer="ten", **whole),
        piece(action="a", variant="y", offer="ten", **whole),
        piece(action="b", offer="five", of_plan=3, discount=None),
    ]
    five, ten = slices(pieces, "offer")
    assert ten.figure("incremental_profit").value.value == 70.0
    assert five.figure("incremental_profit").value.value == 50.0
    assert slices(pieces, "channel")[0].figure("incremental_profit").value.value == 50.0
    email = slices([replace(one, of_plan=4) for one in pieces], "channel")[0]
    assert "share one held-out group" in (email.figure("incremental_profit").value.reason or "")


def test_actions_add_up_where_each_is_compared_with_those_for_whom_it_was_chosen() -> None:
    chosen = [
        piece(action=name, channel="email", of_plan=3, discount=None, chosen=True)
        for name in ("a", "b")
    ]
    (email,) = slices(chosen, "channel")
    found = email.figure("incremental_profit")
    assert found.value.value == 100.0
    assert found.interval is not None
    one = chosen[0].profit
    # Independent errors: the interval of two grows by the root of two.
    assert found.interval.upper - 100.0 == pytest.approx(2**0.5 * (one.upper - 50.0))


@given(
    st.lists(
        st.tuples(st.sampled_from(["email", "sms", "push"]), st.integers(0, 50), st.integers(0, 9)),
        min_size=1,
        max_size=8,
    )
)
def test_slices_add_up_to_the_whole_however_they_are_cut(rows: list[tuple[str, int, int]]) -> None:
    pieces = [
        piece(plan_id=f"p{i}", campaign=f"c{i % 2}", channel=channel, revenue=float(r), orders=o)
        for i, (channel, r, o) in enumerate(rows)
    ]
    for by in ("channel", "campaign", "month"):
        made = slices(pieces, by)  # type: ignore[arg-type]
        assert sum(one.people for one in made) == 100 * len(rows)
        for key in ADDITIVE:
            total = sum(one.figure(key).value.value or 0.0 for one in made)
            assert total == pytest.approx(sum(value([one], key) or 0.0 for one in pieces))


def test_the_ledger_by_cell_adds_up_to_that_of_the_plan_and_only_what_is_due_is_measured(
    tmp_path: Path,
) -> None:
    stores = make_stores(tmp_path, margin_default=0.4)
    set_up(stores, 60)
    plan_id = executed(stores).plan_id
    deliver.run_sending(stores, plan_id, clock=lambda: NOW + timedelta(seconds=2))
    with stores.read_control() as connection:
        whole = read_ledger(connection, plan_id)
        cells = read_hits(connection, [plan_id])
    assert sum(counts["sent"] for counts in cells.values()) == whole.delivery.sent > 0
    until = day(200)
    found = read_pieces(stores, until=until)
    assert (found.pieces, found.unmeasured) == ((), (plan_id,))
    early = NOW + timedelta(days=1)
    assert bring_up_to_date(stores, found, now=early) == (plan_id,)
    found = read_pieces(stores, until=until)
    assert (found.unmeasured, found.running) == ((), (plan_id,))
    assert bring_up_to_date(stores, found, now=day(100)) == (plan_id,)
    found = read_pieces(stores, until=until)
    assert bring_up_to_date(stores, found, now=day(150)) == ()
    anew = measure(stores, plan_id, now=day(100))
    (one,) = slices(found.pieces, "campaign")
    assert one.people == anew.treated.people
    assert one.figure("revenue").value.value == pytest.approx(anew.treated.revenue)
    assert one.figure("incremental_profit").value.value == anew.profit.estimate
    store_report(stores, anew)
    assert slices(read_pieces(stores, until=until).pieces, "campaign") == (one,)
    stores.close()


def test_by_segment_and_occasion_from_real_plans(tmp_path: Path) -> None:
    stores = make_stores(tmp_path, margin_default=0.4)
    spent = {"event": "Order Completed", "sum": {"of": "revenue", "above": 13}}
    names = set_up(
        stores,
        60,
        loyal={"kind": "segment", "name": "loyal", "rule": spent},
        easter={"kind": "occasion", "name": "easter", "nature": ["celebratory"], "when": {"common": {"day": "easter", "country": "GB"}}},
        soon={"kind": "segment", "name": "soon", "rule": {"any": [{"occasion": "easter"}, {"event": "Order Completed"}]}},
        spring={"audience": {"segment": "soon"}},
    )  # fmt: skip
    made = executed(stores)
    deliver.run_sending(stores, made.plan_id, clock=lambda: NOW + timedelta(seconds=2))
    add_orders(
        stores,
        [
            {"customer": name, "order_id": f"n-{name}", "ordered_at": NOW + timedelta(days=2), "revenue": 20 + k % 7}
            for k, name in enumerate(names)
            if k % 2
        ],
    )  # fmt: skip
    later = day(100)
    store_report(stores, measure(stores, made.plan_id, now=later, permutations=199))
    found = read_pieces(stores, until=later)
    (occasion,) = slices(found.pieces, "occasion")
    assert occasion.name == "easter"
    told = segment_pieces(stores, [made.plan_id], now=later)
    by_segment = {one.name: one for one in slices(told.pieces, "segment")}
    assert set(by_segment) == {"loyal", "soon"}
    everyone, whole = by_segment["soon"], slices(found.pieces, "campaign")[0]
    for key in ("conversion_rate", "orders", "revenue", "cost", "delivery_rate", "margin"):
        assert everyone.figure(key) == whole.figure(key)
    added = everyone.figure("incremental_revenue")
    assert added.value.value == pytest.approx(whole.figure("incremental_revenue").value.value)
    assert by_segment["loyal"].people < everyone.people
    assert by_segment["loyal"].sent == by_segment["loyal"].people
    assert any("overlap" in note for note in told.notes)
    stores.close()


def test_micro_segments_that_know_the_outcome_are_refused_with_the_reason(tmp_path: Path) -> None:
    stores = make_stores(tmp_path, margin_default=0.4)
    names = set_up(stores, 60)
    made = executed(stores)
    deliver.run_sending(stores, made.plan_id, clock=lambda: NOW + timedelta(seconds=2))
    add_orders(stores, [{"customer": n, "order_id": f"n-{n}", "ordered_at": NOW + timedelta(days=2), "revenue": 9} for n in names])  # fmt: skip
    rules = {
        "big": {"event": "Order Completed", "sum": {"of": "revenue", "above": 13}},
        "small": {"not": {"event": "Order Completed", "sum": {"of": "revenue", "above": 13}}},
    }
    for name, as_of in (("before", NOW - timedelta(days=1)), ("after", NOW + timedelta(days=20))):
        model = MicroModel(name, as_of, rules)
        keep_model(stores, model, kind="micro_segments", name=name, as_of=as_of, settings={}, metrics={}, now=NOW)  # fmt: skip
    later = day(100)
    told = segment_pieces(stores, [made.plan_id], model="before", now=later)
    assert sum(one.people for one in told.pieces) == made.summary["treated"]
    assert {one.segment for one in told.pieces} == {"big", "small"}
    late = segment_pieces(stores, [made.plan_id], model="after", now=later)
    assert late.pieces == ()
    assert any("it would know what came of it" in note for note in late.notes)
    stores.close()
