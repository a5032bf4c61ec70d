"""`aimwell decide policy`: what a policy is worth, judged on a past experiment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aimwell.cli.context import JsonOption, Opened, WorkspaceOption, opened
from aimwell.cli.decide_experiment import (
    ColumnsOption,
    DaysOption,
    ExperimentArgument,
    ObservedOption,
    OutcomeOption,
    SeedOption,
    by_commas,
    figure,
    interval,
    read_given,
    say_source,
    source_of,
)
from aimwell.cli.decide_panels import LEARNING
from aimwell.cli.output import digits
from aimwell.decide.earning import MONEY
from aimwell.decide.policies.by_channel import ByChannel, by_channel
from aimwell.decide.policies.rewards import Economics
from aimwell.decide.policies.service import (
    DEFAULT_REPEATS,
    PolicyReport,
    policy_report,
    who_gets_what,
)
from aimwell.decide.policies.words import EARNED_ALIKE
from aimwell.decide.uplift.assigned import usual_outcome
from aimwell.decide.uplift.data import NOTHING
from aimwell.decide.uplift.reading import ReadExperiment, traits_of
from aimwell.decide.uplift.segments import segment_members
from aimwell.privacy.lists import write_list
from aimwell.stats.estimate import Estimate

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Put the command on the app of the stage."""
    app.command("policy", rich_help_panel=LEARNING)(policy)


