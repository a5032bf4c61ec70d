"""Experiments that ran on the same people at the same time: noise where each drew for itself, ruin where arms go together."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from aimwell.stats.association import independence
from aimwell.stats.srm import DEFAULT_THRESHOLD

__all__ = ["overlap_words"]


def overlap_words(
    elsewhere: pa.Table, profiles: pa.Array, arm: NDArray[np.int64], *, seed: int
) -> list[str]:
    """A sentence for each other experiment that people were in meanwhile.

    Args:
        elsewhere: Experiment, profile and arm of others, each profile once an experiment.
        profiles: Of the experiment that is measured.
        arm: Of each of these.
        seed: Of what is drawn where people are few.
    """
    words = []
    for other in pc.unique(elsewhere.column("experiment")).to_pylist():
        rows = elsewhere.filter(pc.equal(elsewhere.column("experiment"), other))
        places = pc.index_in(profiles, value_set=rows.column("profile_id").combine_chunks())
        # Not being in the other one is an arm of it, too.
        theirs = rows.column("arm").combine_chunks().take(places).fill_null("")
        _, code = np.unique(np.asarray(theirs.to_pylist(), dtype=str), return_inverse=True)
        count = len(places) - places.null_count
        if not count:
            continue
        told = f"{count:,} of the people ({count / len(places):.0%}) were assigned in '{other}' meanwhile"
        table = np.zeros((arm.max() + 1, code.max() + 1), dtype=np.int64)
        np.add.at(table, (arm, code), 1)
        together = table.shape[1] > 1 and independence(table, seed=seed).p_value
        words.append(
            f"{told}, and the arms of both go together (p = {together:.2g}): what either did cannot be told from the other."
            if together is not False and together is not None and together < DEFAULT_THRESHOLD
            else f"{told}; arms of both were given independently, so it adds noise and not bias."
        )
    return words
