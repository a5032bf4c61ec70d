"""People's best times as a registered model: kept as a version, looked after, and put in words."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from aimwell.history.moment import TIME_COLUMNS
from aimwell.predict.card_words import day, loss_saved
from aimwell.predict.registry import (
    RegisteredModel,
    check_name,
    load_part,
    register_model,
    usual_name,
)
from aimwell.predict.timing.act_times import Signal
from aimwell.predict.timing.best_time import best_times
from aimwell.predict.timing.time_laws import TimeLaws
from aimwell.store.stores import Stores

__all__ = ["best_time_words", "time_laws_of", "train_best_times"]

_PART = "times"
_VERDICTS = {
    "better": "people's own {} foretold later acts better than everybody's",
    "worse": "people's own {} foretold later acts worse than everybody's",
    "cannot tell": "whether people's own {} foretell later acts better than everybody's cannot be told",
}


def train_best_times(
    stores: Stores,
    *,
    as_of: datetime,
    check_days: int = 30,
    signal: Signal = "any",
    block_hours: int = 3,
    name: str | None = None,
    now: datetime,
) -> RegisteredModel:
    """Register at which times people act as the next version of a model, judged on the last `check_days`.

    Args:
        stores: The workspace.
        as_of: Nothing from this moment on is seen.
        check_days: On how many days it is judged.
        signal: What counts as an act.
        block_hours: Hours in a block.
        name: Of the model; default: `best-time-any-30d`.
        now: When.

    Raises:
        TooLittleDataError, PredictError: As `best_times`; or `name` stands for another model.
    """
    name = name or usual_name(f"best-time-{signal}", check_days)
    settings = {"horizon_days": check_days, "signal": signal, "block_hours": block_hours}
    check_name(stores, name, kind="best_time", settings=settings)
    found = best_times(
        stores, as_of=as_of, signal=signal, block_hours=block_hours, check_days=check_days
    )
    told = found.to_dict()
    return register_model(
        stores,
        {_PART: TimeLaws.of(found.weekdays, found.hours)},
        name=name,
        kind="best_time",
        as_of=as_of.astimezone(UTC),
        settings=settings,
        metrics={**told, "judged": [asdict(one) for one in found.judged]},
        lake_versions=stores.lake.pin(*TIME_COLUMNS).versions,
        trained_at=now,
    )


def time_laws_of(stores: Stores, entry: RegisteredModel) -> TimeLaws:
    """The laws of a registered version. Raises ModelFileError where its files are missing or were changed."""
    return load_part(stores, entry, _PART, TimeLaws)


def best_time_words(entry: RegisteredModel, zone: ZoneInfo) -> dict[str, Any]:
    """The parts of the card, days in `zone`."""
    metrics = entry.metrics
    what = {"any": "acts", "orders": "orders", "clicks": "clicks", "opens": "opens messages"}
    does = what.get(str(entry.settings["signal"]), "visits")
    judged = {one["kind"]: one for one in metrics["judged"]}
    worth = "; ".join(
        _VERDICTS[one["verdict"]].format("weekdays" if kind == "weekday" else kind)
        for kind, one in judged.items()
    )
    own = {"a weekday": metrics["own_weekday"], "hours": metrics["own_hours"]}
    owners = " and ".join(f"{count:,} have {what}" for what, count in own.items())
    return {
        "predicts": f"On which weekday and in which {entry.settings['block_hours']} hours each person {does}.",
        "sentence": (f"{worth[0].upper()}{worth[1:]}." if worth else metrics["reason"])
        + (
            f" Of {metrics['people']:,} people {owners} of their own."
            if any(own.values())
            else f" So nobody of {metrics['people']:,} people has a time of their own; everybody's commonest is taken."
        ),
        "learnt_from": [
            f"Acts of {metrics['people']:,} people up to {day(entry.as_of.isoformat(), zone)}, in their own time zone. A person's own acts "
            f"count against {metrics['weekday_strength']:,.1f} of everybody's by weekday"
            + (
                f", {metrics['hours_strength']:,.1f} by hours."
                if metrics["hours_strength"] is not None
                else "; hours are not known."
            ),
            f"Everybody's weekdays: {_shares(metrics['weekdays'])}.",
            *([f"Everybody's hours: {_shares(metrics['hours'])}."] if metrics["hours"] else []),
        ],
        "how_good": [
            f"{one['acts']:,} later acts of {one['people']:,} people, {kind}: loss {one['log_loss']:.4f} by own times, "
            f"{one['log_loss_everybody']:.4f} by everybody's ({loss_saved(one['gain'], '.4f')} an act), {one['log_loss_uniform']:.4f} if all "
            "times were alike."
            for kind, one in judged.items()
        ]
        or [metrics["reason"]],
        "calibration": [],
        "features": [],
        "caveats": [
            "It says when people act, not when a message would do most: only sending at times set by chance tells.",
            "Who has no surely better time of their own is given everybody's commonest one.",
        ],
    }


def _shares(shares: dict[str, float]) -> str:
    return ", ".join(f"{name} {share:.0%}" for name, share in shares.items())
