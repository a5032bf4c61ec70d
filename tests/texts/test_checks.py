from __future__ import annotations

import pytest

from aimwell.texts.checks import plain_part_fault, text_faults
from aimwell.texts.render import Program


def test_a_text_in_order_has_no_faults() -> None:
    text = (
        'Dear {{ first_name | default: "you" }}, {% if country == "GB" %}{{ offer.percent }} %{% endif %} '
        "{% for word in favourites %}{{ word.size }}{{ forloop.index }}{% endfor %}"
        "{% assign half = spend | divided_by: 2 %}{{ half.what }} {{ city.size }} {{ 'now' | date: '%Y' }}"
    )
    assert text_faults(text, part="text") == []
    assert text_faults(f"<p>{text}</p>", part="html") == []


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a\n{{ email , {{ x }}", 2, "unexpected"),
        ("{{ email ", 1, "not ended by '}}'"),
        ("a\n\n{% nosuch %}", 3, "unexpected tag 'nosuch'"),
        ("{% include 'x' %}", 1, "unexpected tag 'include'"),
        ("\n{% if a %}\n{% for b in c %}\n{% endfor %}\n", 2, "expected tag endif"),
        ("a\n{{ b | upcas }}", 2, "unknown filter 'upcas'. Did you mean 'upcase'?"),
        ("a\n{{ offer.cod }}", 2, "Did you mean 'offer.code'?"),
        ("a\n{{ shop.town }}", 2, "'shop' has no fields of its own"),
        ("{% if firstName %}x{% endif %}", 1, "no field is called 'firstName'"),
        ("x\n{{ aimwell_click }}", 2, "belong to Aimwell"),
    ],
)
def test_each_fault_is_told_with_its_line(text: str, line: int, words: str) -> None:
    (fault,) = text_faults(text, part="text")
    assert fault.line == line
    assert words in fault.problem
    assert fault.excerpt == text.splitlines()[line - 1].strip()


def test_all_faults_are_told_at_once_also_where_the_text_as_a_whole_cannot_be_read() -> None:
    text = "{{ a | nosuch }}\n{{ offer.cod }}\n{{ b | upcas }} {{ Ab }}"
    assert [fault.line for fault in text_faults(text, part="html")] == [1, 2, 3, 3]
    broken = "{{ a | nosuch }}\n{% if %}\n{{ b , }} {{ c | upcas }}"
    found = [
        (fault.line, fault.problem.partition(".")[0]) for fault in text_faults(broken, part="html")
    ]
    assert {line for line, _ in found} == {1, 2, 3}
    assert (1, "unknown filter 'nosuch'") in found


def test_the_tags_that_are_allowed_are_named_and_can_all_be_read() -> None:
    (fault,) = text_faults("{% nosuch %}", part="text")
    allowed = fault.allowed.split(", ")
    assert {"if", "for", "abort", "assign"} <= set(allowed)
    assert not {"include", "render", "aimwell_link"} & set(allowed)
    for tag in allowed:
        told = [one.problem for one in text_faults(f"{{% {tag} x %}}", part="text")]
        assert f"unexpected tag '{tag}'" not in told


def test_faults_of_mjml_are_told_in_the_lines_of_the_mjml() -> None:
    text = "<mjml><mj-body><mj-section><mj-column>\n<mj-text>{{ a | upcas }}</mj-text>\n</mj-column></mj-section></mj-body></mjml>"
    (fault,) = text_faults(text, part="mjml")
    assert (fault.line, "upcase" in fault.problem) == (2, True)
    assert "MJML is wrong" in text_faults("<mjml><mj-body>", part="mjml")[0].problem.replace(
        "the MJML", "MJML"
    )


def test_a_body_whose_plain_part_cannot_be_read_is_refused() -> None:
    html = "<head>{% if x %}</head><body>{{ y }}{% endif %}</body>"
    assert text_faults(html, part="html") == []
    assert "give a text too" in (plain_part_fault(html, part="html") or "")
    assert plain_part_fault("<p>{{ y }}</p>", part="html") is None


def test_what_has_no_faults_is_compiled() -> None:
    for text in ("{{ a }}", "{% if a %}b{% endif %}", "{{ offer['code'] }}", "{{ a[b].c }}"):
        assert text_faults(text, part="html") == []
        Program(text, html=True)
