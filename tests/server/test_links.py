"""The links in messages, asked over HTTP from a live server as mailbox providers, people and scanners do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from aimwell.deliver import service as deliver
from aimwell.history.moment import open_moment
from aimwell.measure.ledger import read_ledger
from aimwell.privacy.permission import permissions
from aimwell.store.schema import metadata
from aimwell.store.sql import sql
from aimwell.store.stores import Stores
from campaigns import NOW, executed, set_up
from databases import shortly_on
from live_server import serving
from shop import make_stores, origin

_events = metadata.tables["message_events"]
_messages = metadata.tables["messages"]

GMAIL = {"User-Agent": "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com)"}
PERSON = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}

HTML = (
    "<p>Dear {{ first_name }}, <a href='https://shop.example/sale?a=1&utm_source=own'>look</a>, "
    "<a href='https://shop.example/b#part'>b</a>, <a href='https://shop.example/c'>c</a>, "
    "<a href='https://shop.example/for/{{ customer_id }}'>yours</a>. "
    "{{ offer.percent }} % with {{ offer.code }}. <a href='{{ unsubscribe_url }}'>No more</a> "
    "<a href='{{ preference_url }}'>Settings</a></p>"
)
TEMPLATE: dict[str, Any] = {
    "utm": {"utm_source": "aimwell", "utm_medium": "email"},
    "variants": [{"subject": "Hello {{ first_name }}", "html": HTML}],
}


@dataclass
class Post:
    """A shop that has sent its messages, and its live server."""

    stores: Stores
    base: str
    plan_id: str
    names: list[str]

    def letter(self, number: int = 0) -> EmailMessage:
        """The message of one person."""
        files = sorted((self.stores.root / "outbox" / self.plan_id).glob("*.eml"))
        found = message_from_bytes(files[number].read_bytes(), policy=policy.default)
        assert isinstance(found, EmailMessage)
        return found

    def links(self, number: int = 0) -> dict[str, str]:
        """Words of a link → its path."""
        body = self.letter(number).get_body(("html",))
        assert body is not None
        html = body.get_content()
        found = re.findall(r"<a href=[\"']([^\"']+)[\"'][^>]*>([^<]*)</a>", html)
        links = {words.strip(): address for address, words in found}
        pixel = re.search(r"<img[^>]+src=[\"']([^\"']+/o/[^\"']+)", html)
        assert pixel
        return {**links, "pixel": pixel[1]}

    def path(self, what: str, number: int = 0) -> str:
        return self.links(number)[what].removeprefix(self.stores.settings.base_url)

    def ask(self, what: str, method: str = "GET", **more: Any) -> httpx.Response:
        with httpx.Client(base_url=self.base, follow_redirects=False) as client:
            answer = client.request(method, self.path(what), **more)
        assert "set-cookie" not in answer.headers
        return answer

    def profile(self, number: int = 0) -> str:
        message_id = self.letter(number)["Message-ID"].strip("<>").split("@")[0]
        with self.stores.read_control() as connection:
            query = sa.select(_messages.c.profile_id).where(_messages.c.message_id == message_id)
            return str(connection.execute(query).scalar_one())

    def refusal(self, number: int = 0) -> str | None:
        person = self.profile(number)
        with self.stores.read_control() as connection:
            asked = permissions(
                connection, purpose="marketing", channel="email", profile_ids=[person]
            )
        return asked.refusal(person)

    def events(self, *kinds: str) -> list[Any]:
        with self.stores.read_control() as connection:
            query = sa.select(_events).order_by(_events.c.id)
            return [row for row in connection.execute(query) if row.event in kinds]


@pytest.fixture
def post(tmp_path: Path) -> Iterator[Post]:
    with _posted(tmp_path, None) as found:
        yield found


@pytest.fixture
def either_post(tmp_path: Path, control_url: str) -> Iterator[Post]:
    """As `post`, on SQLite and on PostgreSQL."""
    with _posted(tmp_path, control_url) as found:
        yield found


@contextmanager
def _posted(tmp_path: Path, control_url: str | None) -> Iterator[Post]:
    stores = make_stores(tmp_path, control_url, public_url="https://news.shop.example")
    names = set_up(stores, 4, hello=TEMPLATE, spring={"holdout": 0.0})
    plan = executed(stores)
    deliver.run_sending(stores, plan.plan_id, clock=lambda: NOW + timedelta(minutes=2))
    with serving(stores) as base:
        yield Post(stores, base, plan.plan_id, names)


@pytest.mark.parametrize("form", ["urlencoded", "multipart"])
def test_one_click_unsubscribes_as_gmail_posts_it(either_post: Post, form: str) -> None:
    post = either_post
    header = post.letter()["List-Unsubscribe"]
    assert post.letter()["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    path = re.findall(r"<(https://[^>]+)>", header)[0].removeprefix("https://news.shop.example")
    body: dict[str, Any] = (
        {"data": {"List-Unsubscribe": "One-Click"}}
        if form == "urlencoded"
        else {"files": {"List-Unsubscribe": (None, "One-Click")}}
    )
    assert post.refusal() is None
    for _ in range(2):
        answer = httpx.post(post.base + path, headers=GMAIL, follow_redirects=False, **body)
        assert answer.status_code == 200
        assert "set-cookie" not in answer.headers
        assert post.refusal() == "suppressed"
    assert len(post.events("Unsubscribed")) == 1
    assert post.refusal(1) is None


def test_looking_at_the_unsubscribe_page_changes_nothing(post: Post) -> None:
    for method in ("GET", "HEAD", "OPTIONS"):
        answer = post.ask("No more", method)
        assert answer.status_code in {200, 204, 405}
    page = post.ask("No more")
    assert '<form method="post">' in page.text
    assert "example.com" not in page.text, "an address stands on the page"
    assert post.refusal() is None
    assert post.events("Unsubscribed") == []


@shortly_on("postgresql")
def test_unsubscribing_stops_the_message_that_waits_already(
    tmp_path: Path, control_url: str
) -> None:
    stores = make_stores(tmp_path, control_url)
    set_up(stores, 3, spring={"holdout": 0.0})
    first = executed(stores)
    deliver.run_sending(stores, first.plan_id, clock=lambda: NOW + timedelta(minutes=2))
    second = executed(stores, now=NOW + timedelta(minutes=3))
    with serving(stores) as base:
        shop = Post(stores, base, first.plan_id, [])
        path = shop.path("No more").removeprefix("http://127.0.0.1:8000")
        path = "/u/" + path.rpartition("/")[2]
        assert httpx.post(base + path, data={"List-Unsubscribe": "One-Click"}).status_code == 200
        done = deliver.run_sending(stores, second.plan_id, clock=lambda: NOW + timedelta(minutes=9))
    assert done.messages["stopped"] == {"suppressed": 1}
    assert done.messages["sent"] == {"": 2}


@pytest.mark.parametrize("kind", ["u", "p", "c", "o"])
def test_a_changed_token_leads_to_a_friendly_page(post: Post, kind: str) -> None:
    what = {"u": "No more", "p": "Settings", "c": "look", "o": "pixel"}[kind]
    path = post.path(what)
    token = path.split("/")[2].removesuffix(".gif")
    changed = token[:-1] + ("0" if token[-1] != "0" else "1")
    other = post.path("Settings" if kind == "u" else "No more").split("/")[2]
    for wrong in (changed, other, token[:-3], "x", "%00", token.replace("-", "_")):
        answer = httpx.get(post.base + path.replace(token, wrong), follow_redirects=False)
        if kind == "o":
            assert answer.status_code == 200, "a pixel tells nobody whether it is known"
        else:
            assert answer.status_code == 404
            assert "This link does not work" in answer.text
        if kind in "up":
            assert httpx.post(post.base + path.replace(token, wrong)).status_code in {400, 404}
    assert post.events("Email Opened", "Email Link Clicked", "Unsubscribed") == []
    assert post.refusal() is None


def test_a_click_leads_where_the_author_pointed_and_keeps_campaign_parameters(
    either_post: Post,
) -> None:
    post = either_post
    answer = post.ask("look", headers=PERSON)
    assert answer.status_code == 302
    assert (
        answer.headers["location"]
        == "https://shop.example/sale?a=1&utm_source=own&utm_medium=email"
    )
    added = httpx.get(
        post.base + post.path("b") + "?utm_term=x&url=https://evil.example", headers=PERSON
    )
    assert added.headers["location"] == (
        "https://shop.example/b?utm_source=aimwell&utm_medium=email&utm_term=x#part"
    )
    personal = post.ask("yours", headers=PERSON).headers["location"]
    assert re.match(r"https://shop\.example/for/c0000\d\?utm_source=aimwell", personal)
    clicks = post.events("Email Link Clicked")
    assert [row.machine for row in clicks] == [False, False, False]
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["content-type"].startswith("text/plain")


def test_no_request_makes_the_server_lead_elsewhere(post: Post) -> None:
    path = post.path("look")
    token = path.split("/")[2]
    sealed = post.path("yours").split("/")[4]
    for wrong in (
        f"/c/{token}/99",
        f"/c/{token}/-1",
        f"/c/{token}/{10**30}",
        f"/c/{token}/4/{sealed[:-2]}AA",
        f"/c/{token}/4/aHR0cHM6Ly9ldmlsLmV4YW1wbGU",
        f"/c/{token}/4",
        f"/c/{token}/4/https:%2F%2Fevil.example",
    ):
        answer = httpx.get(post.base + wrong, headers=PERSON, follow_redirects=False)
        assert answer.status_code == 404, wrong
        assert "location" not in answer.headers


def test_machines_are_flagged_and_kept(post: Post) -> None:
    assert post.ask("look", "HEAD", headers=PERSON).status_code == 302
    assert post.ask("look", headers={"User-Agent": "Barracuda Sentinel"}).status_code == 302
    honeypot = post.path("look").rsplit("/", 1)[0] + "/0"
    assert httpx.get(post.base + honeypot, headers=PERSON).status_code == 200
    signs = [tuple(row.signs) for row in post.events("Email Link Clicked")]
    assert signs == [("head_request",), ("scanner",), ("honeypot",)]


def test_a_burst_over_every_link_flags_its_earlier_clicks_too(either_post: Post) -> None:
    post = either_post
    for what in ("look", "b", "c", "yours"):
        post.ask(what, headers=PERSON)
    clicks = post.events("Email Link Clicked")
    assert [row.machine for row in clicks] == [True] * 4
    assert all("every_link" in row.signs for row in clicks)


def _flags(post: Post) -> list[tuple[str, bool]]:
    kinds = ("Email Opened", "Email Link Clicked")
    return [(row.event, row.machine) for row in post.events(*kinds)]


@pytest.mark.parametrize("first", [True, False])
def test_whoever_follows_the_honeypot_is_a_machine_in_all_it_does(
    either_post: Post, first: bool
) -> None:
    post = either_post
    honeypot = post.path("look").rsplit("/", 1)[0] + "/0"
    if first:
        httpx.get(post.base + honeypot, headers=PERSON)
    post.ask("look", headers=PERSON)
    post.ask("pixel", headers=PERSON)
    post.ask("No more", headers=PERSON)
    if not first:
        assert not any(machine for _, machine in _flags(post))
        httpx.get(post.base + honeypot, headers=PERSON)
    assert len(_flags(post)) == 3
    assert all(machine for _, machine in _flags(post))
    with post.stores.read_control() as connection:
        seen = read_ledger(connection, post.plan_id).delivery
    assert (seen.engaged, seen.engaged_machine, seen.clicked, seen.opened_machine) == (0, 1, 0, 1)


def test_the_lake_is_told_only_when_it_is_known_what_a_hit_was(either_post: Post) -> None:
    post = either_post
    honeypot = post.path("look").rsplit("/", 1)[0] + "/0"
    deliver.flush_touches(post.stores, now=datetime.now(UTC))
    post.ask("look", headers=PERSON)
    post.ask("Settings", headers=PERSON)
    assert deliver.flush_touches(post.stores, now=datetime.now(UTC) + timedelta(seconds=60)) == 0
    httpx.get(post.base + honeypot, headers=PERSON)
    later = datetime.now(UTC) + timedelta(minutes=2)
    assert deliver.flush_touches(post.stores, now=later) == 2
    with open_moment(post.stores, as_of=later) as moment:
        rows = moment.session.rows(
            sql("SELECT machine FROM touches WHERE event = 'Email Link Clicked'")
        )
        events = moment.session.rows(sql("SELECT DISTINCT event FROM touches ORDER BY 1"))
    assert rows == [(True,), (True,)]
    assert events == [("Email Link Clicked",), ("Email Sent",)]


def test_a_head_request_on_the_pages_shows_them_without_a_body(post: Post) -> None:
    for what in ("No more", "Settings"):
        answer = post.ask(what, "HEAD", headers=PERSON)
        assert (answer.status_code, answer.content) == (200, b"")
    post.ask("look", headers=PERSON)
    assert _flags(post) == [("Email Link Clicked", True)]


def test_the_pixel_counts_an_open_and_is_never_kept(post: Post) -> None:
    answer = post.ask("pixel", headers=PERSON)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "image/gif"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.content.startswith(b"GIF89a")
    assert post.ask("pixel", "HEAD", headers=GMAIL).content == b""
    assert [row.machine for row in post.events("Email Opened")] == [False, True]


def test_hits_of_one_message_are_bounded(post: Post) -> None:
    path = post.path("pixel")
    with httpx.Client(base_url=post.base) as client:
        for _ in range(30):
            assert client.get(path, headers={"User-Agent": "x" * 5_000}).status_code == 200
    assert all(len(row.user_agent) <= 300 for row in post.events("Email Opened"))


def test_preferences_switch_off_and_on_again(post: Post) -> None:
    page = post.ask("Settings")
    assert page.status_code == 200
    assert 'name="email" value="yes" checked' in page.text
    assert "sms" not in page.text, "nobody knows a telephone number"
    assert post.ask("Settings", "POST", data={"choice": "made"}).status_code == 200
    assert post.refusal() == "suppressed"
    assert "checked" not in post.ask("Settings").text
    back = post.ask("Settings", "POST", data={"choice": "made", "email": "yes"})
    assert back.status_code == 200
    assert post.refusal() is None
    assert "checked" in post.ask("Settings").text


def test_preferences_lift_an_unsubscribe_but_no_bounce(either_post: Post) -> None:
    post = either_post
    post.ask("No more", "POST", data={"List-Unsubscribe": "One-Click"})
    assert post.refusal() == "suppressed"
    post.ask("Settings", "POST", data={"choice": "made", "email": "yes"})
    assert post.refusal() is None
    suppressions = metadata.tables["suppressions"]
    identifiers = metadata.tables["identifiers"]
    with post.stores.control.begin() as connection:
        hashed = connection.execute(
            sa.select(identifiers.c.value_hash).where(
                identifiers.c.kind == "email", identifiers.c.origin_id == post.profile()
            )
        ).scalar_one()
        connection.execute(
            sa.insert(suppressions).values(
                channel="email",
                address_hash=hashed,
                reason="bounced",
                source="smtp",
                occurred_at=NOW,
            )
        )
    answer = post.ask("Settings", "POST", data={"choice": "made", "email": "yes"})
    assert "messages cannot reach you" in answer.text
    assert post.refusal() == "suppressed"


def test_a_post_that_is_not_of_the_page_changes_no_preference(post: Post) -> None:
    for body in (b"", b"nonsense", b"email=no", b"\xff\xfe=\x00", b"a=1&" * 5_000):
        assert post.ask("Settings", "POST", content=body).status_code in {400, 413}
    assert post.refusal() is None


def test_links_of_a_test_message_say_so_and_change_nothing(tmp_path: Path) -> None:
    stores = make_stores(tmp_path)
    names = set_up(stores, 2, hello=TEMPLATE)
    deliver.send_test(
        stores,
        "spring",
        to="me@myfirm.example",
        as_profile=origin(stores, names[0]),
        now=NOW,
        by="ann",
    )
    with serving(stores) as base:
        shop = Post(stores, base, "test", names)
        assert shop.letter()["Subject"].startswith("[Test] ")
        for what, method in (("No more", "POST"), ("Settings", "GET")):
            path = shop.path(what).replace(stores.settings.base_url, "")
            answer = httpx.request(method, base + path)
            assert "This was a test message" in answer.text
        assert shop.events("Unsubscribed") == []
