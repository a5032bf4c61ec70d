"""Secrets of channels: from the environment, or encrypted in the control database; never in a document or log.

The key that encrypts them comes from AIMWELL_SECRET_KEY (64 hex digits), else from the file `secret.key` in
the workspace, made at first use and readable by its owner only. AES-256-GCM, the name as associated data.
"""

from __future__ import annotations

import os
import secrets as random
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from aimwell.definitions.kinds.channel import Secret
from aimwell.errors import PrivacyError
from aimwell.store.control import upsert
from aimwell.store.schema import metadata
from aimwell.store.stores import Stores

__all__ = ["keep_secret", "read_secret"]

_secrets = metadata.tables["secrets"]
_KEY_VARIABLE = "AIMWELL_SECRET_KEY"
_NONCE_BYTES = 12


def keep_secret(
    stores: Stores,
    name: str,
    value: str,
    *,
    now: datetime,
    environment: Mapping[str, str] | None = None,
) -> None:
    """Encrypt `value` and keep it under `name`; an older one is replaced."""
    nonce = random.token_bytes(_NONCE_BYTES)
    key = _key(stores.root, environment, create=True)
    sealed = nonce + AESGCM(key).encrypt(nonce, value.encode(), name.encode())
    with stores.control.begin() as connection:
        row = {"name": name, "ciphertext": sealed, "set_at": now}
        upsert(connection, _secrets, [row], update=("ciphertext", "set_at"))


def read_secret(
    stores: Stores, secret: Secret, *, environment: Mapping[str, str] | None = None
) -> str:
    """The value of a secret. Raises PrivacyError where it is absent or the key does not open it."""
    values = os.environ if environment is None else environment
    if secret.env is not None:
        value = values.get(secret.env)
        if not value:
            raise PrivacyError(
                f"The environment variable {secret.env}, which holds a secret, is not set. Set it and try again."
            )
        return value
    name = secret.stored or ""
    with stores.read_control() as connection:
        sealed = connection.execute(
            sa.select(_secrets.c.ciphertext).where(_secrets.c.name == name)
        ).scalar_one_or_none()
    if sealed is None:
        raise PrivacyError(f"There is no secret '{name}'. Store it with: aimwell secret set {name}")
    key = _key(stores.root, environment, create=False)
    try:
        return (
            AESGCM(key)
            .decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], name.encode())
            .decode()
        )
    except InvalidTag as error:
        raise PrivacyError(
            f"The secret '{name}' cannot be opened with this key. Restore {_KEY_VARIABLE} or secret.key as it "
            f"was, or store the secret again with: aimwell secret set {name}"
        ) from error


def _key(root: Path, environment: Mapping[str, str] | None, *, create: bool) -> bytes:
    text = (os.environ if environment is None else environment).get(_KEY_VARIABLE)
    file = root / "secret.key"
    if not text:
        if not file.exists():
            if not create:
                raise PrivacyError(
                    f"The key of the secrets is absent. Set {_KEY_VARIABLE} or restore {file.name}."
                )
            _write_new(file, random.token_hex(32))
        text = file.read_text(encoding="ascii").strip()
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != 32:
        raise PrivacyError(
            f"The key of the secrets must be 64 hex digits ({_KEY_VARIABLE} or {file.name})."
        )
    return key


def _write_new(file: Path, text: str) -> None:
    """Write the key once; where another process was first, its key stays."""
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    with os.fdopen(descriptor, "w", encoding="ascii") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
