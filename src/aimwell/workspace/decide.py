"""Plans, as a workspace offers them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pyarrow as pa

from aimwell.decide import service as decide_service
from aimwell.decide.budget.bounded import Bound
from aimwell.decide.budget.shared import SharedBudget
from aimwell.decide.comparing import PlanDifference, compare_plans
from aimwell.decide.experiment_service import HeldOut, members_of_holdout
from aimwell.decide.model import Place, Plan
from aimwell.decide.offers.cost import OfferCost
from aimwell.decide.offers.redemptions import redemptions
from aimwell.decide.offers.service import offer_cost
from aimwell.decide.policies.service import PolicyReport, policy_report
from aimwell.decide.replay_service import replay
from aimwell.decide.replaying import Replay
from aimwell.decide.share_service import share_budget
from aimwell.decide.stored import list_plans, load_plan, places
from aimwell.decide.timing_worth import TimingWorth, timing_worth
from aimwell.decide.uplift.reading import ReadExperiment, read_experiment, read_observed
from aimwell.decide.uplift.service import UpliftReport, uplift_report
from aimwell.definitions import service as definitions
from aimwell.definitions.kinds.offer import Offer
from aimwell.workspace.stage import Stage

__all__ = ["Decisions"]


class Decisions(Stage):
    """Plans."""

    def plan(
        self,
        campaign: str,
        *,
        as_of: datetime | None = None,
        trial: bool | None = None,
        replace_open: bool = False,
    ) -> Plan:
        """Work out who gets what, and store it; nothing is sent."""
        return decide_service.plan(
            self._stores,
            campaign,
            now=self._clock(),
            by=self._by,
            as_of=as_of,
            trial=trial,
            replace_open=replace_open,
        )

    def approve(self, plan_id: str) -> Plan:
        """Say that a plan may be sent."""
        return decide_service.approve(self._stores, plan_id, now=self._clock(), by=self._by)

    def undo(self, plan_id: str) -> Plan:
        """Take an approval back, as long as nothing is being sent."""
        return decide_service.undo(self._stores, plan_id, now=self._clock(), by=self._by)

    def compare(self, first: str, second: str) -> PlanDifference:
        """Two plans side by side: who stands elsewhere, cost and expected profit."""
        return compare_plans(self._stores.control, first, second)

    def replay(self, *names: str, **options: Any) -> Replay:
        """Campaigns or plans replayed on history; options as of `replay`."""
        return replay(self._stores, names, now=self._clock(), **options)

    def share_out(
        self, budget: float, *plan_ids: str, bounds: Sequence[Bound] = ()
    ) -> SharedBudget:
        """One budget over the plans of several campaigns."""
        return share_budget(self._stores, plan_ids, budget, bounds=bounds)

    def get(self, plan_id: str) -> Plan:
        """A plan by its id, or `latest:CAMPAIGN`."""
        return load_plan(self._stores.control, plan_id)

    def plans(self, campaign: str | None = None) -> list[Plan]:
        """All plans, newest first."""
        return list_plans(self._stores.control, campaign)

    def people(self, plan_id: str, *, arms: Sequence[str] | None = None) -> list[Place]:
        """The place of each person in a plan."""
        return places(self._stores.control, self.get(plan_id).plan_id, arms=arms)

    def offer_cost(
        self,
        offer: str,
        *,
        days: int = 30,
        as_of: datetime | None = None,
        segment: str | None = None,
        contact_cost: float = 0.0,
    ) -> OfferCost:
        """What an offer would have cost in the days before, had nobody bought differently."""
        return offer_cost(
            self._stores,
            definitions.find(self._stores.control, Offer, offer),
            as_of=as_of or self._clock(),
            days=days,
            segment=segment,
            contact_cost=contact_cost,
        )

    def redemptions(self, offer: str, *, as_of: datetime | None = None) -> pa.Table:
        """The orders with a code of the offer: who, when, in which shop, with whose code."""
        wanted = definitions.find(self._stores.control, Offer, offer)
        return redemptions(self._stores, wanted, as_of=as_of or self._clock())

    def held_out(self, holdout: str, *, as_of: datetime | None = None) -> HeldOut:
        """Who is held out from all campaigns, for other senders to leave in peace too."""
        return members_of_holdout(self._stores, holdout, as_of=as_of or self._clock())

    def experiment(
        self, name: str, *, horizon_days: float = 14.0, columns: Sequence[str] = ()
    ) -> ReadExperiment:
        """A campaign of our own or an imported experiment, person by person."""
        return read_experiment(
            self._stores, name, now=self._clock(), horizon_days=horizon_days, columns=columns
        )

    def observed(
        self, campaign: str, *, horizon_days: float = 30.0, columns: Sequence[str] = ()
    ) -> ReadExperiment:
        """A campaign that went to people whom somebody chose; not to be taken for an experiment."""
        return read_observed(
            self._stores, campaign, now=self._clock(), horizon_days=horizon_days, columns=columns
        )

    def uplift(self, read: ReadExperiment, outcome: str, **options: Any) -> UpliftReport:
        """What contact added and whether it can be told whom it moves; options as of `uplift_report`."""
        return uplift_report(read.data, outcome, **options)

    def timing_worth(self, campaign: str, **options: Any) -> TimingWorth:
        """What the predicted time earned over the stated one; options as of `timing_worth`."""
        return timing_worth(self._stores, campaign, now=self._clock(), **options)

    def policies(self, read: ReadExperiment, outcome: str, **options: Any) -> PolicyReport:
        """Policies judged on the experiment and the choice among them; options as of `policy_report`."""
        return policy_report(read.data, outcome, **options)
