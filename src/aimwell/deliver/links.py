"""Links in a content become links to Aimwell, once per content, and lead back to where they pointed.

A link with a fixed address becomes `<base>/c/<token>/<number>`: the address is looked up by number in the list that
compiling the content returns. A link whose address holds Liquid is *personal*: its rendered address travels with
the link, sealed (`<base>/c/<token>/<number>/<sealed>`). So no request can make Aimwell redirect to an address that
it did not send. Left alone: `mailto:`, `tel:`, `sms:`, places within the message, the unsubscribe and preference
pages, and what is no web address.
"""

from __future__ import annotations

import contextlib
import html
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal
from urllib.parse import quote, unquote_plus

from aimwell.deliver.model import Tracking
from aimwell.deliver.token import Purpose, Tokens
from aimwell.texts.masking import ANY, OUTPUT, Masked

__all__ = [
    "HONEYPOT",
    "Link",
    "MessageLinks",
    "Rewritten",
    "add_parameters",
    "click_target",
    "rewrite_html",
    "rewrite_text",
]

HONEYPOT = 0
"""The number of the hidden link that only machines follow."""

_TAG = re.compile(
    r"<(?:a|area|v:[a-z]+)(?=[\s/])(?P<attributes>(?:[^>\"']|\"[^\"]*\"|'[^']*')*)>", re.IGNORECASE
)
_ATTRIBUTE = re.compile(
    r"(?P<name>[^\s=>\"'/]+)(?:\s*=\s*(?P<value>\"[^\"]*\"|'[^']*'|[^\s\"'>]+))?", re.IGNORECASE
)
_TEXT_URL = re.compile(rf"https?://(?:[^\s<>\"'\ufdd0-\ufdd2]|{OUTPUT})+", re.IGNORECASE)
_WEB = re.compile(r"https?://[^/?#\s\\]", re.IGNORECASE)
_LEFT_ALONE = re.compile(r"(?:mailto|tel|sms):|#", re.IGNORECASE)
_OWN_PAGE = re.compile(r"\{\{-?\s*(?:unsubscribe_url|preference_url)\b")
_CONTROL = re.compile(r"[\x00-\x20\x7f]")
_CLEAN = re.compile(r"[A-Za-z0-9%:/?#\[\]@!$&'()*+,;=~._-]+")
_URL_SAFE = "%:/?#[]@!$&'()*+,;=~-._"


@dataclass(frozen=True, slots=True)
class Link:
    """One link of a content: its number, where it leads, and the part of the message where it stands.

    The address of a `personal` link is the author's text with its Liquid; of others it is the full target.
    """

    number: int
    url: str
    personal: bool = False
    part: Literal["html", "text"] = "html"


@dataclass(frozen=True, slots=True)
class Rewritten:
    """A text whose links lead to Aimwell, Liquid restored, and the list by which they lead back."""

    source: str
    links: tuple[Link, ...]


class _Writer:
    """Numbers links and writes what stands in their place."""

    def __init__(
        self, masked: Masked, tracking: Tracking, *, part: Literal["html", "text"], first: int
    ) -> None:
        self._masked, self._tracking, self._part, self._next = masked, tracking, part, first
        self.links: list[Link] = []

    def replace(self, address: str) -> str | None:
        """What is written for the address of a link (masked, without entities); None to leave it alone."""
        bare = address.strip()
        has_liquid = re.search(ANY, bare) is not None
        if self._leave_alone(bare, has_liquid) or not (self._tracking.clicks or self._tracking.utm):
            return None
        number, self._next = self._next, self._next + 1
        if has_liquid:
            written = self._masked.unmask(bare)
            self.links.append(Link(number, written, personal=True, part=self._part))
            return f"{{% aimwell_link {number} %}}{bare}{{% endaimwell_link %}}"
        target = add_parameters(_clean(bare), self._tracking.utm)
        self.links.append(Link(number, target, part=self._part))
        if not self._tracking.clicks:
            return html.escape(target) if self._part == "html" else target
        return f"{{{{ aimwell_click }}}}/{number}"

    def _leave_alone(self, bare: str, has_liquid: bool) -> bool:
        if not has_liquid:
            return _WEB.match(bare) is None
        if _LEFT_ALONE.match(bare):
            return True
        return _OWN_PAGE.match(self._masked.unmask(bare)) is not None


def rewrite_html(masked: Masked, tracking: Tracking, *, first: int = 1) -> Rewritten:
    """Rewrites the links of HTML; numbers start at `first`."""
    writer = _Writer(masked, tracking, part="html", first=first)

    def tag(found: re.Match[str]) -> str:
        whole, at = found[0], found.start()
        for attribute in _ATTRIBUTE.finditer(found["attributes"]):
            if attribute["name"].lower() != "href" or attribute["value"] is None:
                continue
            value = attribute["value"]
            bare = value[1:-1] if value[0] in "\"'" else value
            written = writer.replace(html.unescape(bare))
            if written is None:
                return whole
            start, stop = (
                found.start("attributes") - at + edge for edge in attribute.span("value")
            )
            return f'{whole[:start]}"{written}"{whole[stop:]}'
        return whole

    source = _TAG.sub(tag, masked.text)
    return Rewritten(masked.unmask(source), tuple(writer.links))


