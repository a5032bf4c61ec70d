from __future__ import annotations

import pytest

from aimwell.errors import TemplateError
from aimwell.texts.mjml import compile_mjml
from letters import MJML


def test_mjml_is_compiled_and_its_liquid_left_intact() -> None:
    html = compile_mjml(MJML)
    for piece in [
        'Hi {{ name | default: "you" }} {% if spend < 3 %}& more{% endif %}',
        'href="https://shop.example/{{ slug }}?a=1"',
        "{% for p in products %}<tr>",
        "</tr>{% endfor %}",
        'alt="Family 👩‍👩‍👧"',
    ]:
        assert piece in html
    assert "googleapis" not in html


@pytest.mark.parametrize(
    ("mjml", "words"),
    [
        ("<mjml><mj-body>", "MJML is wrong"),
        ("hello", "MJML is wrong"),
        ("<mjml><mj-body><mj-include path='/etc/passwd'/></mj-body></mjml>", "MJML is wrong"),
        ("<mjml><mj-body>{% if a %}<mj-section></mj-section>{% endif %}</mj-body></mjml>", None),
        ("<mjml><mj-head>{% if a %}</mj-head><mj-body></mj-body></mjml>", None),
    ],
)
def test_wrong_mjml_is_refused_and_no_liquid_is_ever_lost(mjml: str, words: str | None) -> None:
    try:
        html = compile_mjml(mjml, template="t")
    except TemplateError as err:
        problem = str(err)
        assert "template 't', mjml" in problem
        assert (words or "mj-raw") in problem or "MJML is wrong" in problem
    else:
        assert words is None
        assert all(piece in html for piece in ("{% if a %}", "{% endif %}"))
