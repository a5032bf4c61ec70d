"""A campaign's effect from other sides: each view against the same figure worked out by hand or by simulation."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from aimwell.decide.stored import places
from aimwell.definitions.catalogue import check
from aimwell.definitions.kinds.campaign import Looks
from aimwell.deliver import service as deliver
from aimwell.errors import DefinitionError
from aimwell.measure.lift_views import lift_views
from aimwell.measure.lifts import conversion_difference, lift_of, lifts_of
from aimwell.measure.model import CampaignResult, Span
from aimwell.measure.people import People
from aimwell.measure.planned_looks import group_or_person_means, planned_looks
from aimwell.measure.report import report_html
from aimwell.measure.service import measure
from aimwell.measure.strength import WORTH_FINDING, strength_of
from aimwell.measure.view_model import LiftViews
from aimwell.measure.view_tables import lift_csv, view_rows
from aimwell.stats.clusters import Clusters, clustered_difference
from aimwell.stats.group_sequential import even_looks, plan_looks
from aimwell.stats.intervals import welch
from aimwell.store.schema import metadata
from campaigns import DOCUMENTS, NOW, executed, set_up
from command import Run, command_in
from shop import add_orders, make_stores, origin

Make = Callable[..., People]
FEW = 199


def people_of(make_people: Make, n: int, *, effect: float = 0.0, seed: int = 3) -> People:
    """Half contacted; a third of them are not reached; four in ten buy for some 20, the reached `effect` more."""
    rng = np.random.default_rng(seed)
    treated = np.arange(n) % 2 == 0
    reached = treated & (np.arange(n) % 6 != 0)
    orders = (rng.random(n) < 0.4).astype(float)
    revenue = orders * rng.gamma(4, 5, n) + effect * reached
    return make_people(
        np.where(treated, 0, -1).tolist(),
        orders=orders,
        revenue=revenue,
        margin=revenue / 2,
        spend_before=np.round(rng.gamma(2, 40, n) * (rng.random(n) < 0.7)),
        reached=reached,
        opened=reached & (rng.random(n) < 0.5),
        clicked=np.zeros(n, dtype=bool),
    )


def spent_of(
    people: People, days: float, seed: int = 5
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    who = np.flatnonzero(people.revenue)
    when = np.random.default_rng(seed).uniform(0, days, len(who))
    return who, when, people.revenue[who]


def views_of(people: People, span: Span, **more: object) -> LiftViews:
    lifts = lifts_of(people, seed=1, permutations=FEW)
    strength = strength_of(
        group_or_person_means(people, people.revenue),
        lifts["revenue"].difference,
        people=len(people),
        currency="GBP",
    )
    plain = {"looks": None, "spillover": None, "reached_nobody": False}
    return lift_views(
        people,
        spent_of(people, span.days_measured),
        lifts,
        span=span,
        seed=1,
        permutations=FEW,
        strength=strength,
        **{**plain, **more},  # type: ignore[arg-type]
    )


def view(found: LiftViews, key: str):  # type: ignore[no-untyped-def]
    return next(one for one in found.views if one.key == key)


def test_where_everybody_was_reached_it_is_the_effect_on_everybody_itself(
    make_people: Make, span: Span
) -> None:
    people = people_of(make_people, 800)
    people = replace(people, reached=people.treated.copy())
    found = views_of(people, span)
    lift = lift_of(people, "revenue", seed=1, permutations=FEW).difference
    one = view(found, "reached_revenue")
    assert one.estimate == lift
    assert "so this is the effect on everybody" in one.says
    converted = view(found, "reached_conversion").estimate
    assert converted == conversion_difference(people).times(0.01)


def test_the_effect_on_the_reached_is_that_of_assignment_over_the_share_reached(
    make_people: Make, span: Span
) -> None:
    people = people_of(make_people, 6_000, effect=3.0)
    found = view(views_of(people, span), "reached_revenue").estimate
    assert people.reached is not None
    share = people.reached[people.treated].mean()
    assert found.covers(3.0)
    assert found.estimate == pytest.approx(3.0, abs=0.7)
    # Past spend hardly moves this: it knows nothing of revenue here.
    plain = welch(people.revenue[people.treated], people.revenue[~people.treated]).estimate
    assert found.estimate == pytest.approx(plain / share, abs=0.2)
    assert "Anderson and Rubin" in found.method
    open_span = replace(span, measured_until=span.starts_at + timedelta(days=9))
    watched = view(views_of(people, open_span), "reached_revenue").estimate
    assert "always valid" in watched.method
    assert watched.upper - watched.lower > 1.4 * (found.upper - found.lower)


def test_ratios_quantiles_and_other_ways_stand_beside_with_corrected_p_values(
    make_people: Make, span: Span
) -> None:
    people = people_of(make_people, 4_000, effect=2.0)
    found = views_of(people, span)
    per_order = view(found, "revenue_per_order")
    chosen = people.treated
    assert per_order.treated == pytest.approx(
        people.revenue[chosen].sum() / people.orders[chosen].sum()
    )
    assert per_order.estimate.estimate == pytest.approx(per_order.treated - per_order.control)
    assert view(found, "margin_of_revenue").treated == pytest.approx(0.5)
    bought = people.revenue[chosen & (people.revenue > 0)]
    assert view(found, "order_value_q50").treated == pytest.approx(np.median(bought), rel=0.01)
    plain = view(found, "way_plain").estimate
    assert plain == replace(
        welch(people.revenue[chosen], people.revenue[~chosen]), method=plain.method
    )
    assert found.metrics_adjusted["revenue"] is not None
    family = [one for one in found.views if one.p_adjusted is not None]
    assert {one.group for one in family} <= {"ratio", "quantile"}
    assert all(one.p_adjusted >= one.estimate.p_value for one in family)
    share = view(found, "conversion_per_open")
    assert people.opened is not None
    assert share.treated == pytest.approx(people.converted[people.opened].mean())
    assert "not what sending caused" in share.says


def test_effects_that_differ_by_past_spend_are_told(make_people: Make, span: Span) -> None:
    people = people_of(make_people, 6_000)
    alike = views_of(people, span)
    assert alike.kinds_differ is not None
    assert alike.kinds_differ > 0.05
    strong = replace(
        people, revenue=people.revenue + 4.0 * (people.treated & (people.spend_before > 60))
    )
    differ = views_of(strong, span)
    assert differ.kinds_differ is not None
    assert differ.kinds_differ < 0.001
    assert any("differs by more than chance" in note for note in differ.notes)


def test_without_held_out_or_in_a_trial_nothing_causal_is_claimed(
    make_people: Make, span: Span
) -> None:
    people = people_of(make_people, 600)
    alone = people.take(people.treated)
    found = views_of(alone, span)
    assert not [one for one in found.views if one.group in ("reached", "way", "kind", "quantile")]
    assert any("nobody was held out" in note for note in found.notes)
    assert "not known" in found.strength.sentence
    trial = views_of(people, span, reached_nobody=True)
    assert not trial.of("reached")
    assert any("every difference is chance" in note for note in trial.notes)


def grouped(make_people: Make, seed: int, *, groups: int = 24, size: int = 20) -> People:
    """Groups drawn whole, whose people are alike; nothing was done to anybody."""
    rng = np.random.default_rng(seed)
    group = np.repeat(np.arange(groups), size)
    drawn = rng.permutation(groups) < groups // 2
    revenue = rng.normal(40, 10, groups)[group] + rng.normal(0, 10, groups * size)
    return make_people(
        np.where(drawn[group], 0, -1).tolist(),
        orders=np.ones(groups * size),
        revenue=revenue,
        margin=revenue,
        cluster=group,
    )


@pytest.mark.parametrize(
    ("runs", "least", "most"),
    [(200, 0.905, 0.99), pytest.param(1_000, 0.935, 0.975, marks=pytest.mark.long)],
)
def test_groups_that_were_drawn_whole_are_the_units(
    make_people: Make, span: Span, runs: int, least: float, most: float
) -> None:
    held, naive = 0, 0
    for seed in range(runs):
        people = grouped(make_people, seed)
        lift = lift_of(people, "revenue", seed=1, permutations=FEW)
        held += bool(lift.difference.covers(0.0))
        naive += bool(welch(*(arm.outcomes for arm in people.arms(people.revenue))).covers(0.0))
    assert naive < 0.6 * runs
    assert least * runs <= held <= most * runs
    assert lift.choice.method == "clustered"
    assert "12 contacted and 12 held-out groups" in lift.choice.because
    arms = [
        Clusters.of(people.revenue[one], people.cluster[one])  # type: ignore[index]
        for one in (people.treated, ~people.treated)
    ]
    by_hand = clustered_difference(*arms)
    assert not isinstance(by_hand, str)
    assert lift.difference.lower == pytest.approx(by_hand.difference().lower)
    found = views_of(people, span)
    assert "Takes people for independent" in view(found, "way_plain").says
    assert any("groups as the units" in note for note in found.notes)


def test_planned_looks_stop_at_their_bound_and_not_before(make_people: Make, span: Span) -> None:
    people = people_of(make_people, 3_000, effect=4.0)
    spent = spent_of(people, span.days)
    looks = Looks(at=(0.5, 1.0))
    plan = plan_looks(even_looks(2))
    found = planned_looks(people, spent, looks, span, currency="GBP")
    assert [one.bound for one in found.looks] == pytest.approx(plan.bounds)
    assert found.looks[0].verdict == "gain"
    assert found.looks[1].verdict == "after"
    assert found.final.lower > 0
    assert "Look 1 of 2, 7 days after the start, says: stop" in found.sentence
    early = replace(span, measured_until=span.starts_at + timedelta(days=3))
    waiting = planned_looks(people, spent, looks, early, currency="GBP")
    assert [one.verdict for one in waiting.looks] == ["to come", "to come"]
    assert not waiting.final.defined
    none = people_of(make_people, 3_000)
    quiet = planned_looks(none, spent_of(none, span.days), looks, span, currency="GBP")
    assert [one.verdict for one in quiet.looks] == ["go on", "nothing"]
    assert quiet.final.covers(0.0)


def test_when_it_is_asked_changes_nothing_of_a_look(make_people: Make, span: Span) -> None:
    people = people_of(make_people, 1_000, effect=1.0)
    spent = spent_of(people, span.days)
    looks = Looks(at=(0.25, 0.5, 1.0), spending="pocock", futility="obrien_fleming")
    later = planned_looks(people, spent, looks, span, currency="GBP")
    then = replace(span, measured_until=span.starts_at + timedelta(days=8))
    cut = tuple(column[spent[1] < 8] for column in spent)
    sooner = planned_looks(people, cut, looks, then, currency="GBP")  # type: ignore[arg-type]
    assert sooner.looks[:2] == later.looks[:2]


@pytest.mark.parametrize("at", [(0.5, 0.4, 1.0), (0.5,), (0.0, 1.0)])
def test_looks_that_do_not_grow_to_the_end_are_refused(at: tuple[float, ...]) -> None:
    with pytest.raises(DefinitionError, match="at"):
        check({**DOCUMENTS["spring"], "looks": {"at": list(at)}})


@given(st.integers(200, 3_000), st.integers(0, 10))
def test_with_so_many_more_people_the_worth_is_found(n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = rng.gamma(2, 10, n)
    half = n // 2
    means = group_means(values[:half], values[half:])
    told = strength_of(means, means.difference(), people=n, currency="GBP")
    assert told.smallest is not None
    assert told.needed_for_worth is not None
    grown = told.smallest * (n / told.needed_for_worth) ** 0.5
    assert grown == pytest.approx(WORTH_FINDING * means.control, rel=0.01)
    if told.underpowered:
        assert told.sentence.startswith("Underpowered")
        assert told.needed_for_worth <= n or "more people are needed" in told.sentence


def group_means(treated: np.ndarray, control: np.ndarray):  # type: ignore[no-untyped-def]
    from aimwell.stats.intervals import welch_means
    from aimwell.stats.samples import Sample

    return welch_means(Sample.of(treated), Sample.of(control))


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    return command_in(tmp_path, monkeypatch, capsys)


def test_a_real_plan_tells_whom_it_reached_and_prints_every_side(run: Run, tmp_path: Path) -> None:
    stores = make_stores(tmp_path, margin_default=0.4)
    names = set_up(stores, 45, spring={"holdout": 0.3, "looks": {"at": [0.5, 1]}})
    plan_id = executed(stores).plan_id
    deliver.run_sending(stores, plan_id, clock=lambda: NOW + timedelta(seconds=2))
    messages, events = metadata.tables["messages"], metadata.tables["message_events"]
    with stores.control.begin() as connection:
        ids = (
            connection.execute(sa.select(messages.c.message_id).order_by("message_id"))
            .scalars()
            .all()
        )
        rows = [
            (0, "Email Bounced"),
            (1, "Email Opened"),
            (2, "Email Opened"),
            (2, "Email Link Clicked"),
        ]
        connection.execute(
            sa.insert(events),
            [
                {"message_id": ids[n], "event": event, "occurred_at": NOW + timedelta(hours=1), "machine": False, "signs": []}
                for n, event in rows
            ],
        )  # fmt: skip
    add_orders(
        stores,
        [
            {"customer": n, "order_id": f"n-{n}", "ordered_at": NOW + timedelta(days=2), "revenue": 20 + k % 7}
            for k, n in enumerate(names)
            if k % 3
        ],
    )  # fmt: skip
    found = measure(stores, plan_id, now=NOW + timedelta(days=30), permutations=FEW)
    assert found.views is not None
    reached = view(found.views, "reached_revenue")
    meant = sum(1 for one in places(stores.control, plan_id) if one.arm == "treatment")
    assert f"{meant - 1} of {meant} contacted people reached by a message" in reached.says
    assert view(found.views, "click_per_open").estimate.estimate == pytest.approx(0.5)
    assert found.views.looks is not None
    page = report_html(found)
    assert "The same effect from other sides" in page
    assert "The planned looks" in page
    # A share by itself is no difference: its range stands below the share.
    shares = {row["label"]: row["between_of"] for row in view_rows(found, "ratio")}
    assert shares["Clicked, of who opened"] == "treated"
    assert shares["Revenue per order"] == "difference"
    assert '<td data-label="Contacted">50.0%<small class="range">' in page
    table = list(csv.DictReader(io.StringIO(lift_csv(found))))
    assert {row["figure"] for row in table} >= {
        "revenue_per_person",
        "profit_added",
        "reached_revenue",
        "planned_looks",
    }
    assert origin(stores, names[0]) not in lift_csv(found)
    json.dumps(found.to_dict(), allow_nan=False)
    stores.close()
    workspace = ["--workspace", str(stores.root)]
    shown = run("measure", "lift", plan_id, *workspace)
    assert shown.code == 0, shown.err
    for words in (
        "On those whom it reached",
        "planned looks",
        "p corrected",
        "local average effect",
    ):
        assert words in shown.out
    body = json.loads(run("measure", "lift", plan_id, "--json", *workspace).out)
    assert {"views", "strength", "looks", "lifts", "belief"} <= body.keys()


def test_a_campaign_drawn_by_group_is_measured_by_group(tmp_path: Path) -> None:
    stores = make_stores(tmp_path, margin_default=0.4)
    names = set_up(stores, 80, spring={"holdout": 0.5, "cluster": "household"})
    rows = [
        {"profile_id": origin(stores, name), "address_hash": f"h{k // 4}", "name_hash": f"n{k}", "has_name": True,
         "household_id": f"h{k // 4}", "updated_at": NOW}
        for k, name in enumerate(names)
    ]  # fmt: skip
    with stores.control.begin() as connection:
        connection.execute(sa.insert(metadata.tables["households"]), rows)
    plan_id = executed(stores).plan_id
    deliver.run_sending(stores, plan_id, clock=lambda: NOW + timedelta(seconds=2))
    add_orders(
        stores,
        [
            {"customer": n, "order_id": f"n-{n}", "ordered_at": NOW + timedelta(days=2), "revenue": 20 + k % 7}
            for k, n in enumerate(names)
        ],
    )  # fmt: skip
    found: CampaignResult = measure(stores, plan_id, now=NOW + timedelta(days=30), permutations=FEW)
    assert found.lifts["revenue"].choice.method == "clustered"
    counted = re.findall(
        r"the (\d+) contacted and (\d+) held-out groups", found.lifts["revenue"].choice.because
    )
    assert sum(map(int, counted[0])) == 20
    assert "cluster-robust" in found.profit.method
    stores.close()
