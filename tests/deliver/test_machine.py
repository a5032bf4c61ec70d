from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimwell.deliver.machine import Hit, judge

AT = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
CHROME = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 Safari/537.36"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148"
GMAIL = "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"


def click(link: int, seconds: float = 0, **more: Any) -> Hit:
    return Hit(AT + timedelta(seconds=seconds), "click", link, **{"user_agent": CHROME, **more})


@pytest.mark.parametrize("agent", [CHROME, IPHONE, GMAIL, ""])
def test_a_persons_hits_have_no_reason(agent: str) -> None:
    assert judge(Hit(AT, "open", user_agent=agent), [], links=5).reasons == ()
    verdict = judge(click(2, user_agent=agent), [click(1, -4)], links=5)
    assert not verdict.machine


def test_a_head_request_is_a_machine() -> None:
    assert judge(click(1, method="head"), [], links=1).reasons == ("head_request",)


def test_the_honeypot_is_followed_by_machines_only() -> None:
    assert judge(click(0), [], links=5).reasons == ("honeypot",)


@pytest.mark.parametrize(
    "agent",
    [
        "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
        "python-requests/2.32",
        "curl/8.5.0",
        "Mozilla/5.0 (X11) HeadlessChrome/130.0",
        "Barracuda Sentinel (EE)",
        "Mozilla/5.0 (compatible; proofpoint)",
        "Microsoft Office Existence Discovery",
        "Go-http-client/2.0",
        "Slackbot-LinkExpanding 1.0",
        "facebookexternalhit/1.1",
    ],
)
def test_known_scanners_are_machines(agent: str) -> None:
    assert "scanner" in judge(click(1, user_agent=agent), [], links=1).reasons


def test_apples_proxy_is_a_machine() -> None:
    assert judge(Hit(AT, "open", user_agent="Mozilla/5.0"), [], links=1).reasons == ("apple_proxy",)


def test_every_link_within_seconds_is_a_machine_and_so_were_the_earlier_clicks() -> None:
    earlier = [click(1, -300), click(1, -2), Hit(AT, "open"), click(2, -1)]
    verdict = judge(click(3), earlier, links=3)
    assert verdict.reasons == ("every_link",)
    assert verdict.earlier == (1, 3)


def test_every_link_in_the_course_of_a_minute_is_a_person() -> None:
    assert not judge(click(3), [click(1, -60), click(2, -30)], links=3).machine


def test_a_message_with_two_links_cannot_tell() -> None:
    assert not judge(click(2), [click(1, -1)], links=2).machine


def test_the_honeypot_does_not_count_as_a_link() -> None:
    assert not judge(click(2), [click(0, -1), click(1, -1)], links=3).machine


def test_networks_of_scanners_are_machines() -> None:
    networks = ["192.0.2.0/24", "2001:db8::/32"]
    for address, machine in [
        ("192.0.2.7", True),
        ("2001:db8::1", True),
        ("198.51.100.1", False),
        ("nonsense", False),
    ]:
        verdict = judge(click(1), [], links=1, address=address, scanner_networks=networks)
        assert (verdict.reasons == ("scanner_range",)) == machine


SCANNER = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:131.0) Gecko/20100101 Firefox/131.0"


def page(seconds: float = 0, **more: Any) -> Hit:
    return Hit(AT + timedelta(seconds=seconds), "page", **{"user_agent": CHROME, **more})


def opened(seconds: float = 0, **more: Any) -> Hit:
    return Hit(AT + timedelta(seconds=seconds), "open", **{"user_agent": CHROME, **more})


@pytest.mark.parametrize("trap", [click(0), click(1, method="HEAD"), opened(method="HEAD")])
def test_what_the_agent_of_a_trap_did_within_a_minute_before_is_a_machines(trap: Hit) -> None:
    earlier = [click(1, -59), opened(-61), opened(-3), page(-3), click(1, -3, user_agent=SCANNER)]
    assert judge(trap, earlier, links=5).near == (0, 2, 3)


@pytest.mark.parametrize("sign", ["honeypot", "head_request"])
def test_what_the_agent_of_a_trap_does_within_a_minute_after_is_a_machines(sign: str) -> None:
    trap = [click(0, signs=(sign,))]
    assert judge(click(1, 59), trap, links=5).reasons == ("near_machine",)
    assert judge(opened(59), trap, links=5).reasons == ("near_machine",)
    assert not judge(click(1, 61), trap, links=5).machine
    assert not judge(click(1, 5, user_agent=SCANNER), trap, links=5).machine


def test_who_changes_the_agent_beside_the_honeypot_is_a_machine_but_not_beside_a_head_request() -> (
    None
):
    other = [click(1, -1, user_agent=SCANNER)]
    assert judge(click(0), other, links=5).near == (0,)
    assert judge(click(1, method="HEAD"), other, links=5).near == ()


def test_a_hit_that_is_a_machines_already_gets_no_second_reason_for_its_company() -> None:
    assert judge(click(0), [click(2, -1, signs=("scanner",))], links=5).near == ()


@pytest.mark.parametrize("links", [1, 2])
def test_a_short_message_is_followed_as_a_whole_where_the_page_to_unsubscribe_is_too(
    links: int,
) -> None:
    clicks = [click(number, -1) for number in range(1, links + 1)]
    verdict = judge(page(), [*clicks, opened(-1)], links=links)
    assert verdict.reasons == ("every_link",)
    assert verdict.earlier == tuple(range(links + 1))
    after = [page(-1), opened(-1), *clicks[1:]]
    assert judge(click(1), after, links=links).reasons == ("every_link",)
    flagged = [click(1, -1, signs=("every_link",))]
    assert judge(opened(), flagged, links=links).reasons == ("every_link",)


def test_who_clicks_and_then_unsubscribes_is_a_person() -> None:
    assert not judge(page(), [opened(-5), click(1, -3)], links=1).machine
    assert not judge(page(), [opened(-1)], links=1).machine
    assert not judge(page(), [click(1, -1)], links=2).machine
    assert not judge(page(), [], links=0).machine


@given(st.lists(st.tuples(st.integers(1, 4), st.floats(-20, 20)), max_size=8), st.randoms())
def test_the_order_of_earlier_hits_does_not_matter(
    hits: list[tuple[int, float]], chance: Any
) -> None:
    earlier = [click(link, seconds) for link, seconds in hits]
    verdict = judge(click(4), earlier, links=4)
    shuffled = list(range(len(earlier)))
    chance.shuffle(shuffled)
    other = judge(click(4), [earlier[place] for place in shuffled], links=4)
    assert other.reasons == verdict.reasons
    assert sorted(shuffled[place] for place in other.earlier) == sorted(verdict.earlier)
