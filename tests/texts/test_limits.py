from __future__ import annotations

from datetime import UTC, datetime

import pytest
from liquid.exceptions import LiquidError

from aimwell.errors import TemplateError
from aimwell.texts.limits import MAX_CHARS, MAX_ITEMS, MAX_SOURCE_CHARS
from aimwell.texts.render import Program

NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
FIELDS = {
    "first_name": "Anna",
    "products": [{"name": "Mug"}],
    "now": NOW,
    "today": NOW.date(),
}


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
    "{{ big }}" * 101,
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


def test_the_limits_are_far_above_what_a_message_needs() -> None:
    items = [{"name": "x" * 50}] * 1000
    program = Program("{% for i in items %}{{ i.name | upcase }}{% endfor %}", html=True)
    assert len("".join(program.render({**FIELDS, "items": items}))) == 50_000
    assert MAX_ITEMS >= 10_000
    assert MAX_CHARS >= 1_000_000


def test_a_text_that_is_too_long_is_refused() -> None:
    with pytest.raises(TemplateError, match="longer than"):
        Program("x" * (MAX_SOURCE_CHARS + 1), html=True)
