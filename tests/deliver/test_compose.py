from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from aimwell.deliver.compose import Composer, Preview
from aimwell.deliver.content import compile_content
from aimwell.deliver.links import click_target
from aimwell.deliver.model import Content, Outgoing, Recipient, Sender, Stopped, Tracking
from aimwell.deliver.token import Tokens
from aimwell.errors import DeliverError

NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
TRACKING = Tracking("https://news.shop.example", utm={"utm_source": "aimwell"})
TOKENS = Tokens([b"a secret of thirty-two bytes, 01"])
CONTENT = Content(
    "we-miss-you",
    "{{ first_name }}, {{ offer.name }}",
    html="""<body><p>Hi {{ first_name }}, it is {{ now | date: "%Y" }}.</p>
{% unless favourite %}{% abort "no favourite product" %}{% endunless %}
<a href="https://shop.example/{{ favourite }}">Your {{ favourite }}</a> <a href="https://shop.example/">All</a>
<a href="{{ unsubscribe_url }}">Unsubscribe</a> <a href="{{ preference_url }}">Settings</a></body>""",
    preheader="For {{ first_name }}",
)
PLAIN = Content("we-miss-you", "Plain", text="Hi {{ first_name }}", variant="plain")
ANNA = Recipient(
    "m-1", "anna@example.com", {"first_name": "Anna & Co", "favourite": "mug"}, name="Anna"
)


def composer(*contents: Content, shared: dict[str, object] | None = None) -> Composer:
    return Composer(
        [compile_content(content, TRACKING) for content in contents],
        sender=Sender("hello@shop.example", name="The Shop"),
        tracking=TRACKING,
        tokens=TOKENS,
        shared={"offer": {"name": "10 % off"}} if shared is None else shared,
    )


def preview(recipient: Recipient, *contents: Content) -> Preview:
    made = composer(*(contents or (CONTENT,))).preview(recipient, now=NOW)
    assert isinstance(made, Preview), made
    return made


def stop(recipient: Recipient, *contents: Content) -> Stopped:
    (made,) = composer(*(contents or (CONTENT,))).compose([recipient], now=NOW)
    assert isinstance(made, Stopped)
    assert made == composer(*(contents or (CONTENT,))).preview(recipient, now=NOW)
    return made


def test_a_preview_shows_what_is_sent() -> None:
    shown = preview(ANNA)
    assert shown.subject == "Anna & Co, 10 % off"
    assert shown.preheader == "For Anna &amp; Co"
    assert "<p>Hi Anna &amp; Co, it is 2026.</p>" in shown.html
    assert "Hi Anna & Co, it is 2026.\n" in shown.text
    (sent,) = composer(CONTENT).compose([ANNA], now=NOW)
    assert sent == shown.message


def test_the_same_batch_gives_the_same_bytes() -> None:
    one, two = (composer(CONTENT).compose([ANNA], now=NOW) for _ in range(2))
    assert one == two


def test_the_pages_to_unsubscribe_and_for_preferences_are_always_there() -> None:
    shown = preview(ANNA)
    for page, purpose in (("u", "unsubscribe"), ("p", "preference")):
        url = f"https://news.shop.example/{page}/{TOKENS.make(purpose, 'm-1')}"  # type: ignore[arg-type]
        assert f'href="{url}"' in shown.html
        assert url in shown.text


def test_no_field_can_take_the_place_of_the_page_to_unsubscribe() -> None:
    fields = {
        **ANNA.fields,
        "now": "yesterday",
        "unsubscribe_url": "https://evil.example",
        "aimwell_click": "https://evil.example",
    }
    assert preview(replace(ANNA, fields=fields)).html == preview(ANNA).html


def test_links_in_a_message_lead_where_the_content_says() -> None:
    compiled = compile_content(CONTENT, TRACKING)
    shown = preview(ANNA)
    start = f"https://news.shop.example/c/{TOKENS.make('click', 'm-1')}"
    personal, fixed = compiled.links[0], compiled.links[1]
    sealed = shown.html.partition(f"{start}/1/")[2].partition('"')[0]
    target = "https://shop.example/mug?utm_source=aimwell"
    assert click_target(TOKENS, "m-1", personal, sealed=sealed) == target
    assert f'"{start}/2"' in shown.html
    assert click_target(TOKENS, "m-1", fixed) == "https://shop.example/?utm_source=aimwell"


