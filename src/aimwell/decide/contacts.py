"""What each person of an audience can be told apart by before the draw: permissions, addresses, past messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from aimwell.decide.eligibility import (
    Contact,
    Slots,
    contact_refusal,
    slot_refusals,
)
from aimwell.decide.model import Candidate
from aimwell.decide.past_contacts import past_contacts
from aimwell.decide.people import ALLOWED, reason_code
from aimwell.decide.reservations import Rank
from aimwell.decide.timing import local_day, zone_or
from aimwell.definitions.kinds.contact_policy import ContactPolicy
from aimwell.privacy.permission import REFUSALS, Permissions, permissions
from aimwell.privacy.suppression import ADDRESS_KINDS, of_profiles
from aimwell.store.control import plain_rows
from aimwell.store.listed import GIVEN, among, aside
from aimwell.store.schema import metadata
from aimwell.store.stores import Stores

__all__ = ["IN_FLIGHT", "Contacts", "read_contacts", "read_zones"]

_identifiers = metadata.tables["identifiers"]
_overrides = metadata.tables["identity_overrides"]
_profiles = metadata.tables["profiles"]
IN_FLIGHT = "in_flight"
"""Another plan's message to this person is on its way: whether it counts is known when it has left."""


@dataclass(frozen=True)
class Contacts:
    """Everything that decides whether a person may be contacted, read at one moment."""

    permissions: Mapping[str, Permissions]
    addressed: Mapping[str, frozenset[str]]
    contacts: Mapping[str, Sequence[Contact]]
    zones: Mapping[str, str]
    zone_default: str
    policy: ContactPolicy | None
    trial: bool
    category: str | None = None

    def zone(self, profile_id: str) -> str:
        """The person's time zone, else the firm's."""
        return zone_or(self.zones.get(profile_id), self.zone_default)

    def zones_of(self, profile_ids: Sequence[str]) -> list[str]:
        """The same of many people, in their order."""
        known = {one: zone_or(one, self.zone_default) for one in {None, *self.zones.values()}}
        return [known[one] for one in map(self.zones.get, profile_ids)]

    def refusal(self, profile_id: str, candidate: Candidate, moment: datetime) -> str | None:
        """Why this person must not get this action at `moment`; None: they may; IN_FLIGHT: ask again soon.

        A trial reaches nobody, so it asks for neither consent nor address; caps hold all the same.
        """
        if not self.trial:
            permission = self.permissions[candidate.medium].refusal(profile_id)
            if permission is not None:
                return permission
            if profile_id not in self.addressed[candidate.medium]:
                return "no_address"
        contacts = self.contacts.get(profile_id, ())
        day = local_day(moment, self.zone(profile_id))

        def asked(counted: Sequence[Contact]) -> str | None:
            return contact_refusal(
                self.policy,
                counted,
                channel=candidate.channel,
                moment=moment,
                local_day=day,
                category=self.category,
            )

        reason = asked(contacts)
        if reason is None or not any(c.in_flight or c.reserved for c in contacts):
            return reason
        certain = asked([c for c in contacts if not c.in_flight and not c.reserved])
        if certain is not None:
            return certain
        return "reserved" if asked([c for c in contacts if not c.in_flight]) else IN_FLIGHT

    def refusals(
        self,
        profile_ids: Sequence[str],
        candidates: Sequence[Candidate],
        moments: Sequence[datetime],
        worth: NDArray[np.float64] | None = None,
    ) -> NDArray[np.int8]:
        """Why each person must not get each action at their moment (people × actions), as codes of reasons.

        Args:
            worth: What each action is expected to earn (people × actions), NaN where nothing is known: slots of campaigns of
                the same priority that expect less are free for it. None: nothing is known of anybody.
        """
        found = np.full((len(profile_ids), len(candidates)), ALLOWED, dtype=np.int8)
        for medium in {candidate.medium for candidate in candidates} if not self.trial else ():
            permission, addressed = self.permissions[medium], self.addressed[medium]
            of = [number for number, c in enumerate(candidates) if c.medium == medium]
            code_of = {reason: reason_code(reason) for reason in (*REFUSALS, "no_address")}
            no_address = code_of["no_address"]
            codes = [
                code_of[reason]
                if reason is not None
                else ALLOWED
                if profile in addressed
                else no_address
                for profile, reason in zip(
                    profile_ids, permission.refusals(profile_ids), strict=True
                )
            ]
            found[:, of] = np.array(codes, dtype=np.int8)[:, None]
        if self.contacts and self.policy is not None:
            slots = _slots(self.contacts, profile_ids)
            zones = np.array(self.zones_of(profile_ids), dtype=object)
            refused = slot_refusals(
                self.policy,
                slots,
                at=np.array([_micros(moment) for moment in moments], dtype=np.int64),
                day=_days(moments, zones),
                channels=[candidate.channel for candidate in candidates],
                category=self.category,
                worth=_known(worth, found.shape),
            )
            found = np.where(found == ALLOWED, refused, found)
        return found

    def slot_free_from(self, profile_id: str) -> datetime | None:
        """When the first message that goes before ours to this person is due; None: there is none."""
        return min(
            (one.sent_at for one in self.contacts.get(profile_id, ()) if one.reserved), default=None
        )


