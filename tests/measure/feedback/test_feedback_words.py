"""Topics, satisfaction, and what is never said."""

from __future__ import annotations

import json

import numpy as np
import pytest

from aimwell.errors import MeasureError
from aimwell.measure.feedback.reading_words import feedback_of
from aimwell.measure.feedback.words import names_in
from reviews import texts_made


def test_what_is_planted_is_found() -> None:
    texts, marks, at = texts_made()
    found = feedback_of(texts, marks, at, topics=4)
    assert found.satisfied.estimate == pytest.approx(marks.mean())
    assert found.judged.lower is not None
    assert found.judged.lower > 0.9
    assert {"perfect", "happy"} <= set(found.good_words)
    assert {"returned", "disappointed"} <= set(found.bad_words)
    assert sum(topic.texts for topic in found.topics) + found.without_topic == len(texts)
    assert found == feedback_of(texts, marks, at, topics=4), "the same each time"


def test_a_topic_that_grows_is_told_and_one_that_does_not_is_not() -> None:
    texts, marks, at = texts_made(1_200)
    plain = [t.replace("perfect happy", "").replace("returned disappointed", "") for t in texts]
    found = feedback_of(plain, marks, at, topics=2)
    grown = [topic for topic in found.topics if (topic.change.lower or 0) > 0.2]
    assert len(grown) == 1
    assert (grown[0].change_q_value or 1) < 0.001
    assert (grown[0].against_others.upper or 0) < -0.2
    shuffled = np.random.default_rng(0).permutation(at)
    calm = feedback_of(plain, marks, shuffled, topics=2)
    assert all((topic.change_q_value or 0) > 0.01 for topic in calm.topics)


def test_no_name_and_no_rare_word_is_said() -> None:
    texts, marks, at = texts_made()
    texts[5] += " my secret: hunchbacked"
    said = json.dumps(feedback_of(texts, marks, at, topics=4).to_dict())
    assert "annabel" not in said.lower()
    assert "hunchbacked" not in said
    assert names_in(["I met Anna. Nice dress", "so Anna said"]) == {"anna"}


def test_little_is_refused_and_marks_of_one_kind_teach_nothing() -> None:
    texts, marks, at = texts_made(100)
    with pytest.raises(MeasureError, match="100 more"):
        feedback_of(texts, marks, at)
    texts, marks, at = texts_made(300)
    found = feedback_of(texts, np.full(300, np.nan), at, topics=3)
    assert not found.judged.defined
    assert not found.satisfied.defined
    assert found.predicted_satisfied is None
    with pytest.raises(MeasureError, match="Allowed: 2 to"):
        feedback_of(texts, marks, at, topics=1)
