"""Tells opens and clicks of machines from those of people.

Scanners follow every link of a message to look for malware, and some mail programs fetch pictures in advance. Such
hits are kept and flagged, each with the reasons, and both figures are reported. Nothing here is certain: one reason
is enough to flag, as a person's click that is missed does less harm than a thousand that nobody made.

What gives a machine away (the hidden link, a HEAD request) comes somewhere in the middle of its visit, so a hit is
judged by what came before it, and may turn out to tell what earlier hits were.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address, ip_network
from typing import Literal

from aimwell.deliver.links import HONEYPOT

__all__ = ["COMPANY", "Hit", "Reason", "Verdict", "judge"]

Reason = Literal[
    "head_request",
    "honeypot",
    "every_link",
    "near_machine",
    "scanner",
    "apple_proxy",
    "scanner_range",
]

COMPANY = timedelta(seconds=60)
"""Hits of one agent on one message that lie so near to a certain machine's are its hits, too; before it and after."""

_TRAPS = frozenset({"honeypot", "head_request"})
_BURST = timedelta(seconds=10)
_BURST_LINKS_MIN = 3
# People click one link or both of two, but not those and the unsubscribe page besides in a moment.
_SHORT_BURST = timedelta(seconds=2)
# Some scanners change the agent from request to request. Nobody else is there in the second of a hidden link's hit.
_ANY_AGENT = timedelta(seconds=2)
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
    """One request for an address of a message: the picture, a link, or the page to unsubscribe or choose.

    `link` is the number of a click, None else. `signs` are the reasons that were found when it came, or since.
    """

    at: datetime
    kind: Literal["open", "click", "page"]
    link: int | None = None
    method: str = "GET"
    user_agent: str = ""
    signs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why a hit looks like a machine's (empty: like a person's), and which earlier hits, by their place in the list
    that was given, are a machine's by it: `earlier` were part of the same burst and must be flagged `every_link`,
    `near` were made by the same machine and must be flagged `near_machine`."""

    reasons: tuple[Reason, ...]
    earlier: tuple[int, ...] = ()
    near: tuple[int, ...] = ()

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
    if burst is not None or _of_earlier_burst(hit, earlier):
        reasons.append("every_link")
    if not reasons and any(_in_company(hit, other, other.signs) for other in earlier):
        reasons.append("near_machine")
    near = tuple(
        place
        for place, other in enumerate(earlier)
        if not other.signs and place not in (burst or ()) and _in_company(other, hit, reasons)
    )
    return Verdict(tuple(reasons), burst or (), near)


def _in_company(hit: Hit, other: Hit, signs: Sequence[str]) -> bool:
    """Whether the hit belongs to the visit of which another with these signs is certainly a machine's."""
    found = _TRAPS.intersection(signs)
    apart = abs(hit.at - other.at)
    if found and hit.user_agent == other.user_agent and apart <= COMPANY:
        return True
    # A HEAD request by another agent may be that of a scanner which looks where a person has just clicked.
    return "honeypot" in found and apart <= _ANY_AGENT


def _of_earlier_burst(hit: Hit, earlier: Sequence[Hit]) -> bool:
    return any(
        "every_link" in other.signs
        and other.user_agent == hit.user_agent
        and abs(hit.at - other.at) <= _BURST
        for other in earlier
    )


def _burst(hit: Hit, earlier: Sequence[Hit], links: int) -> tuple[int, ...] | None:
    """The places of the hits that, with this one, follow every link within seconds; None where they do not.

    People click both of two links. So a message with one or two is followed as a whole only where the page to
    unsubscribe or choose was asked for, too, and all of it at once.
    """
    few = links < _BURST_LINKS_MIN
    if links < 1 or hit.kind == "open" or (hit.kind == "page" and not few):
        return None
    window = _SHORT_BURST if few else _BURST
    near = [
        place
        for place, other in enumerate(earlier)
        if abs(hit.at - other.at) <= window
        and (other.kind == "click" or other.user_agent == hit.user_agent)
    ]
    hits = [hit, *(earlier[place] for place in near)]
    followed = {one.link for one in hits if one.kind == "click"} - {HONEYPOT}
    if len(followed) < links or (few and all(one.kind != "page" for one in hits)):
        return None
    return tuple(near)


def _in_networks(address: str, networks: Sequence[str]) -> bool:
    try:
        at = ip_address(address)
    except ValueError:
        return False
    return any(at in ip_network(network, strict=False) for network in networks)
