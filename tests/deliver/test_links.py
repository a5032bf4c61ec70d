from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimwell.deliver.links import (
    Link,
    MessageLinks,
    add_parameters,
    click_target,
    rewrite_html,
    rewrite_text,
)
from aimwell.deliver.model import Tracking
from aimwell.deliver.token import Tokens
from aimwell.errors import DeliverError
from aimwell.texts.masking import mask

PLAIN = Tracking("https://news.shop.example/")
UTM = Tracking("https://news.shop.example", utm={"utm_source": "aimwell", "utm_campaign": "a b&c"})


def html(source: str, tracking: Tracking = PLAIN) -> tuple[str, tuple[Link, ...]]:
    made = rewrite_html(mask(source), tracking)
    return made.source, made.links


def text(source: str, tracking: Tracking = PLAIN) -> tuple[str, tuple[Link, ...]]:
    made = rewrite_text(mask(source), tracking)
    return made.source, made.links


@pytest.mark.parametrize(
    "tag",
    [
        '<a href="{}">x</a>',
        "<A class='b' HREF='{}' target=_blank>x</A>",
        '<a title="a > b" data-href=\'no\' href = "{}">x</a>',
        '<a\nhref="{}"\n>x</a>',
        '<area shape="rect" href="{}">',
        '<!--[if mso]><v:roundrect href="{}" style="x"><![endif]-->',
        '<a href="  {}  ">x</a>',
    ],
)
def test_a_link_is_replaced_wherever_it_stands(tag: str) -> None:
    source, links = html(tag.format("https://shop.example/a?x=1&amp;y=2#z"))
    assert links == (Link(1, "https://shop.example/a?x=1&y=2#z"),)
    assert '"{{ aimwell_click }}/1"' in source
    assert "shop.example" not in source


def test_an_unquoted_link_is_replaced_too() -> None:
    source, links = html("<a href=https://shop.example/a>x</a>")
    assert source == '<a href="{{ aimwell_click }}/1">x</a>'
    assert links[0].url == "https://shop.example/a"


@pytest.mark.parametrize(
    "kept",
    [
        '<a href="mailto:help@shop.example">',
        '<a href="tel:+441234">',
        '<a href="sms:+441234">',
        '<a href="#top">',
        '<a href="{{ unsubscribe_url }}">',
        '<a href="{{unsubscribe_url}}">',
        "<a href='{{- preference_url -}}?lang=en'>",
        '<a href="mailto:{{ owner }}@shop.example">',
        '<a href="/relative">',
        '<a href="javascript:alert(1)">',
        '<a href="">',
        "<a name='x'>",
        '<link rel="stylesheet" href="https://shop.example/a.css">',
        '<img src="https://shop.example/a.png">',
        '<abbr href="https://shop.example/">',
        "https://shop.example/ in words",
    ],
)
def test_what_is_no_link_to_a_page_stays(kept: str) -> None:
    assert html(kept) == (kept, ())


def test_links_are_numbered_in_order_and_each_place_has_its_own() -> None:
    _, links = html(
        '<a href="https://a.example"></a><a href="https://b.example"></a><a href="https://a.example"></a>'
    )
    assert [(link.number, link.url) for link in links] == [
        (1, "https://a.example"),
        (2, "https://b.example"),
        (3, "https://a.example"),
    ]


def test_a_link_with_liquid_in_it_is_personal_and_keeps_the_liquid() -> None:
    source, links = html(
        """<a href='https://shop.example/{{ slug | append: "x" }}?a=1&amp;b={{ b }}'>x</a>"""
    )
    written = 'https://shop.example/{{ slug | append: "x" }}?a=1&b={{ b }}'
    assert links == (Link(1, written, personal=True),)
    assert source == f'<a href="{{% aimwell_link 1 %}}{written}{{% endaimwell_link %}}">x</a>'


def test_a_link_that_is_chosen_by_a_condition_is_personal() -> None:
    condition = "{% if vip %}https://a.example{% else %}https://b.example{% endif %}"
    source, links = html(f'<a href="{condition}">x</a>')
    assert links == (Link(1, condition, personal=True),)
    assert condition in source


