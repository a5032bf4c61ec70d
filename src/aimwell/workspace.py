"""The library's front door: a workspace with its seven stages.

    import aimwell

    ws = aimwell.open("shop")
    ws.segment.members("lapsing-high-value", as_of=...)
    plan = ws.decide.plan("spring-winback", trial=True)

Each stage is a small object whose methods take what a person would say and hand it to the stage's service
with the workspace's stores, the present moment and who is asking. Nothing is decided here.
"""

from __future__ import annotations

import getpass
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any

import pyarrow as pa

from aimwell.collect.corrections import read_corrections
from aimwell.collect.explaining import explain as explain_source
from aimwell.collect.inline import inline_source
from aimwell.collect.inspecting import quarantine
from aimwell.collect.loads import not_unified
from aimwell.collect.model import DataReport, Quarantine, ReplayReport
from aimwell.collect.model import Explanation as SourceExplanation
from aimwell.collect.quality import EntityQuality, quality
from aimwell.collect.replaying import replay
from aimwell.collect.scheduling import sync_schedules
from aimwell.collect.service import collect
from aimwell.collect.suggesting import EntityName
from aimwell.collect.tracking.door import inbox_folder
from aimwell.decide import service as decide_service
from aimwell.decide.model import Place, Plan
from aimwell.decide.stored import list_plans, load_plan, places
from aimwell.definitions import service as definitions_service
from aimwell.definitions.base import Definition
from aimwell.definitions.catalogue import check
from aimwell.definitions.kinds.source import Source
from aimwell.definitions.reading import find_files, read_documents
from aimwell.definitions.service import Change
from aimwell.deliver import service as deliver_service
from aimwell.deliver.compose import Preview
from aimwell.deliver.letters import remove_letters
from aimwell.deliver.model import Stopped
from aimwell.deliver.service import DeliveryStatus
from aimwell.deliver.switches import set_sending
from aimwell.history.current import (
    bring_up_to_date,
    refresh_state,
)
from aimwell.history.moment import Moment, open_moment
from aimwell.measure import service as measure_service
from aimwell.measure.model import CampaignResult
from aimwell.people.model import ProfilePage
from aimwell.people.service import profile_page
from aimwell.predict.service import (
    LifetimeValueFit,
    TrainedModel,
    fit_lifetime_value,
    score_propensity,
    train_propensity,
)
from aimwell.privacy.erasure import Receipt, erase, purge
from aimwell.segment import service as segment_service
from aimwell.segment.cluster_model import Clustering
from aimwell.segment.clusters import find_clusters
from aimwell.segment.model import Explanation, SegmentCount
from aimwell.segment.persona_model import Persona
from aimwell.segment.personas import personas
from aimwell.segment.refreshing import refresh
from aimwell.segment.rfm import rfm
from aimwell.store.inbox import inbox_state
from aimwell.store.stores import Stores, create_stores, open_stores
from aimwell.unify.around import before_removal
from aimwell.unify.identity import merge_of
from aimwell.unify.live import flush_and_unify
from aimwell.unify.lookup import find_profile
from aimwell.unify.model import UnifyReport
from aimwell.unify.service import unify_touched

__all__ = ["Workspace", "create_workspace", "erase_person", "open_workspace", "purge_erased"]


class _Stage:
    """What every stage knows."""

    def __init__(self, stores: Stores, clock: Callable[[], datetime], by: str) -> None:
        self._stores, self._clock, self._by = stores, clock, by


class Definitions(_Stage):
    """The documents."""

    def apply(
        self, documents: str | Path | Sequence[Any], *, dry_run: bool = False
    ) -> list[Change]:
        """Create or update definitions, all or none: a file or folder of YAML or JSON, or plain mappings."""
        found = (
            definitions_service.check_all(read_documents(find_files(Path(documents))))
            if isinstance(documents, str | Path)
            else [check(document) for document in documents]
        )
        changes = definitions_service.apply(
            self._stores.control, found, now=self._clock(), by=self._by, dry_run=dry_run
        )
        if not dry_run and any(change.kind == "source" for change in changes):
            sync_schedules(self._stores)
        return changes

    def get(self, kind: str, name: str) -> Definition:
        """One definition."""
        return definitions_service.get(self._stores.control, kind, name)[0]

    def names(self, kind: str | None = None) -> list[tuple[str, str]]:
        """(kind, name) of all definitions, or of one kind."""
        return definitions_service.names(self._stores.control, kind)


