"""What campaigns earned, as a workspace offers it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aimwell.decide.stored import load_plan
from aimwell.measure import service as measure_service
from aimwell.measure.by_segment import SegmentLifts
from aimwell.measure.model import CampaignResult
from aimwell.measure.over_time import OverTime
from aimwell.workspace.stage import Stage

__all__ = ["Measurements"]


class Measurements(Stage):
    """What campaigns earned."""

    def campaign(self, plan_id: str, **options: Any) -> CampaignResult:
        """What sending a plan added, up to now or to the end of its window."""
        plan = load_plan(self._stores.control, plan_id)
        return measure_service.measure(self._stores, plan.plan_id, now=self._clock(), **options)

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
