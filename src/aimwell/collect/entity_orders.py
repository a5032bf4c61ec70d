"""Works out the load of an orders entity: lines, orders, people, products that lines name, traits."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from sqlglot import exp

from aimwell.collect import order_rows
from aimwell.collect.consents import keep_soft_opt_ins
from aimwell.collect.counting import Tally
from aimwell.collect.job import Job
from aimwell.collect.known import bind_fresh, has_rows, sort_out_lines, sort_out_tracked
from aimwell.collect.money import convert_money
from aimwell.collect.order_lines import line_rows
from aimwell.collect.people import bind_origins, find_persons
from aimwell.collect.products import named_by_lines
from aimwell.collect.staging import Check
from aimwell.collect.tracking.sources import SAME_ORDER_DAYS, sources_of_orders
from aimwell.collect.traits import mark_table, trait_table
from aimwell.definitions.kinds.source import OrdersEntity
from aimwell.errors import RecollectError
from aimwell.store.sql import column, sql

__all__ = ["stage_orders", "take_orders"]

_MONEY = (
    *("unit_price", "discount", "revenue", "tax", "shipping", "unit_cost"),
    *("order_discount", "goods_total"),
)
_ADDED_SHARE_MAX = 0.5


def stage_orders(job: Job, entity: OrdersEntity) -> tuple[exp.Query, list[Check]]:
    """The query that makes `staged`, and its checks."""
    rows, checks = line_rows(
        entity,
        job.names,
        source=job.source.name,
        key=job.stores.identity_key,
        limits=job.source.limits,
        currency=job.currency,
    )
    return rows, [*checks, *job.rate_checks(sql("ordered_at"), sql("TRUE"))]


def take_orders(job: Job, entity: OrdersEntity) -> Tally:
    """Write what the lake will take of the staged lines to the job's folder; people go to the vault."""
    session, names = job.session, job.names
    numbered = entity.map.line is not None
    job.bind_own(
        "order_lines", "lake_lines", "line_id", "order_id", "kind", "ordered_at", "sku", "quantity"
    )
    sort_out_lines(
        session,
        numbered=numbered,
        repeats=entity.keep_repeats,
        has_known=has_rows(session, "lake_lines"),
        has_sku=entity.map.sku is not None,
    )
    session.bind("all_lake_orders", job.lake("orders"))
    sort_out_tracked(session, sources_of_orders(job.stores, job.source), days=SAME_ORDER_DAYS)
    bind_fresh(session, "fresh")
    bind_origins(job.stores, session, job.source.id_namespace, names)
    currencies = convert_money(
        session,
        job.lake("market"),
        money=[n for n in _MONEY if n in _money_columns(entity, names)],
        time="ordered_at",
        to=job.stores.settings.currency,
        now=job.now,
    )
    _bind_sold(job)
    _refuse_counting_again(job)
    if "discount" in entity.once_per_order or "goods_total" in names:
        shared = (
            order_rows.shared_totals() if "goods_total" in names else order_rows.shared_discounts()
        )
        session.bind("unshared", sql("SELECT * FROM fresh"))
        session.materialise("spread", shared)
        session.bind("fresh", sql("SELECT * FROM spread"))
    persons = find_persons(
        job.stores,
        session,
        names,
        source=job.source.name,
        namespace=job.source.id_namespace,
        seen="ordered_at",
        now=job.now,
        forms=job.forms,
    )
    # Writing rows by the row and writing files by the column use different cores well.
    with ThreadPoolExecutor(max_workers=1) as beside:
        kept = beside.submit(persons.keep)
        job.write("order_lines", order_rows.line_table(names, job.provenance, marked=job.is_marked))
        job.write("orders", order_rows.order_table(entity, names, job.provenance))
        people = kept.result()
    statements = _take_what_lines_tell(job, names)
    consents = {}
    if job.source.consent is not None:
        consents = keep_soft_opt_ins(
            job.stores, session, job.source.consent, source=job.source.name, now=job.now
        )
    return _tally(job, currencies, people, statements, consents)


