"""`aimwell decide budget`, `diff` and `undo`: a plan's money, two plans side by side, an approval taken back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from aimwell.cli.context import JsonOption, Opened, WorkspaceOption, opened
from aimwell.cli.decide_panels import PLANS
from aimwell.cli.decide_running import show_exploring
from aimwell.cli.output import digits
from aimwell.decide import service
from aimwell.decide.comparing import compare_plans
from aimwell.decide.fairness import PEOPLE_MIN
from aimwell.decide.limits import BUDGET
from aimwell.decide.stored import load_plan
from aimwell.errors import DecideError

__all__ = ["register", "show_chosen"]

PlanArgument = Annotated[str, typer.Argument(help="Id of the plan, or latest:CAMPAIGN.")]

_ROUNDING = 1e-9


def register(app: typer.Typer) -> None:
    """Put the commands under `aimwell decide`."""
    app.command("budget", rich_help_panel=PLANS)(budget)
    app.command("diff", rich_help_panel=PLANS)(diff)
    app.command("undo", rich_help_panel=PLANS)(undo)


def budget(
    plan_id: PlanArgument, workspace: WorkspaceOption = None, as_json: JsonOption = False
) -> None:
    """Show what limits a plan, what one more of each would add, and profit against budget."""
    with opened(workspace, as_json=as_json) as ws:
        found = load_plan(ws.stores.control, plan_id)
        chosen = found.summary.get("chosen")
        if chosen is None:
            raise DecideError(
                f"The plan '{found.plan_id}' has neither a limit nor a policy, so there is no budget to show. Set "
                "policy.budget, a channel's capacity or policy.limits in the campaign and plan again."
            )
        if as_json:
            ws.output.json(
                {"plan_id": found.plan_id, "currency": found.summary["currency"], **chosen}
            )
            return
        ws.output.heading(f"Budget of {found.plan_id}")
        _limits(ws, chosen)
        _curve(ws, chosen, found.summary["currency"])


def diff(
    first: Annotated[str, typer.Argument(help="Id of a plan, or latest:CAMPAIGN.")],
    second: Annotated[str, typer.Argument(help="The plan to compare it with.")],
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show who stands elsewhere in a second plan, and what that does to cost and expected profit."""
    with opened(workspace, as_json=as_json) as ws:
        found = compare_plans(ws.stores.control, first, second)
        if as_json:
            ws.output.json(found.to_dict())
            return
        ws.output.heading(f"From {found.first} to {found.second}")
        ws.output.say(
            f"{found.moved:,} people stand elsewhere, {found.same:,} where they stood. "
            f"Cost of contact {found.cost[0]:,.2f} → {found.cost[1]:,.2f}; expected profit "
            f"{_money(found.expected_profit[0])} → {_money(found.expected_profit[1])}."
        )
        if found.documents:
            ws.output.say(f"Changed since: {', '.join(found.documents)}.")
        ws.output.say()
        ws.output.table(
            ["from", "to", "people", "cost before", "cost after"],
            [(m.before, m.after, m.people, m.cost_before, m.cost_after) for m in found.moves],
        )


def undo(
    plan_id: PlanArgument, workspace: WorkspaceOption = None, as_json: JsonOption = False
) -> None:
    """Take an approval back, as long as nothing is being sent."""
    with opened(workspace, as_json=as_json) as ws:
        done = service.undo(ws.stores, plan_id, now=ws.now, by=ws.by)
        if as_json:
            ws.output.json({"plan_id": done.plan_id, "state": done.state})
        ws.output.say(
            f"{done.plan_id} is planned again. Approve it with: aimwell decide approve {done.plan_id}"
        )


def show_chosen(ws: Opened, summary: Mapping[str, Any]) -> None:
    """Print how a plan's actions were chosen: candidates, limits, what is expected."""
    chosen = summary.get("chosen")
    if chosen is None:
        return
    policy = chosen["policy"]
    if policy is not None:
        ws.output.say()
        ws.output.say(
            f"What each policy earns per person ({policy['outcome']}; {policy['people']:,} people of "
            f"{policy['experiment']}); → is chosen"
        )
        ws.output.table(
            ["policy", "profit", "95 %", "over the best constant", "gives nothing"],
            [
                (
                    f"{'→' if one['name'] == policy['chosen'] else ' '} {one['name']}",
                    _figure(one["value"]),
                    _interval(one["value"]),
                    "(it is that)"
                    if one["name"] == policy["best_constant"]
                    else _both(one["over_best_constant"]),
                    f"{next(iter(one['shares'].values())):.0%}",
                )
                for one in policy["candidates"]
            ],
        )
        judged = chosen["judged_profit"]
        currency = summary["currency"]
        if judged is not None and judged["estimate"] is not None:
            ws.output.say(
                f"Expected incremental profit of the policy's choice: {judged['estimate']:,.2f} {currency} "
                f"({judged['lower']:,.2f} to {judged['upper']:,.2f}), by people of the experiment whom it did not learn from"
                f"{_aside(chosen)}."
            )
        ws.output.say(
            f"{chosen['explored']:,} people get a random action ({chosen['explore']:.1%} explore), "
            f"{chosen['passed']:,} are passed over: nothing is expected to earn more than it costs, or the limits do not reach them."
        )
        for caution in policy["cautions"]:
            ws.output.note(f"Mind: {caution}")
        if policy["unknown_actions"]:
            ws.output.note(
                f"The experiment tells nothing of {', '.join(policy['unknown_actions'])}: only who explores gets it."
            )
    show_exploring(ws, chosen.get("exploring"))
    _limits(ws, chosen)


