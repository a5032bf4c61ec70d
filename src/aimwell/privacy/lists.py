"""Lists of people with their personal data, for use outside Aimwell: on demand, and noted in the audit log."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.csv

from aimwell.errors import PrivacyError, StorageFullError
from aimwell.privacy.vault import PERSON_FIELDS, read_people
from aimwell.store.disk import is_full, replacing
from aimwell.store.stores import Stores

__all__ = ["with_personal", "write_list"]

_BATCH = 5_000


def with_personal(
    stores: Stores, people: pa.Table, fields: Sequence[str], *, by: str, subject: str
) -> pa.Table:
    """Add what the vault knows of people. The audit log notes who asked, for what, and for how many.

    Args:
        people: One row per `profile_id`.
        fields: Of PERSON_FIELDS.
        by: Who asks.
        subject: What the list is of, as "segment lapsing".

    Returns:
        The same rows with a column for each field; null where nothing is known.

    Raises:
        PrivacyError: A field is none.
    """
    wrong = [name for name in fields if name not in PERSON_FIELDS]
    if wrong:
        raise PrivacyError(
            f"There is no personal field {', '.join(map(repr, wrong))}. Known: {', '.join(PERSON_FIELDS)}."
        )
    stores.audit(
        "reveal list", actor=by, subject=subject, people=people.num_rows, fields=list(fields)
    )
    ids = people.column("profile_id").to_pylist()
    found: dict[str, list[str | None]] = {name: [] for name in fields}
    for start in range(0, len(ids), _BATCH):
        some = ids[start : start + _BATCH]
        with stores.read_control() as connection:
            known = read_people(connection, some)
        for profile_id in some:
            person = known.get(profile_id)
            for name in fields:
                found[name].append(person.fields.get(name) if person else None)
    for name, values in found.items():
        people = people.append_column(name, pa.array(values, pa.string()))
    return people


def write_list(people: pa.Table, file: Path) -> None:
    """Write a list as CSV, whole or not at all, readable by its owner only.

    Raises:
        PrivacyError: It cannot be written there.
        StorageFullError: The disk is full.
    """
    try:
        with replacing(file, mode=0o600) as out:
            pyarrow.csv.write_csv(people, out)
    except OSError as error:
        if is_full(error):
            raise StorageFullError(
                f"The disk is full: nothing was written to '{file}'. Free some space and run the same command again."
            ) from error
        raise PrivacyError(
            f"The list cannot be written to '{file}': {error.strerror or error}. Name a file in a folder that is there "
            "and can be written."
        ) from error
