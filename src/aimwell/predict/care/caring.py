"""Predictions that are defined: trained, looked after, trained anew when it is time, and promoted only where that is better.

One round for one definition:

1. Without a version it is trained, and that version is used.
2. It is looked after (`monitor`). It is trained anew when its period is over, or when it looks at other people than it knew or has
   become worse.
3. The new version is a challenger: it is held against the one in use on people later than both have learnt from, and used from
   then on if it is better by more than chance. With `promote: sign-off` a person decides; an alert asks. A forecast of demand holds
   from its own day on, so the newest is used.
4. With `score: true` the version in use scores everybody.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from aimwell.definitions import service as definitions
from aimwell.definitions.kinds.prediction import PERIODS, Prediction
from aimwell.errors import AimwellError, PredictError
from aimwell.jobs.alerts import Alerts
from aimwell.predict.care.model import Comparison, Monitored
from aimwell.predict.care.service import compare, monitor, score, train_version
from aimwell.predict.own_functions import changed_functions
from aimwell.predict.registry import (
    RegisteredModel,
    find_model,
    list_models,
    promote,
    promotions,
)
from aimwell.predict.training import Progress
from aimwell.store.stores import Stores

__all__ = ["BY", "Cared", "Outcome", "care_for", "care_for_all", "train_defined"]

BY = "aimwell"
"""Who promotes where nobody asked to."""

Outcome = Literal["trained", "kept", "promoted", "waits for sign-off", "not better", "failed"]

_AGAIN = timedelta(days=7)
"""So soon after a newer version was not better, another is not tried."""

_ALERT, _WAITS = "prediction:", "prediction-waits:"


@dataclass(frozen=True)
class Cared:
    """What one round did for one definition.

    Args:
        prediction: Its name.
        outcome: In short.
        told: Why, in words.
        model: The version in use afterwards; None where there is none.
        monitored, comparison: What was found, where it was looked at.
        scored: How many people have a probability of now; None where that is not asked for.
    """

    prediction: str
    outcome: Outcome
    told: str
    model: str | None = None
    monitored: Monitored | None = None
    comparison: Comparison | None = None
    scored: int | None = None


def train_defined(
    stores: Stores,
    wanted: Prediction,
    *,
    as_of: datetime,
    now: datetime,
    by: str = BY,
    progress: Progress | None = None,
) -> RegisteredModel:
    """Train the next version of a definition's model; the first one is used at once. Errors as in the training of its kind."""
    entry = train_version(stores, wanted, as_of=as_of, now=now, progress=progress)
    if not promotions(stores, wanted.name):
        promote(stores, entry, by=by, reason="the first version", now=now)
    return entry


def care_for_all(stores: Stores, *, clock: Callable[[], datetime]) -> tuple[Cared, ...]:
    """One round for every prediction that is defined. One that fails is told by an alert and keeps no other from its turn.

    Raises:
        AimwellError: What another time will mend, as a database that cannot be reached.
    """
    names = [name for _kind, name in definitions.names(stores.control, "prediction")]
    alerts, done = Alerts(stores.control), []
    for name in names:
        try:
            wanted = definitions.find(stores.control, Prediction, name)
            found = care_for(stores, wanted, now=clock())
        except AimwellError as error:
            if error.retryable:
                raise
            found = Cared(name, "failed", str(error).splitlines()[0])
        _tell(alerts, found)
        done.append(found)
    for alert in alerts.all():
        gone = alert.key.startswith((_ALERT, _WAITS)) and alert.key.partition(":")[2] not in names
        if gone and alert.resolved_at is None:
            alerts.resolve(alert.key)
    return tuple(done)


def care_for(stores: Stores, wanted: Prediction, *, now: datetime) -> Cared:
    """One round for one definition.

    Raises:
        TooLittleDataError, PredictError, ModelFileError: It cannot be trained, or the version in use cannot be read.
    """
    versions = [one for one in list_models(stores) if one.name == wanted.name]
    if not versions:
        first = train_defined(stores, wanted, as_of=now, now=now)
        return _scored(
            stores, wanted, Cared(wanted.name, "trained", "The first version.", first.label), now
        )
    champion = find_model(stores, wanted.name)
    changed = changed_functions(stores, champion.settings.get("own", {}))
    if changed:
        return _after_a_change(stores, wanted, champion, changed, now)
    monitored = monitor(stores, champion, as_of=now)
    why = _why_anew(wanted, versions[0], champion, monitored, now)
    if why is None:
        kept = Cared(wanted.name, "kept", monitored.findings[0], champion.label, monitored)
        return _scored(stores, wanted, kept, now)
    challenger = train_defined(stores, wanted, as_of=now, now=now)
    if challenger.version <= max(versions[0].version, champion.version):
        kept = Cared(
            wanted.name, "kept", f"{why} It is the very same model.", champion.label, monitored
        )
        return _scored(stores, wanted, kept, now)
    return _scored(
        stores,
        wanted,
        _held_against(stores, wanted, champion, challenger, monitored, why, now),
        now,
    )


