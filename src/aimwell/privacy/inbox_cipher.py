"""Encrypts tracking messages while they wait in the inbox, where a key is set.

The key is AIMWELL_INBOX_KEY (64 hex digits), else the stored secret `inbox`. AES-256-GCM with a random nonce; the name of
the segment is associated data, so that a record cannot be moved to another one.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping

import sqlalchemy as sa
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from aimwell.definitions.kinds.channel import Secret
from aimwell.errors import PrivacyError
from aimwell.privacy.secrets import read_secret
from aimwell.store.schema import metadata
from aimwell.store.stores import Stores

__all__ = ["RecordCipher", "inbox_cipher"]

_secrets = metadata.tables["secrets"]
_VARIABLE, _STORED = "AIMWELL_INBOX_KEY", "inbox"
_NONCE_BYTES, _KEY_BYTES = 12, 32


class RecordCipher:
    """Seals and opens records of the inbox."""

    def __init__(self, key: bytes) -> None:
        self.key = key
        self._cipher = AESGCM(key)

    def seal(self, payload: bytes, where: bytes) -> bytes:
        """The record encrypted; `where` is the segment's name."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, payload, where)

    def open(self, sealed: bytes, where: bytes) -> bytes:
        """The record. Raises PrivacyError where the key is another one, or the record was changed."""
        try:
            return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], where)
        except InvalidTag as error:
            raise PrivacyError(
                f"Messages in the inbox cannot be opened with this key. Restore {_VARIABLE} (or the secret "
                f"'{_STORED}') as it was when they came."
            ) from error


def inbox_cipher(
    stores: Stores, *, environment: Mapping[str, str] | None = None
) -> RecordCipher | None:
    """The cipher of the workspace's inbox; None where no key is set.

    Raises:
        PrivacyError: The key has another form, or the stored one cannot be opened.
    """
    text = (os.environ if environment is None else environment).get(_VARIABLE)
    if not text:
        with stores.read_control() as connection:
            names = connection.execute(sa.select(_secrets.c.name)).scalars().all()
        if _STORED not in names:
            return None
        text = read_secret(stores, Secret(stored=_STORED), environment=environment)
    try:
        key = bytes.fromhex(text.strip())
    except ValueError:
        key = b""
    if len(key) != _KEY_BYTES:
        raise PrivacyError(
            f"The key of the inbox ({_VARIABLE}, or the secret '{_STORED}') must be 64 hex digits. Make one with: "
            "openssl rand -hex 32"
        )
    return RecordCipher(key)
