"""The page for those who decide: what promotion earned in a period, what a next campaign may bring, and what to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aimwell.measure.earnings import Earnings, earnings
from aimwell.measure.global_holdout import HoldoutEffect, measure_holdouts
from aimwell.measure.model import plain
from aimwell.measure.next_steps import Step, next_steps
from aimwell.measure.outlook import Outlook, outlook_of
from aimwell.measure.stored import latest_documents
from aimwell.measure.wave_correlations import wave_correlations
from aimwell.store.stores import Stores

__all__ = ["Executive", "executive", "executive_of"]


@dataclass(frozen=True, kw_only=True)
class Executive:
    """What a period says.

    Attributes:
        ledger: Campaign by campaign, and in all.
        outlook: What its campaigns have in common.
        holdouts: What all promotion did together, by each global holdout.
        steps: What to do next.
    """

    ledger: Earnings
    outlook: Outlook
    holdouts: tuple[HoldoutEffect, ...]
    steps: tuple[Step, ...]

    def to_dict(self) -> dict[str, Any]:
        """For JSON: the ledger's names, and beside them `outlook`, `holdouts` and `steps`."""
        return {
            **self.ledger.to_dict(),
            "outlook": plain(self.outlook),
            "holdouts": [one.to_dict() for one in self.holdouts],
            "steps": plain(self.steps),
        }


def executive_of(
    documents: Sequence[Mapping[str, Any]],
    *,
    currency: str,
    timezone: str,
    since: datetime | None,
    until: datetime,
    holdouts: Sequence[HoldoutEffect] = (),
) -> Executive:
    """From results as `CampaignResult.to_dict` writes them; arguments as of `earnings`."""
    found = earnings(documents, currency=currency, since=since, until=until)
    known = wave_correlations(documents)
    outlook = outlook_of(found.counted, known, currency=currency)
    return Executive(
        ledger=found,
        outlook=outlook,
        holdouts=tuple(holdouts),
        steps=next_steps(found, documents, outlook, holdouts, known, timezone=timezone),
    )


def executive(
    stores: Stores, *, since: datetime | None, until: datetime, now: datetime
) -> Executive:
    """Of a workspace: the newest result of each plan, and the global holdouts of the time."""
    return executive_of(
        latest_documents(stores),
        currency=stores.settings.currency,
        timezone=stores.settings.timezone,
        since=since,
        until=until,
        holdouts=measure_holdouts(stores, since=since, until=until, now=now),
    )
