"""`aimwell decide uplift` and `aimwell decide policy`: what a past experiment says of whom to contact, and what a policy is worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from aimwell.cli.context import JsonOption, Opened, WorkspaceOption, opened
from aimwell.cli.decide_panels import LEARNING
from aimwell.cli.whole_file import write_whole
from aimwell.decide.policies.rewards import Economics
from aimwell.decide.policies.service import (
    DEFAULT_REPEATS,
    PolicyReport,
    policy_report,
    who_gets_what,
)
from aimwell.decide.uplift.assigned import usual_outcome
from aimwell.decide.uplift.data import NOTHING
from aimwell.decide.uplift.observing import Overlap
from aimwell.decide.uplift.page import uplift_html, uplift_sentence
from aimwell.decide.uplift.reading import ReadExperiment, read_experiment, read_observed, traits_of
from aimwell.decide.uplift.segments import segment_members
from aimwell.decide.uplift.service import UpliftReport, named_learners, uplift_report
from aimwell.privacy.lists import write_list
from aimwell.stats.estimate import Estimate

__all__ = ["register"]

ExperimentArgument = Annotated[
    str, typer.Argument(help="Campaign of our own or imported experiment, as in the assignments.")
]
OutcomeOption = Annotated[
    str | None,
    typer.Option(
        "--outcome",
        help="What is looked at: an imported outcome, or bought, orders, revenue, margin.",
        show_default="margin, revenue or the first",
    ),
]
DaysOption = Annotated[
    float, typer.Option("--days", min=0.01, help="Days of outcomes, where none were imported.")
]
ColumnsOption = Annotated[
    str | None,
    typer.Option("--columns", help="Features and trait:NAME, by commas.", show_default="all known"),
]
ObservedOption = Annotated[
    bool,
    typer.Option(
        "--observed", help="Nobody was drawn by chance: EXPERIMENT is a campaign of the touches."
    ),
]
SeedOption = Annotated[int, typer.Option("--seed", help="Of everything that is drawn.")]


def register(app: typer.Typer) -> None:
    """Put the two commands on the app of the stage."""
    app.command("uplift", rich_help_panel=LEARNING)(uplift)
    app.command("policy", rich_help_panel=LEARNING)(policy)


def uplift(
    experiment: ExperimentArgument,
    outcome: OutcomeOption = None,
    arm: Annotated[
        str | None, typer.Option("--arm", help="Which treatment.", show_default="the first")
    ] = None,
    learners: Annotated[
        str | None,
        typer.Option(
            "--learners",
            help=f"By commas: {', '.join(named_learners())}.",
            show_default="those by ridge",
        ),
    ] = None,
    matters: Annotated[
        float | None,
        typer.Option(
            "--matters",
            min=0,
            help="Effect from which on a person counts as moved.",
            show_default="a tenth of the untouched outcome",
        ),
    ] = None,
    html: Annotated[
        Path | None, typer.Option("--html", help="Write a page with the tenths as a chart.")
    ] = None,
    days: DaysOption = 14.0,
    columns: ColumnsOption = None,
    observed: ObservedOption = False,
    seed: SeedOption = 0,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what contact added, whether it can be told whom it moves, and how well."""
    with opened(workspace, as_json=as_json) as ws:
        with ws.output.progress("Reading the experiment"):
            read = _read(ws, experiment, days, columns, observed=observed, seed=seed)
        with ws.output.progress("Learning"):
            found = uplift_report(
                read.data,
                outcome or usual_outcome(read.data.outcomes),
                arm=arm,
                learners=_split(learners),
                matters=matters,
                seed=seed,
            )
        if html is not None:
            write_whole(html, uplift_html(found, title=read.name), option="--html")
        if as_json:
            ws.output.json({**_source(read), **found.to_dict(), "html": html})
            return
        _say_source(ws, read)
        _say_uplift(ws, found)
        if html is not None:
            ws.output.say(f"Written to {html}.")


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
    protected: Annotated[
        str | None,
        typer.Option("--protected", help="Traits whose groups must fare alike, by commas."),
    ] = None,
    limit: Annotated[
        float, typer.Option("--limit", min=0, max=1, help="How far their shares may lie apart.")
    ] = 0.1,
    gain: Annotated[
        float | None,
        typer.Option("--gain", min=0, help="Smallest gain per person that is worth personalising."),
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
    with opened(workspace, as_json=as_json) as ws:
        with ws.output.progress("Reading the experiment"):
            read = _read(ws, experiment, days, columns, observed=observed, seed=seed)
        arms = read.data.arms[1:]
        economics = Economics(
            worth=worth,
            contact=_costs(contact_cost, arms, "--contact-cost"),
            conversion=_costs(conversion_cost, arms, "--conversion-cost"),
            discount=_costs(discount, arms, "--discount"),
        )
        rules = dict(_pair(one, "--rule") for one in rule or [])
        with ws.output.progress("Judging policies"):
            found = policy_report(
                read.data,
                outcome or usual_outcome(read.data.outcomes),
                economics=economics,
                response=response,
                rules=rules,
                inside=segment_members(ws.stores, read, list(rules)),
                trees=trees,
                protected=_groups_of(ws, read, protected),
                limit=limit,
                worth=gain,
                repeats=repeats,
                seed=seed,
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
                trees=trees,
                seed=seed,
            )
            write_list(table, to)
            written = table.num_rows
        if as_json:
            ws.output.json({**_source(read), **found.to_dict(), "to": to, "written": written})
            return
        _say_source(ws, read)
        _say_policies(ws, found)
        if to is not None:
            ws.output.say(f"{written:,} people with their action are in {to}.")


def _read(
    ws: Opened, experiment: str, days: float, columns: str | None, *, observed: bool, seed: int
) -> ReadExperiment:
    if observed:
        return read_observed(
            ws.stores,
            experiment,
            now=ws.now,
            horizon_days=days,
            columns=_split(columns),
            seed=seed,
        )
    return read_experiment(
        ws.stores, experiment, now=ws.now, horizon_days=days, columns=_split(columns)
    )


def _split(text: str | None) -> list[str]:
    return [part.strip() for part in (text or "").split(",") if part.strip()]


def _pair(text: str, option: str) -> tuple[str, str]:
    name, sign, value = text.rpartition("=")
    if not sign or not name or not value:
        raise typer.BadParameter(f"'{text}' is not NAME=VALUE.", param_hint=option)
    return name, value


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
    names = _split(protected)
    if not names:
        return {}
    return traits_of(ws.stores, read, names)


def _source(read: ReadExperiment) -> dict[str, object]:
    return {
        "experiment": read.name,
        "as_of": read.as_of,
        "window_days": read.window_days,
        "randomised": read.data.randomised,
        "arms": read.data.counts,
        "outcomes": list(read.data.outcomes),
        "features": len(read.data.names),
        "overlap": None if read.overlap is None else read.overlap.to_dict(),
    }


def _say_source(ws: Opened, read: ReadExperiment) -> None:
    data = read.data
    counts = ", ".join(f"{name} {count:,}" for name, count in data.counts.items())
    window = "" if read.window_days is None else f", outcomes of {read.window_days:g} days"
    ws.output.heading(f"Experiment {read.name}: {len(data):,} people ({counts})")
    ws.output.say(
        f"Assigned from {ws.day(read.as_of)} on{window}; {len(data.names)} features known before."
    )
    for words in data.cautions:
        ws.output.note(f"Caution: {words}")
    if read.overlap is not None:
        _say_overlap(ws, read.overlap)
    ws.output.say()


def _say_overlap(ws: Opened, overlap: Overlap) -> None:
    ws.output.table(
        ["apart most before", "by (deviations)", "weighted"],
        [(one.feature, one.before, one.after) for one in overlap.balance[:5]],
    )


def _say_uplift(ws: Opened, found: UpliftReport) -> None:
    ws.output.table(
        [found.outcome, "per person", "95 %"],
        [
            ("if nobody got it", _figure(found.without.estimate), _interval(found.without)),
            (f"if all got '{found.arm}'", _figure(found.with_.estimate), _interval(found.with_)),
            ("added", _figure(found.effect.estimate), _interval(found.effect)),
        ],
    )
    ws.output.say()
    ws.output.table(
        ["learner", "AUTOC", "95 %", "Qini", "uplift of top 30 %", "slope", "scikit-uplift Qini"],
        [
            (
                one.learner,
                _figure(one.autoc.estimate),
                _interval(one.autoc),
                _figure(one.qini.value),
                _figure(one.uplift_at_top.value),
                _figure(one.slope.estimate),
                _figure(one.scikit_uplift.get("qini_auc_score")),
            )
            for one in found.learners
        ],
        title="Can it be told whom it moves? Judged on people who were not learnt from",
    )
    ws.output.say(uplift_sentence(found))
    ws.output.say()
    ws.output.table(
        ["tenth", "people", "predicted", "added", "95 %"],
        [
            (
                one.number,
                one.people,
                _figure(one.predicted),
                _figure(one.actual.estimate),
                _interval(one.actual),
            )
            for one in found.bands
        ],
        title=f"By tenths of predicted uplift ({found.chosen}), the highest first",
    )
    ws.output.say()
    ws.output.table(
        ["group", "people", "share", "certainty", "untouched", "added", "95 %"],
        [
            (
                one.group,
                one.people,
                f"{one.share:.0%}",
                "–" if one.certainty is None else f"{one.certainty:.0%}",
                _figure(one.untouched.estimate),
                _figure(one.effect.estimate),
                _interval(one.effect),
            )
            for one in found.groups
        ],
        title=f"Groups (moved: by {found.matters:.3g} or more), and what contact truly did to them",
    )


def _say_policies(ws: Opened, found: PolicyReport) -> None:
    choice = found.choice
    rows = found.judgement.best_first()
    ws.output.table(
        ["policy", "profit", "95 %", "over nobody", "over the best constant"],
        [
            (
                _marked(one.name, choice.chosen),
                _figure(one.value.doubly_robust.estimate),
                _interval(one.value.doubly_robust),
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
                    _figure(one.difference.estimate),
                    _interval(one.difference),
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


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"


def _interval(one: Estimate) -> str:
    if one.lower is None or one.upper is None:
        return "–"
    return f"{one.lower:.3g} to {one.upper:.3g}"


def _sum(one: Estimate) -> str:
    if one.estimate is None or one.lower is None or one.upper is None:
        return "–"
    return f"{one.estimate:+,.0f} ({one.lower:,.0f} to {one.upper:,.0f})"


def _signed(one: Estimate | None) -> str:
    if one is None:
        return "–"
    if one.estimate is None:
        return "decides alike"
    return f"{one.estimate:+.3g} ({_interval(one)})"
