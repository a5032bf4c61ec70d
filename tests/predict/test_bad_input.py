"""What is wrong with the data, against every command of `predict`: it answers with finite figures, or says what is missing."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pytest

from aimwell.definitions.catalogue import check
from aimwell.definitions.service import apply
from aimwell.predict.recommend.service import recommend
from aimwell.predict.registry import find_model
from aimwell.predict.scoring import stored_scores
from aimwell.predict.service import score_propensity
from aimwell.predict.training import feature_table, span_days
from aimwell.store.stores import Stores, open_stores
from command import Run, command_in
from every_model import END, HORIZON, NOW, add_everything
from shop import add_orders, add_people, add_products, day, make_stores, origin

AT = day(END).isoformat()
COMMANDS: dict[str, list[str]] = {
    "propensity": ["propensity", "--horizon", str(HORIZON)],
    "churn": ["churn", "--horizon", str(HORIZON)],
    "churn, own horizon": ["churn", "--name", "own"],
    "subscriptions": ["churn", "--of", "subscriptions", "--horizon", "60"],
    "lifetime value": ["lifetime-value", "--horizon", "90"],
    "by mbg": ["lifetime-value", "--horizon", "90", "--law", "mbg", "--name", "mbg"],
    "by pareto": ["lifetime-value", "--horizon", "90", "--law", "pareto", "--name", "pareto"],
    "spend": ["spend", "--horizon", str(HORIZON)],
    "recommenders": ["recommenders", "--horizon", str(HORIZON)],
    "next purchase": ["next-purchase"],
    "next by product": ["next-purchase", "--by", "product"],
    "best time": ["best-time"],
    "demand": ["demand", "--horizon", "14"],
    "demand of the shop": ["demand", "--by", "shop", "--weekly", "--horizon", "14"],
    "baskets": ["baskets"],
    "bought next": ["next", "--within", "40"],
    "paths": ["paths"],
    "responses": ["responses"],
    "bundles": ["bundles"],
}


def orders(
    people: int,
    *,
    every: float,
    until: float = END,
    price: float = 5.0,
) -> list[dict[str, Any]]:
    """People who buy two of six products every so many days from their first day on."""
    rows: list[dict[str, Any]] = []
    for person in range(people):
        at, number = float(person % 9), 0
        while at < until:
            row = {
                "customer": f"c{person}",
                "order_id": f"{person}-{number}",
                "ordered_at": day(at),
            }
            row["lines"] = [(f"p{(person + number + more) % 6}", 1, price) for more in (0, 2)]
            rows.append(row)
            at, number = at + every, number + 1
    return rows


def nothing(stores: Stores) -> None:
    """An empty workspace."""


def five(stores: Stores) -> None:
    """Five customers."""
    add_orders(stores, orders(5, every=10))


def all_buy(stores: Stores) -> None:
    """One class only: everybody buys every twenty days, for the same money, so nobody goes and nothing varies."""
    add_orders(stores, orders(520, every=20))


def none_again(stores: Stores) -> None:
    """One class only: nobody ever buys a second time."""
    rows = orders(600, every=1_000)
    for number, row in enumerate(rows):
        row["ordered_at"] = day(number * END / len(rows))
    add_orders(stores, rows)


def young(stores: Stores) -> None:
    """A history of three weeks."""
    rows = orders(520, every=3, until=21)
    for row in rows:
        row["ordered_at"] = row["ordered_at"] + (day(END - 22) - day(0))
    add_orders(stores, rows)


def silent(stores: Stores) -> None:
    """The last order lies long before the moment."""
    add_orders(stores, orders(520, every=20, until=60))


def owed(stores: Stores) -> None:
    """Everybody gave more back than they bought."""
    rows = orders(520, every=25)
    back = [
        {
            "customer": f"c{person}",
            "order_id": f"back-{person}",
            "kind": "return",
            "ordered_at": day(END - 5),
            "lines": [("p1", 1, 900)],
        }
        for person in range(520)
    ]
    add_orders(stores, rows + back)


def free(stores: Stores) -> None:
    """Everything costs nothing."""
    add_orders(stores, orders(520, every=25, price=0.0))


_OF_GOODS = {"demand", "demand of the shop", "baskets", "bundles"}
_OF_TIMES = {"next purchase", "next by product", "best time"}
_USUAL = _OF_GOODS | _OF_TIMES | {"recommenders", "bought next"}

ANSWERED: dict[Callable[[Stores], None], set[str]] = {
    nothing: set(),
    five: _OF_GOODS,
    all_buy: _USUAL | {"spend"},
    none_again: _OF_GOODS,
    young: _OF_TIMES | {"baskets", "bundles"},
    silent: {"baskets", "bought next", "bundles"},
    owed: _USUAL | {"spend"},
    free: _USUAL,
}
"""What can be told all the same; all else is refused."""

_QUICK = (all_buy,)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    return command_in(tmp_path, monkeypatch, capsys)


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(make, id=make.__name__, marks=() if make in _QUICK else pytest.mark.long)
        for make in ANSWERED
    ],
)
def test_every_command_answers_or_refuses_in_words(
    make: Callable[[Stores], None], tmp_path: Path, run: Run
) -> None:
    stores = make_stores(tmp_path, margin_default=0.4)
    make(stores)
    stores.close()
    for kind, words in COMMANDS.items():
        refused = kind not in ANSWERED[make]
        ran = run("predict", *words, "--as-of", AT, "-w", stores.root, "--json", code=int(refused))
        found = json.loads(ran.out, parse_constant=_not_a_number)
        if refused:
            told = found["error"]
            assert told["kind"] in ("TooLittleDataError", "PredictError"), (kind, told)
            assert not told["retryable"]
            # What was found, and what to do about it.
            assert re.search(r"[0-9]", told["message"]), (kind, told)
            assert told["message"].count(". ") >= 1, (kind, told)


def _not_a_number(text: str) -> None:
    raise AssertionError(f"{text} is no JSON.")


# --- A shop with everything that is odd and allowed ------------------------------------------------------------------


def odd(stores: Stores, robot: int) -> None:
    """Orders of a night without and a night with two 02:30s, more returned than bought, and one who orders every few minutes."""
    add_everything(stores)
    rows: list[dict[str, Any]] = []
    for person in range(80):
        for night, at in (("spring", 87.0), ("autumn", 297.0)):
            moment = day(at) + timedelta(minutes=2 * person)
            rows.append(_order(f"c{person}", f"{night}-{person}", moment))
        back = _order(f"c{person}", f"back-{person}", day(END - 3.0))
        rows.append({**back, "kind": "return", "lines": [("cook-1", 1, 700)]})
    for number in range(robot):
        rows.append(_order("robot", f"robot-{number}", day(number * 298 / robot)))
    add_orders(stores, rows)


def _order(customer: str, order_id: str, at: datetime) -> dict[str, Any]:
    lines = [("cook-1", 1, 4), ("read-2", 1, 5)]
    return {"customer": customer, "order_id": order_id, "ordered_at": at, "lines": lines}


@pytest.fixture(scope="module", params=[500, pytest.param(50_000, marks=pytest.mark.long)])
def oddest(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("odd")
    stores = make_stores(folder, margin_default=0.4, timezone="Europe/Berlin")
    odd(stores, request.param)
    add_people(stores, [{"customer": "newcomer", "first_seen_at": day(END - 1.0)}])
    stores.close()
    return stores.root


# The first 02:30 of the night with two of them, and the second.
_NIGHT = ("2026-10-25T02:30:00+02:00", "2026-10-25T02:30:00+01:00")


def test_what_is_odd_and_allowed_is_answered_with_finite_figures(oddest: Path, run: Run) -> None:
    for kind, words in COMMANDS.items():
        if kind == "churn, own horizon":
            continue  # its horizon leaves too few at risk in so small a shop
        ran = run("predict", *words, "--as-of", AT, "-w", oddest, "--json")
        assert json.loads(ran.out, parse_constant=_not_a_number), kind
    stores = open_stores(oddest)
    for name in ("buy-50d", "churn-50d", "spend-50d", "lifetime-value-90d"):
        scores = stored_scores(stores, find_model(stores, name), day(END))
        assert scores is not None
        assert np.isfinite(pc.drop_null(scores.column("score")).to_numpy()).all(), name
    # Of whom nothing is known but that they are there, every feature but one is missing.
    people = feature_table(stores, as_of=day(END), horizon=span_days(HORIZON))[0].to_pylist()
    scores = stored_scores(stores, find_model(stores, "buy-50d"), day(END))
    assert scores is not None
    assert origin(stores, "newcomer") in scores.column("profile_id").to_pylist() == people
    stores.close()


@pytest.mark.parametrize("moment", _NIGHT, ids=["first 02:30", "second 02:30"])
def test_the_night_with_two_hours_alike_is_a_moment_like_others(
    oddest: Path, run: Run, moment: str
) -> None:
    for kind in ("lifetime value", "next purchase", "best time", "demand of the shop"):
        words = [*COMMANDS[kind], *(("--name", "night") if kind == "lifetime value" else ())]
        ran = run("predict", *words, "--as-of", moment, "-w", oddest, "--json")
        assert json.loads(ran.out, parse_constant=_not_a_number), kind


def test_a_category_that_nobody_knew_is_refused_by_name_and_harmless_in_what_is_scored(
    tmp_path: Path, run: Run
) -> None:
    stores = make_stores(tmp_path)
    add_everything(stores)
    wanted = [
        {"kind": "prediction", "name": f"buy-{taste}", "horizon": f"{HORIZON}d"}
        | {"does": {"event": "Order Completed", "where": {"category": {"is": taste}}}}
        for taste in ("cook", "sing")
    ]
    apply(stores.control, [check(one) for one in wanted], now=NOW, by="test")
    stores.close()
    refused = run("predict", "train", "buy-sing", "--as-of", AT, "-w", stores.root, code=1)
    assert "with category sing" in refused.err
    run("predict", "train", "buy-cook", "--as-of", AT, "-w", stores.root)
    run("predict", "recommenders", "--horizon", HORIZON, "--as-of", AT, "-w", stores.root)
    stores = open_stores(stores.root)
    add_products(stores, [{"sku": "sing-1", "category": "sing"}])
    late = day(END + 1.0)
    rows = [{**_order(f"c{n}", f"new-{n}", late), "lines": [("sing-1", 9, 90)]} for n in range(99)]
    add_orders(stores, rows)
    later = day(END + 2.0)
    scores = score_propensity(stores, "buy-cook", as_of=later, now=NOW)
    assert np.isfinite(scores.column("score").to_numpy()).all()
    lists = recommend(stores, f"recommend-{HORIZON}d", as_of=later).table
    assert "sing-1" not in lists.column("sku").to_pylist()
    stores.close()


# --- Files that were tampered with ------------------------------------------------------------------------------------


def test_commands_that_read_a_changed_model_say_so(oddest: Path, run: Run) -> None:
    at = ["--as-of", AT, "-w", oddest]
    run("predict", "propensity", "--horizon", HORIZON, *at)
    run("predict", "recommenders", "--horizon", HORIZON, *at)
    for model, calls in {
        "buy-50d": [
            ["why", "buy-50d", "c1", *at],
            ["effects", "buy-50d", *at],
            ["monitor", "buy-50d", *at],
        ],
        "recommend-50d": [
            ["recommend", "--model", "recommend-50d", *at],
            ["similar", "cook-1", "--model", "recommend-50d", "-w", oddest],
        ],
    }.items():
        files = [one for one in (oddest / "models" / model).rglob("*") if one.is_file()]
        whole = {file: file.read_bytes() for file in files}
        for file in files:
            file.write_bytes(whole[file] + b" ")
        for words in calls:
            assert "its hash differs" in run("predict", *words, code=1).err.replace("\n", " ")
        for file in files:
            file.write_bytes(whole[file])
