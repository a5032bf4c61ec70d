"""Documents from YAML or JSON files, with the line on which each field stands.

YAML is read as people mean it: `NO` is text (Norway), a date is text until a schema says otherwise, only
`true` and `false` are yes and no. No tags, so nothing is ever constructed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from aimwell.errors import DefinitionError, Fault
from aimwell.settings import FILE_NAME

__all__ = ["SourceDocument", "find_files", "read_documents", "render_yaml"]

_SUFFIXES = {".yaml", ".yml", ".json"}
_BYTES_MAX = 5_000_000
_FIELDS_MAX = 200_000  # with every alias written out, as all that follows reads it


class _Loader(yaml.SafeLoader):
    """Safe, with YAML 1.2's small set of implicit types and without duplicate keys."""


_IMPLICIT = {
    "bool": (r"true|True|TRUE|false|False|FALSE", "tTfF"),
    "null": (r"null|Null|NULL|~|", ["n", "N", "~", ""]),
    "int": (r"[-+]?(?:0|[1-9][0-9]*)", "-+0123456789"),
    "float": (
        r"[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?",
        "-+.0123456789",
    ),
}
_Loader.yaml_implicit_resolvers = {}
for _tag, (_pattern, _first) in _IMPLICIT.items():
    _Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), list(_first)
    )


@dataclass(frozen=True)
class SourceDocument:
    """One document of a file: `lines` gives the line of each dotted path."""

    file: str
    body: Any
    lines: dict[str, int]

    def located(self, fault: Fault) -> Fault:
        """The fault with file and line in front of its path."""
        path = fault.path
        while path and path not in self.lines:
            path = re.sub(r"(\.[^.\[]*|\[\d+\])$", "", path) if re.search(r"[.\[]", path) else ""
        line = self.lines.get(path, self.lines.get("", 1))
        place = f"{self.file}:{line}"
        return Fault(
            f"{place}: {fault.path}" if fault.path else place,
            fault.problem,
            fault.value,
            fault.allowed,
        )


def find_files(path: Path) -> list[Path]:
    """The file, or all YAML and JSON files under a folder. Raises DefinitionError where there is none.

    Of a workspace the JSON in its folders (the lake's log, models, reports) is its own, and no documents.
    """
    if path.is_file():
        return [path]
    is_workspace = (path / FILE_NAME).is_file()
    files = sorted(
        p
        for p in path.rglob("*")
        if p.suffix in _SUFFIXES
        and p.is_file()
        and not (is_workspace and p.suffix == ".json" and p.parent != path)
    )
    if not files:
        raise DefinitionError(
            f"There is nothing to read at '{path}'.",
            [Fault(str(path), "no such file or folder, or no .yaml, .yml or .json file in it")],
        )
    return files


def read_documents(files: Sequence[Path]) -> list[SourceDocument]:
    """All documents of the files, in order.

    Raises:
        DefinitionError: With every file that cannot be read; or not one of them holds a document.
    """
    documents: list[SourceDocument] = []
    faults: list[Fault] = []
    for file in files:
        try:
            if file.stat().st_size > _BYTES_MAX:
                raise ValueError(f"larger than {_BYTES_MAX:,} bytes")
            documents.extend(_split(file.read_text(encoding="utf-8-sig"), file.name))
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            where = f"{file.name}:{mark.line + 1}" if mark else file.name
            faults.append(Fault(where, f"not valid YAML: {getattr(error, 'problem', error)}"))
        except RecursionError:
            faults.append(Fault(file.name, "cannot be read: it is nested too deeply"))
        except (OSError, ValueError) as error:
            faults.append(Fault(file.name, f"cannot be read: {error}"))
    if faults:
        raise DefinitionError("Some files cannot be read; nothing was taken.", faults)
    if not documents:
        problem = "no document in it: it is empty, or has only comments"
        raise DefinitionError(
            "There is nothing to take.",
            [
                Fault(file.name, problem, allowed="kind: …, name: …, as `aimwell get` writes them")
                for file in files
            ],
        )
    return documents


def _split(text: str, file: str) -> Iterator[SourceDocument]:
    for node in yaml.compose_all(text, Loader=_Loader):
        if node is None:
            continue
        _fields(node, {})
        loader = _Loader("")
        try:
            body = loader.construct_document(node)
        finally:
            loader.dispose()
        if body is not None:
            yield SourceDocument(file, body, dict(_positions(node, "")))


def _fields(node: yaml.Node, known: dict[int, int]) -> int:
    """How many values the document holds once its aliases are written out; a few lines can hold billions."""
    if id(node) in known:
        if not known[id(node)]:
            raise ValueError(f"line {node.start_mark.line + 1}: an alias contains itself")
        return known[id(node)]
    known[id(node)] = 0  # until its parts are counted
    parts: list[yaml.Node] = []
    if isinstance(node, yaml.MappingNode):
        parts = [part for pair in node.value for part in pair]
    elif isinstance(node, yaml.SequenceNode):
        parts = node.value
    known[id(node)] = 1 + sum(_fields(part, known) for part in parts)
    if known[id(node)] > _FIELDS_MAX:
        raise ValueError(f"it holds more than {_FIELDS_MAX:,} values, its aliases written out")
    return known[id(node)]


def _positions(node: yaml.Node, path: str) -> Iterator[tuple[str, int]]:
    yield path, node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        keys: set[str] = set()
        for key, value in node.value:
            name = str(key.value)
            if name in keys:
                raise yaml.MarkedYAMLError(
                    problem=f"the field '{name}' stands twice", problem_mark=key.start_mark
                )
            keys.add(name)
            below = f"{path}.{name}" if path else name
            for found, _line in _positions(value, below):
                yield found, key.start_mark.line + 1 if found == below else _line
    elif isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            yield from _positions(value, f"{path}[{number}]")


_OTHER_LINE_ENDS = ("\x85", "\u2028", "\u2029")


class _Dumper(yaml.SafeDumper):
    """Long texts as blocks, so that templates stay readable."""


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = "|" if "\n" in value else None
    if any(mark in value for mark in _OTHER_LINE_ENDS):
        style = '"'  # readers fold these into blanks unless they are escaped
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _text)


def render_yaml(documents: Sequence[dict[str, Any]]) -> str:
    """Documents as YAML, separated by `---`; reads back as the same documents."""
    return "---\n".join(
        yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)
        for document in documents
    )
