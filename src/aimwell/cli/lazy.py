"""Commands that are imported when they are called: the list of them costs no stage its start.

The front of the command line knows of each command where it lies, and the line that `aimwell -h` shows. A call
imports the one module that it needs; a test compares the lines with what the commands say of themselves.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

__all__ = ["Deferred", "Outline", "group_of", "loaded", "with_numbers"]

_NUMBER = re.compile(r"-\d[\w.-]*")


@dataclass(frozen=True)
class Outline:
    """One command as the list shows it.

    Args:
        place: "module:name" of a function (a command) or a `typer.Typer` (a group of commands).
        help: The first line of its help, word for word.
        panel: The heading under which it is listed; None: Commands.
    """

    name: str
    place: str
    help: str
    panel: str | None = None


class Deferred(TyperCommand):
    """Stands for a command until it is called, completed or asked for its own help."""

    def __init__(self, outline: Outline) -> None:
        super().__init__(outline.name, help=outline.help, rich_help_panel=outline.panel)
        self.outline = outline

    def load(self) -> Any:
        """Import the command; what is called, completed or explained from here on is the real one."""
        return _imported(self.outline.place, self.outline.name)

    def make_context(self, *arguments: Any, **named: Any) -> Any:
        """The context of the real command; the parser calls that command through its context."""
        command = self.load()
        info_name, args, *rest = arguments
        return command.make_context(info_name, with_numbers(command, list(args)), *rest, **named)


@cache
def _imported(place: str, named: str) -> Any:
    """The command at `place`, made once in a process: it keeps nothing of one call for the next."""
    module, _, name = place.partition(":")
    found = getattr(importlib.import_module(module), name)
    group = typer.Typer(add_completion=False, rich_markup_mode="rich")
    if isinstance(found, typer.Typer):
        group.add_typer(found, name=named)
    else:
        group.command(named)(found)
    return typer.main.get_group(group).commands[named]


def group_of(outlines: tuple[Outline, ...]) -> type[TyperGroup]:
    """A group whose commands are `outlines`, for `typer.Typer(cls=…)`."""

    class Group(TyperGroup):
        def __init__(self, **attributes: Any) -> None:
            super().__init__(**attributes)
            for outline in outlines:
                self.commands[outline.name] = Deferred(outline)

    return Group


def loaded(command: Any) -> Any:
    """The real command behind one of a group; for whoever walks through all of them."""
    return command.load() if isinstance(command, Deferred) else command


def with_numbers(command: Any, args: Sequence[str]) -> list[str]:
    """Arguments of a command among which `-1` is a value, as an id may be, and no option of that name.

    What are values stands behind `--` then, in its order.
    """
    if args and (inner := getattr(command, "commands", {}).get(args[0])) is not None:
        return [args[0], *with_numbers(inner, args[1:])]
    if not any(map(_NUMBER.fullmatch, args)):
        return list(args)
    takes = {
        name
        for one in command.params
        if one.param_type_name == "option" and not one.is_flag and not one.count
        for name in one.opts
    }
    options: list[str] = []
    values: list[str] = []
    for place, arg in enumerate(args):
        if arg == "--":
            values += args[place + 1 :]
            break
        is_value = not arg.startswith("-") or _NUMBER.fullmatch(arg)
        of_option = place > 0 and args[place - 1] in takes
        (values if is_value and not of_option else options).append(arg)
    return [*options, "--", *values]
