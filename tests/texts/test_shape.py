"""Texts that are not whole are refused at once, whatever their length; whole ones pass."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimwell.errors import TemplateError
from aimwell.texts.checks import text_faults
from aimwell.texts.mjml import compile_mjml
from aimwell.texts.shape import (
    MAX_MJML_DEPTH,
    refuse_deep_mjml,
    refuse_open_html,
    refuse_open_liquid,
)


@pytest.mark.parametrize(
    ("text", "words", "line"),
    [
        ("a\n{{ b", "'{{' is not ended by '}}'", 2),
        ("{{ a }} {% if", "'{%' is not ended by '%}'", 1),
        ("{% raw %} {{ {% endif %}", "not ended by '{% endraw %}'", 1),
        ("x\n\n{%- comment -%} a", "not ended by '{% endcomment %}'", 3),
        ("{" * 8_000, "'{{' is not ended", 1),
    ],
)
def test_liquid_that_is_not_ended_is_told_with_its_line(text: str, words: str, line: int) -> None:
    with pytest.raises(TemplateError) as told:
        refuse_open_liquid(text)
    assert words in told.value.problem
    assert told.value.line == line
    [fault] = text_faults(text, part="text")
    assert fault.line == line


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{ a } % }}",
        "{{ a }}{% if b %}{% endif %}",
        "{% raw %}{{ {% {% endraw %}",
        "{%- comment %} {{ {%- endcomment -%} {{ x }}",
        "{% rawness %}",
        "{{ '{%' }}",
    ],
)
def test_whole_liquid_passes(text: str) -> None:
    refuse_open_liquid(text)


@pytest.mark.parametrize(
    ("text", "line"), [("<p>a</p>\n<a href=", 2), ("<!-- a", 1), ("<p>a</p><!", 1), ("</", 1)]
)
def test_html_that_is_not_ended_is_told_with_its_line(text: str, line: int) -> None:
    with pytest.raises(TemplateError) as told:
        refuse_open_html(text)
    assert told.value.line == line


@pytest.mark.parametrize("text", ["", "a < b", "<p>1 < 2</p>", "<!-- > --><p>", "<br/> 3 <4"])
def test_whole_html_passes(text: str) -> None:
    refuse_open_html(text)


def test_mjml_is_as_deep_as_allowed_and_no_deeper() -> None:
    def nested(levels: int) -> str:
        inner = "<mj-wrapper>" * levels + "</mj-wrapper>" * levels
        return f"<mjml><mj-body>{inner}</mj-body></mjml>"

    refuse_deep_mjml(nested(MAX_MJML_DEPTH - 2))
    with pytest.raises(TemplateError, match="deeper than 50 levels"):
        refuse_deep_mjml(nested(MAX_MJML_DEPTH - 1))
    with pytest.raises(TemplateError, match="deeper than"):
        compile_mjml(nested(20_000))
    many = "<mj-section><mj-column><mj-divider /></mj-column></mj-section>" * 200
    assert "<div" in compile_mjml(f"<mjml><mj-body>{many}</mj-body></mjml>")


@pytest.mark.parametrize(
    ("begin", "part"),
    [
        ("{{ ", "text"),
        ("{% ", "text"),
        ("{", "text"),
        ("{% raw %}", "text"),
        ("<a href=", "html"),
        ("<!--", "html"),
        ("<mj-section>", "mjml"),
        ("<mj-text><a ", "mjml"),
    ],
)
def test_a_long_text_of_beginnings_alone_is_told_at_once(begin: str, part: str) -> None:
    """Reading on from each of them would take hours."""
    assert text_faults(begin * 80_000, part=part)  # type: ignore[arg-type]


@given(st.text(alphabet="{}%<>!-/ ar\n", max_size=60))
def test_no_text_breaks_the_checks(text: str) -> None:
    for part in ("text", "html", "mjml", "subject"):
        text_faults(text, part=part)
