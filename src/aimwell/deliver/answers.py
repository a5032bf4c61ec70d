"""What recipients do with a message: opens, clicks, unsubscribing, preferences. Asked by the server, told by tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from aimwell.definitions.catalogue import check
from aimwell.definitions.kinds.campaign import Campaign
from aimwell.deliver.links import Link, click_target
from aimwell.deliver.machine import Hit, judge
from aimwell.deliver.token import Purpose, Tokens
from aimwell.privacy.consent import latest_consents, record_answer, withdraw
from aimwell.privacy.permission import permissions
from aimwell.privacy.suppression import ADDRESS_KINDS, lift_suppression, of_profiles, suppress
from aimwell.store.schema import metadata
from aimwell.store.stores import Stores

__all__ = ["Answers", "Preferences"]

_messages = metadata.tables["messages"]
_events = metadata.tables["message_events"]
_links = metadata.tables["links"]
_plans = metadata.tables["plans"]
_identifiers = metadata.tables["identifiers"]
_KINDS = {"Email Opened": "open", "Email Link Clicked": "click"}
_SOURCE = "recipient"
_HITS_MAX = 200


@dataclass(frozen=True)
class Preferences:
    """What one person can switch: medium → whether messages for the purpose are wanted."""

    purpose: str
    wanted: dict[str, bool]


class Answers:
    """Answers requests for the links in messages; holds nothing between them."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores
        self._tokens = Tokens([stores.token_key])

    def message_of(self, purpose: Purpose, token: str) -> str | None:
        """The message id of a true token; None otherwise."""
        return self._tokens.verify(purpose, token)

    def opened(self, token: str, *, now: datetime, method: str, agent: str, address: str) -> bool:
        """Note an open. False where the token is not ours."""
        message_id = self.message_of("open", token)
        if message_id is None:
            return False
        with self._stores.control.begin() as connection:
            message = _message(connection, message_id)
            if message is None:
                return False
            self._note(connection, message, "Email Opened", None, now, method, agent, address)
        return True

    def clicked(
        self,
        token: str,
        number: int,
        *,
        sealed: str,
        query: str,
        now: datetime,
        method: str,
        agent: str,
        address: str,
    ) -> str | None:
        """Note a click and tell where the link leads; None where the request was not made by us.

        The honeypot (link 0) is noted and leads nowhere.
        """
        message_id = self.message_of("click", token)
        if message_id is None:
            return None
        with self._stores.control.begin() as connection:
            message = _message(connection, message_id)
            if message is None:
                return None
            target: str | None = ""
            if number != 0:
                link = _link(connection, message, number)
                if link is None:
                    return None
                target = click_target(self._tokens, message_id, link, sealed=sealed, query=query)
            if target is not None:
                self._note(
                    connection, message, "Email Link Clicked", number, now, method, agent, address
                )
            return target

    def _note(
        self,
        connection: sa.Connection,
        message: Any,
        event: str,
        link: int | None,
        now: datetime,
        method: str,
        agent: str,
        address: str,
    ) -> None:
        rows = connection.execute(
            sa.select(_events)
            .where(_events.c.message_id == message.message_id, _events.c.event.in_(list(_KINDS)))
            .order_by(_events.c.id.desc())
            .limit(_HITS_MAX)
        ).all()
        earlier = [
            Hit(row.occurred_at, _KINDS[row.event], row.link, user_agent=row.user_agent or "")  # type: ignore[arg-type]
            for row in rows
        ]
        links = connection.execute(
            sa.select(sa.func.count())
            .select_from(_links)
            .where(_links.c.plan_id == message.plan_id, _links.c.content == _content(message))
        ).scalar_one()
        hit = Hit(now, _KINDS[event], link, method=method, user_agent=agent)  # type: ignore[arg-type]
        verdict = judge(hit, earlier, links=links, address=address)
        connection.execute(
            sa.insert(_events).values(
                message_id=message.message_id,
                event=event,
                link=link,
                occurred_at=now,
                machine=verdict.machine,
                signs=list(verdict.reasons) or None,
                user_agent=agent[:300] or None,
            )
        )
        burst = [rows[place].id for place in verdict.earlier]
        if burst:
            connection.execute(
                sa.update(_events)
                .where(_events.c.id.in_(burst))
                .values(machine=True, signs=["every_link"])
            )

    def unsubscribe(self, token: str, *, now: datetime) -> bool:
        """Withdraw consent and suppress the address, at once and for messages already queued.

        Harmless to repeat. False where the token is not ours.
        """
        message_id = self.message_of("unsubscribe", token)
        if message_id is None:
            return False
        with self._stores.control.begin() as connection:
            message = _message(connection, message_id)
            if message is None:
                return False
            medium = _medium(message)
            already = connection.execute(
                sa.select(_events.c.id).where(
                    _events.c.message_id == message_id, _events.c.event == "Unsubscribed"
                )
            ).first()
            self._refuse(connection, message, medium, now)
            if already is None:
                connection.execute(
                    sa.insert(_events).values(
                        message_id=message_id, event="Unsubscribed", occurred_at=now, machine=False
                    )
                )
        return True

    def _refuse(self, connection: sa.Connection, message: Any, medium: str, now: datetime) -> None:
        purpose = _purpose(message)
        latest = dict(
            connection.execute(
                latest_consents(purpose=purpose, channel=medium, profile_ids=[message.profile_id])
            )
            .tuples()
            .all()
        )
        if latest.get(message.profile_id) != "revoked":
            withdraw(
                connection,
                message.profile_id,
                purpose=purpose,
                channel=medium,
                occurred_at=now,
                source=_SOURCE,
            )
        for hashed in _address_hashes(connection, message.profile_id, medium):
            suppress(
                connection,
                channel=medium,
                hashed=hashed,
                reason="unsubscribed",
                source=_SOURCE,
                occurred_at=now,
            )

    def preferences(self, token: str) -> Preferences | None:
        """What the person of a message has chosen; None where the token is not ours."""
        message_id = self.message_of("preference", token)
        if message_id is None:
            return None
        with self._stores.control.read() as connection:
            message = _message(connection, message_id)
            if message is None:
                return None
            purpose = _purpose(message)
            wanted = {
                medium: permissions(
                    connection, purpose=purpose, channel=medium, profile_ids=[message.profile_id]
                ).refusal(message.profile_id)
                is None
                for medium in ADDRESS_KINDS
            }
        return Preferences(purpose, wanted)

    def choose(self, token: str, wanted: dict[str, bool], *, now: datetime) -> Preferences | None:
        """Record what the person chose for each medium; None where the token is not ours."""
        before = self.preferences(token)
        message_id = self.message_of("preference", token)
        if before is None or message_id is None:
            return None
        with self._stores.control.begin() as connection:
            message = _message(connection, message_id)
            for medium, yes in wanted.items():
                if medium not in ADDRESS_KINDS or yes == before.wanted[medium]:
                    continue
                if not yes:
                    self._refuse(connection, message, medium, now)
                    continue
                hashes = _address_hashes(connection, message.profile_id, medium)
                lift_suppression(connection, channel=medium, hashes=hashes, reason="unsubscribed")
                record_answer(
                    connection,
                    message.profile_id,
                    purpose=before.purpose,
                    channel=medium,
                    state="granted",
                    basis="opt_in",
                    occurred_at=now,
                    source=_SOURCE,
                    wording="Chosen on the preference page",
                )
        return self.preferences(token)


