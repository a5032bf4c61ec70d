"""What operators ask: is it alive, is it ready, how is it doing."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from litestar import MediaType, Request, Response, Router, get
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Message, Receive, Scope, Send
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError

from aimwell.collect.tracking.door import Door, inbox_folder
from aimwell.errors import AimwellError
from aimwell.store.inbox import inbox_state
from aimwell.store.revisions import current_revision, head_revision
from aimwell.store.schema import metadata
from aimwell.store.stores import Stores

__all__ = ["Figures", "operator_routes"]

_messages = metadata.tables["messages"]
_jobs = metadata.tables["jobs"]
_ROOM_BYTES_MIN = 1024 * 1024
_AWAY = (AimwellError, SQLAlchemyError)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


class _Ledger(Collector):
    """Counts of messages and jobs, looked up when somebody asks."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores

    def collect(self) -> Iterator[Metric]:
        answers = GaugeMetricFamily(
            "aimwell_control_up", "Whether the control database answers.", value=1
        )
        found: list[Metric] = []
        try:
            found.extend(
                self._counts(table, name, words)
                for table, name, words in (
                    (_messages, "aimwell_messages", "Messages in the ledger by state."),
                    (_jobs, "aimwell_jobs", "Jobs by state."),
                )
            )
        except _AWAY:
            # The figures of the process itself are wanted most when the database is away.
            answers = GaugeMetricFamily(
                "aimwell_control_up", "Whether the control database answers.", value=0
            )
        yield answers
        yield from found

    def _counts(self, table: sa.Table, name: str, words: str) -> Metric:
        family = GaugeMetricFamily(name, words, labels=["state"])
        with self._stores.read_control() as connection:
            query = sa.select(table.c.state, sa.func.count()).group_by(table.c.state)
            for state, number in connection.execute(query):
                family.add_metric([state], number)
        return family


class _Inbox(Collector):
    """How many tracking messages came, and how many wait on their way to the lake."""

    def __init__(self, stores: Stores, door: Door) -> None:
        self._folder, self._door = inbox_folder(stores), door

    def collect(self) -> Iterator[Metric]:
        taken = CounterMetricFamily(
            "aimwell_tracking_messages", "Tracking messages acknowledged.", labels=["call"]
        )
        for call, number in sorted(self._door.taken.items()):
            taken.add_metric([call], number)
        yield taken
        yield GaugeMetricFamily(
            "aimwell_inbox_waiting_bytes",
            "Bytes of messages that wait for the disk, unacknowledged.",
            value=self._door.waiting_bytes,
        )
        state = inbox_state(self._folder)
        yield GaugeMetricFamily(
            "aimwell_inbox_segments", "Segments that are not in the lake yet.", value=state.segments
        )
        yield GaugeMetricFamily(
            "aimwell_inbox_bytes", "Their size in bytes.", value=state.size_bytes
        )
        yield GaugeMetricFamily(
            "aimwell_inbox_lag_seconds",
            "Age of the oldest message that is not in the lake yet, at most.",
            value=state.age_seconds(time.time_ns()),
        )


class Figures(ASGIMiddleware):
    """Counts requests and their time by route, never by address: addresses hold tokens."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores
        self.registry = CollectorRegistry()
        self.registry.register(_Ledger(stores))
        self._requests = Counter(
            "aimwell_requests",
            "Requests answered.",
            ["method", "route", "status"],
            registry=self.registry,
        )
        self._seconds = Histogram(
            "aimwell_request_seconds",
            "Time to answer a request.",
            ["route"],
            registry=self.registry,
            buckets=_BUCKETS,
        )

    def watch(self, door: Door) -> None:
        """Show the figures of tracking, too."""
        self.registry.register(_Inbox(self._stores, door))

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Pass the request on and count its answer."""
        started, status = time.perf_counter(), 500

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await next_app(scope, receive, watched)
        finally:
            path = str(scope.get("path_template", "")) or "unknown"
            method = str(scope.get("method", ""))
            # Anybody can invent methods, and each label is kept for ever.
            method = method if method in _METHODS else "other"
            self._requests.labels(method, path, str(status)).inc()
            self._seconds.labels(path).observe(time.perf_counter() - started)


@get("/healthz", media_type=MediaType.TEXT, sync_to_thread=False)
def healthz() -> str:
    """The process answers."""
    return "ok"


@get("/readyz", media_type=MediaType.TEXT, sync_to_thread=True)
def readyz(request: Request[Any, Any, Any]) -> Response[str]:
    """The control database answers with the schema that this version knows, and the inbox has room."""
    stores: Stores = request.app.state.stores
    if shutil.disk_usage(inbox_folder(stores)).free < _ROOM_BYTES_MIN:
        return Response("the disk of the inbox is full", status_code=503)
    try:
        ready = current_revision(stores.control) == head_revision()
    except _AWAY:
        return Response("the control database does not answer", status_code=503)
    if not ready:
        return Response("the control database has another schema", status_code=503)
    return Response("ready")


@get("/metrics", media_type=MediaType.TEXT, sync_to_thread=True)
def metrics(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Figures for Prometheus."""
    figures: Figures = request.app.state.figures
    return Response(
        generate_latest(figures.registry), media_type="text/plain; version=0.0.4; charset=utf-8"
    )


def operator_routes() -> Router:
    """All routes for operators."""
    return Router(path="/", route_handlers=[healthz, readyz, metrics], tags=["operators"])
