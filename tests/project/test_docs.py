"""What the README and the pages under docs/ say is so: commands, links, definitions, settings, Python."""

from __future__ import annotations

import ast
import importlib
import re
import runpy
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from aimwell.cli.app import app
from aimwell.cli.lazy import loaded
from aimwell.definitions.catalogue import check
from aimwell.definitions.reading import read_documents
from aimwell.settings import Settings
from project_tree import ROOT

PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])
_FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_INLINE = re.compile(r"(?<!`)`(aimwell [^`]+)`")
COMMANDS = typer.main.get_command(app)
ENVIRONMENT = {
    "AIMWELL_WORKSPACE",
    "AIMWELL_USER",
    "AIMWELL_SECRET_KEY",
    "AIMWELL_INBOX_KEY",
    "AIMWELL_TRACEBACK",
}


def blocks(page: Path, language: str) -> Iterator[str]:
    for _indent, name, text in _FENCE.findall(page.read_text(encoding="utf-8")):
        if name == language:
            yield text


def calls(text: str) -> Iterator[list[str]]:
    """The words after `aimwell` of each command in a block of shell."""
    for line in text.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        if words[:1] == ["aimwell"]:
            yield words[1:]


def command_of(words: list[str]) -> tuple[Any, list[str]]:
    """The command that the first words name, and its arguments."""
    command: Any = COMMANDS
    rest = list(words)
    while hasattr(command, "commands") and rest and not rest[0].startswith("-"):
        assert rest[0] in command.commands, f"there is no command: aimwell {' '.join(words)}"
        command = loaded(command.commands[rest.pop(0)])
    return command, rest


def unknown_options(words: list[str]) -> set[str]:
    command, rest = command_of(words)
    known = {"-h", "--help"}
    for parameter in command.params:
        known |= {*parameter.opts, *parameter.secondary_opts}
    return {word.partition("=")[0] for word in rest if re.match(r"--?[a-z]", word)} - known


def each(found: Iterator[tuple[Path, Any]]) -> list[Any]:
    return [
        pytest.param(value, id=f"{page.relative_to(ROOT)}-{number}")
        for number, (page, value) in enumerate(found)
    ]


def in_blocks(language: str) -> Iterator[tuple[Path, str]]:
    return ((page, text) for page in PAGES for text in blocks(page, language))


def shell_calls() -> Iterator[tuple[Path, list[str]]]:
    return ((page, words) for page, text in in_blocks("sh") for words in calls(text))


def inline_calls() -> Iterator[tuple[Path, list[str]]]:
    for page in PAGES:
        prose = _FENCE.sub("", page.read_text(encoding="utf-8"))
        for text in _INLINE.findall(prose):
            yield page, shlex.split(text)[1:]


def definitions() -> Iterator[tuple[Path, str]]:
    return ((page, text) for page, text in in_blocks("yaml") if re.search("^kind:", text, re.M))


@pytest.mark.parametrize("words", each(shell_calls()))
def test_a_command_to_copy_is_one_that_the_command_line_takes(words: list[str]) -> None:
    command, rest = command_of(words)
    assert not hasattr(command, "commands") or not rest, f"aimwell {' '.join(words)}"
    command.make_context("aimwell", rest)  # reads the arguments, runs nothing


@pytest.mark.parametrize("words", each(inline_calls()))
def test_a_command_named_in_a_sentence_exists_with_its_options(words: list[str]) -> None:
    assert not unknown_options(words)


def test_the_check_of_commands_finds_what_is_wrong() -> None:
    assert list(calls("cd shop\naimwell segment rfm \\\n  --json  # all\n")) == [
        ["segment", "rfm", "--json"]
    ]
    assert unknown_options(["segment", "rfm", "--jsn"]) == {"--jsn"}
    with pytest.raises(AssertionError, match="no command: aimwell segment clstrs"):
        command_of(["segment", "clstrs"])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_and_picture_leads_somewhere(page: Path) -> None:
    lost = []
    for link in _LINK.findall(_FENCE.sub("", page.read_text(encoding="utf-8"))):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            lost.append(link)
    assert not lost


def anchors(page: Path) -> set[str]:
    """The headings of a page as links name them; the second of the same name ends in -1."""
    found: dict[str, int] = {}
    names = set()
    prose = _FENCE.sub("", page.read_text(encoding="utf-8"))
    for heading in re.findall(r"^#+ (.+)$", prose, re.MULTILINE):
        slug = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        seen = found.setdefault(slug, 0)
        names.add(f"{slug}-{seen}" if seen else slug)
        found[slug] += 1
    return names


def test_every_page_is_reached_from_the_readme() -> None:
    reached, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in reached:
            continue
        reached.add(page)
        links = _LINK.findall(page.read_text(encoding="utf-8"))
        targets = [(page.parent / link.partition("#")[0]).resolve() for link in links]
        waiting += [target for target in targets if target in PAGES]
    assert set(PAGES) == reached


@pytest.mark.parametrize("text", each(definitions()))
def test_a_definition_to_copy_is_right(text: str, tmp_path: Path) -> None:
    file = tmp_path / "copied.yaml"
    file.write_text(text, encoding="utf-8")
    found = [check(document.body) for document in read_documents([file])]
    assert len(found) == len(re.findall("^kind:", text, re.M))


def test_the_page_of_settings_says_every_one_as_it_is() -> None:
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    made = runpy.run_path(str(ROOT / "scripts" / "write_settings_page.py"))["page"]()
    assert page == made, "run scripts/write_settings_page.py"
    assert [name for name in Settings.model_fields if f"| `{name}` |" not in page] == []


def test_variables_of_the_environment_that_pages_name_are_read_by_the_package() -> None:
    known = {f"AIMWELL_{name.upper()}" for name in Settings.model_fields} | ENVIRONMENT
    for page in PAGES:
        named = set(re.findall(r"\bAIMWELL_[A-Z][A-Z_]+\b", page.read_text(encoding="utf-8")))
        assert named <= known | {"AIMWELL_TEST_SEED"}, page
    source = "".join(
        file.read_text(encoding="utf-8") for file in (ROOT / "src" / "aimwell").rglob("*.py")
    )
    assert [name for name in sorted(ENVIRONMENT) if name not in source] == []


@pytest.mark.parametrize("text", each(in_blocks("python")))
def test_python_to_copy_can_be_read_and_imports_what_is_there(text: str) -> None:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("aimwell"):
            module = importlib.import_module(str(node.module))
            assert [one.name for one in node.names if not hasattr(module, one.name)] == []