@pytest.mark.parametrize(
    ("written", "url", "rest"),
    [
        ("See https://shop.example/a.", "https://shop.example/a", "."),
        ("See (https://shop.example/a_(b)).", "https://shop.example/a_(b)", ")."),
        ("<https://shop.example/a>", "https://shop.example/a", ">"),
        ("HTTPS://shop.example/?a=1&b=2, and", "HTTPS://shop.example/?a=1&b=2", ", and"),
        (
            "https://shop.example/a{% if b %}c{% endif %}",
            "https://shop.example/a",
            "{% if b %}c{% endif %}",
        ),
    ],
)
def test_an_address_in_plain_text_is_replaced_up_to_its_end(
    written: str, url: str, rest: str
) -> None:
    source, links = text(written)
    assert links == (Link(1, url, part="text"),)
    assert source.endswith("{{ aimwell_click }}/1" + rest)


def test_an_address_with_liquid_in_plain_text_is_personal() -> None:
    source, links = text("Go: https://shop.example/{{ slug }}.")
    assert links == (Link(1, "https://shop.example/{{ slug }}", personal=True, part="text"),)
    assert source == "Go: {% aimwell_link 1 %}https://shop.example/{{ slug }}{% endaimwell_link %}."


def test_campaign_parameters_are_added_and_never_replace_what_is_there() -> None:
    _, links = html('<a href="https://shop.example/?UTM_source=mine&q=%20a+b#top">x</a>', UTM)
    assert (
        links[0].url == "https://shop.example/?UTM_source=mine&q=%20a+b&utm_campaign=a%20b%26c#top"
    )


def test_without_click_tracking_links_lead_straight_there_with_their_parameters() -> None:
    quiet = Tracking("https://news.shop.example", clicks=False, utm={"utm_source": "aimwell"})
    source, links = html('<a href="https://shop.example/?a=1">x</a>', quiet)
    assert source == '<a href="https://shop.example/?a=1&amp;utm_source=aimwell">x</a>'
    assert links[0].url == "https://shop.example/?a=1&utm_source=aimwell"
    assert text("https://shop.example/", quiet)[0] == "https://shop.example/?utm_source=aimwell"


def test_without_click_tracking_and_parameters_nothing_changes() -> None:
    silent = Tracking("https://news.shop.example", clicks=False)
    assert html('<a href="https://shop.example">x</a>', silent) == (
        '<a href="https://shop.example">x</a>',
        (),
    )


def test_an_address_in_any_script_becomes_one_that_every_program_understands() -> None:
    _, links = html('<a href="https://münchen.example/straße?a=ä b">x</a>')
    assert links[0].url == "https://xn--mnchen-3ya.example/stra%C3%9Fe?a=%C3%A4%20b"


URLS = st.builds(
    lambda path, query, fragment: f"https://shop.example/{path}{query}{fragment}",
    st.text("ab/%20", max_size=8),
    st.one_of(st.just(""), st.text("abut_m=&;%+", max_size=20).map(lambda q: f"?{q}")),
    st.one_of(st.just(""), st.text("ab?&=", max_size=5).map(lambda f: f"#{f}")),
)


@given(
    URLS, st.dictionaries(st.sampled_from(["utm_source", "utm_medium", "a"]), st.text(max_size=8))
)
def test_adding_parameters_keeps_every_byte_that_was_there(url: str, extra: dict[str, str]) -> None:
    made = add_parameters(url, extra)
    before, after = urlsplit(url), urlsplit(made)
    assert (after.scheme, after.netloc, after.path, after.fragment) == (
        before.scheme,
        before.netloc,
        before.path,
        before.fragment,
    )
    assert after.query.startswith(before.query.rstrip("&"))
    had = {
        name.lower()
        for name, _ in parse_qsl(before.query.replace(";", "&"), keep_blank_values=True)
    }
    got = dict(parse_qsl(after.query, keep_blank_values=True))
    clean = {name: value.encode("utf-8", "replace").decode() for name, value in extra.items()}
    for name, value in clean.items():
        if name not in had:
            assert got[name] == value
    assert add_parameters(made, extra) == made


