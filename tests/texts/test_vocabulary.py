from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from aimwell.texts.vocabulary import (
    FIELD_NAME,
    GIVEN,
    OFFER_FIELDS,
    PERSON_FIELDS,
    field_name,
    impossible,
)


@given(st.text(min_size=1))
def test_any_trait_has_a_field_that_a_text_may_name(trait: str) -> None:
    assert FIELD_NAME.fullmatch(field_name(trait))
    assert impossible([field_name(trait)]) is None


def test_every_known_field_is_possible() -> None:
    for name in (*PERSON_FIELDS, *GIVEN, "offer"):
        assert impossible([name]) is None
    for name in OFFER_FIELDS:
        assert impossible(["offer", name]) is None
        assert impossible(["offer", name, "size"]) is None
    assert impossible(["email", "size"]) is None


def test_what_nobody_can_have_is_named_with_the_nearest() -> None:
    assert "Did you mean 'first_name'?" in str(impossible(["firstName"]))
    assert "Did you mean 'offer.percent'?" in str(impossible(["offer", "percnt"]))
    assert "'email' has no fields of its own" in str(impossible(["email", "domain"]))
