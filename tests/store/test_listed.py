"""A list of ids as one parameter means the same on SQLite and PostgreSQL, however long it is."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from aimwell.store.control import Control, insert_missing
from aimwell.store.listed import among
from aimwell.store.schema import metadata

META = metadata.tables["workspace_meta"]
ODD = ["", "it's", 'a "quoted" one', "back\\slash", "ünïcödé 👩‍👩‍👧", "{a,b}", "null", "12", "a\nb"]


def found(control: Control, ids: list[str]) -> list[str]:
    with control.read() as connection:
        return list(
            connection.execute(sa.select(META.c.key).where(among(META.c.key, ids))).scalars()
        )


def test_it_finds_what_is_in_the_list_and_nothing_else(control: Control) -> None:
    with control.begin() as connection:
        insert_missing(connection, META, [{"key": key, "value": "x"} for key in [*ODD, "other"]])
    assert sorted(found(control, ODD)) == sorted(ODD)
    assert found(control, ["other", "other", "absent"]) == ["other"]
    assert found(control, []) == []


@pytest.mark.parametrize("size", [1, 70_000])
def test_a_list_may_have_any_length_and_lengths_do_not_get_mixed_up(
    control: Control, size: int
) -> None:
    with control.begin() as connection:
        insert_missing(connection, META, [{"key": key, "value": "x"} for key in ("k0", "k69999")])
    assert (
        sorted(found(control, [f"k{n}" for n in range(size)]))
        == ["k0", "k69999"][: 1 + size // 70_000]
    )
    assert found(control, ["k69999"]) == ["k69999"]


def test_it_stands_in_changes_and_below_other_queries(control: Control) -> None:
    with control.begin() as connection:
        insert_missing(connection, META, [{"key": key, "value": "x"} for key in ("a", "b", "c")])
        connection.execute(sa.update(META).where(among(META.c.key, ["a", "c"])).values(value="y"))
        below = sa.select(META.c.key).where(among(META.c.key, ["b", "c"]), META.c.value == "y")
        connection.execute(sa.delete(META).where(META.c.key.in_(below)))
    assert sorted(found(control, ["a", "b", "c"])) == ["a", "b"]
