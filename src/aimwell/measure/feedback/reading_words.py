"""From texts and marks to topics and satisfaction: pure, and the same each time.

Topics are the parts of a non-negative matrix factorisation of the words' weights (Lee and Seung 1999); a text belongs to
the topic that weighs most in it. Which words go with good marks is learnt by logistic regression, and judged on a quarter
of the marked texts that it did not see.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from aimwell.errors import MeasureError
from aimwell.measure.feedback.model import Feedback, Topic
from aimwell.measure.feedback.words import weighed
from aimwell.stats.discrimination import auc
from aimwell.stats.estimate import Estimate
from aimwell.stats.intervals import newcombe, wilson
from aimwell.stats.multiplicity import benjamini_hochberg
from aimwell.stats.samples import FloatArray

__all__ = ["FEWEST_TEXTS", "feedback_of"]

FEWEST_TEXTS = 200
_FEWEST_OF_A_KIND = 40
_GOOD = 0.75
_WORDS_SHOWN = 6
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
    if len(texts) < FEWEST_TEXTS:
        raise MeasureError(
            f"There are {len(texts)} texts; topics need at least {FEWEST_TEXTS}, so {FEWEST_TEXTS - len(texts)} more."
        )
    try:
        weights, words = weighed(texts)
    except ValueError:
        raise MeasureError(
            "No word stands in enough texts to be counted without telling of single people."
        ) from None
    if not 2 <= topics <= min(40, weights.shape[1] - 1):
        raise MeasureError(
            f"{topics} topics were asked for. Allowed: 2 to {min(40, weights.shape[1] - 1)}."
        )
    rated = ~np.isnan(marks)
    good = np.nan_to_num(marks) >= _GOOD
    belongs, top = _topics(weights, topics)
    notes = [
        "Words of fewer than ten texts, and words that are mostly written like names, are not counted.",
        "What a topic is about is for a reader to say: it is words that are used together.",
    ]
    judged, bad, liked, predicted = _sentiment(weights, words, rated, good)
    if not judged.defined:
        notes.append(f"Nothing was learnt of which words go with good marks: {judged.reason}.")
    return Feedback(
        texts=len(texts),
        rated=int(rated.sum()),
        without_topic=int((belongs < 0).sum()),
        satisfied=wilson(int(good[rated].sum()), int(rated.sum())),
        topics=_described(belongs, [tuple(words[row]) for row in top], rated, good, at),
        good_words=liked,
        bad_words=bad,
        judged=judged,
        predicted_satisfied=predicted,
        notes=tuple(notes),
    )


def _topics(weights: sparse.csr_matrix, topics: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The topic of each text (−1: none), and the places of the weightiest words of each topic."""
    # Imported here: all of scikit-learn, for whoever asks for feedback.
    from sklearn.decomposition import NMF

    model = NMF(n_components=topics, init="nndsvda", random_state=0, max_iter=300, tol=1e-3)
    parts = model.fit_transform(weights)
    belongs = np.where(parts.max(axis=1) > 0, parts.argmax(axis=1), -1).astype(np.int64)
    top = np.argsort(-model.components_, axis=1, kind="stable")[:, :_WORDS_SHOWN]
    return belongs, top.astype(np.int64)


def _sentiment(
    weights: sparse.csr_matrix, words: NDArray[np.str_], rated: BoolArray, good: BoolArray
) -> tuple[Estimate, tuple[str, ...], tuple[str, ...], float | None]:
    """AUC on texts that were not learnt from, words that go with bad and with good marks, and the mean of the unmarked."""
    rows = np.flatnonzero(rated)
    held = rows[3::4]
    learnt = np.setdiff1d(rows, held)
    fewest = min(int(good[learnt].sum()), int((~good[learnt]).sum()))
    if fewest < _FEWEST_OF_A_KIND:
        why = f"{fewest} texts of the rarer kind of mark; {_FEWEST_OF_A_KIND} are needed"
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
    words: list[tuple[str, ...]],
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
            words=tuple(str(word) for word in words[place]),
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
