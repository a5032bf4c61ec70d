"""What a plan needs to send: a composer for each action, a transport for each channel, checked before anything leaves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aimwell.decide.campaign_parts import CampaignParts, sendable
from aimwell.decide.model import Plan
from aimwell.definitions.kinds.campaign import Action
from aimwell.definitions.kinds.channel import Channel, Smtp
from aimwell.definitions.kinds.template import Template
from aimwell.deliver.compose import Composer
from aimwell.deliver.content import CompiledContent, compile_content
from aimwell.deliver.dkim import DkimSigner
from aimwell.deliver.fields import shared_fields
from aimwell.deliver.model import Content, Sender, Tracking
from aimwell.deliver.sink import SinkTransport
from aimwell.deliver.smtp import SmtpSettings, SmtpTransport
from aimwell.deliver.token import Tokens
from aimwell.deliver.transport import Transport
from aimwell.errors import DeliverError
from aimwell.privacy.secrets import read_secret
from aimwell.store.stores import Stores

__all__ = ["Outfit", "outfit", "refuse_unsendable", "transport"]


_UTM = ("utm_source", "utm_medium", "utm_campaign", "utm_content", "utm_term")


@dataclass(frozen=True)
class Outfit:
    """Composers by action, channels by action, contents by action."""

    composers: Mapping[str, Composer]
    channels: Mapping[str, Channel]
    contents: Mapping[str, Sequence[CompiledContent]]


def refuse_unsendable(parts: CampaignParts, *, trial: bool) -> None:
    """Raise DeliverError where Aimwell cannot send through a channel of the campaign."""
    for action in parts.campaign.actions:
        channel = parts.channels[action.channel]
        if channel.medium != "email":
            raise DeliverError(
                f"The action '{action.key}' goes through the channel '{channel.name}' ({channel.medium}). Aimwell "
                "can send e-mail only so far. Take the action out of the campaign, or use an e-mail channel; "
                "nothing was sent."
            )
        if not trial and not sendable(channel):
            raise DeliverError(
                f"The channel '{channel.name}' says neither smtp nor sink, so there is no way out for its messages. "
                "Add one to its definition, or make the plan a trial; nothing was sent."
            )
        if channel.sender is None:
            raise DeliverError(
                f"The channel '{channel.name}' has no sender. Add sender: {{address: …}} to its definition; "
                "nothing was sent."
            )


def outfit(
    stores: Stores, parts: CampaignParts, *, subject_prefix: str = "", signed: bool = True
) -> Outfit:
    """Compile contents and make composers.

    Args:
        subject_prefix: Stands before every subject, as "[Test] ".
        signed: Off makes messages that are only looked at, without DKIM, so that no secret is read.

    Raises:
        TemplateError: A template is wrong.
        PrivacyError: A secret is absent.
    """
    contents = {
        action.key: _contents(stores, parts.templates[action.template], subject_prefix)
        for action in parts.campaign.actions
    }
    return Outfit(
        composers={
            action.key: _composer(stores, parts, action, contents[action.key], signed=signed)
            for action in parts.campaign.actions
        },
        channels={action.key: parts.channels[action.channel] for action in parts.campaign.actions},
        contents=contents,
    )


def _contents(stores: Stores, template: Template, prefix: str) -> list[CompiledContent]:
    tracking = Tracking(base_url=stores.settings.base_url, utm=_utm(template))
    return [
        compile_content(
            Content(
                template=template.name,
                subject=prefix + (variant.subject or ""),
                html=variant.html or "",
                mjml=variant.mjml or "",
                text=variant.text or "",
                preheader=variant.preheader,
                variant=variant.name,
            ),
            tracking,
        )
        for variant in template.variants
    ]


def _utm(template: Template) -> dict[str, str]:
    # In one order, because PostgreSQL gives back the names of a document in its own.
    return {str(name): template.utm[name] for name in sorted(template.utm, key=_UTM.index)}


def _composer(
    stores: Stores,
    parts: CampaignParts,
    action: Action,
    contents: Sequence[CompiledContent],
    *,
    signed: bool,
) -> Composer:
    channel = parts.channels[action.channel]
    sender = channel.sender
    if sender is None:
        raise DeliverError(f"The channel '{channel.name}' has no sender.")
    return Composer(
        contents,
        sender=Sender(
            address=sender.address,
            name=sender.name,
            reply_to=sender.reply_to or "",
            bounce_domain=(channel.smtp.bounce_domain or "") if channel.smtp else "",
            feedback_id=f"{parts.campaign.name}:{action.key}:{stores.workspace_id[:8]}",
        ),
        tracking=Tracking(
            base_url=stores.settings.base_url, utm=_utm(parts.templates[action.template])
        ),
        tokens=Tokens([stores.token_key]),
        signers=_signers(stores, channel) if signed else [],
        shared=shared_fields(parts, action, currency=stores.settings.currency),
    )


def _signers(stores: Stores, channel: Channel) -> list[DkimSigner]:
    if channel.dkim is None:
        return []
    key = read_secret(stores, channel.dkim.private_key)
    return [
        DkimSigner(domain=channel.dkim.domain, selector=channel.dkim.selector, private_key_pem=key)
    ]


def transport(
    stores: Stores, plan: Plan, channel: Channel, *, through_smtp: bool = False
) -> Transport:
    """The way out of a channel. A trial goes to a folder, whatever the channel says.

    Args:
        through_smtp: Let a trial use the channel's mail server all the same; the caller sees to it that only
            made-up addresses are used.
    """
    if channel.smtp is not None and (not plan.trial or through_smtp):
        return SmtpTransport(_smtp(stores, channel, channel.smtp))
    folder = channel.sink.folder if channel.sink is not None else "outbox"
    place = (stores.root / folder).resolve()
    if not place.is_relative_to(stores.root.resolve()):
        raise DeliverError(
            f"The sink of the channel '{channel.name}' lies outside the workspace ({folder}). "
            "Give a folder inside it, as outbox."
        )
    return SinkTransport(place / plan.plan_id)


def _smtp(stores: Stores, channel: Channel, smtp: Smtp) -> SmtpSettings:
    domain = channel.sender.address.rpartition("@")[2] if channel.sender else "localhost"
    return SmtpSettings(
        host=smtp.host,
        port=smtp.port,
        tls=smtp.tls,
        username=smtp.username or "",
        password=read_secret(stores, smtp.password) if smtp.password is not None else "",
        hello_name=domain,
        connections=smtp.connections,
        messages_per_second=channel.rate_per_second,
        connect_seconds=smtp.timeout_seconds,
        command_seconds=smtp.timeout_seconds,
        answer_seconds=smtp.timeout_seconds,
    )
