"""A handful of claimed messages: asked again, rendered, handed over, and what became of each."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache

from aimwell.decide.model import Plan
from aimwell.deliver import ledger
from aimwell.deliver.addresses import is_made_up, trial_address
from aimwell.deliver.fields import people_fields
from aimwell.deliver.ledger import Claimed, Result
from aimwell.deliver.merging import as_they_are_now
from aimwell.deliver.model import Outcome, Outgoing, Recipient, Stopped
from aimwell.deliver.outfit import Outfit
from aimwell.deliver.own_offers import OwnOffers
from aimwell.deliver.products import PinnedProducts
from aimwell.deliver.stopping import StopRules
from aimwell.deliver.transport import Transport
from aimwell.errors import AimwellError, RecipientsRefusedError
from aimwell.privacy.vault import Person
from aimwell.store.stores import Stores

__all__ = ["Handful"]

_WAIT = timedelta(minutes=1)
_REPLY_CHARS = 500
_NOBODY = "bad_recipient"


class Handful:
    """Messages that this process has claimed, until they are put down.

    `last_settled` are the results that were given last, `bounced` the addresses that a server said do not exist.
    """

    def __init__(self, claimed: Sequence[Claimed]) -> None:
        self.claimed = claimed
        self.last_settled: list[Result] = []
        self.bounced: list[str] = []
        self._found: dict[str, Result] = {}
        self._handed_over: set[str] = set()
        self._attempts = {message.message_id: message.attempts for message in claimed}

    async def send(
        self,
        stores: Stores,
        plan: Plan,
        *,
        outfit: Outfit,
        transports: Mapping[str, Transport],
        rules: StopRules,
        products: PinnedProducts,
        offers: OwnOffers,
        clock: Callable[[], datetime],
        halted: Callable[[], bool],
        made_up_only: bool = False,
    ) -> AimwellError | None:
        """Hand over what may leave; returns what kept the rest from leaving (no server, a full disk)."""
        with stores.read_control() as connection:
            people, found = as_they_are_now(connection, plan.plan_id, self.claimed, now=clock())
        self._found.update(found)
        self._found.update(rules.ask(people))
        ready = [message for message in people if message.message_id not in self._found]
        recipients = self._recipients(
            stores, plan, ready, products, offers, now=clock(), made_up_only=made_up_only
        )
        outgoing = self._compose(outfit, recipients, now=clock())
        addresses = {message.message_id: message.recipient for _, message in outgoing}
        for channel in dict.fromkeys(name for name, _ in outgoing):
            messages = [message for name, message in outgoing if name == channel]
            try:
                async for outcome in transports[channel].send(self._pulled(messages, halted)):
                    self._note(outcome, clock())
                    if outcome.about_recipient:
                        self.bounced.append(addresses[outcome.message_id])
            except AimwellError as error:  # no connection, refused altogether, disk full
                if isinstance(error, RecipientsRefusedError):
                    self._doubt_refusals()
                return error
        return None

    def _doubt_refusals(self) -> None:
        """So many addresses in a row cannot all be nobody's: nobody is suppressed for it, and their messages wait."""
        self.bounced.clear()
        for key in [key for key, result in self._found.items() if result.reason == _NOBODY]:
            self._handed_over.discard(key)
            del self._found[key]

    def settled(
        self, again: Collection[str], *, now: datetime, trouble: AimwellError | None
    ) -> list[Result]:
        """One result for each claimed message, also where the handful was left in the middle.

        Args:
            again: Channels whose messages may be handed over a second time.
            trouble: What kept messages from leaving: they wait a little.
        """
        self.last_settled = [
            self._found.get(message.message_id) or self._left(message, again, now, trouble)
            for message in self.claimed
        ]
        return self.last_settled

    def _left(
        self, message: Claimed, again: Collection[str], now: datetime, trouble: AimwellError | None
    ) -> Result:
        key = message.message_id
        if key in self._handed_over and message.channel not in again:
            reason = "the sender was stopped while this was in flight"
            return Result(key, "unknown", reason=reason)
        if trouble is None:
            return Result(key, "queued", left=False)
        reason = "waits: the channel does not take messages now"
        return Result(key, "queued", reason=reason, due_at=now + _WAIT, left=False)

    def _recipients(
        self,
        stores: Stores,
        plan: Plan,
        ready: Sequence[Claimed],
        products: PinnedProducts,
        offers: OwnOffers,
        *,
        now: datetime,
        made_up_only: bool,
    ) -> dict[str, list[Recipient]]:
        """Action → who gets it. Who has no address, too few products left, or no code, is stopped."""
        # Who is one with another by now gets the list that was shown for this message.
        planned = {message.message_id: message.profile_id for message in self.claimed}
        lists = products.fields([planned[message.message_id] for message in ready])
        own = offers.fields([(m.action, planned[m.message_id]) for m in ready], now=now)
        with stores.read_control() as connection:
            fields, people = people_fields(connection, [message.profile_id for message in ready])
        found: dict[str, list[Recipient]] = {}
        for message in ready:
            person = people.get(message.profile_id)
            address = person.email if person is not None else None
            if plan.trial and (address is None or (made_up_only and not is_made_up(address))):
                address = trial_address(message.profile_id, salt=stores.workspace_id)
            if address is None:
                self._stop(message.message_id, "no_address")
                continue
            listed = lists.get(planned[message.message_id])
            if listed is None:
                self._stop(message.message_id, "few_products")
                continue
            offer = own.get((message.action, planned[message.message_id]))
            if offer is None:
                self._stop(message.message_id, "no_code")
                continue
            recipient = Recipient(
                message.message_id,
                address,
                {**fields[message.profile_id], **listed, **offer},
                name=_name(person),
                variant=message.variant,
            )
            found.setdefault(message.action, []).append(recipient)
        return found

    def _compose(
        self, outfit: Outfit, recipients: Mapping[str, list[Recipient]], *, now: datetime
    ) -> list[tuple[str, Outgoing]]:
        """(channel, message) of all that can be made; what cannot is stopped with the reason."""
        outgoing = []
        for action, wanted in recipients.items():
            channel = outfit.channels[action].name
            for made in outfit.composers[action].compose(wanted, now=now):
                if isinstance(made, Stopped):
                    self._stop(made.message_id, f"{made.code}: {made.reason}")
                else:
                    outgoing.append((channel, made))
        return outgoing

    def _stop(self, message_id: str, reason: str) -> None:
        self._found[message_id] = Result(message_id, "stopped", reason=reason, left=False)

    def _pulled(
        self, messages: Sequence[Outgoing], halted: Callable[[], bool]
    ) -> Iterator[Outgoing]:
        """The messages, each noted when the transport takes it; no more once sending has to stop."""
        for message in messages:
            if halted():
                return
            self._handed_over.add(message.message_id)
            yield message

    def _note(self, outcome: Outcome, now: datetime) -> None:
        self._found[outcome.message_id] = _result(outcome, self._attempts[outcome.message_id], now)


