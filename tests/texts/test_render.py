from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from liquid.exceptions import LiquidError

from aimwell.errors import MissingFieldError, TemplateError
from aimwell.texts.missing import MissingField
from aimwell.texts.render import Program
from aimwell.texts.tags import Abort

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
        ("a\nb {{ c", 2, "not ended by '}}'"),
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
