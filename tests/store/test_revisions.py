"""The revision of a database is known without Alembic, and as Alembic knows it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from aimwell.store.control import Control
from aimwell.store.migrate import alembic_config, upgrade
from aimwell.store.revisions import current_revision, head_revision
from aimwell.store.stores import create_stores


def test_the_newest_revision_is_the_head_of_the_migrations() -> None:
    assert head_revision() == ScriptDirectory.from_config(alembic_config()).get_current_head()


def test_a_migration_has_the_number_of_its_file() -> None:
    for script in ScriptDirectory.from_config(alembic_config()).walk_revisions():
        assert Path(script.path).name.partition("_")[0] == script.revision


def test_the_revision_of_a_database_is_the_one_that_alembic_finds(control_url: str) -> None:
    control = Control(control_url)
    assert current_revision(control) is None
    upgrade(control)
    with control.read() as connection:
        assert (
            current_revision(control)
            == MigrationContext.configure(connection).get_current_revision()
        )
    control.close()


def test_opening_a_workspace_that_is_up_to_date_imports_no_alembic(tmp_path: Path) -> None:
    create_stores(tmp_path / "shop").close()
    source = (
        "import sys, pathlib; from aimwell.store.stores import open_stores; "
        "open_stores(pathlib.Path(sys.argv[1])).close(); print('alembic' in sys.modules)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", source, str(tmp_path / "shop")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout == "False\n"
