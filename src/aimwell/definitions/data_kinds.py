"""The seven kinds of data about a person, to which of them a trait belongs, and how fast each kind grows old."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Literal, get_args

__all__ = ["CONTACT_HALF_LIVES", "DATA_KINDS", "HALF_LIVES", "DataKind", "usual_kind"]

DataKind = Literal[
    "demographic",
    "behavioural",
    "psychographic",
    "transactional",
    "feedback",
    "channel_preference",
    "external",
]
DATA_KINDS: tuple[DataKind, ...] = get_args(DataKind)
"""Who they are, what they do, what they like and value, what they buy, what they say of us, how they want to be
reached, and what others know of them."""

HALF_LIVES: Mapping[DataKind, timedelta] = {
    "demographic": timedelta(days=730),
    "behavioural": timedelta(days=30),
    "psychographic": timedelta(days=180),
    "transactional": timedelta(days=180),
    "feedback": timedelta(days=180),
    "channel_preference": timedelta(days=365),
    "external": timedelta(days=365),
}
"""After so long a fact of this kind counts half. Not measured: sensible beginnings, to be set in `profile_rules`."""

CONTACT_HALF_LIVES: Mapping[str, timedelta] = {
    "email": timedelta(days=730),
    "phone": timedelta(days=1095),
    "street": timedelta(days=1825),
    "postcode": timedelta(days=1825),
    "ip": timedelta(days=30),
}
"""The same for the fields of the vault that people change; the others (names, birth date) do not grow old."""

_WORDS: tuple[tuple[DataKind, str], ...] = (
    (
        "channel_preference",
        r"(preferred|favou?rite|best)_(channel|contact|time)|contact_\w+|channel",
    ),
    ("feedback", r"nps|csat|ces|satisf\w*|rating|review\w*|sentiment|complain\w*|feedback"),
    (
        "psychographic",
        r"interests?|hobb(y|ies)|values?|lifestyle|attitude|opinion|motivation|personality|likes?|persona|taste",
    ),
    (
        "transactional",
        r"spend|spent|revenue|orders?|purchases?|payment|balance|points|tier|loyalty|plan|subscription|"
        r"price|discount|credit",
    ),
    (
        "behavioural",
        r"cluster|visits?|sessions?|clicks?|views?|usage|login|logins|device|browser|app|referrer|utm|followers?",
    ),
    ("external", r"climate|weather|urban\w*|rural|region_\w+|enriched|census|market|competitor\w*"),
)
_PATTERNS = tuple((kind, re.compile(rf"(?:^|_)(?:{words})(?:$|_)")) for kind, words in _WORDS)


def usual_kind(trait: str) -> DataKind:
    """The kind that a trait's name speaks for; demographic where it speaks for none.

    A source or the `profile_rules` may say otherwise.
    """
    name = re.sub(r"[^a-z0-9]+", "_", trait.lower())
    for kind, pattern in _PATTERNS:
        if pattern.search(name):
            return kind
    return "demographic"