def _money_columns(entity: OrdersEntity, names: tuple[str, ...]) -> set[str]:
    made = {"unit_price", "discount", "revenue"}
    made |= {name for name in ("tax", "shipping", "unit_cost", "goods_total") if name in names}
    return made | ({"order_discount"} if "discount" in entity.once_per_order else set())


def _bind_sold(job: Job) -> None:
    """`sold`: orders of the fresh lines whose sale an earlier load brought."""
    job.bind_own("orders", "lake_orders", "order_id", "kind")
    job.session.materialise(
        "sold",
        sql(
            """
            SELECT DISTINCT order_id FROM lake_orders
            WHERE kind = 'sale' AND order_id IN (SELECT order_id FROM fresh)
            """
        ),
    )


def _refuse_counting_again(job: Job) -> None:
    """Under a changed mapping, most orders that are known must not get the same lines a second time."""
    if not job.mapping_changed:
        return
    [(added, all_known)] = job.session.rows(
        sql(
            """
            SELECT (SELECT count(*) FROM sold),
                   (SELECT count(DISTINCT order_id) FROM good
                    WHERE order_id IN (SELECT order_id FROM lake_orders WHERE kind = 'sale'))
            """
        )
    )
    if added and added > _ADDED_SHARE_MAX * all_known:
        raise RecollectError(
            f"The mapping of '{job.source.name}' was changed since it was last collected, and under the new one "
            f"{added:,} of {all_known:,} known orders would get their lines a second time (other times, prices or "
            "quantities). Nothing was taken. Give the source another name to collect it anew into another "
            "workspace, or map it as before."
        )


def _take_what_lines_tell(job: Job, names: tuple[str, ...]) -> int:
    """Products and traits that order lines tell, of the rows that were taken."""
    told = [n for n in names if n in ("description", "category") or n.startswith("traits.")]
    if not told:
        return 0
    session = job.session
    rows = exp.select(
        "f.n", "f.person", "f.ordered_at", *([column("sku", "f")] if "sku" in names else [])
    ).select(*(column(n, "t") for n in told))
    session.materialise(
        "told",
        rows.from_(exp.to_table("fresh").as_("f")).join(
            exp.to_table("typed").as_("t"), on="t.n = f.n"
        ),
    )
    statements = 0
    products = named_by_lines(session, names, job.lake("products"), job.provenance)
    if products is not None:
        statements += job.write("products", products)
    traits = trait_table(
        session,
        names,
        job.lake("traits"),
        job.provenance,
        dated_by="ordered_at",
        now=job.now,
    )
    if traits is not None:
        statements += job.write("traits", traits)
        if job.is_marked:
            job.write("trait_marks", mark_table(job.provenance))
    return statements


def _tally(
    job: Job,
    currencies: list[str],
    people: int,
    statements: int,
    consents: dict[str, int],
) -> Tally:
    [(first, last, anonymous, returned, return_orders, other_lines)] = job.session.rows(
        sql(
            """
            SELECT min(ordered_at), max(ordered_at), count(*) FILTER (WHERE person IS NULL),
                   count(*) FILTER (WHERE kind = 'return'),
                   count(DISTINCT order_id) FILTER (WHERE kind = 'return'),
                   count(*) FILTER (WHERE kind = 'sale' AND NOT goods)
            FROM fresh
            """
        )
    )
    without_goods = _count_without_goods(job) if other_lines else 0
    kinds = job.counts_in("orders", "kind")
    return Tally(
        first_at=first,
        last_at=last,
        currencies=tuple(currencies),
        people=people,
        anonymous_lines=anonymous,
        return_lines=returned,
        return_orders=return_orders,
        without_goods=without_goods,
        sales=kinds.get("sale", 0),
        additions=kinds.get("addition", 0),
        returns=kinds.get("return", 0),
        statements=statements,
        consents=consents,
    )


def _count_without_goods(job: Job) -> int:
    """How many orders were sold of which no line is goods."""
    [(orders,)] = job.session.rows(
        sql(
            """
            SELECT count(DISTINCT order_id) FROM fresh
            WHERE kind = 'sale' AND NOT goods AND order_id NOT IN
                  (SELECT order_id FROM sold UNION ALL
                   SELECT order_id FROM fresh WHERE kind = 'sale' AND goods)
            """
        )
    )
    return int(orders)
