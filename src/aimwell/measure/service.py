"""The stage *measure*: what a plan earned, and its report in the workspace."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from aimwell.decide.campaign_parts import parts_of_plan
from aimwell.decide.stops import stops_of
from aimwell.decide.stored import load_plan
from aimwell.errors import MeasureError
from aimwell.measure.belief import earlier_lifts
from aimwell.measure.by_segment import SegmentLifts, segment_lifts
from aimwell.measure.earnings_report import earnings_csv, earnings_html
from aimwell.measure.executive import Executive
from aimwell.measure.feedback.of_campaign import said_in_window
from aimwell.measure.interference import household_spillover
from aimwell.measure.ledger import read_contacts, read_ledger
from aimwell.measure.members import of_segments
from aimwell.measure.model import CampaignResult, Metric, Span, Truth
from aimwell.measure.over_time import OverTime, over_time
from aimwell.measure.plan_reading import read_plan
from aimwell.measure.report import report_html
from aimwell.measure.report_files import store_files
from aimwell.measure.results import Setting, result_from
from aimwell.measure.returned import read_returned, revision_of
from aimwell.measure.series_reading import read_series
from aimwell.measure.spans import assigned, seed_of, span_of
from aimwell.measure.view_tables import lift_csv
from aimwell.segment.membership.defined import defined
from aimwell.stats.randomisation import DEFAULT_PERMUTATIONS
from aimwell.store.control import upsert
from aimwell.store.schema import metadata
from aimwell.store.stores import Stores

__all__ = [
    "StoredReport",
    "measure",
    "measure_over_time",
    "measure_segments",
    "store_earnings",
    "store_report",
]

_reports = metadata.tables["reports"]


@dataclass(frozen=True)
class StoredReport:
    """Where a report lies."""

    report_id: str
    html: Path
    json: Path
    csv: Path


def measure(
    stores: Stores,
    plan_id: str,
    *,
    now: datetime,
    seed: int | None = None,
    permutations: int = DEFAULT_PERMUTATIONS,
    truth: Truth | None = None,
    windows: float = 1.0,
) -> CampaignResult:
    """What sending a plan added, up to `now` or to the end of its window.

    Args:
        plan_id: The plan, or `latest:CAMPAIGN`.
        now: The present moment; an unfinished window is measured up to here and says so.
        seed: Of the randomisation test; same data and seed, same answer. None takes that of the plan, `seed_of`.
        permutations: Of the randomisation test.
        truth: The true effect, where the people are simulated and answered what was sent; shown beside. None
            takes what a kept report of the plan says of it for the same span.
        windows: How many windows long to look from the start: 2 looks as long again beyond the end of the window, where
            sales that were pulled forward are missing and returns come in.

    Raises:
        DecideError: There is no such plan.
        MeasureError: The plan has not begun, so there is nothing to measure.
    """
    plan = load_plan(stores.control, plan_id)
    span = span_of(plan, now, timezone=stores.settings.timezone, windows=windows)
    parts = parts_of_plan(plan.document)
    placed = assigned(stores, plan.plan_id)
    setting = Setting(
        plan=plan,
        parts=parts,
        span=span,
        currency=stores.settings.currency,
        timezone=stores.settings.timezone,
        measured_at=now.astimezone(UTC),
        truth=truth or _truth_told(stores, plan.plan_id, span),
        spillover=household_spillover(stores, placed.people),
    )
    with stores.read_control() as connection:
        ledger = read_ledger(connection, plan.plan_id)
        contacts = read_contacts(connection, plan.plan_id)
        stops = stops_of(connection, plan.campaign)[::-1]
    reading = read_plan(
        stores,
        plan,
        parts,
        placed,
        span=span,
        offers_reached=not setting.reached_nobody,
        contacts=contacts,
    )
    seed = seed_of(plan) if seed is None else seed
    revision = None
    if windows == 1.0 and now.astimezone(UTC) > span.ends_at:
        revision = revision_of(
            reading.people,
            read_returned(stores, reading, span, now=now),
            now=now,
            seed=seed,
            permutations=permutations,
            currency=setting.currency,
            timezone=setting.timezone,
        )
    return result_from(
        reading,
        ledger,
        setting,
        erased=placed.erased,
        earlier=earlier_lifts(stores, plan),
        seed=seed,
        permutations=permutations,
        revision=revision,
        said=said_in_window(stores, plan, span) if windows == 1.0 else None,
        series=read_series(stores, plan, reading if span.finished else None, now=now)
        if windows == 1.0
        else None,
        stops=[
            one
            for one in stops
            if one.plan_id == plan.plan_id or span.starts_at <= one.stopped_at < span.ends_at
        ],
    )


def measure_segments(
    stores: Stores,
    plan_id: str,
    *,
    now: datetime,
    segments: Sequence[str] | None = None,
    metrics: Sequence[Metric] | None = None,
) -> SegmentLifts:
    """What sending a plan added in each segment, up to `now` or to the end of its window.

    Args:
        plan_id: The plan, or `latest:CAMPAIGN`.
        now: The present moment.
        segments: Names; default: all. They are looked at as of the start, as they are written down now.
        metrics: Default: all that are known.

    Raises:
        DecideError: There is no such plan.
        UnknownDefinitionError: There is no such segment.
        MeasureError: The plan has not begun.
    """
    plan = load_plan(stores.control, plan_id)
    span = span_of(plan, now, timezone=stores.settings.timezone)
    found = defined(stores, segments)
    reached_nobody = plan.trial and _truth_told(stores, plan.plan_id, span) is None
    reading = read_plan(
        stores,
        plan,
        parts_of_plan(plan.document),
        assigned(stores, plan.plan_id),
        span=span,
        offers_reached=not reached_nobody,
        grouping=of_segments(found),
        valued=False,
    )
    return segment_lifts(
        reading.people,
        reading.in_segments,
        plan=plan,
        span=span,
        currency=stores.settings.currency,
        metrics=metrics,
        seed=seed_of(plan),
        reached_nobody=reached_nobody,
    )


def measure_over_time(
    stores: Stores, plan_id: str, *, now: datetime, after: timedelta | None = None
) -> OverTime:
    """How the effect of a plan on revenue developed, in its window and in the time after it.

    Args:
        plan_id: The plan, or `latest:CAMPAIGN`.
        now: The present moment.
        after: How much time after the window to look at; default: as long as the window itself.

    Raises:
        DecideError: There is no such plan.
        MeasureError: The plan has not begun.
    """
    plan = load_plan(stores.control, plan_id)
    window = span_of(plan, now, timezone=stores.settings.timezone)
    after = window.ends_at - window.starts_at if after is None else after
    if after < timedelta(0):
        raise MeasureError(f"The time after the window is {after}. It must be 0 or more.")
    until = min(window.ends_at + after, now.astimezone(UTC))
    span = replace(window, measured_until=until)
    reading = read_plan(
        stores,
        plan,
        parts_of_plan(plan.document),
        assigned(stores, plan.plan_id),
        span=span,
        offers_reached=False,
        valued=False,
    )
    return over_time(
        reading,
        plan=plan,
        span=span,
        after=after,
        currency=stores.settings.currency,
        timezone=stores.settings.timezone,
    )


def _truth_told(stores: Stores, plan_id: str, span: Span) -> Truth | None:
    """The truth that was told when the same span of the plan was measured before; None where there is none."""
    told = (
        sa.select(_reports.c.document)
        .where(_reports.c.plan_id == plan_id, _reports.c.as_of == span.measured_until)
        .order_by(_reports.c.made_at.desc())
    )
    with stores.read_control() as connection:
        documents = connection.execute(told).scalars().all()
    return next((Truth(**document["truth"]) for document in documents if document["truth"]), None)


def store_report(stores: Stores, result: CampaignResult) -> StoredReport:
    """Keep a result: a row of the control database, and `reports/PLAN.html`, `.json` and `.csv` in the workspace.

    The files of an earlier measurement of the same plan are replaced, each whole or not at all; rows stay.

    Raises:
        StorageFullError: The disk is full; the files of before are still there.
        MeasureError: The plan's id cannot be the name of a file.
    """
    document = result.to_dict()
    files = store_files(
        stores,
        result.plan_id,
        html=report_html(result),
        document=document,
        csv=lift_csv(result),
    )
    stored = StoredReport(
        report_id=f"{result.plan_id}-{result.measured_at:%Y%m%dT%H%M%S%f}", **files
    )
    row = {
        "report_id": stored.report_id,
        "plan_id": result.plan_id,
        "as_of": result.span.measured_until,
        "document": document,
        "made_at": result.measured_at,
    }
    with stores.control.begin() as connection:
        upsert(connection, _reports, [row], update=("as_of", "document", "made_at"))
    return stored


def store_earnings(
    stores: Stores, found: Executive, *, name: str, title: str, now: datetime
) -> dict[str, Path]:
    """Keep the page with the ledger as `reports/NAME.html`, `.json` and `.csv` in the workspace; the files by their kind.

    Raises:
        MeasureError: The name cannot be that of a file.
        StorageFullError: The disk is full; the files of before are still there.
    """
    return store_files(
        stores,
        name,
        html=earnings_html(found, title=title, timezone=stores.settings.timezone, made_at=now),
        document=found.to_dict(),
        csv=earnings_csv(found.ledger),
    )
