"""Tells opens and clicks of machines from those of people.

Scanners follow every link of a message to look for malware, and some mail programs fetch pictures in advance. Such
hits are kept and flagged, each with the reasons, and both figures are reported. Nothing here is certain: one reason
is enough to flag, as a person's click that is missed does less harm than a thousand that nobody made.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address, ip_network
from typing import Literal

from aimwell.deliver.links import HONEYPOT

__all__ = ["Hit", "Reason", "Verdict", "judge"]

Reason = Literal[
    "head_request", "honeypot", "every_link", "scanner", "apple_proxy", "scanner_range"
]

_BURST = timedelta(seconds=10)
_BURST_LINKS_MIN = 3
# Apple's mail privacy protection fetches every picture with this agent and nothing more.
_APPLE_AGENT = "Mozilla/5.0"
_SCANNERS = re.compile(
    r"bot\b|crawl|spider|scanner|preview|python|\bcurl/|\bwget/|go-http-client|\bjava/|okhttp|libwww|headless|phantom"
    r"|barracuda|proofpoint|mimecast|messagelabs|symantec|forcepoint|fireeye|trendmicro|trend micro|sophos|bitdefender"
    r"|ironport|urldefense|safelinks|mailguard|zscaler|virustotal|microsoft office existence|skypeuripreview"
    r"|slackbot|whatsapp|facebookexternalhit|twitterbot|linkedinbot|telegrambot",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Hit:
    """One request for an address of a message. `link` is the number of a click, None for an open."""

    at: datetime
    kind: Literal["open", "click"]
    link: int | None = None
    method: str = "GET"
    user_agent: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why a hit looks like a machine's (empty: like a person's), and which earlier hits, by their place in the list
    that was given, were part of the same burst and must be flagged `every_link` too."""

    reasons: tuple[Reason, ...]
    earlier: tuple[int, ...] = ()

    @property
    def machine(self) -> bool:
        """At least one reason."""
        return bool(self.reasons)


def judge(
    hit: Hit,
    earlier: Sequence[Hit],
    *,
    links: int,
    address: str = "",
    scanner_networks: Sequence[str] = (),
) -> Verdict:
    """Judges a hit by itself and by the earlier hits of the same message.

    Args:
        hit: The new hit.
        earlier: Hits of the same message, in any order.
        links: How many links the message has, the honeypot not counted.
        address: Where the request came from, only compared here and kept nowhere; "" where unknown.
        scanner_networks: Networks of known scanners, as `192.0.2.0/24`.
    """
    reasons: list[Reason] = []
    if hit.method.upper() == "HEAD":
        reasons.append("head_request")
    if hit.kind == "click" and hit.link == HONEYPOT:
        reasons.append("honeypot")
    if _SCANNERS.search(hit.user_agent):
        reasons.append("scanner")
    if hit.user_agent.strip() == _APPLE_AGENT:
        reasons.append("apple_proxy")
    if address and _in_networks(address, scanner_networks):
        reasons.append("scanner_range")
    burst = _burst(hit, earlier, links)
    if burst is not None:
        reasons.append("every_link")
    return Verdict(tuple(reasons), burst or ())


def _burst(hit: Hit, earlier: Sequence[Hit], links: int) -> tuple[int, ...] | None:
    """The places of the clicks that, with this one, follow every link within seconds; None where they do not.

    A message with one or two links cannot tell: people click both.
    """
    if hit.kind != "click" or links < _BURST_LINKS_MIN:
        return None
    near = [
        place
        for place, other in enumerate(earlier)
        if other.kind == "click" and abs(hit.at - other.at) <= _BURST
    ]
    followed = {earlier[place].link for place in near} | {hit.link}
    followed -= {HONEYPOT, None}
    return tuple(near) if len(followed) >= links else None


def _in_networks(address: str, networks: Sequence[str]) -> bool:
    try:
        at = ip_address(address)
    except ValueError:
        return False
    return any(at in ip_network(network, strict=False) for network in networks)
