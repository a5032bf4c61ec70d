"""Plans, as a workspace offers them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from aimwell.decide import service as decide_service
from aimwell.decide.model import Place, Plan
from aimwell.decide.stored import list_plans, load_plan, places
from aimwell.workspace.stage import Stage

__all__ = ["Decisions"]


class Decisions(Stage):
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
