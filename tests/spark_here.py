"""The Spark of this process for tests: small, and quick at small queries."""

from __future__ import annotations

from aimwell.store.spark.engine import SparkEngine

__all__ = ["QUICK", "spark_here"]

QUICK = {
    # Java's second compiler and its threads pay off after minutes only.
    "spark.driver.defaultJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
    "spark.sql.shuffle.partitions": "2",
    # To compile Java for each query takes longer than a small query.
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.sql.adaptive.enabled": "false",
}


def spark_here() -> SparkEngine:
    """An engine on the one Spark of this process."""
    return SparkEngine(threads=2, memory_mb=2048, options=QUICK)
