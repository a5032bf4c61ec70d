from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimwell.deliver.addresses import is_made_up, trial_address
from aimwell.deliver.headers import address


@given(st.text(max_size=60), st.text(max_size=20))
def test_a_made_up_address_is_valid_stays_the_same_and_belongs_to_nobody(
    person: str, salt: str
) -> None:
    made = trial_address(person, salt=salt)
    assert address(made).spec == made
    assert made == trial_address(person, salt=salt)
    assert made.endswith(".invalid")
    assert is_made_up(made)


def test_people_and_salts_have_addresses_of_their_own() -> None:
    made = {
        trial_address(person, salt=salt) for person in ("1", "2", "12") for salt in ("", "1", "2")
    }
    assert len(made) == 9


@pytest.mark.parametrize(
    ("given_address", "made_up"),
    [
        ("a@example.invalid", True),
        ("a@x.example", True),
        ("a@mail.test.", True),
        ("a@EXAMPLE.com", True),
        ("a@sub.example.org", True),
        ("a@gmail.com", False),
        ("a@myexample.com", False),
        ("a@invalid.com", False),
        ("invalid@shop.de", False),
    ],
)
def test_real_domains_are_told_from_reserved_ones(given_address: str, made_up: bool) -> None:
    assert is_made_up(given_address) == made_up
