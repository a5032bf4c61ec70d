"""Tells personal data from other columns, by their names and by their values.

Personal data belong in the vault. Traits and properties go to the lake, so a column that looks personal is
refused there, unless the source says that it only looks so.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from sqlglot import exp

from aimwell.collect.fields import TargetField
from aimwell.definitions.kinds.source import Entity
from aimwell.errors import MappingError
from aimwell.store.engine import Session
from aimwell.store.sql import column

__all__ = ["personal_kind", "refuse_personal"]

_SAMPLE = 1_000
_SHARE = 0.3

_NAMES: tuple[tuple[str, str], ...] = (
    ("email", r"e?mail|mail(addr|address)"),
    ("phone", r"(tele)?phone|mobile|msisdn|telephone|handy|fax"),
    ("first_name", r"(first|given|fore)name|vorname|prenom"),
    ("last_name", r"(last|family|sur)name|nachname"),
    ("full_name", r"(full|customer|billing|shipping|contact)name|name"),
    (
        "street",
        r"street|address(line)?[0-9]?|addr|strasse|(billing|shipping)(street|address[0-9]?)",
    ),
    ("postcode", r"(post|zip|postal)(code)?|plz|(billing|shipping)(zip|postcode)"),
    ("birth_date", r"birth(day|date)?|dateofbirth|dob"),
    ("ip", r"ip(addr|address)?|(client|remote)ip"),
    (
        "free text",
        r"(review|free|order)?(comment|comments|note|notes|message|text)|review(body|title)",
    ),
)
_VALUES: tuple[tuple[str, str], ...] = (
    ("email", r"[^@\s]+@[^@\s]+[.][A-Za-z]{2,}"),
    ("phone", r"[+(]?[0-9][0-9 ().-]{8,16}[0-9]"),
    ("ip", r"([0-9]{1,3}[.]){3}[0-9]{1,3}|([0-9a-fA-F]{1,4}:){3,7}[0-9a-fA-F]{1,4}"),
)
# Numbers and dates look like telephones; only a name can tell those.
_SURE = ("email", "ip")


def personal_kind(name: str, values: Sequence[str] = ()) -> str | None:
    """What kind of personal data a column holds, by its name, else by some values; None: none."""
    bare = re.sub(r"[^a-z0-9]", "", name.lower())
    for kind, pattern in _NAMES:
        if re.fullmatch(pattern, bare):
            return kind
    told = [value for value in values if value]
    for kind, pattern in _VALUES:
        fits = sum(re.fullmatch(pattern, value) is not None for value in told)
        if kind in _SURE and told and fits > _SHARE * len(told):
            return kind
    return None


def refuse_personal(session: Session, entity: Entity, fields: Sequence[TargetField]) -> None:
    """Raise MappingError where a trait or property of `texts` holds personal data."""
    listed = getattr(entity, "not_personal", None)
    if listed is None:  # what is said of goods, shops and money is about nobody
        return
    allowed = set(listed)
    suspects = [
        f
        for f in fields
        if f.name.startswith(("traits.", "properties.")) and f.name.split(".", 1)[1] not in allowed
    ]
    if not suspects:
        return
    sample = exp.select(*(column(f.name) for f in suspects)).from_("texts").limit(_SAMPLE)
    rows = session.rows(sample)
    for place, field in enumerate(suspects):
        last = field.name.split(".", 1)[1]
        kind = personal_kind(last, [row[place] for row in rows if row[place] is not None])
        if kind is not None:
            raise MappingError(
                f"{field.name} ('{field.value}') looks like personal data ({kind}), which belong in the vault. Map "
                f"it as {kind.replace('free text', 'vault')} of customers, or say `not_personal: [{last}]`.",
                field=field.name,
            )
