"""People at one address are a household, and no less two people."""

from __future__ import annotations

import random
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import sqlalchemy as sa

from aimwell.privacy.vault import keep_people
from aimwell.store.schema import metadata
from aimwell.store.stores import Stores
from aimwell.unify.households import home_of, refresh_households
from identity_graphs import NOW
from shop import make_stores

KEY = bytes(32)


@pytest.fixture
def stores(tmp_path: Path, control_url: str) -> Stores:
    return make_stores(tmp_path, control_url, household_people_max=3)


def live(stores: Stores, *people: tuple[str, str, str, str], days: int = 0) -> None:
    names = ("origin_id", "street", "postcode", "last_name")
    columns = [pa.array(values, pa.string()) for values in zip(*people, strict=True)]
    rows = pa.table(columns, names=list(names))
    keep_people(stores, rows, source="crm", set_at=NOW + timedelta(days))


def told(stores: Stores) -> dict[str, str | None]:
    table = metadata.tables["households"]
    with stores.read_control() as connection:
        rows = connection.execute(sa.select(table.c.profile_id, table.c.household_id))
        return {row.profile_id: row.household_id for row in rows}


def home(street: str, postcode: str = "N1 9GU", last: str = "Smith") -> Any:
    return home_of(KEY, street=street, postcode=postcode, last_name=last)


def test_spellings_of_one_address_are_one_home() -> None:
    assert home("12 High Street") == home(" 12, high st. ", "n19gu", "SMITH")
    assert home("Hauptstraße 5", "10827", "Müller") == home("Hauptstr. 5", "10827", "Muller")
    assert home("12 High Street") != home("14 High Street")
    assert home("12 High Street") != home("12 High Street", "N1 9GX")


def test_an_address_that_does_not_say_which_house_is_no_home() -> None:
    assert home("High Street") is None
    assert home("12 High Street", "") is None


def test_a_family_is_a_household_and_a_block_of_flats_is_not(stores: Stores) -> None:
    live(stores, *[(f"f{n}", "1 Oak Rd", "N1", "Hill") for n in range(3)])
    block = [(f"b{n}", "9 Tower", "E1", "Gray" if n < 2 else f"Name{n}") for n in range(6)]
    many = [(f"m{n}", "7 Hall", "E2", "Lee") for n in range(5)]
    live(stores, *block, *many)
    refresh_households(stores, now=NOW)
    found = told(stores)
    assert len({found[f"f{n}"] for n in range(3)}) == 1
    assert found["b0"] == found["b1"] != found["f0"]
    assert len({found[f"b{n}"] for n in range(2, 6)}) == 4, "each alone under a name"
    assert {found[f"m{n}"] for n in range(5)} == {None}
    with stores.read_control() as connection:
        text = str(connection.execute(sa.select(metadata.tables["households"])).all())
    assert "Oak" not in text
    assert "Hill" not in text


def test_only_those_concerned_and_their_neighbours_are_looked_at(stores: Stores, seed: int) -> None:
    draw = random.Random(seed)  # noqa: S311
    for round_ in range(6):
        moved = draw.sample(range(30), 12)
        live(
            stores,
            *[
                (f"p{n:02}", f"{draw.randrange(4)} Row", "N1", draw.choice(["Ash", "Elm", ""]))
                for n in moved
            ],
            days=round_,
        )
        overrides = metadata.tables["identity_overrides"]
        joined = {"origin_id": f"p{round_:02}", "profile_id": f"p{round_ + 10:02}", "evidence": []}
        with stores.control.begin() as connection:
            connection.execute(sa.insert(overrides).values(**joined, merged_at=NOW))
        concerned = {f"p{n:02}" for n in moved} | {joined["origin_id"], joined["profile_id"]}
        with stores.read_control() as connection:
            keepers = dict(
                connection.execute(sa.select(overrides.c.origin_id, overrides.c.profile_id)).all()
            )
        concerned |= {keepers.get(one, one) for one in concerned}
        refresh_households(stores, now=NOW, profiles=concerned)
        around = told(stores)
        assert refresh_households(stores, now=NOW) == 0
        assert told(stores) == around