def _message(connection: sa.Connection, message_id: str) -> Any:
    return connection.execute(
        sa.select(_messages, _plans.c.document, _plans.c.summary)
        .join(_plans, _plans.c.plan_id == _messages.c.plan_id)
        .where(_messages.c.message_id == message_id)
    ).one_or_none()


def _campaign(message: Any) -> Campaign:
    found = check(message.document["campaign"])
    assert isinstance(found, Campaign)  # noqa: S101 - it was stored as one
    return found


def _purpose(message: Any) -> str:
    return _campaign(message).purpose


def _medium(message: Any) -> str:
    return next(
        str(a["medium"]) for a in message.summary["actions"] if a["action"] == message.action
    )


def _content(message: Any) -> str:
    template = next(a.template for a in _campaign(message).actions if a.key == message.action)
    return f"{template}/{message.variant}"


def _link(connection: sa.Connection, message: Any, number: int) -> Link | None:
    row = connection.execute(
        sa.select(_links).where(
            _links.c.plan_id == message.plan_id,
            _links.c.content == _content(message),
            _links.c.number == number,
        )
    ).one_or_none()
    return None if row is None else Link(number, row.url, personal=row.personal)


def _address_hashes(connection: sa.Connection, profile_id: str, medium: str) -> Sequence[str]:
    """The hashes of all addresses of a person for a medium."""
    kind = ADDRESS_KINDS.get(medium, medium)
    return list(
        connection.execute(
            sa.select(_identifiers.c.value_hash).where(
                _identifiers.c.kind == kind, of_profiles(_identifiers, [profile_id])
            )
        ).scalars()
    )
