"""The front door: a workspace, opened, with its seven stages."""

from __future__ import annotations

import getpass
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from aimwell.history.current import bring_up_to_date
from aimwell.people.model import ProfilePage
from aimwell.people.service import profile_page
from aimwell.privacy.erasure import Receipt
from aimwell.store.stores import Stores, create_stores, open_stores
from aimwell.unify.lookup import find_profile
from aimwell.unify.model import UnifyReport
from aimwell.workspace.collect import Collection
from aimwell.workspace.decide import Decisions
from aimwell.workspace.definitions import Definitions
from aimwell.workspace.deliver import Deliveries
from aimwell.workspace.erasing import erase_person, purge_erased
from aimwell.workspace.measure import Measurements
from aimwell.workspace.predict import Predictions
from aimwell.workspace.segment import Segments

__all__ = ["Workspace", "create_workspace", "open_workspace"]


class Workspace:
    """An opened workspace. Close it, or use it in a `with` block.

    Args:
        stores: Its stores.
        clock: Gives the present moment; another one makes a rehearsal in the past.
        by: Who is asking, for revisions and the audit log.
    """

    def __init__(
        self,
        stores: Stores,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        by: str | None = None,
    ) -> None:
        self.stores = stores
        who = self.by = by or os.environ.get("AIMWELL_USER") or getpass.getuser()
        self.definitions = Definitions(stores, clock, who)
        self.collect = Collection(stores, clock, who)
        self.segment = Segments(stores, clock, who)
        self.predict = Predictions(stores, clock, who)
        self.decide = Decisions(stores, clock, who)
        self.deliver = Deliveries(stores, clock, who)
        self.measure = Measurements(stores, clock, who)
        self._clock = clock

    def unify(self) -> UnifyReport:
        """Join what belongs to one person and refresh what is known of each."""
        return bring_up_to_date(self.stores, now=self._clock())

    def find(self, who: str) -> str:
        """The profile of a profile id, customer id, e-mail address or telephone number."""
        return find_profile(self.stores, who)

    def erase(self, who: str, *, reason: str | None = None) -> Receipt:
        """Erase a person: at once out of sight and out of the vault, with the next purge out of every file."""
        return erase_person(self.stores, who, now=self._clock(), by=self.by, reason=reason)

    def purge(self) -> list[Receipt]:
        """Take the erased out of every file; the receipts of those that ended."""
        return purge_erased(self.stores, now=self._clock())

    def profile(
        self,
        who: str,
        *,
        reveal: bool = False,
        limit: int = 30,
        since: datetime | None = None,
    ) -> ProfilePage:
        """All that is known of one person, and what happened, newest first.

        Args:
            who: Profile id, customer id, e-mail address, telephone number or another identifier.
            reveal: Personal data in clear; the audit log records it.
            limit: Lines of the time-line at most.
            since: Only what happened from then on.
        """
        return profile_page(
            self.stores,
            who,
            now=self._clock(),
            by=self.by,
            reveal=reveal,
            limit=limit,
            since=since,
        )

    def close(self) -> None:
        """Give back connections."""
        self.stores.close()

    def __enter__(self) -> Workspace:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def open_workspace(folder: str | Path, **settings: Any) -> Workspace:
    """Open the workspace in a folder. Raises WorkspaceError where there is none."""
    return Workspace(open_stores(Path(folder), **settings))


def create_workspace(folder: str | Path, **settings: Any) -> Workspace:
    """Make a workspace in a folder (harmless where one is) and open it."""
    return Workspace(create_stores(Path(folder), **settings))
