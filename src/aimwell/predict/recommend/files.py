"""A recommender as files: a few facts for the manifest, and Arrow tables beside it, which hold numbers and texts only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from scipy.sparse import csr_array

from aimwell.errors import ModelFileError
from aimwell.predict.recommend.catalogue import Catalogue
from aimwell.predict.recommend.factors import Factors
from aimwell.predict.recommend.popularity import Popularity
from aimwell.predict.recommend.recommender import AgainMethod, Method, Recommender
from aimwell.predict.recommend.repeats import Repeats

__all__ = ["TABLES", "RecommenderFacts", "facts_of", "recommender_of", "tables_of"]

TABLES = ("products.arrow", "neighbours.arrow", "popular.arrow", "factors.arrow")

_TEXT, _REAL, _REAL32, _PLACE = pa.string(), pa.float64(), pa.float32(), pa.int32()
_SCHEMAS = {
    "products.arrow": pa.schema(
        [
            ("sku", _TEXT),
            ("name", _TEXT),
            ("category", _TEXT),
            ("price", _REAL),
            ("margin", _REAL),
            ("stock", _REAL),
            ("repeat_share", _REAL),
            ("gap_days", _REAL),
        ]
    ),
    "neighbours.arrow": pa.schema(
        [("product", _PLACE), ("neighbour", _PLACE), ("likeness", _REAL32)]
    ),
    "popular.arrow": pa.schema([("group", _PLACE), ("product", _PLACE), ("share", _REAL)]),
    "factors.arrow": pa.schema([("value", _REAL32)]),
}


@dataclass(frozen=True, slots=True)
class RecommenderFacts:
    """What the manifest holds; see `Recommender`. `factors` is how many numbers each product has, 0 for none."""

    method: Method
    again_method: AgainMethod
    by: str | None
    horizon_days: int
    chances: dict[str, tuple[float, ...]]
    groups: tuple[str, ...]
    factors: int
    confidence: float
    penalty: float


def facts_of(model: Recommender) -> RecommenderFacts:
    """The facts of a recommender."""
    factors = model.factors
    return RecommenderFacts(
        method=model.method,
        again_method=model.again_method,
        by=model.by,
        horizon_days=model.horizon_days,
        chances=dict(model.chances),
        groups=model.popular.groups,
        factors=0 if factors is None else factors.products.shape[1],
        confidence=0.0 if factors is None else factors.confidence,
        penalty=0.0 if factors is None else factors.penalty,
    )


def tables_of(model: Recommender) -> dict[str, bytes]:
    """The tables of a recommender by file name, as Arrow IPC."""
    catalogue, popular, near = model.catalogue, model.popular, model.neighbours
    group, place = np.nonzero(popular.product >= 0)
    columns: dict[str, list[Any]] = {
        "products.arrow": [
            catalogue.skus,
            catalogue.names,
            catalogue.categories,
            catalogue.price,
            catalogue.margin,
            catalogue.stock,
            model.repeats.share,
            model.repeats.gap_days,
        ],
        "neighbours.arrow": [
            np.repeat(np.arange(near.shape[0]), np.diff(near.indptr)),
            near.indices,
            near.data,
        ],
        "popular.arrow": [group, popular.product[group, place], popular.share[group, place]],
    }
    if model.factors is not None:
        columns["factors.arrow"] = [model.factors.products.reshape(-1)]
    return {
        name: _written(
            pa.table(
                [
                    pa.array(one).cast(field.type)
                    for one, field in zip(given, _SCHEMAS[name], strict=True)
                ],
                schema=_SCHEMAS[name],
            )
        )
        for name, given in columns.items()
    }


def recommender_of(facts: RecommenderFacts, files: Mapping[str, bytes]) -> Recommender:
    """The recommender that these facts and tables are.

    Raises:
        ModelFileError: A table is missing, or does not fit the others.
    """
    wanted = {*TABLES} - ({"factors.arrow"} if not facts.factors else set())
    if missing := sorted(wanted - set(files)):
        raise ModelFileError(f"The files of the model lack {', '.join(missing)}. Train it anew.")
    tables = {name: _read(name, files[name]) for name in wanted}
    try:
        return _composed(facts, tables)
    except (ValueError, IndexError) as error:
        raise ModelFileError(f"The tables of the model do not fit together: {error}.") from error


def _composed(facts: RecommenderFacts, tables: Mapping[str, pa.Table]) -> Recommender:
    products = tables["products.arrow"]
    skus, names, categories = (
        products.column(name).combine_chunks() for name in ("sku", "name", "category")
    )
    numbers = {name: _numbers(products, name) for name in products.column_names[3:]}
    size = products.num_rows
    near = tables["neighbours.arrow"]
    counts = np.bincount(_numbers(near, "product"), minlength=size)
    neighbours = csr_array(
        (
            _numbers(near, "likeness"),
            _numbers(near, "neighbour").astype(np.int64),
            np.concatenate([[0], np.cumsum(counts)]),
        ),
        shape=(size, size),
    )
    factors = None
    if facts.factors:
        values = _numbers(tables["factors.arrow"], "value").reshape(size, facts.factors)
        factors = Factors(values, facts.confidence, facts.penalty)
    return Recommender(
        catalogue=Catalogue(
            skus, names, categories, numbers["price"], numbers["margin"], numbers["stock"]
        ),
        method=facts.method,
        again_method=facts.again_method,
        popular=_popular(facts.groups, tables["popular.arrow"]),
        by=facts.by,
        neighbours=neighbours,
        factors=factors,
        repeats=Repeats(numbers["repeat_share"], numbers["gap_days"]),
        horizon_days=facts.horizon_days,
        chances=facts.chances,
    )


def _popular(groups: tuple[str, ...], rows: pa.Table) -> Popularity:
    group = _numbers(rows, "group")
    counts = np.bincount(group, minlength=len(groups))
    width = int(counts.max(initial=0))
    place = np.arange(len(group)) - np.repeat(np.cumsum(counts) - counts, counts)
    product = np.full((len(groups), width), -1, dtype=np.int64)
    share = np.zeros((len(groups), width))
    product[group, place] = _numbers(rows, "product")
    share[group, place] = _numbers(rows, "share")
    return Popularity(groups, product, share)


def _numbers(table: pa.Table, name: str) -> np.ndarray:
    return np.array(table.column(name).to_numpy())


def _written(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    content: bytes = sink.getvalue().to_pybytes()
    return content


def _read(name: str, content: bytes) -> pa.Table:
    try:
        table = pa.ipc.open_file(content).read_all()
    except (pa.ArrowInvalid, OSError) as error:
        raise ModelFileError(f"The file {name} is no Arrow table: {error}.") from error
    if table.schema != _SCHEMAS[name]:
        raise ModelFileError(
            f"The file {name} has other columns than a recommender has: {', '.join(table.column_names)}."
        )
    return table