class Collection(_Stage):
    """Files in."""

    def source(
        self,
        source: str | Source,
        *,
        root: str | Path = ".",
        progress: Callable[[str, int, int | None], None] | None = None,
    ) -> DataReport:
        """Take what a source definition (or its name) describes, then unify; `root` is the folder of its files."""
        found = self._source(source)
        report = collect(self._stores, found, root=Path(root), now=self._clock(), progress=progress)
        if not_unified(self._stores):
            bring_up_to_date(self._stores, now=self._clock())
        return report

    def file(
        self,
        entity: EntityName,
        file: str | Path,
        *,
        mapping: Mapping[str, str],
        name: str | None = None,
        **settings: Any,
    ) -> DataReport:
        """Take one file of orders, customers, products or events: `mapping` is target → column."""
        given = {
            "currency": self._stores.settings.currency,
            "timezone": self._stores.settings.timezone,
            "country": self._stores.settings.country,
            **settings,
        }
        source, root, _suggestion = inline_source(
            entity, Path(file), mapping=mapping, name=name, settings=given
        )
        return self.source(source, root=root)

    def explain(self, source: str | Source, *, root: str | Path = ".") -> SourceExplanation:
        """How a source's files would be taken; nothing is written."""
        return explain_source(
            self._stores, self._source(source), root=Path(root), now=self._clock()
        )

    def quarantine(self, source: str | None = None, *, limit: int = 100) -> Quarantine:
        """What could not be taken, and why."""
        return quarantine(self._stores, source, limit=limit)

    def replay(
        self,
        source: str,
        corrections: str | Path | None = None,
        *,
        reason: str | None = None,
        root: str | Path = ".",
    ) -> ReplayReport:
        """Take rows from quarantine, then unify: all that wait of a source, or those of a corrected file."""
        rows = read_corrections(Path(corrections)) if corrections is not None else None
        report = replay(
            self._stores,
            source,
            now=self._clock(),
            root=Path(root),
            corrections=rows,
            file=Path(corrections).name if corrections is not None else "",
            reason=reason,
        )
        if not_unified(self._stores):
            bring_up_to_date(self._stores, now=self._clock())
        return report

    def quality(self, source: str | None = None) -> list[EntityQuality]:
        """Completeness, validity, uniqueness, consistency and freshness, load by load."""
        return quality(self._stores, source)

    def _source(self, source: str | Source) -> Source:
        if isinstance(source, Source):
            return source
        return definitions_service.find(self._stores.control, Source, source)


class Predictions(_Stage):
    """Models and scores."""

    def propensity(
        self, *, horizon_days: int = 90, as_of: datetime | None = None, **options: Any
    ) -> TrainedModel:
        """Learn how likely each person is to buy within a horizon, judged on later people."""
        return train_propensity(
            self._stores,
            as_of=as_of or self._clock(),
            horizon_days=horizon_days,
            now=self._clock(),
            **options,
        )

    def score(self, model: str, *, as_of: datetime | None = None) -> pa.Table:
        """The probability of everybody by a trained model: `profile_id`, `score`."""
        return score_propensity(
            self._stores, model, as_of=as_of or self._clock(), now=self._clock()
        )

    def lifetime_value(
        self, *, horizon_days: int = 365, as_of: datetime | None = None, **options: Any
    ) -> LifetimeValueFit:
        """What each customer is expected to be worth over a horizon, with intervals."""
        return fit_lifetime_value(
            self._stores,
            as_of=as_of or self._clock(),
            horizon_days=horizon_days,
            now=self._clock(),
            **options,
        )


