"""Who redeemed an offer, with whose code; and what it cost where revenue does not show it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from aimwell.decide.offers import codes
from aimwell.decide.offers.redemptions import redemptions, redemptions_by_person
from aimwell.decide.service import approve, plan
from aimwell.definitions import service as definitions
from aimwell.definitions.kinds.offer import Offer
from aimwell.deliver import service as deliver
from aimwell.measure.redemptions import Purchase, redeemed
from aimwell.privacy.erasure import erase
from aimwell.store.schema import metadata
from aimwell.store.stores import Stores
from campaigns import NOW, executed, planned, set_up
from shop import add_orders, day, make_stores, merge_people, origin

_codes = metadata.tables["offer_codes"]
POOLED = {"code": None, "codes": {"pool": "unique"}, "valid": {"end": "2026-03-06T00:00:00Z"}}


@pytest.fixture
def stores(tmp_path: Path, control_url: str) -> Iterator[Stores]:
    opened = make_stores(tmp_path, control_url)
    yield opened
    opened.close()


def code_of(stores: Stores, name: str) -> str:
    query = sa.select(_codes.c.code).where(_codes.c.profile_id == origin(stores, name))
    with stores.read_control() as connection:
        return str(connection.execute(query).scalar_one())


def handed_out(stores: Stores) -> Offer:
    """Five people with a code each."""
    set_up(stores, 5, ten=POOLED, spring={"holdout": 0.0})
    codes.generate(stores, "ten", 9, now=NOW, by="ann")
    approve(stores, planned(stores).plan_id, now=NOW, by="ann")
    return definitions.find(stores.control, Offer, "ten")


def test_a_code_tells_whose_it_was_and_whether_it_was_in_time(stores: Stores) -> None:
    offer = handed_out(stores)
    own = code_of(stores, "c00000")
    rows = [
        ("c00000", 61, f" {own.lower()} ", "till-3"),
        ("c00001", 62, own, None),
        (None, 63, own, None),
        ("c00002", 70, code_of(stores, "c00002"), None),
        ("c00003", 62, "SOMETHING", None),
    ]
    add_orders(
        stores,
        [
            {
                "customer": who,
                "order_id": f"o{number}",
                "ordered_at": day(at),
                "revenue": 10,
                "coupon": coupon,
                "shop_id": shop,
            }
            for number, (who, at, coupon, shop) in enumerate(rows)
        ],
    )
    found = redemptions(stores, offer, as_of=day(80)).to_pylist()
    assert [(r["order_id"], r["own_code"], r["in_time"], r["shop_id"]) for r in found] == [
        ("o0", True, True, "till-3"),
        ("o1", False, True, None),
        ("o2", None, True, None),
        ("o3", True, False, None),
    ]
    assert all(row["plan_id"] is not None for row in found)
    assert redemptions_by_person(stores, offer, as_of=day(80)) == {
        origin(stores, "c00000"): 1,
        origin(stores, "c00001"): 1,
        origin(stores, "c00002"): 1,
    }
    # Nothing later than the moment is seen.
    assert redemptions(stores, offer, as_of=day(61)).num_rows == 0


def test_who_is_one_person_by_now_redeems_their_own_code(stores: Stores) -> None:
    offer = handed_out(stores)
    code = code_of(stores, "c00001")
    add_orders(
        stores,
        [
            {
                "customer": "c00000",
                "order_id": "x",
                "ordered_at": day(61),
                "revenue": 1,
                "coupon": code,
            }
        ],
    )
    merge_people(stores, ["c00000", "c00001"])
    (row,) = redemptions(stores, offer, as_of=day(80)).to_pylist()
    assert row["own_code"] is True


def test_erasure_leaves_a_code_used_and_nobody_behind_it(stores: Stores) -> None:
    handed_out(stores)
    gone = origin(stores, "c00000")
    erase(stores, gone, [gone], reason="asked", now=NOW, by="ann")
    with stores.read_control() as connection:
        held = connection.execute(
            sa.select(_codes.c.profile_id).where(_codes.c.plan_id.is_not(None))
        ).scalars()
        whose = list(held)
    assert len(whose) == 5
    assert gone not in whose


def test_measuring_counts_codes_of_the_pool_whoever_uses_them() -> None:
    offer = Offer.model_validate(
        {
            "kind": "offer",
            "name": "ten",
            "benefit": {
                "tiers": [{"from_spend": 20, "amount": 3}, {"from_spend": 50, "percent": 10}]
            },
            "codes": {},
            "discount_in_orders": False,
            "cost_fixed": 0.5,
        }
    )
    found = redeemed(
        [
            Purchase(0, NOW, 100.0, " Ab1 "),
            Purchase(0, NOW, 30.0, "ab2"),
            Purchase(1, NOW, 30.0, None),
            Purchase(2, NOW, 10.0, "AB1"),
        ],
        offers={"ten": offer},
        offer_of={0: "ten", 1: "ten"},
        codes={"ab1": "ten", "ab2": "ten"},
    )
    # Without a code nobody redeems an offer that has a pool.
    assert {who: (r.cost, r.orders) for who, r in found.items()} == {0: (14.0, 2), 2: (0.5, 1)}


def test_a_person_is_told_their_own_end(stores: Stores) -> None:
    html = "<p>{{ offer.code }} until {{ offer.ends }} <a href='{{ unsubscribe_url }}'>No</a></p>"
    variants = [{"subject": "Hello", "html": html}]
    set_up(
        stores, 4, ten={"valid_for": "48h"}, hello={"variants": variants}, spring={"holdout": 0.0}
    )
    made = executed(stores)
    sent_at = NOW + timedelta(hours=1)
    deliver.run_sending(stores, made.plan_id, clock=lambda: sent_at)
    texts = [file.read_text() for file in (stores.root / "outbox" / made.plan_id).glob("*.eml")]
    assert len(texts) == 4
    assert all(f"{sent_at + timedelta(hours=48):%Y-%m-%d}" in text for text in texts)


def test_a_slot_that_is_reserved_later_makes_the_lower_campaign_wait_until_it_is_used(
    stores: Stores,
) -> None:
    other = {
        "kind": "campaign",
        "name": "other",
        "audience": {"everyone": True},
        "actions": [{"offer": "ten", "channel": "email", "template": "hello"}],
        "holdout": 0.0,
        "priority": 90,
        "schedule": {"at": "2026-03-04T09:00", "timezone": "UTC"},
    }
    policy = {"kind": "contact_policy", "name": "default", "caps": [{"count": 1, "days": 7}]}
    set_up(stores, 4, default=policy, other=other, spring={"holdout": 0.0})
    lower = executed(stores)
    better = plan(stores, "other", now=NOW, by="ann")
    approve(stores, better.plan_id, now=NOW, by="ann")
    done = deliver.run_sending(stores, lower.plan_id, clock=lambda: NOW + timedelta(minutes=1))
    assert done.messages == {"queued": {"reserved": 4}}
    due = datetime(2026, 3, 4, 9, tzinfo=UTC)
    deliver.execute(stores, better.plan_id, now=due, by="ann")
    sent = deliver.run_sending(stores, better.plan_id, clock=lambda: due + timedelta(minutes=1))
    assert sent.total("sent") == 4
    ended = deliver.run_sending(stores, lower.plan_id, clock=lambda: due + timedelta(minutes=20))
    assert ended.messages == {"stopped": {"capped": 4}}
