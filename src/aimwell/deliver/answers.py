"""What recipients do with a message: opens, clicks, unsubscribing, preferences. Asked by the server, told by tokens."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa

from aimwell.definitions.catalogue import check
from aimwell.definitions.kinds.campaign import Campaign
from aimwell.deliver.links import HONEYPOT, Link, click_target
from aimwell.deliver.machine import Hit, Reason, judge
from aimwell.deliver.token import Purpose, Tokens
from aimwell.privacy.consent import latest_consents, record_answer, withdraw
from aimwell.privacy.permission import permissions
from aimwell.privacy.suppression import ADDRESS_KINDS, lift_suppression, of_profiles, suppress
from aimwell.store.schema import metadata
from aimwell.store.stores import Stores

__all__ = ["PAGE_VIEWED", "TEST_PREFIX", "Answers", "Preferences"]

TEST_PREFIX = "test-"
"""How the id of a message begins that is a test: no row of the ledger has it."""

PAGE_VIEWED = "Unsubscribe Page Viewed"
"""A look at the page to unsubscribe or choose. Noted for telling machines; nothing counts it, the lake has none."""

_messages = metadata.tables["messages"]
_events = metadata.tables["message_events"]
_links = metadata.tables["links"]
_plans = metadata.tables["plans"]
_identifiers = metadata.tables["identifiers"]
_KINDS: dict[str, Literal["open", "click", "page"]] = {
    "Email Opened": "open",
    "Email Link Clicked": "click",
    PAGE_VIEWED: "page",
}
_SOURCE = "recipient"
_HITS_MAX = 200
_KEPT_HITS_MAX = 1_000
_LINKS_MAX = 10_000
_PLANS_KEPT = 100
_AGENT_CHARS = 300
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")


@dataclass(frozen=True)
class Preferences:
    """What one person can switch: medium → whether messages for the purpose are wanted."""

    purpose: str
    wanted: dict[str, bool]


@dataclass(frozen=True)
class _PlanFacts:
    """What a plan says for ever: purpose; by action its medium and template; by content its links."""

    purpose: str
    media: Mapping[str, str]
    templates: Mapping[str, str]
    links: Mapping[str, Mapping[int, Link]]


@dataclass(frozen=True)
class _Asked:
    """How a request came: the moment, the method, what says to have sent it, and from where."""

    now: datetime
    method: str
    agent: str
    address: str


class Answers:
    """Answers requests for the links in messages. Between them it only keeps what plans say, which never changes."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores
        self._tokens = Tokens([stores.token_key])
        self._plans: dict[str, _PlanFacts] = {}

    def message_of(self, purpose: Purpose, token: str) -> str | None:
        """The message id of a true token; None otherwise."""
        return self._tokens.verify(purpose, token)

    def is_test(self, purpose: Purpose, token: str) -> bool:
        """Whether the token is of a message that somebody sent to themselves to try a campaign."""
        message_id = self.message_of(purpose, token)
        return message_id is not None and message_id.startswith(TEST_PREFIX)

    def opened(self, token: str, *, now: datetime, method: str, agent: str, address: str) -> bool:
        """Note an open. False where the token is not ours."""
        message_id = self.message_of("open", token)
        if message_id is None:
            return False
        with self._stores.control.begin() as connection:
            message = _message(connection, message_id)
            if message is None:
                return False
            asked = _Asked(now, method, agent, address)
            self._note(connection, message, "Email Opened", None, asked)
        return True

    def viewed(
        self,
        purpose: Purpose,
        token: str,
        *,
        now: datetime,
        method: str,
        agent: str,
        address: str,
    ) -> None:
        """Note a look at the page to unsubscribe or choose: scanners look at it right beside the links."""
        message_id = self.message_of(purpose, token)
        if message_id is None:
            return
        with self._stores.control.begin() as connection:
            message = _message(connection, message_id)
            if message is not None:
                asked = _Asked(now, method, agent, address)
                self._note(connection, message, PAGE_VIEWED, None, asked)

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
        if message_id is None or not 0 <= number <= _LINKS_MAX:
            return None
        with self._stores.control.begin() as connection:
            message = _message(connection, message_id)
            if message is None:
                return None
            target: str | None = ""
            if number != HONEYPOT:
                link = self._links(connection, message).get(number)
                if link is None:
                    return None
                target = click_target(self._tokens, message_id, link, sealed=sealed, query=query)
            if target is not None:
                asked = _Asked(now, method, agent, address)
                self._note(connection, message, "Email Link Clicked", number, asked)
            return target

    def _facts(self, connection: sa.Connection, message: Any) -> _PlanFacts:
        facts = self._plans.get(message.plan_id)
        if facts is None:
            if len(self._plans) >= _PLANS_KEPT:
                self._plans.clear()
            facts = self._plans[message.plan_id] = _read_facts(connection, message.plan_id)
        return facts

    def _links(self, connection: sa.Connection, message: Any) -> Mapping[int, Link]:
        facts = self._facts(connection, message)
        content = f"{facts.templates[message.action]}/{message.variant or 'a'}"
        return facts.links.get(content, {})

    def _note(
        self, connection: sa.Connection, message: Any, event: str, link: int | None, asked: _Asked
    ) -> None:
        rows = connection.execute(
            sa.select(_events)
            .where(_events.c.message_id == message.message_id, _events.c.event.in_(list(_KINDS)))
            .order_by(_events.c.id.desc())
            .limit(_KEPT_HITS_MAX)
        ).all()
        if len(rows) == _KEPT_HITS_MAX:
            return  # somebody hammers at this link; what it tells is known by now
        # The same address in the html and in the plain part is one link: whoever follows all follows one of the two.
        places = _first_places(self._links(connection, message))
        earlier = [
            Hit(
                row.occurred_at,
                _KINDS[row.event],
                places.get(row.link, row.link),
                user_agent=row.user_agent or "",
                signs=tuple(row.signs or ()),
            )
            for row in rows[:_HITS_MAX]
        ]
        agent = _CONTROL.sub(" ", asked.agent)[:_AGENT_CHARS]
        place = None if link is None else places.get(link, link)
        hit = Hit(asked.now, _KINDS[event], place, method=asked.method, user_agent=agent)
        verdict = judge(hit, earlier, links=len(set(places.values())), address=asked.address)
        connection.execute(
            sa.insert(_events).values(
                message_id=message.message_id,
                event=event,
                link=link,
                occurred_at=asked.now,
                machine=verdict.machine,
                signs=list(verdict.reasons) or sa.null(),
                user_agent=agent or None,
            )
        )
        _flag(connection, [rows[place] for place in verdict.earlier], "every_link")
        _flag(connection, [rows[place] for place in verdict.near], "near_machine")

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
            medium = self._facts(connection, message).media[message.action]
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
        purpose = self._facts(connection, message).purpose
        answers = connection.execute(
            latest_consents(purpose=purpose, channel=medium, profile_ids=[message.profile_id])
        )
        latest = {row[0]: row[1] for row in answers}
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
            message = _look(connection, message_id)
            if message is None:
                return None
            facts = self._facts(connection, message)
            purpose, own = facts.purpose, facts.media[message.action]
            wanted = {
                medium: permissions(
                    connection, purpose=purpose, channel=medium, profile_ids=[message.profile_id]
                ).refusal(message.profile_id)
                is None
                for medium in ADDRESS_KINDS
                if medium == own or _address_hashes(connection, message.profile_id, medium)
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
                if yes == before.wanted.get(medium, yes):
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
    """The message's row, locked until the transaction ends, so that its hits are judged one after the other."""
    return connection.execute(
        sa.select(_messages).where(_messages.c.message_id == message_id).with_for_update()
    ).one_or_none()


def _look(connection: sa.Connection, message_id: str) -> Any:
    """The message's row, for a page that changes nothing."""
    return connection.execute(
        sa.select(_messages).where(_messages.c.message_id == message_id)
    ).one_or_none()


def _flag(connection: sa.Connection, rows: Sequence[Any], sign: Reason) -> None:
    """Mark earlier hits as a machine's for one more reason, which they may have already."""
    ids = [row.id for row in rows if sign not in (row.signs or ())]
    if not ids:
        return
    # Read again: the flag before this one may have changed them.
    fresh = connection.execute(
        sa.select(_events.c.id, _events.c.signs).where(_events.c.id.in_(ids))
    ).all()
    for row in fresh:
        connection.execute(
            sa.update(_events)
            .where(_events.c.id == row.id)
            .values(machine=True, signs=[*(row.signs or ()), sign])
        )


def _read_facts(connection: sa.Connection, plan_id: str) -> _PlanFacts:
    plan = connection.execute(
        sa.select(_plans.c.document, _plans.c.summary).where(_plans.c.plan_id == plan_id)
    ).one()
    campaign = check(plan.document["campaign"])
    assert isinstance(campaign, Campaign)  # noqa: S101 - it was stored as one
    links: dict[str, dict[int, Link]] = {}
    for row in connection.execute(sa.select(_links).where(_links.c.plan_id == plan_id)):
        link = Link(row.number, row.url, personal=row.personal)
        links.setdefault(row.content, {})[row.number] = link
    return _PlanFacts(
        campaign.purpose,
        {str(a["action"]): str(a["medium"]) for a in plan.summary["actions"]},
        {action.key: action.template for action in campaign.actions},
        links,
    )


def _first_places(links: Mapping[int, Link]) -> dict[int, int]:
    """Number of a link → the lowest number with the same address."""
    first: dict[str, int] = {}
    for number in sorted(links):
        first.setdefault(links[number].url, number)
    return {number: first[link.url] for number, link in links.items()}


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