def policy(
    experiment: ExperimentArgument,
    outcome: OutcomeOption = None,
    response: Annotated[
        str | None,
        typer.Option(
            "--response", help="The outcome to rank the likeliest by.", show_default="the outcome"
        ),
    ] = None,
    worth: Annotated[
        float, typer.Option("--worth", help="Profit of one unit of the outcome: 0.4 of revenue.")
    ] = 1.0,
    contact_cost: Annotated[
        list[str] | None,
        typer.Option("--contact-cost", help="COST of all arms, or ARM=COST; repeat."),
    ] = None,
    conversion_cost: Annotated[
        list[str] | None,
        typer.Option("--conversion-cost", help="Paid for each who did it: ARM=COST; repeat."),
    ] = None,
    discount: Annotated[
        list[str] | None,
        typer.Option("--discount", help="ARM=SHARE of the outcome given away; repeat."),
    ] = None,
    rule: Annotated[
        list[str] | None,
        typer.Option("--rule", help="SEGMENT=ARM: a rule to compare with; repeat."),
    ] = None,
    predicted_channel: Annotated[
        bool,
        typer.Option(
            "--predicted-channel",
            help="Try each offer through each person's own channel too, as a channel model says.",
        ),
    ] = False,
    channel: Annotated[
        list[str] | None,
        typer.Option(
            "--channel",
            help="ARM=CHANNEL through which an arm went; repeat.",
            show_default="by the campaign's actions",
        ),
    ] = None,
    channel_model: Annotated[
        str | None,
        typer.Option(
            "--channel-model", help="Which channel model.", show_default="the one trained last"
        ),
    ] = None,
    protected: Annotated[
        str | None,
        typer.Option("--protected", help="Traits whose groups must fare alike, by commas."),
    ] = None,
    limit: Annotated[
        float, typer.Option("--limit", min=0, max=1, help="How far their shares may lie apart.")
    ] = 0.1,
    gain: Annotated[
        float | None,
        typer.Option(
            "--gain",
            min=0,
            max=1e13,
            help="Smallest gain per person that is worth personalising.",
        ),
    ] = None,
    trees: Annotated[
        bool, typer.Option("--trees/--no-trees", help="Try boosted trees too, which take longer.")
    ] = True,
    repeats: Annotated[
        int, typer.Option("--repeats", min=1, help="How often people are dealt out to parts anew.")
    ] = DEFAULT_REPEATS,
    to: Annotated[
        Path | None,
        typer.Option("--to", help="Write who gets what today to this CSV file."),
    ] = None,
    days: DaysOption = 14.0,
    columns: ColumnsOption = None,
    observed: ObservedOption = False,
    seed: SeedOption = 0,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Judge policies on a past experiment by profit: nobody, everyone, rules, the likeliest, uplift."""
    rules, arms_through = _pairs(rule, "--rule"), _pairs(channel, "--channel")
    with opened(workspace, as_json=as_json) as ws:
        with ws.output.progress("Reading the experiment"):
            read = read_given(ws, experiment, days, columns, observed=observed, seed=seed)
        arms = read.data.arms[1:]
        economics = Economics(
            worth=worth,
            contact=_costs(contact_cost, arms, "--contact-cost"),
            conversion=_costs(conversion_cost, arms, "--conversion-cost"),
            discount=_costs(discount, arms, "--discount"),
        )
        through: ByChannel | None = None
        known: dict[str, NDArray[np.bool_]] = {}
        inside = segment_members(ws.stores, read, list(rules))
        if predicted_channel or channel or channel_model:
            with ws.output.progress("Looking up channels"):
                through = by_channel(ws.stores, read, arms_through, model=channel_model)
                known = through.then(read)
                inside |= known
        counted = outcome or usual_outcome(read.data.outcomes)
        with ws.output.progress("Judging policies"):
            found = policy_report(
                read.data,
                counted,
                economics=economics,
                response=response,
                rules=rules,
                inside=inside,
                more=() if through is None else through.rules,
                trees=trees,
                protected=_groups_of(ws, read, protected),
                limit=limit,
                worth=gain,
                repeats=repeats,
                seed=seed,
                currency=ws.stores.settings.currency if counted in MONEY else None,
            )
        written = None
        if to is not None:
            table = who_gets_what(
                ws.stores,
                read,
                found,
                as_of=ws.now,
                economics=economics,
                rules=rules,
                channels=through,
                trees=trees,
                seed=seed,
            )
            write_list(table, to)
            written = table.num_rows
        if as_json:
            told = {} if through is None else {"own_channels": _counted(known)}
            ws.output.json(
                {**source_of(read), **told, **found.to_dict(), "to": to, "written": written}
            )
            return
        say_source(ws, read)
        if through is not None:
            _say_channels(ws, through, _counted(known), len(read.data))
        _say_policies(ws, found)
        if to is not None:
            ws.output.say(f"{written:,} people with their action are in {to}.")


def _counted(known: Mapping[str, NDArray[np.bool_]]) -> dict[str, int]:
    return {name: int(who.sum()) for name, who in known.items()}


def _say_channels(ws: Opened, through: ByChannel, counts: Mapping[str, int], people: int) -> None:
    by = ", ".join(f"{name} {count:,}" for name, count in counts.items())
    ws.output.say(
        f"By {through.entry.label}, learnt anew from what was known when they were assigned, the own channel of {sum(counts.values()):,} of "
        f"{people:,} people is known: {by}."
    )
    ws.output.say()


def _pair(text: str, option: str) -> tuple[str, str]:
    name, sign, value = text.rpartition("=")
    if not sign or not name or not value:
        raise typer.BadParameter(f"'{text}' is not NAME=VALUE.", param_hint=option)
    return name, value


def _pairs(given: Sequence[str] | None, option: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in given or []:
        name, value = _pair(text, option)
        if found.setdefault(name, value) != value:
            raise typer.BadParameter(
                f"'{name}' stands for both '{found[name]}' and '{value}'. Name it once.",
                param_hint=option,
            )
    return found


def _costs(given: Sequence[str] | None, arms: Sequence[str], option: str) -> Mapping[str, float]:
    found: dict[str, float] = {}
    for text in given or []:
        named, value = _pair(text, option) if "=" in text else ("", text)
        try:
            number = float(value)
        except ValueError:
            raise typer.BadParameter(f"'{value}' is no number.", param_hint=option) from None
        found |= dict.fromkeys([named] if named else arms, number)
    return found


def _groups_of(
    ws: Opened, read: ReadExperiment, protected: str | None
) -> dict[str, list[str | None]]:
    """The group of each person of the experiment, by trait."""
    names = by_commas(protected)
    if not names:
        return {}
    return traits_of(ws.stores, read, names)


def _say_policies(ws: Opened, found: PolicyReport) -> None:
    choice = found.choice
    rows = found.judgement.best_first()
    ws.output.table(
        ["policy", "profit", "95 %", "over nobody", "over the best constant"],
        [
            (
                _marked(one.name, choice.chosen),
                figure(one.value.doubly_robust.estimate),
                interval(one.value.doubly_robust),
                "(it is that)"
                if one.name == NOTHING
                else _signed(choice.over_nobody.get(one.name)),
                "(it is that)"
                if one.name == choice.best_constant
                else _signed(choice.gains.get(one.name)),
            )
            for one in rows
        ],
        title=f"Profit per person ({found.outcome}), each judged on people it did not learn from; → is chosen",
    )
    ws.output.say()
    net = any(one.estimate is not None for one in found.net.values())
    ws.output.table(
        [
            "policy",
            *("nobody" if place == 0 else arm for place, arm in enumerate(found.arms)),
            "people told of",
            *(["net incremental revenue"] if net else []),
        ],
        [
            (
                _marked(one.name, choice.chosen),
                *(f"{one.shares[arm]:.0%}" for arm in found.arms),
                f"{one.value.effective_sample:,.0f}{'' if one.value.answer == 'yes' else ' !'}",
                *([_sum(found.net[one.name])] if net else []),
            )
            for one in rows
        ],
        title="Who gets what, and of how many people the log tells in effect",
    )
    ws.output.say()
    ws.output.say(choice.sentence)
    for one in rows:
        for words in one.value.words:
            ws.output.note(f"Caution, {one.name}: {words}.")
    if found.groups:
        ws.output.say()
        ws.output.table(
            ["group", "people", "get an offer", "than the others", "95 %", "beyond the limit"],
            [
                (
                    f"{one.attribute} {one.value}",
                    one.people,
                    f"{one.share.estimate or 0:.0%}",
                    figure(one.difference.estimate),
                    interval(one.difference),
                    one.beyond_limit,
                )
                for one in found.groups
            ],
            title="Who gets an offer",
        )
        beyond = [f"{one.attribute} {one.value}" for one in found.groups if one.beyond_limit]
        if beyond:
            ws.output.note(
                f"Caution: by more than the limit and more than chance, offers go otherwise to {', '.join(beyond)} than to the others. "
                "Look for the features that tell them apart, leave these out (--columns), or say why it is right."
            )


def _marked(name: str, chosen: str) -> str:
    return f"{'→ ' if name == chosen else '  '}{name}"


def _sum(one: Estimate) -> str:
    if one.estimate is None or one.lower is None or one.upper is None:
        return "–"
    return f"{one.estimate:+,.0f} ({one.lower:,.0f} to {one.upper:,.0f})"


def _signed(one: Estimate | None) -> str:
    if one is None or one.reason == EARNED_ALIKE:
        return "–"
    if one.estimate is None:
        return "decides alike"
    return f"{digits(one.estimate, 3, sign='+')} ({interval(one)})"
