"""The command imports what it needs for a call, and the list of commands says what the commands say."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import typer.main

from aimwell.cli.app import app
from aimwell.cli.lazy import Deferred, loaded, with_numbers
from aimwell.store.stores import create_stores

HEAVY = {
    "alembic", "deltalake", "duckdb", "email_validator", "jinja2", "lightgbm", "liquid", "litestar",
    "mrml", "numpy", "phonenumbers", "pyarrow", "pyspark", "scipy", "sklearn", "sqlalchemy",
    "sqlglot", "uvicorn",
}  # fmt: skip
CALL = """
import atexit, json, sys
from aimwell.cli.app import main
told = sys.stderr
atexit.register(lambda: print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})), file=told))
sys.argv = ["aimwell", *sys.argv[1:]]
main()
"""


def imported(*arguments: str, code: int = 0) -> set[str]:
    """The top names of all modules that a call in a process of its own has imported."""
    ran = subprocess.run(
        [sys.executable, "-c", CALL, *arguments], capture_output=True, text=True, check=False
    )
    assert ran.returncode == code, ran.stderr
    return set(json.loads(ran.stderr.splitlines()[-1]))


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> str:
    root = tmp_path_factory.mktemp("lazy") / "shop"
    create_stores(root).close()
    return str(root)


@pytest.mark.parametrize(
    ("arguments", "code"), [(["-h"], 0), (["--version"], 0), (["nonsense"], 2), ([], 2)]
)
def test_the_list_of_commands_imports_no_stage(arguments: list[str], code: int) -> None:
    assert not imported(*arguments, code=code) & HEAVY


def test_importing_the_package_imports_no_stage() -> None:
    source = "import sys, aimwell; print({n.partition('.')[0] for n in sys.modules})"
    ran = subprocess.run(
        [sys.executable, "-c", source], capture_output=True, text=True, check=True
    ).stdout
    assert not [name for name in HEAVY if f"'{name}'" in ran]


def test_collecting_imports_no_map_of_the_worlds_numbers() -> None:
    source = "import sys, aimwell.cli.collect; print('phonenumbers.geodata' in sys.modules)"
    ran = subprocess.run(
        [sys.executable, "-c", source], capture_output=True, text=True, check=True
    ).stdout
    assert ran == "False\n"


NEEDLESS = {"alembic", "jinja2", "lightgbm", "litestar", "scipy", "sklearn", "uvicorn"}


@pytest.mark.parametrize(
    ("arguments", "needless"),
    [
        (["get"], NEEDLESS),
        (["schema", "campaign"], NEEDLESS),
        (["tables"], NEEDLESS),
        (["jobs", "list"], NEEDLESS),
        (["collect", "status"], NEEDLESS - {"scipy"}),
        (["profile", "-h"], NEEDLESS - {"scipy"}),
        (["segment", "refresh"], {"alembic", "lightgbm", "litestar", "sklearn"}),
        (["predict", "models"], {"alembic", "lightgbm", "litestar", "sklearn"}),
        (["decide", "plans"], {"alembic", "lightgbm", "litestar", "sklearn"}),
        (["deliver", "stop-all"], {"alembic", "lightgbm", "litestar", "sklearn"}),
    ],
)
def test_a_command_imports_no_stage_that_it_does_not_use(
    shop: str, arguments: list[str], needless: set[str]
) -> None:
    place = [] if arguments[0] in {"schema", "tables"} or "-h" in arguments else ["-w", shop]
    assert not imported(*arguments, *place) & needless


def commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Every command that does something, with the words that call it."""
    command = loaded(command)
    if not hasattr(command, "commands"):
        yield " ".join(path), command
        return
    if path and command.invoke_without_command:
        yield " ".join(path), command
    for name, below in command.commands.items():
        yield from commands(below, (*path, name))


TREE = dict(commands(typer.main.get_command(app)))


def test_the_whole_tree_of_commands_is_walked() -> None:
    assert {"init", "get", "collect orders", "segment rfm", "segment clusters", "jobs alerts"} <= {
        *TREE
    }


@pytest.mark.parametrize("words", TREE)
def test_every_command_explains_itself_and_speaks_json(words: str) -> None:
    command = TREE[words]
    assert command.help
    assert "--json" in {option for parameter in command.params for option in parameter.opts}
    for parameter in command.params:
        assert getattr(parameter, "help", None), f"{parameter.name} says nothing of itself"


def groups(command: Any) -> Iterator[Any]:
    if hasattr(command, "commands"):
        yield command
        for below in command.commands.values():
            yield from groups(loaded(below))


DEFERRED = [
    below
    for group in groups(typer.main.get_command(app))
    for below in group.commands.values()
    if isinstance(below, Deferred)
]


@pytest.mark.parametrize("deferred", DEFERRED, ids=lambda deferred: deferred.name)
def test_the_list_says_of_a_command_what_it_says_of_itself(deferred: Deferred) -> None:
    said = str(loaded(deferred).help).split("\n\n")[0].replace("\n", " ")
    assert deferred.help == said
    assert loaded(deferred).name == deferred.name


@pytest.mark.parametrize(
    ("args", "made"),
    [
        (["profile", "-1"], ["profile", "--", "-1"]),
        (["profile", "-1.5a", "--json"], ["profile", "--json", "--", "-1.5a"]),
        (["profile", "a", "--limit", "-1"], ["profile", "--limit", "-1", "--", "a"]),
        (["profile", "a", "--limit", "3"], ["profile", "a", "--limit", "3"]),
        (["profile", "--", "-1"], ["profile", "--", "-1"]),
        (["unify", "why", "-1", "b"], ["unify", "why", "--", "-1", "b"]),
        (["profile", "-x"], ["profile", "-x"]),
    ],
)
def test_an_id_may_look_like_a_number_below_zero(args: list[str], made: list[str]) -> None:
    command = loaded(typer.main.get_command(app).commands[args[0]])
    assert [args[0], *with_numbers(command, args[1:])] == made
