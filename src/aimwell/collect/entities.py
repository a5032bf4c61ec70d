"""What each kind of entity has: its targets, the tables it looks at, how its rows are staged and taken."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sqlglot import exp

from aimwell.collect.counting import Tally
from aimwell.collect.customers import CUSTOMER_TARGETS
from aimwell.collect.entity_more import take_more
from aimwell.collect.entity_orders import stage_orders, take_orders
from aimwell.collect.entity_others import (
    stage_customers,
    stage_events,
    stage_products,
    stage_rates,
    take_customers,
    take_events,
    take_products,
    take_rates,
)
from aimwell.collect.entity_specs import SPECS
from aimwell.collect.events import EVENT_TARGETS
from aimwell.collect.evidence import Evidence, count_values, weigh
from aimwell.collect.expecting import Expected, expected_of, find_repeats
from aimwell.collect.field_kinds import FieldKind
from aimwell.collect.inputs import Bound, bind_rows
from aimwell.collect.job import Job
from aimwell.collect.nobody import count_nobody, words_of
from aimwell.collect.order_lines import ORDER_TARGETS
from aimwell.collect.personal import refuse_personal
from aimwell.collect.products import PRODUCT_TARGETS
from aimwell.collect.quarantining import bind_superseded
from aimwell.collect.rates import RATE_TARGETS
from aimwell.collect.raw import RawTable
from aimwell.collect.shaping import stage_more
from aimwell.collect.staging import Check, bind_texts, bind_typed, stage
from aimwell.collect.standardising import Standardised, bind_standard
from aimwell.definitions.kinds.source import Entity, OrdersEntity
from aimwell.store.sql import sql
from aimwell.store.tables import LAKE_TABLES

__all__ = ["CORRECTED", "TARGETS", "Staged", "stage_entity", "tables_of", "take_staged"]

TARGETS: Mapping[str, tuple[tuple[str, FieldKind], ...]] = {
    "orders": ORDER_TARGETS,
    "customers": CUSTOMER_TARGETS,
    "products": PRODUCT_TARGETS,
    "events": EVENT_TARGETS,
    "rates": RATE_TARGETS,
    **{name: spec.targets for name, spec in SPECS.items()},
}
_TABLES = (
    *("order_lines", "orders", "products", "traits", "events", "market", "known_people"),
    "account_members",
)
_STAGES: Mapping[str, Callable[[Job], tuple[exp.Query, list[Check]]]] = {
    "customers": stage_customers,
    "products": stage_products,
    "events": stage_events,
    "rates": stage_rates,
}
_TAKES: Mapping[str, Callable[[Job], Tally]] = {
    "customers": take_customers,
    "products": take_products,
    "events": take_events,
    "rates": take_rates,
}
CORRECTED = "corrected"


def tables_of(entity: Entity) -> tuple[str, ...]:
    """The tables of the lake that the work on an entity looks at."""
    if entity.entity in SPECS and SPECS[entity.entity].table in LAKE_TABLES:
        return tuple(dict.fromkeys(("market", SPECS[entity.entity].table)))
    return ("market",) if entity.entity in SPECS else _TABLES


@dataclass(frozen=True)
class Staged:
    """What is known once `staged` stands: `checks` are the bits of its `faults`; `old_rows` had been corrected before."""

    evidence: Evidence
    checks: Sequence[Check]
    bound: Bound
    expected: Expected
    old_rows: int
    standardised: Standardised


def stage_entity(job: Job, entity: Entity, raw: Mapping[str, RawTable]) -> Staged:
    """Make `staged` of an entity's rows: typed, with their faults."""
    session, source, settings = job.session, job.source, job.stores.settings
    values = {field.name: field.value for field in job.fields}
    bound = bind_rows(job.desk, source, entity, raw, values)
    used = [raw[name] for name in (source.file_of(entity), *(join.file for join in entity.join))]
    odd_spaces = any(table.odd_spaces for table in used)
    counts = bind_texts(session, job.fields, source.nulls, odd_spaces=odd_spaces)
    standardised = bind_standard(job, entity, odd=any(table.odd_texts for table in used))
    again = [field for field in job.fields if field.name in standardised.touched]
    if again:
        counts = counts.updated(count_values(session, "texts", again, (), odd_spaces=False))
    evidence = weigh(session, "texts", job.fields, source, counts)
    nobody = count_nobody(session, job.fields, source.nobody)
    evidence = evidence.without(nobody, words_of(nobody))
    refuse_personal(session, entity, job.fields)
    checks = bind_typed(
        job.desk,
        job.fields,
        TARGETS[entity.entity],
        evidence,
        source,
        timezone=source.timezone or settings.timezone,
        country=source.country or settings.country,
        now=job.now,
        nobody=nobody,
    )
    if isinstance(entity, OrdersEntity):
        query, more = stage_orders(job, entity)
    elif entity.entity in SPECS:
        query, more = stage_more(job, entity)
    else:
        query, more = _STAGES[entity.entity](job)
    expected = expected_of(job, entity)
    checks += [*more, *expected.checks]
    old_rows = 0
    if job.superseded:
        old_rows = bind_superseded(job.stores, session, job.raw, job.superseded)
        checks.append(Check("", CORRECTED, "", sql("n IN (SELECT n FROM superseded)")))
    stage(job.desk, query, checks, rows=evidence.rows, warns=expected.warns)
    checks += find_repeats(job, expected, place=len(checks))
    return Staged(evidence, checks, bound, expected, old_rows, standardised)


def take_staged(job: Job, entity: Entity) -> Tally:
    """Work out what the good rows give to the tables of the lake."""
    if isinstance(entity, OrdersEntity):
        return take_orders(job, entity)
    if entity.entity in SPECS:
        return take_more(job, entity)
    return _TAKES[entity.entity](job)
