"""Secrets: from the environment or encrypted, never in clear at rest."""

from __future__ import annotations

import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from aimwell.definitions.kinds.channel import Secret
from aimwell.errors import PrivacyError
from aimwell.privacy.secrets import keep_secret, read_secret
from aimwell.store.schema import metadata
from aimwell.store.stores import Stores
from shop import make_stores

NOW = datetime(2026, 3, 1, tzinfo=UTC)
NONE: dict[str, str] = {}


@pytest.fixture
def stores(tmp_path: Path) -> Stores:
    return make_stores(tmp_path)


def test_a_stored_secret_is_read_and_lies_encrypted(stores: Stores) -> None:
    keep_secret(stores, "smtp", "pa55word", now=NOW, environment=NONE)
    assert read_secret(stores, Secret(stored="smtp"), environment=NONE) == "pa55word"
    with stores.read_control() as connection:
        (row,) = connection.execute(metadata.tables["secrets"].select()).all()
    assert b"pa55word" not in row.ciphertext
    assert stat.S_IMODE((stores.root / "secret.key").stat().st_mode) == 0o600


def test_a_new_value_replaces_the_old(stores: Stores) -> None:
    keep_secret(stores, "smtp", "one", now=NOW, environment=NONE)
    keep_secret(stores, "smtp", "two", now=NOW, environment=NONE)
    assert read_secret(stores, Secret(stored="smtp"), environment=NONE) == "two"


def test_a_key_from_the_environment_needs_no_file(stores: Stores) -> None:
    environment = {"AIMWELL_SECRET_KEY": "ab" * 32}
    keep_secret(stores, "smtp", "x", now=NOW, environment=environment)
    assert read_secret(stores, Secret(stored="smtp"), environment=environment) == "x"
    assert not (stores.root / "secret.key").exists()
    with pytest.raises(PrivacyError, match="cannot be opened"):
        read_secret(stores, Secret(stored="smtp"), environment={"AIMWELL_SECRET_KEY": "cd" * 32})
    with pytest.raises(PrivacyError, match="64 hex digits"):
        read_secret(stores, Secret(stored="smtp"), environment={"AIMWELL_SECRET_KEY": "short"})


def test_a_secret_under_another_name_does_not_open(stores: Stores) -> None:
    keep_secret(stores, "smtp", "x", now=NOW, environment=NONE)
    table = metadata.tables["secrets"]
    with stores.control.begin() as connection:
        connection.execute(table.update().values(name="other"))
    with pytest.raises(PrivacyError, match="cannot be opened"):
        read_secret(stores, Secret(stored="other"), environment=NONE)


def test_absent_secrets_say_what_to_do(stores: Stores) -> None:
    with pytest.raises(PrivacyError, match="SMTP_PASSWORD"):
        read_secret(stores, Secret(env="SMTP_PASSWORD"), environment=NONE)
    assert (
        read_secret(stores, Secret(env="SMTP_PASSWORD"), environment={"SMTP_PASSWORD": "y"}) == "y"
    )
    with pytest.raises(PrivacyError, match="aimwell secret set smtp"):
        read_secret(stores, Secret(stored="smtp"), environment=NONE)
