"""Messages and the answers to them, counted by person, channel and period."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from aimwell.stats.samples import FloatArray

__all__ = ["BEFORE", "LATER", "MessageCounts"]

BEFORE, LATER = 0, 2
"""Periods of `queries.message_counts`: to learn from, and to judge on."""


@dataclass(frozen=True, slots=True, eq=False)
class MessageCounts:
    """Messages and answers: people × channels × periods."""

    profiles: pa.Array
    names: tuple[str, ...]
    sent: FloatArray
    answered: FloatArray

    @classmethod
    def of(cls, table: pa.Table) -> MessageCounts:
        person = table.column("profile_id").combine_chunks().dictionary_encode()
        channel = table.column("channel").combine_chunks().dictionary_encode()
        names = channel.dictionary.to_pylist()
        order = np.argsort(np.array(names, dtype=object))
        place = np.empty(len(names), dtype=np.int64)
        place[order] = np.arange(len(names))
        where = (
            person.indices.to_numpy(zero_copy_only=False),
            place[channel.indices.to_numpy(zero_copy_only=False)],
            table.column("period").to_numpy().astype(np.int64),
        )
        shape = (len(person.dictionary), len(names), 3)
        sent, answered = np.zeros(shape), np.zeros(shape)
        sent[where] = table.column("sent").to_numpy()
        answered[where] = table.column("answered").to_numpy()
        return cls(person.dictionary, tuple(sorted(names)), sent, answered)

    def of_channels(self, names: list[str]) -> MessageCounts:
        """Only some channels, in that order."""
        places = [self.names.index(name) for name in names]
        return MessageCounts(
            self.profiles, tuple(names), self.sent[:, places], self.answered[:, places]
        )