class Segments(_Stage):
    """Rules, RFM, clusters, personas, memberships."""

    def members(self, segment: Any, *, as_of: datetime | None = None) -> pa.Table:
        """Who is in a segment: one `profile_id` a row.

        Args:
            segment: A name, a definition, or a rule as it is written (`{"trait": "country", "in": ["GB"]}`).
            as_of: Nothing from this moment on is looked at; default: now.
        """
        return segment_service.members(self._stores, _read(segment), as_of=as_of or self._clock())

    def explain(self, segment: Any, *, as_of: datetime | None = None) -> Explanation:
        """The rule in words, with the people after every leaf."""
        return segment_service.explain(self._stores, _read(segment), as_of=as_of or self._clock())

    def refresh(self, segments: Sequence[str] | None = None) -> tuple[SegmentCount, ...]:
        """Compute segments now and record who entered and left."""
        return refresh(self._stores, now=self._clock(), segments=segments)

    def rfm(self, *, as_of: datetime | None = None) -> pa.Table:
        """Recency, frequency and money of every buyer, with quintiles and the named group."""
        with self.at(as_of) as moment:
            return rfm(moment)

    def clusters(
        self, name: str = "groups", *, as_of: datetime | None = None, seed: int = 0
    ) -> Clustering:
        """Look for groups among the buyers; says so where there are none. Nothing is stored."""
        return find_clusters(self._stores, name=name, as_of=as_of or self._clock(), seed=seed)

    def personas(self, groups: pa.Table, *, as_of: datetime | None = None) -> tuple[Persona, ...]:
        """Who the people of each group are: a table of `profile_id` and `group`."""
        with self.at(as_of) as moment:
            return personas(moment, groups)

    def at(
        self, as_of: datetime | None = None, *, horizon: timedelta | None = None
    ) -> AbstractContextManager[Moment]:
        """A session in which every table ends at a moment; for queries of your own."""
        return open_moment(self._stores, as_of=as_of or self._clock(), horizon=horizon)


def _read(segment: Any) -> Any:
    """A rule that was written as a plain mapping as a definition; anything else as it is."""
    if not isinstance(segment, Mapping):
        return segment
    body = segment if "kind" in segment else {"kind": "segment", "name": "rule", "rule": segment}
    return check(body)


class Decisions(_Stage):
    """Plans."""

    def plan(
        self, campaign: str, *, as_of: datetime | None = None, trial: bool | None = None
    ) -> Plan:
        """Work out who gets what, and store it; nothing is sent."""
        return decide_service.plan(
            self._stores, campaign, now=self._clock(), by=self._by, as_of=as_of, trial=trial
        )

    def approve(self, plan_id: str) -> Plan:
        """Say that a plan may be sent."""
        return decide_service.approve(self._stores, plan_id, now=self._clock(), by=self._by)

    def get(self, plan_id: str) -> Plan:
        """A plan by its id, or `latest:CAMPAIGN`."""
        return load_plan(self._stores.control, plan_id)

    def plans(self, campaign: str | None = None) -> list[Plan]:
        """All plans, newest first."""
        return list_plans(self._stores.control, campaign)

    def people(self, plan_id: str, *, arms: Sequence[str] | None = None) -> list[Place]:
        """The place of each person in a plan."""
        return places(self._stores.control, self.get(plan_id).plan_id, arms=arms)


class Deliveries(_Stage):
    """Sending."""

    def run(
        self, plan_id: str, *, progress: Callable[[int, int], None] | None = None
    ) -> DeliveryStatus:
        """Execute an approved plan and send what is due; again to go on."""
        plan = deliver_service.execute(self._stores, plan_id, now=self._clock(), by=self._by)
        return deliver_service.run_sending(
            self._stores, plan.plan_id, clock=self._clock, progress=progress
        )

    def status(self, plan_id: str) -> DeliveryStatus:
        """Where a plan stands."""
        return deliver_service.status(self._stores, plan_id)

    def pause(self, plan_id: str) -> Plan:
        """Stop sending a plan for now."""
        return deliver_service.pause(self._stores, plan_id, now=self._clock(), by=self._by)

    def resume(self, plan_id: str) -> Plan:
        """Let a paused plan go on."""
        return deliver_service.resume(self._stores, plan_id, now=self._clock(), by=self._by)

    def cancel(self, plan_id: str) -> Plan:
        """Give a plan up."""
        return deliver_service.cancel(self._stores, plan_id, now=self._clock(), by=self._by)

    def preview(self, campaign: str, who: str, **choice: str) -> Preview | Stopped:
        """A campaign's message as one person would get it."""
        profile = find_profile(self._stores, who)
        return deliver_service.preview(
            self._stores, campaign, profile, now=self._clock(), by=self._by, **choice
        )

    def switch(self, on: bool, *, reason: str | None = None) -> None:
        """Stop all sending at once, or let it go on."""
        set_sending(self._stores, on, now=self._clock(), by=self._by, reason=reason)


class Measurements(_Stage):
    """What campaigns earned."""

    def campaign(self, plan_id: str, **options: Any) -> CampaignResult:
        """What sending a plan added, up to now or to the end of its window."""
        plan = load_plan(self._stores.control, plan_id)
        return measure_service.measure(self._stores, plan.plan_id, now=self._clock(), **options)

    def report(self, plan_id: str, **options: Any) -> Path:
        """Measure and keep the report; returns the HTML file."""
        result = self.campaign(plan_id, **options)
        return measure_service.store_report(self._stores, result).html


