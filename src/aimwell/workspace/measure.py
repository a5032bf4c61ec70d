"""What campaigns earned, as a workspace offers it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from aimwell.decide.stored import load_plan
from aimwell.measure import service as measure_service
from aimwell.measure.attribution.model import Attribution
from aimwell.measure.attribution.service import attribute
from aimwell.measure.by_segment import SegmentLifts
from aimwell.measure.compare_service import Comparison, compare
from aimwell.measure.day_sums.service import bring_forward, sums_of_days
from aimwell.measure.day_sums.telling import DayFigures, figures_of_days
from aimwell.measure.diagnosis.model import Diagnosis
from aimwell.measure.diagnosis.service import diagnose
from aimwell.measure.earnings import Earnings, earnings
from aimwell.measure.executive import Executive, executive
from aimwell.measure.experiments.model import Together
from aimwell.measure.experiments.service import measure_experiments
from aimwell.measure.feedback.model import Feedback
from aimwell.measure.feedback.service import feedback
from aimwell.measure.feedback.shifts_service import Shifts, feedback_shifts, tell_shifts
from aimwell.measure.feedback.spoken import Spoken
from aimwell.measure.feedback.spoken_service import spoken_by
from aimwell.measure.global_holdout import HoldoutEffect, measure_holdout
from aimwell.measure.model import CampaignResult
from aimwell.measure.over_time import OverTime
from aimwell.measure.segment_report.model import SegmentReport
from aimwell.measure.segment_report.service import segment_report
from aimwell.measure.stored import latest_documents
from aimwell.measure.view_model import LiftViews
from aimwell.measure.watch_service import tell_alerts, watch
from aimwell.measure.watching import Watched
from aimwell.workspace.stage import Stage

__all__ = ["Measurements"]


class Measurements(Stage):
    """What campaigns earned."""

    def campaign(self, plan_id: str, **options: Any) -> CampaignResult:
        """What sending a plan added, up to now or to the end of its window."""
        plan = load_plan(self._stores.control, plan_id)
        return measure_service.measure(self._stores, plan.plan_id, now=self._clock(), **options)

    def lift(self, plan_id: str, **options: Any) -> LiftViews:
        """What sending a plan added, from other sides: on the reached, ratios, quantiles, by the planned looks, and how sure it could be."""
        views = self.campaign(plan_id, **options).views
        assert views is not None  # noqa: S101 - measuring makes them
        return views

    def segments(self, plan_id: str, **options: Any) -> SegmentLifts:
        """What sending a plan added in each segment, and where the effect differs from that on everybody else."""
        plan = load_plan(self._stores.control, plan_id)
        return measure_service.measure_segments(
            self._stores, plan.plan_id, now=self._clock(), **options
        )

    def over_time(self, plan_id: str, **options: Any) -> OverTime:
        """How the effect developed, in the plan's window and after it."""
        plan = load_plan(self._stores.control, plan_id)
        return measure_service.measure_over_time(
            self._stores, plan.plan_id, now=self._clock(), **options
        )

    def report(self, plan_id: str, **options: Any) -> Path:
        """Measure and keep the report; returns the HTML file."""
        result = self.campaign(plan_id, **options)
        return measure_service.store_report(self._stores, result).html

    def experiments(self, *names: str, **options: Any) -> Together:
        """What imported experiments added, each by itself and pooled; options as of `measure_experiment`."""
        return measure_experiments(self._stores, names, now=self._clock(), **options)

    def attribution(self, **options: Any) -> Attribution:
        """Conversions divided among the contacts before them, by every model, up to now or `until`."""
        return attribute(self._stores, **{"until": self._clock(), **options})

    def earnings(self, *, since: datetime | None = None, until: datetime | None = None) -> Earnings:
        """The profit ledger: what each measured campaign of a period earned, and all together."""
        return earnings(
            latest_documents(self._stores),
            currency=self._stores.settings.currency,
            since=since,
            until=until or self._clock(),
        )

    def executive(
        self, *, since: datetime | None = None, until: datetime | None = None
    ) -> Executive:
        """What a period says: the ledger, what a next campaign may bring, and what to do."""
        now = self._clock()
        return executive(self._stores, since=since, until=until or now, now=now)

    def holdout(self, name: str, **options: Any) -> HoldoutEffect:
        """What all promotion added, by the people whom no campaign may contact."""
        now = self._clock()
        return measure_holdout(self._stores, name, **{"until": now, "now": now, **options})

    def days(self, *, anew: bool = False) -> tuple[DayFigures, ...]:
        """Each day's messages, rates, orders and revenue of each plan, after counting what is new."""
        bring_forward(self._stores, now=self._clock(), anew=anew)
        return figures_of_days(*sums_of_days(self._stores))

    def compare(self, plan_id: str) -> Comparison:
        """The key figures of a measured plan against its targets, earlier campaigns and benchmarks."""
        return compare(self._stores, plan_id)

    def diagnose(self, name: str, **options: Any) -> Diagnosis:
        """Where a campaign, an offer or a plan falls short: by step, segment, channel and behaviour."""
        return diagnose(self._stores, name, **{"now": self._clock(), **options})

    def segment_report(self, segment: str, **options: Any) -> SegmentReport:
        """One segment: size and movement, who its people are, what campaigns earned among them, what they say."""
        return segment_report(self._stores, segment, **{"now": self._clock(), **options})

    def watch(self) -> tuple[Watched, ...]:
        """Every watched figure of the running campaigns; raises and resolves their alerts."""
        now = self._clock()
        found = watch(self._stores, now=now)
        tell_alerts(self._stores, found, now=now)
        return found

    def feedback(self, **options: Any) -> Feedback:
        """What reviews and free answers speak of, and how satisfied those are who wrote them."""
        return feedback(self._stores, **{"until": self._clock(), **options})

    def feedback_shifts(self, **options: Any) -> Shifts:
        """What has shifted of marks, survey answers and topics since a day; raises and resolves their alerts."""
        now = self._clock()
        found = feedback_shifts(self._stores, now=now, **options)
        tell_shifts(self._stores, found.found, now=now)
        return found

    def spoken(self, by: str, **options: Any) -> Spoken:
        """What the groups of a division speak of, each against all others."""
        return spoken_by(self._stores, by, **{"until": self._clock(), **options})
