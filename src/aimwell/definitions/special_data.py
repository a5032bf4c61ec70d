"""Special categories of data and protected attributes: which names tell of them, and where a rule asks for them.

A special category (religion, health …; Article 9 of the GDPR) may be used only with a person's explicit consent for
the purpose. A protected attribute (gender, age …) may be used, but a segment that stands in for one should be noticed.
What is declared counts; where nothing is declared, the name speaks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, get_args

from aimwell.definitions.base import Part
from aimwell.definitions.conditions import Condition
from aimwell.definitions.leaves.base import Leaf
from aimwell.definitions.leaves.event import EventRule
from aimwell.definitions.leaves.event_fields import property_keys
from aimwell.definitions.leaves.freshness import FreshnessRule
from aimwell.definitions.leaves.percentile import PercentileRule
from aimwell.definitions.leaves.survey import SurveyRule
from aimwell.definitions.leaves.trait import TraitRule

__all__ = [
    "SPECIAL_CATEGORIES",
    "Asks",
    "SpecialCategory",
    "asks",
    "protected_by_name",
    "special_by_name",
]

SpecialCategory = Literal[
    "religion",
    "health",
    "ethnicity",
    "orientation",
    "politics",
    "union",
    "genetics",
    "biometrics",
]
SPECIAL_CATEGORIES: tuple[SpecialCategory, ...] = get_args(SpecialCategory)

_SPECIAL: tuple[tuple[SpecialCategory, str], ...] = (
    (
        "religion",
        r"religion|religious\w*|religiosity|faith|church|mosque|synagogue|denomination|creed|beliefs?",
    ),
    (
        "health",
        r"health|illness(?:es)?|diseases?|diagnos[ie]s|disab\w+|handicap\w*|medical|medications?|pregnan\w+|"
        r"allerg\w+|diabet\w+|cancer|hiv|bmi|blood_type|mental_state",
    ),
    ("ethnicity", r"ethnic\w*|race|racial|skin_colou?r|tribe|caste"),
    (
        "orientation",
        r"sexual\w*|sexuality|sex_life|lgbt\w*|gay|lesbian|bisexual|sexual_orientation|orientation",
    ),
    (
        "politics",
        r"politic\w*|political_party|party_affiliation|party_member\w*|voters?|voted|voting|votes_for",
    ),
    ("union", r"trade_unions?|labou?r_unions?|union_member\w*"),
    ("genetics", r"genetic\w*|dna|genome"),
    ("biometrics", r"biometric\w*|fingerprints?|face_print"),
)
_SPECIAL_PATTERNS = tuple(
    (category, re.compile(rf"(?:^|_)(?:{words})(?:_|$)")) for category, words in _SPECIAL
)
_PROTECTED = re.compile(
    r"(?:^|_)(?:gender|sex|age|age_\w+|birth\w*|year_of_birth|nationality|citizenship|marital\w*|"
    r"family_status|mother_tongue)(?:_|$)"
)


def _plain(name: str) -> str:
    """As 'sexual_orientation', however it was written: 'Sexual Orientation', 'sexualOrientation'."""
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    return re.sub(r"[^a-z0-9]+", "_", parted.lower()).strip("_")


def special_by_name(name: str) -> SpecialCategory | None:
    """The special category that a name tells of; None where it tells of none."""
    plain = _plain(name)
    return next((found for found, words in _SPECIAL_PATTERNS if words.search(plain)), None)


def protected_by_name(name: str) -> bool:
    """Whether a trait is a protected attribute by its name, as gender or age; special categories are, too."""
    return _PROTECTED.search(_plain(name)) is not None or special_by_name(name) is not None


@dataclass(frozen=True)
class Asks:
    """Something that a leaf asks for by name: a trait, a question of a survey, a property of an event.

    `field` is where in the leaf it stands.
    """

    kind: Literal["trait", "question", "property"]
    name: str
    field: str
    survey: str | None = None


def asks(leaf: Leaf) -> Iterator[Asks]:
    """What a leaf asks for by name."""
    if isinstance(leaf, TraitRule):
        yield Asks("trait", leaf.trait, "trait")
    elif isinstance(leaf, SurveyRule):
        yield Asks("question", leaf.question, "question", survey=leaf.survey)
    elif isinstance(leaf, PercentileRule) and leaf.by is not None:
        yield Asks("trait", leaf.by, "by")
    elif isinstance(leaf, FreshnessRule) and leaf.freshness.trait is not None:
        yield Asks("trait", leaf.freshness.trait, "freshness.trait")
    for field, names in _wheres(leaf):
        for name in names:
            keys = property_keys(name)
            if keys is not None:
                yield Asks("property", keys[-1], f"{field}.{name}")


def _wheres(leaf: Leaf) -> Iterator[tuple[str, dict[str, Condition]]]:
    """Every `where` in a leaf, wherever it stands, with its path."""
    if isinstance(leaf, EventRule):
        yield from [("where", leaf.where)] if leaf.where else []
        return
    waiting: list[tuple[str, object]] = [("", leaf)]
    while waiting:
        path, part = waiting.pop()
        if isinstance(part, tuple):
            waiting += [(f"{path}[{number}]", one) for number, one in enumerate(part)]
        elif isinstance(part, Part):
            found = getattr(part, "where", None)
            if isinstance(found, dict):
                yield (f"{path}.where" if path else "where"), found
            waiting += [
                (f"{path}.{name}" if path else name, value)
                for name, value in part
                if name != "where"
            ]
