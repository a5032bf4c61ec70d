"""The one question that everything asks before it contacts a person: may we? Unknown means no."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache

import sqlalchemy as sa

from aimwell.privacy.consent import latest_consents
from aimwell.privacy.suppression import suppressed_profiles
from aimwell.store.control import plain_rows
from aimwell.store.listed import GIVEN

__all__ = ["REFUSALS", "Permissions", "permissions"]

REFUSALS = {
    "suppressed": "the address is suppressed (unsubscribed, bounced or complained)",
    "consent_unknown": "no answer on consent is known",
    "consent_denied": "consent was denied",
    "consent_withdrawn": "consent was withdrawn",
}
"""Reason code → words."""
_OF_STATES: dict[str | None, str | None] = {
    "granted": None,
    "denied": "consent_denied",
    "revoked": "consent_withdrawn",
}


class Permissions:
    """Answers for one purpose and channel, read at one moment."""

    def __init__(self, states: dict[str, str], suppressed: dict[str, str]) -> None:
        self._states, self._suppressed = states, suppressed

    def refusal(self, profile_id: str) -> str | None:
        """None where the person may be contacted; else the reason code (see REFUSALS)."""
        return self.refusals([profile_id])[0]

    def refusals(self, profile_ids: Sequence[str]) -> list[str | None]:
        """The same of many people, in their order."""
        found = [
            _OF_STATES.get(state, "consent_unknown") for state in map(self._states.get, profile_ids)
        ]
        if not self._suppressed:
            return found
        return [
            "suppressed" if profile in self._suppressed else reason
            for profile, reason in zip(profile_ids, found, strict=True)
        ]


def permissions(
    connection: sa.Connection,
    *,
    purpose: str,
    channel: str,
    before: datetime | None = None,
    profile_ids: Sequence[str] | None = None,
) -> Permissions:
    """Read who may be contacted for `purpose` through the medium `channel` ('email', 'sms' …).

    Args:
        connection: On the control database.
        purpose: As 'marketing'.
        channel: Medium.
        before: Only answers on consent before this moment (for a plan as of the past); None: all.
            Suppressions always count.
        profile_ids: Only these; None: everybody who ever answered.
    """
    if profile_ids is None:
        consents = latest_consents(purpose=purpose, channel=channel, before=before)
        blocked, given = suppressed_profiles(channel=channel), {}
    else:
        consents, blocked = _of_given(purpose, channel, before)
        given = {"ids": profile_ids}
    return Permissions(
        dict(plain_rows(connection.execute(consents, given))),
        dict(plain_rows(connection.execute(blocked, given))),
    )


@lru_cache(maxsize=64)
def _of_given(
    purpose: str, channel: str, before: datetime | None
) -> tuple[sa.Select[str, str], sa.Select[str, str]]:
    """The queries for consent and suppression of given people."""
    return (
        latest_consents(purpose=purpose, channel=channel, before=before, profile_ids=GIVEN),
        suppressed_profiles(channel=channel, profile_ids=GIVEN),
    )
