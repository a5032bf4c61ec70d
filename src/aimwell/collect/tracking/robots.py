"""Known robots, by the user agent that they tell: search engines, previews of links, tests of pages."""

from __future__ import annotations

import re
from functools import lru_cache

__all__ = ["is_robot"]

_KNOWN = re.compile(
    r"bot\b|bots\b|bot/|crawl|spider|slurp|headless|phantomjs|lighthouse|pagespeed|pingdom|statuscake|gtmetrix"
    r"|facebookexternalhit|whatsapp|skypeuripreview|embedly|mediapartners|apis-google|bingpreview|ia_archiver|selenium",
    re.IGNORECASE,
)
# Telephones of this maker have "bot" at the end of a word.
_NONE = re.compile(r"cubot", re.IGNORECASE)
_LENGTH_MAX = 1_000


@lru_cache(maxsize=4_096)
def is_robot(agent: str) -> bool:
    """Whether a user agent is a known robot's; libraries of servers (`okhttp`, `python`) are none."""
    return _KNOWN.search(_NONE.sub("", agent[:_LENGTH_MAX])) is not None
