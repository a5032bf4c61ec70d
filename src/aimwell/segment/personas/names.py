"""A name in plain words for each group, no two alike, from what sets it apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from aimwell.segment.personas.model import Difference

__all__ = ["name_personas"]

_WORDS_MIN, _WORDS_MAX = 2, 4
_LIKE_ALL = "Like everybody else"


def name_personas(differences: Mapping[str, Sequence[Difference]]) -> Mapping[str, str]:
    """Group → its name: the first two differences that hold for most of the group, more where groups would be called the same.

    What holds for fewer than two thirds of the group names it only where nothing else does. Two words never come
    from one feature or trait.
    """
    words = {group: _words(found) for group, found in differences.items()}
    lengths = dict.fromkeys(words, _WORDS_MIN)
    names = {group: _joined(own[:_WORDS_MIN]) for group, own in words.items()}
    for _round in range(_WORDS_MIN, _WORDS_MAX):
        times = Counter(names.values())
        for group, own in words.items():
            if times[names[group]] > 1:
                lengths[group] += 1
                names[group] = _joined(own[: lengths[group]])
    return _numbered(names)


def _numbered(names: dict[str, str]) -> dict[str, str]:
    times, seen = Counter(names.values()), Counter[str]()
    for group, name in names.items():
        if times[name] > 1:
            seen[name] += 1
            names[group] = f"{name} ({seen[name]})"
    return names


def _words(found: Sequence[Difference]) -> list[str]:
    ordered = sorted(found, key=lambda one: one.holds < 2 / 3)  # stable: by effect within both
    taken: dict[str, str] = {}
    for one in ordered:
        taken.setdefault(one.what, one.words)
    return list(taken.values())


def _joined(words: Sequence[str]) -> str:
    text = ", ".join(words) or _LIKE_ALL
    return text[0].upper() + text[1:]
