from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from liquid.exceptions import LiquidError

from aimwell.texts.render import Program

NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
FIELDS = {
    "first_name": "Anna",
    "products": [{"name": "Mug"}],
    "now": NOW,
    "today": NOW.date(),
}


def render(source: str, *, html: bool = True, **more: object) -> str:
    return "".join(Program(source, html=html, template="t", part="html").render({**FIELDS, **more}))


EVIL = "<script>alert('x')</script>&\""
WAYS = [
    "{{ evil }}",
    "{{ evil | default: 'x' }}",
    "{{ missing | default: evil }}",
    "{{ group.evil }}",
    "{{ evil | append: '<b>' }}",
    "{{ '<b>' | append: evil }}",
    "{{ '<b>' | prepend: evil }}",
    "{{ 'aXb' | replace: 'X', evil }}",
    "{{ 'aXb' | replace_first: 'X', evil }}",
    "{{ evil | replace: 'alert', 'b' }}",
    "{{ list | join: '<br>' }}",
    "{{ list | join }}",
    "{{ list }}",
    "{{ evil | split: 'x' | join: 'x' }}",
    "{{ evil | truncate: 20, '<b>' }}",
    "{{ evil | truncatewords: 1, '<b>' }}",
    "{{ evil | newline_to_br }}",
    "{{ evil | strip_newlines }}",
    "{{ evil | escape }}",
    "{{ evil | escape_once }}",
    "{{ evil | url_encode }}",
    "{{ evil | url_encode | url_decode }}",
    "{{ evil | base64_encode | base64_decode }}",
    "{{ evil | capitalize }}",
    "{{ evil | strip }}",
    "{{ evil | squish }}",
    "{{ evil | slice: 0, 60 }}",
    "{{ evil | safe }}",
    "{{ evil | date: '%Y' }}",
    "{{ now | date: evil }}",
    "{{ list | first }}",
    "{{ list | map: 'x' }}",
    "{% capture held %}{{ evil }}{% endcapture %}{{ held }}",
    "{% assign held = evil %}{{ held }}",
    "{% cycle evil, 'b' %}",
    "{% for x in list %}{{ x }}{% endfor %}",
    "{% echo evil %}",
    "{% liquid echo evil %}",
]


@pytest.mark.parametrize("source", WAYS)
def test_a_value_never_brings_markup_into_html(source: str) -> None:
    fields = {**FIELDS, "evil": EVIL, "group": {"evil": EVIL}, "list": [EVIL, EVIL]}
    try:
        shown = "".join(Program(source, html=True).render(fields))
    except LiquidError:
        return
    assert "<script" not in shown.lower()


def test_safe_keeps_harmless_markup_and_nothing_else() -> None:
    shown = render("{{ text | safe }}", text='<b onclick="x()">new</b><script>x()</script>')
    assert shown == "<b>new</b>"
    assert render("{{ text | safe }}", html=False, text="a < b") == "a < b"


@pytest.mark.parametrize(
    ("value", "form", "shown"),
    [
        (datetime(2026, 3, 1, 12, tzinfo=UTC), "%d %B %Y", "01 March 2026"),
        (date(2026, 3, 1), "%d/%m", "01/03"),
        ("2026-03-01T12:00:00+00:00", "%H:%M", "12:00"),
        ("2026-03-01", "%d", "01"),
        (0, "%Y-%m-%d %H", "1970-01-01 00"),
        ("86400", "%Y-%m-%d", "1970-01-02"),
        ("now", "%Y-%m-%d %H:%M", "2026-11-21 09:30"),
        ("not a date", "%Y", "not a date"),
        (None, "%Y", ""),
    ],
)
def test_dates_are_read_in_utc_and_now_is_the_moment_of_the_batch(
    value: object, form: str, shown: str
) -> None:
    assert render(f'{{{{ value | date: "{form}" }}}}', value=value) == shown
