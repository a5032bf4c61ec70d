"""`aimwell predict next-purchase` and `best-time`: when people will buy again, and when they act."""

from __future__ import annotations

from collections import Counter
from datetime import date
from pathlib import Path
from typing import Annotated

import pyarrow.compute as pc
import typer

from aimwell.cli.context import AsOfOption, JsonOption, Opened, WorkspaceOption, opened
from aimwell.predict.deep.service import DeepOptions
from aimwell.predict.timing.act_times import SIGNALS
from aimwell.predict.timing.best_time import BestTimes, TimeJudgement, best_times
from aimwell.predict.timing.next_purchase import NextPurchases, next_purchases
from aimwell.predict.timing.purchase_days import BY
from aimwell.predict.timing.wait_check import WaitCheck
from aimwell.privacy.lists import write_list
from aimwell.stats.estimate import Estimate

__all__ = ["best_time", "next_purchase"]

CheckOption = Annotated[
    int, typer.Option("--check", min=1, help="Judge on so many days before the moment.")
]
ToOption = Annotated[
    Path | None, typer.Option("--to", help="Write the whole list to this CSV file.")
]
_STATES = {
    "not yet due": "fewer than half of people of this pace would be back by now",
    "due": "more than half would",
    "overdue": "more than 90 % would",
    "likely gone": "rather gone than coming back",
}
_VERDICTS = {
    "better": "better by more than chance",
    "worse": "worse by more than chance",
    "cannot tell": "no difference beyond chance",
}


