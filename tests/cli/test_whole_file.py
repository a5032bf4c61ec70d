"""A file that a command was asked to write is there whole, or as it was."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
import typer

from aimwell.cli.whole_file import write_whole
from aimwell.errors import StorageFullError


def test_it_takes_the_place_of_what_was_there(tmp_path: Path) -> None:
    file = tmp_path / "out.csv"
    write_whole(file, "a\r\nä\n", option="--csv")
    assert file.read_bytes() == "a\r\nä\n".encode()
    write_whole(file, "b\n", option="--csv", private=True)
    assert file.read_text() == "b\n"
    assert file.stat().st_mode & 0o077 == 0
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize(
    ("number", "raised"), [(errno.ENOSPC, StorageFullError), (errno.EIO, typer.BadParameter)]
)
def test_what_was_there_stays_where_it_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, raised: type[Exception]
) -> None:
    file = tmp_path / "out.csv"
    file.write_text("before")

    def broken(_handle: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(raised):
        write_whole(file, "after", option="--csv")
    assert file.read_text() == "before"
    assert list(tmp_path.iterdir()) == [file]


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(typer.BadParameter, match=r"none.*cannot be written"):
        write_whole(tmp_path / "none" / "out.csv", "x", option="--csv")


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    link = tmp_path / "link.csv"
    link.symlink_to(tmp_path / "there.csv")
    write_whole(link, "x\n", option="--csv")
    assert link.is_symlink()
    assert (tmp_path / "there.csv").read_text() == "x\n"
    write_whole(Path(os.devnull), "x", option="--csv")
    assert not Path(os.devnull).is_file()
