"""A message whole again: from its row in the lake and its personal part in the vault, for its person and for proofs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from aimwell.collect.tracking.parting import join_parts

__all__ = ["whole_message"]

_IDS = ("userId", "anonymousId", "previousId", "groupId")
_OBJECTS = ("properties", "traits", "context")


def whole_message(row: Mapping[str, Any], part: str | None) -> dict[str, Any]:
    """What the client sent, with what its batch said for it.

    Args:
        row: Of the lake's `events`, with `message_type`.
        part: The content of the vault under the row's `vault_key`; None: it was erased, or never asked for.
    """
    envelope = json.loads(row["envelope"] or "{}")
    hidden = json.loads(part or "{}")
    properties = json.loads(row["properties"] or "{}")
    if envelope.get("name_added"):
        del properties["name"]
    kept = {**envelope, "properties": properties}
    whole = join_parts(kept.get("rest", {}), hidden.get("rest", {}))
    whole["type"] = row["message_type"]
    if not row["event_id"].startswith("made-"):
        whole["messageId"] = row["event_id"]
    if row["message_type"] == "track":
        whole["event"] = row["event"]
    elif "name" in envelope:
        whole["name"] = envelope["name"]
    for name in _OBJECTS:
        found = join_parts(kept.get(name, {}), hidden.get(name, {}))
        if found:
            whole[name] = found
    whole.update({name: hidden[name] for name in _IDS if name in hidden})
    return {**whole, **hidden.get("told", {})}
