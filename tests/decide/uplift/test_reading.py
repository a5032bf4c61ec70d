"""Experiments in a workspace: imported ones, campaigns of our own, touches that were only observed, and what is refused."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from aimwell.decide.policies.service import policy_report, who_gets_what
from aimwell.decide.uplift.observing import CAVEAT
from aimwell.decide.uplift.reading import read_experiment, read_observed, traits_of
from aimwell.decide.uplift.segments import segment_members
from aimwell.errors import DecideError
from aimwell.store.stores import Stores
from campaigns import apply, executed, set_up
from command import Run, command_in
from imported import assign, report
from shop import (
    add_orders,
    add_people,
    add_touches,
    add_traits,
    day,
    make_stores,
    merge_people,
)

PEOPLE = 400
NOW = day(90)


def filled(folder: Path) -> Stores:
    """Four hundred people with a town and an age; a mail to half of them adds 10 in town, and takes 10 off elsewhere."""
    stores = make_stores(folder, margin_default=0.5)
    rng = np.random.default_rng(1)
    names = [f"c{n}" for n in range(PEOPLE)]
    town = rng.random(PEOPLE) < 0.5
    mailed = rng.random(PEOPLE) < 0.5
    age = rng.integers(20, 70, PEOPLE)
    add_people(stores, [{"customer": name, "seen_at": day(1)} for name in names])
    add_traits(
        stores,
        [
            {"customer": name, "name": trait, "value": value}
            for name, here, years in zip(names, town, age, strict=True)
            for trait, value in (("area", "town" if here else "country"), ("age", str(years)))
        ],
    )
    assign(
        stores,
        [
            {
                "customer": name,
                "experiment": "mail",
                "arm": "letter" if got else "control",
                "probability": 0.5,
            }
            for name, got in zip(names, mailed, strict=True)
        ],
    )
    spend = 30 + 10 * mailed * np.where(town, 1, -1) + 3 * rng.standard_normal(PEOPLE)
    report(stores, "mail", dict(zip(names, spend.tolist(), strict=True)))
    return stores


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    opened = filled(tmp_path_factory.mktemp("experiment"))
    yield opened
    opened.close()


def test_an_imported_experiment_is_read_with_traits_as_numbers(stores: Stores) -> None:
    found = read_experiment(stores, "mail", now=NOW)
    assert found.data.arms == ("control", "letter")
    assert len(found.data) == PEOPLE
    assert found.window_days == 14
    assert found.as_of == day(30)
    assert {"trait:age", "trait:area=town", "trait:area=country"} <= set(found.data.names)
    assert found.data.propensity[0] == pytest.approx([0.5, 0.5])
    assert list(found.data.outcomes) == ["spend"]
    assert found.data.cautions == ()


def test_the_policy_sends_to_town_alone_and_says_to_whom_today(stores: Stores) -> None:
    read = read_experiment(stores, "mail", now=NOW, columns=["trait:area", "trait:age"])
    found = policy_report(
        read.data,
        "spend",
        trees=False,
        repeats=1,
        protected=traits_of(stores, read, ["area"]),
    )
    assert found.choice.verdict == "personalise"
    groups = {one.value: one for one in found.groups}
    assert groups["town"].share.estimate == pytest.approx(1.0, abs=0.02)
    assert groups["country"].beyond_limit
    table = who_gets_what(stores, read, found, as_of=NOW, trees=False)
    actions = dict(zip(*(table.column(n).to_pylist() for n in table.column_names), strict=True))
    areas = dict(
        zip(read.profiles.to_pylist(), traits_of(stores, read, ["area"])["area"], strict=True)
    )
    right = [(actions[p] == "letter") == (area == "town") for p, area in areas.items()]
    assert np.mean(right) > 0.98


def test_a_segment_is_a_rule_to_compare_with(stores: Stores) -> None:
    apply(
        stores,
        townsfolk={
            "kind": "segment",
            "name": "townsfolk",
            "rule": {"trait": "area", "in": ["town"]},
        },
    )
    read = read_experiment(stores, "mail", now=NOW, columns=["trait:age"])
    found = policy_report(
        read.data,
        "spend",
        trees=False,
        repeats=1,
        rules={"townsfolk": "letter"},
        inside=segment_members(stores, read, ["townsfolk"]),
    )
    # By age alone nothing can be told, so the rule is the best there is.
    assert found.choice.chosen == "segment townsfolk: letter"


def test_an_unknown_experiment_names_the_known_ones(stores: Stores) -> None:
    with pytest.raises(DecideError, match="'mail'"):
        read_experiment(stores, "male", now=NOW)


def test_nothing_dated_at_the_assignment_is_looked_at(tmp_path: Path) -> None:
    opened = make_stores(tmp_path)
    names = [f"c{n}" for n in range(40)]
    add_people(opened, [{"customer": name, "seen_at": day(1)} for name in names])
    add_traits(
        opened,
        [
            {"customer": n, "name": "late", "value": str(i), "set_at": day(30)}
            for i, n in enumerate(names)
        ],
    )
    rows = [
        {"customer": n, "experiment": "x", "arm": arm, "probability": 0.5}
        for n, arm in zip(names, ["control", "mail"] * 20, strict=True)
    ]
    assign(opened, rows)
    report(opened, "x", dict.fromkeys(names, 1.0))
    with pytest.raises(DecideError, match="Nothing that differs"):
        read_experiment(opened, "x", now=NOW, columns=["orders"])
    opened.close()


def bought(tmp_path: Path, probabilities: tuple[float, float] = (0.5, 0.5)) -> Stores:
    """A campaign of our own without reported outcomes: orders tell."""
    opened = make_stores(tmp_path, margin_default=0.5)
    names = [f"c{n}" for n in range(80)]
    orders = [
        {"customer": n, "order_id": f"a{i}", "ordered_at": day(5 + i % 20), "revenue": 10 + i}
        for i, n in enumerate(names)
    ]
    later = [
        {"customer": n, "order_id": f"b{i}", "ordered_at": day(32), "revenue": 40}
        for i, n in enumerate(names)
        if i % 4 == 1
    ]
    add_orders(opened, orders + later)
    assign(
        opened,
        [
            {"customer": n, "experiment": "own", "arm": arm, "probability": p, "variant": v}
            for n, (arm, p, v) in zip(
                names,
                [("control", probabilities[0], None), ("ten", probabilities[1], "warm")] * 40,
                strict=True,
            )
        ],
    )
    return opened


def test_our_own_campaign_is_judged_by_what_people_bought(tmp_path: Path) -> None:
    opened = bought(tmp_path)
    found = read_experiment(opened, "own", now=NOW, horizon_days=14)
    assert set(found.data.outcomes) == {"bought", "orders", "revenue", "margin"}
    treated = found.data.arm == 1
    assert found.data.outcome("revenue")[treated].mean() == pytest.approx(20.0)
    assert found.data.outcome("margin")[treated].mean() == pytest.approx(10.0)
    assert found.data.outcome("bought")[~treated].sum() == 0
    assert "revenue_30d" in found.data.names
    with pytest.raises(DecideError, match="which is to come"):
        read_experiment(opened, "own", now=day(35), horizon_days=14)
    opened.close()


def test_people_merged_after_they_were_assigned_count_once_by_the_earliest_arm(
    tmp_path: Path,
) -> None:
    opened = bought(tmp_path)
    merge_people(opened, ["c0", "c1"])  # one was held out, the other was not
    found = read_experiment(opened, "own", now=NOW)
    assert len(found.data) == 79
    assert any(
        words.endswith("the earliest counts: 1 of the people.") for words in found.data.cautions
    )
    opened.close()


def test_a_campaign_that_was_planned_and_executed_here_is_read(tmp_path: Path) -> None:
    opened = make_stores(tmp_path, margin_default=0.4)
    set_up(opened, 120)
    executed(opened)
    found = read_experiment(opened, "spring", now=day(75), horizon_days=7)
    assert found.data.arms[0] == "control"
    assert len(found.data) == 120
    assert found.data.propensity[0] == pytest.approx([0.2, 0.8])
    assert "revenue" in found.data.names
    opened.close()


def test_logged_probabilities_that_do_not_add_up_are_refused(tmp_path: Path) -> None:
    opened = bought(tmp_path, (0.5, 0.2))
    with pytest.raises(DecideError, match=r"add up to 0\.7"):
        read_experiment(opened, "own", now=NOW)
    opened.close()


def test_a_broken_split_is_a_caution(tmp_path: Path) -> None:
    opened = bought(tmp_path, (0.05, 0.95))
    found = read_experiment(opened, "own", now=NOW)
    assert any("arm" in words for words in found.data.cautions)
    opened.close()


def test_touches_that_somebody_chose_are_read_with_the_caveat(tmp_path: Path) -> None:
    opened = bought(tmp_path)
    add_touches(
        opened,
        [
            {
                "customer": f"c{n}",
                "event": "Email Sent",
                "campaign": "autumn",
                "occurred_at": day(28),
            }
            for n in range(0, 80, 2)
        ],
    )
    found = read_observed(
        opened, "autumn", now=NOW, horizon_days=14, columns=["revenue", "recency_days"]
    )
    assert found.data.arms == ("control", "treated")
    assert found.data.cautions[0] == CAVEAT
    assert found.overlap is not None
    assert len(found.profiles) == len(found.data)
    with pytest.raises(DecideError, match="'autumn'"):
        read_observed(opened, "autum", now=NOW)
    opened.close()


@pytest.fixture
def aimwell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    filled(tmp_path).close()
    return command_in(tmp_path / "workspace", monkeypatch, capsys)


def test_the_commands_tell_a_reader_and_a_script(aimwell: Run, tmp_path: Path) -> None:
    page = tmp_path / "uplift.html"
    told = aimwell("decide", "uplift", "mail", "--learners", "dr,t", "--html", page).out
    assert page.read_text(encoding="utf-8").count('class="dot"') == 10
    assert "Experiment mail: 400 people" in told
    assert "persuadables" in told
    assert aimwell("decide", "uplift", "mail", "--learners", "dr", "--json").json["arm"] == "letter"
    file = tmp_path / "who.csv"
    options = ["--no-trees", "--repeats", "1", "--contact-cost", "0.5", "--protected", "area"]
    table = aimwell("decide", "policy", "mail", *options, "--to", file).out
    assert "Personalising pays" in table
    assert "everyone: letter" in table
    assert "beyond the limit" in table
    with file.open(encoding="utf-8") as rows:
        assert {row["action"] for row in csv.DictReader(rows)} == {"control", "letter"}
    found = aimwell("decide", "policy", "mail", *options, "--json").json
    assert found["choice"]["verdict"] == "personalise"
    assert {one["kind"] for one in found["candidates"]} == {"constant", "likeliest first", "uplift"}


def test_wrong_calls_end_with_words(aimwell: Run) -> None:
    assert (
        "There is no learner 'q'"
        in aimwell("decide", "uplift", "mail", "--learners", "q", code=1).err
    )
    assert (
        "no outcome 'visits'"
        in aimwell("decide", "policy", "mail", "--outcome", "visits", code=1).err.lower()
    )
    assert (
        "is no number"
        in aimwell("decide", "policy", "mail", "--contact-cost", "letter=cheap", code=2).err
    )
