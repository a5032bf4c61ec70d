"""The target fields of an entity: what kind of value each holds and where it comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from aimwell.collect.entity_specs import SPECS
from aimwell.collect.field_kinds import FieldKind
from aimwell.definitions.kinds.source import Consent, Entity
from aimwell.definitions.source_values import Value

__all__ = ["CONSENT", "EMAIL_KINDS", "FieldKind", "TargetField", "fields_of", "under"]

EMAIL_KINDS: tuple[FieldKind, ...] = ("email", "phone")

CONSENT = "consent."
"""Fields of consent begin so; those of traits, properties and the vault likewise."""

_IDS = {"order_id", "line", "customer_id", "sku", "shop_id", "original_order_id", "event_id"}
_IDS |= {"session_id", "loyalty_card", "device_id", "anonymous_id", "account_id"}
_NUMBERS = {"quantity", "unit_price", "line_total", "discount", "tax", "shipping", "unit_cost"}
_NUMBERS |= {"goods_total", "price", "revenue"}
_TIMES = {"ordered_at", "occurred_at", "set_at", "date", f"{CONSENT}given_at"}
_CURRENCIES = {"currency", "from_currency", "to_currency"}
_REQUIRED: Mapping[str, set[str]] = {
    "orders": {"order_id", "ordered_at", "quantity"},
    "customers": set[str](),
    "products": {"sku"},
    "events": {"event", "occurred_at"},
    "rates": {"date", "from_currency", "rate"},
    **{name: set(spec.required) for name, spec in SPECS.items()},
}
_DICTIONARY_KINDS: Mapping[str, FieldKind] = {"external_ids": "id", "handles": "handle"}


@dataclass(frozen=True)
class TargetField:
    """One mapped field. `required`: a row without a value goes to quarantine."""

    name: str
    kind: FieldKind
    value: Value
    required: bool

    @property
    def is_written(self) -> bool:
        """Whether the value stands in the file as it is, not made by an expression or constant."""
        return self.value.column is not None or self.value.path is not None


def fields_of(entity: Entity, consent: Consent | None) -> tuple[TargetField, ...]:
    """All mapped fields of an entity. Names of traits begin with `traits.`, and so on."""
    given: dict[str, Value] = {path.removeprefix("map."): value for path, value in entity.values()}
    if entity.entity == "customers":  # how far a prospect has come is a trait like others
        given = {f"traits.{n}" if n.startswith("lead_") else n: v for n, v in given.items()}
    if consent is not None and entity.entity == "customers":
        given |= {f"{CONSENT}{medium}": value for medium, value in consent.opt_in.items()}
        if consent.given_at is not None and consent.opt_in:
            given[f"{CONSENT}given_at"] = consent.given_at
    required = set(_REQUIRED[entity.entity])
    if len(prices := {"unit_price", "line_total"} & given.keys()) == 1:
        required |= prices
    return tuple(
        TargetField(name, _kind(name, entity.entity), value, name in required)
        for name, value in given.items()
    )


def _kind(name: str, entity: str) -> FieldKind:
    group = name.partition(".")[0]
    if group in _DICTIONARY_KINDS:
        return _DICTIONARY_KINDS[group]
    if entity in SPECS:
        return SPECS[entity].kind_of(name)
    if name == "email" or name == "phone":
        return "email" if name == "email" else "phone"
    if name in _TIMES:
        return "time"
    if name in _NUMBERS:
        return "number"
    if name in _CURRENCIES:
        return "currency"
    if name == "rate":
        return "rate"
    return "id" if name in _IDS else "text"


def under(prefix: str, names: Mapping[str, object] | tuple[str, ...]) -> dict[str, str]:
    """The last part of a name → the name, of those that begin with `prefix` and a dot."""
    return {name.split(".", 1)[1]: name for name in names if name.startswith(f"{prefix}.")}
