"""An A/A proof on Online Retail: nobody there ever got a promotion, so every interval should cover zero, 95 times in 100.

Plan, people and orders go through the whole path once; then people are dealt to the arms anew under each salt, just as a
plan would deal them, and measured by the same function.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from aimwell.decide.arms import holdout_bucket
from aimwell.decide.campaign_parts import parts_of_plan
from aimwell.decide.model import Plan
from aimwell.decide.service import plan
from aimwell.decide.stored import load_plan, places
from aimwell.measure.interference import household_spillover
from aimwell.measure.ledger import Ledger, read_contacts
from aimwell.measure.lifts import lift_of
from aimwell.measure.model import Delivery, Span
from aimwell.measure.people import Cell
from aimwell.measure.reading import Reading, read_people
from aimwell.measure.results import Setting, result_from
from aimwell.measure.service import measure
from aimwell.stats.buckets import buckets
from aimwell.store.stores import Stores
from retail_trials import AUDIENCES, apply_trials
from shop import make_stores, online_retail

AS_OF = datetime(2011, 9, 1, tzinfo=UTC)
NOW = datetime(2012, 1, 1, tzinfo=UTC)
HOLDOUT = 2_000  # of 10,000 buckets


@dataclass(frozen=True)
class Group:
    """One audience: its plan, its people as they were read, and their origins in the same order."""

    stores: Stores
    setting: Setting
    reading: Reading
    origins: list[str]

    def dealt(self, salt: str) -> Reading:
        """The same people as a plan under another salt would deal them."""
        held = buckets(salt, self.origins) < HOLDOUT
        return replace(
            self.reading, people=replace(self.reading.people, cell=np.where(held, -1, 0))
        )


@pytest.fixture(scope="module")
def groups(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Group]:
    folder: Path = tmp_path_factory.mktemp("retail")
    stores = make_stores(folder, currency="GBP", timezone="Europe/London")
    online_retail(stores)
    apply_trials(stores, salt="trial-0", goal={"window": "90d"}, now=NOW)
    return {name: _group(stores, name) for name in AUDIENCES}


def _group(stores: Stores, name: str) -> Group:
    made: Plan = load_plan(
        stores.control, plan(stores, name, now=NOW, as_of=AS_OF, by="test").plan_id
    )
    parts = parts_of_plan(made.document)
    end = AS_OF + parts.campaign.goal.window
    span = Span(starts_at=AS_OF, ends_at=end, measured_until=end)
    people = places(stores.control, made.plan_id, arms=("treatment", "control"))
    with stores.read_control() as connection:
        contacts = read_contacts(connection, made.plan_id)
    reading = read_people(
        stores, made, parts, people, span=span, offers_reached=False, contacts=contacts
    )
    setting = Setting(
        plan=made,
        parts=parts,
        span=span,
        currency="GBP",
        timezone="Europe/London",
        measured_at=NOW,
        spillover=household_spillover(stores, people),
    )
    return Group(stores, setting, reading, [place.profile_id for place in people])


NOTHING_SENT = Ledger(Delivery(stopped={}, failed={}), {}, {})


def test_the_groups_are_those_that_the_proof_speaks_of(groups: dict[str, Group]) -> None:
    assert 120 <= len(groups["lapsing"].origins) <= 200
    assert 3_200 <= len(groups["all"].origins) <= 3_400


@pytest.mark.parametrize("name", ["lapsing", "all"])
def test_dealing_anew_is_what_a_plan_does(groups: dict[str, Group], name: str) -> None:
    group = groups[name]
    for salt in ("trial-0", "trial-1"):
        people = group.dealt(salt).people
        held = [holdout_bucket(salt, origin) < HOLDOUT for origin in group.origins]
        assert (~people.treated).tolist() == held
    # The plan's own salt: read from the workspace and dealt anew, the result is the same to the last digit.
    full = measure(group.stores, group.setting.plan.plan_id, now=NOW, seed=7, permutations=199)
    short = result_from(
        group.dealt("trial-0"), NOTHING_SENT, group.setting, seed=7, permutations=199
    )
    assert full.to_dict() == short.to_dict()
    assert full.verdict == "trial"
    assert full.sentence.startswith("Nobody was really contacted")


def _coverage(group: Group, *, salts: int, permutations: int) -> float:
    covered = 0
    for number in range(salts):
        people = group.dealt(f"trial-{number}").people
        lift = lift_of(people, "revenue", seed=number, permutations=permutations)
        # A missing interval claims nothing, so it misleads nobody.
        covered += lift.total.covers(0.0) is not False
    return covered / salts


@pytest.mark.parametrize("name", ["lapsing", "all"])
def test_without_any_treatment_the_interval_covers_zero_in_200_trials(
    groups: dict[str, Group], name: str
) -> None:
    # 95 % ± 3 standard errors of 200 trials.
    assert 0.904 <= _coverage(groups[name], salts=200, permutations=199) <= 0.996


@pytest.mark.long
@pytest.mark.timeout(7_200)
@pytest.mark.parametrize("name", ["lapsing", "all"])
def test_without_any_treatment_the_interval_covers_zero_in_2000_trials(
    groups: dict[str, Group], name: str
) -> None:
    coverage = _coverage(groups[name], salts=2_000, permutations=1_999)
    print(f"\n{name}, {len(groups[name].origins)} people: {coverage:.2%}")
    assert 0.935 <= coverage <= 0.965


@pytest.mark.parametrize("name", ["lapsing", "all"])
def test_the_line_ends_where_the_table_says(groups: dict[str, Group], name: str) -> None:
    """Revenue per person is the same in the chart, in the table and in the lift."""
    group = groups[name]
    found = result_from(
        group.dealt("trial-3"), NOTHING_SENT, group.setting, seed=1, permutations=199
    )
    ends = {point.arm: point.mean for point in found.daily}
    for arm, figures, lift in (
        ("treatment", found.treated, found.lifts["revenue"].treated),
        ("control", found.control, found.lifts["revenue"].control),
    ):
        assert ends[arm] == pytest.approx(figures.revenue_per_person)
        assert lift.mean == pytest.approx(figures.revenue_per_person)
    assert group.reading.people.cells == (Cell("miss-email", "a"),)
