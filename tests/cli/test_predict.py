"""`aimwell predict` as a person and as a script call it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from aimwell.cli.app import main
from buyers import add_buyers
from shop import day, make_stores

AS_OF = day(400).isoformat()


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    stores = make_stores(tmp_path_factory.mktemp("cli"), margin_default=0.5)
    add_buyers(stores, 400)
    stores.close()
    return stores.root


class Call:
    """Runs the command and keeps what it wrote."""

    def __init__(
        self,
        workspace: Path,
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        self._workspace, self._capsys, self._monkeypatch = workspace, capsys, monkeypatch

    def __call__(self, *words: str) -> tuple[int, str, str]:
        self._monkeypatch.setattr(
            "sys.argv", ["aimwell", "predict", *words, "--workspace", str(self._workspace)]
        )
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


def test_models_are_trained_listed_and_explained(call: Call) -> None:
    code, out, _err = call("models")
    assert (code, "There is no model yet" in out) == (0, True)
    code, out, err = call("propensity", "--horizon", "60", "--as-of", AS_OF)
    assert code == 0
    assert re.search(r"boosted( trees)? +0\.\d{3} +0\.\d{3} +\d+\.\d%", out)
    assert "400 people have a score as of 2027-02-05" in out
    assert "Beware: It says who will do it, not whom a promotion would move" in err
    code, out, err = call("lifetime-value", "--horizon", "90", "--as-of", AS_OF)
    assert code == 0
    assert "best tenth" in out
    assert "margin (GBP)" in out
    shares = [int(share) for share in re.findall(r" (\d+)%  ", out)]
    assert 98 <= sum(shares[-4:]) <= 102
    _code, out, _err = call("models")
    assert re.search(r"buy-60d@1 .* AUC 0\.\d{3}", out)
    assert re.search(r"lifetime-value-90d@1 .* correlation 0\.\d\d", out)
    code, out, _err = call("card", "buy-60d@1")
    assert code == 0
    assert out.startswith("buy-60d, version 1\n\nWhat it predicts\n")


def test_json_is_the_card_with_all_figures(call: Call) -> None:
    made = call.json("propensity", "--horizon", "60", "--as-of", AS_OF, "--name", "mine")
    assert made["metrics"]["judge"]["people"] > 100
    scored = made.pop("scored")
    assert scored["people"] == 400
    assert 0 < scored["expected"] < 400
    assert call.json("card", "mine") == made
    value = call.json("lifetime-value", "--horizon", "90", "--as-of", AS_OF, "--name", "worth")
    assert value["metrics"]["measure"] == "margin"
    listed = {one["name"]: one for one in call.json("models")}
    assert {"mine", "worth"} <= set(listed)
    assert listed["mine"]["as_of"] == made["as_of"]


def test_the_list_goes_from_people_over_products_to_models(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["aimwell", "predict", "-h"])
    with pytest.raises(SystemExit):
        main()
    out = capsys.readouterr().out
    panels = ["─ People ─", "─ Products ─", "─ Patterns ─", "─ Models ─"]
    places = [out.index(panel) for panel in panels]
    assert places == sorted(places)
    assert "─ Commands ─" not in out
    assert places[1] < out.index(" similar ") < places[2]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["card", "nothing"], "There is no model 'nothing'"),
        (["propensity", "--horizon", "365", "--as-of", AS_OF], "days of history: "),
        (["propensity", "--event", "Ordered", "--as-of", AS_OF], "Did you mean 'Order Completed'"),
        (["propensity", "--as-of", "1999-01-01"], "No known person did"),
        (["lifetime-value", "--discount", "2", "--as-of", AS_OF], "discount_monthly must be"),
        (["propensity", "--name", "A b", "--horizon", "60", "--as-of", AS_OF], "small letters"),
    ],
)
def test_what_cannot_be_done_is_said_on_stderr_with_code_1(
    call: Call, words: list[str], said: str
) -> None:
    code, out, err = call(*words)
    assert (code, out) == (1, "")
    assert said in err.replace("\n", " ")


def test_a_call_that_is_wrong_has_code_2(call: Call) -> None:
    assert call("propensity", "--as-of", "yesterday")[0] == 2
    assert call("card")[0] == 2


def test_one_person_is_scored_and_settings_are_looked_for(call: Call) -> None:
    words = ("propensity", "--horizon", "60", "--as-of", AS_OF, "--name", "tuned", "--tries", "1")
    card = call.json(*words)
    assert card["settings"]["tuning"] == {"tries": 1}
    told = [one["tuned"]["tries"] for one in card["metrics"]["candidates"] if "tuned" in one]
    assert told == [1, 1]
    assert sum("1 tried on 400 people" in line for line in card["learnt_from"]) == 2
    one = call.json("score", "tuned", "buyer 1", "--as-of", AS_OF)
    assert 0 < one["probability"] < 1
    everybody = call.json("score", "tuned", "--as-of", AS_OF)
    assert (everybody["model"], everybody["people"] > 100) == ("tuned@1", True)
    code, out, err = call("score", "tuned", "--as-of", AS_OF)
    assert (code, err) == (0, "")
    assert f"{everybody['people']:,} people have a score by tuned@1" in out
    code, out, _err = call("score", "tuned", one["profile_id"], "--as-of", AS_OF)
    assert code == 0
    assert f"{one['probability']:.1%} within 60 days" in out
    code, _out, err = call("score", "tuned", "nobody", "--as-of", AS_OF)
    assert (code, "Nobody is known by that" in err) == (1, True)
    for wrong in ("soon", "0m"):
        code, _out, err = call("propensity", "--tune", wrong)
        assert (code, "--tune" in err) == (2, True)
    code, _out, err = call("lifetime-value", "--law", "poisson")
    assert (code, "--law: it is one of auto, bgnbd, mbg, pareto" in err) == (2, True)
