"""The Python of the pages on predict runs as it is written."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from aimwell.workspace.predict import Predictions
from project_tree import ROOT
from responding_shop import add_responding, add_returning
from shop import append, make_stores
from subscribers import service

PAGES = ("predict.md", "predict-responses.md")


def written(page: str) -> str:
    """The block under "From Python"."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    return text.partition("## From Python")[2].partition("```python\n")[2].partition("```")[0]


@pytest.mark.parametrize("page", PAGES)
def test_what_the_pages_call_is_there(page: str) -> None:
    code = written(page)
    compile(code, page, "exec")
    called = set(re.findall(r"(?:ask|ws\.predict)\.(\w+)\(", code))
    assert len(called) > 5
    assert not [name for name in called if not hasattr(Predictions, name)]


@pytest.mark.long
def test_it_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stores = make_stores(tmp_path, margin_default=0.4)
    add_responding(stores)
    append(stores, "subscriptions", service(stores, 1000, 3))
    add_returning(stores)
    stores.close()
    for page in PAGES:
        code = written(page).replace('"shop/"', repr(str(stores.root)))
        exec(compile(code, page, "exec"), {})  # noqa: S102 - it is the project's own page
    out = capsys.readouterr().out
    assert "AUC" in out
    assert "were answered" in out
