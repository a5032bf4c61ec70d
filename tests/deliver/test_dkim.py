"""Signatures are verified by dkimpy, an implementation that shares no code with ours."""

from __future__ import annotations

import base64
import types
from datetime import UTC, datetime

import dkim
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aimwell.deliver.compose import Composer
from aimwell.deliver.content import compile_content
from aimwell.deliver.dkim import DkimSigner
from aimwell.deliver.model import Content, Outgoing, Recipient, Sender, Tracking
from aimwell.deliver.token import Tokens
from aimwell.errors import SigningKeyError

NOW = datetime(2026, 1, 1, tzinfo=UTC)
TRACKING = Tracking("https://news.shop.example")
NASTY = st.text(alphabet=" .\r\n\t\x00=-_aZé😀\u2028<>&\"':;", max_size=120) | st.text(max_size=80)


class _VerifyKey:
    """The one thing of PyNaCl that dkimpy needs, with the curve from `cryptography`."""

    def __init__(self, key: bytes, encoder: object) -> None:
        del encoder
        self._key = Ed25519PublicKey.from_public_bytes(base64.b64decode(key))

    def verify(self, digest: bytes, signature: bytes) -> None:
        self._key.verify(signature, digest)


@pytest.fixture(scope="module", autouse=True)
def _ed25519_for_dkimpy() -> object:
    with pytest.MonkeyPatch.context() as patch:
        if not hasattr(dkim, "nacl"):
            fake = types.SimpleNamespace(
                signing=types.SimpleNamespace(VerifyKey=_VerifyKey),
                encoding=types.SimpleNamespace(Base64Encoder=None),
                exceptions=types.SimpleNamespace(
                    ValueError=ValueError, BadSignatureError=InvalidSignature
                ),
            )
            patch.setattr(dkim, "nacl", fake, raising=False)
        yield


def signer(pem: str, selector: str) -> DkimSigner:
    return DkimSigner(domain="shop.example", selector=selector, private_key_pem=pem)


def composer(*signers: DkimSigner, text_only: bool = False) -> Composer:
    html = "" if text_only else "<p>  {{ a }}\t</p> <a href='https://a.example/'>x</a>\n\n"
    content = Content("t", "{{ s }}!", html=html, text="Hi {{ a }} \n\n" if text_only else "")
    return Composer(
        [compile_content(content, TRACKING)],
        sender=Sender("hello@shop.example", name="The Shop – Ünique", reply_to="help@shop.example"),
        tracking=TRACKING,
        tokens=Tokens([b"a secret of thirty-two bytes, 01"]),
        signers=signers,
    )


def message(
    made: Composer, *, s: str = "s", a: str = "a", name: str = "Anna", to: str = "b@example.com"
) -> bytes:
    (out,) = made.compose([Recipient("m-1", to, {"s": s, "a": a}, name=name)], now=NOW)
    assert isinstance(out, Outgoing)
    return out.data


def verified(data: bytes, *signers: DkimSigner) -> list[bool]:
    records = dict(one.dns_record() for one in signers)

    def dns(name: bytes, timeout: float = 5) -> bytes:
        del timeout
        return records[name.decode().rstrip(".")].encode()

    def passes(place: int) -> bool:
        try:
            return bool(dkim.DKIM(data).verify(idx=place, dnsfunc=dns))
        except dkim.ValidationError:  # how it says that the body was changed
            return False

    return [passes(place) for place in range(len(signers))]


@pytest.mark.parametrize("text_only", [False, True])
@given(s=NASTY, a=NASTY, name=NASTY)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_both_kinds_of_signatures_pass_whatever_the_message_holds(
    rsa_pem: str, ed25519_pem: str, text_only: bool, s: str, a: str, name: str
) -> None:
    signers = (signer(rsa_pem, "r1"), signer(ed25519_pem, "e1"))
    data = message(composer(*signers, text_only=text_only), s=s, a=a, name=name)
    assert verified(data, *signers) == [True, True]