def read_contacts(
    stores: Stores,
    candidates: Sequence[Candidate],
    *,
    purpose: str,
    policy: ContactPolicy | None,
    moment: datetime,
    trial: bool,
    profile_ids: Sequence[str] | None = None,
    except_plan: str | None = None,
    rank: Rank | None = None,
    category: str | None = None,
) -> Contacts:
    """Read permissions, addresses, past contacts and zones.

    Args:
        candidates: Actions that are asked about.
        purpose: Purpose that consent must have been given for.
        policy: Contact policy, if any.
        moment: Contacts up to here count for caps.
        trial: Whether nobody will be reached; then neither consent nor address is asked for.
        profile_ids: Only these people (any number); None: everybody.
        except_plan: The plan that is being sent: its own messages do not count for caps, nor do those of others that
            still wait, because they will be asked in their turn.
        rank: How the campaign stands among others: what those that go first have planned counts too. None: it does not.
        category: The campaign's, for caps of one category.
    """
    media = sorted({candidate.medium for candidate in candidates})
    with stores.read_control() as connection:
        zones = read_zones(connection, profile_ids)
        fallback = stores.settings.timezone
        return Contacts(
            permissions={}
            if trial
            else {
                medium: permissions(
                    connection, purpose=purpose, channel=medium, profile_ids=profile_ids
                )
                for medium in media
            },
            addressed={}
            if trial
            else {medium: _addressed(connection, medium, profile_ids) for medium in media},
            contacts=past_contacts(
                connection,
                policy,
                moment,
                zones,
                fallback,
                profile_ids=profile_ids,
                except_plan=except_plan,
                rank=rank,
                trial=trial,
            ),
            zones=zones,
            zone_default=fallback,
            policy=policy,
            trial=trial,
            category=category,
        )


def read_zones(connection: sa.Connection, profile_ids: Sequence[str] | None) -> dict[str, str]:
    """Person → time zone, of those of whom it is known. `profile_ids`: of these; None: of all."""
    rows = connection.execute(_zones_query(profile_ids is not None), _given(profile_ids))
    return dict(plain_rows(rows))


@cache
def _zones_query(some: bool) -> sa.Select[str, str]:
    query = sa.select(_profiles.c.profile_id, _profiles.c.timezone).where(
        _profiles.c.timezone.is_not(None)
    )
    return query.where(among(_profiles.c.profile_id, GIVEN)) if some else query


def _addressed(
    connection: sa.Connection, medium: str, profile_ids: Sequence[str] | None
) -> frozenset[str]:
    """Profiles that have an address for the medium. Media without addresses of people reach everybody."""
    query = _addressed_query(ADDRESS_KINDS.get(medium), profile_ids is not None)
    rows = plain_rows(connection.execute(query, _given(profile_ids)))
    return frozenset(profile for (profile,) in rows)


@cache
def _addressed_query(kind: str | None, some: bool) -> sa.Select[str]:
    profile = sa.func.coalesce(_overrides.c.profile_id, _identifiers.c.origin_id)
    query = sa.select(profile).select_from(
        _identifiers.outerjoin(_overrides, _overrides.c.origin_id == _identifiers.c.origin_id)
    )
    column: sa.ColumnElement[str] = _identifiers.c.kind
    if some:
        column = aside(column)
        query = query.where(of_profiles(_identifiers, GIVEN))
    return query if kind is None else query.where(column == kind)


def _given(profile_ids: Sequence[str] | None) -> dict[str, Any]:
    return {} if profile_ids is None else {"ids": profile_ids}


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def _micros(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND


def _days(moments: Sequence[datetime], zones: NDArray[np.object_]) -> NDArray[np.int64]:
    """The calendar day of each person at their moment: looked up once for each pair that occurs."""
    known: dict[tuple[datetime, str], int] = {}
    found = np.empty(len(moments), dtype=np.int64)
    for place, pair in enumerate(zip(moments, zones.tolist(), strict=True)):
        day = known.get(pair)
        if day is None:
            day = known[pair] = local_day(*pair)
        found[place] = day
    return found


def _slots(contacts: Mapping[str, Sequence[Contact]], profile_ids: Sequence[str]) -> Slots:
    """The messages of these people as columns."""
    rows = [
        (place, contact)
        for place, profile in enumerate(profile_ids)
        for contact in contacts.get(profile, ())
    ]
    return Slots(
        person=np.array([place for place, _ in rows], dtype=np.int64),
        at=np.array([_micros(contact.sent_at) for _, contact in rows], dtype=np.int64),
        day=np.array([contact.local_day for _, contact in rows], dtype=np.int64),
        channel=np.array([contact.channel for _, contact in rows], dtype=np.str_),
        category=np.array([contact.category or "" for _, contact in rows], dtype=np.str_),
        reserved=np.array([contact.reserved for _, contact in rows], dtype=np.bool_),
        worth=np.array([contact.worth for _, contact in rows], dtype=np.float64),
    )


def _known(worth: NDArray[np.float64] | None, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """An unknown gain counts as none."""
    return np.zeros(shape) if worth is None else np.nan_to_num(worth, nan=0.0)
