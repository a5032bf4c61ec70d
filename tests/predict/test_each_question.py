"""The table of docs/predict.md: each question has a command and a definition, and both end in words where there is too little."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from aimwell.cli.app import app, main
from aimwell.definitions.catalogue import check
from aimwell.definitions.kinds.prediction import Prediction
from aimwell.definitions.reading import read_documents
from aimwell.definitions.service import apply
from aimwell.errors import PredictError, TooLittleDataError
from aimwell.predict.cards import model_card
from aimwell.predict.care.caring import train_defined
from aimwell.predict.care.questions import kind_asked
from aimwell.predict.care.service import score
from aimwell.predict.registry import list_models
from aimwell.store.stores import Stores
from project_tree import ROOT
from responding_shop import add_responding, add_returning
from shop import add_orders, append, day, make_stores
from subscribers import service

_TABLE = re.compile(r"^\| (.+\?) \| `aimwell predict (.+)` \| `(.+)` \| (\w+) \|$", re.MULTILINE)
ROWS = _TABLE.findall((ROOT / "docs/predict.md").read_text(encoding="utf-8"))
NAMES = [row[2] for row in ROWS]
MOMENT = day(100)
WITHOUT = (
    "buy-books",
    "opens",
    "clicks",
    "responds-to-spring",
    "subscription-ends",
    "wanted-categories",
)
"""Of what they ask, a shop with orders alone knows nothing at all."""


def definitions() -> dict[str, Prediction]:
    found = [
        check(one.body) for one in read_documents([ROOT / "examples/predictions/questions.yaml"])
    ]
    return {one.name: one for one in found if isinstance(one, Prediction)}


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    stores = make_stores(tmp_path_factory.mktemp("empty"))
    yield stores
    stores.close()


@pytest.fixture(scope="module")
def five(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    """A shop of five customers, who each ordered three times."""
    stores = make_stores(tmp_path_factory.mktemp("five"))
    orders = [
        {
            "customer": f"c{person}",
            "order_id": f"{person}-{at}",
            "ordered_at": day(at + person),
            "lines": [("mug", 1, 4.5)],
        }
        for person in range(5)
        for at in (0, 30, 90)
    ]
    add_orders(stores, orders)
    yield stores
    stores.close()


def test_the_table_and_the_examples_are_the_same() -> None:
    assert len(ROWS) >= 19
    assert sorted(NAMES) == sorted(definitions())


@pytest.mark.parametrize(("question", "command", "name", "kind"), ROWS, ids=NAMES)
def test_each_row_has_a_command_and_a_definition_of_its_kind(
    question: str, command: str, name: str, kind: str
) -> None:
    wanted = definitions()[name]
    assert kind_asked(wanted) == kind
    group: Any = typer.main.get_command(app)
    words = ["predict", *shlex.split(command)]
    while hasattr(group, "commands"):
        group = group.commands[words.pop(0)]
        if hasattr(group, "load"):
            group = group.load()
    assert group.make_context("aimwell", words).params, question


def test_all_of_them_are_taken_together(tmp_path: Path) -> None:
    stores = make_stores(tmp_path)
    assert len(definitions()) == len(NAMES)
    apply(stores.control, list(definitions().values()), now=day(0), by="test")
    stores.close()


@pytest.mark.parametrize("shop", ["empty", pytest.param("five", marks=pytest.mark.long)])
@pytest.mark.parametrize("command", [row[1] for row in ROWS], ids=NAMES)
def test_a_command_ends_with_1_and_words_where_there_is_too_little(
    shop: str,
    command: str,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    root = request.getfixturevalue(shop).root
    words = ["predict", *shlex.split(command), "--as-of", MOMENT.date().isoformat()]
    monkeypatch.setattr("sys.argv", ["aimwell", *words, "-w", str(root)])
    with pytest.raises(SystemExit) as end:
        main()
    told = capsys.readouterr().err
    assert end.value.code == 1, told
    assert "Traceback" not in told
    assert re.search(r"\b(no|nobody|nothing|of at least)\b", told.lower()), told


@pytest.mark.parametrize("shop", ["five", pytest.param("empty", marks=pytest.mark.long)])
@pytest.mark.parametrize("name", NAMES)
def test_a_definition_says_what_is_needed_and_what_is_there(
    shop: str, name: str, request: pytest.FixtureRequest
) -> None:
    stores = request.getfixturevalue(shop)
    with pytest.raises((TooLittleDataError, PredictError)) as refused:
        train_defined(stores, definitions()[name], as_of=MOMENT, now=MOMENT)
    assert list_models(stores) == ()
    told = str(refused.value).lower()
    if shop == "five" and name not in WITHOUT:
        assert isinstance(refused.value, TooLittleDataError)
        assert re.search(r"found [\w ]+: [\d,]+ of at least [\d,]+", told)
    else:
        assert re.search(r"\b(no|nobody|nothing|0 of at least)\b", told)


@pytest.mark.long
def test_definitions_that_have_enough_become_models_of_their_kind(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    stores = make_stores(tmp_path_factory.mktemp("enough"), margin_default=0.4)
    add_responding(stores)
    append(stores, "subscriptions", service(stores, 1000, 3))
    add_returning(stores)
    moment, kinds, refused = day(200), {row[2]: row[3] for row in ROWS}, set()
    for name, wanted in definitions().items():
        try:
            entry = train_defined(stores, wanted, as_of=moment, now=moment)
        except (TooLittleDataError, PredictError):
            refused.add(name)
            continue
        assert (entry.name, entry.kind) == (name, kinds[name])
        assert model_card(entry)["sentence"]
        scored = score(stores, entry, as_of=moment, now=moment)
        assert scored is None or scored > 50, name
    stores.close()
    # Nobody opens, and there are no books and no campaigns of spring.
    assert refused <= {
        "buy",
        "buy-books",
        "clicks",
        "goes",
        "opens",
        "responds-to-spring",
        "spends",
        "worth",
    }
    assert len(refused) < 6, refused
