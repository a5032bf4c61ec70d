"""Which files of a table of the lake may hold a row: sorted lists of hashes of its keys, one for each file.

A message may come again after years, and an order may be changed, so every flush must ask all that is in the lake. The
lists take eight bytes a key, and of a list only the pages are read in which the asked ones would stand. Files of the lake
never change, so a list is made once, when its file is first met; what compaction or erasure writes anew gets a new list,
and the old one goes. All of it can be made again from the lake, and nothing rests on it but time: a hash that is found is
looked for in the file itself. A list begins with its length, so that one that was cut, which would miss rows, is made
again.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sqlglot import exp

from aimwell.store.disk import settle, settle_folder
from aimwell.store.engine import DuckDBSession
from aimwell.store.sql import column, sql, union_all
from aimwell.store.versions import TableVersion

__all__ = ["RowIndex"]

_Hashes = npt.NDArray[np.uint64]
_KIND = np.dtype("<u8")
_ENDING = ".hashes"


class RowIndex:
    """The lists, one for each file of a table. For the process that holds the inbox.

    Args:
        folder: Where they are kept.
        session: The engine that hashes and reads.
        keys: Columns by which a row is asked for; each row is listed under every key of which it has all columns.
    """

    def __init__(self, folder: Path, session: DuckDBSession, *keys: tuple[str, ...]) -> None:
        self._session, self._keys = session, keys
        # An engine that hashed differently would find nothing in these lists; so it would get lists of its own.
        probe = _hash(*(exp.Literal.string(name) for key in keys for name in key))
        [(found,)] = session.rows(exp.select(probe))
        self._folder = folder / f"{found:016x}"
        self._folder.mkdir(parents=True, exist_ok=True)
        for other in set(folder.iterdir()) - {self._folder}:
            _remove(other)

    def narrowed(self, table: TableVersion, asked: str) -> TableVersion:
        """`table` with those files alone in which one of the asked rows may stand.

        Args:
            table: As it is read.
            asked: A bound table with the columns of the first key; values of the others are compared with these.
        """
        lists = self._lists(table)
        hashes = self._hashes(asked, self._keys[:1])
        found = [file for file, path in lists.items() if _meet(_read(path), hashes)]
        return replace(table, files=tuple(found))

    def _lists(self, table: TableVersion) -> dict[str, Path]:
        """File of the lake → its list, made where it is missing; lists of files that are no longer read go."""
        lists = {file: self._folder / f"{Path(file).name}{_ENDING}" for file in table.files}
        there = set(self._folder.iterdir())
        for path in there.difference(lists.values()):
            _remove(path)
        for file, path in lists.items():
            if path not in there or not _is_whole(path):
                self._session.bind("unlisted", replace(table, files=(file,)))
                self._write(self._hashes("unlisted", self._keys), path)
        return lists

    def _hashes(self, name: str, keys: Sequence[tuple[str, ...]]) -> _Hashes:
        """The hashes of a bound table's rows, sorted."""
        parts = []
        for key in keys:
            whole = exp.and_(*(sql(":x IS NOT NULL", x=column(one)) for one in key))
            hashed = exp.alias_(_hash(*map(column, key)), "hash")
            parts.append(exp.select(hashed).from_(name).where(whole))
        found = self._session.table(union_all(parts)).column("hash").combine_chunks()
        hashes: _Hashes = found.to_numpy(zero_copy_only=False).astype(_KIND)
        hashes.sort()
        return hashes

    def _write(self, hashes: _Hashes, path: Path) -> None:
        """Under another name first: a list that is there is whole, also after a power cut."""
        unfinished = path.with_suffix(f".{secrets.token_hex(4)}.part")
        np.concatenate([np.array([len(hashes)], _KIND), hashes]).tofile(unfinished)
        settle([unfinished])
        os.replace(unfinished, path)
        settle_folder(self._folder)


def _hash(*parts: exp.Expr) -> exp.Expr:
    # Half of an MD5, because the engine's own hash may be another one in its next version.
    whole = exp.Anonymous(this="concat_ws", expressions=[sql("chr(31)"), *parts])
    return sql("md5_number_lower(:whole)", whole=whole)


def _remove(path: Path) -> None:
    """Whatever lies there."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _is_whole(path: Path) -> bool:
    """Whether a list is as long as it says at its beginning: of one that was cut, messages would be missed."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        said = int.from_bytes(file.read(_KIND.itemsize), "little")
    return path.stat().st_size == (said + 1) * _KIND.itemsize


def _read(path: Path) -> _Hashes:
    """A list as it lies on the disk, of which only what is looked at comes into memory."""
    hashes: _Hashes = np.memmap(path, _KIND, mode="r")[1:]
    return hashes


def _meet(one: _Hashes, other: _Hashes) -> bool:
    """Whether two sorted lists have a hash in common."""
    few, many = (one, other) if len(one) < len(other) else (other, one)
    if not len(few):
        return False
    places = np.searchsorted(many, few)
    np.minimum(places, len(many) - 1, out=places)
    return bool((many[places] == few).any())
