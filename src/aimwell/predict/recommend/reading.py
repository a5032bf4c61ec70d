"""Interactions, later purchases and the catalogue, read through a moment's cut."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from scipy.sparse import csr_array
from sqlglot import exp

from aimwell.history.moment import Moment
from aimwell.predict.recommend.catalogue import Catalogue
from aimwell.predict.recommend.interactions import CodeArray, Interactions
from aimwell.predict.recommend.queries import (
    bought_ahead,
    listed_products,
    person_products,
    product_table,
)
from aimwell.stats.samples import FloatArray
from aimwell.store.sql import identifier, sql

__all__ = ["coded", "read_catalogue", "read_interactions", "read_listed", "read_truth"]

_PAIRS = "person_products"


def read_interactions(moment: Moment, *, skus: pa.Array | None = None) -> Interactions:
    """What everybody of the moment's session did with products before it.

    Args:
        moment: The cut session, of everybody or of a few people.
        skus: Only these products, in this order; default: those that anybody of the session dealt with.

    Returns:
        Of people who dealt with none of the products there is no row.
    """
    zone = moment.stores.settings.timezone
    pairs = moment.materialised(_PAIRS, lambda: person_products(zone, moment.as_of))
    known = (
        exp.select("sku").distinct().from_(pairs)
        if skus is None
        else _bound(moment, "known_skus", {"sku": skus})
    )
    moment.session.materialise(
        "product_codes",
        sql(
            "SELECT k.sku, row_number() OVER (ORDER BY k.sku) - 1 AS code FROM :known AS k",
            known=_from(known),
        ),
    )
    moment.session.materialise(
        "people_codes",
        sql(
            """
            SELECT p.profile_id, row_number() OVER (ORDER BY p.profile_id) - 1 AS code
            FROM (SELECT DISTINCT q.profile_id FROM :pairs AS q JOIN product_codes AS k ON k.sku = q.sku) AS p
            """,
            pairs=pairs,
        ),
    )
    rows = moment.session.table(
        sql(
            """
            SELECT CAST(c.code AS int) AS person, CAST(k.code AS int) AS product, p.days, p.looked, p.since, p.span
            FROM :pairs AS p
            JOIN people_codes AS c ON c.profile_id = p.profile_id
            JOIN product_codes AS k ON k.sku = p.sku
            ORDER BY c.code, k.code
            """,
            pairs=pairs,
        )
    )
    people = _texts(moment, "people_codes", "profile_id")
    person = rows.column("person").to_numpy()
    starts = np.searchsorted(person, np.arange(len(people) + 1)).astype(np.int64)
    return Interactions(
        people,
        _texts(moment, "product_codes", "sku"),
        starts,
        rows.column("product").to_numpy(),
        *(
            rows.column(name).to_numpy(zero_copy_only=False).astype(np.float32)
            for name in ("days", "looked", "since", "span")
        ),
    )


def read_truth(moment: Moment, before: Interactions) -> csr_array:
    """People × products of `before`: 1 where the person bought the product within the moment's horizon.

    Products that nobody dealt with before the moment cannot be recommended; they are not in it.
    """
    rows = moment.session.table(
        sql(
            """
            SELECT CAST(c.code AS int) AS person, CAST(k.code AS int) AS product
            FROM :ahead AS a
            JOIN people_codes AS c ON c.profile_id = a.profile_id
            JOIN product_codes AS k ON k.sku = a.sku
            ORDER BY c.code, k.code
            """,
            ahead=_from(bought_ahead()),
        )
    )
    person, product = rows.column("person").to_numpy(), rows.column("product").to_numpy()
    ones = np.ones(len(person), dtype=np.int8)
    shape = (len(before), len(before.skus))
    return csr_array((ones, (person.astype(np.int64), product.astype(np.int64))), shape=shape)


def read_catalogue(moment: Moment, skus: pa.Array) -> Catalogue:
    """What is known of these products before the moment, in a session of everybody."""
    rows = moment.session.table(product_table())
    texts = pa.nulls(rows.num_rows, pa.string())
    sold = Catalogue(
        skus=rows.column("sku").combine_chunks(),
        names=texts,
        categories=texts,
        price=_numbers(rows, "price"),
        margin=_numbers(rows, "margin"),
        stock=np.full(rows.num_rows, np.nan),
    )
    return read_listed(moment, sold.aligned(skus))


def read_listed(moment: Moment, known: Catalogue) -> Catalogue:
    """The same products with what the moment's list says of them now; what it does not say stays, but for the stock."""
    rows = moment.session.table(listed_products())
    listed = Catalogue(
        skus=rows.column("sku").combine_chunks(),
        names=rows.column("name").cast(pa.string()).combine_chunks(),
        categories=rows.column("category").cast(pa.string()).combine_chunks(),
        price=_numbers(rows, "price"),
        margin=np.full(rows.num_rows, np.nan),
        stock=_numbers(rows, "stock"),
    ).aligned(known.skus)
    return Catalogue(
        known.skus,
        pc.coalesce(listed.names, known.names),
        pc.coalesce(listed.categories, known.categories),
        np.where(np.isnan(listed.price), known.price, listed.price),
        known.margin,
        listed.stock,
    )


def coded(values: pa.Array | pa.ChunkedArray, known: pa.Array) -> CodeArray:
    """The place of each value among the known ones; −1 where it is not among them."""
    found = pc.fill_null(pc.index_in(values, value_set=known), -1)
    if isinstance(found, pa.ChunkedArray):
        found = found.combine_chunks()
    places: npt.NDArray[np.int64] = found.to_numpy(zero_copy_only=False).astype(np.int64)
    return places


def _texts(moment: Moment, table: str, name: str) -> pa.Array:
    source = exp.Table(this=identifier(table))
    rows = moment.session.table(exp.select(name).from_(source).order_by("code"))
    found = rows.column(name).cast(pa.string())
    return found.combine_chunks()


def _bound(moment: Moment, name: str, columns: dict[str, pa.Array]) -> exp.Table:
    moment.session.bind(name, pa.table(columns))
    return exp.Table(this=identifier(name))


def _from(source: exp.Expr) -> exp.Expr:
    return exp.Subquery(this=source) if isinstance(source, exp.Query) else source


def _numbers(rows: pa.Table, name: str) -> FloatArray:
    column = rows.column(name).cast(pa.float64())
    return np.asarray(column.to_numpy(zero_copy_only=False), dtype=np.float64)
