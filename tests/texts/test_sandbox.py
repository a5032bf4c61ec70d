from __future__ import annotations

from datetime import UTC, datetime

import liquid
import pytest

from aimwell.texts.missing import MissingField
from aimwell.texts.render import Program
from aimwell.texts.sandbox import environment

NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
FIELDS = {
    "first_name": "Anna",
    "products": [{"name": "Mug"}],
    "now": NOW,
    "today": NOW.date(),
}


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


def test_nothing_can_be_loaded() -> None:
    assert {"include", "render", "tablerow"}.isdisjoint(environment(html=True).tags)
    with pytest.raises(liquid.exceptions.TemplateNotFoundError):
        environment(html=False).get_template("/etc/passwd")


def test_html_escapes_and_plain_text_does_not() -> None:
    fields = {**FIELDS, "first_name": "<A & B>"}
    shown = {
        html: "".join(Program("{{ first_name }}", html=html).render(fields))
        for html in (True, False)
    }
    assert shown == {True: "&lt;A &amp; B&gt;", False: "<A & B>"}


def test_what_one_person_s_text_keeps_is_gone_for_the_next() -> None:
    program = Program(
        "{{ held | default: 'new' }}{% assign held = 'kept' %}{% increment n %}", html=True
    )
    assert [("".join(program.render(FIELDS))) for _ in range(2)] == ["new0", "new0"]