def next_purchase(
    by: Annotated[
        str, typer.Option("--by", help="Of a person as a whole, or per category or product.")
    ] = "person",
    check: CheckOption = 60,
    top: Annotated[int, typer.Option(min=0, help="List so many who will buy soonest.")] = 10,
    to: ToOption = None,
    deep: Annotated[
        bool,
        typer.Option(
            "--deep",
            help="Try sequence models too (aimwell\\[deep]; minutes), and use one where it wins.",
        ),
    ] = False,
    model: Annotated[
        str | None, typer.Option("--model", help="Tell people from this sequence model.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of sequence models.")] = 0,
    as_of: AsOfOption = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Foretell when each person will buy again, judge it on later time, and say who is due."""
    if by not in BY:
        raise typer.BadParameter(f"it is one of {', '.join(BY)}.", param_hint="--by")
    if deep and model is not None:
        raise typer.BadParameter(
            "--deep learns one, --model takes one: not both.", param_hint="--deep"
        )
    with opened(workspace, as_json=as_json) as ws:
        moment = ws.moment(as_of) or ws.now
        doing = "Learning people's pace" + (", and sequence models" if deep else "")
        with ws.output.progress(doing):
            found = next_purchases(
                ws.stores,
                as_of=moment,
                by=by,
                check_days=check,
                deep=DeepOptions(seed=seed) if deep else None,
                model=model,
                now=ws.now,
            )
        if to is not None:
            write_list(found.people, to)
        soonest = found.people.sort_by(
            [("within_14", "descending"), ("profile_id", "ascending"), ("item", "ascending")]
        ).slice(0, top)
        if as_json:
            ws.output.json({**found.to_dict(), "soonest": soonest.to_pylist(), "to": to})
            return
        _say_states(ws, found)
        if found.check is None:
            ws.output.note(f"Beware: {found.check_reason}")
        else:
            _say_check(ws, found.check, found.by)
        if deep:
            _say_deep(ws, found)
        if found.model is not None:
            ws.output.say(
                f"People are told from the sequence model {found.model}; what lies beyond its horizon, from the renewal model."
            )
        rows = soonest.to_pylist()
        whole = (
            by == "person"
        )  # else a column names the item, and the days of 90 % would make lines too long
        ws.output.say()
        ws.output.table(
            [
                *(["profile"] if whole else ["profile", by]),
                *("bought", "waited", "14 days", "median"),
                *(["90 % of such", "state"] if whole else ["state"]),
            ],
            [
                (
                    row["profile_id"],
                    *([] if whole else [" ".join([row["item"], row["name"] or ""])[:22]]),
                    row["purchases"],
                    row["waited"],
                    f"{row['within_14']:.0%}",
                    row["next_day"],
                    *([f"{_day(row['lower_90'])} to {_day(row['upper_90'])}"] if whole else []),
                    row["state"],
                )
                for row in rows
            ],
            title="Most likely within 14 days",
        )
        ws.output.say(
            "Waited: days since the last purchase. Median"
            + (", and the days between which 90 % of such people buy" if whole else "")
            + ": if they come back at all. The probability counts those who may be gone."
        )
        _written(ws, found.people.num_rows, to)


def _day(day: date | None) -> str:
    return "beyond" if day is None else f"{day}"


def _say_states(ws: Opened, found: NextPurchases) -> None:
    people = found.people
    whose = "people" if found.by == "person" else f"people with a {found.by} that they bought again"
    ws.output.heading(f"Next purchase of {people.num_rows:,} {whose}, as seen up to {found.until}")
    states = Counter(people.column("state").to_pylist())
    rows = []
    for state, words in _STATES.items():
        chosen = people.filter(pc.equal(people.column("state"), state))
        if states[state]:
            rows.append(
                (
                    state,
                    states[state],
                    f"{pc.sum(chosen.column('within_14')).as_py():,.0f}",
                    f"{pc.sum(chosen.column('within_30')).as_py():,.0f}",
                    words,
                )
            )
    ws.output.table(["state", "how many", "buy in 14 days", "in 30 days", "meaning"], rows)
    ws.output.say()


def _say_check(ws: Opened, check: WaitCheck, by: str) -> None:
    whose = "people" if by == "person" else f"people with a {by}"
    ws.output.say(
        f"Judged on the last {check.horizon_days} days: foretold from what was known before them, of {check.rows:,} {whose} "
        f"{check.returned:,} bought again."
    )
    ws.output.table(
        ["foretold by", "pinball loss (days)", "log score"],
        [
            (
                one.name,
                f"{one.pinball_days:.2f}",
                "" if one.log_score is None else f"{one.log_score:.3f}",
            )
            for one in check.forecasters
        ],
    )
    ws.output.say(
        f"The model is {_VERDICTS[check.verdict]} than everybody's waits "
        f"({_interval(check.over_curve, ' days', 2)} less loss)."
        if check.verdict != "cannot tell"
        else f"Against everybody's waits: {_VERDICTS[check.verdict]} ({_interval(check.over_curve, ' days', 2)})."
    )
    ws.output.table(
        ["bought within", "foretold", "happened", "95 %"],
        [
            (
                f"{one.days} days",
                f"{one.predicted:.1%}",
                f"{one.happened.estimate or 0:.1%}",
                f"{one.happened.lower or 0:.1%} to {one.happened.upper or 0:.1%}",
            )
            for one in check.promises
        ],
    )
    if check.covered_90.estimate is not None and check.covered_50.estimate is not None:
        ws.output.say(
            f"Of those who bought again {check.covered_50.estimate:.0%} did so within their interval of 50 %, and "
            f"{check.covered_90.estimate:.0%} within that of 90 %."
        )
    if check.verdict == "worse":
        ws.output.note(
            "Beware: everybody's waits foretold the later period better than people's own pace. Do not act on single dates."
        )


def _say_deep(ws: Opened, found: NextPurchases) -> None:
    ws.output.say()
    if found.deep is None:
        ws.output.note(f"Beware: {found.deep_reason}")
        return
    check = found.deep
    ws.output.say(
        f"Sequence models, learnt from {check.learnt_rows:,} people at {check.learnt_moments} earlier moments and judged on the "
        "same days:"
    )
    ws.output.table(
        [
            "foretold by",
            "pinball loss (days)",
            "log score",
            "50 % held",
            "90 % held",
            "on people held out",
        ],
        [
            (
                one.name,
                f"{one.judged.pinball_days:.2f}",
                f"{one.judged.log_score or 0:.3f}",
                _percent(one.covered_50),
                _percent(one.covered_90),
                f"{-one.held_out_loss:.3f}",
            )
            for one in check.ways
        ],
    )
    ws.output.table(
        ["network", "against", "less pinball loss (95 %)", "more log score (95 %)"],
        [
            (
                one.name,
                other.other,
                _interval(other.pinball_days, "", 3),
                _interval(other.log_score, "", 3),
            )
            for one in check.ways
            for other in one.against
        ],
    )
    ws.output.say(check.sentence)
    if any(one.stopped == "time" for one in check.ways):
        ws.output.note("Beware: the time limit ended learning, so another run may differ.")


def _percent(share: Estimate) -> str:
    return "" if share.estimate is None else f"{share.estimate:.0%}"


def best_time(
    signal: Annotated[
        str, typer.Option("--signal", help=f"What counts: {', '.join(SIGNALS)}.")
    ] = "any",
    hours: Annotated[
        int, typer.Option("--hours", help="Hours in a block: 1, 2, 3, 4, 6, 8 or 12.")
    ] = 3,
    check: CheckOption = 60,
    to: ToOption = None,
    as_of: AsOfOption = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find the weekday and the hours at which each person acts, where that beats everybody's."""
    if signal not in SIGNALS:
        raise typer.BadParameter(f"it is one of {', '.join(SIGNALS)}.", param_hint="--signal")
    if hours not in (1, 2, 3, 4, 6, 8, 12):
        raise typer.BadParameter("it is 1, 2, 3, 4, 6, 8 or 12.", param_hint="--hours")
    with opened(workspace, as_json=as_json) as ws:
        moment = ws.moment(as_of) or ws.now
        with ws.output.progress("Learning people's hours"):
            found = best_times(
                ws.stores,
                as_of=moment,
                signal=signal,
                block_hours=hours,
                check_days=check,
            )
        if to is not None:
            write_list(found.people, to)
        if as_json:
            ws.output.json({**found.to_dict(), "to": to})
            return
        _say_times(ws, found)
        _written(ws, found.people.num_rows, to)


def _say_times(ws: Opened, found: BestTimes) -> None:
    figures = found.to_dict()
    ws.output.heading(f"When {figures['people']:,} people act ({found.signal}, local time)")
    ws.output.table(
        ["weekday", "share of acts"],
        [(name, f"{share:.1%}") for name, share in figures["weekdays"].items()],
    )
    ws.output.say()
    if figures["hours"] is None:
        ws.output.say("All is dated by the day alone, so no hours can be told.")
    else:
        ws.output.table(
            ["hours", "share of acts"],
            [(name, f"{share:.1%}") for name, share in figures["hours"].items()],
        )
    ws.output.say()
    if found.judged:
        ws.output.table(
            [
                "loss an act, later",
                "own, drawn in",
                "everybody's",
                "uniform",
                "gain (95 %)",
                "own times",
            ],
            [_judgement_row(one) for one in found.judged],
        )
    else:
        ws.output.note(f"Beware: {found.reason}")
    for kind, own in (("weekday", figures["own_weekday"]), ("hours", figures["own_hours"])):
        ws.output.say(
            f"Own {kind}: {own:,} people. Of the other {figures['people'] - own:,} none is surely better than everybody's."
        )
    if found.signal in ("any", "opens", "clicks"):
        ws.output.say(
            "Opens and clicks follow the hours at which messages were sent. Only sending at hours drawn by chance tells what "
            "another hour would bring; --signal orders does not depend on it as much."
        )


def _judgement_row(one: TimeJudgement) -> tuple[str, ...]:
    return (
        one.kind,
        f"{one.log_loss:.4f}",
        f"{one.log_loss_everybody:.4f}",
        f"{one.log_loss_uniform:.4f}",
        _interval(one.gain, "", 4),
        _VERDICTS[one.verdict],
    )


def _interval(estimate: Estimate, unit: str, places: int) -> str:
    if estimate.estimate is None or estimate.lower is None or estimate.upper is None:
        return f"unknown: {estimate.reason}"
    return f"{estimate.estimate:.{places}f}{unit}, {estimate.lower:.{places}f} to {estimate.upper:.{places}f}"


def _written(ws: Opened, rows: int, to: Path | None) -> None:
    if to is not None:
        ws.output.say(f"All {rows:,} rows are in {to}.")
    else:
        ws.output.say(f"The whole list of {rows:,} rows: add --to FILE.csv")
