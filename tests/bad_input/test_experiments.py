"""Experiments that others ran, as bad as they come: through the commands, refused or counted in words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from command import Ran, Run

Row = dict[str, Any]

SOURCE = """
kind: source
name: trial
files: {people: trial.csv}
currency: GBP
timezone: Europe/London
entities:
  - entity: customers
    map: {customer_id: id, set_at: {constant: "2026-01-01"}}
    traits: {age: age}
  - entity: assignments
    experiment: trial
    control: [none]
    map: {customer_id: id, arm: arm, assigned_at: day, probability: p}
  - entity: outcomes
    experiment: trial
    map: {customer_id: id, observed_at: seen}
    measured: {spend: spend}
"""


def rows(people: int = 60) -> list[Row]:
    """Every second person gets a letter, which adds 5 to what they spend."""
    return [
        {
            "id": f"c{n}",
            "age": 20 + n * 7 % 51,
            "arm": ("none", "letter")[n % 2],
            "day": "2026-03-01",
            "p": 0.5,
            "seen": "2026-03-15",
            "spend": 20 + n * 5 % 7 + 5 * (n % 2),
        }
        for n in range(people)
    ]


def collected(run: Run, found: list[Row], source: str = SOURCE) -> Ran:
    """Collect these people by the source; what the command told of it."""
    names = list(found[0])
    lines = [",".join(names), *(",".join(str(row[name]) for name in names) for row in found)]
    Path("trial.csv").write_text("\n".join(lines), encoding="utf-8")
    Path("trial.yaml").write_text(source, encoding="utf-8")
    run("apply", "trial.yaml", "-w", "shop")
    return run("collect", "source", "trial", "-w", "shop")


def everybody_treated(one: Row) -> Row:
    return {**one, "arm": "letter", "age": 40}


def an_arm_without_outcomes(one: Row) -> Row:
    return {**one, "spend": "" if one["arm"] == "letter" else one["spend"]}


def outcomes_before_the_assignment(one: Row) -> Row:
    return {**one, "seen": "2026-02-20"}


def probabilities_of_seven_tenths(one: Row) -> Row:
    return {**one, "p": 0.5 if one["arm"] == "letter" else 0.2}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (everybody_treated, "Everybody in 'trial' got 'letter', so there is nobody"),
        (an_arm_without_outcomes, "Nobody in the arm 'letter' of 'trial' has an outcome"),
        (outcomes_before_the_assignment, "60 outcomes are dated before their person was assigned"),
        (probabilities_of_seven_tenths, "add up to 0.7, not to 1"),
    ],
)
def test_what_cannot_be_compared_is_refused_in_words(
    run: Run, workspace: Path, change: Callable[[Row], Row], words: str
) -> None:
    collected(run, [change(one) for one in rows()])
    for command in (("measure", "experiment"), ("decide", "uplift"), ("decide", "policy")):
        assert words in run(*command, "trial", "-w", "shop", code=1).err


def test_what_is_bad_of_some_people_is_counted_and_they_are_left_out(
    run: Run, workspace: Path
) -> None:
    people = rows()
    people[0]["spend"] = "inf"
    people[1]["spend"] = "1e999"
    people[2]["p"] = 0
    people[3]["seen"] = people[4]["seen"] = "2026-02-20"
    told = collected(run, people)
    assert "not_a_number" in told.out + told.err
    assert "not_a_probability" in told.out + told.err
    found = run("measure", "experiment", "trial", "-w", "shop", "--json").json["experiments"][0]
    # The one without a probability has no arm; two have no finite outcome, two none after they were assigned.
    assert found["people"] == 55
    cautions = " ".join(found["cautions"])
    assert "2 outcomes are dated before their person was assigned" in cautions
    assert "1 people have outcomes and no arm" in cautions
    assert (
        "4 people have no outcome and were left out (6.9% of 'control', 6.7% of 'letter')"
        in cautions
    )
    assert found["comparisons"][0]["difference"]["estimate"] == pytest.approx(5, abs=1)


@pytest.mark.long
def test_a_broken_split_is_said_before_the_result(run: Run, workspace: Path) -> None:
    collected(run, [one for n, one in enumerate(rows(200)) if n % 2 or n % 3 == 0])
    assert "Do not believe this yet" in run("measure", "experiment", "trial", "-w", "shop").out


def test_what_ran_already_is_not_set_up_again_and_unknown_names_are_told(
    run: Run, workspace: Path
) -> None:
    told = SOURCE.replace("observed_at: seen", "observed_at: seen, window_days: {constant: 14}")
    collected(run, rows(20), told)
    for command in (("decide", "experiment", "trial"), ("decide", "rollout", "trial", "letter")):
        assert "ran already" in run(*command, "-w", "shop", code=1).err
    asked = ("measure", "experiment", "trial", "--days", 30, "-w", "shop")
    assert "those of 14 days; 30 days cannot be counted" in run(*asked).err
    assert "There is no experiment 'trail'" in run("decide", "experiment", "trail", "-w", "shop", code=1).err  # fmt: skip


def test_of_one_person_an_arm_nothing_is_known_and_one_alone_is_refused(
    run: Run, workspace: Path
) -> None:
    collected(run, rows(2))
    told = run("measure", "experiment", "trial", "-w", "shop").out
    assert "Nothing can be said of spend" in told
    assert "not known, as " in told


CONTACTS = """
kind: source
name: contacts
files: {people: contacts.csv}
entities:
  - entity: customers
    map: {customer_id: id, email: email, set_at: {constant: "2026-04-01"}}
