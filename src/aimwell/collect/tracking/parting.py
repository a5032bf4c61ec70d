"""Parts what a message holds: what is personal goes to the vault, the rest to the lake, and nothing is lost.

Whether a value is personal is told by its name and by itself. What describes a person (`traits`) is looked at by
name; in what describes a deed (`properties`) a `name` or a `text` is that of a product or a button. An e-mail address
is found wherever it stands, also within a page's address.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

from aimwell.collect.personal_signs import is_email, is_ip, personal_kind

__all__ = ["BLANK", "About", "Parted", "join_parts", "part"]

BLANK = "[removed]"
"""What stands in the lake where a text held a personal value."""

_ADDRESS = re.compile(r"[^\s@/?&=:;,<>\"']+(?:@|%40)[^\s@/?&=:;,<>\"']+[.][A-Za-z]{2,}")
_DEEDS_OWN = frozenset(
    {"name", "text", "message", "note", "notes", "comment", "comments", "address"}
)
"""Names that tell a person's data in `traits` and a thing's in `properties`."""

_NAME_MAX = 100
_IP_MAX = 45

About = Literal["person", "deed", "surroundings", "owner"]

Parted = tuple[dict[str, Any], dict[str, Any]]
"""(for the lake, for the vault): both with the structure of the whole."""


def part(
    whole: Mapping[str, Any],
    *,
    about: About,
    not_personal: frozenset[str] = frozenset(),
) -> Parted:
    """Part an object.

    Args:
        whole: Any JSON object.
        about: What it describes. 'surroundings' is a message's context: its `traits` are a person's.
        not_personal: Names that only look personal, as the source says.
    """
    lake: dict[str, Any] = {}
    vault: dict[str, Any] = {}
    hidden_names = _HIDDEN[about]
    # One loop without calls for what nearly every value is: this is the hottest place of a flush.
    for name, value in whole.items():
        hides = hidden_names.get(name)
        if hides is None:
            hides = _learn(name, about)
        if hides and value not in _EMPTY and name not in not_personal:
            vault[name] = value
            continue
        kind = type(value)
        if kind is str:
            if "@" in value or "%40" in value:
                kept, hidden = _parted_text(value, safe=name in not_personal)
                lake[name] = kept
                if hidden is not _NOTHING:
                    vault[name] = hidden
            elif (
                ("." in value or ":" in value)
                and len(value) <= _IP_MAX
                and is_ip(value)
                and name not in not_personal
            ):
                lake[name], vault[name] = BLANK, value
            else:
                lake[name] = value
        elif kind is dict or kind is list:
            inner = _INNER.get(name, about) if about == "surroundings" else about
            kept, hidden = _parted(value, inner, not_personal, safe=name in not_personal)
            lake[name] = kept
            if hidden is not _NOTHING:
                vault[name] = hidden
        else:
            lake[name] = value
    return lake, vault


_NOTHING: Any = object()
_EMPTY: tuple[Any, ...] = (None, "", [], {})
_INNER: dict[str, About] = {"traits": "person", "device": "owner"}
"""What the objects within a context describe, where it is not the deed: a device is often called after its owner."""

_HIDDEN: dict[str, dict[str, bool]] = {"person": {}, "deed": {}, "surroundings": {}, "owner": {}}
"""Name → whether its values are personal: the same few names come with every message."""
_HIDDEN_MAX = 10_000


def _learn(name: str, about: About) -> bool:
    known = _HIDDEN[about]
    if len(known) >= _HIDDEN_MAX:  # names may be invented without end
        known.clear()
    known[name] = found = len(name) <= _NAME_MAX and _is_personal(name, about)
    return found


def _is_personal(name: str, about: About) -> bool:
    if about in ("deed", "surroundings") and name.lower() in _DEEDS_OWN:
        return False
    return personal_kind(name) is not None


def _parted_text(text: str, *, safe: bool) -> tuple[str, Any]:
    """(kept, hidden) of a text that may hold an e-mail address."""
    if safe:
        return text, _NOTHING
    if is_email(text):
        return BLANK, text
    blanked = _ADDRESS.sub(BLANK, text)
    return (blanked, text) if blanked != text else (text, _NOTHING)


def _parted(
    value: Any, about: About, not_personal: frozenset[str], *, safe: bool
) -> tuple[Any, Any]:
    """(kept, hidden) of one value; hidden is _NOTHING where all of it may be kept."""
    if type(value) is dict:
        lake, vault = part(value, about=about, not_personal=not_personal)
        return lake, vault or _NOTHING
    if type(value) is list:
        parts = [_parted(one, about, not_personal, safe=safe) for one in value]
        if all(hidden is _NOTHING for _, hidden in parts):
            return [kept for kept, _ in parts], _NOTHING
        # Places count, so a list is kept whole in the vault.
        return [kept for kept, _ in parts], value
    if isinstance(value, str):
        if "@" in value or "%40" in value:
            return _parted_text(value, safe=safe)
        if len(value) <= _IP_MAX and not safe and is_ip(value):
            return BLANK, value
    return value, _NOTHING


def join_parts(lake: Mapping[str, Any], vault: Mapping[str, Any]) -> dict[str, Any]:
    """The whole again: what the vault holds stands over what the lake does."""
    whole = dict(lake)
    for name, hidden in vault.items():
        kept = whole.get(name)
        both = isinstance(kept, Mapping) and isinstance(hidden, Mapping)
        whole[name] = join_parts(kept, hidden) if both else hidden  # type: ignore[arg-type]
    return whole
