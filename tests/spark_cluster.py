"""A real Spark cluster on this machine: a master and its workers, each a process, listening on loopback only."""

from __future__ import annotations

import os
import re
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from pyspark.find_spark_home import _find_spark_home

from child import eventually

__all__ = ["Cluster", "running_cluster"]

_MASTER = "org.apache.spark.deploy.master.Master"
_WORKER = "org.apache.spark.deploy.worker.Worker"
_HERE = "127.0.0.1"
_START_SECONDS = 120.0


@dataclass(frozen=True)
class Cluster:
    """The master's URL, and the files to which the workers write what they do."""

    url: str
    logs: tuple[Path, ...]

    def executors(self) -> list[int]:
        """How many executors each worker was asked to run."""
        asked = re.compile("Asked to launch executor")
        return [len(asked.findall(log.read_text())) for log in self.logs]


@contextmanager
def running_cluster(folder: Path, *, workers: int = 2) -> Iterator[Cluster]:
    """A master and workers of one core each, for the length of the block."""
    url = f"spark://{_HERE}:{_free_port()}"
    with ExitStack() as stack:
        master = folder / "master.log"
        port = url.rpartition(":")[2]
        stack.enter_context(_process(master, _MASTER, "--port", port))
        eventually(lambda: "New state: ALIVE" in _told(master), seconds=_START_SECONDS)
        logs = tuple(folder / f"worker-{number}.log" for number in range(workers))
        for log in logs:
            work = folder / log.stem
            own = ("--cores", "1", "--memory", "1g", "--work-dir", str(work), "--port", "0", url)
            stack.enter_context(_process(log, _WORKER, *own))
        for log in logs:
            eventually(
                lambda log=log: "registered with master" in _told(log), seconds=_START_SECONDS
            )  # type: ignore[misc]
        yield Cluster(url, logs)


@contextmanager
def _process(log: Path, what: str, *arguments: str) -> Iterator[None]:
    own = {"SPARK_LOCAL_IP": _HERE, "SPARK_DAEMON_MEMORY": "256m"}
    own["SPARK_DAEMON_JAVA_OPTS"] = "-Dspark.master.rest.enabled=false -Dspark.ui.enabled=false"
    with log.open("w") as told:
        process = subprocess.Popen(
            [
                f"{_find_spark_home()}/bin/spark-class",
                *(what, "--host", _HERE, "--webui-port", "0", *arguments),
            ],
            stdout=told,
            stderr=subprocess.STDOUT,
            env={**os.environ, **own},
        )
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def _told(log: Path) -> str:
    return log.read_text() if log.exists() else ""


def _free_port() -> int:
    with socket.socket() as free:
        free.bind((_HERE, 0))
        port: int = free.getsockname()[1]
    return port
