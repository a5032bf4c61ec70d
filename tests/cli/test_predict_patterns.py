"""The commands about patterns as a person and as a script call them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from aimwell.cli.app import main
from pattern_shop import add_patterns
from shop import day, make_stores

AS_OF = day(200).isoformat()


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    stores = make_stores(tmp_path_factory.mktemp("patterns"), margin_default=0.5)
    add_patterns(stores)
    stores.close()
    return stores.root


class Call:
    """Runs the command and keeps what it wrote."""

    def __init__(
        self, workspace: Path, capsys: pytest.CaptureFixture[str], patch: pytest.MonkeyPatch
    ) -> None:
        self._workspace, self._capsys, self._patch = workspace, capsys, patch

    def __call__(self, *words: str) -> tuple[int, str, str]:
        call = ["aimwell", "predict", *words, "--workspace", str(self._workspace)]
        self._patch.setattr("sys.argv", call)
        try:
            main()
            code = 0
        except SystemExit as end:
            code = int(end.code or 0)
        written = self._capsys.readouterr()
        return code, written.out, written.err

    def json(self, *words: str) -> Any:
        code, out, err = self(*words, "--json")
        assert (code, err) == (0, "")
        return json.loads(out)


@pytest.fixture
def call(
    workspace: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Call:
    return Call(workspace, capsys, monkeypatch)


def test_baskets_for_people_and_for_scripts(call: Call) -> None:
    code, out, err = call("baskets", "--as-of", AS_OF)
    assert code == 0
    assert "butter Butter [salted]" in out
    assert "Beware" in err
    found = call.json("baskets", "--as-of", AS_OF, "--support", "0.02")
    stands = [(one["antecedent"], one["consequent"]) for one in found["rules"] if one["stands"]]
    assert (["butter"], ["bread"]) in stands
    _code, out, _err = call("baskets", "--as-of", AS_OF, "--product", "butter", "--all")
    assert "bread" in out
    assert "may be chance" in out or "yes" in out


def test_next_for_people_and_for_scripts(call: Call) -> None:
    code, out, _err = call("next", "--as-of", AS_OF, "--within", "30")
    assert (code, "cot" in out, "toy" in out) == (0, True, True)
    found = call.json("next", "--as-of", AS_OF, "--within", "30", "--after", "cot")
    assert found["findings"][0]["then"] == "toy"
    assert found["findings"][0]["stands"] is True


def test_paths_for_people_and_for_scripts(call: Call) -> None:
    code, out, _err = call("paths", "--as-of", AS_OF, "--window", "20", "--longest", "2")
    assert (code, "View › Save" in out) == (0, True)
    found = call.json("paths", "--as-of", AS_OF, "--window", "20", "--to", "silence")
    assert {tuple(one["first"]) for one in found["findings"] if one["stands"]} == {("Save", "View")}


def test_responses_for_people_and_for_scripts(call: Call) -> None:
    code, out, err = call("responses", "--as-of", AS_OF)
    assert (code, "spring" in out, "control group" in err) == (0, True, True)
    found = call.json("responses", "--as-of", AS_OF)
    assert found["findings"][0]["first"] == ["cot"]


def test_bundles_for_people_and_for_scripts(call: Call) -> None:
    code, out, err = call("bundles", "--as-of", AS_OF, "--discount", "0.25")
    assert (code, "50% off" in out, "+100%" in out) == (0, True, True)
    assert "margin_default" in err
    found = call.json("bundles", "--as-of", AS_OF)
    assert found["bundles"][0]["items"] == ["bread", "butter"]
    assert found["bundles"][0]["margin"]["value"] == pytest.approx(4.0)


def test_nothing_to_show_is_said_and_is_no_failure(call: Call) -> None:
    code, out, _err = call("baskets", "--as-of", AS_OF, "--support", "0.9")
    assert (code, "There is nothing to show" in out) == (0, True)
    code, out, _err = call("bundles", "--as-of", AS_OF, "--support", "0.9")
    assert (code, "Lower --support" in out) == (0, True)


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("baskets", "--product", "buter"), 1, "Did you mean 'butter'?"),
        (("baskets", "--by", "colour"), 1, "Known: sku, category"),
        (("baskets", "--support", "2"), 2, "--support"),
        (("next", "--within", "0"), 2, "--within"),
        (("paths", "--of", "moods"), 1, "Known: events, categories, products"),
        (("paths", "--to", "Flown"), 1, "too little data"),
        (("responses", "--to", "sing"), 1, "who did 'sing' after a message: 0"),
        (("bundles", "--discount", "1.5"), 2, "--discount"),
    ],
)
def test_wrong_calls_say_what_is_allowed(
    call: Call, words: tuple[str, ...], code: int, told: str
) -> None:
    ended, _out, err = call(*words, "--as-of", AS_OF)
    assert ended == code
    assert told in err
