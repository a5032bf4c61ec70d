"""Models whose definition says `publish: true`: what they say of people is kept up to date, for newcomers too."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from aimwell.definitions import service as definitions
from aimwell.definitions.kinds.model import Model
from aimwell.errors import AimwellError
from aimwell.jobs.alerts import Alerts
from aimwell.segment.models.files import has_model
from aimwell.segment.models.modelling import apply_kept, build_model, publish_built
from aimwell.store.stores import Stores

__all__ = ["Said", "say_anew"]

_ALERT = "model:"


@dataclass(frozen=True)
class Said:
    """What one model wrote: of how many people something new, or why it could not."""

    model: str
    people: int
    failure: str | None = None


def say_anew(stores: Stores, *, clock: Callable[[], datetime]) -> tuple[Said, ...]:
    """Let the newest kept version of each such model say it of everybody; one that was never learnt is learnt.

    A model that fails keeps what it said, is told by an alert, and keeps no other from its turn.

    Raises:
        AimwellError: What another time will mend, as a database that cannot be reached.
    """
    names = [name for _kind, name in definitions.names(stores.control, "model")]
    told = (_said(stores, name, clock()) for name in names)
    spoken = tuple(one for one in told if one is not None)
    failing = {f"{_ALERT}{one.model}" for one in spoken if one.failure}
    alerts = Alerts(stores.control)
    for alert in alerts.all():
        if alert.key.startswith(_ALERT) and alert.key not in failing:
            alerts.resolve(alert.key)
    return spoken


def _said(stores: Stores, name: str, now: datetime) -> Said | None:
    """What a model wrote; None where its definition does not want that."""
    try:
        wanted = definitions.find(stores.control, Model, name)
        if not wanted.publish:
            return None
        if wanted.type == "advocacy" or has_model(stores, name, kind=wanted.type):
            built = apply_kept(stores, wanted, as_of=now)
        else:
            built = build_model(stores, wanted, as_of=now, now=now)
        people = publish_built(stores, built, as_of=now, now=now, changes_only=True)
    except AimwellError as error:
        if error.retryable:
            raise
        reason = str(error).splitlines()[0]
        told = f"The model '{name}' says nothing new of people: {reason}"
        Alerts(stores.control).alert(f"{_ALERT}{name}", told)
        return Said(name, 0, reason)
    return Said(name, people)
