"""Messages as columns: Parquet files of the working folder, from which the engine makes rows of the lake.

Each message is looked at here once, in Python; all that concerns many messages (which were taken before, whose they
are) is the engine's. What is personal stands in columns of its own (`hidden`, the ids) and goes to the vault.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from aimwell.collect.personal_signs import personal_kind
from aimwell.collect.tracking import commerce
from aimwell.collect.tracking.floods import bare_agent
from aimwell.collect.tracking.messages import Fault, Message
from aimwell.collect.tracking.parting import part
from aimwell.definitions.nobody import NOBODY, ids_in, is_nobody
from aimwell.store.tables import TIME

__all__ = ["EVENT_NAMES", "GPC", "SHEETS", "Rules", "Sheets"]

EVENT_NAMES = {
    "page": "Page Viewed",
    "screen": "Screen Viewed",
    "identify": "User Identified",
    "group": "Account Joined",
    "alias": "Identity Joined",
}
"""What messages that are no track are called in the lake; their own name is the property `name`."""

GPC = "Sec-GPC"
"""Stands as the category of an answer that the browser gave for its user."""

_T = pa.string()
_N = ("n", pa.int64())
SHEETS: dict[str, pa.Schema] = {
    "messages": pa.schema(
        [
            _N,
            *((name, _T) for name in ("source", "type", "event_id", "event")),
            *((name, _T) for name in ("user_id", "anonymous_id", "previous_id", "device_id")),
            *((name, _T) for name in ("email", "phone")),
            ("occurred_at", TIME),
            ("received_at", TIME),
            *((name, _T) for name in ("sku", "category", "session_id")),
            *((name, _T) for name in ("revenue", "quantity", "currency")),
            *((name, _T) for name in ("properties", "envelope", "hidden")),
            ("robot", pa.bool_()),
            ("bare_agent", _T),
        ]
    ),
    "statements": pa.schema([_N, ("field", _T), ("value", _T)]),
    "said_traits": pa.schema([_N, ("name", _T), ("value", _T)]),
    "said_consents": pa.schema([_N, ("category", _T), ("granted", pa.bool_())]),
    "said_accounts": pa.schema(
        [
            _N,
            *((name, _T) for name in ("account_id", "name", "industry", "country", "stage")),
            ("size", pa.int64()),
            *((name, _T) for name in ("role", "properties")),
        ]
    ),
    "said_products": pa.schema(
        [
            _N,
            *((name, _T) for name in ("sku", "name", "category", "brand", "price", "currency")),
        ]
    ),
    "said_orders": pa.schema(
        [_N, *((name, _T) for name in ("order_id", "content", "reason", "field", "detail"))]
    ),
    "faults": pa.schema(
        [
            *((name, _T) for name in ("source", "reason", "field", "detail", "content")),
            ("received_at", TIME),
        ]
    ),
}
"""The working tables; all but `messages` and `faults` refer to a message by its number `n`."""

_ROWS = 20_000
_TEXT_MAX = 10_000
_SIZE_MAX = 10**12
_PERSONAL = frozenset(
    {"email", "phone", "first_name", "last_name", "full_name", "street", "postcode", "birth_date"}
)
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True)
class Rules:
    """What a source says of its messages: names that only look personal, whether orders are made of them, ids that
    name nobody, and whether messages of known robots are taken."""

    not_personal: frozenset[str] = frozenset()
    orders: bool = True
    nobody: frozenset[str] = ids_in(NOBODY)
    robots: bool = True


class Sheets:
    """Takes messages and writes the working tables.

    Args:
        folder: Where a folder for each table is made.
        rules: By source; the defaults hold for others.
    """

    def __init__(self, folder: Path, rules: Mapping[str, Rules]) -> None:
        self._folder = folder
        self._rules = rules
        self._default = Rules()
        self._rows: dict[str, list[tuple[Any, ...]]] = {name: [] for name in SHEETS}
        self._files = 0
        self._number = 0
        self.messages = 0
        self.faults = 0
        self.robots = 0
        for name in SHEETS:
            (folder / name).mkdir(parents=True)

    def count_from(self, number: int) -> None:
        """The next message has the number after this one. Numbers rise in the order in which messages came."""
        self._number = number

    def add_fault(self, source: str, fault: Fault, received_at: Any) -> None:
        """A message that cannot be taken."""
        self.faults += 1
        self._rows["faults"].append(
            (source, fault.reason, fault.field, fault.detail, fault.content, received_at)
        )
        if len(self._rows["faults"]) >= _ROWS:
            self.write()

    def add(self, source: str, message: Message) -> None:
        """A message that can be taken, if it was not before."""
        if message.robot and not self._rules.get(source, self._default).robots:
            self.robots += 1
            return
        self.messages += 1
        self._number += 1
        number = self._number
        rules = self._rules.get(source, self._default)
        safe = rules.not_personal
        type_, told = message.type, message.told
        hidden: dict[str, Any] = {}
        envelope: dict[str, Any] = {}
        if message.user_id is not None:
            hidden["userId"] = message.user_id
        if message.anonymous_id is not None:
            hidden["anonymousId"] = message.anonymous_id
        if message.previous_id is not None:
            hidden["previousId"] = message.previous_id
        if message.group_id is not None:
            hidden["groupId"] = message.group_id
        properties = message.properties
        if properties:
            properties, secret = part(properties, about="deed", not_personal=safe)
            if secret:
                hidden["properties"] = secret
        if message.context:
            envelope["context"], secret = part(
                message.context, about="surroundings", not_personal=safe
            )
            if secret:
                hidden["context"] = secret
        traits = message.traits
        if traits:
            about_firm = type_ == "group"
            traits, secret = part(
                traits, about="deed" if about_firm else "person", not_personal=safe
            )
            envelope["traits"] = traits
            if secret:
                hidden["traits"] = secret
        if message.rest:
            envelope["rest"], secret = part(message.rest, about="deed", not_personal=safe)
            if secret:
                hidden["rest"] = secret
        if message.clock != "corrected":
            envelope["clock"] = message.clock
        if message.opted_out:
            envelope["gpc"] = True
        event, event_id = message.name, message.message_id
        if type_ != "track":
            if event:
                kept, _ = part({"title": event}, about="deed")
                envelope["name"] = kept["title"]
                if kept["title"] != event:
                    told = {"name": event, **told}
                if "name" not in properties:
                    properties = {**properties, "name": kept["title"]}
                    envelope["name_added"] = True
            event = EVENT_NAMES[type_]
        elif "@" in event:
            kept, _ = part({"title": event}, about="deed")
            told = {"event": event, **told}
            event = kept["title"]
        if "@" in event_id:
            told = {"messageId": event_id, **told}
            event_id = f"made-{hashlib.sha256(event_id.encode()).hexdigest()[:32]}"
        if told:
            hidden["told"] = told
        email, phone = self._person(number, message)
        self._rows["messages"].append(
            (
                number,
                source,
                type_,
                event_id,
                event,
                message.user_id,
                message.anonymous_id,
                message.previous_id if type_ == "alias" else None,
                _device(message.context, rules.nobody),
                email,
                phone,
                message.occurred_at,
                message.received_at,
                commerce.sku_of(properties) if properties else None,
                commerce.id_text(properties.get("category")),
                commerce.id_text(properties.get("session_id"))
                or commerce.id_text(message.context.get("sessionId")),
                commerce.number_text(properties.get("revenue"))
                if commerce.has_money(properties)
                else None,
                commerce.number_text(properties.get("quantity")),
                commerce.currency_of(properties.get("currency")),
                _encode(properties).decode() if properties else None,
                _encode(envelope).decode() if envelope else None,
                _encode(hidden).decode(),
                message.robot,
                _bare(message),
            )
        )
        if type_ == "identify" and message.traits:
            self._traits(number, traits, message.traits)
        elif type_ == "group":
            self._account(number, message, traits)
        elif type_ == "track":
            self._commerce(number, event, properties, orders=rules.orders)
        if message.opted_out or "consent" in message.context:
            self._consents(number, message)
        if len(self._rows["messages"]) >= _ROWS:
            self.write()

    def _person(self, number: int, message: Message) -> tuple[str | None, str | None]:
        """E-mail address and telephone number that are told of the person; notes all personal fields."""
        said = message.context.get("traits")
        given: dict[str, Any] = dict(said) if isinstance(said, dict) else {}
        if message.type == "identify":
            given |= message.traits
        if not given:
            return None, None
        found: dict[str, str] = {}
        for field, value in _personal_fields(given):
            if field not in found:
                found[field] = value
        self._rows["statements"].extend((number, *item) for item in found.items())
        return found.get("email"), found.get("phone")

    def _traits(self, number: int, kept: Mapping[str, Any], whole: Mapping[str, Any]) -> None:
        rows = self._rows["said_traits"]
        said = dict(kept)
        address = whole.get("address")
        if isinstance(address, dict):  # hidden whole, but where somebody lives roughly is no secret
            for name in ("country", "city"):
                if isinstance(address.get(name), str):
                    said.setdefault(name, address[name])
        for name, value in said.items():
            if name and len(name) <= 100 and "\0" not in name:
                rows.append((number, name, _trait_text(value)))

    def _account(self, number: int, message: Message, kept: Mapping[str, Any]) -> None:
        account = message.group_id or ""
        if "@" in account:
            account = hashlib.sha256(account.encode()).hexdigest()[:24]
        size = commerce.number_text(kept.get("employees") or kept.get("size"))
        named = ("name", "industry", "stage", "role", "country", "employees", "size")
        further = {name: value for name, value in kept.items() if name not in named}
        self._rows["said_accounts"].append(
            (
                number,
                account,
                *(commerce.id_text(kept.get(n)) for n in ("name", "industry", "country", "stage")),
                int(float(size)) if size is not None and abs(float(size)) < _SIZE_MAX else None,
                commerce.id_text(kept.get("role")),
                _encode(further).decode() if further else None,
            )
        )

    def _commerce(
        self, number: int, event: str, properties: Mapping[str, Any], *, orders: bool
    ) -> None:
        if event in commerce.ORDER_NAMES and orders:
            fault = commerce.order_fault(event, properties)
            content = _encode(commerce.order_content(properties)).decode()
            order_id = commerce.id_text(properties.get("order_id"))
            self._rows["said_orders"].append(
                (number, order_id, content, *(fault or (None, None, None)))
            )
        if not properties:
            return
        products = self._rows["said_products"]
        currency = commerce.currency_of(properties.get("currency"))
        for sku, said in commerce.products_of(event, properties):
            products.append(
                (
                    number,
                    sku,
                    *(commerce.id_text(said.get(n)) for n in ("name", "category", "brand")),
                    commerce.number_text(said.get("price"))
                    if commerce.has_money(properties)
                    else None,
                    currency,
                )
            )

    def _consents(self, number: int, message: Message) -> None:
        rows = self._rows["said_consents"]
        if message.opted_out:
            rows.append((number, GPC, False))
        consent = message.context.get("consent")
        answers = consent.get("categoryPreferences") if isinstance(consent, dict) else None
        if isinstance(answers, dict):
            for category, granted in answers.items():
                if isinstance(granted, bool) and 0 < len(category) <= 100 and "\0" not in category:
                    rows.append((number, category, granted))

    def write(self) -> None:
        """Write what has been taken so far to the disk."""
        self._files += 1
        for name, rows in self._rows.items():
            if not rows:
                continue
            schema = SHEETS[name]
            columns = zip(*rows, strict=True)
            arrays = [
                pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)
            ]
            pq.write_table(
                pa.table(arrays, schema=schema),
                self._folder / name / f"{self._files:05d}.parquet",
                compression="lz4",
                use_dictionary=False,
                write_statistics=False,
            )
            rows.clear()

    def files(self, name: str) -> list[Path]:
        """The files of a working table."""
        return sorted((self._folder / name).glob("*.parquet"))


def _device(context: Mapping[str, Any], nobody: frozenset[str]) -> str | None:
    """The device; none where its id is that of every device whose owner tells nothing, zeros alone."""
    device = context.get("device")
    id_ = commerce.id_text(device.get("id")) if isinstance(device, dict) else None
    return None if id_ is None or is_nobody(id_, nobody) else id_


def _bare(message: Message) -> str | None:
    """The user agent of a page that some program shows to nobody who is known; see `floods`."""
    if message.user_id is not None or message.robot or message.type not in ("page", "screen"):
        return None
    return bare_agent(message.context)


_KINDS: dict[str, str | None] = {}
_KINDS_MAX = 10_000


def _personal_fields(given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(column of the vault, value) of what traits say of a person."""
    for name, value in given.items():
        kind = _KINDS.get(name)
        if kind is None and name not in _KINDS:
            if len(_KINDS) >= _KINDS_MAX:
                _KINDS.clear()
            kind = _KINDS[name] = personal_kind(name) if len(name) <= 100 else None
        if kind == "street" and isinstance(value, dict):
            yield from _personal_fields(value)
        elif kind in _PERSONAL and isinstance(value, str | int) and not isinstance(value, bool):
            text = str(value).replace("\0", "").strip()
            if 0 < len(text) <= _TEXT_MAX:
                yield kind, text


def _trait_text(value: Any) -> str | None:
    """A trait's value as the lake keeps it; null withdraws it."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    return _encode(value).decode()
