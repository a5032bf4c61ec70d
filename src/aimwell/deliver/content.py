"""Compiles a content once: MJML to HTML, the plain part, the hidden parts, rewritten links, parsed Liquid."""

from __future__ import annotations

import hashlib
import html
import re
from dataclasses import dataclass

from aimwell.deliver.blanks import BlankCheck
from aimwell.deliver.links import Link, rewrite_html, rewrite_text
from aimwell.deliver.model import Content, Tracking
from aimwell.errors import TemplateError
from aimwell.texts.masking import Masked, mask
from aimwell.texts.mjml import compile_mjml
from aimwell.texts.plaintext import to_text
from aimwell.texts.render import RESERVED, Program, reserved_piece

__all__ = ["HELPERS", "CompiledContent", "compile_content"]

HELPERS = ("unsubscribe_url", "preference_url")
"""Fields that are always there: the addresses of this person's unsubscribe and preference pages."""

_BODY = re.compile(r"<body\b(?:[^>\"']|\"[^\"]*\"|'[^']*')*>", re.IGNORECASE)
_HIDDEN = "display:none;max-height:0;overflow:hidden;mso-hide:all"
_PREHEADER = f'<div data-aimwell style="{_HIDDEN}">{{{{ aimwell_preheader }}}}</div>'
_PIXEL = '<img data-aimwell src="{{ aimwell_open }}" width="1" height="1" alt="" style="border:0">'
_HONEYPOT = f'<a data-aimwell href="{{{{ aimwell_click }}}}/0" style="{_HIDDEN}" aria-hidden="true" tabindex="-1"></a>'


@dataclass(frozen=True, slots=True)
class CompiledContent:
    """A content ready to be rendered for many people.

    `links` is the list by which click numbers lead back; keep it with the messages that were made of it.
    `fingerprint` changes when anything that people would see, or any link's number, changes.
    """

    content: Content
    subject: Program
    preheader: Program
    html: Program | None
    text: Program
    links: tuple[Link, ...]
    html_blank: BlankCheck | None
    text_blank: BlankCheck
    fingerprint: str

    @property
    def programs(self) -> tuple[Program, ...]:
        """Every text of the content."""
        found = (self.subject, self.preheader, self.html, self.text)
        return tuple(program for program in found if program is not None)


def compile_content(content: Content, tracking: Tracking) -> CompiledContent:
    """Compiles a content.

    Raises:
        TemplateError: A text does not parse, the MJML is wrong, or a reserved name is used.
    """
    _refuse_reserved(content)
    name = content.template
    origin = content.html or content.mjml
    markup = compile_mjml(content.mjml, template=name) if content.mjml else content.html
    links: tuple[Link, ...] = ()
    html_program = None
    if markup:
        written = rewrite_html(mask(markup), tracking)
        links = written.links
        whole = _add_hidden(mask(written.source), content, tracking)
        html_program = Program(whole, html=True, template=name, part="html", origin=origin)
    if content.text:
        plain, plain_origin, part = content.text, content.text, "text"
    else:
        plain, plain_origin, part = _derived(mask(markup)), origin, "text (derived from the html)"
    written = rewrite_text(mask(plain), tracking, first=len(links) + 1)
    links += written.links
    text_program = Program(
        written.source, html=False, template=name, part=part, origin=plain_origin
    )
    subject = Program(content.subject, html=False, template=name, part="subject")
    preheader = Program(
        _escaped(content.preheader),
        html=True,
        template=name,
        part="preheader",
        origin=content.preheader,
    )
    return CompiledContent(
        content=content,
        subject=subject,
        preheader=preheader,
        html=html_program,
        text=text_program,
        links=links,
        html_blank=None
        if html_program is None
        else BlankCheck(html_program.fixed_pieces(), html=True),
        text_blank=BlankCheck(text_program.fixed_pieces(), html=False),
        fingerprint=_fingerprint(subject, preheader, html_program, text_program, links),
    )


def _add_hidden(masked: Masked, content: Content, tracking: Tracking) -> str:
    """The HTML with the preheader at its beginning, and the honeypot and the open picture at its end."""
    markup = masked.text
    begin = _BODY.search(markup)
    end = markup.lower().rfind("</body")
    end = len(markup) if end < 0 else end
    start = begin.end() if begin is not None and begin.end() <= end else 0
    head = _PREHEADER if content.preheader else ""
    tail = _HONEYPOT * (tracking.clicks and tracking.honeypot) + _PIXEL * tracking.opens
    return masked.unmask(markup[:start] + head + markup[start:end] + tail + markup[end:])


def _derived(masked: Masked) -> str:
    return masked.unmask(to_text(masked.text))


def _escaped(text: str) -> str:
    """Plain text as HTML, its Liquid left as it is."""
    masked = mask(text)
    return masked.unmask(html.escape(masked.text))


def _refuse_reserved(content: Content) -> None:
    for part in ("subject", "preheader", "html", "mjml", "text"):
        piece = reserved_piece(getattr(content, part))
        if piece is not None:
            raise TemplateError(
                f"Names that begin with '{RESERVED}' belong to Aimwell. Use another name.",
                template=content.template,
                part=part,
                line=piece.line,
            )


def _fingerprint(*parts: object) -> str:
    seen = [part.source if isinstance(part, Program) else repr(part) for part in parts]
    return hashlib.sha256("\0".join(seen).encode("utf-8", "replace")).hexdigest()
