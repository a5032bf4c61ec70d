"""Documents from files: read as people mean them, faults with file and line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from aimwell.definitions.reading import find_files, read_documents, render_yaml
from aimwell.definitions.service import check_all
from aimwell.errors import DefinitionError

GOOD = """\
kind: offer
name: ten
benefit:
  percent: 10
---
kind: contact_policy
name: default
caps:
  - count: 2
    days: 7
"""


def written(folder: Path, text: str, name: str = "a.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def bodies(folder: Path, text: str) -> list[Any]:
    return [document.body for document in read_documents([written(folder, text)])]


def test_several_documents_in_one_file(tmp_path: Path) -> None:
    assert [d.name for d in check_all(read_documents([written(tmp_path, GOOD)]))] == [
        "ten",
        "default",
    ]


def test_what_is_no_document_is_told_with_its_line_alone(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError) as caught:
        check_all(read_documents([written(tmp_path, "Order;Day;Customer")]))
    assert "a.yaml:1: this is not a mapping" in str(caught.value)


def test_json_is_read_too(tmp_path: Path) -> None:
    path = written(
        tmp_path, '{"kind": "offer", "name": "ten", "benefit": {"percent": 10}}', "a.json"
    )
    assert check_all(read_documents([path]))[0].name == "ten"


def test_norway_and_dates_and_leading_zeros_stay_text(tmp_path: Path) -> None:
    assert bodies(
        tmp_path, "a: [NO, on, yes, 2026-12-01, 007, 1_000, 1:30, '12']\nb: [true, 3, 2.5, null]"
    ) == [
        {
            "a": ["NO", "on", "yes", "2026-12-01", "007", "1_000", "1:30", "12"],
            "b": [True, 3, 2.5, None],
        }
    ]


def test_faults_name_file_and_line(tmp_path: Path) -> None:
    text = GOOD.replace("percent: 10", "percent: lots").replace("days: 7", "dayz: 7")
    with pytest.raises(DefinitionError) as caught:
        check_all(read_documents([written(tmp_path, text)]))
    lines = [fault.path for fault in caught.value.faults]
    assert lines == ["a.yaml:4: benefit.percent", "a.yaml:10: caps[0].dayz"]


def test_a_missing_field_is_placed_at_its_parent(tmp_path: Path) -> None:
    text = "kind: campaign\nname: x\naudience: {everyone: true}\nactions:\n  - channel: email\n"
    with pytest.raises(DefinitionError) as caught:
        check_all(read_documents([written(tmp_path, text)]))
    assert [fault.path for fault in caught.value.faults] == ["a.yaml:5: actions[0].template"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: [1, 2", "a.yaml:1"),
        ("a: 1\na: 2", "stands twice"),
        ("a: !!python/object/apply:os.system ['true']", "not valid YAML"),
        ("a: &x [*x]", "a.yaml"),
    ],
)
def test_text_that_is_no_document_is_refused_with_its_place(
    tmp_path: Path, text: str, words: str
) -> None:
    with pytest.raises(DefinitionError, match=words):
        check_all(read_documents([written(tmp_path, text)]))


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(b"kind: offer\nname: caf\xe9\n")
    with pytest.raises(DefinitionError, match=r"a\.yaml"):
        read_documents([path])


def test_a_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + GOOD.encode())
    assert len(read_documents([path])) == 2


def test_a_folder_is_read_whole_and_an_empty_one_is_an_error(tmp_path: Path) -> None:
    written(tmp_path, GOOD)
    (tmp_path / "more").mkdir()
    written(tmp_path / "more", "kind: offer\nname: two\n", "b.yml")
    assert [p.name for p in find_files(tmp_path)] == ["a.yaml", "b.yml"]
    with pytest.raises(DefinitionError, match="nothing to read"):
        find_files(tmp_path / "absent")


def test_what_a_workspace_keeps_in_its_folders_is_no_document(tmp_path: Path) -> None:
    for folder in ("lake/orders/_delta_log", "segments"):
        (tmp_path / folder).mkdir(parents=True)
    written(tmp_path / "lake/orders/_delta_log", '{"commitInfo": {}}\n{"add": {}}', "0.json")
    written(tmp_path / "segments", GOOD)
    written(tmp_path, '{"kind": "offer", "name": "two"}', "two.json")
    assert len(find_files(tmp_path)) == 3
    written(tmp_path, "", "aimwell.toml")
    assert [p.name for p in find_files(tmp_path)] == ["a.yaml", "two.json"]


def test_the_same_document_twice_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match="stands twice"):
        check_all(
            read_documents([written(tmp_path, "kind: offer\nname: a\n---\nkind: offer\nname: a\n")])
        )


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**15), 10**15) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(min_size=1, max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["a", "b", "c"]), PLAIN, min_size=1))
def test_what_is_rendered_reads_back_the_same(
    tmp_path_factory: pytest.TempPathFactory, body: dict[str, Any]
) -> None:
    path = tmp_path_factory.mktemp("r") / "a.yaml"
    try:
        text = render_yaml([body])
    except yaml.YAMLError:  # characters that YAML cannot hold at all
        return
    path.write_text(text, encoding="utf-8")
    assert [document.body for document in read_documents([path])] == [body]


def test_a_few_lines_that_would_hold_billions_of_values_are_refused(tmp_path: Path) -> None:
    bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n"
    for above, name in zip("abcdefgh", "bcdefghi", strict=True):
        bomb += f"{name}: &{name} [" + ", ".join([f"*{above}"] * 9) + "]\n"
    with pytest.raises(DefinitionError, match="more than 200,000 values"):
        bodies(tmp_path, bomb)
    with pytest.raises(DefinitionError, match="line 1: an alias contains itself"):
        bodies(tmp_path, "a: &a [1, *a]\n")
    assert bodies(tmp_path, "a: &a [1, 2]\nb: *a\n") == [{"a": [1, 2], "b": [1, 2]}]


@pytest.mark.parametrize("text", ["[" * 20_000, "a: " + "[" * 3_000 + "]" * 3_000])
def test_what_is_nested_too_deeply_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(DefinitionError, match="nested too deeply"):
        bodies(tmp_path, text)


@pytest.mark.parametrize("text", ["\x85", "a\x85b\n", "\u2028", "\u2029x", "x\ny\n"])
def test_every_kind_of_line_end_comes_back_as_it_was(tmp_path: Path, text: str) -> None:
    body = {"a": {text: text}}
    assert bodies(tmp_path, render_yaml([body])) == [body]
