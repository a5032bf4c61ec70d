"""Works out the loads of customers, products, events and exchange rates."""

from __future__ import annotations

from datetime import datetime

from sqlglot import exp

from aimwell.collect.consents import keep_opt_ins, unreadable_answers
from aimwell.collect.counting import Tally
from aimwell.collect.customers import customer_rows
from aimwell.collect.events import event_rows, event_table
from aimwell.collect.job import Job
from aimwell.collect.known import (
    bind_fresh,
    has_rows,
    sort_out_events,
    sort_out_rates,
    sort_out_rows,
)
from aimwell.collect.load_history import currencies_of_orders
from aimwell.collect.money import convert_money
from aimwell.collect.people import bind_origins, find_persons
from aimwell.collect.products import PRODUCT_TARGETS, product_rows, product_table
from aimwell.collect.rates import (
    bind_known_rates,
    change_warnings,
    jump_warnings,
    rate_rows,
    rate_table,
)
from aimwell.collect.said_again import sort_out_said_again, write_known
from aimwell.collect.staging import Check
from aimwell.collect.standing import add_members
from aimwell.collect.traits import mark_table, trait_table
from aimwell.store.sql import column, sql

__all__ = [
    "stage_customers",
    "stage_events",
    "stage_products",
    "stage_rates",
    "take_customers",
    "take_events",
    "take_products",
    "take_rates",
]


def stage_customers(job: Job) -> tuple[exp.Query, list[Check]]:
    """The query that makes `staged` of customers, and its checks."""
    return customer_rows(job.names)


def take_customers(job: Job) -> Tally:
    """People, answers and traits of the staged customers."""
    session, names = job.session, job.names
    sort_out_rows(session, ["person", *names])
    bind_fresh(session, "fresh")
    bind_origins(job.stores, session, job.source.id_namespace, names)
    consents, warnings = _opt_ins(job)
    first, last = _span(job, "set_at" if "set_at" in names else None)
    people = sort_out_said_again(job)
    find_persons(
        job.stores,
        session,
        names,
        source=job.source.name,
        namespace=job.source.id_namespace,
        seen="set_at",
        now=job.now,
        forms=job.forms,
    ).keep()
    # Duplicates too: of several statements the most frequent counts.
    session.bind("told", sql("SELECT * FROM good"))
    traits = trait_table(
        session,
        names,
        job.lake("traits"),
        job.provenance,
        dated_by="set_at" if "set_at" in names else None,
        now=job.now,
    )
    statements = job.write("traits", traits) if traits is not None else 0
    if traits is not None and job.is_marked:
        job.write("trait_marks", mark_table(job.provenance))
    write_known(job)
    if "account_id" in names:
        statements += add_members(job)
    return Tally(
        first_at=first,
        last_at=last,
        people=people,
        statements=statements,
        consents=consents,
        warnings=tuple(warnings),
    )


def _opt_ins(job: Job) -> tuple[dict[str, int], list[str]]:
    """The answers about consent that were recorded, and what a person should know of others."""
    if job.source.consent is None:
        return {}, []
    consents = keep_opt_ins(
        job.stores,
        job.session,
        job.names,
        job.source.consent,
        source=job.source.name,
        now=job.now,
    )
    unread = unreadable_answers(job.session, job.names)
    if not unread:
        return consents, []
    told = "answers about consent are neither yes nor no; they count as no answer"
    return consents, [f"{unread:,} {told}"]


def stage_products(job: Job) -> tuple[exp.Query, list[Check]]:
    """The query that makes `staged` of products, and its checks."""
    checks = [
        Check(
            name,
            "negative_price",
            f"{name} is negative",
            sql("coalesce(:x < 0, FALSE)", x=column(name)),
        )
        for name in ("price", "unit_cost")
        if name in job.names
    ]
    money = [sql(":x IS NOT NULL", x=column(n)) for n in ("price", "unit_cost") if n in job.names]
    if money:
        when = sql("coalesce(set_at, :now)", now=job.now)
        checks += job.rate_checks(when, exp.or_(*money))
    return product_rows(job.names, job.currency), checks


