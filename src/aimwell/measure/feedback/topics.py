"""Topics of texts, and whether their words sound satisfied: learnt from some texts, told of any.

Topics are the parts of a non-negative matrix factorisation of the words' weights (Lee and Seung 1999); a text belongs to
the topic that weighs most in it. Which words go with good marks is learnt by logistic regression.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from aimwell.errors import MeasureError
from aimwell.measure.feedback.words import weighed
from aimwell.stats.samples import FloatArray

__all__ = [
    "FEWEST_OF_A_KIND",
    "FEWEST_TEXTS",
    "GOOD",
    "Topics",
    "learn_topics",
    "rarer_marks",
    "sounds_satisfied",
]

FEWEST_TEXTS = 200
"""Under so many texts no topics are looked for."""

FEWEST_OF_A_KIND = 40
"""Good marks, and bad ones, from which on it is learnt which words go with them."""

GOOD = 0.75
"""A mark at or above this share of its scale is a good one."""

_TOPICS_MAX = 40
_WORDS_SHOWN = 6
_PARTS = 4

BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Topics:
    """What was learnt.

    Attributes:
        names: The weightiest words of each topic.
        terms: All words that are counted.
        weights: Of the texts that were learnt from: one row a text, one column a word.
        belongs: The topic of each of these texts; −1: none.
    """

    names: tuple[tuple[str, ...], ...]
    terms: NDArray[np.str_]
    weights: sparse.csr_matrix
    belongs: IntArray
    _vectors: Any
    _model: Any

    def of(self, texts: Sequence[str]) -> IntArray:
        """The topic of each of other texts; −1: none."""
        if not texts:
            return np.zeros(0, dtype=np.int64)
        return _strongest(self._model.transform(self._vectors.transform(texts)))


def learn_topics(texts: Sequence[str], *, topics: int = 8) -> Topics:
    """So many topics of these texts; the same each time.

    Raises:
        MeasureError: There are too few texts, or no word that enough people wrote.
    """
    if len(texts) < FEWEST_TEXTS:
        raise MeasureError(
            f"There are {len(texts)} texts; topics need at least {FEWEST_TEXTS}, so {FEWEST_TEXTS - len(texts)} more."
        )
    try:
        weights, vectors = weighed(texts)
    except ValueError:
        raise MeasureError(
            "No word stands in enough texts to be counted without telling of single people."
        ) from None
    most = min(_TOPICS_MAX, weights.shape[1] - 1)
    if not 2 <= topics <= most:
        raise MeasureError(f"{topics} topics were asked for. Allowed: 2 to {most}.")
    # Imported here: all of scikit-learn, for whoever asks for feedback.
    from sklearn.decomposition import NMF

    model = NMF(n_components=topics, init="nndsvda", random_state=0, max_iter=300, tol=1e-3)
    belongs = _strongest(model.fit_transform(weights))
    terms = vectors.get_feature_names_out()
    top = np.argsort(-model.components_, axis=1, kind="stable")[:, :_WORDS_SHOWN]
    names = tuple(tuple(str(word) for word in terms[row]) for row in top)
    return Topics(names, terms, weights, belongs, vectors, model)


def _strongest(parts: FloatArray) -> IntArray:
    return np.where(parts.max(axis=1) > 0, parts.argmax(axis=1), -1).astype(np.int64)


def rarer_marks(good: BoolArray) -> str | None:
    """Why nothing can be learnt from these marks; None where it can."""
    fewest = min(int(good.sum()), int((~good).sum()))
    if fewest >= FEWEST_OF_A_KIND:
        return None
    return f"{fewest} texts of the rarer kind of mark; {FEWEST_OF_A_KIND} are needed"


def sounds_satisfied(weights: sparse.csr_matrix, marks: FloatArray) -> FloatArray | str:
    """The probability of a good mark by each text's words, of models that did not learn from it; or why there is none.

    Args:
        weights: One row a text, one column a word.
        marks: Of each: 0 (worst) to 1 (best); NaN where none was given.
    """
    rated = np.flatnonzero(~np.isnan(marks))
    good = marks[rated] >= GOOD
    part = np.arange(len(rated)) % _PARTS
    reasons = [rarer_marks(good[part != number]) for number in range(_PARTS)]
    reason = next((one for one in reasons if one is not None), None)
    if reason is not None:
        return reason
    # Imported here: all of scikit-learn, for whoever asks for feedback.
    from sklearn.linear_model import LogisticRegression

    found = np.zeros(len(marks))
    unrated = np.flatnonzero(np.isnan(marks))
    for number in range(_PARTS):
        learnt, held = rated[part != number], rated[part == number]
        model = LogisticRegression(C=1.0, max_iter=300).fit(weights[learnt], good[part != number])
        found[held] = model.predict_proba(weights[held])[:, 1]
        if len(unrated):
            found[unrated] += model.predict_proba(weights[unrated])[:, 1] / _PARTS
    return found
