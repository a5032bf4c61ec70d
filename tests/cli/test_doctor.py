"""`aimwell doctor`: each fault is found, told in words, with what to do; what is well is left in peace."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from aimwell.cli.doctor.command import examine
from aimwell.cli.doctor.finding import Finding
from aimwell.jobs.service import open_jobs
from aimwell.settings import FILE_NAME
from aimwell.store.control import Control
from aimwell.store.schema import metadata
from aimwell.store.stores import Stores, create_stores, open_stores
from command import Run
from live_server import free_port
from read_only import run_read_only

CHANNEL = """
kind: channel
name: mail
medium: email
sender: {address: hello@shop.example}
smtp: {host: mail.example, username: u, password: {stored: smtp-password}}
dkim: {domain: shop.example, selector: s1, private_key: {env: AIMWELL_TEST_DKIM}}
"""


@pytest.fixture
def shop(run: Run, tmp_path: Path) -> Path:
    run("init", "shop", "--currency", "GBP")
    return tmp_path / "shop"


def troubles(root: Path, *, now: datetime | None = None) -> list[Finding]:
    return [one for one in examine(root, now=now or datetime.now(UTC)) if one.state != "fine"]


def told(root: Path, **more: Any) -> list[tuple[str, str]]:
    """Check and state of all that is not fine; where there is any, each says what to do."""
    found = [one for one in troubles(root, **more) if one.check != "disk"]
    assert all(one.remedy for one in found)
    return [(one.check, one.state) for one in found]


def test_a_new_workspace_is_well(run: Run, shop: Path) -> None:
    assert told(shop) == []
    found = run("doctor", "-w", shop, "--json").json
    assert found["healthy"]
    assert {one["check"] for one in found["findings"]} == {
        "settings", "folders", "disk", "control database", "keys", "clock", "leases", "lake", "jobs",
        "channels",
    }  # fmt: skip
    assert "FAULT" not in run("doctor", "-w", shop).out


def test_a_fault_ends_with_1_and_a_warning_with_0(run: Run, shop: Path) -> None:
    run("deliver", "stop-all", "-w", shop)
    shown = run("doctor", "-w", shop)
    assert "aimwell deliver start-all" in shown.out
    shutil.rmtree(shop / "lake" / "orders")
    found = run("doctor", "-w", shop, "--json", code=1).json
    assert not found["healthy"]
    assert "What to do:" in run("doctor", "-w", shop, code=1).out


def test_no_workspace_and_wrong_settings_are_told(shop: Path, tmp_path: Path) -> None:
    assert told(tmp_path / "nothing") == [("settings", "fault")]
    (shop / FILE_NAME).write_text('[workspace]\ncurrency = "pounds"\n', encoding="utf-8")
    [found] = troubles(shop)
    assert "pounds" in found.told


def test_a_database_that_is_away_or_damaged_is_told(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIMWELL_CONTROL_URL", f"postgresql://u:geheim@127.0.0.1:{free_port()}/x")
    [found] = [one for one in troubles(shop) if one.check != "disk"]
    assert (found.check, found.state) == ("control database", "fault")
    assert "geheim" not in str(found)
    monkeypatch.delenv("AIMWELL_CONTROL_URL")
    file = shop / "control.sqlite3"
    whole = file.read_bytes()
    file.write_bytes(whole[:8192] + b"\xff" * 60_000 + whole[68_192:])
    assert told(shop) == [("control database", "fault")]
    file.write_bytes(b"")
    assert told(shop) == [("control database", "fault")]


def files(root: Path) -> set[Path]:
    return {path for path in root.rglob("*") if path.is_file()}


def test_a_control_database_that_is_gone_is_asked_for_and_not_made_anew(
    run: Run, shop: Path, orders: Path
) -> None:
    run("collect", "orders", orders, "--guess", "-w", shop)
    before = files(shop)
    assert told(shop) == []
    assert files(shop) == before, "looking changes nothing"
    (shop / "control.sqlite3").unlink()
    before = files(shop)
    [found] = troubles(shop)
    assert (found.check, found.state) == ("control database", "fault")
    assert "Restore the control database from a backup" in found.remedy
    for call in (["init", shop], ["get", "-w", shop]):
        assert "this lake belongs to another one" in run(*call, code=1).err
    assert files(shop) == before
    (shop / "control.sqlite3").touch()
    [found] = troubles(shop)
    assert "Restore the control database from a backup" in found.remedy
    assert (shop / "control.sqlite3").stat().st_size == 0
    run("init", shop, code=1)


def test_an_unfinished_workspace_without_rows_is_finished_by_init(run: Run, shop: Path) -> None:
    (shop / "control.sqlite3").unlink()
    [found] = troubles(shop)
    assert "aimwell init" in found.remedy
    assert not (shop / "control.sqlite3").exists()
    assert "aimwell init" in run("get", "-w", shop, code=1).err
    run("init", shop)
    assert told(shop) == []


def test_the_control_database_of_another_workspace_is_told(
    run: Run, shop: Path, orders: Path, tmp_path: Path
) -> None:
    run("collect", "orders", orders, "--guess", "-w", shop)
    run("init", "other")
    mine = (shop / "control.sqlite3").read_bytes()
    shutil.copy(tmp_path / "other" / "control.sqlite3", shop / "control.sqlite3")
    [found] = troubles(shop)
    assert (found.check, found.state) == ("lake", "fault")
    assert "Restore the control database from a backup" in found.remedy
    for call in (["init", shop], ["get", "-w", shop]):
        assert "is another workspace's" in run(*call, code=1).err
    (shop / "control.sqlite3").write_bytes(mine)
    assert told(shop) == []


def change(root: Path, *statements: sa.Executable) -> None:
    control = Control(sa.URL.create("sqlite", database=str(root / "control.sqlite3")))
    with control.begin() as connection:
        for statement in statements:
            connection.execute(statement)
    control.close()


def test_a_schema_of_another_version_is_told_and_left_alone(shop: Path) -> None:
    change(shop, sa.text("UPDATE alembic_version SET version_num = '9999'"))
    assert told(shop) == [("control database", "fault")]
    change(shop, sa.text("UPDATE alembic_version SET version_num = '0000'"))
    assert told(shop) == [("control database", "warning")]
    control = Control(sa.URL.create("sqlite", database=str(shop / "control.sqlite3")))
    with control.read() as connection:
        assert connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar() == (
            "0000"
        )
    control.close()


def test_keys_that_are_gone_or_open_to_others_are_told(shop: Path) -> None:
    meta = metadata.tables["workspace_meta"]
    (shop / "secret.key").write_text("abc")
    assert told(shop) == [("keys", "fault")]
    (shop / "secret.key").write_text("ab" * 32)
    (shop / "secret.key").chmod(0o644)
    assert told(shop) == [("keys", "warning")]
    (shop / "secret.key").chmod(0o600)
    assert told(shop) == []
    change(shop, sa.delete(meta).where(meta.c.key == "token_key"))
    assert told(shop) == [("keys", "fault")]


def test_a_damaged_table_is_told_by_its_name(run: Run, shop: Path, orders: Path) -> None:
    run("collect", "orders", orders, "--guess", "-w", shop)
    assert told(shop) == []
    [file] = (shop / "lake" / "orders").glob("*.parquet")
    file.write_bytes(file.read_bytes()[:-40])
    shutil.rmtree(shop / "lake" / "products")
    found = troubles(shop)
    names = [one.told.split("'")[1] for one in found if one.check == "lake"]
    assert sorted(names) == ["orders", "products"]


def test_an_open_folder_is_told(shop: Path) -> None:
    shop.chmod(0o755)
    assert told(shop) == [("folders", "warning")]


def test_a_folder_that_cannot_be_written_is_told(shop: Path) -> None:
    ran = run_read_only(shop / "lake", "doctor", "-w", str(shop), "--json")
    assert ran.returncode == 1
    found = [one for one in json.loads(ran.stdout)["findings"] if one["state"] == "fault"]
    assert [one["check"] for one in found] == ["folders"]
    assert str(shop / "lake") in found[0]["told"]


def test_a_full_disk_is_told(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(shop)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage._replace(free=100_000))
    assert {one.state for one in troubles(shop) if one.check == "disk"} == {"fault"}
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage._replace(free=2 * 10**9))
    assert {one.state for one in troubles(shop) if one.check == "disk"} == {"warning"}


def test_a_clock_that_went_back_is_told(run: Run, shop: Path) -> None:
    run("deliver", "start-all", "-w", shop)  # something is noted
    assert told(shop, now=datetime.now(UTC) + timedelta(hours=1)) == []
    assert told(shop, now=datetime.now(UTC) - timedelta(hours=1)) == [("clock", "fault")]


def test_a_clock_is_compared_with_the_databases(tmp_path: Path, control_url: str) -> None:
    create_stores(tmp_path / "other", control_url=control_url).close()
    assert told(tmp_path / "other") == []
    ahead = [("clock", "fault")] if control_url.startswith("postgresql") else []
    assert told(tmp_path / "other", now=datetime.now(UTC) + timedelta(hours=1)) == ahead


def test_leases_and_jobs_that_hang_are_told(shop: Path) -> None:
    stores = open_stores(shop)
    now = datetime.now(UTC)
    row = {"name": "lake:orders", "token": "t", "owner": "elsewhere/b/s/7/9"}
    table = metadata.tables["leases"]
    for until, state in ((now + timedelta(days=1), "fault"), (now - timedelta(days=1), "warning")):
        with stores.control.begin() as connection:
            connection.execute(sa.delete(table))
            connection.execute(sa.insert(table).values(**row, until=until))
        assert told(shop) == [("leases", state)]
    with stores.control.begin() as connection:
        connection.execute(sa.delete(table))
    hang(stores)
    assert told(shop) == [("jobs", "warning"), ("jobs", "fault")]
    stores.close()


def hang(stores: Stores) -> None:
    """A job that waits for hours, and an alert."""
    jobs = open_jobs(stores)
    jobs.queue.enqueue("copy", run_at=datetime.now(UTC) - timedelta(hours=3))
    jobs.alerts.alert("disk", "The disk is nearly full.")


def test_what_channels_need_is_looked_for(
    run: Run, shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("channel.yaml").write_text(CHANNEL, encoding="utf-8")
    run("apply", "channel.yaml", "-w", shop)
    found = troubles(shop)
    assert [one.told for one in found if "smtp-password" in one.told]
    assert [one.told for one in found if "AIMWELL_TEST_DKIM" in one.told]
    assert [one.remedy for one in found if "public_url" in one.remedy]

    monkeypatch.setattr("sys.stdin", __import__("io").StringIO("pass\n"))
    stored = run("secret", "set", "smtp-password", "-w", shop, "--json").json
    assert stored == {"secret": "smtp-password", "stored": True}
    monkeypatch.setenv("AIMWELL_TEST_DKIM", "no key")
    monkeypatch.setenv("AIMWELL_PUBLIC_URL", "https://links.shop.example")
    [found_key] = troubles(shop)
    assert "signing key" in found_key.told
    assert "no key" not in str(found_key)
    monkeypatch.setenv("AIMWELL_TEST_DKIM", private_key())
    assert told(shop) == []


def private_key() -> str:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = Ed25519PrivateKey.generate()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def test_a_sender_who_does_not_sign_is_warned(run: Run, shop: Path) -> None:
    unsigned = CHANNEL.replace("password: {stored: smtp-password}", "port: 25").split("dkim:")[0]
    Path("channel.yaml").write_text(unsigned, encoding="utf-8")
    run("apply", "channel.yaml", "-w", shop)
    assert ("channels", "warning") in told(shop)
    assert any("not signed" in one.told for one in troubles(shop))
