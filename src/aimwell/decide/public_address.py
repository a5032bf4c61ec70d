"""Whether recipients reach the address in the links of messages: without it nobody can unsubscribe."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit

from aimwell.decide.campaign_parts import CampaignParts
from aimwell.settings import Settings

__all__ = ["address_warning", "is_public", "unreachable_links"]

_PRIVATE_NAMES = ("localhost", "local", "localdomain", "internal", "lan")


def is_public(url: str) -> bool:
    """Whether an address may be reached from outside, by its looks: no loopback or private network, no name that
    only holds in a local one. Nobody is asked."""
    host = (urlsplit(url).hostname or "").rstrip(".")
    try:
        return ip_address(host).is_global
    except ValueError:
        return "." in host and host.rpartition(".")[2].lower() not in _PRIVATE_NAMES


def unreachable_links(parts: CampaignParts, settings: Settings, *, trial: bool) -> str | None:
    """Why the campaign must not go out through a mail server: recipients could not unsubscribe. None where they can,
    or where nobody is reached."""
    if trial or not _by_smtp(parts) or is_public(settings.base_url):
        return None
    said = "is not set" if settings.public_url is None else "is not reached from outside"
    return (
        f"Recipients could not unsubscribe: links in messages would lead to {settings.base_url}, as public_url {said}. "
        "Set public_url in aimwell.toml (or AIMWELL_PUBLIC_URL) to the address under which they reach "
        "`aimwell serve`, as https://news.yourshop.com, or make a trial (--trial)."
    )


def address_warning(parts: CampaignParts, settings: Settings, *, trial: bool) -> str | None:
    """What is wrong with the address in the links of a campaign that goes out through a mail server; None: nothing."""
    words = unreachable_links(parts, settings, trial=trial)
    if words is not None:
        return f"{words} Sending will be refused until then."
    if trial or not _by_smtp(parts) or urlsplit(settings.base_url).scheme == "https":
        return None
    return (
        f"Links in messages lead to {settings.base_url}, without encryption. Mailbox providers offer one-click "
        "unsubscribing (RFC 8058) for https only. Put a TLS proxy in front of the server and set public_url to https."
    )


def _by_smtp(parts: CampaignParts) -> bool:
    return any(parts.channels[action.channel].smtp is not None for action in parts.campaign.actions)