def _after_a_change(
    stores: Stores,
    wanted: Prediction,
    champion: RegisteredModel,
    changed: tuple[str, ...],
    now: datetime,
) -> Cared:
    """A version of the functions as they are now: the one in use can neither score nor be compared any more."""
    why = f"The function of {', '.join(changed)} has changed, so {champion.label} cannot be used any more."
    newest = train_defined(stores, wanted, as_of=now, now=now)
    if wanted.promote == "sign-off":
        told = f'{why} To use {newest.label}: aimwell predict promote {newest.label} --why "function changed"'
        return Cared(wanted.name, "waits for sign-off", told, champion.label)
    promote(stores, newest, by=BY, reason=why, now=now)
    return _scored(
        stores,
        wanted,
        Cared(wanted.name, "promoted", f"{why} {newest.label} is used.", newest.label),
        now,
    )


def _why_anew(
    wanted: Prediction,
    newest: RegisteredModel,
    champion: RegisteredModel,
    monitored: Monitored,
    now: datetime,
) -> str | None:
    """Why it is time for a new version; None: it is not."""
    period = PERIODS[wanted.turn]
    if period is not None and newest.trained_at + period <= now:
        return f"Its {wanted.turn} turn."
    if monitored.verdict != "train it anew" or wanted.turn == "never":
        return None
    # What was trained since has been held against it; nearly the same data would only give nearly the same.
    if (
        newest.version > champion.version
        and newest.as_of + (period or PERIODS["weekly"] or now - now) > now
    ):
        return None
    return monitored.findings[0]


def _held_against(
    stores: Stores,
    wanted: Prediction,
    champion: RegisteredModel,
    challenger: RegisteredModel,
    monitored: Monitored,
    why: str,
    now: datetime,
) -> Cared:
    if wanted.asks == "demand":
        # It holds from its own day on, so there is nothing that both could be held against.
        reason = f"{why} A forecast holds from its own day on: {challenger.label} is used."
        promote(stores, challenger, by=BY, reason=reason, now=now)
        return Cared(wanted.name, "promoted", reason, challenger.label, monitored)
    try:
        found = compare(stores, challenger, champion, as_of=now)
    except PredictError as error:
        told = f"{why} {challenger.label} cannot be compared yet: {error}"
        return Cared(wanted.name, "not better", told, champion.label, monitored)
    if found.better != challenger.label:
        told = f"{why} {found.sentence} {champion.label} stays in use."
        return Cared(wanted.name, "not better", told, champion.label, monitored, found)
    if wanted.promote == "sign-off":
        told = f'{why} {found.sentence} To use it: aimwell predict promote {challenger.label} --why "better"'
        return Cared(wanted.name, "waits for sign-off", told, champion.label, monitored, found)
    promote(stores, challenger, by=BY, reason=found.sentence, now=now)
    told = f"{why} {found.sentence}"
    return Cared(wanted.name, "promoted", told, challenger.label, monitored, found)


def _scored(stores: Stores, wanted: Prediction, found: Cared, now: datetime) -> Cared:
    if not wanted.score or found.model is None:
        return found
    return replace(found, scored=score(stores, found.model, as_of=now, now=now))


def _tell(alerts: Alerts, found: Cared) -> None:
    """An alert where something is to be seen to; none any more where it is not."""
    failing, waiting = f"{_ALERT}{found.prediction}", f"{_WAITS}{found.prediction}"
    if found.outcome == "failed":
        alerts.alert(failing, f"The prediction '{found.prediction}' fails: {found.told}")
        return
    verdict = found.monitored.verdict if found.monitored is not None else "fine"
    if found.outcome == "not better" or (found.outcome == "kept" and verdict == "train it anew"):
        alerts.alert(failing, f"The prediction '{found.prediction}' needs a look: {found.told}")
    else:
        alerts.resolve(failing)
    if found.outcome == "waits for sign-off":
        alerts.alert(
            waiting,
            f"A better version of '{found.prediction}' waits: {found.told}",
            severity="info",
        )
    elif found.outcome == "promoted":
        alerts.resolve(waiting)
