from __future__ import annotations

from datetime import UTC, datetime

import pytest

from aimwell.deliver.lint import GMAIL_CLIPS_BYTES, Finding, lint
from aimwell.deliver.model import Content, Tracking

NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
TRACKING = Tracking("https://news.shop.example")
FOOT = '<p><a href="{{ unsubscribe_url }}">Unsubscribe</a></p>'
PEOPLE = [
    {"first_name": "Anna", "city": "Leeds", "favourite": "mug", "profile": {"age": 40}},
    {"first_name": "Bob", "city": None, "profile": {}},
]


def findings(
    html: str,
    *,
    subject: str = "News",
    foot: str = FOOT,
    people: list[dict[str, object]] | None = None,
) -> list[Finding]:
    content = Content("t", subject, html=html + foot)
    return lint(content, PEOPLE if people is None else people, tracking=TRACKING, now=NOW)


def codes(*args: str, **more: object) -> set[tuple[str, str]]:
    return {(one.code, one.severity) for one in findings(*args, **more)}  # type: ignore[arg-type]


def test_a_good_content_has_no_findings() -> None:
    html = "<p>Hi {{ first_name }} from {{ city | default: 'here' }}</p><a href='https://shop.example'>x</a>"
    assert findings(html) == []


def test_an_unknown_field_is_found_with_its_line_and_the_nearest_one() -> None:
    (unknown, *_) = [
        one for one in findings("<p>x</p>\n{{ frist_name }}") if one.code == "unknown_field"
    ]
    assert (unknown.severity, unknown.part, unknown.line) == ("error", "html", 2)
    assert "Did you mean 'first_name'?" in unknown.message


def test_an_unknown_field_that_is_guarded_is_only_a_warning() -> None:
    assert codes("<p>x{% if nickname %}{{ nickname }}{% endif %}</p>") == {
        ("unknown_field", "warning")
    }
    assert codes("<p>x{{ nickname | default: 'you' }}</p>") == {("unknown_field", "warning")}


def test_a_field_that_is_empty_for_some_is_found_unless_it_is_mended() -> None:
    (found, *_) = [one for one in findings("<p>x{{ city }}</p>") if one.part == "html"]
    assert found.code == "empty_field"
    assert "empty or missing for 1 of 2 sample people" in found.message
    assert codes("<p>x{{ city | default: '-' }}{% if city %}{{ city }}{% endif %}</p>") == set()


def test_fields_of_loops_and_of_the_text_itself_are_not_unknown() -> None:
    people: list[dict[str, object]] = [{"items": [{"name": "a"}]}]
    html = "{% assign n = 'x' %}{% for item in items %}{{ forloop.index }}{{ item.name }}{% endfor %}{{ n }}{{ now }}"
    assert codes(html, people=people) == set()


def test_a_missing_link_to_unsubscribe_is_an_error_in_each_part() -> None:
    found = [one for one in findings("<p>Hi</p>", foot="") if one.code == "no_unsubscribe"]
    assert [one.part for one in found] == ["html", "text (derived from the html)"]
    assert codes("<p>Hi</p>", foot="<a href='{{ preference_url }}'>x</a>") == set()


@pytest.mark.parametrize(
    ("link", "code", "severity"),
    [
        ("http://shop.example", "no_https", "warning"),
        ("/sale", "relative_link", "error"),
        ("sale.html", "relative_link", "error"),
        ("javascript:void(0)", "bad_link", "error"),
        ("#", "empty_link", "warning"),
        ("", "empty_link", "warning"),
    ],
)
def test_links_that_do_not_work_in_mail_are_found(link: str, code: str, severity: str) -> None:
    assert (code, severity) in codes(f"<p>x</p><a href='{link}'>x</a>")


def test_links_that_work_are_not_found() -> None:
    html = "<p>x</p><a href='mailto:a@b.example'>m</a><a href='#top'>t</a><a href='{{ first_name }}'>p</a>"
    assert not {code for code, _ in codes(html)} & {
        "relative_link",
        "bad_link",
        "empty_link",
        "no_https",
    }


def test_html_that_gmail_would_cut_is_found() -> None:
    assert codes(f"<p>{'x' * GMAIL_CLIPS_BYTES}</p>") == {("too_big", "warning")}


def test_people_who_would_get_nothing_are_counted() -> None:
    html = '<p>x{% unless favourite %}{% abort "no favourite" %}{% endunless %}{{ favourite }}</p>'
    assert codes(html) == {("aborts", "warning")}
    assert "1 of 2 sample people would get nothing: no favourite" in findings(html)[0].message
    everybody: list[dict[str, object]] = [{"first_name": "Bob"}]
    assert ("aborts", "error") in codes(html, people=everybody)
    assert ("stops_missing_field", "error") in codes("<p>x{{ profile.age }}</p>")
    assert ("stops_blank", "error") in codes("{{ city }}")


def test_a_text_that_does_not_parse_is_the_only_finding() -> None:
    (found,) = findings("\n{% if %}")
    assert (found.code, found.severity, found.line) == ("syntax", "error", 2)


def test_without_samples_only_the_content_itself_is_checked() -> None:
    assert codes("<p>{{ anything }}</p>", people=[]) == set()


def test_a_very_long_subject_is_found() -> None:
    assert codes("<p>x</p>", subject="x" * 151) == {("long_subject", "warning")}


def test_errors_come_first() -> None:
    found = findings("<a href='http://a.example'>x</a><a href='/b'>y</a>", foot="")
    assert [one.severity for one in found] == sorted(one.severity for one in found)


def test_links_of_mjml_are_checked_too() -> None:
    mjml = (
        "<mjml><mj-body><mj-section><mj-column><mj-text>x</mj-text>\n"
        '<mj-button href="/sale">Go</mj-button><mj-text><a href="{{ unsubscribe_url }}">u</a></mj-text>'
        "</mj-column></mj-section></mj-body></mjml>"
    )
    (found,) = lint(Content("t", "s", mjml=mjml), PEOPLE, tracking=TRACKING, now=NOW)
    assert (found.code, found.line) == ("relative_link", 2)
