"""What groups of people speak of, and how satisfied their words sound: each group against all others. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aimwell.decide.uplift.averages import mean_of
from aimwell.measure.model import plain_fields
from aimwell.stats.estimate import Estimate
from aimwell.stats.intervals import newcombe, welch, wilson
from aimwell.stats.multiplicity import benjamini_hochberg
from aimwell.stats.samples import FloatArray

__all__ = ["FEWEST_OF_GROUP", "GroupSound", "GroupTopic", "Spoken", "spoken"]

FEWEST_OF_GROUP = 10
"""Groups of fewer writers are left out: their words could tell of single people."""

_SOUND = "mean probability of a good mark by the text's words, Student's interval"


@dataclass(frozen=True, kw_only=True)
class GroupTopic:
    """A topic in a group.

    Attributes:
        topic: Its weightiest words. group: Of people. writers: Of the group who speak of any topic.
        share: Of them, those who speak mostly of this one.
        against_others: Difference from all other writers, in probability points.
        q_value: Of that difference, after Benjamini and Hochberg over all topics and groups.
    """

    topic: tuple[str, ...]
    group: str
    writers: int
    share: Estimate
    against_others: Estimate
    q_value: float | None = None


@dataclass(frozen=True, kw_only=True)
class GroupSound:
    """How satisfied a group's words sound.

    Attributes:
        group: Of people. writers: How many.
        satisfied: Mean probability of a good mark, by words; learnt from others' texts.
        against_others: Difference from all other writers, in probability points.
        q_value: After Benjamini and Hochberg over the groups.
    """

    group: str
    writers: int
    satisfied: Estimate
    against_others: Estimate
    q_value: float | None = None


@dataclass(frozen=True, kw_only=True)
class Spoken:
    """What all groups speak of.

    Attributes:
        by: How people were divided.
        topics: One a topic and group, by topic.
        sounds: One a group; empty where nothing is learnt of what satisfied people write.
        notes: What a reader must know.
    """

    by: str
    topics: tuple[GroupTopic, ...]
    sounds: tuple[GroupSound, ...]
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return plain_fields(self)


def spoken(
    groups: Sequence[str],
    belongs: NDArray[np.int64],
    names: Sequence[tuple[str, ...]],
    sound: FloatArray | str,
    *,
    by: str,
    notes: Sequence[str] = (),
) -> Spoken:
    """Each group against all others.

    Args:
        groups: Of each text's writer; a text a person.
        belongs: The topic of each text; −1: none.
        names: Of the topics.
        sound: The probability of a good mark by each text's words; or why there is none.
        by: How people were divided.
        notes: To be told.
    """
    whose = np.asarray(groups, dtype=object)
    told, left_out = list(notes), 0
    kept = []
    for group in sorted(set(groups)):
        if int((whose == group).sum()) >= FEWEST_OF_GROUP:
            kept.append(group)
        else:
            left_out += 1
    if left_out:
        told.append(
            f"{left_out} groups with under {FEWEST_OF_GROUP} writers are left out, but count among the others."
        )
    rows = [
        _topic(whose == group, belongs, place, names[place], group)
        for place in range(len(names))
        for group in kept
    ]
    sounds = []
    if isinstance(sound, str):
        told.append(f"How satisfied words sound is not known: {sound}.")
    else:
        sounds = [_sound(whose == group, sound, group) for group in kept]
    q_topics = benjamini_hochberg([one.against_others.p_value for one in rows])
    q_sounds = benjamini_hochberg([one.against_others.p_value for one in sounds])
    return Spoken(
        by=by,
        topics=tuple(replace(one, q_value=q) for one, q in zip(rows, q_topics, strict=True)),
        sounds=tuple(replace(one, q_value=q) for one, q in zip(sounds, q_sounds, strict=True)),
        notes=tuple(told),
    )


def _topic(
    mine: NDArray[np.bool_],
    belongs: NDArray[np.int64],
    place: int,
    name: tuple[str, ...],
    group: str,
) -> GroupTopic:
    some, this = belongs >= 0, belongs == place
    writers, others = int((mine & some).sum()), int((~mine & some).sum())
    done, elsewhere = int((mine & this).sum()), int((~mine & this).sum())
    return GroupTopic(
        topic=name,
        group=group,
        writers=writers,
        share=wilson(done, writers),
        against_others=newcombe(
            treated_successes=done,
            treated_n=writers,
            control_successes=elsewhere,
            control_n=others,
        ),
    )


def _sound(mine: NDArray[np.bool_], sound: FloatArray, group: str) -> GroupSound:
    return GroupSound(
        group=group,
        writers=int(mine.sum()),
        satisfied=mean_of(sound[mine], method=_SOUND),
        against_others=welch(sound[mine], sound[~mine]),
    )
