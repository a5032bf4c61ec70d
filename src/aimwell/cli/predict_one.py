"""`aimwell predict score`, and the options of what is asked and of how long a learner's settings are looked for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from aimwell.cli.context import AsOfOption, JsonOption, Opened, WorkspaceOption, opened
from aimwell.definitions.base import parse_duration
from aimwell.definitions.leaves.acts import Acts
from aimwell.errors import PredictError
from aimwell.predict.answers import where_told
from aimwell.predict.care.service import score
from aimwell.predict.person import score_one
from aimwell.predict.registry import find_model
from aimwell.predict.tuning import Tuning
from aimwell.unify.lookup import find_profile, last_seen

__all__ = [
    "TriesOption",
    "TuneOption",
    "WhereOption",
    "acts_wanted",
    "score_people",
    "tuning_wanted",
]

_OLD, _DAY = timedelta(days=30), timedelta(days=1)

TuneOption = Annotated[
    str | None,
    typer.Option(
        help="How long to look for better settings, as 10m.", show_default="the usual settings"
    ),
]
TriesOption = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=1000,
        help="How many settings of each learner to try; with --tune, what comes first.",
        show_default="as many as the time allows",
    ),
]


WhereOption = Annotated[
    list[str] | None,
    typer.Option(
        "--where",
        help="Only where a field is so, as category=Wine; may be repeated.",
        show_default="whatever they are",
    ),
]


def acts_wanted(event: str, where: Sequence[str] | None) -> Acts:
    """What the options --event and --where ask for; what no event has is a wrong call."""
    conditions: dict[str, Any] = {}
    for one in where or ():
        field, sign, value = one.partition("=")
        if not (field and sign and value):
            raise typer.BadParameter(
                f"'{one}' is no FIELD=VALUE, as category=Wine.", param_hint="--where"
            )
        conditions[field] = {"is": value}
    try:
        return Acts.model_validate({"event": event, "where": conditions or None})
    except ValidationError as error:
        told = "; ".join(str(fault["msg"]) for fault in error.errors())
        raise typer.BadParameter(told, param_hint="--where") from None


def tuning_wanted(tune: str | None, tries: int | None) -> Tuning | None:
    """The search that the options ask for; a wrong time is a wrong call."""
    if tune is None and tries is None:
        return None
    try:
        limit = None if tune is None else parse_duration(tune)
    except ValueError as error:
        raise typer.BadParameter(f"--tune: {error}") from None
    if limit is not None and not limit:
        raise typer.BadParameter("--tune: the time must be above 0, as 10m.")
    return Tuning(limit, tries)


def score_people(
    model: Annotated[
        str, typer.Argument(help="A model, as buy-90d, or one version, as buy-90d@2.")
    ],
    who: Annotated[
        str | None,
        typer.Argument(
            help="A profile id, customer id, e-mail address or telephone number; without it everybody.",
            show_default=False,
        ),
    ] = None,
    as_of: AsOfOption = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Score everybody into the lake, or give one person's probability, from what is known of them now."""
    with opened(workspace, as_json=as_json) as ws:
        moment = ws.moment(as_of) or ws.now
        if as_of is None:
            _warn_of_old_data(ws)
        if who is None:
            _score_everybody(ws, model, moment)
            return
        profile = find_profile(ws.stores, who)
        found = score_one(ws.stores, model, profile, as_of=moment)
        if as_json:
            ws.output.json(found.to_dict())
            return
        ws.output.say(
            f"{found.probability:.1%} within {found.horizon_days} days of "
            f"{ws.local(found.as_of):%Y-%m-%d %H:%M}, by {found.model}."
        )
        ws.output.say(f"Why: aimwell predict why {found.model} {profile}")


def _score_everybody(ws: Opened, model: str, moment: datetime) -> None:
    entry = find_model(ws.stores, model)
    with ws.output.progress("Scoring"):
        people = score(ws.stores, entry, as_of=moment, now=ws.now)
    if people is None:
        raise PredictError(f"{entry.label} gives no score of each person. {where_told(entry)}")
    if ws.output.as_json:
        ws.output.json({"model": entry.label, "people": people, "as_of": moment})
        return
    firms = entry.kind == "account_leads"
    ws.output.say(
        f"{people:,} {'firms' if firms else 'people'} have a score by {entry.label} as of {ws.local(moment):%Y-%m-%d %H:%M}, in the "
        f"lake's table {'account_scores' if firms else 'scores'}."
    )


def _warn_of_old_data(ws: Opened) -> None:
    """Where the data end long before today, everybody looks as if they had done nothing since."""
    last = last_seen(ws.stores)
    if last is None or ws.now - last <= _OLD:
        return
    ws.output.note(
        f"Warning: the newest data are of {ws.day(last)}, {(ws.now - last).days:,} days ago, and as of today everybody looks as "
        f"if they had done nothing since. Collect what came later, or give the moment: --as-of {ws.day(last + _DAY)}"
    )