TOKENS = Tokens([b"a secret of thirty-two bytes, 01"])


def links_of(tracking: Tracking = PLAIN) -> MessageLinks:
    return MessageLinks(tracking, TOKENS, "m-1", TOKENS.make_links("m-1"))


def test_the_pages_of_a_message_have_tokens_of_their_own() -> None:
    links = links_of()
    for url, kind, purpose in [
        (links.click, "c", "click"),
        (links.open.removesuffix(".gif"), "o", "open"),
        (links.unsubscribe, "u", "unsubscribe"),
        (links.preference, "p", "preference"),
    ]:
        start, token = url.rsplit("/", 1)
        assert start == f"https://news.shop.example/{kind}"
        assert TOKENS.verify(purpose, token) == "m-1"  # type: ignore[arg-type]


def test_a_fixed_link_leads_where_the_content_says() -> None:
    link = Link(1, "https://shop.example/?a=1")
    assert click_target(TOKENS, "m-1", link) == "https://shop.example/?a=1"


def test_a_personal_link_leads_where_it_was_rendered_to() -> None:
    written = links_of(UTM).personal(4, " https://shop.example/anna?a=1 ")
    assert written is not None
    start, number, sealed = written.rsplit("/", 2)
    assert (start, number) == (links_of().click, "4")
    assert "anna" not in written
    link = Link(4, "https://shop.example/{{ slug }}", personal=True)
    target = "https://shop.example/anna?a=1&utm_source=aimwell&utm_campaign=a%20b%26c"
    assert click_target(TOKENS, "m-1", link, sealed=sealed) == target


@pytest.mark.parametrize("sealed", ["", "x", "aHR0cHM6Ly9ldmlsLmV4YW1wbGU"])
def test_nobody_else_can_say_where_a_personal_link_leads(sealed: str) -> None:
    link = Link(4, "https://shop.example/{{ slug }}", personal=True)
    assert click_target(TOKENS, "m-1", link, sealed=sealed) is None
    other = TOKENS.seal("m-2", 4, "https://shop.example/b")
    assert click_target(TOKENS, "m-1", link, sealed=other) is None


def test_campaign_parameters_added_on_the_way_are_kept_and_others_dropped() -> None:
    link = Link(1, "https://shop.example/?utm_source=aimwell")
    query = "utm_source=evil&utm_term=shoes%20red&next=https://evil.example"
    expected = "https://shop.example/?utm_source=aimwell&utm_term=shoes%20red"
    assert click_target(TOKENS, "m-1", link, query=query) == expected


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "//evil.example", "https://", "https:///x", "ftp://a.example"]
)
def test_no_link_leads_to_anything_but_a_page(url: str) -> None:
    assert click_target(TOKENS, "m-1", Link(1, url)) is None
    sealed = TOKENS.seal("m-1", 1, url)
    assert click_target(TOKENS, "m-1", Link(1, "{{ x }}", personal=True), sealed=sealed) is None
    assert links_of().personal(1, url) is None


def test_a_personal_link_may_render_into_an_address_of_another_kind() -> None:
    assert links_of().personal(1, "mailto:help@shop.example") == "mailto:help@shop.example"
    assert links_of().personal(1, "tel:+44\r\n1") is None


@given(st.text(max_size=60))
def test_what_a_personal_link_writes_can_stand_in_an_attribute(text: str) -> None:
    for rendered in (text, f"https://shop.example/{text}"):
        for tracking in (PLAIN, Tracking("https://n.example", clicks=False)):
            written = links_of(tracking).personal(1, rendered)
            assert written is None or not set(written) & set('"<>\r\n\t\x00')


@pytest.mark.parametrize(
    "base", ["", "news.shop.example", "ftp://x", 'https://a"b', "https://a b", "https://a?b=1"]
)
def test_a_base_address_that_cannot_stand_in_messages_is_refused(base: str) -> None:
    with pytest.raises(DeliverError, match="public address"):
        Tracking(base)
