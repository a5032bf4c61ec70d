"""Products recommended in a campaign: what was planned is what is shown and sent, whatever is trained or sold meanwhile."""

from __future__ import annotations

import email
import email.policy
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from aimwell.decide.service import approve, plan
from aimwell.decide.stored import pinned_products, places
from aimwell.deliver import service as deliver
from aimwell.deliver.compose import Preview
from aimwell.errors import DeliverError, PredictError
from aimwell.predict.recommend.service import train_recommender
from aimwell.privacy.erasure import erase
from aimwell.store.schema import metadata
from aimwell.store.stores import Stores
from campaigns import add_customers, apply
from mail_catcher import catching
from shop import add_orders, add_products, day, make_stores, origin
from tastes import LAST_DAY, add_tastes

PEOPLE = 100
NOW = day(LAST_DAY + 1)
LATER = NOW + timedelta(minutes=5)
HTML = (
    "<p>{{ offer.code }}</p>{% for product in recommendations %}<i>{{ product.sku }}</i>: {{ product.name }}, "
    "{{ product.price }}; {{ product.why }}.{% endfor %}<a href='{{ unsubscribe_url }}'>No more</a>"
)
TEMPLATE = {"variants": [{"subject": "For you", "html": HTML}]}
_messages = metadata.tables["messages"]
_pinned = metadata.tables["plan_products"]


@pytest.fixture
def stores(tmp_path: Path, control_url: str) -> Iterator[Stores]:
    opened = make_stores(
        tmp_path, control_url, messages_per_job=10, public_url="https://news.shop.example"
    )
    add_tastes(opened, PEOPLE, stock=True, called="b")
    add_customers(opened, [f"b{number}" for number in range(PEOPLE)])
    apply(opened, hello=TEMPLATE, spring={"recommendations": {"products": 3, "at_least": 2}})
    train(opened)
    yield opened
    opened.close()


def train(stores: Stores, **options: Any) -> None:
    given = {"as_of": day(LAST_DAY), "horizon_days": 50, "k": 5, "now": NOW}
    train_recommender(stores, **{**given, **options})


def made(stores: Stores) -> Any:
    return plan(stores, "spring", now=NOW, by="ann")


def lists(stores: Stores, plan_id: str) -> dict[str, list[str]]:
    """Profile → skus as they were pinned."""
    ids = [one.profile_id for one in places(stores.control, plan_id)]
    with stores.read_control() as connection:
        found = pinned_products(connection, plan_id, ids)
    return {profile: [one["sku"] for one in products] for profile, products in found.items()}


def letters(stores: Stores, plan_id: str) -> dict[str, list[str]]:
    """Profile → skus as the message shows them."""
    with stores.read_control() as connection:
        rows = connection.execute(sa.select(_messages).where(_messages.c.plan_id == plan_id)).all()
    found = {}
    for row in rows:
        (file,) = list((stores.root / "outbox" / plan_id).glob(f"*{row.message_id}*.eml")) or [None]
        if file is not None:
            found[row.profile_id] = skus_of(file.read_bytes())
    return found


def skus_of(message: bytes) -> list[str]:
    body = email.message_from_bytes(message, policy=email.policy.default).get_body(("html",))
    assert body is not None
    return [part.split("</i>")[0] for part in body.get_content().split("<i>")[1:]]


def shown(stores: Stores, profile: str, **options: Any) -> list[str]:
    found = deliver.preview(stores, "spring", profile, now=LATER, by="ann", **options)
    assert isinstance(found, Preview)
    return skus_of(found.message.data)


def test_planned_shown_and_sent_are_the_same_though_the_recommender_is_trained_anew(
    stores: Stores,
) -> None:
    planned = made(stores)
    assert planned.document["recommended"]["model"] == "recommend-50d@1"
    assert "up to 3 products" in planned.summary["notes"][0]
    pinned = lists(stores, planned.plan_id)
    assert len(pinned) == planned.summary["treated"]
    approve(stores, planned.plan_id, now=NOW, by="ann")
    # Between plan and message everybody buys one thing, and the recommender that is trained anew tells other lists.
    add_orders(
        stores,
        [
            {
                "customer": f"b{number}",
                "order_id": f"new-{number}",
                "ordered_at": NOW - timedelta(hours=2),
                "lines": [(pinned.get(origin(stores, f"b{number}"), ["cook-01"])[0], 1, 5)],
            }
            for number in range(PEOPLE)
        ],
    )
    train(stores, as_of=NOW, seed=5)
    one = min(pinned)
    assert shown(stores, one) != pinned[one]
    assert shown(stores, one, plan_id=planned.plan_id) == pinned[one]
    deliver.execute(stores, planned.plan_id, now=NOW + timedelta(seconds=1), by="ann")

    def killed(done: int, _all: int) -> None:
        if done >= 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        deliver.run_sending(stores, planned.plan_id, clock=lambda: LATER, progress=killed)
    train(stores, as_of=NOW, seed=6)
    done = deliver.run_sending(stores, planned.plan_id, clock=lambda: LATER)
    assert done.messages == {"sent": {"": planned.summary["treated"]}}
    assert letters(stores, planned.plan_id) == pinned