def take_products(job: Job) -> Tally:
    """What the staged products tell that is new."""
    session, names = job.session, job.names
    further = [name for name in names if name.startswith("properties.")]
    sort_out_rows(session, [*(name for name, _ in PRODUCT_TARGETS), *further])
    # Duplicates too: of several statements the most frequent counts.
    session.bind("fresh", sql("SELECT * FROM good"))
    currencies: list[str] = []
    money = [name for name in ("price", "unit_cost") if name in names]
    if money:
        currencies = convert_money(
            session,
            job.lake("market"),
            money=money,
            time="set_at",
            to=job.stores.settings.currency,
            now=job.now,
        )
    rows = product_table(
        session,
        names,
        job.lake("products"),
        job.provenance,
        now=job.now,
        marked=job.is_marked,
    )
    statements = job.write("products", rows)
    first, last = _span(job, "set_at" if "set_at" in names else None)
    return Tally(first_at=first, last_at=last, currencies=tuple(currencies), statements=statements)


def stage_events(job: Job) -> tuple[exp.Query, list[Check]]:
    """The query that makes `staged` of events, and its checks."""
    rows, checks = event_rows(
        job.names,
        source=job.source.name,
        key=job.stores.identity_key,
        currency=job.currency,
        filled=job.filled,
    )
    if "revenue" not in job.names:
        return rows, checks
    return rows, [*checks, *job.rate_checks(sql("occurred_at"), sql("revenue IS NOT NULL"))]


def take_events(job: Job) -> Tally:
    """The staged events that the lake lacks, and the people who did them."""
    session, names = job.session, job.names
    job.bind_own("events", "lake_events", "event_id")
    sort_out_events(session, has_known=has_rows(session, "lake_events"))
    bind_fresh(session, "fresh")
    bind_origins(job.stores, session, job.source.id_namespace, names)
    currencies: list[str] = []
    if "revenue" in names:
        currencies = convert_money(
            session,
            job.lake("market"),
            money=["revenue"],
            time="occurred_at",
            to=job.stores.settings.currency,
            now=job.now,
        )
    job.write("events", event_table(names, job.provenance, marked=job.is_marked))
    people = find_persons(
        job.stores,
        session,
        names,
        source=job.source.name,
        namespace=job.source.id_namespace,
        seen="occurred_at",
        now=job.now,
        forms=job.forms,
    ).keep()
    first, last = _span(job, "occurred_at")
    return Tally(first_at=first, last_at=last, currencies=tuple(currencies), people=people)


def stage_rates(job: Job) -> tuple[exp.Query, list[Check]]:
    """The query that makes `staged` of exchange rates, and its checks."""
    return rate_rows(job.stores.settings.currency)


def take_rates(job: Job) -> Tally:
    """The staged rates that their source has not said before."""
    session, ours = job.session, job.stores.settings.currency
    bind_known_rates(session, job.lake("market"), job.source.name)
    sort_out_rates(session)
    bind_fresh(session, "fresh")
    warnings = change_warnings(
        session,
        job.lake("market"),
        job.lake("orders"),
        currencies_of_orders(job.stores),
        source=job.source.name,
        to=ours,
    )
    warnings += jump_warnings(session)
    pairs = [
        name.split(":")[1:] for (name,) in session.rows(sql("SELECT DISTINCT name FROM fresh"))
    ]
    if pairs and not any(ours in pair for pair in pairs):
        warnings.append(
            f"none of these rates is to or from {ours}, the workspace's currency, so none will be used"
        )
    statements = job.write("market", rate_table(job.provenance))
    first, last = _span(job, "set_at")
    currencies = sorted({currency for pair in pairs for currency in pair})
    return Tally(
        first_at=first,
        last_at=last,
        currencies=tuple(currencies),
        statements=statements,
        warnings=tuple(warnings),
    )


def _span(job: Job, time: str | None) -> tuple[datetime | None, datetime | None]:
    if time is None:
        return None, None
    [(first, last)] = job.session.rows(sql("SELECT min(:t), max(:t) FROM fresh", t=column(time)))
    return first, last
