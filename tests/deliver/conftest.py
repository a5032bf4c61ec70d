"""Keys, senders and the moment of the batch, shared by the tests of delivery."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from aimwell.deliver.model import Sender, Tracking
from aimwell.deliver.token import Tokens


@pytest.fixture(scope="session")
def rsa_pem() -> str:
    key = generate_private_key(65537, 2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.fixture(scope="session")
def ed25519_pem() -> str:
    key = Ed25519PrivateKey.generate()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.fixture(scope="session")
def tokens() -> Tokens:
    return Tokens([b"a secret of thirty-two bytes, 01"])


@pytest.fixture(scope="session")
def tracking() -> Tracking:
    return Tracking("https://news.shop.example")


@pytest.fixture(scope="session")
def sender() -> Sender:
    return Sender("hello@shop.example", name="The Shop", bounce_domain="bounces.shop.example")


@pytest.fixture(scope="session")
def now() -> datetime:
    return datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
