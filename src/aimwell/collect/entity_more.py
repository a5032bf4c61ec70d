"""Works out the loads of the entities beside orders, customers, products, events and rates."""

from __future__ import annotations

from aimwell.collect.amounts import add_amounts
from aimwell.collect.counting import Tally
from aimwell.collect.entity_specs import SPECS
from aimwell.collect.facts import FACTS, add_facts
from aimwell.collect.job import Job
from aimwell.collect.known import bind_fresh, keep_all_rows, sort_out_rows
from aimwell.collect.money import convert_money
from aimwell.collect.people import bind_origins, find_persons
from aimwell.collect.permissions import keep_consents, keep_suppressions
from aimwell.collect.standing import add_statements
from aimwell.definitions.kinds.source import Entity
from aimwell.store.sql import column, sql

__all__ = ["take_more"]


def take_more(job: Job, entity: Entity) -> Tally:
    """What the staged rows say that is new, their people and their money."""
    session, names, spec = job.session, job.names, SPECS[entity.entity]
    if getattr(entity, "keep_repeats", False):
        keep_all_rows(session)
    else:
        targets = [name for name, _ in spec.targets]
        sort_out_rows(session, [*targets, *(name for name in names if name not in targets)])
    bind_fresh(session, "fresh")
    bind_origins(
        job.stores, session, job.source.id_namespace, names if spec.person != "none" else ()
    )
    currencies = _converted(job, entity)
    people = 0
    if spec.person != "none":
        people = find_persons(
            job.stores,
            session,
            names,
            source=job.source.name,
            namespace=job.source.id_namespace,
            seen=str(spec.time),
            now=job.now,
            forms=job.forms,
        ).keep()
    time = column(str(spec.time))
    [(first, last)] = session.rows(sql("SELECT min(:t), max(:t) FROM fresh", t=time))
    statements, consents = 0, {}
    if entity.entity in FACTS:
        statements = add_facts(job, entity)
    elif entity.entity in ("usage", "ad_spend"):
        statements = add_amounts(job, spec.table)
    elif entity.entity == "consents":
        consents = keep_consents(job)
    elif entity.entity == "suppressions":
        statements = keep_suppressions(job)
    else:
        statements = add_statements(job, entity, spec.table)
    return Tally(
        first_at=first,
        last_at=last,
        currencies=tuple(currencies),
        people=people,
        statements=statements,
        consents=consents,
    )


def _converted(job: Job, entity: Entity) -> list[str]:
    """Make the money of `fresh` the workspace's."""
    spec = SPECS[entity.entity]
    money = [name for name in spec.money if name in job.names]
    if not money:
        return []
    return convert_money(
        job.session,
        job.lake("market"),
        money=money,
        time=str(spec.time),
        to=job.stores.settings.currency,
        now=job.now,
    )
