"""MJML becomes HTML, the Liquid in it left as it is."""

from __future__ import annotations

import re

import mrml

from aimwell.errors import TemplateError
from aimwell.texts.masking import mask
from aimwell.texts.shape import refuse_deep_mjml, refuse_open_liquid

__all__ = ["compile_mjml"]

# mrml writes some characters of attributes (joiners of emoji, hard spaces) as Rust would in source code.
_RUST_ESCAPE = re.compile(r"\\u\{([0-9a-f]{1,6})\}")


def compile_mjml(source: str, *, template: str = "") -> str:
    """HTML of MJML, the Liquid left as it is. Nothing is read from files or the network, no font is fetched.

    Raises:
        TemplateError: The MJML is wrong or nested too deeply, or a piece of Liquid stands where MJML drops it.
    """
    refuse_open_liquid(source)
    refuse_deep_mjml(source)
    masked = mask(source)
    try:
        made = mrml.to_html(
            masked.in_letters(),
            mrml.ParserOptions(include_loader=mrml.noop_loader()),
            mrml.RenderOptions(disable_comments=False, fonts={}),
        ).content
    except OSError as err:
        raise TemplateError(f"The MJML is wrong: {err}.", template=template, part="mjml") from err
    restored, kept = masked.from_letters(_RUST_ESCAPE.sub(_character, made))
    for number, piece in enumerate(masked.pieces):
        if number not in kept and not piece.text.lstrip("{%- ").startswith(("comment", "doc")):
            raise TemplateError(
                f"MJML drops {piece.text!r} there. Put it into <mj-raw>…</mj-raw>.",
                template=template,
                part="mjml",
                line=piece.line,
            )
    return restored


def _character(found: re.Match[str]) -> str:
    return chr(int(found[1], 16))
