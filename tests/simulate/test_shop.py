from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import aimwell.simulate as simulate
from aimwell.simulate import (
    Action,
    ShopSpec,
    answer,
    open_shop,
    potential_outcomes,
    true_effect,
    write_sources,
)


def test_public_names():
    assert sorted(simulate.__all__) == sorted(
        [
            "CHANNELS",
            "GROUPS",
            "Action",
            "Answer",
            "AnswerCounts",
            "Dirt",
            "Gain",
            "Shop",
            "ShopSpec",
            "SourceCounts",
            "answer",
            "answer_by_cell",
            "average_effect",
            "gain_of",
            "open_shop",
            "people_of",
            "potential_outcomes",
            "true_effect",
            "write_answer",
            "write_sources",
        ]
    )
    assert all(hasattr(simulate, name) for name in simulate.__all__)


def _whole_run(spec: ShopSpec, folder: Path) -> None:
    """Everything that a shop can do."""
    shop = open_shop(spec)
    counts = write_sources(shop, folder)
    assert counts.people == spec.people
    action = Action(name="ten", discount_share=0.1)
    effect = true_effect(shop, action, sent_at=spec.end, window_days=1)
    assert (
        len(effect)
        == len(potential_outcomes(shop, action, sent_at=spec.end, window_days=1))
        == spec.people
    )
    messages = pa.table(
        {
            "message_id": effect["customer_id"],
            "customer_id": effect["customer_id"],
            "action": ["ten"] * spec.people,
            "sent_at": pa.array([spec.end] * spec.people, pa.timestamp("us", "UTC")),
        }
    )
    answer(shop, messages, actions=[action], until=spec.last)


def test_a_shop_of_one_person_and_one_product_works(tmp_path):
    spec = ShopSpec(people=1, products=1, prospect_share=0.0, shops=0, anonymous_share=0.0)
    shop = open_shop(spec)
    counts = write_sources(shop, tmp_path)
    assert (counts.people, counts.prospects, counts.products) == (1, 0, 1)
    assert counts.orders >= 1
    _whole_run(spec, tmp_path)


def test_a_shop_of_prospects_only_has_no_orders_but_can_be_moved(tmp_path):
    spec = ShopSpec(people=300, prospect_share=1.0)
    counts = write_sources(open_shop(spec), tmp_path)
    assert (counts.orders, counts.order_rows, counts.prospects) == (0, 0, 300)
    effect = true_effect(open_shop(spec), Action(name="hello"), sent_at=spec.end, window_days=14)
    assert sum(effect["orders"].to_pylist()) > 0


shares = st.sampled_from([0.0, 0.5, 1.0])
specs = st.builds(
    ShopSpec,
    people=st.integers(1, 40),
    seed=st.integers(0, 2**63 - 1),
    start=st.just(datetime(2024, 2, 28, tzinfo=UTC)),
    end=st.integers(1, 500).map(
        lambda days: datetime(2024, 2, 28, 17, tzinfo=UTC) + timedelta(days=days)
    ),
    after_days=st.integers(1, 60),
    countries=st.sampled_from([{"GB": 1}, {"US": 0.5, "AU": 0.5}, {"FR": 3, "DE": 0}]),
    prospect_share=shares,
    second_account_share=shares,
    long_id_share=shares,
    email_share=shares,
    phone_share=shares,
    unknown_consent_share=shares,
    products=st.integers(1, 5),
    shops=st.integers(0, 2),
    no_cost_share=shares,
    orders_per_year=st.sampled_from([0.01, 4.0, 200.0]),
    lines_per_order=st.sampled_from([1.0, 3.0]),
    return_share=shares,
    anonymous_share=shares,
    tracked_share=shares,
    season_strength=st.sampled_from([0.0, 3.0]),
    effect_strength=st.sampled_from([0.0, 10.0]),
)


@settings(max_examples=30, deadline=None)
@given(spec=specs)
def test_every_allowed_shop_can_be_simulated(tmp_path_factory, spec):
    _whole_run(spec, tmp_path_factory.mktemp("shop"))


@pytest.mark.parametrize("cells", [1, 2])
def test_the_number_of_cells_follows_from_the_people(cells):
    assert open_shop(ShopSpec(people=8192 * cells)).cells == cells
    assert open_shop(ShopSpec(people=8192 * cells + 1)).cells == cells + 1
