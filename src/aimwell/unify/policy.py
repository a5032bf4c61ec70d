"""How many people may share an identifier before it is nobody's, and which evidence comes first."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from aimwell.settings import Settings
from aimwell.unify.kinds import family

__all__ = ["Policy"]

_RULE = 3
"""Raised when the rule itself changes, so that the next run looks at everybody again."""

_OTHER = 5


@dataclass(frozen=True)
class Policy:
    """The limits of one workspace.

    Args:
        people_max: Kind without namespace → how many people may share one identifier of it. People are counted as the
            greatest number of different ids of one kind: three customer ids of one shop are three, a customer id
            of the shop and one of the till are one. Kinds that are not named have the limit `_OTHER`, customer ids
            none: each has an origin of its own.
        customer_ids_max: Customer ids of one namespace that one person may have.
        trusted_sources: Sources whose identifiers come first within a kind, the most trusted first.
    """

    people_max: Mapping[str, int] = field(
        default_factory=lambda: Policy.of(Settings()).people_max  # the documented defaults
    )
    customer_ids_max: int = 10
    trusted_sources: tuple[str, ...] = ()

    @classmethod
    def of(cls, settings: Settings) -> Policy:
        """As the settings say."""
        return cls(
            people_max={
                "email": settings.email_people_max,
                "phone": settings.phone_people_max,
                "loyalty_card": settings.loyalty_card_people_max,
                "external_id": settings.external_id_people_max,
                "handle": settings.handle_people_max,
                "device_id": settings.device_people_max,
                "anonymous_id": settings.anonymous_people_max,
                "alias": settings.alias_people_max,
            },
            customer_ids_max=settings.customer_ids_max,
            trusted_sources=settings.trusted_source_names,
        )

    def limit(self, kind: str) -> int | None:
        """People who may share an identifier of this kind; None: any number."""
        name = family(kind)
        return None if name == "customer_id" else self.people_max.get(name, _OTHER)

    def trust(self, source: str) -> int:
        """Place of a source; those that nobody named come last, all alike."""
        names = self.trusted_sources
        return names.index(source) if source in names else len(names)

    @property
    def fingerprint(self) -> str:
        """Equal for policies that join the same people."""
        return hashlib.sha256(
            json.dumps([_RULE, asdict(self)], sort_keys=True).encode()
        ).hexdigest()
