from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from liquid.exceptions import LiquidError

from aimwell.deliver.missing import MissingField
from aimwell.deliver.render import Program
from aimwell.deliver.tags import Abort
from aimwell.errors import MissingFieldError, TemplateError

NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
FIELDS = {
    "first_name": "Anna",
    "spend": 12.5,
    "profile": {"city": "Leeds"},
    "products": [{"name": "Mug"}],
    "now": NOW,
    "today": NOW.date(),
}


def render(source: str, *, html: bool = True, **more: object) -> str:
    return "".join(Program(source, html=html, template="t", part="html").render({**FIELDS, **more}))


def complaint(source: str, *, html: bool = True, **more: object) -> TemplateError:
    program = Program(source, html=html, template="we-miss-you", part="html")
    with pytest.raises((LiquidError, Abort)) as caught:
        program.render({**FIELDS, **more})
    return program.explain(caught.value)


def test_a_missing_field_is_named_with_place_and_the_nearest_one() -> None:
    error = complaint("Hello\n{{ frist_name }}")
    assert isinstance(error, MissingFieldError)
    assert (error.template, error.part, error.line, error.field) == (
        "we-miss-you",
        "html",
        2,
        "frist_name",
    )
    assert "template 'we-miss-you', html, line 2: The field 'frist_name' is missing" in str(error)
    assert "Did you mean 'first_name'?" in str(error)
    assert '{{ frist_name | default: "…" }}' in str(error)


@pytest.mark.parametrize(
    ("source", "field"),
    [
        ("{{ profile.town }}", "profile.town"),
        ("{{ products[0].price }}", "products.0.price"),
        ("{{ products[7].name }}", "products.7"),
        ("{{ nobody.name }}", "nobody"),
        ("{{ nobody | upcase }}", "nobody"),
        ("{{ nobody | plus: 1 }}", "nobody"),
        ("{{ 1 | plus: nobody }}", "nobody"),
        ("{{ 'a' | split: nobody }}", "nobody"),
        ("{% for x in nobody %}{% endfor %}", "nobody"),
        ("{% assign x = nobody %}{{ x }}", "nobody"),
        ("{% if true %}{% for p in products %}{{ p.cost }}{% endfor %}{% endif %}", "p.cost"),
        ("{% cycle nobody %}", "nobody"),
        ("{{ nobody | size }}", "nobody"),
    ],
)
@pytest.mark.parametrize("html", [True, False])
def test_a_missing_field_is_an_error_wherever_it_is_used(
    source: str, field: str, html: bool
) -> None:
    error = complaint(source, html=html)
    assert isinstance(error, MissingFieldError)
    assert error.field == field


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("{{ nobody | default: 'you' }}", "you"),
        ("{{ nobody | default: first_name | upcase }}", "ANNA"),
        ("{{ profile.town | default: 'here' }}", "here"),
        ("{% if nobody %}a{% else %}b{% endif %}", "b"),
        ("{% unless profile.town %}a{% endunless %}", "a"),
        ("{% if nobody == nil %}a{% endif %}", "a"),
        ("{% if nobody != nil %}a{% else %}b{% endif %}", "b"),
        ("{% if nobody > 3 %}a{% else %}b{% endif %}", "b"),
        ("{% if nobody and nobody.name %}a{% else %}b{% endif %}", "b"),
        ("{% case nobody %}{% when 'a' %}a{% else %}b{% endcase %}", "b"),
    ],
)
def test_a_default_mends_a_missing_field_and_a_condition_may_ask_for_it(
    source: str, shown: str
) -> None:
    assert render(source) == shown


@pytest.mark.parametrize("html", [True, False])
def test_abort_stops_the_text_with_its_reason(html: bool) -> None:
    source = (
        'Hi {% unless favourite %}{% abort "no favourite product" %}{% endunless %}{{ favourite }}'
    )
    with pytest.raises(Abort, match=r"^no favourite product$"):
        render(source, html=html)
    assert render(source, html=html, favourite="mug") == "Hi mug"