def test_what_a_preview_shows_is_what_a_mail_server_gets(stores: Stores) -> None:
    with catching() as server:
        smtp = {"host": "127.0.0.1", "port": server.port, "tls": "none"}
        recommended = {"recommendations": {"products": 3, "at_least": 2}}
        apply(stores, hello=TEMPLATE, spring=recommended, email={"sink": None, "smtp": smtp})
        planned = made(stores)
        approve(stores, planned.plan_id, now=NOW, by="ann")
        wanted = {
            one.message.recipient: reading(one.message.data)
            for one in (
                deliver.preview(
                    stores, "spring", profile, now=LATER, by="ann", plan_id=planned.plan_id
                )
                for profile in sorted(lists(stores, planned.plan_id))[:8]
            )
            if isinstance(one, Preview)
        }
        train(stores, as_of=NOW, seed=5)
        deliver.execute(stores, planned.plan_id, now=NOW + timedelta(seconds=1), by="ann")
        deliver.run_sending(stores, planned.plan_id, clock=lambda: LATER)
        got = dict(zip(server.recipients, map(reading, server.letters), strict=True))
    assert len(got) == planned.summary["treated"] > 50
    assert len(wanted) == 8
    assert {one: got[one] for one in wanted} == wanted
    assert len({text for _subject, text in got.values()}) > 5


def reading(message: bytes) -> tuple[str, str]:
    """Subject and body as somebody reads them: without where links lead, which differs from message to message."""
    letter = email.message_from_bytes(message, policy=email.policy.default)
    body = letter.get_body(("html",))
    assert body is not None
    return str(letter["Subject"]), re.sub(
        r"""(href|src)=("[^"]*"|'[^']*')""", "", body.get_content()
    )


def test_what_has_sold_out_since_is_left_out_and_a_list_that_is_too_short_stops_the_message(
    stores: Stores,
) -> None:
    planned = made(stores)
    pinned = lists(stores, planned.plan_id)
    approve(stores, planned.plan_id, now=NOW, by="ann")
    deliver.execute(stores, planned.plan_id, now=NOW + timedelta(seconds=1), by="ann")
    victim = min(pinned)
    gone = set(pinned[victim][:2])
    add_products(
        stores,
        [
            {"sku": sku, "set_at": NOW + timedelta(minutes=1), "properties": {"stock": 0}}
            for sku in gone
        ],
    )
    deliver.run_sending(stores, planned.plan_id, clock=lambda: LATER)
    sent = letters(stores, planned.plan_id)
    left = {one: [sku for sku in skus if sku not in gone] for one, skus in pinned.items()}
    assert sent == {one: skus for one, skus in left.items() if len(skus) >= 2}
    with stores.read_control() as connection:
        reason = connection.execute(
            sa.select(_messages.c.reason).where(_messages.c.profile_id == victim)
        ).scalar_one()
        audit = metadata.tables["audit_log"]
        told = connection.execute(
            sa.select(audit.c.detail).where(audit.c.action == "recommended products left out")
        ).scalar_one()
    assert reason == "few_products"
    assert set(told["skus"]) == gone


def test_who_gets_too_few_products_is_in_neither_arm(stores: Stores) -> None:
    apply(
        stores,
        hello=TEMPLATE,
        spring={
            "recommendations": {
                "products": 40,
                "at_least": 27,
                "in_stock": False,
            }
        },
    )
    planned = made(stores)
    left_out = planned.summary["excluded"]["few_products"]
    assert 0 < left_out < PEOPLE
    assert left_out + planned.summary["treated"] + planned.summary["control"] == PEOPLE
    assert min(len(skus) for skus in lists(stores, planned.plan_id).values()) >= 27


def test_an_erasure_takes_the_list_away(stores: Stores) -> None:
    planned = made(stores)
    one = min(lists(stores, planned.plan_id))
    receipt = erase(stores, one, [one], now=LATER, by="ann")
    assert receipt.rows["plan_products"] == 1
    with stores.read_control() as connection:
        ids = connection.execute(sa.select(_pinned.c.profile_id)).scalars().all()
    assert one not in ids


def test_what_cannot_be_recommended_is_said_when_it_is_planned(stores: Stores) -> None:
    apply(stores, hello=TEMPLATE, spring={"recommendations": {"model": "recommend-9d"}})
    with pytest.raises(PredictError, match="no model 'recommend-9d'"):
        made(stores)
    apply(stores, hello=TEMPLATE, spring={"recommendations": None})
    planned = made(stores)
    approve(stores, planned.plan_id, now=NOW, by="ann")
    with pytest.raises(DeliverError, match="'recommendations' is missing"):
        deliver.execute(stores, planned.plan_id, now=NOW, by="ann")


def test_a_preview_of_a_plan_is_refused_for_whom_it_does_not_contact(stores: Stores) -> None:
    planned = made(stores)
    held = next(p for p in places(stores.control, planned.plan_id) if p.arm == "control")
    with pytest.raises(DeliverError, match="is held out"):
        shown(stores, held.profile_id, plan_id=planned.plan_id)
