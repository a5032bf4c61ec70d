"""Where data lies: the control database's schema and file, the lake, folders, disk, keys."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import duckdb
import sqlalchemy as sa

from aimwell.cli.doctor.finding import Finding, fault, fine, warning
from aimwell.cli.doctor.table_log import log_damage
from aimwell.errors import AimwellError
from aimwell.store.belonging import RESTORE, has_rows, is_foreign
from aimwell.store.control import Control
from aimwell.store.revisions import current_revision, head_revision
from aimwell.store.schema import metadata
from aimwell.store.sql import sql
from aimwell.store.stores import Stores
from aimwell.store.tables import LAKE_TABLES

__all__ = [
    "check_belonging",
    "check_control",
    "check_disk",
    "check_folders",
    "check_keys",
    "check_lake",
    "no_control",
]

_meta = metadata.tables["workspace_meta"]
_KEY_HEX = 64
_CHECKED_BYTES_MAX = 1_000_000_000  # reading all of a larger file would take minutes
_FREE_NEEDED = 500_000_000
_FREE_WISHED = 5_000_000_000


def check_control(control: Control, root: Path) -> Finding:
    """Whether the control database has this version's schema, and its file is whole."""
    found, newest = current_revision(control), head_revision()
    if found is None:
        return no_control(root, "It is empty.")
    if found > newest:
        return fault(
            "control database",
            f"Its schema {found} is newer than this version of Aimwell knows ({newest}).",
            "Install the newer version that made it.",
        )
    damage = _damage(control)
    if damage:
        return fault(
            "control database",
            f"Its file is damaged: {damage}.",
            "Restore it from a backup; stop all processes of the workspace first.",
        )
    if found < newest:
        return warning(
            "control database",
            f"Its schema {found} is older than {newest}.",
            "Back it up; the next command brings it up to date.",
        )
    kind = "SQLite" if control.is_sqlite else "PostgreSQL"
    return fine("control database", f"{kind}, reachable, schema {found}.")


def no_control(root: Path, told: str) -> Finding:
    """A control database that is gone or empty: to be restored where there are rows, to be made where not."""
    if has_rows(root / "lake"):
        return fault(
            "control database",
            f"{told} The lake in {root / 'lake'} has rows.",
            f"{RESTORE[0].upper()}{RESTORE[1:]}. Keys, consents and suppressions lie in it.",
        )
    return fault("control database", told, f"Finish the workspace with: aimwell init {root}")


def check_belonging(control: Control, root: Path) -> Finding | None:
    """Whether the rows of the lake belong to another control database; None: they do not."""
    with control.read() as connection:
        kept = connection.execute(sa.select(_meta.c.value).where(_meta.c.key == "workspace_id"))
        workspace_id = kept.scalar()
    if not is_foreign(root / "lake", str(workspace_id)):
        return None
    return fault(
        "lake",
        f"The rows in {root / 'lake'} belong to another workspace than the control database.",
        f"{RESTORE[0].upper()}{RESTORE[1:]}.",
    )


def _damage(control: Control) -> str:
    """What SQLite finds wrong with its file; empty where all is well or it is not looked at."""
    if not control.is_sqlite:
        return ""
    if Path(str(control.url.database)).stat().st_size > _CHECKED_BYTES_MAX:
        return ""
    with control.read() as connection:
        found = str(connection.execute(sa.text("PRAGMA quick_check(1)")).scalar())
    return "" if found == "ok" else found.splitlines()[0].rstrip(".")


def check_lake(stores: Stores) -> Iterator[Finding]:
    """Whether every table of the lake can be read, down to the ends of its files."""
    rows, broken = 0, False
    for name in LAKE_TABLES:
        for damage in log_damage(stores.root / "lake" / name):
            broken = True
            yield fault(
                "lake",
                f"The log of the table '{name}' is damaged, so rows may be missing: {damage}.",
                f"Restore {stores.root / 'lake' / name} from a backup.",
            )
        try:
            with stores.engine.session() as session:
                session.bind("one", stores.lake.pin(name).tables[name])
                [(number,)] = session.rows(sql("SELECT count(*) FROM one"))
            rows += int(number)
        except (AimwellError, OSError, duckdb.Error) as error:
            broken = True
            told = (
                str(error).splitlines()[0]
                if isinstance(error, AimwellError)
                else type(error).__name__
            )
            yield fault(
                "lake",
                f"The table '{name}' cannot be read. {told}",
                f"Restore {stores.root / 'lake' / name} from a backup; a table that is gone altogether comes "
                f"back empty with: aimwell init {stores.root}",
            )
    if not broken:
        yield fine("lake", f"{len(LAKE_TABLES)} tables can be read; {rows:,} rows.")


def check_folders(root: Path) -> Iterator[Finding]:
    """Whether the folders of the workspace can be written, and are closed to others."""
    folders = [root, *(root / name for name in ("lake", "models", "reports", "outbox"))]
    shut = [folder for folder in folders if folder.is_dir() and not _can_write(folder)]
    for folder in shut:
        yield fault(
            "folders",
            f"{folder} cannot be written by this user.",
            f"Give yourself the right to write there: chown or chmod u+rwx {folder}",
        )
    if not shut:
        yield fine("folders", "All can be written.")
    if root.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH):
        yield warning(
            "folders",
            f"Other users of this machine can read {root}, and personal data lies in it.",
            f"Close it: chmod 700 {root}",
        )


def _can_write(folder: Path) -> bool:
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def check_disk(root: Path) -> Iterator[Finding]:
    """Whether there is room for the workspace, and for what the engine puts aside."""
    for what, folder in (("the workspace", root), ("temporary files", Path(tempfile.gettempdir()))):
        free = shutil.disk_usage(folder).free
        told = f"{free / 1e9:,.1f} GB are free for {what}."
        remedy = f"Make room on the disk of {folder}."
        if free < _FREE_NEEDED:
            yield fault("disk", told, remedy)
        elif free < _FREE_WISHED:
            yield warning("disk", told, remedy)
        else:
            yield fine("disk", told)


def check_keys(control: Control, root: Path) -> Iterator[Finding]:
    """Whether the keys of identities, of links and of secrets are there and whole."""
    with control.read() as connection:
        kept = {row.key: row.value for row in connection.execute(sa.select(_meta))}
    lost = [name for name in ("identity_key", "token_key") if not _is_key(kept.get(name, ""))]
    if lost:
        yield fault(
            "keys",
            f"{' and '.join(lost)} of the workspace {'is' if len(lost) == 1 else 'are'} missing or damaged.",
            "Restore the control database from a backup: without the keys nobody is known again, and links in "
            "sent messages lead nowhere.",
        )
        return
    file = root / "secret.key"
    if os.environ.get("AIMWELL_SECRET_KEY") or not file.exists():
        yield fine("keys", "Those of identities and links are there.")
        return
    if not _is_key(file.read_text(encoding="ascii", errors="replace").strip()):
        yield fault(
            "keys",
            f"{file} does not hold 64 hex digits.",
            "Restore it from a backup, or remove it and store every secret again: aimwell secret set NAME",
        )
    elif file.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        yield warning("keys", f"Others may read {file}.", f"Close it: chmod 600 {file}")
    else:
        yield fine("keys", "Those of identities, links and secrets are there.")


def _is_key(text: str) -> bool:
    return len(text) == _KEY_HEX and all(char in "0123456789abcdefABCDEF" for char in text)
