"""Checks a content before anybody gets it: against itself and against the fields of sample people."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from aimwell.deliver.addresses import trial_address
from aimwell.deliver.compose import Composer, Preview
from aimwell.deliver.content import HELPERS, CompiledContent, compile_content
from aimwell.deliver.model import Content, Recipient, Sender, Stopped, Tracking
from aimwell.deliver.token import Tokens
from aimwell.errors import TemplateError, nearest
from aimwell.texts.render import RESERVED

__all__ = ["GMAIL_CLIPS_BYTES", "Finding", "lint"]

GMAIL_CLIPS_BYTES = 102 * 1024
"""Gmail shows no more than this of a message's HTML, and hides the link to unsubscribe with the rest."""

_LONG_SUBJECT_CHARS = 150
_GIVEN = frozenset({"now", "today", *HELPERS})
_HREF = re.compile(r"<(?:a|area|mj-[a-z-]+)\b[^>]*?\shref\s*=\s*[\"']?([^\"'\s>]*)", re.IGNORECASE)
_BAD_SCHEME = re.compile(r"\s*(?:javascript|data|vbscript|file):", re.IGNORECASE)

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is, or may be, wrong with a content. An `error` would stop messages or break a law."""

    code: str
    severity: Severity
    message: str
    part: str = ""
    line: int = 0


def lint(
    content: Content,
    samples: Sequence[Mapping[str, object]],
    *,
    tracking: Tracking,
    now: datetime,
    shared: Mapping[str, object] | None = None,
) -> list[Finding]:
    """Everything worth saying about a content, worst first.

    Args:
        content: The content.
        samples: The fields of some real people, one mapping each; none skips what needs them.
        tracking: As the campaign will use it.
        now: The moment of the check.
        shared: Fields that are the same for everybody.
    """
    try:
        compiled = compile_content(content, tracking)
    except TemplateError as err:
        return [Finding("syntax", "error", err.problem, err.part, err.line)]
    findings = [*_unsubscribe(compiled), *_links(compiled)]
    if samples:
        people = [{**(shared or {}), **sample} for sample in samples]
        findings += [*_fields(compiled, people), *_renders(compiled, people, tracking, now)]
    return sorted(
        findings, key=lambda finding: (finding.severity != "error", finding.code, finding.line)
    )


def _unsubscribe(compiled: CompiledContent) -> list[Finding]:
    found = []
    for program in (compiled.html, compiled.text):
        if program is not None and not any(name in program.fields_used() for name in HELPERS):
            found.append(
                Finding(
                    "no_unsubscribe",
                    "error",
                    "There is no link to unsubscribe. Put {{ unsubscribe_url }} where people can see it.",
                    program.part,
                )
            )
    return found


def _links(compiled: CompiledContent) -> list[Finding]:
    found = []
    for link in compiled.links:
        if link.url.lower().startswith("http:"):
            found.append(
                Finding(
                    "no_https",
                    "warning",
                    f"The link {link.url} is not encrypted. Use https.",
                    link.part,
                )
            )
    source = compiled.content.html or compiled.content.mjml
    for match in _HREF.finditer(source):
        href, line = match[1], source.count("\n", 0, match.start(1)) + 1
        if _BAD_SCHEME.match(href):
            text = f"The link {href.split(':')[0]}: does not work in mail. Use https."
            found.append(Finding("bad_link", "error", text, "html", line))
        elif href.startswith("/") or (
            href and not re.match(r"[a-z][a-z0-9+.-]*:|#|\{", href, re.IGNORECASE)
        ):
            text = f"The link '{href}' has no host, which mail programs cannot follow. Write it out with https://."
            found.append(Finding("relative_link", "error", text, "html", line))
        elif href in ("", "#"):
            found.append(Finding("empty_link", "warning", "A link leads nowhere.", "html", line))
    return found


def _fields(compiled: CompiledContent, people: Sequence[Mapping[str, object]]) -> list[Finding]:
    known = {name for person in people for name in person} | _GIVEN
    found = []
    for program in compiled.programs:
        bare = program.printed_bare()
        for path, line in program.fields_used().items():
            root = path.partition(".")[0]
            if root.startswith(RESERVED) or root in _GIVEN:
                continue
            if root not in known:
                text = f"No sample person has the field '{root}'. {nearest(root, sorted(known))}"
                severity: Severity = "error" if path in bare else "warning"
                found.append(Finding("unknown_field", severity, text, program.part, line))
                continue
            empty = sum(_value(person, path) in (None, "") for person in people)
            if empty and path in bare:
                text = f"The field '{path}' is empty or missing for {empty} of {len(people)} sample people."
                found.append(Finding("empty_field", "warning", text, program.part, line))
    return found


def _value(person: Mapping[str, object], path: str) -> object:
    value: object = person
    for key in path.split("."):
        if not isinstance(value, Mapping):
            return value  # a list or a `size`: not ours to judge
        value = value.get(key)
    return value


def _renders(
    compiled: CompiledContent,
    people: Sequence[Mapping[str, object]],
    tracking: Tracking,
    now: datetime,
) -> list[Finding]:
    composer = Composer(
        [compiled],
        sender=Sender("lint@example.invalid"),
        tracking=tracking,
        tokens=Tokens([b"only for checking a content, never sent"]),
    )
    stops: Counter[tuple[str, str]] = Counter()
    largest = longest = 0
    for number, person in enumerate(people):
        recipient = Recipient(
            f"lint-{number}", trial_address(str(number)), person, variant=compiled.content.variant
        )
        made = composer.preview(recipient, now=now)
        if isinstance(made, Stopped):
            stops[made.code, made.reason] += 1
        elif isinstance(made, Preview):
            largest = max(largest, len(made.html.encode()))
            longest = max(longest, len(made.subject))
    return [*_stopped(stops, len(people)), *_sizes(largest, longest)]


def _stopped(stops: Counter[tuple[str, str]], people: int) -> list[Finding]:
    found = []
    for (code, reason), count in stops.items():
        severity: Severity = "warning" if code == "aborted" and count < people else "error"
        text = f"{count} of {people} sample people would get nothing: {reason}"
        found.append(Finding("aborts" if code == "aborted" else f"stops_{code}", severity, text))
    return found


def _sizes(html_bytes: int, subject_chars: int) -> list[Finding]:
    found = []
    if html_bytes > GMAIL_CLIPS_BYTES:
        found.append(
            Finding(
                "too_big",
                "warning",
                f"The HTML has up to {html_bytes / 1024:.0f} kB. Gmail cuts it off after 102 kB. Make it smaller.",
                "html",
            )
        )
    if subject_chars > _LONG_SUBJECT_CHARS:
        text = f"The subject has up to {subject_chars} characters. Most programs show 40 to 70."
        found.append(Finding("long_subject", "warning", text, "subject"))
    return found
