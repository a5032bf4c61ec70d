"""Several past experiments with the same actions as one: each person by the probabilities of their own, time kept apart, the old discounted.

Effects are compared within each experiment: a column for each earlier one takes up what its time changed for everybody (a season,
a price), and people of today are foretold as those of the newest. Each row keeps the probabilities with which its own experiment drew.
Whoever stands in several counts as one when it comes to how sure a figure is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np
import pyarrow as pa

from aimwell.decide.uplift.assigned import CONTROL
from aimwell.decide.uplift.data import ExperimentData
from aimwell.decide.uplift.reading import ReadExperiment
from aimwell.errors import DecideError

__all__ = ["Part", "Pooled", "of_actions", "pooled"]

_WINDOWS_DIFFER = 0.1


@dataclass(frozen=True)
class Part:
    """One of the experiments.

    Args:
        name: Of the plan or the imported experiment.
        read: The experiment.
    """

    name: str
    read: ReadExperiment


@dataclass(frozen=True, eq=False)
class Pooled:
    """The experiments together.

    Args:
        read: As one; its features have a column for each earlier experiment after those of the coding.
        parts: Name → people, the newest first.
    """

    read: ReadExperiment
    parts: dict[str, int]


def of_actions(read: ReadExperiment, keys: Sequence[str]) -> ReadExperiment:
    """Only the people who got nothing or an action of the campaign; arms are called as the actions then.

    An arm is the action of its name, or of its name as an action can have it: of 'Mens E-Mail' it is 'mens-e-mail'.

    Raises:
        DecideError: None of the arms is an action.
    """
    read = _named(read)
    arms = read.data.arms
    known = [arm for arm in arms[1:] if arm in keys]
    if not known:
        raise DecideError(
            f"The experiment '{read.name}' has the arms {', '.join(arms)}, and none of them is an action of the campaign "
            f"({', '.join(keys)}). Call the actions as the arms (actions[…].name)."
        )
    return _only(read, (CONTROL, *known))


def _named(read: ReadExperiment) -> ReadExperiment:
    """The arms by names that actions can have; as they were where two would be called alike."""
    arms = read.data.arms
    names = tuple(
        arm if arm == CONTROL else re.sub("[^a-z0-9_]+", "-", arm.lower()).strip("-_")
        for arm in arms
    )
    if not all(names) or len(set(names)) < len(names):
        return read
    return replace(read, data=replace(read.data, arms=names))


def _only(read: ReadExperiment, wanted: Sequence[str]) -> ReadExperiment:
    arms = read.data.arms
    if tuple(wanted) == arms:
        return read
    inside = pa.array(np.isin(read.data.arm, [arms.index(arm) for arm in wanted]))
    return replace(
        read,
        data=read.data.only(wanted),
        profiles=read.profiles.filter(inside),
        known_at=None if read.known_at is None else read.known_at.filter(inside),
    )


def pooled(parts: Sequence[Part], *, half_life: timedelta | None = None) -> Pooled:
    """One experiment of several that were coded alike.

    Args:
        parts: Each with only the campaign's actions; their features mean the same.
        half_life: An experiment so much older than the newest counts half; None: all count alike.

    The arms are those of the largest. Who got others is left out, and so is an experiment without one of them, or whose outcomes
    were counted over another window; the cautions say so.
    """
    ordered = sorted(parts, key=lambda part: part.read.as_of, reverse=True)
    largest = max(ordered, key=lambda part: len(part.read.data))
    kept, words = _alike(ordered, largest)
    if len(kept) == 1:
        only = kept[0]
        data = replace(only.read.data, cautions=(*only.read.data.cautions, *words))
        return Pooled(replace(only.read, data=data), {only.name: len(data)})
    newest = kept[0].read
    days = [(newest.as_of - part.read.as_of) / timedelta(days=1) for part in kept]
    overlapping = newest.window_days is not None and bool(
        np.any(np.diff(days) < newest.window_days)
    )
    if overlapping:
        words.append(
            "Some of the plans learnt from went out within the window of the one before, so their outcomes hold some of both."
        )
    data = _stacked([part.read.data for part in kept], [part.name for part in kept])
    profiles = pa.concat_arrays([part.read.profiles for part in kept])
    known_at = pa.concat_arrays([_known_at(part.read) for part in kept])
    if half_life is not None:
        shares = 0.5 ** (np.array(days) / (half_life / timedelta(days=1)))
        sizes = [len(part.read.data) for part in kept]
        data = replace(data, weight=np.repeat(shares, sizes))
    codes = profiles.dictionary_encode()
    if len(codes.dictionary) < len(profiles):
        cluster = np.asarray(codes.indices.to_numpy(zero_copy_only=False), dtype=np.int64)
        data = replace(data, cluster=cluster)
    data = replace(data, cautions=tuple(dict.fromkeys((*data.cautions, *words))))
    read = replace(newest, data=data, profiles=profiles, known_at=known_at)
    return Pooled(read, {part.name: len(part.read.data) for part in kept})


def _alike(ordered: Sequence[Part], largest: Part) -> tuple[list[Part], list[str]]:
    """Those that can be learnt from together, with the same arms, and what must be said of the others."""
    arms = largest.read.data.arms
    kept, words = [], []
    for part in ordered:
        if set(arms) - set(part.read.data.arms):
            words.append(f"'{part.name}' did not draw {_listed(arms, part)} and was left out.")
        elif _other_window(part.read.window_days, largest.read.window_days):
            words.append(
                f"'{part.name}' counted outcomes over {part.read.window_days} days, not {largest.read.window_days}, and was left out."
            )
        else:
            kept.append(replace(part, read=_only(part.read, arms)))
    return kept, words


def _known_at(read: ReadExperiment) -> pa.Array:
    """Of each row the moment before which its features are known."""
    own = pa.scalar(read.as_of, pa.timestamp("us", tz="UTC"))
    if read.known_at is None:
        return pa.repeat(own, len(read.profiles))
    return read.known_at.fill_null(own)


def _listed(arms: Sequence[str], part: Part) -> str:
    return ", ".join(f"'{arm}'" for arm in arms if arm not in part.read.data.arms)


def _other_window(days: float | None, usual: float | None) -> bool:
    if days is None or usual is None:
        return days is not usual
    return abs(days - usual) > _WINDOWS_DIFFER * usual


def _stacked(found: Sequence[ExperimentData], names: Sequence[str]) -> ExperimentData:
    sizes = [len(data) for data in found]
    which = np.repeat(np.arange(len(found)), sizes)
    marks = (which[:, None] == np.arange(1, len(found))[None, :]).astype(np.float64)
    outcomes = [name for name in found[0].outcomes if all(name in data.outcomes for data in found)]
    return ExperimentData(
        names=(*found[0].names, *(f"learnt from {name}" for name in names[1:])),
        features=np.column_stack([np.concatenate([data.features for data in found]), marks]),
        arms=found[0].arms,
        arm=np.concatenate([data.arm for data in found]),
        propensity=np.concatenate([data.propensity for data in found]),
        outcomes={
            name: np.concatenate([data.outcomes[name] for data in found]) for name in outcomes
        },
        randomised=all(data.randomised for data in found),
        members={
            name: np.concatenate([data.members[name] for data in found])
            for name in found[0].members
        },
        cautions=tuple(dict.fromkeys(word for data in found for word in data.cautions)),
    )
