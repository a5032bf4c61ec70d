"""Mere visitors, of whom nothing but pages is known, are no people that are grouped; rules find them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from aimwell.definitions.catalogue import check
from aimwell.definitions.kinds.segment import Segment
from aimwell.definitions.service import apply
from aimwell.history.moment import Moment, open_moment
from aimwell.segment.attributes.known_columns import known_columns
from aimwell.segment.attributes.people_table import EVERYBODY, people_table
from aimwell.segment.divisions import divide
from aimwell.segment.flows import flows
from aimwell.segment.service import members
from aimwell.store.schema import metadata
from aimwell.store.stores import Stores
from shop import add_events, add_people, add_traits, day, make_stores, origin

PEOPLE = ["ann", "bob", "cid"]
VISITORS = ["browser 1", "browser 2"]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    stores = make_stores(tmp_path_factory.mktemp("visitors"))
    everybody = [*PEOPLE, *VISITORS]
    add_people(stores, [{"customer": one, "first_seen_at": day(0)} for one in everybody])
    add_traits(
        stores,
        [{"customer": one, "name": "country", "value": "GB", "set_at": day(1)} for one in PEOPLE],
    )
    add_events(
        stores,
        [{"customer": one, "event": "Page Viewed", "occurred_at": day(2)} for one in everybody],
    )
    profiles = metadata.tables["profiles"]
    ids = [origin(stores, one) for one in VISITORS]
    with stores.control.begin() as connection:
        mere = sa.update(profiles).where(profiles.c.profile_id.in_(ids))
        connection.execute(mere.values(visitor=True))
    apply(stores.control, [segment()], now=day(0), by="test")
    yield stores
    stores.close()


@pytest.fixture
def moment(shop: Stores) -> Iterator[Moment]:
    with open_moment(shop, as_of=day(30)) as cut:
        yield cut


def segment() -> Segment:
    found = check({"kind": "segment", "name": "viewers", "rule": {"event": "Page Viewed"}})
    assert isinstance(found, Segment)
    return found


def test_rules_find_them(shop: Stores) -> None:
    assert members(shop, "viewers", as_of=day(30)).num_rows == 5


@pytest.mark.parametrize("by", ["lifecycle", "segments:viewers"])
def test_divisions_leave_them_out_and_say_so(moment: Moment, by: str) -> None:
    found = divide(moment, by)
    assert found.groups.num_rows == 3
    assert found.note is not None
    assert found.note.startswith("2 visitors")
    # Judged by what came after, they are among the others: that they did no more was not known then.
    assert divide(moment, by, visitors=True).groups.num_rows == 5


def test_models_do_not_learn_from_them(moment: Moment) -> None:
    assert people_table(moment, ["events_30d"], among=EVERYBODY).num_rows == 3
    assert people_table(moment, ["events_30d"], among=EVERYBODY, visitors=True).num_rows == 5
    assert people_table(moment, ["events_30d"], among="viewers").num_rows == 5  # as it is asked
    assert len(known_columns(moment, ["orders"]).people) == 3
    assert len(known_columns(moment, ["orders"], visitors=True).people) == 5


def test_stages_month_by_month_count_people(moment: Moment) -> None:
    found = flows(moment, months=1)
    assert found.people(len(found.bounds) - 1, "prospect") == 3
