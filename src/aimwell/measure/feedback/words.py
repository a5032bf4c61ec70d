"""Which words of free texts may be counted: those of many people, and none that looks like a name."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from scipy import sparse

__all__ = ["FEWEST_TEXTS_OF_WORD", "names_in", "weighed"]

FEWEST_TEXTS_OF_WORD = 10
"""In so many texts a word stands at least; rarer ones could tell of single people."""

_WORDS_MAX = 3_000
_COUNTED = r"(?u)\b[^\W\d_]{3,}\b"
_WITHIN = re.compile(r"(?<=[^.!?\s]\s)([A-Z][a-z]{2,})\b")
_WORD = re.compile(r"[^\W\d_]{3,}")
_MOSTLY = 0.5


def names_in(texts: Iterable[str]) -> frozenset[str]:
    """Words that are mostly written with a capital within sentences: names of people, places and brands, in English."""
    capital: Counter[str] = Counter()
    written: Counter[str] = Counter()
    for text in texts:
        capital.update(word.lower() for word in _WITHIN.findall(text))
        written.update(word.lower() for word in _WORD.findall(text))
    return frozenset(word for word, n in capital.items() if n > _MOSTLY * written[word])


def weighed(texts: Sequence[str]) -> tuple[sparse.csr_matrix, Any]:
    """One row a text, one column a word: tf-idf with sublinear counts; and the vectoriser, which weighs other texts likewise.

    Source of the weights: Salton and Buckley (1988), Term-weighting approaches in automatic text retrieval.

    Raises:
        ValueError: No word stands in enough texts.
    """
    # Imported here: all of scikit-learn, for whoever asks for feedback.
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS, TfidfVectorizer

    stops = sorted(ENGLISH_STOP_WORDS | names_in(texts))
    vectors = TfidfVectorizer(
        token_pattern=_COUNTED,
        stop_words=stops,
        min_df=FEWEST_TEXTS_OF_WORD,
        max_df=0.8,
        max_features=_WORDS_MAX,
        sublinear_tf=True,
        dtype=np.float64,
    )
    return vectors.fit_transform(texts), vectors
