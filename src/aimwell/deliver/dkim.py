"""DKIM signatures (RFC 6376; Ed25519 by RFC 8463), relaxed/relaxed.

The headers of a campaign that are the same for everybody are made canonical once; for each message only what
changes is added and signed. `From`, `To`, `Subject` and `Date` are named twice, so that nobody can add a second one.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)

from aimwell.deliver.headers import Header
from aimwell.errors import SigningKeyError

__all__ = ["DkimSigner", "Stamp"]

_MIN_RSA_BITS = 2048
_TWICE = ("from", "to", "subject", "date")
_NAME = re.compile(
    r"[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?(?:\.[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?)*"
)
_B_CHARS = 72


@dataclass(frozen=True, slots=True)
class Stamp:
    """A signer made ready for one campaign: signs what changes from message to message."""

    _sign: Callable[[bytes], bytes]
    _fixed: bytes
    _wire_head: bytes
    _canonical_head: bytes

    def header(self, changing: Sequence[Header], body: bytes, signed_at: datetime) -> bytes:
        """The DKIM-Signature header of a message.

        `changing` are its headers in the order that was agreed on; `body` is in relaxed canonical form already.
        """
        digest = base64.b64encode(hashlib.sha256(body).digest())
        tags = b"t=%d; bh=%s; b=" % (int(signed_at.timestamp()), digest)
        signed = b"".join(
            [self._fixed, *[header.canonical for header in changing], self._canonical_head, tags]
        )
        signature = base64.b64encode(self._sign(signed))
        lines = b"\r\n ".join(
            signature[at : at + _B_CHARS] for at in range(0, len(signature), _B_CHARS)
        )
        return b"%s%s\r\n %s\r\n" % (self._wire_head, tags.replace(b" b=", b"\r\n b="), lines)


class DkimSigner:
    """Signs for one domain with one key."""

    def __init__(self, *, domain: str, selector: str, private_key_pem: str) -> None:
        """Reads a private key from PEM text: RSA of at least 2048 bits, or Ed25519.

        Raises:
            SigningKeyError: The key cannot be read, is of another kind or too short; or a name is not valid.
        """
        for what, name in (("domain", domain), ("selector", selector)):
            if _NAME.fullmatch(name) is None:
                raise SigningKeyError(f"The DKIM {what} {name!r} is not a name in the DNS.")
        try:
            key = load_pem_private_key(private_key_pem.encode(), password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as err:
            raise SigningKeyError(
                "The DKIM key cannot be read. It must be an unencrypted private key in PEM form, "
                "beginning with -----BEGIN."
            ) from err
        if isinstance(key, RSAPrivateKey) and key.key_size >= _MIN_RSA_BITS:
            self.algorithm = "rsa-sha256"
        elif isinstance(key, Ed25519PrivateKey):
            self.algorithm = "ed25519-sha256"
        else:
            raise SigningKeyError("A DKIM key must be RSA of at least 2048 bits, or Ed25519.")
        self.domain, self.selector = domain, selector
        self._key: RSAPrivateKey | Ed25519PrivateKey = key

    def prepare(self, fixed: Sequence[Header], changing: Sequence[str]) -> Stamp:
        """A stamp for messages that share the headers `fixed` and differ in those named by `changing`."""
        names = [_header_name(header) for header in fixed] + [name.lower() for name in changing]
        listed = ":".join(names + [name for name in _TWICE if name in names])
        tags = f"v=1; a={self.algorithm}; c=relaxed/relaxed; d={self.domain}; s={self.selector};"
        return Stamp(
            _sign=self._signing(),
            _fixed=b"".join(header.canonical for header in fixed),
            _wire_head=f"DKIM-Signature: {tags}\r\n h={_folded(listed)};\r\n ".encode(),
            # Where the header is folded inside h=, the canonical form has a blank.
            _canonical_head=f"dkim-signature:{tags} h={_folded(listed, ' ')}; ".encode(),
        )

    def dns_record(self) -> tuple[str, str]:
        """The name and the text of the DNS record that publishes the key."""
        public = self._key.public_key()
        if isinstance(self._key, RSAPrivateKey):
            kind, raw = "rsa", public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        else:
            kind, raw = "ed25519", public.public_bytes(Encoding.Raw, PublicFormat.Raw)
        text = f"v=DKIM1; k={kind}; p={base64.b64encode(raw).decode()}"
        return f"{self.selector}._domainkey.{self.domain}", text

    def _signing(self) -> Callable[[bytes], bytes]:
        key = self._key
        if isinstance(key, Ed25519PrivateKey):
            return lambda data: key.sign(hashlib.sha256(data).digest())
        padding, algorithm = PKCS1v15(), SHA256()
        return lambda data: key.sign(data, padding, algorithm)


def _header_name(header: Header) -> str:
    return header.canonical.partition(b":")[0].decode("ascii")


def _folded(listed: str, fold: str = "\r\n  ") -> str:
    """The list of header names, broken after colons so that no line is long."""
    lines = [""]
    for name in listed.split(":"):
        if len(lines[-1]) + len(name) > 66:
            lines.append("")
        lines[-1] += f"{name}:"
    return fold.join(lines).rstrip(":")
