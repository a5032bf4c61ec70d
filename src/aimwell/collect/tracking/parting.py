"""Parts what a message holds: what is personal goes to the vault, the rest to the lake, and nothing is lost.

Whether a value is personal is told by its name and by itself. What describes a person (`traits`) is looked at by
name; in what describes a deed (`properties`) a `name` or a `text` is that of a product or a button. An e-mail address
is found wherever it stands, also within a page's address.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Literal

from aimwell.collect.personal import personal_kind

__all__ = ["BLANK", "Parted", "join_parts", "part"]

BLANK = "[removed]"
"""What stands in the lake where a text held a personal value."""

_ADDRESS = re.compile(r"[^\s@/?&=:;,<>\"']+(?:@|%40)[^\s@/?&=:;,<>\"']+[.][A-Za-z]{2,}")
_DEEDS_OWN = frozenset(
    {"name", "text", "message", "note", "notes", "comment", "comments", "address"}
)
"""Names that tell a person's data in `traits` and a thing's in `properties`."""

_NAME_MAX = 100
_IP_MAX = 45

Parted = tuple[dict[str, Any], dict[str, Any]]
"""(for the lake, for the vault): both with the structure of the whole."""


def part(
    whole: Mapping[str, Any],
    *,
    about: Literal["person", "deed"],
    not_personal: frozenset[str] = frozenset(),
) -> Parted:
    """Part an object.

    Args:
        whole: Any JSON object.
        about: What it describes.
        not_personal: Names that only look personal, as the source says.
    """
    lake: dict[str, Any] = {}
    vault: dict[str, Any] = {}
    for name, value in whole.items():
        if _named_personal(name, about, not_personal) and value not in (None, "", [], {}):
            vault[name] = value
            continue
        kept, hidden = _parted(value, about, not_personal, safe=name in not_personal)
        lake[name] = kept
        if hidden is not _NOTHING:
            vault[name] = hidden
    return lake, vault


_NOTHING: Any = object()


def _named_personal(name: str, about: str, not_personal: frozenset[str]) -> bool:
    return name not in not_personal and len(name) <= _NAME_MAX and _is_personal(name, about)


@lru_cache(maxsize=4096)  # the same few names come with every message
def _is_personal(name: str, about: str) -> bool:
    if about == "deed" and name.lower() in _DEEDS_OWN:
        return False
    return personal_kind(name) is not None


def _may_be_personal(text: str) -> bool:
    """Quick, and never wrongly no: an e-mail address has its sign, an IP address its dots or colons."""
    if "@" in text or "%40" in text:
        return True
    return len(text) <= _IP_MAX and (text.count(".") == 3 or text.count(":") >= 3)


def _parted(
    value: Any, about: Literal["person", "deed"], not_personal: frozenset[str], *, safe: bool
) -> tuple[Any, Any]:
    """(kept, hidden) of one value; hidden is _NOTHING where all of it may be kept."""
    if isinstance(value, Mapping):
        lake, vault = part(value, about=about, not_personal=not_personal)
        return lake, vault or _NOTHING
    if isinstance(value, list):
        parts = [_parted(one, about, not_personal, safe=safe) for one in value]
        if all(hidden is _NOTHING for _, hidden in parts):
            return [kept for kept, _ in parts], _NOTHING
        # Places count, so a list is kept whole in the vault.
        return [kept for kept, _ in parts], value
    if isinstance(value, str) and not safe and _may_be_personal(value):
        if personal_kind("", [value]) is not None:
            return BLANK, value
        blanked = _ADDRESS.sub(BLANK, value)
        if blanked != value:
            return blanked, value
    return value, _NOTHING


def join_parts(lake: Mapping[str, Any], vault: Mapping[str, Any]) -> dict[str, Any]:
    """The whole again: what the vault holds stands over what the lake does."""
    whole = dict(lake)
    for name, hidden in vault.items():
        kept = whole.get(name)
        both = isinstance(kept, Mapping) and isinstance(hidden, Mapping)
        whole[name] = join_parts(kept, hidden) if both else hidden  # type: ignore[arg-type]
    return whole