def test_one_bad_message_stops_alone_and_in_its_place() -> None:
    people = [
        ANNA,
        replace(ANNA, message_id="m-2", fields={"first_name": "Bob"}),
        replace(ANNA, message_id="m-3", fields={"favourite": "mug"}),
        replace(ANNA, message_id="m-4", address="no address"),
        replace(ANNA, message_id="m-5"),
    ]
    made = composer(CONTENT).compose(people, now=NOW)
    assert [one.message_id for one in made] == ["m-1", "m-2", "m-3", "m-4", "m-5"]
    assert [one.code if isinstance(one, Stopped) else None for one in made] == [
        None,
        "aborted",
        "missing_field",
        "bad_address",
        None,
    ]


def test_an_abort_keeps_the_reason_of_the_template() -> None:
    assert stop(replace(ANNA, fields={"first_name": "Anna"})) == Stopped(
        "m-1", "aborted", "no favourite product"
    )


def test_a_missing_field_is_named_with_its_place() -> None:
    made = stop(replace(ANNA, fields={"favourite": "mug", "firstname": "Anna"}))
    assert made.code == "missing_field"
    assert (
        "template 'we-miss-you', subject, line 1: The field 'first_name' is missing" in made.reason
    )
    assert "Did you mean 'firstname'?" in made.reason


@pytest.mark.parametrize("bad", ["javascript:alert(1)", "", "/relative", "https://"])
def test_a_personal_link_that_is_no_web_address_stops_the_message(bad: str) -> None:
    content = Content("t", "s", html="<p>x</p>\n<a href='{{ url }}'>x</a>")
    made = stop(replace(ANNA, fields={"url": bad}), content)
    assert made.code == "bad_link"
    assert (
        "template 't', html, line 2: A link does not lead to an http or https address."
        in made.reason
    )


def test_a_text_that_fails_for_one_person_stops_that_person_without_telling_the_value() -> None:
    content = Content("t", "s", text="Hi {{ 10 | divided_by: spend }}")
    made = stop(replace(ANNA, fields={"spend": "0"}), content)
    assert made.code == "template"
    assert "line 1" in made.reason
    endless = Content("t", "s", text="Hi {% for i in (1..count) %}x{% endfor %}")
    assert "too much" in stop(replace(ANNA, fields={"count": 10**12}), endless).reason


def test_reasons_hold_no_address() -> None:
    for address in ("anna@exa mple.com", "anna\r\n@example.com", "änna@-.com"):
        made = stop(replace(ANNA, address=address))
        assert made.code == "bad_address"
        assert "nna" not in made.reason


def test_each_recipient_gets_the_variant_that_was_chosen() -> None:
    both = composer(replace(CONTENT, variant="main"), PLAIN)
    main, plain = both.compose([ANNA, replace(ANNA, message_id="m-2", variant="plain")], now=NOW)
    assert isinstance(main, Outgoing)
    assert isinstance(plain, Outgoing)
    assert b"multipart/alternative" in main.data
    assert b"Subject: Plain\r\n" in plain.data
    with pytest.raises(DeliverError, match=r"No variant 'c' of the content. Known: main, plain"):
        both.compose([replace(ANNA, variant="c")], now=NOW)


def test_two_contents_of_one_variant_are_refused() -> None:
    with pytest.raises(DeliverError, match="same variant"):
        composer(CONTENT, CONTENT)


def test_a_persons_own_field_hides_the_shared_one() -> None:
    content = Content("t", "{{ offer.name }}", text="x")
    own = replace(ANNA, fields={"offer": {"name": "20 % off"}})
    assert preview(own, content).subject == "20 % off"
    assert preview(ANNA, content).subject == "10 % off"


def test_a_subject_is_one_line_whatever_the_fields_hold() -> None:
    content = Content("t", "{{ name }}", text="x")
    shown = preview(
        replace(ANNA, fields={"name": "a\r\nBcc: evil@example.com\u2028\x00 b"}), content
    )
    assert shown.subject == "a Bcc: evil@example.com b"
    assert b"\r\nBcc" not in shown.message.data


def test_text_of_one_part_cannot_assign_for_another() -> None:
    content = Content("t", "{% assign x = 'a' %}s", text="{{ x | default: 'none' }}")
    assert preview(ANNA, content).text == "none"


def test_a_message_id_that_cannot_stand_in_links_is_an_error_of_the_caller() -> None:
    with pytest.raises(DeliverError, match="message id"):
        composer(CONTENT).compose([replace(ANNA, message_id="Anna Smith")], now=NOW)


@pytest.mark.parametrize(
    "sender", [Sender("no address"), Sender("a@shop.example", bounce_domain="no domain")]
)
def test_a_sender_without_a_valid_address_is_refused(sender: Sender) -> None:
    with pytest.raises(DeliverError):
        Composer(
            [compile_content(PLAIN, TRACKING)], sender=sender, tracking=TRACKING, tokens=TOKENS
        )
