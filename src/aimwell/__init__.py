"""Aimwell: decide who should get which promotion, and prove with a control group what it earned.

import aimwell

ws = aimwell.create("shop", currency="GBP")   # or aimwell.open("shop")
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aimwell.version import VERSION

if TYPE_CHECKING:
    from aimwell.workspace.front import Workspace
    from aimwell.workspace.front import create_workspace as create
    from aimwell.workspace.front import open_workspace as open

__all__ = ["Workspace", "__version__", "create", "open"]

__version__ = VERSION

_FROM_WORKSPACE = {
    "Workspace": "Workspace",
    "create": "create_workspace",
    "open": "open_workspace",
}


def __getattr__(name: str) -> Any:
    # Loaded when asked for, so that a command that needs one room does not wait for all of them.
    if name not in _FROM_WORKSPACE:
        raise AttributeError(f"module 'aimwell' has no attribute '{name}'")
    from aimwell.workspace import front

    return getattr(front, _FROM_WORKSPACE[name])