def _name(person: Person | None) -> str:
    names = person.fields if person is not None else {}
    parts = (names[part] for part in ("first_name", "last_name") if names.get(part))
    return names.get("full_name") or " ".join(parts)


@lru_cache(maxsize=64)
def _reply(code: int | None, enhanced: str, text: str) -> str | None:
    """What the server said, in one line; servers say the same of most messages."""
    words = (code, enhanced, text)
    return " ".join(str(part) for part in words if part)[:_REPLY_CHARS] or None


def _result(outcome: Outcome, attempts: int, now: datetime) -> Result:
    key = outcome.message_id
    reply = _reply(outcome.code, outcome.enhanced, outcome.text)
    if outcome.status == "accepted":
        return Result(key, "sent", reply=reply, event="Email Sent")
    if outcome.status == "refused":
        reason = _NOBODY if outcome.about_recipient else "refused"
        event = "Email Bounced" if outcome.about_recipient else None
        return Result(key, "failed", reason=reason, reply=reply, event=event)
    if outcome.status == "unknown":
        return Result(key, "unknown", reason="no answer came", reply=reply)
    later = ledger.hold_until(attempts, now)
    if later is None:
        return Result(key, "failed", reason="put off too often", reply=reply)
    return Result(key, "queued", reason="put off by the server", reply=reply, due_at=later)
