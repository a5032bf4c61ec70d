"""What ready-made audiences there are, and a segment made of one of them for this shop."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.resources import files
from typing import Any

import yaml

from aimwell.definitions.catalogue import check
from aimwell.definitions.kinds.segment import Segment
from aimwell.definitions.parameters import Parameter, replaced
from aimwell.errors import DefinitionError, Fault, UnknownDefinitionError, nearest
from aimwell.history.moment import Moment
from aimwell.segment.audiences.figures import Learned, learn
from aimwell.store.sql import sql

__all__ = ["Audience", "adapted", "audience", "audiences", "missing"]


@dataclass(frozen=True)
class Audience:
    """A ready-made audience: `learns` says which parameter is set by which figure, `needs` which events it takes."""

    name: str
    about: str
    parameters: Mapping[str, Mapping[str, Any]]
    rule: str
    learns: Mapping[str, str] = field(default_factory=dict)
    needs: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "name": self.name,
            "about": self.about,
            "parameters": [
                {"name": name, **one, "learned": name in self.learns}
                for name, one in self.parameters.items()
            ],
            "rule": self.rule,
            "needs": list(self.needs),
        }


@lru_cache(maxsize=1)
def audiences() -> tuple[Audience, ...]:
    """All of them, in the order in which they are shown."""
    text = files("aimwell.segment.audiences").joinpath("catalogue.yaml").read_text("utf-8")
    return tuple(
        Audience(
            one["name"],
            one["about"],
            one.get("parameters", {}),
            one["rule"],
            one.get("learns", {}),
            tuple(one.get("needs", ())),
        )
        for one in yaml.safe_load(text)
    )


def audience(name: str) -> Audience:
    """One by its name. Raises UnknownDefinitionError that names the nearest."""
    known = {one.name: one for one in audiences()}
    if name not in known:
        raise UnknownDefinitionError(
            f"There is no ready-made audience '{name}'. {nearest(name, list(known))} `aimwell segment audiences` lists "
            "them."
        )
    return known[name]


def missing(moment: Moment, wanted: Audience) -> tuple[str, ...]:
    """Events that it needs and that were not collected before the moment."""
    return tuple(
        event
        for event in wanted.needs
        if not moment.session.rows(
            sql(
                "SELECT 1 AS one FROM :rows AS a WHERE event = :event LIMIT 1",
                rows=moment.activity_of(event),
                event=event,
            )
        )
    )


def adapted(
    moment: Moment, wanted: Audience, *, name: str | None = None, given: Mapping[str, Any]
) -> tuple[Segment, tuple[Learned, ...]]:
    """The segment for this shop, and the figures that were learned or could not be.

    Args:
        moment: What is learned from.
        wanted: The audience.
        name: Of the segment; default: that of the audience.
        given: Parameters that are to be otherwise; these are not learned.

    Raises:
        DefinitionError: There is no such parameter, or a value does not fit.
    """
    parameters = {parameter: dict(spec) for parameter, spec in wanted.parameters.items()}
    learned = []
    for parameter, figure in wanted.learns.items():
        if parameter in given:
            continue
        found = learn(moment, figure)
        learned.append(found)
        spec = parameters[parameter]
        if found.value is None:
            spec["description"] += f" Not learned: {found.words}."
        else:
            spec["default"] = found.value
            spec["description"] += f" Learned on {moment.as_of:%Y-%m-%d}: {found.words}."
    try:
        made = replaced({key: Parameter(**spec) for key, spec in parameters.items()}, given)
    except ValueError as error:
        raise DefinitionError(
            f"The parameters of the ready-made audience '{wanted.name}' are wrong.",
            [Fault("parameters", str(error))],
        ) from error
    plain = {key: one.model_dump(mode="json", exclude_unset=True) for key, one in made.items()}
    segment = check(
        {
            "kind": "segment",
            "name": name or wanted.name,
            "description": wanted.about,
            **({"parameters": plain} if plain else {}),
            "rule": wanted.rule,
        }
    )
    assert isinstance(segment, Segment)  # noqa: S101 - of its kind
    return segment, tuple(learned)
