from __future__ import annotations

import hashlib
import hmac
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimwell.deliver.token import Purpose, Tokens
from aimwell.errors import DeliverError, SigningKeyError

SECRET = b"a secret of thirty-two bytes, 01"
OTHER = b"a secret of thirty-two bytes, 02"
IDS = st.from_regex(r"[a-z0-9][a-z0-9_-]{0,35}", fullmatch=True)
PURPOSES: tuple[Purpose, ...] = get_args(Purpose)


@given(IDS, st.sampled_from(PURPOSES))
def test_a_token_leads_back_to_its_message(message_id: str, purpose: Purpose) -> None:
    token = Tokens([SECRET]).make(purpose, message_id)
    assert Tokens([SECRET]).verify(purpose, token) == message_id
    assert Tokens([SECRET]).verify(purpose, token.upper()) == message_id
    assert len(token) <= 61


@given(IDS, st.sampled_from(PURPOSES), st.sampled_from(PURPOSES))
def test_a_token_for_one_purpose_is_worth_nothing_for_another(
    message_id: str, made: Purpose, used: Purpose
) -> None:
    token = Tokens([SECRET]).make(made, message_id)
    assert (Tokens([SECRET]).verify(used, token) is not None) == (made == used)


@given(IDS, st.data())
def test_no_changed_token_passes(message_id: str, data: st.DataObject) -> None:
    token = Tokens([SECRET]).make("click", message_id)
    place = data.draw(st.integers(0, len(token) - 1))
    letter = data.draw(st.sampled_from("0123456789abcdefz-_."))
    changed = token[:place] + letter + token[place + 1 :]
    if changed != token:
        assert Tokens([SECRET]).verify("click", changed) is None


@pytest.mark.parametrize(
    "wrong", ["", "-", "a", "a-", "../../etc", "a-" + "0" * 24, "a" * 9999, "é-" + "0" * 24]
)
def test_what_is_no_token_is_none(wrong: str) -> None:
    assert Tokens([SECRET]).verify("open", wrong) is None


def test_the_code_is_an_hmac_over_purpose_and_message() -> None:
    key = hmac.digest(SECRET, b"aimwell token", "sha256")
    expected = hmac.new(key, b"unsubscribe:m-1", hashlib.sha256).hexdigest()[:24]
    assert Tokens([SECRET]).make("unsubscribe", "m-1") == f"m-1-{expected}"


def test_all_tokens_at_once_are_the_tokens_one_by_one() -> None:
    tokens = Tokens([SECRET])
    assert tokens.make_links("m-1") == {
        purpose: tokens.make(purpose, "m-1") for purpose in PURPOSES if purpose != "bounce"
    }


def test_a_new_key_makes_and_the_old_one_still_checks() -> None:
    old, both = Tokens([OTHER]), Tokens([SECRET, OTHER])
    assert both.verify("click", old.make("click", "m-1")) == "m-1"
    assert old.verify("click", both.make("click", "m-1")) is None
    assert both.unseal("m-1", 2, old.seal("m-1", 2, "https://a.example/")) == "https://a.example/"


@pytest.mark.parametrize("wrong", ["", "-a", "A", "a b", "a" * 37, "a/b", "a.b", "é"])
def test_a_message_id_that_cannot_stand_in_a_link_is_refused(wrong: str) -> None:
    with pytest.raises(DeliverError, match="message id"):
        Tokens([SECRET]).make("click", wrong)


@pytest.mark.parametrize("keys", [[], [b"short"], [SECRET, b"short"]])
def test_a_weak_key_is_refused(keys: list[bytes]) -> None:
    with pytest.raises(SigningKeyError, match="32 random bytes"):
        Tokens(keys)


@given(IDS, st.integers(0, 999), st.text(st.characters(exclude_categories=["Cs"])))
def test_a_sealed_address_comes_back_and_cannot_be_read(
    message_id: str, number: int, url: str
) -> None:
    tokens = Tokens([SECRET])
    sealed = tokens.seal(message_id, number, url)
    assert sealed == tokens.seal(message_id, number, url)
    assert tokens.unseal(message_id, number, sealed) == url
    assert len(url) < 6 or url not in sealed


@given(st.data())
def test_a_sealed_address_cannot_be_changed_or_moved(data: st.DataObject) -> None:
    tokens = Tokens([SECRET])
    sealed = tokens.seal("m-1", 3, "https://shop.example/anna")
    assert tokens.unseal("m-2", 3, sealed) is None
    assert tokens.unseal("m-1", 4, sealed) is None
    place = data.draw(st.integers(0, len(sealed) - 2))  # the last letter has bits that mean nothing
    changed = sealed[:place] + ("A" if sealed[place] != "A" else "B") + sealed[place + 1 :]
    assert tokens.unseal("m-1", 3, changed) is None


@given(st.text(max_size=80))
def test_nonsense_is_not_unsealed(text: str) -> None:
    assert Tokens([SECRET]).unseal("m-1", 1, text) is None
