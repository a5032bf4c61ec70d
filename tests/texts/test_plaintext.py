from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimwell.texts.masking import mask
from aimwell.texts.plaintext import to_text


def text_of(html: str) -> str:
    masked = mask(html)
    return masked.unmask(to_text(masked.text))


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>Hello</p><p>World</p>", "Hello\n\nWorld\n"),
        ("a<br>b<br/>c", "a\nb\nc\n"),
        ("<h1>Title</h1>\n  <div>one\n two</div><div>three</div>", "Title\n\none two\nthree\n"),
        ("<ul><li>one</li><li>two</li></ul>", "- one\n- two\n"),
        ("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a b\nc\n"),
        (
            '<a href="https://a.example/?x=1&amp;y=2">Shop &amp; more</a>',
            "Shop & more <https://a.example/?x=1&y=2>\n",
        ),
        ('<a href="https://a.example">https://a.example</a>', "https://a.example\n"),
        ('<a href="mailto:help@a.example">help@a.example</a>', "help@a.example\n"),
        ('<a href="mailto:help@a.example">Write</a>', "Write <help@a.example>\n"),
        ('<a href="#top">Up</a>', "Up\n"),
        (
            '<a href="https://a.example"><img src="x" alt="A mug"></a>',
            "A mug <https://a.example>\n",
        ),
        ('<a href="https://a.example"><img src="x"></a>', "https://a.example\n"),
        ("a<hr>b", "a\n\n---\n\nb\n"),
        ("<html><head><title>T</title><style>p {}</style></head><body>x</body></html>", "x\n"),
        ("<script>var a = 1</script>x<!-- comment -->y", "xy\n"),
        ('<div style="display : none">hidden <b>too</b> <img> </div>seen', "seen\n"),
        ("a&nbsp;b &lt;c&gt;", "a b <c>\n"),
        ("<!--[if mso]><p>Outlook</p><![endif]-->x", "x\n"),
    ],
)
def test_html_becomes_text_that_reads_well(html: str, text: str) -> None:
    assert text_of(html) == text


def test_liquid_comes_along_and_is_not_read_as_html() -> None:
    html = '<p>Hi {{ name | default: "<you> &amp;" }}</p>{% if a < b %}<p>x</p>{% endif %}'
    assert (
        text_of(html)
        == 'Hi {{ name | default: "<you> &amp;" }}\n\n{% if a < b %}x\n\n{% endif %}\n'
    )


def test_loops_leave_no_holes() -> None:
    html = "<p>Look:</p>\n{% for p in products %}\n<p>{{ p }}</p>\n{% endfor %}\n<p>Bye</p>"
    assert text_of(html) == "Look:\n\n{% for p in products %}{{ p }}\n\n{% endfor %}Bye\n"


@given(st.text("<>/abp &;\"'=!-{}% \n", max_size=80))
def test_no_html_is_too_broken_to_read(html: str) -> None:
    assert text_of(html).endswith("\n")
