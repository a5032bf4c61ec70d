"""The faster nodes are held against Liquid's own, over templates and data that exercise them."""

from __future__ import annotations

from datetime import UTC, datetime

import liquid
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimwell.texts.render import Program

PIECES = [
    "{{ name }}",
    "{{ group.name }}",
    "{{ group.inner.name }}",
    "{{ name | default: 'nobody' }}",
    "{{ empty | default: '<b>' }}",
    "{{ nothing | default: name }}",
    "{{ number | default: 5 }}",
    "{{ no | default: 'was no' }}",
    "{{ no | default: 'was no', allow_false: true }}",
    "{{ name | upcase }}",
    "{{ number }}",
    "{{ nothing }}",
    "{{ no }}",
    "{{ items }}",
    "{{ items.size }}",
    "{{ items.first.name }}",
    "{{ group.size }}",
    "{{ items[1].name }}",
    "text & <b>more</b> ",
    "{% assign name = 'local <i>' %}",
    "{% capture held %}[{{ name }}]{% endcapture %}{{ held }}",
    "{% if yes %}yes{{ name }}{% else %}no{% endif %}",
    "{% unless yes %}a{% endunless %}",
    "{% case number %}{% when 3 %}three{% else %}other{% endcase %}",
    "{% for item in items %}{{ forloop.index }}/{{ forloop.length }}:{{ item.name }};{% endfor %}",
    "{% for item in items limit: 2 %}{{ item.name }}{% endfor %}",
    "{% for item in items offset: continue %}{{ item.name }}!{% endfor %}",
    "{% for item in items reversed %}{{ item.name }}{% endfor %}",
    "{% for item in items %}{% if item.name == 'b' %}{% continue %}{% endif %}{{ item.name }}{% endfor %}",
    "{% for item in items %}{% if item.name == 'b' %}{% break %}{% endif %}{{ item.name }}{% endfor %}",
    "{% for item in items %}{% for other in items %}{{ forloop.parentloop.index }}{{ other.name }}"
    "{% endfor %}{% endfor %}",
    "{% for item in (1..3) %}{{ item }}{% endfor %}",
    "{% for item in none_of_these %}x{% else %}none{% endfor %}",
    "{% for pair in group %}{{ pair[0] }}{% endfor %}",
    "{% for item in items %}{% assign last = item.name %}{% endfor %}{{ last | default: '-' }}",
    "{% for item in items %}{% cycle 'odd', 'even' %}{% endfor %}",
    "{% increment counter %}",
    "{% for item in items %} {% endfor %}",
]

VALUES = st.fixed_dictionaries(
    {
        "name": st.text(max_size=8),
        "empty": st.just(""),
        "nothing": st.none(),
        "number": st.integers(-5, 5) | st.floats(allow_nan=False, allow_infinity=False),
        "yes": st.booleans(),
        "no": st.just(False),
        "group": st.just({"name": "a <g>", "inner": {"name": "deep"}}),
        "items": st.lists(
            st.sampled_from([{"name": "a"}, {"name": "b"}, {"name": "<c>"}]), min_size=2, max_size=4
        ),
        "none_of_these": st.just([]),
    }
)


@pytest.mark.parametrize("html", [True, False])
@given(pieces=st.lists(st.sampled_from(PIECES), max_size=6), values=VALUES)
def test_a_text_renders_as_liquid_itself_renders_it(
    html: bool, pieces: list[str], values: dict[str, object]
) -> None:
    source = "".join(pieces)
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    values = {**values, "now": moment, "today": moment.date()}
    expected = liquid.Environment(autoescape=html).from_string(source).render(values)
    assert "".join(Program(source, html=html).render(values)) == expected


def test_fixed_text_stays_the_same_object_for_everybody() -> None:
    program = Program("Hello {{ name }}, {% for i in items %}one {% endfor %}bye", html=True)
    fixed = {id(piece.text) for piece in program.fixed_pieces()}
    rendered = program.render({"name": "Anna", "items": [1, 2]})
    assert [part for part in rendered if id(part) not in fixed] == ["Anna"]
