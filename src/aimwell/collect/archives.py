"""ZIP archives: the files in them, unpacked into a private folder within bounds."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from aimwell.errors import SourceFileError

__all__ = ["Member", "is_archive", "unzip"]

_CHUNK_BYTES = 1 << 20
_MEMBERS_MAX = 10_000
_RATIO_MAX, _SMALL_BYTES = 200, 64 << 20
"""Text shrinks to a tenth or a twentieth; what shrinks to less than a two-hundredth and is large was made to harm."""

_BYTES_MAX = 50 << 30
_ENCRYPTED = 0x1
_SHEETS = ("[Content_Types].xml", "xl/workbook.xml", "mimetype")


@dataclass(frozen=True)
class Member:
    """A file of an archive, unpacked at `path`; `name` is its path in the archive."""

    name: str
    path: Path


def is_archive(path: Path) -> bool:
    """Whether a file is a ZIP archive of files (spreadsheets are archives too, but of one document), or says so."""
    try:
        with path.open("rb") as file:
            if file.read(4) not in (b"PK\x03\x04", b"PK\x05\x06"):
                return path.suffix.lower() == ".zip"  # which unpacking tells is none
        with zipfile.ZipFile(path) as archive:
            return not any(name in _SHEETS for name in archive.namelist()[:_MEMBERS_MAX])
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError):
        return True  # which unpacking tells better


def unzip(path: Path, folder: Path, *, name: str) -> Generator[Member]:
    """Unpack the files of an archive, in the order of their names; folders and hidden files are passed over.

    Raises:
        SourceFileError: The archive is damaged, encrypted, empty or made to fill the disk.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            entries = sorted(filter(_is_file, archive.infolist()), key=lambda entry: entry.filename)
            _refuse(entries, name)
            for number, entry in enumerate(entries):
                target = folder / f"{number:06d}"
                _unpack(archive, entry, target)
                yield Member(entry.filename, target)
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError) as error:
        raise SourceFileError(
            f"The ZIP archive (or spreadsheet) '{name}' is damaged or was cut off. Nothing was taken; fetch it again.",
            file=name,
        ) from error
    except NotImplementedError as error:
        raise SourceFileError(
            f"The ZIP archive '{name}' is packed in a way that is not understood. Nothing was taken; pack it as an "
            "ordinary ZIP (deflate).",
            file=name,
        ) from error


def _is_file(entry: zipfile.ZipInfo) -> bool:
    parts = PurePosixPath(entry.filename).parts
    hidden = any(part.startswith(".") or part == "__MACOSX" for part in parts)
    return not entry.is_dir() and not hidden


def _refuse(entries: list[zipfile.ZipInfo], name: str) -> None:
    if any(entry.flag_bits & _ENCRYPTED for entry in entries):
        raise SourceFileError(
            f"The ZIP archive '{name}' is encrypted with a password. Unpack it, or pack it without one. Nothing was "
            "taken.",
            file=name,
        )
    if not entries:
        raise SourceFileError(f"The ZIP archive '{name}' holds no file.", file=name)
    whole = sum(entry.file_size for entry in entries)
    packed = sum(entry.compress_size for entry in entries)
    if (
        len(entries) > _MEMBERS_MAX
        or whole > _BYTES_MAX
        or whole > max(_SMALL_BYTES, _RATIO_MAX * packed)
    ):
        raise SourceFileError(
            f"The ZIP archive '{name}' says that it unpacks to {whole:,} bytes in {len(entries):,} files, which looks "
            f"like one that was made to fill the disk (at most {_RATIO_MAX} times its size, {_BYTES_MAX >> 30} GiB and "
            f"{_MEMBERS_MAX:,} files). Nothing was taken; if it is right, unpack it yourself.",
            file=name,
        )


def _unpack(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path) -> None:
    """The library stops at the size that was said, and compares the checksum."""
    with archive.open(entry) as packed, target.open("wb") as out:
        while chunk := packed.read(_CHUNK_BYTES):
            out.write(chunk)
