"""Codes in links and return paths that tell which message they belong to and that nobody else can make.

A token is `<message id>-<24 hex digits>`: the first 96 bits of an HMAC-SHA256 over the purpose and the message id.
It holds no personal data, survives a server that folds case, and a token for one purpose is worth nothing for
another. A click link adds the link's number in plain: it only chooses among the links that the same message holds,
and where they lead is looked up, so there is nothing to gain by changing it.

A link whose address differs from person to person cannot be looked up. Its address travels sealed (AES-GCM,
bound to message and number), so it can be neither changed nor read on the way.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Sequence
from typing import Literal, get_args

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from aimwell.deliver.model import MESSAGE_ID
from aimwell.errors import DeliverError, SigningKeyError

__all__ = ["Purpose", "Tokens"]

Purpose = Literal["click", "open", "unsubscribe", "preference", "bounce"]

_MAC_CHARS = 24
_NONCE_BYTES = 12
_TOKEN = re.compile(rf"({MESSAGE_ID.pattern})-([0-9a-f]{{{_MAC_CHARS}}})")
_BLOCK_BYTES = hashlib.sha256().block_size


class _Key:
    """One secret, made ready: HMAC states per purpose, and a cipher."""

    def __init__(self, secret: bytes) -> None:
        def derive(label: str) -> bytes:
            return hmac.digest(secret, f"aimwell {label}".encode(), "sha256")

        mac = derive("token").ljust(_BLOCK_BYTES, b"\0")
        inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in mac))
        self.outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in mac))
        self.inner: dict[str, hashlib._Hash] = {}
        for purpose in get_args(Purpose):
            state = inner.copy()
            state.update(f"{purpose}:".encode())
            self.inner[purpose] = state
        self.cipher = AESGCM(derive("sealed links"))
        self.nonce_key = derive("nonces of sealed links")

    def mac(self, purpose: Purpose, message_id: str) -> str:
        # HMAC as RFC 2104 writes it, from states kept after the key: half the time of hmac.digest.
        inner = self.inner[purpose].copy()
        inner.update(message_id.encode())
        outer = self.outer.copy()
        outer.update(inner.digest())
        return outer.hexdigest()[:_MAC_CHARS]

    def nonce(self, bound: bytes, plain: bytes) -> bytes:
        # Derived from all that is sealed, so the same message always gets the same bytes, and a nonce repeats
        # only where everything repeats (the idea of SIV, RFC 5297).
        return hashlib.blake2b(bound + plain, key=self.nonce_key, digest_size=_NONCE_BYTES).digest()


class Tokens:
    """Makes and checks tokens. The first key makes, all check, so that a key can be replaced without breaking the
    links in mail that people keep for years."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        """`keys` are secrets of at least 32 random bytes each, newest first.

        Raises:
            SigningKeyError: There is no key, or one is too short.
        """
        if not keys or any(len(key) < 32 for key in keys):
            raise SigningKeyError(
                "A key for links must have at least 32 random bytes, and there must be one."
            )
        self._keys = tuple(_Key(key) for key in keys)

    def make(self, purpose: Purpose, message_id: str) -> str:
        """The token of a message for one purpose.

        Raises:
            DeliverError: The message id has characters that cannot stand in a link.
        """
        if MESSAGE_ID.fullmatch(message_id) is None:
            raise DeliverError(
                f"The message id {message_id!r} cannot stand in a link. Use 1 to 36 lower-case letters, digits, "
                "'-' and '_', beginning with a letter or digit."
            )
        return f"{message_id}-{self._keys[0].mac(purpose, message_id)}"

    def make_links(self, message_id: str) -> dict[Purpose, str]:
        """The tokens of a message that stand in its links; one check of the id for all of them."""
        first = self.make("click", message_id)
        key = self._keys[0]
        return {
            "click": first,
            "open": f"{message_id}-{key.mac('open', message_id)}",
            "unsubscribe": f"{message_id}-{key.mac('unsubscribe', message_id)}",
            "preference": f"{message_id}-{key.mac('preference', message_id)}",
        }

    def verify(self, purpose: Purpose, token: str) -> str | None:
        """The message id of a true token for this purpose, else None. Case is ignored (mail servers fold it)."""
        found = _TOKEN.fullmatch(token.lower())
        if found is None:
            return None
        message_id, given = found[1], found[2]
        if any(hmac.compare_digest(key.mac(purpose, message_id), given) for key in self._keys):
            return message_id
        return None

    def seal(self, message_id: str, number: int, url: str) -> str:
        """The address of a personal link, sealed for link `number` of this message; URL-safe characters only."""
        bound, plain = _bound(message_id, number), url.encode()
        key = self._keys[0]
        nonce = key.nonce(bound, plain)
        sealed = nonce + key.cipher.encrypt(nonce, plain, bound)
        return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()

    def unseal(self, message_id: str, number: int, sealed: str) -> str | None:
        """The address that was sealed for this link of this message, else None."""
        try:
            raw = base64.b64decode(
                sealed.encode() + b"=" * (-len(sealed) % 4), b"-_", validate=True
            )
        except (binascii.Error, ValueError):
            return None
        bound = _bound(message_id, number)
        for key in self._keys:
            try:
                return key.cipher.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], bound).decode()
            except (InvalidTag, ValueError):
                continue
        return None


def _bound(message_id: str, number: int) -> bytes:
    return f"{message_id}#{number}#".encode()