class Workspace:
    """An opened workspace. Close it, or use it in a `with` block.

    Args:
        stores: Its stores.
        clock: Gives the present moment; another one makes a rehearsal in the past.
        by: Who is asking, for revisions and the audit log.
    """

    def __init__(
        self,
        stores: Stores,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        by: str | None = None,
    ) -> None:
        self.stores = stores
        who = self.by = by or os.environ.get("AIMWELL_USER") or getpass.getuser()
        self.definitions = Definitions(stores, clock, who)
        self.collect = Collection(stores, clock, who)
        self.segment = Segments(stores, clock, who)
        self.predict = Predictions(stores, clock, who)
        self.decide = Decisions(stores, clock, who)
        self.deliver = Deliveries(stores, clock, who)
        self.measure = Measurements(stores, clock, who)
        self._clock = clock

    def unify(self) -> UnifyReport:
        """Join what belongs to one person and refresh what is known of each."""
        return bring_up_to_date(self.stores, now=self._clock())

    def find(self, who: str) -> str:
        """The profile of a profile id, customer id, e-mail address or telephone number."""
        return find_profile(self.stores, who)

    def erase(self, who: str, *, reason: str | None = None) -> Receipt:
        """Erase a person: at once out of sight and out of the vault, with the next purge out of every file."""
        return erase_person(self.stores, who, now=self._clock(), by=self.by, reason=reason)

    def purge(self) -> list[Receipt]:
        """Take the erased out of every file; the receipts of those that ended."""
        return purge_erased(self.stores, now=self._clock())

    def profile(
        self,
        who: str,
        *,
        reveal: bool = False,
        limit: int = 30,
        since: datetime | None = None,
    ) -> ProfilePage:
        """All that is known of one person, and what happened, newest first.

        Args:
            who: Profile id, customer id, e-mail address, telephone number or another identifier.
            reveal: Personal data in clear; the audit log records it.
            limit: Lines of the time-line at most.
            since: Only what happened from then on.
        """
        return profile_page(
            self.stores,
            who,
            now=self._clock(),
            by=self.by,
            reveal=reveal,
            limit=limit,
            since=since,
        )

    def close(self) -> None:
        """Give back connections."""
        self.stores.close()

    def __enter__(self) -> Workspace:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def erase_person(
    stores: Stores, who: str, *, now: datetime, by: str, reason: str | None = None
) -> Receipt:
    """Erase whom a profile id, customer id, e-mail address or telephone number names.

    Nobody is joined or parted meanwhile. Killed before the end it has done nothing or all but the letters of trials,
    which the next purge removes.

    Raises:
        UnifyError: Nobody is known by it, or it names several people.
    """
    with stores.leases.hold("unify"):
        profile_id = find_profile(stores, who)
        with stores.read_control() as connection:
            origins = merge_of(connection, profile_id).origins
        concerned: set[str] = set()
        receipt = erase(
            stores,
            profile_id,
            origins,
            now=now,
            by=by,
            reason=reason,
            before=lambda connection: concerned.update(before_removal(connection, origins)),
        )
    # An identifier that too many shared may be somebody's now that there is one fewer.
    unify_touched(
        stores,
        concerned.difference(origins),
        now=now,
        refresh=lambda profiles: refresh_state(stores, profiles, now),
    )
    remove_letters(stores, f"erased:{receipt.erasure_id}:")
    return receipt


def purge_erased(stores: Stores, *, now: datetime) -> list[Receipt]:
    """Take the erased out of every file: letters of trials, the inbox, tables of the lake and their older versions."""
    remove_letters(stores, "erased:")
    # What waits in the inbox is flushed first; an erasure of whose moment something still waits ends another time.
    flush_and_unify(stores, now=now, refresh=refresh_state)
    oldest = inbox_state(inbox_folder(stores)).oldest_ns
    not_before = None if oldest is None else datetime.fromtimestamp(oldest / 1e9, UTC)
    return purge(stores, now=now, not_before=not_before)


def open_workspace(folder: str | Path, **settings: Any) -> Workspace:
    """Open the workspace in a folder. Raises WorkspaceError where there is none."""
    return Workspace(open_stores(Path(folder), **settings))


def create_workspace(folder: str | Path, **settings: Any) -> Workspace:
    """Make a workspace in a folder (harmless where one is) and open it."""
    return Workspace(create_stores(Path(folder), **settings))
