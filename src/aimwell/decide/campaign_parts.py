"""A campaign with everything that it refers to, read together and frozen into the plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aimwell.decide.model import Candidate
from aimwell.definitions import service as definitions
from aimwell.definitions.base import Definition
from aimwell.definitions.catalogue import check
from aimwell.definitions.kinds.campaign import Campaign
from aimwell.definitions.kinds.channel import Channel
from aimwell.definitions.kinds.contact_policy import ContactPolicy
from aimwell.definitions.kinds.offer import Offer
from aimwell.definitions.kinds.template import Template
from aimwell.errors import DecideError, UnknownDefinitionError
from aimwell.store.control import Control

__all__ = ["CampaignParts", "candidates", "parts_of_plan", "read_parts", "sendable"]

DEFAULT_POLICY = "default"


@dataclass(frozen=True)
class CampaignParts:
    """The campaign and the definitions it needs, by name."""

    campaign: Campaign
    revision: int
    offers: Mapping[str, Offer]
    channels: Mapping[str, Channel]
    templates: Mapping[str, Template]
    contact_policy: ContactPolicy | None

    def document(self) -> dict[str, Any]:
        """All of them as plain values, for the plan."""
        policy = self.contact_policy
        return {
            "campaign": self.campaign.document(),
            "revision": self.revision,
            "offers": {name: offer.document() for name, offer in self.offers.items()},
            "channels": {name: channel.document() for name, channel in self.channels.items()},
            "templates": {name: template.document() for name, template in self.templates.items()},
            "contact_policy": policy.document() if policy is not None else None,
        }


def read_parts(control: Control, name: str) -> CampaignParts:
    """The campaign `name` and what it refers to, as they are now. Raises UnknownDefinitionError."""
    campaign, revision = definitions.get(control, "campaign", name)
    assert isinstance(campaign, Campaign)  # noqa: S101 - the catalogue maps the kind to this class
    actions = campaign.actions
    policy: ContactPolicy | None
    try:
        policy = definitions.find(control, ContactPolicy, campaign.contact_policy or DEFAULT_POLICY)
    except UnknownDefinitionError:
        if campaign.contact_policy is not None:
            raise
        policy = None
    return CampaignParts(
        campaign=campaign,
        revision=revision,
        offers={a.offer: definitions.find(control, Offer, a.offer) for a in actions if a.offer},
        channels={a.channel: definitions.find(control, Channel, a.channel) for a in actions},
        templates={a.template: definitions.find(control, Template, a.template) for a in actions},
        contact_policy=policy,
    )


def parts_of_plan(document: Mapping[str, Any]) -> CampaignParts:
    """The definitions as they were when the plan was made."""

    def typed(body: Mapping[str, Any], cls: type[Any]) -> Any:
        definition: Definition = check(body)
        if not isinstance(definition, cls):
            raise DecideError(f"The plan's document holds a {definition.kind} in the wrong place.")
        return definition

    policy = document["contact_policy"]
    return CampaignParts(
        campaign=typed(document["campaign"], Campaign),
        revision=document["revision"],
        offers={name: typed(body, Offer) for name, body in document["offers"].items()},
        channels={name: typed(body, Channel) for name, body in document["channels"].items()},
        templates={name: typed(body, Template) for name, body in document["templates"].items()},
        contact_policy=typed(policy, ContactPolicy) if policy is not None else None,
    )


def sendable(channel: Channel) -> bool:
    """Whether Aimwell can send through this channel today."""
    return channel.medium == "email" and (channel.smtp is not None or channel.sink is not None)


def candidates(parts: CampaignParts, *, starts_at: datetime | None) -> tuple[Candidate, ...]:
    """The actions of the campaign. Raises DecideError where an offer cannot be used when it starts; None: whenever."""
    found = []
    for action in parts.campaign.actions:
        channel, template = parts.channels[action.channel], parts.templates[action.template]
        if action.offer is not None and starts_at is not None:
            _refuse_dead_offer(parts.offers[action.offer], starts_at)
        if template.medium != channel.medium:
            raise DecideError(
                f"The action '{action.key}' sends the template '{template.name}', made for {template.medium}, "
                f"through the channel '{channel.name}', which is {channel.medium}. Choose a template for "
                f"{channel.medium}."
            )
        found.append(
            Candidate(
                key=action.key,
                channel=channel.name,
                medium=channel.medium,
                weight=action.weight,
                cost=channel.cost,
                variants=tuple((variant.name, variant.weight) for variant in template.variants),
            )
        )
    return tuple(found)


def _refuse_dead_offer(offer: Offer, starts_at: datetime) -> None:
    if offer.valid.ended(starts_at):
        raise DecideError(
            f"The offer '{offer.name}' ended on {offer.valid.end:%Y-%m-%d %H:%M %Z}, before the campaign starts "
            f"({starts_at:%Y-%m-%d %H:%M %Z}). Extend its validity or choose another offer."
        )
    if not offer.valid.begun(starts_at):
        raise DecideError(
            f"The offer '{offer.name}' begins on {offer.valid.start:%Y-%m-%d %H:%M %Z}, after the campaign starts "
            f"({starts_at:%Y-%m-%d %H:%M %Z}). Start the campaign later or the offer earlier."
        )
