"""The current state after messages came in: what is computed follows the people whom they touched, and nobody else."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from aimwell.collect.service import collect
from aimwell.history.computed import refresh_computed
from aimwell.history.current import bring_up_to_date, refresh_state
from aimwell.people.model import ProfilePage
from aimwell.people.service import profile_page
from aimwell.store.schema import metadata
from aimwell.unify.live import flush_and_unify
from collecting import source_of
from shop import make_stores
from tracked import NOW, put

LATER = NOW + timedelta(seconds=5)


def test_a_cart_that_was_filled_just_now_is_on_the_persons_page(tmp_path: Path) -> None:
    stores = make_stores(tmp_path)
    agent = {"userAgent": "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0) Mobile/15E148"}
    put(
        stores,
        {
            "type": "track",
            "event": "Product Added",
            "anonymousId": "a-1",
            "messageId": "m1",
            "properties": {"sku": "mug", "quantity": 2, "price": 4.5, "category": "kitchen"},
            "context": agent,
        },
    )
    flush_and_unify(stores, now=LATER, refresh=refresh_state)
    login = {"type": "identify", "userId": "ann", "anonymousId": "a-1", "messageId": "m2"}
    put(stores, {**login, "traits": {"interests": "tea"}})
    flush_and_unify(stores, now=LATER, refresh=refresh_state)
    page = profile_page(stores, "ann", now=LATER, by="t")
    figures = {one.name: one.value for one in page.computed}
    assert (figures["cart_units"], figures["cart_value"]) == (2, 9.0)
    assert (figures["usual_device"], figures["viewed_category"]) == ("mobile", "kitchen")
    assert {one.name for one in page.traits} == {"interests"}
    assert "Product Added" in {one.what for one in page.timeline}
    with stores.read_control() as connection:
        before = connection.execute(sa.select(metadata.tables["profiles"])).all()
    assert refresh_computed(stores, now=LATER) == 0
    bring_up_to_date(stores, now=LATER)
    with stores.read_control() as connection:
        assert connection.execute(sa.select(metadata.tables["profiles"])).all() == before


def test_what_was_collected_at_this_very_moment_is_part_of_the_state(tmp_path: Path) -> None:
    stores = make_stores(tmp_path)
    entity = {"entity": "customers", "map": {"email": "email"}, "traits": {"city": "city"}}
    source = source_of(entity, files="people.csv")

    def collected(line: str, now: datetime) -> ProfilePage:
        (tmp_path / "people.csv").write_text(f"email,city\n{line}\n")
        collect(stores, source, root=tmp_path, now=now)
        bring_up_to_date(stores, now=now)
        return profile_page(stores, "ann@x.example", now=now + timedelta(seconds=1), by="t")

    new = {one.name: one.value for one in collected("ann@x.example,Leeds", NOW).computed}
    assert (new["orders"], new["total_spend"], new["largest_order_value"]) == (0, 0, None)
    [city] = collected("ann@x.example,York", LATER).traits
    assert (city.value, city.since) == ("York", LATER)