@pytest.mark.parametrize(
    ("source", "line", "words"),
    [
        ("a\nb {{ c", 2, "Expected '}}'"),
        ("\n\n{% nosuch %}", 3, "Unexpected tag 'nosuch'"),
        ("{% include 'other' %}", 1, "Unexpected tag 'include'"),
        ("{% render 'other' %}", 1, "Unexpected tag 'render'"),
        ("\n{{ first_name | upcas }}", 2, "Unknown filter 'upcas'. Did you mean 'upcase'?"),
        ("{% for p in products %}{{ p.name | nosuch }}{% endfor %}", 1, "Unknown filter 'nosuch'"),
        ("{% abort %}", 1, "needs a reason"),
        ("{% abort first_name %}", 1, "needs a reason"),
        ("{% abort '  ' %}", 1, "needs a reason"),
        ("{% if first_name %}", 0, "Expected tag endif"),
        ("{% for %}{% endfor %}", 1, ""),
    ],
)
def test_a_text_that_does_not_parse_is_refused_with_its_line(
    source: str, line: int, words: str
) -> None:
    with pytest.raises(TemplateError) as caught:
        Program(source, html=True, template="t", part="html")
    assert words in str(caught.value)
    assert caught.value.line == line


LIMITED = [
    "{% for i in (1..10001) %}x{% endfor %}",
    "{% for i in (1..200) %}{% for j in (1..200) %}x{% endfor %}{% endfor %}",
    "{% for i in (1..2000000000) offset: 1999999999 %}x{% endfor %}",
    "{% for i in (1..100000000000000000000) %}x{% endfor %}",
    "{{ (1..1000000000) | join: ',' }}",
    "{{ (1..1000000000) | reverse }}",
    "{% assign x = 'aaaaaaaaaa' %}{% for i in (1..60) %}{% assign x = x | append: x %}{% endfor %}",
    "{% capture x %}aaaaaaaaaa{% endcapture %}{% for i in (1..60) %}{% capture x %}{{ x }}{{ x }}{% endcapture %}"
    "{% endfor %}",
    "{% assign x = 'aaaaaaaaaa' %}{% for i in (1..60) %}{% assign x = x | replace: 'a', x %}{% endfor %}",
    "{% assign x = 99 %}{% for i in (1..60) %}{% assign x = x | times: x %}{% endfor %}{{ x }}",
    "{% for i in (1..9000) %}{{ big }}{% endfor %}",
    "{% assign x = 'a,b' | split: ',' %}{% for i in (1..60) %}{% assign x = x | concat: x %}{% endfor %}",
]


@pytest.mark.parametrize("source", LIMITED)
@pytest.mark.parametrize("html", [True, False])
@pytest.mark.timeout(20)
def test_no_text_can_use_up_the_machine(source: str, html: bool) -> None:
    program = Program(source, html=html)
    with pytest.raises(LiquidError) as caught:
        program.render({**FIELDS, "big": "x" * 10_000})
    assert "too much" in str(program.explain(caught.value))


@pytest.mark.parametrize(
    "source",
    [
        "{{ first_name.__class__ }}",
        "{{ products.__class__.__mro__ }}",
        "{{ now.year }}",
        "{{ products.append }}",
    ],
)
def test_a_text_sees_data_and_no_python(source: str) -> None:
    program = Program(source, html=True)
    with pytest.raises(MissingField):
        program.render(FIELDS)


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


@given(st.text(max_size=60), st.text(max_size=30))
def test_errors_never_repeat_a_value(name: str, secret: str) -> None:
    secret = f"private{secret}private"
    for source in [
        "{{ secret | divided_by: 0 }}",
        "{{ 1 | divided_by: secret }}",
        "{{ group | sort: secret }}",
        "{{ secret | slice: secret }}",
        "{{ secret | truncate: secret }}",
        "{% if secret > 3 %}{% endif %}",
        "{{ secret | base64_decode }}",
        "{{ secret.name }}",
        "{{ group[secret] }}",
    ]:
        program = Program(source, html=True, template="t", part="html")
        problem = None
        try:
            program.render({**FIELDS, "secret": secret, "group": {"name": name}})
        except LiquidError as err:
            problem = str(program.explain(err))
        assert problem is None or secret not in problem


def test_lines_are_those_of_the_author_even_where_the_source_was_made_from_it() -> None:
    program = Program(
        "x{{ a }}y\n{{ b }}",
        html=True,
        template="t",
        part="html",
        origin="\n\n{{ a }}\n\n\n{{ b }}",
    )
    with pytest.raises(MissingField) as caught:
        program.render({**FIELDS, "a": 1})
    assert program.explain(caught.value).line == 6
    assert program.fields_used() == {"a": 3, "b": 6}
