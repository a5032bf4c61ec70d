"""`aimwell predict train|monitor|compare|promote`: predictions that are defined, and how their models are doing."""

from __future__ import annotations

from typing import Annotated

import typer

from aimwell.cli.context import AsOfOption, JsonOption, WorkspaceOption, opened
from aimwell.cli.training_options import ModelArgument
from aimwell.definitions import service as definitions
from aimwell.definitions.kinds.prediction import Prediction
from aimwell.errors import FunctionChangedError
from aimwell.predict.cards import model_card
from aimwell.predict.care.caring import train_defined
from aimwell.predict.care.fairness import fairness
from aimwell.predict.care.service import compare, monitor, score
from aimwell.predict.care.words import realised_words
from aimwell.predict.judging import Judgement
from aimwell.predict.registry import find_model, promote, promotions
from aimwell.segment.validity.words import proxy_words

__all__ = [
    "compare_versions",
    "monitor_model",
    "promote_version",
    "show_fairness",
    "train_defined_model",
]

_SHOWN = 12


def train_defined_model(
    name: Annotated[str, typer.Argument(help="A definition of the kind prediction.")],
    as_of: AsOfOption = None,
    use: Annotated[
        bool, typer.Option("--use", help="Use the new version from now on, whatever it is worth.")
    ] = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Train the next version of a prediction that is defined, and score everybody with the one in use."""
    with opened(workspace, as_json=as_json) as ws:
        wanted = definitions.find(ws.stores.control, Prediction, name)
        moment = ws.moment(as_of) or ws.now
        with ws.output.progress("Training") as step:
            entry = train_defined(
                ws.stores, wanted, as_of=moment, now=ws.now, by=ws.by, progress=step
            )
        if use and find_model(ws.stores, name).label != entry.label:
            promote(ws.stores, entry, by=ws.by, reason="as told when it was trained", now=ws.now)
        card = model_card(entry, timezone=ws.stores.settings.timezone)
        used = find_model(ws.stores, name)
        scored, unscored = None, None
        if used.as_of <= moment:
            try:
                scored = score(ws.stores, used, as_of=moment, now=ws.now)
            except FunctionChangedError as error:
                unscored = str(error)
        if as_json:
            ws.output.json(
                {**card, "in_use": used.label, "scored": scored, "scored_reason": unscored}
            )
            return
        ws.output.heading(f"{entry.label}: {card['predicts']}")
        ws.output.say(card["sentence"])
        if "reason" in entry.metrics:
            ws.output.say(entry.metrics["reason"])
        for caveat in card["caveats"]:
            ws.output.note(f"Beware: {caveat}")
        if used.label != entry.label and unscored is None:
            ws.output.note(
                f"{used.label} stays in use. Compare them with: aimwell predict compare {entry.label} {used.label}"
            )
        if scored is not None:
            whose = "firms" if used.kind == "account_leads" else "people"
            ws.output.say(f"{scored:,} {whose} have a score by {used.label}.")
        if unscored is not None:
            ws.output.note(
                f"Nobody was scored by {used.label}: {unscored} To use the new version: "
                f'aimwell predict promote {entry.label} --why "function changed"'
            )
        ws.output.say(f"More of it: aimwell predict card {entry.label}")


def monitor_model(
    model: ModelArgument,
    as_of: AsOfOption = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Look whether a model still sees people as it knew them, and is still as good as it was."""
    with opened(workspace, as_json=as_json) as ws:
        with ws.output.progress("Looking after it"):
            found = monitor(ws.stores, model, as_of=ws.moment(as_of) or ws.now)
        if as_json:
            ws.output.json(found.to_dict())
            return
        ws.output.heading(f"{found.model} as of {ws.day(found.as_of)}: {found.verdict}")
        for line in found.findings:
            ws.output.say(line)
        ws.output.say()
        ws.output.say(realised_words(found, ws.day))
        ws.output.table(
            ["what", "weight", "PSI", "by chance", "KS", "no value then", "now", "shift"],
            [
                (
                    one.name,
                    "" if one.weight is None else f"{one.weight:.0%}",
                    f"{one.drift.psi:.3f}",
                    f"{one.drift.psi_by_chance:.3f}",
                    "" if one.drift.ks is None else f"{one.drift.ks:.3f}",
                    f"{one.drift.missing_before:.0%}",
                    f"{one.drift.missing_now:.0%}",
                    one.shift,
                )
                for one in found.shifts[:_SHOWN]
            ],
            title=f"{found.people:,} {found.units} as of {ws.day(found.as_of)} against those of then",
        )
        ws.output.say(
            "PSI: population stability index, from 0.1 on noticeable, from 0.25 on large; by chance: what it stays under in 99 "
            "of 100 cases where nothing has changed. KS: largest difference of the distributions. Weight: share of what tells "
            "people apart in the model. They are looked at by records as long as those of then, because much grows with these."
        )


def compare_versions(
    one: ModelArgument,
    other: ModelArgument,
    as_of: AsOfOption = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Hold two versions, or two models of one question, against each other on people of a later time."""
    with opened(workspace, as_json=as_json) as ws:
        with ws.output.progress("Comparing"):
            found = compare(ws.stores, one, other, as_of=ws.moment(as_of) or ws.now)
        if as_json:
            ws.output.json(found.to_dict())
            return
        ws.output.heading(found.sentence)
        of_whom = "" if found.positives is None else f", {found.positives:,} of whom did it"
        more = ["AUC", "predicted", "did it"] if found.positives is not None else []
        ws.output.table(
            ["version", found.measure, *more],
            [
                (found.one, f"{found.one_loss:.4f}", *_judged(found.one_judged)),
                (found.other, f"{found.other_loss:.4f}", *_judged(found.other_judged)),
            ],
            title=f"{found.people:,} of {ws.day(found.as_of)}{of_whom}",
        )
        for label, words in found.stand_ins.items():
            ws.output.note(f"{label}: {words}.")


def _judged(found: Judgement | None) -> tuple[str, ...]:
    if found is None:
        return ()
    return (
        f"{found.auc.estimate:.3f} ({found.auc.lower:.3f} to {found.auc.upper:.3f})",
        f"{found.mean_predicted:.1%}",
        f"{found.base_rate.estimate:.1%}",
    )


def show_fairness(
    model: ModelArgument,
    as_of: AsOfOption = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show whether a model is as right for one group as for another, by protected attribute."""
    with opened(workspace, as_json=as_json) as ws:
        with ws.output.progress("Looking"):
            found = fairness(ws.stores, model, as_of=ws.moment(as_of) or ws.now)
        if as_json:
            ws.output.json(found.to_dict())
            return
        ws.output.heading(
            f"{found.model} on {found.people:,} {found.units} of {ws.day(found.as_of)}"
        )
        if found.stand_in is not None:
            ws.output.note(f"{found.model}: {found.stand_in}.")
        if found.reason is not None:
            ws.output.say(found.reason)
            return

        def told(value: float | None, sign: str = "") -> str:
            return f"{value:{sign},.2f}" if found.money else f"{value:{sign}.1%}"

        ws.output.table(
            [
                "attribute",
                "group",
                found.units,
                found.did,
                "predicted",
                "AUC",
                "in the dearest fifth" if found.money else "in the likeliest fifth",
                "level",
            ],
            [
                (
                    one.attribute,
                    one.value,
                    one.people,
                    told(one.did_it.estimate),
                    told(one.predicted),
                    "" if one.auc.estimate is None else f"{one.auc.estimate:.3f}",
                    f"{one.likeliest.estimate:.0%} ({one.likeliest.lower:.0%} to {one.likeliest.upper:.0%})",
                    "uneven" if one.uneven else "",
                )
                for one in found.groups
            ],
        )
        for one in found.groups:
            if one.uneven:
                less = "less" if found.money else "fewer"
                way = less if (one.level.estimate or 0) < 0 else "more"
                ws.output.note(
                    f"Beware: of {one.attribute} '{one.value}' {way} {found.did} than predicted ({told(one.level.estimate, '+')}, "
                    f"{told(one.level.lower, '+')} to {told(one.level.upper, '+')}), and of the others it is not so."
                )
        for proxy in found.proxies:
            if proxy.verdict in ("proxy", "uneven"):
                ws.output.note(f"Beware: {proxy_words(proxy)}")


def promote_version(
    model: Annotated[str, typer.Argument(help="One version, as buy-90d@2.")],
    why: Annotated[str, typer.Option("--why", help="Why, for the record.")],
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Use this version from now on, wherever the bare name of the model stands."""
    with opened(workspace, as_json=as_json) as ws:
        entry = find_model(ws.stores, model)
        made = promote(ws.stores, entry, by=ws.by, reason=why, now=ws.now)
        if as_json:
            ws.output.json({name: getattr(made, name) for name in made.__slots__})
            return
        ws.output.say(f"'{entry.name}' means {entry.label} from now on.")
        ws.output.table(
            ["version", "since", "by", "why"],
            [
                (one.version, ws.day(one.promoted_at), one.promoted_by, one.reason)
                for one in promotions(ws.stores, entry.name)
            ],
        )
