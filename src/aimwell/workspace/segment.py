"""Rules, groups and memberships, as a workspace offers them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa

from aimwell.definitions.base import NAME_PATTERN
from aimwell.definitions.catalogue import check
from aimwell.definitions.service import apply
from aimwell.history.moment import Moment, open_moment
from aimwell.segment import service as segment_service
from aimwell.segment.advocacy.model import Advocacy
from aimwell.segment.advocacy.service import advocacy
from aimwell.segment.attributes.people_table import BUYERS
from aimwell.segment.audiences.service import Audience, adapted, audience, audiences
from aimwell.segment.clusters.model import Clustering
from aimwell.segment.clusters.service import CLUSTER_FEATURES, find_clusters
from aimwell.segment.divisions import divide
from aimwell.segment.flows import Flows, Kind, flows
from aimwell.segment.lifecycle import lifecycle
from aimwell.segment.membership.active import rebuild_active
from aimwell.segment.membership.chronicle import (
    DaySize,
    News,
    SegmentLine,
    comings,
    news_after,
    segment_lines,
    sizes,
)
from aimwell.segment.membership.following import Followed, follow
from aimwell.segment.membership.overlap import Overlap, overlap
from aimwell.segment.membership.refreshing import current_members, refresh
from aimwell.segment.micro.service import MicroSegments, micro_segments
from aimwell.segment.model import Explanation, SegmentCount
from aimwell.segment.models.built import Built
from aimwell.segment.models.modelling import apply_kept, build_model, publish_built
from aimwell.segment.occasions.assessing import Assessment, assess
from aimwell.segment.occasions.service import next_occasions, stored_occasions
from aimwell.segment.personas.model import Persona
from aimwell.segment.personas.service import personas
from aimwell.segment.rfm import rfm
from aimwell.segment.validity.model import Validity
from aimwell.segment.validity.service import validity
from aimwell.workspace.stage import Stage

__all__ = ["Segments"]


class Segments(Stage):
    """Rules, RFM, life cycle, clusters and other models, personas, memberships."""

    def members(
        self, segment: Any, *, as_of: datetime | None = None, **parameters: Any
    ) -> pa.Table:
        """Who is in a segment: one `profile_id` a row.

        Args:
            segment: A name, a definition, or a rule as it is written: a mapping (`{"trait": "country", "in": ["GB"]}`) or
                text (`country in [GB]`).
            as_of: Nothing from this moment on is looked at; default: now.
            parameters: Parameters of the segment that are to be otherwise.
        """
        wanted = segment_service.parametrised(self._stores, _read(segment), parameters)
        return segment_service.members(self._stores, wanted, as_of=as_of or self._clock())

    def explain(
        self, segment: Any, *, as_of: datetime | None = None, **parameters: Any
    ) -> Explanation:
        """The rule in words, with the people after every leaf; arguments as in `members`."""
        wanted = segment_service.parametrised(self._stores, _read(segment), parameters)
        return segment_service.explain(self._stores, wanted, as_of=as_of or self._clock())

    def audiences(self) -> tuple[Audience, ...]:
        """Ready-made audiences, which `add_audience` makes segments of."""
        return audiences()

    def add_audience(
        self,
        name: str,
        *,
        called: str | None = None,
        as_of: datetime | None = None,
        **parameters: Any,
    ) -> Explanation:
        """Make a segment of a ready-made audience, set by the shop's own distribution, and say who is in it.

        Args:
            name: As `audiences` has it.
            called: Name of the segment; default: the audience's.
            as_of: What is learned from ends here; default: now.
            parameters: Parameters that are to be otherwise.
        """
        with self.at(as_of) as moment:
            segment, _learned = adapted(moment, audience(name), name=called, given=parameters)
        apply(self._stores.control, [segment], now=self._clock(), by=self._by)
        return self.explain(segment, as_of=as_of)

    def refresh(self, segments: Sequence[str] | None = None) -> tuple[SegmentCount, ...]:
        """Compute segments now and record who entered and left."""
        counts = refresh(self._stores, now=self._clock, segments=segments)
        rebuild_active(self._stores)
        return counts

    def follow(self) -> Followed:
        """Bring memberships up to date for those whom something happened to; for everybody where that is needed."""
        return follow(self._stores, clock=self._clock, complete=True, wait_seconds=120.0)

    def list(self, *, as_of: datetime | None = None) -> tuple[SegmentLine, ...]:
        """How each segment stands: its members, as of when, whether it is active, why it fails if it does."""
        return segment_lines(self._stores, as_of=as_of)

    def sizes(self, segment: str, *, as_of: datetime | None = None) -> tuple[DaySize, ...]:
        """A segment day by day: who entered, who left, how many were in it."""
        return sizes(self._stores, segment, as_of=as_of)

    def comings(self, segment: str, *, as_of: datetime | None = None) -> pa.Table:
        """Who entered and left a segment and when, the newest first."""
        return comings(self._stores, segment, as_of=as_of)

    def inside(self, segment: str, *, as_of: datetime | None = None) -> pa.Table:
        """Who is in a segment by the memberships that are written, and since when."""
        return current_members(self._stores, segment, as_of=as_of)

    def news(self, cursor: int | None = None) -> News:
        """Who entered and left any segment since a cursor, each once; without one, a cursor to begin with."""
        return news_after(self._stores, cursor)

    def rfm(self, *, as_of: datetime | None = None) -> pa.Table:
        """Recency, frequency and money of every buyer, with quintiles and the named group."""
        with self.at(as_of) as moment:
            return rfm(moment)

    def lifecycle(self, *, as_of: datetime | None = None) -> pa.Table:
        """One row a known person: stage of life, marketing stage, orders, time of the last one."""
        with self.at(as_of) as moment:
            return lifecycle(moment)

    def lifecycle_flows(
        self, *, months: int = 6, kind: Kind = "life", as_of: datetime | None = None
    ) -> Flows:
        """Stages at the ends of the last months, and how many went from which to which (`.table()`)."""
        with self.at(as_of) as moment:
            return flows(moment, months=months, kind=kind)

    def occasions(
        self, names: Sequence[str] | None = None, *, as_of: datetime | None = None
    ) -> tuple[Assessment, ...]:
        """Whether, when and what people buy for occasions, who does, and which are too weak; default: all defined."""
        with self.at(as_of) as moment:
            return assess(moment, stored_occasions(moment, names))

    def next_occasions(
        self, names: Sequence[str] | None = None, *, as_of: datetime | None = None
    ) -> pa.Table:
        """The next occasion of each person: profile_id, occasion, on, days."""
        with self.at(as_of) as moment:
            return next_occasions(moment, stored_occasions(moment, names))

    def clusters(
        self,
        name: str = "groups",
        *,
        as_of: datetime | None = None,
        seed: int = 0,
        by: Sequence[str] = CLUSTER_FEATURES,
        among: str = BUYERS,
        method: str = "kmeans",
        groups: int | None = None,
    ) -> Clustering:
        """Look for groups; says so where there are none. Nothing is stored.

        Args:
            name: Of the model.
            as_of: Nothing from this moment on is looked at; default: now.
            seed: The same people and seed give the same groups.
            by: Features, and traits as `trait:NAME`.
            among: `buyers`, `everybody`, or the name of a segment.
            method: kmeans, mixture, hierarchical, prototypes, gower, dbscan or hdbscan.
            groups: So many; default: as many as there are.
        """
        return find_clusters(
            self._stores,
            name=name,
            as_of=as_of or self._clock(),
            seed=seed,
            names=by,
            among=among,
            method=method,
            number=groups,
        )

    def model(
        self,
        model: Any,
        *,
        as_of: datetime | None = None,
        kept: bool = False,
        publish: bool = False,
    ) -> Built:
        """Learn a model and keep it, if there is anything to keep.

        Args:
            model: A definition of the kind model, its name, or a mapping as it is written.
            as_of: Nothing from this moment on is looked at; default: now.
            kept: Learn nothing; let the newest kept version say it of everybody, newcomers too.
            publish: Write what it says of people, so that rules can ask for it.
        """
        wanted: Any = check({"kind": "model", **model}) if isinstance(model, Mapping) else model
        moment = as_of or self._clock()
        if kept:
            built = apply_kept(self._stores, wanted, as_of=moment)
        else:
            built = build_model(self._stores, wanted, as_of=moment, now=self._clock())
        if publish:
            publish_built(self._stores, built, as_of=moment, now=self._clock())
        return built

    def personas(
        self, groups: str | pa.Table = "rfm", *, as_of: datetime | None = None
    ) -> tuple[Persona, ...]:
        """Who the people of each group are.

        Args:
            groups: `rfm`, `clusters:NAME`, `trait:NAME`, `segments:A,B`, or a table of `profile_id` and `group`.
            as_of: Nothing from this moment on is looked at; default: now.
        """
        with self.at(as_of) as moment:
            if not isinstance(groups, str):
                return personas(moment, groups)
            division = divide(moment, groups)
            return personas(moment, division.groups, without=division.trait)

    def advocacy(
        self, survey: str, question: str = "", *, as_of: datetime | None = None, seed: int = 0
    ) -> Advocacy:
        """The net promoter score by a survey's question (default: its only NPS), and likely promoters and detractors."""
        with self.at(as_of) as moment:
            return advocacy(moment, survey, question, seed=seed)[0]

    def micro(
        self,
        response: str = "revenue",
        *,
        horizon: timedelta = timedelta(days=90),
        crossed: Sequence[str] | None = None,
        fewest: int = 100,
        as_of: datetime | None = None,
        seed: int = 0,
    ) -> MicroSegments:
        """The smallest groups that still differ in what they did within the horizon before `as_of`; each has its rule."""
        return micro_segments(
            self._stores,
            as_of=as_of or self._clock(),
            horizon=horizon,
            response=response,
            crossed=crossed,
            fewest=fewest,
            seed=seed,
        )

    def validity(
        self,
        groups: str = "rfm",
        *,
        horizon: timedelta = timedelta(days=90),
        as_of: datetime | None = None,
        seed: int = 0,
    ) -> Validity:
        """Whether groups are real, hold, can be tested and stand in for nothing protected; `groups` as in `personas`.

        They are formed one horizon before `as_of` and judged by what came after.
        """
        return validity(
            self._stores, groups, as_of=as_of or self._clock(), horizon=horizon, seed=seed
        )

    def overlap(
        self, segments: Sequence[str] | None = None, *, as_of: datetime | None = None
    ) -> Overlap:
        """People in both of any two segments; default: of all segments."""
        with self.at(as_of) as moment:
            return overlap(moment, segments)

    def at(
        self, as_of: datetime | None = None, *, horizon: timedelta | None = None
    ) -> AbstractContextManager[Moment]:
        """A session in which every table ends at a moment; for queries of your own."""
        return open_moment(self._stores, as_of=as_of or self._clock(), horizon=horizon)


def _read(segment: Any) -> Any:
    """A rule that was written as a mapping or as text as a definition; a name, and anything else, as it is."""
    if isinstance(segment, Mapping) and "kind" in segment:
        return check(segment)
    is_text = isinstance(segment, str) and re.match(NAME_PATTERN, segment) is None
    if is_text or isinstance(segment, Mapping):
        return check({"kind": "segment", "name": "rule", "rule": segment})
    return segment
