"""What groups speak of and how it sounds: each against all others, groups of a few left out."""

from __future__ import annotations

import json

import numpy as np
import pytest

from aimwell.measure.feedback.spoken import spoken
from aimwell.measure.feedback.topics import learn_topics, sounds_satisfied
from aimwell.stats.intervals import newcombe, welch
from reviews import texts_made

NAMES = [("size", "waist"), ("cloth", "soft")]


def test_each_group_is_held_against_all_others() -> None:
    groups = ["loyal"] * 60 + ["others"] * 100 + ["few"] * 5
    belongs = np.array([0] * 45 + [1] * 15 + [0] * 30 + [1] * 60 + [-1] * 10 + [1] * 5)
    sound = np.concatenate([np.linspace(0.6, 0.9, 60), np.linspace(0.3, 0.7, 105)])
    found = spoken(groups, belongs, NAMES, sound, by="segments")
    rows = {(one.topic, one.group): one for one in found.topics}
    loyal = rows[NAMES[0], "loyal"]
    assert (loyal.writers, loyal.share.estimate) == (60, 0.75)
    assert loyal.against_others == newcombe(
        treated_successes=45, treated_n=60, control_successes=30, control_n=95
    )
    assert loyal.q_value is not None
    assert loyal.q_value < 0.001
    assert {one.group for one in found.topics} == {"loyal", "others"}
    assert any("1 groups with under 10" in note for note in found.notes)
    sounds = {one.group: one for one in found.sounds}
    assert sounds["loyal"].satisfied.estimate == pytest.approx(0.75)
    assert sounds["loyal"].against_others == welch(sound[:60], sound[60:])
    assert sounds["loyal"].q_value is not None
    json.dumps(found.to_dict(), allow_nan=False)


def test_where_nothing_is_learnt_of_marks_topics_stand_alone() -> None:
    found = spoken(["a"] * 20 + ["b"] * 20, np.zeros(40, np.int64), NAMES[:1], "no marks", by="x")
    assert found.sounds == ()
    assert any("no marks" in note for note in found.notes)
    assert len(found.topics) == 2


def test_other_texts_are_told_by_what_was_learnt() -> None:
    texts, marks, _ = texts_made()
    learnt = learn_topics(texts[::2], topics=2)
    told = learnt.of(texts[1::2])
    speaks = np.array(["size" in one or "small" in one or "waist" in one for one in texts[1::2]])
    agree = (told == told[np.flatnonzero(speaks)[0]]) == speaks
    assert agree.mean() > 0.9
    assert learnt.of([]).tolist() == []
    assert learnt.of(["zzz qqq"]).tolist() == [-1]
    sound = sounds_satisfied(learnt.weights, marks[::2])
    assert not isinstance(sound, str)
    assert sound[marks[::2] > 0.5].mean() > sound[marks[::2] < 0.5].mean() + 0.3
    assert "40 are needed" in str(sounds_satisfied(learnt.weights, np.ones(300)))
    half = np.where(np.arange(300) < 280, marks[::2], np.nan)
    unmarked = sounds_satisfied(learnt.weights, half)
    assert not isinstance(unmarked, str)
    assert ((unmarked > 0) & (unmarked < 1)).all()
