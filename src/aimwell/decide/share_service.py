"""Share one budget out over the plans of a quarter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aimwell.decide.budget.bounded import Bound
from aimwell.decide.budget.pieces import OfPlan, Part
from aimwell.decide.budget.plan_curve import PlanCurve
from aimwell.decide.budget.shared import SharedBudget
from aimwell.decide.budget.sharing import shared_budget
from aimwell.decide.campaign_parts import parts_of_plan
from aimwell.decide.model import Plan
from aimwell.decide.stored import load_plan
from aimwell.errors import DecideError
from aimwell.store.stores import Stores

__all__ = ["share_budget"]


def share_budget(
    stores: Stores,
    plan_ids: Sequence[str],
    budget: float,
    *,
    points: int = 10,
    bounds: Sequence[Bound] = (),
) -> SharedBudget:
    """What each campaign should get of a common budget, by the curves of their plans. Nothing is changed.

    Args:
        plan_ids: Plans by their id or `latest:CAMPAIGN`, one a campaign.
        budget: What all may spend together.
        points: How many even parts of what could be spent the curve tells.
        bounds: What a segment may get at most, or must get at least, over all campaigns.

    Raises:
        DecideError: There is no such plan, two are of one campaign, or one has no curve: it was drawn at random, so nothing
            tells what more money would earn. No plan tells of a bound's segment, or a floor cannot be met.
    """
    found: dict[str, OfPlan] = {}
    currencies = set()
    sources: dict[str, str] = {}
    notes: list[str] = []
    for plan_id in plan_ids:
        plan = load_plan(stores.control, plan_id)
        if plan.campaign in found:
            raise DecideError(
                f"Two plans of the campaign '{plan.campaign}' are named. Name one plan a campaign."
            )
        actions = parts_of_plan(plan.document).campaign.actions
        channels = {action.key: action.channel for action in actions}
        curve = _curve(plan)
        parts, untold = _parts(plan.campaign, plan.summary["chosen"])
        notes += untold
        found[plan.campaign] = OfPlan(plan.plan_id, curve, channels, parts)
        currencies.add(plan.summary["currency"])
        policy = plan.summary["chosen"]["policy"]
        if parts and policy["chosen"] == policy["best_constant"]:
            notes.append(
                f"The policy of '{plan.campaign}' expects the same of everybody ({policy['chosen']}), so how its money is split "
                "between segments says nothing of them."
            )
        for source in policy["sources"]:
            if source in sources:
                notes.append(
                    f"'{sources[source]}' and '{plan.campaign}' learnt from '{source}', so they are wrong together and the "
                    "interval of the sum is too narrow."
                )
            sources.setdefault(source, plan.campaign)
    if len(currencies) > 1:
        raise DecideError(
            f"The plans are in {' and '.join(sorted(currencies))}; money of different currencies is not shared out together."
        )
    return shared_budget(
        found,
        budget,
        currency=stores.settings.currency,
        points=points,
        bounds=bounds,
        notes=[
            *notes,
            "Who stands in two of the campaigns is counted in both: caps and gaps are kept when each is planned.",
        ]
        if len(found) > 1
        else notes,
    )


def _curve(plan: Plan) -> PlanCurve:
    chosen = plan.summary.get("chosen")
    if chosen is None or chosen["policy"] is None:
        raise DecideError(
            f"The plan '{plan.plan_id}' drew its actions at random, so nothing tells what more money would earn. Plan again "
            "when an experiment has taught it (policy.learn_from)."
        )
    curve = PlanCurve.of(chosen["curve"])
    if isinstance(curve, str):
        raise DecideError(
            f"The plan '{plan.plan_id}' has no curve of profit against budget: {curve}."
        )
    return curve


def _parts(campaign: str, chosen: Mapping[str, Any]) -> tuple[list[Part], list[str]]:
    """The plan's people by segment, and of whom nothing can be told."""
    parts, untold = [], []
    for cell in chosen.get("cells", ()):
        curve = PlanCurve.of(cell["curve"]) if cell["curve"] else "too few people"
        if isinstance(curve, PlanCurve):
            parts.append(Part(tuple(cell["segments"]), curve))
            continue
        named = " and ".join(f"'{name}'" for name in cell["segments"]) or "no segment"
        untold.append(
            f"'{campaign}': {cell['people']:,} people in {named} get nothing, since only {cell['learnt_from']:,} of the experiment "
            "are like them."
        )
    if untold and not parts:
        untold = [
            f"'{campaign}' tells of no segment: too few people of the experiment are in each."
        ]
    return parts, untold
