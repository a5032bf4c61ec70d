from __future__ import annotations

from dataclasses import replace

import pytest

from aimwell.deliver.content import compile_content
from aimwell.deliver.model import Content, Tracking
from aimwell.errors import DeliverError, TemplateError
from letters import MJML

TRACKING = Tracking("https://news.shop.example")
HTML = (
    "<html><body class='a'><p>Hi {{ name }}, <a href='https://shop.example/a'>look</a></p>"
    "<a href='{{ unsubscribe_url }}'>Unsubscribe</a></body></html>"
)


def content(**more: str) -> Content:
    return replace(Content("t", "Subject", html=HTML), **more)


def test_the_hidden_parts_stand_at_the_ends_of_the_body() -> None:
    compiled = compile_content(content(preheader="Only for {{ name }} & you"), TRACKING)
    assert compiled.html is not None
    source = compiled.html.source
    assert "<body class='a'><div data-aimwell" in source
    assert source.index("aimwell_preheader") < source.index("Hi {{ name }}")
    assert source.rindex("aimwell_open") < source.rindex("</body>")
    assert source.index("aimwell_click }}/0") > source.index("Unsubscribe")
    assert "".join(compiled.preheader.render({"name": "A<b>"})) == "Only for A&lt;b&gt; &amp; you"


def test_without_tracking_nothing_is_hidden_in_it() -> None:
    silent = Tracking("https://news.shop.example", clicks=False, opens=False)
    compiled = compile_content(content(), silent)
    assert compiled.html is not None
    assert compiled.html.source == HTML
    assert compiled.links == ()


def test_html_without_a_body_is_wrapped_by_the_hidden_parts() -> None:
    compiled = compile_content(content(html="<p>x</p>", preheader="p"), TRACKING)
    assert compiled.html is not None
    assert compiled.html.source.startswith("<div data-aimwell")
    assert compiled.html.source.endswith('alt="" style="border:0">')


def test_the_plain_part_is_derived_with_links_of_its_own() -> None:
    compiled = compile_content(content(), TRACKING)
    assert compiled.text.source == (
        "Hi {{ name }}, look <{{ aimwell_click }}/2>\n\nUnsubscribe <{{ unsubscribe_url }}>\n"
    )
    assert [(link.number, link.part) for link in compiled.links] == [(1, "html"), (2, "text")]


def test_a_given_plain_part_is_kept() -> None:
    compiled = compile_content(content(text="Hi {{ name }}"), TRACKING)
    assert compiled.text.source == "Hi {{ name }}"


def test_a_content_of_plain_text_alone_has_no_html() -> None:
    compiled = compile_content(Content("t", "s", text="Hi https://shop.example"), TRACKING)
    assert compiled.html is None
    assert compiled.links[0].number == 1


def test_the_same_content_is_compiled_to_the_same_links_and_fingerprint() -> None:
    one, two = (compile_content(content(), TRACKING) for _ in range(2))
    assert one.links == two.links
    assert one.fingerprint == two.fingerprint
    assert compile_content(content(subject="Other"), TRACKING).fingerprint != one.fingerprint


@pytest.mark.parametrize("part", ["subject", "preheader", "html", "text"])
def test_a_fault_in_any_part_is_named(part: str) -> None:
    with pytest.raises(TemplateError) as caught:
        compile_content(content(**{part: "a\n{{ b | nosuch }}"}), TRACKING)
    assert (caught.value.part, caught.value.line) == (part, 2)


def test_a_fault_in_mjml_has_the_line_of_the_mjml() -> None:
    with pytest.raises(TemplateError) as caught:
        compile_content(
            Content("t", "s", mjml=MJML.replace("{{ p.name }}", "{{ p.name | nosuch }}")), TRACKING
        )
    assert caught.value.line == 7


@pytest.mark.parametrize("part", ["subject", "preheader", "html", "text"])
def test_names_that_belong_to_aimwell_are_refused(part: str) -> None:
    with pytest.raises(TemplateError, match="belong to Aimwell"):
        compile_content(content(**{part: "{{ aimwell_click }}"}), TRACKING)


def test_a_content_has_one_body_at_least_and_one_html_at_most() -> None:
    with pytest.raises(DeliverError, match="no body"):
        Content("t", "s")
    with pytest.raises(DeliverError, match="both html and mjml"):
        Content("t", "s", html="a", mjml="b")
