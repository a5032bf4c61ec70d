"""Reports of hard cases, from plan to page: goods that came back later, an offer sold at a loss, groups of one person each."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from aimwell.decide.stored import places
from aimwell.deliver import service as deliver
from aimwell.measure.executive import executive
from aimwell.measure.later import beyond_words
from aimwell.measure.model import CampaignResult
from aimwell.measure.report import report_html
from aimwell.measure.service import measure, measure_over_time, store_report
from aimwell.store.schema import metadata
from aimwell.store.stores import Stores
from campaigns import NOW, executed, set_up
from command import command_in
from shop import add_orders, day, make_stores, origin

END = NOW + timedelta(days=14)
FEW = 199


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[Stores]:
    opened = make_stores(tmp_path, margin_default=0.5)
    yield opened
    opened.close()


def sent(stores: Stores) -> tuple[str, dict[str, str]]:
    """A plan, all of it sent; its id, and origin → arm."""
    plan_id = executed(stores).plan_id
    deliver.run_sending(stores, plan_id, clock=lambda: NOW + timedelta(seconds=2))
    return plan_id, {one.origin_id: one.arm for one in places(stores.control, plan_id)}


def sell(
    stores: Stores, names: list[str], arms: dict[str, str], added: float, **more: Any
) -> list[str]:
    """Everybody buys for 50 to 55, who was contacted for more; names of the contacted."""
    contacted = [name for name in names if arms[origin(stores, name)] == "treatment"]
    rows = [
        {
            "customer": name,
            "order_id": f"n-{name}",
            "ordered_at": NOW + timedelta(days=1 + number % 10),
            "revenue": 50 + number * 37 % 11 / 2 + added * (name in contacted),
            **more,
        }
        for number, name in enumerate(names)
    ]
    add_orders(stores, rows)
    return contacted


def back(name: str, when_days: float, revenue: float) -> dict[str, Any]:
    return {
        "customer": name,
        "order_id": f"r-{name}",
        "ordered_at": END + timedelta(days=when_days),
        "revenue": revenue,
        "kind": "return",
        "original_order_id": f"n-{name}",
    }


def result(stores: Stores, plan_id: str, days: float = 40, **more: Any) -> CampaignResult:
    return measure(stores, plan_id, now=NOW + timedelta(days=days), permutations=FEW, **more)


def test_goods_that_came_back_after_the_report_revise_it_and_it_says_by_how_much(
    stores: Stores,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    names = set_up(stores, 90, spring={"holdout": 0.3})
    plan_id, arms = sent(stores)
    contacted = sell(stores, names, arms, 20.0)
    first = result(stores, plan_id, 15)
    store_report(stores, first)
    assert first.revision is None
    add_orders(stores, [back(name, 5, 40) for name in contacted[:30]])
    # A return of goods from before the campaign is none of its business.
    add_orders(stores, [{**back(contacted[40], 5, 9), "original_order_id": contacted[40]}])
    assert result(stores, plan_id, 18).revision is None, "they have not come back yet"
    again = result(stores, plan_id)
    revision = again.revision
    assert again.lifts["revenue"].total == first.lifts["revenue"].total
    assert revision is not None
    assert (revision.returned_treated, revision.returned_control) == (1200.0, 0.0)
    before = again.lifts["revenue"].total.estimate
    # CUPED weighs what people spent before anew, which moves the difference by a little.
    assert revision.total.estimate == pytest.approx(before - 1200.0, abs=60.0)
    assert "£1,200 of what was sold in it came back" in revision.sentence
    assert f"£{1200 / len(contacted):.2f} a contacted person" in revision.sentence
    assert "less than in the window alone" in revision.sentence
    assert revision.sentence in again.caveats
    assert "came back" in report_html(again)
    body = json.loads(json.dumps(again.to_dict(), allow_nan=False))
    assert body["revision"]["returned_treated"] == 1200.0
    beyond = result(stores, plan_id, windows=2.0)
    assert beyond.revision is None
    assert beyond.treated.revenue == again.treated.revenue - 1209.0 + 9.0
    assert revision.sentence in beyond_words(again, beyond)
    told = command_in(tmp_path, monkeypatch, capsys)(
        "measure", "later", plan_id, "--workspace", stores.root
    )
    assert "of what was sold in it came back" in re.sub(r"\s+", " ", told.out)


def test_an_offer_sold_at_a_loss_is_a_loss_on_every_page(stores: Stores) -> None:
    names = set_up(stores, 120, spring={"holdout": 0.3})
    plan_id, arms = sent(stores)
    contacted = [name for name in names if arms[origin(stores, name)] == "treatment"]
    rows = []
    for number, name in enumerate(names):
        bought = 2 if name in contacted else 1
        rows.append(
            {
                "customer": name,
                "order_id": f"n-{name}",
                "ordered_at": NOW + timedelta(days=1 + number % 10),
                "lines": [
                    {"sku": "s", "quantity": bought, "unit_price": 10 + number % 3, "unit_cost": 18}
                ],
            }
        )
    add_orders(stores, rows)
    found = result(stores, plan_id)
    assert found.treated.margin is not None
    assert found.treated.margin < 0.0
    assert found.lifts["revenue"].total.lower > 0.0
    assert found.lifts["margin"].relative.estimate is None
    assert "share of nothing or of a loss" in (found.lifts["margin"].relative.reason or "")
    assert found.verdict == "loss"
    assert "less than not sending" in found.sentence
    assert "the loss is real" in found.sentence
    (action,) = found.actions
    assert action.profit.upper < 0.0
    page = report_html(found)
    assert "It cost more than it brought" in page
    assert "\N{MINUS SIGN}£" in page
    store_report(stores, found)
    whole = executive(stores, since=None, until=day(200), now=day(200))
    assert whole.ledger.profit.upper < 0.0
    (step,) = whole.steps
    assert step.verb == "stop"
    assert whole.ledger.sentence.startswith("One campaign lost £")


def test_groups_of_one_person_each_are_measured_as_people_are(tmp_path: Path) -> None:
    def measured(root: Path, *, grouped: bool) -> CampaignResult:
        stores = make_stores(root, margin_default=0.5)
        spring = {"holdout": 0.4, **({"cluster": "household"} if grouped else {})}
        names = set_up(stores, 120, spring=spring)
        if grouped:
            rows = [
                {"profile_id": origin(stores, name), "address_hash": name, "name_hash": name, "has_name": True,
                 "household_id": name, "updated_at": NOW}
                for name in names
            ]  # fmt: skip
            with stores.control.begin() as connection:
                connection.execute(sa.insert(metadata.tables["households"]), rows)
        plan_id, arms = sent(stores)
        sell(stores, names, arms, 12.0)
        found = result(stores, plan_id)
        so_far = measure_over_time(stores, plan_id, now=NOW + timedelta(days=40)).periods[1].so_far
        assert so_far.estimate == pytest.approx(found.lifts["revenue"].difference.estimate)
        assert report_html(found)
        stores.close()
        return found

    alone = measured(tmp_path / "alone", grouped=False)
    ones = measured(tmp_path / "ones", grouped=True)
    assert ones.lifts["revenue"].choice.method == "clustered"
    groups = re.search(r"the (\d+) contacted", ones.lifts["revenue"].choice.because)
    # Two that share one of the 10,000 buckets are one group.
    assert groups is not None
    assert ones.treated.people - 3 <= int(groups[1]) <= ones.treated.people
    for one in (alone, ones):
        difference = one.lifts["revenue"].difference
        assert difference.covers(12.0)
        assert difference.upper - difference.lower < 2.5
        assert one.verdict == "gain"
    assert np.isclose(
        alone.lifts["revenue"].difference.estimate,
        ones.lifts["revenue"].difference.estimate,
        atol=1.0,
    )


def test_a_few_returns_in_both_groups_are_said_to_be_within_chance(stores: Stores) -> None:
    names = set_up(stores, 90, spring={"holdout": 0.3})
    plan_id, arms = sent(stores)
    contacted = sell(stores, names, arms, 20.0)
    held_out = [name for name in names if name not in contacted]
    few = [*contacted[:2], held_out[0]]
    add_orders(stores, [back(name, 5, 0.1) for name in few])
    revision = result(stores, plan_id).revision
    assert revision is not None
    assert "so the figures stand" in revision.sentence
    assert "£0.00" not in revision.sentence
    assert "than in the window alone" not in revision.sentence