def test_a_message_to_an_international_address_passes(rsa_pem: str) -> None:
    one = signer(rsa_pem, "r1")
    assert verified(message(composer(one), to="zoë@gmail.com"), one) == [True]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"Subject: s!", b"Subject: t!"),
        (b"To: Anna", b"To: Bnna"),
        (b"List-Unsubscribe: <https://news", b"List-Unsubscribe: <https://evil"),
        (b"List-Unsubscribe-Post: List-Unsubscribe=One-Click", b"List-Unsubscribe-Post: x"),
        (b"Message-ID: <m-1", b"Message-ID: <m-2"),
        (b"Reply-To: help", b"Reply-To: evil"),
        (b"Date: Thu", b"Date: Fri"),
        (b"multipart/alternative", b"multipart/mixed"),
        (b"<p>", b"<b>"),
        (b"MIME-Version: 1.0\r\n", b""),
        (b"\r\nTo: ", b"\r\nSubject: another one\r\nTo: "),
        (b"\r\nTo: ", b"\r\nFrom: evil@example.com\r\nTo: "),
    ],
)
def test_whatever_is_changed_on_the_way_breaks_the_signature(
    rsa_pem: str, ed25519_pem: str, old: bytes, new: bytes
) -> None:
    signers = (signer(rsa_pem, "r1"), signer(ed25519_pem, "e1"))
    data = message(composer(*signers))
    assert old in data
    assert verified(data.replace(old, new, 1), *signers) == [False, False]


def test_what_relays_may_do_to_blanks_does_not_break_it(rsa_pem: str) -> None:
    one = signer(rsa_pem, "r1")
    data = message(composer(one), a="x" * 200)
    head, _, body = data.partition(b"\r\n\r\n")
    relayed = (
        head.replace(b"Subject: ", b"subject:\t ")
        + b"\r\nReceived: from somewhere\r\n\r\n"
        + body
        + b"\r\n\r\n"
    )
    assert verified(relayed, one) == [True]


def test_a_signature_by_another_key_does_not_pass(rsa_pem: str) -> None:
    other = generate_private_key(65537, 2048).private_bytes(
        Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()
    )
    data = message(composer(signer(rsa_pem, "r1")))
    assert verified(data, signer(other.decode(), "r1")) == [False]


def test_the_headers_of_one_click_unsubscribing_are_signed(rsa_pem: str) -> None:
    data = message(composer(signer(rsa_pem, "r1")))
    tags = dkim.util.parse_tag_value(dkim.rfc822_parse(data)[0][0][1])
    listed = tags[b"h"].replace(b"\r\n", b"").replace(b" ", b"").split(b":")
    assert {
        b"list-unsubscribe",
        b"list-unsubscribe-post",
        b"from",
        b"date",
        b"content-type",
    } <= set(listed)
    assert [listed.count(name) for name in (b"from", b"to", b"subject", b"date")] == [2, 2, 2, 2]
    assert (tags[b"a"], tags[b"c"], tags[b"d"], tags[b"s"]) == (
        b"rsa-sha256",
        b"relaxed/relaxed",
        b"shop.example",
        b"r1",
    )
    assert tags[b"t"] == b"%d" % NOW.timestamp()


def test_no_line_of_a_signature_is_long(rsa_pem: str) -> None:
    head = message(composer(signer(rsa_pem, "r1"))).partition(b"\r\n\r\n")[0]
    assert max(map(len, head.split(b"\r\n"))) <= 100


def _pem(key: object, encryption: object = None) -> str:
    private_bytes = key.private_bytes  # type: ignore[attr-defined]
    return private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption or NoEncryption()).decode()  # type: ignore[no-any-return]


def test_keys_that_cannot_sign_are_refused(rsa_pem: str) -> None:
    big = generate_private_key(65537, 2048)
    wrong = {
        "": "cannot be read",
        "nonsense": "cannot be read",
        _pem(big, BestAvailableEncryption(b"password")): "cannot be read",
        _pem(generate_private_key(65537, 1024)): "at least 2048 bits",  # noqa: S505
        _pem(ec.generate_private_key(ec.SECP256R1())): "Ed25519",
    }
    for pem, words in wrong.items():
        with pytest.raises(SigningKeyError, match=words) as caught:
            signer(pem, "r1")
        assert "PRIVATE" not in str(caught.value)
    for domain, selector in [
        ("", "r1"),
        ("shop.example", "r 1"),
        ("shop.example; d=evil", "r1"),
        ("a\r\nb", "r1"),
    ]:
        with pytest.raises(SigningKeyError, match="not a name"):
            DkimSigner(domain=domain, selector=selector, private_key_pem=rsa_pem)
