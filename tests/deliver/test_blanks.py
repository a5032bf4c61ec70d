from __future__ import annotations

import pytest

from aimwell.deliver.compose import Composer, Preview
from aimwell.deliver.content import compile_content
from aimwell.deliver.model import Content, Recipient, Sender, Stopped, Tracking
from aimwell.deliver.token import Tokens

FOOT = '<p><a href="{{ unsubscribe_url }}">Unsubscribe</a></p>'
HEAD = "<html><head><title>News</title><style>p { color: red }</style></head><body>"
FULL = {"body": "words", "yes": True, "pre": "preheader", "items": ["a"]}
EMPTY = {"body": " \n ", "yes": False, "pre": "preheader", "items": []}


def is_blank(content: Content, fields: dict[str, object], now: object) -> bool:
    tracking = Tracking("https://news.shop.example")
    composer = Composer(
        [compile_content(content, tracking)],
        sender=Sender("a@shop.example"),
        tracking=tracking,
        tokens=Tokens([b"a secret of thirty-two bytes, 01"]),
    )
    made = composer.preview(Recipient("m-1", "b@example.com", fields), now=now)  # type: ignore[arg-type]
    if isinstance(made, Preview):
        return False
    assert isinstance(made, Stopped)
    assert made.code == "blank"
    return True


@pytest.mark.parametrize(
    "body",
    [
        "{{ body }}",
        "{% if yes %}words{% endif %}",
        "{% for item in items %}<b>{{ item }}</b>{% endfor %}",
        "{% if yes %}<img src='https://a.example/x.png'>{% endif %}",
        "<!-- a comment {{ yes }} -->{{ body }}",
        "<style>a { b: c }</style>{{ body }}",
        "{% if yes %}<p>x</p>{% else %}<p></p>{% endif %}",
    ],
)
@pytest.mark.parametrize("preheader", ["", "Hi {{ pre }}"])
def test_html_that_says_nothing_is_blank_although_it_has_a_frame_and_a_foot(
    body: str, preheader: str, now: object
) -> None:
    content = Content(
        "t", "s", html=f"{HEAD}<div>{body}</div>{FOOT}</body></html>", preheader=preheader
    )
    assert not is_blank(content, FULL, now)
    if (
        "{{ yes }}" not in body
    ):  # a value counts even where only a comment holds it: better sent than lost
        assert is_blank(content, EMPTY, now)


@pytest.mark.parametrize(
    "body",
    ["{{ body }}", "{% if yes %}words{% endif %}", "{% for i in items %}{{ i }}{% endfor %}"],
)
def test_plain_text_that_says_nothing_is_blank_although_it_has_a_foot(
    body: str, now: object
) -> None:
    content = Content("t", "s", text=f"{body}\nUnsubscribe: {{{{ unsubscribe_url }}}} at once\n")
    assert not is_blank(content, FULL, now)
    assert is_blank(content, EMPTY, now)


@pytest.mark.parametrize(
    "subject", ["", "  ", "{{ body }}", "{% if yes %}words{% endif %}", "\r\n"]
)
def test_a_blank_subject_stops_the_message(subject: str, now: object) -> None:
    assert is_blank(Content("t", subject, text="words"), EMPTY, now)


def test_words_that_everybody_gets_are_never_blank(now: object) -> None:
    assert not is_blank(Content("t", "s", html=f"<p>Hello {{{{ body }}}}</p>{FOOT}"), EMPTY, now)
    assert not is_blank(Content("t", "s", html="<a href='https://a.example/'>Look</a>"), EMPTY, now)
    assert not is_blank(Content("t", "s", html="<img src='https://a.example/x.png'>"), EMPTY, now)
