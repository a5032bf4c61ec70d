"""Short forms of first names: what they may stand for, and what they say of two people."""

from __future__ import annotations

import pytest

from aimwell.unify.names import name_keys
from aimwell.unify.nicknames import forms_of, nicknames


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Bob", "Robert"),
        ("Bill", "Will"),
        ("Kate", "Katherine"),
        ("Uschi", "Ursula"),
        ("Paco", "Francisco"),
        ("Beppe", "Giuseppe"),
        ("Małgosia", "Małgorzata"),
        ("Серёжа", "Сергей"),
        ("Pat", "Patricia"),
        ("Pat", "Patrick"),
    ],
)
def test_forms_of_one_name_are_no_different_names(one: str, other: str) -> None:
    assert name_keys(one, "Smith", None) & name_keys(other, "Jones", None)


@pytest.mark.parametrize(
    ("one", "other"),
    [("Patricia", "Patrick"), ("Ann", "Bob"), ("Robert", "Rupert"), ("Max", "Nia")],
)
def test_names_that_only_share_a_short_form_are_different(one: str, other: str) -> None:
    assert not name_keys(one, "Smith", None) & name_keys(other, "Jones", None)


def test_the_table_has_small_letters_without_accents_and_each_name_stands_for_itself() -> None:
    table = nicknames()
    wholes = {whole for names in table.values() for whole in names}
    assert all(whole in table[whole] for whole in wholes)
    assert all(name == name.casefold() and name.strip() == name for name in table)
    assert forms_of("xanthippe") == ()
