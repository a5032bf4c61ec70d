"""Segments as they are written down now, each with all that it depends on."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from aimwell.definitions import service as definitions
from aimwell.definitions.catalogue import check
from aimwell.definitions.kinds.privacy_rules import PrivacyRules
from aimwell.definitions.kinds.segment import Segment
from aimwell.errors import AimwellError, UnknownDefinitionError
from aimwell.privacy.special import privacy_rules
from aimwell.segment.membership.computing import reason_of
from aimwell.segment.rules.closure import Closure, closure, ways
from aimwell.store.stores import Stores

__all__ = ["Defined", "defined"]


@dataclass(frozen=True)
class Defined:
    """Segments by name: those that can be computed, why others cannot, and the revision of each that can be read."""

    closures: Mapping[str, Closure]
    broken: Mapping[str, str]
    revisions: Mapping[str, int]

    @property
    def names(self) -> list[str]:
        """All of them."""
        return sorted({*self.closures, *self.broken})


_KEPT_MAX = 4
_kept: dict[str, Defined] = {}


def defined(stores: Stores, segments: Collection[str] | None = None) -> Defined:
    """The definitions of segments (default: of all). Raises UnknownDefinitionError where a name has none."""
    written = definitions.documents(stores.control, "segment")
    by, privacy = ways(stores), privacy_rules(stores.control)
    if segments is not None:
        return _read(stores, written, segments, by, privacy)
    # Whoever follows what happens asks each few seconds, and the same documents mean the same.
    text = json.dumps([written, by, privacy.document()], sort_keys=True)
    found = _kept.get(text)
    if found is None:
        found = _read(stores, written, sorted(written), by, privacy)
        while len(_kept) >= _KEPT_MAX:
            _kept.pop(next(iter(_kept)), None)
        _kept[text] = found
    return found


def _read(
    stores: Stores,
    written: Mapping[str, tuple[Any, int]],
    segments: Collection[str],
    by: str,
    privacy: PrivacyRules,
) -> Defined:
    read: dict[str, Segment] = {}

    def find(name: str) -> Segment:
        if name not in written:  # raises, and names the nearest
            return definitions.find(stores.control, Segment, name)
        if name not in read:
            definition = check(written[name][0])
            assert isinstance(definition, Segment)  # noqa: S101 - the catalogue maps the kind to this class
            read[name] = definition
        return read[name]

    broken: dict[str, str] = {}
    for name in segments:
        try:
            find(name)
        except UnknownDefinitionError:
            raise
        except AimwellError as error:
            broken[name] = reason_of(error)
    revisions = {name: written[name][1] for name in segments if name not in broken}
    closures: dict[str, Closure] = {}
    for name in sorted(set(segments) - broken.keys()):
        try:
            closures[name] = closure(read[name], find, ways=by, privacy=privacy)
        except AimwellError as error:
            broken[name] = reason_of(error)
    return Defined(closures, broken, revisions)
