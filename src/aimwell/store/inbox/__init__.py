"""The inbox: raw tracking messages on disk, safe before they are acknowledged, until they are in the lake.

A server process appends to a segment file of its own (`InboxWriter`); a full or aged segment is sealed and never
changed again; whoever flushes reads the sealed ones in order (`read_segment`) and removes them. Segments are files
of one machine: the lock by which a living writer is told from a dead one does not reach across machines.
"""

from aimwell.store.inbox.frames import Cipher
from aimwell.store.inbox.segments import (
    InboxState,
    Records,
    inbox_state,
    read_segment,
    remove_segment,
    seal_abandoned,
    sealed_segments,
)
from aimwell.store.inbox.writer import InboxWriter

__all__ = [
    "Cipher",
    "InboxState",
    "InboxWriter",
    "Records",
    "inbox_state",
    "read_segment",
    "remove_segment",
    "seal_abandoned",
    "sealed_segments",
]
