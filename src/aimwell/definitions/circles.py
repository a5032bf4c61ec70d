"""Documents that refer to each other in a circle, which no computation could ever end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from aimwell.definitions.base import Definition
from aimwell.errors import Fault

__all__ = ["circle_faults", "find_circle"]

Key = tuple[str, str]


def find_circle(references: Mapping[Key, Iterable[Key]], start: Key) -> list[Key] | None:
    """A way from `start` back to itself, both ends included; None where there is none."""
    came_from: dict[Key, Key] = {}
    waiting = [start]
    while waiting:
        here = waiting.pop()
        for there in references.get(here, ()):
            if there == start:
                way = [start, here]
                while way[-1] != start:
                    way.append(came_from[way[-1]])
                return way[::-1]
            if there not in came_from:
                came_from[there] = here
                waiting.append(there)
    return None


def circle_faults(changed: Iterable[Definition], stored: Iterable[Definition]) -> list[Fault]:
    """A fault for each of the `changed` documents that would stand in a circle.

    Args:
        changed: Documents that are to be taken.
        stored: Documents as they stand; those that are changed may be among them.
    """
    new = list(changed)
    by_key = {(one.kind, one.name): one for one in [*stored, *new]}
    references = {
        key: [(kind, name) for _path, kind, name in one.references()] for key, one in by_key.items()
    }
    faults = []
    for one in new:
        circle = find_circle(references, (one.kind, one.name))
        if circle is not None:
            way = " → ".join(name for _kind, name in circle)
            problem = f"it refers to itself in a circle: {way}"
            faults.append(Fault(f"{one.kind} {one.name}", problem))
    return faults
