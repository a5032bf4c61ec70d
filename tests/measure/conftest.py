"""People and results for the tests of measuring."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from aimwell.measure.actions import ActionFacts, action_results
from aimwell.measure.churn import LapsePeriod
from aimwell.measure.kpis import Facts, kpis
from aimwell.measure.lifts import conversion_difference, lifts_of, profit
from aimwell.measure.model import CampaignResult, Costs, DailyPoint, Delivery, Span
from aimwell.measure.people import Cell, People, arm_figures

START = datetime(2026, 3, 1, 9, tzinfo=UTC)


@pytest.fixture
def make_people() -> Callable[..., People]:
    """People from lists; what is not said is nothing. `cell` is −1 for the held-out."""

    def make(cell: list[int], **columns: Any) -> People:
        n = len(cell)
        cells = columns.pop(
            "cells", tuple(Cell(f"a{i}", None) for i in range(max(cell, default=-1) + 1))
        )
        plain: dict[str, Any] = {
            "probability": np.full(n, np.nan),
            "orders": np.zeros(n),
            "revenue": np.zeros(n),
            "margin": np.zeros(n),
            "offer_cost": np.zeros(n),
            "spend_before": np.zeros(n),
            "customer": np.ones(n, dtype=bool),
        }
        given = {
            name: value if value is None else np.asarray(value) for name, value in columns.items()
        }
        plain |= {
            name: value.astype(float)
            if value is not None and value.dtype.kind in "iu" and name not in {"cell", "cluster"}
            else value
            for name, value in given.items()
        }
        plain.setdefault("converted", np.asarray(plain["orders"]) > 0)
        return People(cells=tuple(cells), cell=np.asarray(cell, dtype=np.int64), **plain)

    return make


@pytest.fixture
def make_delivery() -> Callable[..., Delivery]:
    """A delivery in which nothing happened, but for what is said."""

    def make(**counts: Any) -> Delivery:
        return Delivery(**{"stopped": {}, "failed": {}, **counts})

    return make


@pytest.fixture
def make_facts(make_delivery: Callable[..., Delivery]) -> Callable[..., Facts]:
    """Facts beside the people for key figures."""

    def make(**changes: Any) -> Facts:
        cost = Costs(
            contact=0.0, offers=0.0, offers_control=0.0, redemptions=0, redemptions_control=0
        )
        plain: dict[str, Any] = {
            "currency": "GBP",
            "goal": "Order Completed",
            "audience_size": 10,
            "costs": cost,
            "delivery": make_delivery(),
            "lapse": LapsePeriod(30),
            "value_reason": None,
            "seed": 1,
            "permutations": 199,
        }
        return Facts(**{**plain, **changes})

    return make


@pytest.fixture
def span() -> Span:
    """A finished window of 14 days."""
    return Span(
        starts_at=START,
        ends_at=START + timedelta(days=14),
        measured_until=START + timedelta(days=14),
    )


@pytest.fixture
def unfinished() -> Span:
    """The same window after nine days."""
    return Span(
        starts_at=START,
        ends_at=START + timedelta(days=14),
        measured_until=START + timedelta(days=9),
    )


@pytest.fixture
def result(
    make_people: Callable[..., People],
    make_facts: Callable[..., Facts],
    make_delivery: Callable[..., Delivery],
    span: Span,
) -> CampaignResult:
    """A measured campaign of two actions, made without a workspace."""
    rng = np.random.default_rng(4)
    cell = [0] * 80 + [1] * 80 + [-1] * 40
    margin = rng.gamma(2, 5, 200)
    people = make_people(
        cell,
        probability=[0.4] * 160 + [0.2] * 40,
        orders=np.ones(200),
        revenue=margin * 2,
        margin=margin,
        spend_before=rng.gamma(2, 50, 200),
    )
    lifts = lifts_of(people, seed=1, permutations=199)
    delivery = make_delivery(
        messages=160,
        sent=150,
        stopped={"capped": 10},
        opened=40,
        opened_machine=20,
        clicked=9,
        engaged=42,
    )
    conversion = conversion_difference(people)
    facts = make_facts(audience_size=230, delivery=delivery)
    actions = {
        name: ActionFacts(channel="email", offer=None, sent={None: 75}, cost={None: 7.5})
        for name in ("a0", "a1")
    }
    return CampaignResult(
        plan_id="spring-20260301-abcd", campaign="spring", state="sent", trial=False, audience="segment lapsing",
        goal="margin of 'Order Completed'", currency="GBP", timezone="Europe/London", measured_at=span.ends_at, seed=1, confidence=0.95,
        span=span, verdict="unsure", sentence="Sending earned £3 more.", headline="profit", audience_size=230,
        excluded={"capped": 30}, treated=arm_figures(people, people.treated),
        control=arm_figures(people, ~people.treated), lifts=lifts, profit=profit(lifts, contact_cost=15.0),
        conversion_difference=conversion,
        costs=Costs(contact=15.0, offers=0.0, offers_control=0.0, redemptions=0, redemptions_control=0),
        kpis=kpis(people, facts, lifts=lifts, conversion=conversion),
        actions=action_results(people, actions, holdout=0.2, by_variant=False, seed=1, permutations=199),
        variants=(), delivery=delivery, ratio=None, ratio_of_actions=None,
        daily=tuple(
            DailyPoint(day=day, arm=arm, mean=day, lower=day - 0.5, upper=day + 0.5)
            for day in (1.0, 2.0) for arm in ("treatment", "control")
        ),
        merged=0, crossed=0, methods=("How it was done.",), caveats=("Mind this.",),
    )  # fmt: skip
