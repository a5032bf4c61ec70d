"""From texts and marks to topics and satisfaction: pure, and the same each time.

How well words tell good marks from bad ones is judged on a quarter of the marked texts that were not learnt from.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from aimwell.measure.feedback.model import Feedback, Topic
from aimwell.measure.feedback.topics import GOOD, Topics, learn_topics, rarer_marks
from aimwell.stats.discrimination import auc
from aimwell.stats.estimate import Estimate
from aimwell.stats.intervals import newcombe, wilson
from aimwell.stats.multiplicity import benjamini_hochberg
from aimwell.stats.samples import FloatArray

__all__ = ["feedback_of"]

_LEXICON = 12

BoolArray = NDArray[np.bool_]


def feedback_of(
    texts: list[str], marks: FloatArray, at: NDArray[np.int64], *, topics: int = 8
) -> Feedback:
    """Topics and satisfaction.

    Args:
        texts: As they were written.
        marks: Of each: 0 (worst) to 1 (best); NaN where none was given.
        at: When, in microseconds since 1970.
        topics: How many to look for.

    Raises:
        MeasureError: There are too few texts, or no word that enough people wrote.
    """
    learnt = learn_topics(texts, topics=topics)
    rated = ~np.isnan(marks)
    good = np.nan_to_num(marks) >= GOOD
    belongs = learnt.belongs
    notes = [
        "Words of fewer than ten texts, and words that are mostly written like names, are not counted.",
        "What a topic is about is for a reader to say: it is words that are used together.",
    ]
    judged, bad, liked, predicted = _sentiment(learnt, rated, good)
    if not judged.defined:
        notes.append(f"Nothing was learnt of which words go with good marks: {judged.reason}.")
    return Feedback(
        texts=len(texts),
        rated=int(rated.sum()),
        without_topic=int((belongs < 0).sum()),
        satisfied=wilson(int(good[rated].sum()), int(rated.sum())),
        topics=_described(belongs, learnt.names, rated, good, at),
        good_words=liked,
        bad_words=bad,
        judged=judged,
        predicted_satisfied=predicted,
        notes=tuple(notes),
    )


def _sentiment(
    topics: Topics, rated: BoolArray, good: BoolArray
) -> tuple[Estimate, tuple[str, ...], tuple[str, ...], float | None]:
    """AUC on texts that were not learnt from, words that go with bad and with good marks, and the mean of the unmarked."""
    weights, words = topics.weights, topics.terms
    rows = np.flatnonzero(rated)
    held = rows[3::4]
    learnt = np.setdiff1d(rows, held)
    why = rarer_marks(good[learnt])
    if why is not None:
        return Estimate.missing(why, method="DeLong's interval"), (), (), None
    # Imported here: all of scikit-learn, for whoever asks for feedback.
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=1.0, max_iter=300).fit(weights[learnt], good[learnt])
    judged = auc(model.decision_function(weights[held]), good[held])
    order = np.argsort(model.coef_[0], kind="stable")
    unrated = np.flatnonzero(~rated)
    predicted = float(model.predict_proba(weights[unrated])[:, 1].mean()) if len(unrated) else None
    bad, liked = order[:_LEXICON], order[::-1][:_LEXICON]
    return judged, tuple(map(str, words[bad])), tuple(map(str, words[liked])), predicted


def _described(
    belongs: NDArray[np.int64],
    words: Sequence[tuple[str, ...]],
    rated: BoolArray,
    good: BoolArray,
    at: NDArray[np.int64],
) -> tuple[Topic, ...]:
    some = belongs >= 0
    later = at > np.median(at)
    satisfied, against, change = [], [], []
    for place in range(len(words)):
        mine = belongs == place
        satisfied.append(wilson(int(good[mine & rated].sum()), int((mine & rated).sum())))
        against.append(_difference(good, mine & rated, some & ~mine & rated))
        change.append(_difference(mine, some & later, some & ~later))
    q = benjamini_hochberg([one.p_value for one in against])
    change_q = benjamini_hochberg([one.p_value for one in change])
    found = [
        Topic(
            words=words[place],
            texts=int((belongs == place).sum()),
            share=wilson(int((belongs == place).sum()), int(some.sum())),
            satisfied=satisfied[place],
            against_others=against[place],
            q_value=q[place],
            change=change[place],
            change_q_value=change_q[place],
        )
        for place in range(len(words))
    ]
    return tuple(sorted(found, key=lambda topic: (-topic.texts, topic.words)))


def _difference(done: BoolArray, ours: BoolArray, others: BoolArray) -> Estimate:
    return newcombe(
        treated_successes=int(done[ours].sum()),
        treated_n=int(ours.sum()),
        control_successes=int(done[others].sum()),
        control_n=int(others.sum()),
    )