def rewrite_text(masked: Masked, tracking: Tracking, *, first: int = 1) -> Rewritten:
    """Rewrites the web addresses of plain text; numbers start at `first`."""
    writer = _Writer(masked, tracking, part="text", first=first)

    def url(found: re.Match[str]) -> str:
        whole = found[0]
        kept = whole.rstrip(".,;:!?")
        while kept.endswith(")") and kept.count(")") > kept.count("("):
            kept = kept[:-1].rstrip(".,;:!?")
        written = writer.replace(kept)
        return whole if written is None else written + whole[len(kept) :]

    source = _TEXT_URL.sub(url, masked.text)
    return Rewritten(masked.unmask(source), tuple(writer.links))


class MessageLinks:
    """The addresses of one message's pages and links."""

    __slots__ = (
        "_message_id",
        "_tokens",
        "_tracking",
        "click",
        "open",
        "preference",
        "unsubscribe",
    )

    def __init__(
        self, tracking: Tracking, tokens: Tokens, message_id: str, made: Mapping[Purpose, str]
    ) -> None:
        base = tracking.base_url.rstrip("/")
        self._tracking, self._tokens, self._message_id = tracking, tokens, message_id
        self.click = f"{base}/c/{made['click']}"
        self.open = f"{base}/o/{made['open']}.gif"
        self.unsubscribe = f"{base}/u/{made['unsubscribe']}"
        self.preference = f"{base}/p/{made['preference']}"

    def personal(self, number: int, url: str) -> str | None:
        """What is written for a personal link that renders into `url`; None where that is no address."""
        bare = url.strip()
        if _LEFT_ALONE.match(bare) and not _CONTROL.search(bare):
            return bare
        if not _WEB.match(bare):
            return None
        target = bare if _CLEAN.fullmatch(bare) else _clean(bare)
        if self._tracking.utm:
            target = add_parameters(target, self._tracking.utm)
        if not self._tracking.clicks:
            return target
        return f"{self.click}/{number}/{self._tokens.seal(self._message_id, number, target)}"


def click_target(
    tokens: Tokens, message_id: str, link: Link, *, sealed: str = "", query: str = ""
) -> str | None:
    """Where a click on `link` of a message leads; None where the request was not made by us.

    `query` is what the request's address carried after `?`: campaign parameters (`utm_…`) that somebody added on the
    way are kept where the target has none of that name. Everything else is dropped.
    """
    url = tokens.unseal(message_id, link.number, sealed) if link.personal else link.url
    if url is None or not _WEB.match(url) or _CONTROL.search(url):
        return None
    extra = {name: value for name, value in _parameters(query) if name.lower().startswith("utm_")}
    return add_parameters(url, extra)


def add_parameters(url: str, parameters: Mapping[str, str]) -> str:
    """The address with parameters added that it does not have yet; what it has stays as it is, byte for byte."""
    if not parameters:
        return url
    rest, mark, fragment = url.partition("#")
    path, asked, query = rest.partition("?")
    present = {name.lower() for name, _ in _parameters(query)} if query else ()
    new = "&".join(
        f"{_quoted(name)}={_quoted(value)}"
        for name, value in parameters.items()
        if name.lower() not in present
    )
    joined = f"{query.rstrip('&')}&{new}" if query and new else query or new
    return f"{path}{'?' if joined or asked else ''}{joined}{mark}{fragment}"


@lru_cache(maxsize=1024)
def _quoted(text: str) -> str:
    return quote(text, safe="", errors="replace")


def _parameters(query: str) -> Iterator[tuple[str, str]]:
    for pair in re.split("[&;]", query):
        name, _, value = pair.partition("=")
        if name:
            yield unquote_plus(name), unquote_plus(value)


def _clean(url: str) -> str:
    """The address with everything percent-encoded that may not stand in one; nothing is encoded twice."""
    scheme, slashes, rest = url.partition("//")
    if not url.isascii():
        host, edge, path = _split_host(rest)
        # A name that has no ASCII form is left to the percent-encoding; it will lead nowhere, as it did before.
        with contextlib.suppress(UnicodeError):
            host = host.encode("idna").decode("ascii")
        rest = f"{host}{edge}{path}"
    return quote(f"{scheme}{slashes}{rest}", safe=_URL_SAFE, errors="replace")


def _split_host(rest: str) -> tuple[str, str, str]:
    found = re.match(r"([^/?#]*)([/?#]?)(.*)", rest, re.DOTALL)
    return ("", "", rest) if found is None else (found[1], found[2], found[3])
