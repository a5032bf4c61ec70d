"""Files and folders that hold no document: said, never taken for success."""

from __future__ import annotations

from pathlib import Path

import pytest

from command import Run

OFFER = "kind: offer\nname: ten\n"


@pytest.mark.parametrize(
    "text", ["", "\n\n", "# kind: offer\n# name: ten\n", "---\n---\n", "null\n", "\ufeff"]
)
@pytest.mark.parametrize("options", [[], ["--dry-run"]])
def test_a_file_without_a_document_is_refused(
    run: Run, workspace: Path, text: str, options: list[str]
) -> None:
    Path("offers.yaml").write_text(text, encoding="utf-8")
    told = run("apply", "offers.yaml", *options, "-w", workspace, "--json", code=1)
    assert "offers.yaml: no document in it" in told.json["error"]["message"]
    assert "There is nothing to take" in told.err


def test_a_folder_without_documents_is_refused(run: Run, workspace: Path) -> None:
    folder = Path("definitions")
    folder.mkdir()
    assert "nothing to read" in run("apply", folder, "-w", workspace, code=1).err
    (folder / "notes.txt").write_text(OFFER, encoding="utf-8")
    assert "no .yaml, .yml or .json file" in run("apply", folder, "-w", workspace, code=1).err
    (folder / "a.yaml").write_text("# later\n", encoding="utf-8")
    assert "a.yaml: no document" in run("apply", folder, "-w", workspace, code=1).err


def test_an_empty_file_among_others_is_named_and_the_others_are_taken(
    run: Run, workspace: Path
) -> None:
    folder = Path("definitions")
    folder.mkdir()
    (folder / "a.yaml").write_text("# later\n", encoding="utf-8")
    (folder / "b.yaml").write_text(OFFER, encoding="utf-8")
    told = run("apply", folder, "-w", workspace, "--json")
    assert [change["action"] for change in told.json["changes"]] == ["created"]
    assert "a.yaml holds no document" in told.err
    assert "b.yaml" not in told.err
