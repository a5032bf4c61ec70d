"""The locked requirements are whole, name no host, and fit what pyproject.toml asks for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from project_tree import ROOT, pyproject

RUNTIME = "requirements.lock"
TEST = "requirements-test.lock"
LOCKS = [RUNTIME, TEST]


@dataclass(frozen=True)
class Pin:
    """One library in a lock; `asked` where pyproject.toml itself asks for it."""

    version: Version
    hashes: int
    asked: bool


@cache
def pins(lock: str) -> dict[str, Pin]:
    """The libraries of a lock by name."""
    text = (ROOT / lock).read_text(encoding="utf-8")
    blocks = re.split(r"^(?=[A-Za-z0-9])", text, flags=re.MULTILINE)[1:]
    found: dict[str, Pin] = {}
    for block in blocks:
        first = re.match(r"(?P<name>[\w.-]+)==(?P<version>\S+)(?: ;[^\\]+)? \\\n", block)
        assert first, (
            f"{lock} has a line of a form that pip would not check: {block.splitlines()[0]}"
        )
        name = canonicalize_name(first["name"])
        assert name not in found, f"{name} is twice in {lock}: one version must serve every Python"
        hashes = len(re.findall(r"--hash=sha256:[0-9a-f]{64}\b", block))
        found[name] = Pin(Version(first["version"]), hashes, "aimwell (pyproject.toml)" in block)
    return found


def asked_for(lock: str) -> dict[str, Requirement]:
    """What pyproject.toml asks for in that lock, by name."""
    project = pyproject()["project"]
    lines = list(project["dependencies"])
    if lock == TEST:
        lines += project["optional-dependencies"]["test"]
    return {canonicalize_name(need.name): need for need in map(Requirement, lines)}


@pytest.mark.parametrize("lock", LOCKS)
def test_every_library_is_locked_with_hashes(lock: str) -> None:
    assert len(pins(lock)) > len(asked_for(lock))
    assert [name for name, pin in pins(lock).items() if pin.hashes == 0] == []


@pytest.mark.parametrize("lock", LOCKS)
def test_what_pyproject_asks_for_is_locked_in_a_version_that_fits(lock: str) -> None:
    wrong = [
        f"{need} (locked: {pins(lock)[name].version if name in pins(lock) else 'nothing'})"
        for name, need in asked_for(lock).items()
        if name not in pins(lock) or pins(lock)[name].version not in need.specifier
    ]
    assert wrong == [], f"{lock} is out of step with pyproject.toml; run make lock"


@pytest.mark.parametrize("lock", LOCKS)
def test_what_pyproject_no_longer_asks_for_has_left_the_lock(lock: str) -> None:
    noted = {name for name, pin in pins(lock).items() if pin.asked}
    assert noted == set(asked_for(lock)), (
        f"{lock} is out of step with pyproject.toml; run make lock"
    )


def test_the_test_lock_holds_the_runtime_lock_in_the_same_versions() -> None:
    apart = {
        name: (pin.version, pins(TEST)[name].version if name in pins(TEST) else None)
        for name, pin in pins(RUNTIME).items()
        if name not in pins(TEST) or pins(TEST)[name].version != pin.version
    }
    assert apart == {}


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_names_no_index_host_or_folder(lock: str) -> None:
    lines = (ROOT / lock).read_text(encoding="utf-8").splitlines()
    allowed = re.compile(
        r"(#.*[^/]|[\w.-]+==\S+( ;[^\\/]+)? \\|    --hash=sha256:[0-9a-f]{64}( \\)?|    # [^:/]+)"
    )
    assert [line for line in lines if not allowed.fullmatch(line)] == []
    assert [line for line in lines if "://" in line] == []


def test_the_torch_that_tests_install_is_one_that_the_extra_takes() -> None:
    script = (ROOT / "scripts/install-torch").read_text(encoding="utf-8")
    version = re.search(r"^version=(\S+)$", script, re.MULTILINE)
    (asked,) = map(Requirement, pyproject()["project"]["optional-dependencies"]["deep"])
    assert version is not None
    assert asked.name == "torch"
    assert asked.specifier.contains(version[1])
    # It stands apart: docs/decisions/0015 says why.
    assert "torch" not in pins(TEST)
