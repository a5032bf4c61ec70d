"""Files whose sender says the SHA-256 of each beside them: a file that is not as it was sent is refused before it is read.

The checksum of a file stands beside it (`*.sha256`, where `*` is the file's name) or in a list for the files of a folder
(`SHA256SUMS`), as sha256sum, shasum and BSD's sha256 write them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache

from aimwell.collect.files import InputFile
from aimwell.errors import SourceFileError

__all__ = ["check_files"]

_Read = Callable[[str], bytes | None]
"""The bytes of a checksum file by its name below the root, or its address; None: there is none."""

_GNU = re.compile(r"\\?([0-9a-fA-F]{64})(?:\s+[ *]?(\S.*))?")
_BSD = re.compile(r"SHA256 ?\((.+)\) ?= ?([0-9a-fA-F]{64})")


def check_files(files: Sequence[InputFile], checksum: str | None, read: _Read) -> None:
    """Compare each file with what its sender says of it.

    Args:
        files: With their names below the root, or their addresses.
        checksum: What the files are called that say it; None: nobody says anything.
        read: Reads one of those.

    Raises:
        SourceFileError: A file is another one than was sent, or nothing says what it should be.
    """
    if checksum is None:
        return

    @cache
    def said(name: str) -> tuple[tuple[str | None, str], ...] | None:
        content = read(name)
        return None if content is None else tuple(_lines(content))

    for file in files:
        folder, slash, own = file.name.rpartition("/")
        beside = f"{folder}{slash}{checksum.replace('*', own)}"
        found = said(beside)
        if found is None:
            raise SourceFileError(
                f"There is no '{beside}', which should say the SHA-256 of '{own}'. Nothing was taken; perhaps the files "
                "are still on their way. Collect again once it is there.",
                file=file.name,
            )
        expected = [hash_ for name, hash_ in found if name == own]
        if not expected and "*" in checksum and len(found) == 1:
            expected = [found[0][1]]
        if not expected:
            raise SourceFileError(
                f"'{beside}' does not say the SHA-256 of '{own}'; its lines should be as sha256sum writes them. Nothing "
                "was taken.",
                file=file.name,
            )
        if file.sha256 not in expected:
            raise SourceFileError(
                f"'{file.name}' is not the file that was sent: its SHA-256 begins with {file.sha256[:12]}, and '{beside}' "
                f"says {expected[0][:12]}. Nothing was taken; fetch it again, or ask for it.",
                file=file.name,
            )


def _lines(content: bytes) -> list[tuple[str | None, str]]:
    """(name of the file, SHA-256) of each line; a line of the hash alone names none."""
    found: list[tuple[str | None, str]] = []
    for line in content.decode("utf-8-sig", errors="replace").splitlines():
        if match := _BSD.fullmatch(line.strip()):
            found.append((_bare(match[1]), match[2].lower()))
        elif match := _GNU.fullmatch(line.strip()):
            found.append((_bare(match[2]) if match[2] else None, match[1].lower()))
    return found


def _bare(name: str) -> str:
    """Without the folders in which it lay when the list was made."""
    return name.rpartition("/")[2]