def _aside(chosen: Mapping[str, Any]) -> str:
    """What the curve does not know: limits beside the budget that bind."""
    binding = [one["name"] for one in chosen["limits"] if one["price"] and one["name"] != BUDGET]
    return f", {' and '.join(binding)} left aside, so rather less" if binding else ""


def _limits(ws: Opened, chosen: Mapping[str, Any]) -> None:
    if chosen["limits"]:
        ws.output.say()
        ws.output.table(
            ["limit", "used", "at least", "at most", "one more adds"],
            [
                (
                    one["name"],
                    one["used"],
                    "" if one["at_least"] is None else f"{one['at_least']:,g}",
                    "" if one["at_most"] is None else f"{one['at_most']:,g}",
                    digits(one["price"]) if chosen["policy"] is not None else "not known",
                )
                for one in chosen["limits"]
            ],
        )
    if chosen["policy"] is not None and chosen["limits"]:
        found = chosen["allocation"]
        gap = found["gap"] if found["gap"] >= _ROUNDING else 0
        ws.output.say(
            f"No choice within the limits is worth more than {found['bound']:,.2f}; this one is worth {found['value']:,.2f} "
            f"(gap {gap:.2g}), both as the model hopes; {found['method']}."
        )
    _fairness(ws, chosen.get("fairness"))
    if chosen["segments"]:
        actions = list(chosen["segments"][0]["actions"])
        ws.output.say()
        ws.output.table(
            ["segment", "people", *actions, "passed over", "held out"],
            [
                (
                    one["segment"],
                    one["people"],
                    *(one["actions"][action] for action in actions),
                    one["passed"],
                    one["held_out"],
                )
                for one in chosen["segments"]
            ],
        )


def _fairness(ws: Opened, found: Mapping[str, Any] | None) -> None:
    """Which share of each protected group gets a discount, and what the limit costs."""
    if found is None:
        return
    large = [one for one in found["groups"] if one["people"] >= PEOPLE_MIN]
    small = [one for one in found["groups"] if one["people"] < PEOPLE_MIN]
    ws.output.say()
    ws.output.table(
        [found["trait"], "may get a discount", "gets one", "share", "95 %"],
        [
            (
                one["group"],
                one["people"],
                one["given"],
                f"{one['share']['estimate']:.1%}",
                f"{one['share']['lower']:.1%} to {one['share']['upper']:.1%}",
            )
            for one in large
        ],
    )
    if small:
        ws.output.say(
            f"{len(small)} groups under {PEOPLE_MIN} people, {sum(one['people'] for one in small):,} people together, are not held to "
            "the limit."
        )
    apart = found["furthest_apart"]
    if apart is not None:
        ws.output.say(
            f"Furthest apart: {apart['estimate']:.1%} ({apart['lower']:.1%} to {apart['upper']:.1%}); the limit is "
            f"{found['within']:.1%}."
        )
    price = found["price"]
    if price is None:
        ws.output.say("The limit changes nothing: the choice keeps it by itself.")
    elif price["estimate"] is None:
        ws.output.say(f"What the limit costs is not known: {price['reason']}.")
    else:
        ws.output.say(
            f"The limit costs {price['estimate']:,.2f} ({price['lower']:,.2f} to {price['upper']:,.2f}) of the expected profit, by "
            f"people of the experiment; {found['hoped_price']:,.2f} as the model hopes."
        )


def _curve(ws: Opened, chosen: Mapping[str, Any], currency: str) -> None:
    if chosen["policy"] is None:
        ws.output.say()
        ws.output.say(
            "Actions were drawn at random, so nothing tells what more money would earn. What is measured will."
        )
        return
    if not chosen["curve"]:
        return
    ws.output.say()
    if not any(one["people"] for one in chosen["curve"]):
        ws.output.say(
            "The policy expects no message to earn more than it costs, so it would spend nothing of any budget."
        )
        return
    ws.output.say(
        f"Profit against budget ({currency}), the best pound first, without the other limits; judged by people of the experiment "
        "whom the policy did not learn from"
    )
    ws.output.table(
        ["budget", "people", "profit", "95 %", "one more adds"],
        [
            (
                f"{one['budget']:,.2f}",
                one["people"],
                _figure(one["judged"]),
                _interval(one["judged"]),
                digits(one["marginal"]),
            )
            for one in chosen["curve"]
        ],
    )


def _figure(one: Mapping[str, Any] | None) -> str:
    return "not known" if one is None or one["estimate"] is None else digits(one["estimate"])


def _interval(one: Mapping[str, Any] | None) -> str:
    if one is None or one["lower"] is None:
        return ""
    return f"{digits(one['lower'])} to {digits(one['upper'])}"


def _both(one: Mapping[str, Any] | None) -> str:
    interval = _interval(one)
    return f"{_figure(one)} ({interval})" if interval else _figure(one)


def _money(value: float | None) -> str:
    return "not known" if value is None else f"{value:,.2f}"
