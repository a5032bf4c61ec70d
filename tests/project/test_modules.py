"""Every module says what is public in it, and some test reaches it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from pathlib import Path

from project_tree import PACKAGE, ROOT, module_name, modules, parsed

_PLACE = re.compile(r"aimwell(\.\w+)+:\w+")

# Modules that no test reaches, each with the reason.
# A reason that no longer holds (the module has a test, or is gone) fails too.
UNTESTED: dict[str, str] = {}


def told(what: str, modules: Iterable[str]) -> str:
    """A message that pytest does not cut short."""
    return "\n  ".join([f"These modules {what}:", *sorted(modules)])


def is_private(file: Path) -> bool:
    return any(part.startswith("_") and part != "__init__" for part in module_name(file).split("."))


def names_bound_in(tree: ast.Module) -> set[str]:
    """What a module defines or imports at its top level, also under `if` and `try`."""
    bound: set[str] = set()
    waiting: list[ast.AST] = list(tree.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            bound.add(node.name)  # what lies inside is not the module's
            continue
        if isinstance(node, ast.Import | ast.ImportFrom):
            bound.update((alias.asname or alias.name).split(".")[0] for alias in node.names)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            bound.add(node.id)
        waiting.extend(ast.iter_child_nodes(node))
    return bound


def public_names_of(tree: ast.Module) -> list[str] | None:
    """The value of `__all__`; None where the module has none."""
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        if isinstance(node, ast.AnnAssign) and node.value is not None:
            targets = [node.target]
        if any(isinstance(target, ast.Name) and target.id == "__all__" for target in targets):
            assert isinstance(node, ast.Assign | ast.AnnAssign)
            assert node.value is not None
            names = ast.literal_eval(node.value)
            return [str(name) for name in names]
    return None


def defines_anything(tree: ast.Module) -> bool:
    """Whether it has a name of its own or hands one on, beside those like `__version__`."""
    return any(not name.startswith("__") for name in names_bound_in(tree) - {"annotations"})


def test_every_public_module_names_what_is_public_in_it() -> None:
    silent = [
        module_name(file)
        for file in modules()
        if not is_private(file)
        and defines_anything(parsed(file))
        and public_names_of(parsed(file)) is None
    ]
    assert not silent, told("have no __all__; give them one, or a name that starts with _", silent)


def test_every_public_name_is_there_once() -> None:
    wrong: list[str] = []
    for file in modules():
        names = public_names_of(parsed(file)) or []
        twice = {name for name in names if names.count(name) > 1}
        if missing := set(names) - names_bound_in(parsed(file)) | twice:
            wrong.append(f"{module_name(file)}: {', '.join(sorted(missing))}")
    assert not wrong, told("have names in __all__ that are not in the module, or are twice", wrong)


def test_some_test_reaches_every_module() -> None:
    """A module that no test imports, and nothing that a test imports needs, is dead or unproven."""
    reached = modules_that_tests_reach()
    nobody_s = {
        module_name(file)
        for file in modules()
        if file.name not in {"__init__.py", "env.py"}
        and "versions" not in file.parts
        and defines_anything(parsed(file))
        and module_name(file) not in reached
    }
    unexplained = nobody_s - UNTESTED.keys()
    assert not unexplained, told("are reached by no test", unexplained)
    stale = UNTESTED.keys() - nobody_s
    assert not stale, told("are tested or gone; take them off the list UNTESTED", stale)


def modules_that_tests_reach() -> set[str]:
    """What tests import, what bears a test's name, and everything that these need."""
    known = {module_name(file): file for file in modules()}
    waiting = [
        name
        for name, file in known.items()
        if (ROOT / "tests" / file.relative_to(PACKAGE).with_name(f"test_{file.name}")).exists()
    ]
    waiting += modules_that_tests_import()
    reached: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in reached:
            continue
        reached.add(name)
        for source, item in imports_of(parsed(known[name])):
            waiting += {source, f"{source}.{item}", origin_of(source, item, known)} & known.keys()
    return reached


def modules_that_tests_import() -> set[str]:
    """Modules that a test imports, directly or by a name that their package hands on."""
    known = {module_name(file): file for file in modules()}
    imported: set[str] = set()
    for test in (ROOT / "tests").rglob("*.py"):
        if "project" in test.parts:
            continue
        for source, name in imports_of(parsed(test)):
            imported |= {source, f"{source}.{name}", origin_of(source, name, known)} & known.keys()
    return imported


def imports_of(tree: ast.Module) -> list[tuple[str, str]]:
    """Each import as (module, name in it)."""
    found: list[tuple[str, str]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(alias.name, "") for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found += [(node.module, alias.name) for alias in node.names]
        elif isinstance(node, ast.Constant) and _PLACE.fullmatch(str(node.value)):
            module, _, name = str(node.value).partition(":")  # of a command, imported when called
            found.append((module, name))
    return found


def origin_of(package: str, name: str, known: dict[str, Path]) -> str:
    """The module from which `package` itself has `name`."""
    file = known.get(package)
    if file is None or file.name != "__init__.py":
        return package
    return next((source for source, handed in imports_of(parsed(file)) if handed == name), package)
