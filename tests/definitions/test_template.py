from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from aimwell.definitions.catalogue import check
from aimwell.definitions.reading import read_documents
from aimwell.definitions.service import check_all
from aimwell.errors import DefinitionError


def template(**variant: Any) -> dict[str, Any]:
    return {"kind": "template", "name": "hello", "variants": [{"subject": "Hello", **variant}]}


def faults(document: dict[str, Any]) -> list[tuple[str, str]]:
    with pytest.raises(DefinitionError) as caught:
        check(document)
    return [(fault.path, fault.problem) for fault in caught.value.faults]


def test_texts_are_checked_with_everything_else_and_all_faults_are_told_at_once() -> None:
    found = faults(
        template(subject="{{ a | upcas }}", text="x\n{% nosuch %}", weight=-1) | {"colour": "red"}
    )
    assert [path for path, _ in found] == [
        "variants[0].subject",
        "variants[0].text",
        "variants[0].weight",
        "colour",
    ]
    assert found[0][1] == "line 1 of the text: unknown filter 'upcas'. Did you mean 'upcase'?"
    assert found[1][1] == "line 2 of the text: unexpected tag 'nosuch'"


def test_a_fault_stands_at_its_line_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "hello.yaml"
    file.write_text(
        "kind: template\nname: hello\nvariants:\n  - subject: Hi\n    text: |\n      one\n      {{ a | upcas }}\n"
    )
    with pytest.raises(DefinitionError) as caught:
        check_all(read_documents([file]))
    (fault,) = caught.value.faults
    assert fault.path == "hello.yaml:5: variants[0].text"
    assert fault.problem.startswith("line 2 of the text")
    assert fault.value == "{{ a | upcas }}"


def test_a_default_has_the_name_of_a_field() -> None:
    ((path, problem),) = faults(template(text="x") | {"defaults": {"First Name": "you"}})
    assert path == "defaults"
    assert "not: First Name" in problem


def test_a_body_without_a_plain_part_that_can_be_read_needs_a_text() -> None:
    html = "<head>{% if x %}</head><body>{{ y }}{% endif %}</body>"
    ((path, problem),) = faults(template(html=html))
    assert (path, "give a text too" in problem) == ("variants[0]", True)
    assert check(template(html=html, text="{{ y }}")).name == "hello"
