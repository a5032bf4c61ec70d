"""Migrations lead from nothing to exactly the tables that the code knows, once, whoever starts them."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from aimwell.errors import WorkspaceError
from aimwell.store import migrate
from aimwell.store.control import Control, JsonType, UtcDateTime
from aimwell.store.migrate import alembic_config, upgrade
from aimwell.store.revisions import current_revision, head_revision
from aimwell.store.schema import metadata
from child import child

MIGRATE = """
import sys
from aimwell.store.control import Control
from aimwell.store.migrate import upgrade
control = Control(sys.argv[1])
print("ready")
input()
upgrade(control)
control.close()
"""


def names_of_tables(control: Control) -> set[str]:
    with control.read() as connection:
        return set(sa.inspect(connection).get_table_names())


def test_migrations_lead_to_the_tables_that_the_code_knows(control_url: str) -> None:
    control = Control(control_url)
    assert current_revision(control) is None
    upgrade(control)
    assert current_revision(control) == head_revision()
    with control.read() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )
        assert compare_metadata(context, metadata) == []
    assert names_of_tables(control) == {*metadata.tables, "alembic_version"}
    control.close()


def test_migrating_twice_changes_nothing(control: Control) -> None:
    before = names_of_tables(control)
    upgrade(control)
    assert names_of_tables(control) == before


def test_processes_that_migrate_at_once_wait_for_each_other(control_url: str) -> None:
    with child(MIGRATE, control_url) as one, child(MIGRATE, control_url) as two:
        assert [one.line(), two.line()] == ["ready", "ready"]
        one.go()
        two.go()
        assert [one.end(), two.end()] == [0, 0]
    control = Control(control_url)
    assert current_revision(control) == head_revision()
    control.close()


def test_threads_that_open_a_new_database_at_once_all_get_it(control_url: str) -> None:
    faults: list[BaseException] = []

    def start() -> None:
        control = Control(control_url)
        try:
            upgrade(control)
        except BaseException as error:
            faults.append(error)
        finally:
            control.close()

    threads = [threading.Thread(target=start) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []


def test_a_migration_that_fails_leaves_nothing_behind(
    control_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    control = Control(control_url)

    def fail_at_the_end(config: object, revision: str) -> None:
        real(config, revision)
        raise RuntimeError("killed")

    real = migrate.command.upgrade
    monkeypatch.setattr(migrate.command, "upgrade", fail_at_the_end)
    with pytest.raises(RuntimeError, match="killed"):
        upgrade(control)
    assert names_of_tables(control) == set()
    monkeypatch.undo()
    upgrade(control)
    assert current_revision(control) == head_revision()
    control.close()


def test_a_database_of_a_newer_version_is_refused(control: Control) -> None:
    with control.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(WorkspaceError, match=r"revision 9999.*newer version"):
        upgrade(control)


def test_a_database_with_the_numbers_of_before_the_release_still_opens(control_url: str) -> None:
    control = Control(control_url)
    with control.begin() as connection:
        command.upgrade(alembic_config(connection), "0009")
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '0005'"))
    upgrade(control)
    assert current_revision(control) == head_revision()
    assert names_of_tables(control) == {*metadata.tables, "alembic_version"}
    control.close()


BEGIN = datetime(1970, 1, 1, 0, 0, 1, 1, tzinfo=UTC)
_OF_BEFORE = sa.table(
    "vault_people",
    sa.column("origin_id"),
    sa.column("source"),
    sa.column("set_at", UtcDateTime()),
    sa.column("extra", JsonType),
    sa.column("extra_at", UtcDateTime()),
)


def test_words_of_further_fields_are_those_of_their_row(control_url: str) -> None:
    control = Control(control_url)
    with control.begin() as connection:
        command.upgrade(alembic_config(connection), "0015")
        said = {"source": "crm", "set_at": BEGIN}
        connection.execute(
            sa.insert(_OF_BEFORE),
            [
                {"origin_id": "a", "extra": {"passport": "P1"}, "extra_at": BEGIN, **said},
                {"origin_id": "b", "extra": sa.null(), "extra_at": None, **said},
            ],
        )
    upgrade(control)
    people = metadata.tables["vault_people"]
    with control.read() as connection:
        found = dict(connection.execute(sa.select(people.c.origin_id, people.c.extra_words)).all())
    assert found == {"a": {"passport": [1_000_001, "crm"]}, "b": None}
    control.close()


def test_migrations_are_one_line_in_the_order_of_their_numbers() -> None:
    scripts = ScriptDirectory.from_config(alembic_config())
    chain = [script.revision for script in scripts.walk_revisions()][::-1]
    assert len(scripts.get_heads()) == 1
    assert all(len(name) == 4 and name.isdigit() for name in chain)
    assert chain == sorted(chain), "give the migration that was merged last the highest number"
    files = sorted(file.name[:4] for file in Path(scripts.versions).glob("[0-9]*.py"))
    assert files == chain


def test_every_table_of_people_is_named_for_them() -> None:
    # Personal data stands in the vault's tables only; a column of such a name elsewhere is a slip.
    personal = {
        "email",
        "phone",
        "first_name",
        "last_name",
        "full_name",
        "street",
        "ip",
        "birth_date",
    }
    found = {
        f"{table.name}.{column.name}"
        for table in metadata.tables.values()
        for column in table.columns
        if column.name in personal and not table.name.startswith("vault_")
    }
    assert found == set()