"""


@pytest.mark.long
def test_people_who_turn_out_to_be_one_after_they_were_assigned_count_once(
    run: Run, workspace: Path
) -> None:
    collected(run, rows())
    Path("contacts.csv").write_text("id,email\nc0,ann@example.com\nc1,ann@example.com\n")
    Path("contacts.yaml").write_text(CONTACTS)
    run("apply", "contacts.yaml", "-w", "shop")
    run("collect", "source", "contacts", "-w", "shop")
    found = run("measure", "experiment", "trial", "-w", "shop", "--json").json["experiments"][0]
    assert (found["people"], found["crossed"], found["contradicted_people"]) == (59, 1, 1)


def test_one_person_alone_is_no_experiment(run: Run, workspace: Path) -> None:
    collected(run, rows(1))
    assert "nobody to compare" in run("measure", "experiment", "trial", "-w", "shop", code=1).err


def test_what_loses_with_each_sale_is_sent_to_nobody(run: Run, workspace: Path) -> None:
    collected(run, rows(120))
    told = run(
        *("decide", "policy", "trial", "--outcome", "spend", "--worth", "-0.2", "--no-trees"),
        *("--columns", "trait:age", "--repeats", 1, "-w", "shop", "--json"),
    )
    assert told.json["choice"]["chosen"] == "nobody"


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ("{letter: 0.5, none: 0.2}", "add up to 0.7, not to 1"),
        ("{letter: 1, none: 0}", "'none' has 0, so nobody can have got it"),
    ],
)
def test_probabilities_of_a_definition_are_checked_when_it_is_applied(
    run: Run, workspace: Path, told: str, words: str
) -> None:
    source = SOURCE.replace(", probability: p}", f"}}\n    probabilities: {told}")
    Path("trial.yaml").write_text(source, encoding="utf-8")
    assert words in run("apply", "trial.yaml", "-w", "shop", code=1).err


TWO = SOURCE.replace("experiment: trial", "experiment: other").replace("name: trial", "name: other")


@pytest.mark.long
def test_a_campaign_that_ran_on_the_same_people_at_the_same_time_is_named(
    run: Run, workspace: Path
) -> None:
    collected(run, rows())
    Path("other.yaml").write_text(TWO, encoding="utf-8")
    run("apply", "other.yaml", "-w", "shop")
    run("collect", "source", "other", "-w", "shop")
    told = run("measure", "experiment", "trial", "-w", "shop").err
    assert "60 of the people (100%) were assigned in 'other' meanwhile" in told
    assert "the arms of both go together" in told


ORDERS = """
  - entity: orders
    from: orders
    map: {order_id: order, customer_id: id, ordered_at: at, line_total: total}
"""


def test_the_window_ends_at_its_moment_though_clocks_change_in_it(
    run: Run, workspace: Path
) -> None:
    # London's clocks went forward on 29 March 2026: fourteen days after midnight of the 20th end at one in the morning.
    source = SOURCE[: SOURCE.index("  - entity: outcomes")].replace(
        "{people: trial.csv}", "{people: trial.csv, orders: orders.csv}"
    )
    source = source.replace(
        "    map: {customer_id: id,", "    from: people\n    map: {customer_id: id,"
    )
    made = [
        ("before the start", "c0", "2026-03-19 23:59", 1),
        ("at the start", "c0", "2026-03-20 00:00", 10),
        ("just within", "c1", "2026-04-03 00:59", 100),
        ("just after", "c1", "2026-04-03 01:00", 1_000),
    ]
    Path("orders.csv").write_text(
        "\n".join(["order,id,at,total", *(",".join(map(str, one)) for one in made)]),
        encoding="utf-8",
    )
    collected(run, [{**one, "day": "2026-03-20"} for one in rows(4)], source + ORDERS)
    told = run("measure", "experiment", "trial", "--outcome", "revenue", "-w", "shop", "--json")
    [found] = told.json["experiments"]
    assert {one["arm"]: one["mean"] for one in found["arms"]} == {"control": 5, "letter": 50}
