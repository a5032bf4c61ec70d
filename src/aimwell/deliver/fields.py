"""The values of the fields that `texts.vocabulary` names: what a text may say about a person and an offer.

A template's own `defaults` stand in where a person has none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

import sqlalchemy as sa

from aimwell.decide.campaign_parts import CampaignParts
from aimwell.definitions.kinds.campaign import Action
from aimwell.privacy.vault import Person, read_people
from aimwell.store.listed import GIVEN, among
from aimwell.store.schema import metadata
from aimwell.texts.vocabulary import PERSON_FIELDS, field_name

__all__ = ["CODE_SHOWN", "people_fields", "shared_fields"]

CODE_SHOWN = "YOUR-CODE"
"""Stands in previews and trials for a code of a person's own, of which none is handed out for them."""

_profiles = metadata.tables["profiles"]
_FROM_VAULT = frozenset(PERSON_FIELDS)


def shared_fields(parts: CampaignParts, action: Action, *, currency: str) -> dict[str, object]:
    """Fields that are the same for everybody who gets `action`."""
    fields: dict[str, object] = dict(parts.templates[action.template].defaults)
    fields |= {"campaign": parts.campaign.name, "currency": currency}
    if action.offer is not None:
        offer = parts.offers[action.offer]
        benefit = offer.benefit
        said = {
            "name": offer.description or offer.name,
            "code": offer.code or (CODE_SHOWN if offer.codes is not None else None),
            "percent": _whole(benefit.percent),
            "amount": _whole(benefit.amount),
            "free_shipping": bool(benefit.free_shipping),
            "gift": benefit.gift,
            "points": benefit.points,
            "minimum_spend": _whole(offer.minimum_spend),
            "ends": offer.valid.end,
        }
        # What the offer does not say is missing, so that a text that needs it is refused and not sent with a gap.
        fields["offer"] = {name: value for name, value in said.items() if value is not None}
    return fields


def _whole(value: float | None) -> float | int | None:
    """10.0 as 10, because people read it."""
    return int(value) if value is not None and value == int(value) else value


def people_fields(
    connection: sa.Connection, profile_ids: Sequence[str]
) -> tuple[dict[str, dict[str, object]], dict[str, Person]]:
    """The fields of each person, and what the vault knows of them (for the address)."""
    people = read_people(connection, profile_ids)
    rows = connection.execute(_traits(), {"ids": profile_ids}).all()
    traits: dict[str, Mapping[str, object]] = dict(rows)
    return {
        profile: _fields(people.get(profile), traits.get(profile, {})) for profile in profile_ids
    }, people


@cache
def _traits() -> sa.Select[str, Mapping[str, object]]:
    return sa.select(_profiles.c.profile_id, _profiles.c.traits).where(
        among(_profiles.c.profile_id, GIVEN)
    )


def _fields(person: Person | None, traits: Mapping[str, object]) -> dict[str, object]:
    fields = {field_name(name): value for name, value in traits.items() if _says(value)}
    if person is not None:
        for name, value in person.fields.items():
            if name in _FROM_VAULT and _says(value):
                fields[name] = value
    return fields


def _says(value: object) -> bool:
    """Whether a value says anything; a blank text is no name to greet anybody by."""
    return value is not None and not (isinstance(value, str) and (not value or value.isspace()))
