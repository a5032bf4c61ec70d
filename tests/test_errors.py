"""The tree of errors is what its drawing shows, and each says whether trying again may help."""

from __future__ import annotations

import inspect
import re

import pytest

from aimwell import errors
from aimwell.errors import AimwellError, DefinitionError, Fault, UnknownDefinitionError, nearest

CLASSES = {
    name: item
    for name, item in vars(errors).items()
    if inspect.isclass(item) and issubclass(item, AimwellError)
}


def drawn() -> list[tuple[str, str, str]]:
    """(class, parent, remark) of each line of the drawing."""
    found: list[tuple[str, str, str]] = []
    above: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        match = re.match(r"^    ((?:│   |    )*)(?:├── |└── )?([A-Z]\w+Error)\b *(.*)$", line)
        if match is None:
            continue
        branch = "├── " in line or "└── " in line
        depth = len(match[1]) // 4 + (1 if branch else 0)
        above = [*above[:depth], match[2]]
        found.append((match[2], above[depth - 1] if depth else "Exception", match[3]))
    return found


def test_the_drawing_shows_every_class_under_its_parent() -> None:
    shown = {name: parent for name, parent, _ in drawn()}
    assert shown == {name: item.__mro__[1].__name__ for name, item in CLASSES.items()}


def test_the_drawing_marks_exactly_those_that_may_be_tried_again() -> None:
    marked = {name for name, _, remark in drawn() if remark.endswith("(retry)")}
    assert marked == {name for name, item in CLASSES.items() if item.retryable}


def test_every_class_is_public_and_says_what_it_means() -> None:
    assert set(CLASSES) <= set(errors.__all__)
    for name, item in CLASSES.items():
        assert item.__doc__, name
        assert item.__doc__ != AimwellError.__doc__ or item is AimwellError, name


@pytest.mark.parametrize(
    ("name", "known", "said"),
    [
        ("lapsd", ["loyal", "lapsed"], "Did you mean 'lapsed'?"),
        ("zzz", ["b", "a"], "Known: a, b."),
        ("zzz", [], "None is known yet."),
        ("zzz", [f"a{i:02}" for i in range(31)], "a29…"),
    ],
)
def test_the_nearest_name_helps_after_a_slip(name: str, known: list[str], said: str) -> None:
    assert said in nearest(name, known)


def test_a_definition_s_error_lists_all_faults() -> None:
    faults = [
        Fault("audience.segment", "there is no such segment", "lapsd", "lapsed, loyal"),
        Fault("", "is empty"),
    ]
    error = DefinitionError("The campaign is wrong:", faults)
    assert error.faults == tuple(faults)
    assert str(error).splitlines() == [
        "The campaign is wrong:",
        "  - audience.segment: there is no such segment (found 'lapsd'). Allowed: lapsed, loyal",
        "  - document: is empty.",
    ]
    assert UnknownDefinitionError("none").faults == ()


def test_a_long_value_is_cut_in_the_message() -> None:
    assert len(str(Fault("a", "is wrong", "x" * 1000))) < 150


def test_a_fault_ends_with_one_mark() -> None:
    assert str(Fault("rule", "it is wrong", "x")) == "rule: it is wrong (found 'x')."
    hint = "there is no rule 'trat'. Did you mean 'trait'?"
    assert str(Fault("rule", hint)) == f"rule: {hint}"
    assert str(Fault("rule", hint, allowed="a")) == f"rule: {hint} Allowed: a"
