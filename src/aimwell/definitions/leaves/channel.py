"""`channel`: the channel on which a person responds most."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from aimwell.definitions.base import Duration
from aimwell.definitions.conditions import Text
from aimwell.definitions.leaves.base import Leaf

__all__ = ["ChannelRule"]


class ChannelRule(Leaf):
    """Whose clicks on messages, not by machines, were most in this channel (of equals the newest)."""

    key: ClassVar = "channel"

    channel: Text = Field(description="As email.")
    within: Duration | None = Field(default=None, description="Only clicks so lately.")
