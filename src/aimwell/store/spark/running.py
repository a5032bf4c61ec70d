"""The one Spark of a process: started when it is first asked for, with what our queries rely on."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

from pyspark.errors import PySparkException
from pyspark.logger import PySparkLogger
from pyspark.sql import SparkSession

from aimwell.errors import StoreError

__all__ = ["SESSION_OPTIONS", "running_spark"]

_LOG_SETTINGS = Path(__file__).with_name("log4j2.properties")
_MEMORY_SHARE = 0.6
_lock = threading.Lock()
# They write the text of a failed query, and values of rows with it, to the standard error.
_TALKATIVE = ("SQLQueryContextLogger", "DataFrameQueryContextLogger")

SESSION_OPTIONS: Mapping[str, str] = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "true",
    "spark.sql.ansi.doubleQuotedIdentifiers": "false",
    # A text such as ${x} is a text.
    "spark.sql.variable.substitute": "false",
    # Times before the Gregorian calendar are in the files as they are.
    "spark.sql.parquet.datetimeRebaseModeInRead": "CORRECTED",
}
"""What our queries rely on, whatever the cluster's own settings are."""


def running_spark(
    master: str, *, memory_mb: int | None = None, options: Mapping[str, str] | None = None
) -> SparkSession:
    """The Spark of this process; the first caller's master, memory and options hold.

    Args:
        master: As `local[2]` or `spark://host:7077`.
        memory_mb: Memory of the Java process here, and of each on a cluster; None leaves it to Spark's own settings, or takes
            60 % of the machine's where everything runs on it.
        options: More settings of Spark.

    Raises:
        StoreError: Spark cannot be started here, or does not reach its master.
    """
    with _lock:
        for name in _TALKATIVE:
            PySparkLogger.getLogger(name).disabled = True
        # Spark's Python processes are of this environment, where nobody says otherwise.
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
        builder = SparkSession.builder.master(master).appName("aimwell")
        chosen = {**_options(master, memory_mb), **SESSION_OPTIONS, **(options or {})}
        for name, value in chosen.items():
            builder = builder.config(name, value)
        try:
            return builder.getOrCreate()
        except (PySparkException, OSError) as error:
            raise StoreError(
                "Spark cannot be started. It needs Java 17 or later (JAVA_HOME, or java on the PATH), and a master "
                f"that can be reached ({master})."
            ) from error


def _options(master: str, memory_mb: int | None) -> dict[str, str]:
    log = f"-Dlog4j2.configurationFile=file:{_LOG_SETTINGS}"
    found = {
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        # What its pages would tell of past queries, a thousand plans of some MB, is kept though nobody sees the pages.
        "spark.sql.ui.retainedExecutions": "1",
        "spark.ui.retainedJobs": "10",
        "spark.ui.retainedStages": "10",
        "spark.ui.retainedTasks": "100",
        "spark.driver.extraJavaOptions": log,
        "spark.executor.extraJavaOptions": log,
    }
    if master.startswith("local"):
        # Nobody else has to reach it.
        found |= {"spark.driver.bindAddress": "127.0.0.1", "spark.driver.host": "127.0.0.1"}
        memory_mb = memory_mb or int(_machine_mb() * _MEMORY_SHARE)
    if memory_mb is not None:
        found |= {
            "spark.driver.memory": f"{memory_mb}m",
            "spark.executor.memory": f"{memory_mb}m",
        }
    return found


def _machine_mb() -> int:
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2**20
