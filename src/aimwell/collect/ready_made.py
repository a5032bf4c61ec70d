"""Source definitions for the usual exports, ready to be copied: what there is, and the text of each."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files

import yaml

from aimwell.errors import UnknownDefinitionError, nearest

__all__ = ["Template", "list_templates", "read_template"]

_FOLDER = files("aimwell.collect").joinpath("templates")


@dataclass(frozen=True)
class Template:
    """One ready-made definition: `about` is its first sentence, `entities` what it brings, `reads` its files."""

    name: str
    about: str
    entities: tuple[str, ...]
    reads: tuple[str, ...]


def list_templates() -> tuple[Template, ...]:
    """All of them, by name."""
    return tuple(_described(name) for name in _names())


def _names() -> list[str]:
    entries = (entry.name for entry in _FOLDER.iterdir())
    return sorted(name.removesuffix(".yaml") for name in entries if name.endswith(".yaml"))


def _described(name: str) -> Template:
    text = read_template(name)
    about = text.splitlines()[0].removeprefix("#").strip()
    sources = [one for one in yaml.safe_load_all(text) if one["kind"] == "source"]
    paths = [
        spec["path"] if isinstance(spec, dict) else spec
        for source in sources
        for spec in source["files"].values()
    ]
    entities = [entity["entity"] for source in sources for entity in source["entities"]]
    return Template(name, about, tuple(dict.fromkeys(entities)), tuple(dict.fromkeys(paths)))


def read_template(name: str) -> str:
    """The YAML of one, with its comments.

    Raises:
        UnknownDefinitionError: There is none of this name; names those there are.
    """
    known = _names()
    if name not in known:
        raise UnknownDefinitionError(
            f"There is no ready-made source '{name}'. {nearest(name, known)} "
            "`aimwell collect templates` lists them."
        )
    return _FOLDER.joinpath(f"{name}.yaml").read_text(encoding="utf-8")
