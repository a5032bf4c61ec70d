"""Sending, as a workspace offers it."""

from __future__ import annotations

from collections.abc import Callable

from aimwell.decide.model import Plan
from aimwell.deliver import service as deliver_service
from aimwell.deliver.compose import Preview
from aimwell.deliver.model import Stopped
from aimwell.deliver.service import DeliveryStatus
from aimwell.deliver.switches import set_sending
from aimwell.unify.lookup import find_profile
from aimwell.workspace.stage import Stage

__all__ = ["Deliveries"]


class Deliveries(Stage):
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

    def resume(self, plan_id: str, *, reason: str | None = None) -> Plan:
        """Let a paused plan go on; `reason`: why, where a guardrail stopped it."""
        return deliver_service.resume(
            self._stores, plan_id, now=self._clock(), by=self._by, reason=reason
        )

    def cancel(self, plan_id: str) -> Plan:
        """Give a plan up."""
        return deliver_service.cancel(self._stores, plan_id, now=self._clock(), by=self._by)

    def preview(self, campaign: str, who: str, **choice: str) -> Preview | Stopped:
        """A campaign's message as one person would get it; `plan_id`: as that plan holds it."""
        profile = find_profile(self._stores, who)
        return deliver_service.preview(
            self._stores, campaign, profile, now=self._clock(), by=self._by, **choice
        )

    def switch(self, on: bool, *, reason: str | None = None) -> None:
        """Stop all sending at once, or let it go on."""
        set_sending(self._stores, on, now=self._clock(), by=self._by, reason=reason)
