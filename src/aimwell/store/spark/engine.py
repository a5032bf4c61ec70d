"""Spark behind the protocol of engines.

A name is a temporary view of Spark's. A pinned version is read by its list of files, as everywhere. Spark has no
table of one session, so what is materialised is a result that Spark keeps, in memory and beyond it on disk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import uuid4

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.functions import spark_partition_id
from pyspark.sql.pandas.functions import arrow_udf
from pyspark.storagelevel import StorageLevel
from sqlglot import exp

from aimwell.store.engine import Source
from aimwell.store.spark.dialect import rendered
from aimwell.store.spark.errors import translated
from aimwell.store.spark.foreign import Foreign
from aimwell.store.spark.running import SESSION_OPTIONS, running_spark
from aimwell.store.spark.workers import python_function
from aimwell.store.sql import identifier
from aimwell.store.tables import LAKE_TABLES
from aimwell.store.time_limit import time_limit
from aimwell.store.versions import TableVersion

if TYPE_CHECKING:
    from pyspark.sql._typing import UserDefinedFunctionLike

__all__ = ["SparkEngine", "SparkEngineSession"]

T = TypeVar("T")

_GROUP = ("spark.jobGroup.id", "spark.job.description", "spark.job.interruptOnCancel")


class SparkEngineSession:
    """A session on the Spark of this process."""

    def __init__(self, spark: SparkSession) -> None:
        self.spark = spark
        self._kept: list[DataFrame] = []
        self._materialised: dict[str, DataFrame] = {}
        self._functions: set[str] = set()

    def bind(self, name: str, source: Source) -> None:
        """See Session.bind. A version whose files are gone is noticed here."""
        if not isinstance(source, TableVersion | pa.Table):
            query = source if isinstance(source, exp.Expr) else source()
            self._run(query, lambda text: self.spark.sql(f"{_view(name)} AS {text}"))
            return
        about = exp.select("*").from_(exp.Table(this=identifier(name)))
        _guarded(about, lambda: self._frame(source).createOrReplaceTempView(_quoted(name)))

    def _frame(self, source: TableVersion | pa.Table) -> DataFrame:
        if isinstance(source, pa.Table):
            return self.spark.createDataFrame(source)
        empty = self.spark.createDataFrame(LAKE_TABLES[source.name].schema.empty_table())
        # With a schema of ours, an old file gives nulls in the columns that it lacks.
        return (
            self.spark.read.schema(empty.schema).parquet(*source.files) if source.files else empty
        )

    def materialise(self, name: str, query: exp.Expr) -> None:
        """See Session.materialise."""
        frame = self._keep(query)
        _guarded(query, frame.count)
        frame.createOrReplaceTempView(_quoted(name))
        self._materialised[name] = frame

    def drop(self, name: str) -> None:
        """See Session.drop."""
        self.spark.catalog.dropTempView(name)
        if (frame := self._materialised.pop(name, None)) is not None:
            frame.unpersist()
            self._kept.remove(frame)

    def table(self, query: exp.Expr) -> pa.Table:
        """See Session.table."""
        return _plain(self._run(query, lambda text: self.spark.sql(text).toArrow()))

    def batches(self, query: exp.Expr, *, rows: int = 100_000) -> pa.RecordBatchReader:
        """See Session.batches. In memory here are the rows of one of Spark's partitions."""
        frame = self._keep(query)
        schema = _guarded(query, lambda: _plain(frame.limit(0).toArrow()).schema)

        def stream() -> Iterator[pa.RecordBatch]:
            for number in range(_guarded(query, frame.rdd.getNumPartitions)):
                part = frame.where(spark_partition_id() == number)
                found = _guarded(query, part.toArrow)
                yield from found.cast(schema).to_batches(max_chunksize=rows)
            frame.unpersist()

        return pa.RecordBatchReader.from_batches(schema, stream())

    def rows(self, query: exp.Expr) -> list[tuple[Any, ...]]:
        """See Session.rows."""
        columns = [column.to_pylist() for column in self.table(query).columns]
        return list(zip(*columns, strict=True))

    @contextmanager
    def limited(self, seconds: float) -> Iterator[None]:
        """See Session.limited."""
        group, context = f"limit-{uuid4().hex}", self.spark.sparkContext
        context.setJobGroup(group, "of people's own", interruptOnCancel=True)
        try:
            with time_limit(seconds, lambda: context.cancelJobGroup(group)):
                yield
        finally:
            for name in _GROUP:
                context.setLocalProperty(name, None)  # type: ignore[arg-type]

    def _keep(self, query: exp.Expr) -> DataFrame:
        """A result that is computed once, when it is first asked for."""
        kept = self._run(
            query, lambda text: self.spark.sql(text).persist(StorageLevel.MEMORY_AND_DISK)
        )
        self._kept.append(kept)
        return kept

    def close(self) -> None:
        """Give back what was materialised, and forget the names."""
        for frame in self._kept:
            frame.unpersist()

    def _run(self, query: exp.Expr, run: Callable[[str], T]) -> T:
        """Run the query's text, with the functions that it calls, Spark's own errors turned into ours."""
        found = rendered(query)

        def all_of_it() -> T:
            for name, function in found.functions.items():
                if name not in self._functions:
                    self.spark.udf.register(name, _in_workers(function))
                    self._functions.add(name)
            return run(found.text)

        return _guarded(query, all_of_it)


def _in_workers(function: Foreign) -> UserDefinedFunctionLike:
    computed = python_function(function.query)
    # Which kind of function it is, Spark reads off its annotations and warns where it is told; its stubs know no such call.
    return arrow_udf(computed, function.returns)  # type: ignore[call-overload,no-any-return]


def _plain(table: pa.Table) -> pa.Table:
    """Without Spark's notes on columns."""
    return table.cast(pa.schema([pa.field(field.name, field.type) for field in table.schema]))


def _quoted(name: str) -> str:
    return identifier(name).sql("spark")


def _view(name: str) -> str:
    return f"CREATE OR REPLACE TEMPORARY VIEW {_quoted(name)}"


def _guarded(query: exp.Expr, run: Callable[[], T]) -> T:
    try:
        return run()
    except Exception as error:
        ours = translated(error, query)
        if ours is error:
            raise
        raise ours from error


class SparkEngine:
    """PySpark, in this process's Java machine or on a cluster.

    Args:
        master: Of the cluster, as `spark://host:7077`; None runs everything on this machine.
        memory_mb: Memory of each Java process; see `running_spark`.
        threads: Threads on this machine; None takes all cores.
        options: More settings of Spark; only those of the first engine of a process hold.
    """

    name = "spark"

    def __init__(
        self,
        *,
        master: str | None = None,
        memory_mb: int | None = None,
        threads: int | None = None,
        options: Mapping[str, str] | None = None,
    ) -> None:
        self._master = master or f"local[{threads or '*'}]"
        self._memory_mb, self._options = memory_mb, options

    @contextmanager
    def session(self) -> Iterator[SparkEngineSession]:
        """See Engine.session."""
        spark = running_spark(self._master, memory_mb=self._memory_mb, options=self._options)
        own = spark.newSession()
        for name, value in SESSION_OPTIONS.items():
            own.conf.set(name, value)
        session = SparkEngineSession(own)
        try:
            yield session
        finally:
            session.close()
