"""`aimwell.js` in a real Chromium, on a shop's page of another origin, against the routes that `aimwell serve` has."""

from __future__ import annotations

import gzip
import itertools
import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from aimwell.collect.tracking.door import inbox_folder
from aimwell.collect.tracking.keys import create_key
from aimwell.collect.tracking.messages import Message, read_messages
from aimwell.collect.tracking.records import unpack
from aimwell.server.script import script_text
from aimwell.store.inbox import read_segment, sealed_segments
from aimwell.store.stores import Stores
from browser import Browser, Page
from live_server import serving
from shop import make_stores

SIZE_MAX = 6_000
GPC = "Object.defineProperty(Navigator.prototype, 'globalPrivacyControl', {get: () => true});"

# The page keeps in `told` the n of each message that the server has taken from it.
TOLD = """
window.told = [];
window.fetch = (plain => (address, asked) => plain(address, asked).then(answer => {
  if (answer.ok) told.push(...JSON.parse(asked.body).batch.map(sent => sent.properties.n));
  return answer;
}))(window.fetch);
1
"""

BODY = """
<form id=find data-aimwell-search><input name=q><button id=go>Find</button></form>
<div data-aimwell-product-id="p-1" data-aimwell-sku="0012" data-aimwell-price="12.50" data-aimwell-name="Mug">
  <a id=link href="#more" data-aimwell-event="Product Clicked" data-aimwell-position="3"><b id=inner>More</b></a>
  <form id=add data-aimwell-cart=add><input name=quantity value=2><button id=buy>Buy</button></form>
  <button id=drop data-aimwell-cart=remove type=button>Remove</button>
</div>
<button id=checkout data-aimwell-cart=checkout data-aimwell-value=25>Checkout</button>
<script>document.addEventListener("submit", event => event.preventDefault())</script>
"""


@pytest.fixture
def stores(tmp_path: Path) -> Stores:
    return make_stores(tmp_path)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with Browser() as found:
        yield found


@contextmanager
def shop(head: str, body: str = BODY) -> Iterator[str]:
    """The address of a shop whose every page is the same."""
    text = f"<!doctype html><title>Shop</title>{head}<body>{body}".encode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def tag(base: str, key: str, more: str = "") -> str:
    return f'<script src="{base}/aimwell.js" data-key="{key}" {more}></script>'


def key_of(stores: Stores) -> str:
    return create_key(stores, "web", now=datetime.now(UTC), by="test")[0]


def sent(page: Page) -> None:
    """Wait until nothing waits in the browser."""
    page.until("localStorage.getItem('aimwell.queue') === null")


def arrived(stores: Stores) -> list[Message]:
    """What the inbox holds, each message once, in the order of its first arrival."""
    found: dict[str, Message] = {}
    for path in sealed_segments(inbox_folder(stores)):
        for record in read_segment(path):
            kept = unpack(record)
            for message in read_messages(kept.body, kept.received):
                assert isinstance(message, Message), message
                found.setdefault(message.message_id, message)
    return list(found.values())


def test_it_is_small_cached_and_sets_no_cookie(stores: Stores) -> None:
    with serving(stores) as base:
        answer = httpx.get(base + "/aimwell.js", headers={"Accept-Encoding": "gzip"})
        plain = httpx.get(base + "/aimwell.js", headers={"Accept-Encoding": "identity"})
        tag = answer.headers["etag"]
        same = httpx.get(base + "/aimwell.js", headers={"If-None-Match": tag})
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert answer.headers["content-encoding"] == "gzip"
    assert int(answer.headers["content-length"]) < SIZE_MAX
    assert len(gzip.compress(plain.content, 6)) < SIZE_MAX
    assert "content-encoding" not in plain.headers
    assert plain.content == answer.content
    assert "public" in answer.headers["cache-control"]
    assert (same.status_code, same.content) == (304, b"")
    assert "set-cookie" not in answer.headers
    assert not re.search(r"document\.cookie|eval\(|new Function|innerHTML", plain.text)


def test_what_visitors_do_arrives_with_types_and_properties(
    stores: Stores, browser: Browser
) -> None:
    with serving(stores) as base, shop(tag(base, key_of(stores), 'data-search="s"')) as address:
        page = browser.open(address + "?utm_source=mail&utm_campaign=spring&s=red+mug")
        page.run("document.getElementById('inner').click()")
        page.run("document.querySelector('#find input').value = ' blue mug '")
        page.run("document.getElementById('go').click(), document.getElementById('buy').click()")
        page.run(
            "document.getElementById('drop').click(), document.getElementById('checkout').click()"
        )
        page.run("history.pushState({}, '', '/mugs')")
        page.until("location.pathname == '/mugs'")
        page.run("aimwell.page('Shop', 'Mugs', {colour: 'blue'})")
        page.run("aimwell.identify('u-1', {plan: 'gold'}), aimwell.group('g-1', {name: 'Firm'})")
        page.run("aimwell.track('Order Completed', {order_id: 'o-1'}), aimwell.alias('u-2', 'u-1')")
        page.run("aimwell.nothing = 1, aimwell.push(['track', 'Pushed', {a: 1}])")
        sent(page)
        me = page.run("aimwell.anonymousId()")
        requests = [
            event["params"]["request"]
            for event in browser.events
            if event["method"] == "Network.requestWillBeSent"
        ]
        page.close()
    found = [m for m in arrived(stores) if m.name != "Time on Page"]
    by_name = {message.name: message for message in found if message.type == "track"}
    first = found[0]
    assert [m.type for m in found if m.type != "track"] == [
        *("page", "page", "page", "identify", "group", "alias")
    ]
    assert first.context["campaign"] == {"source": "mail", "name": "spring"}
    assert first.context["library"]["name"] == "aimwell.js"
    assert first.context["page"]["title"] == "Shop"
    assert first.properties["path"] == "/"
    assert {m.anonymous_id for m in found} == {me}
    clicked = by_name["Product Clicked"].properties
    product = {"product_id": "p-1", "sku": "0012", "price": 12.5, "name": "Mug"}
    assert clicked == {**product, "position": 3}
    assert by_name["Product Added"].properties == {**product, "quantity": 2}
    assert by_name["Product Removed"].properties == product
    assert by_name["Checkout Started"].properties == {"value": 25}
    queries = [m.properties["query"] for m in found if m.name == "Products Searched"]
    assert queries == ["red mug", "blue mug"]
    assert [m.properties["path"] for m in found if m.type == "page"] == ["/", "/mugs", "/mugs"]
    named = [m for m in found if m.type == "page"][-1]
    assert (named.name, named.properties["category"], named.properties["colour"]) == (
        *("Mugs", "Shop", "blue"),
    )
    told = next(m for m in found if m.type == "identify")
    assert (told.user_id, told.traits) == ("u-1", {"plan": "gold"})
    grouped = next(m for m in found if m.type == "group")
    assert (grouped.group_id, grouped.user_id, grouped.traits) == ("g-1", "u-1", {"name": "Firm"})
    assert by_name["Order Completed"].context["groupId"] == "g-1"
    joined = next(m for m in found if m.type == "alias")
    assert (joined.user_id, joined.previous_id) == ("u-2", "u-1")
    assert by_name["Pushed"].properties == {"a": 1}
    assert {m.clock for m in found} == {"corrected"}
    posts = [request for request in requests if "/v1/batch" in request["url"]]
    assert posts
    assert {request["method"] for request in posts} == {"POST"}, "no preflight"


def test_what_is_done_offline_survives_a_reload_and_arrives_once(
    stores: Stores, browser: Browser
) -> None:
    with serving(stores) as base, shop(tag(base, key_of(stores), "data-pages=off")) as address:
        page = browser.open(address)
        script = page.run(f"fetch('{base}/aimwell.js').then(answer => answer.text())")
        page.run("window.fetch = () => Promise.reject(new TypeError('offline'))")
        page.run("for (let n = 0; n < 250; n++) aimwell.track('Done', {n})")
        page.run("aimwell.flush()")
        page.until("JSON.parse(localStorage['aimwell.queue']).length == 250")
        time.sleep(1.5)
        assert page.run("JSON.parse(localStorage['aimwell.queue']).length") == 250
        me = page.run("aimwell.anonymousId()")
        page.reload()
        sent(page)
        assert page.run("aimwell.anonymousId()") == me
        page.offline(True)
        page.run("aimwell.track('Done', {n: 250}), aimwell.flush()")
        page.until("!navigator.onLine && localStorage['aimwell.queue'].includes('Done')")
        page.offline(False)
        sent(page)
        page.close()
    assert "aimwell" in script
    done = [m for m in arrived(stores) if m.name == "Done"]
    assert sorted(m.properties["n"] for m in done) == list(range(251))
    assert {m.anonymous_id for m in done} == {me}


def test_the_queue_is_bounded_and_the_oldest_give_way(stores: Stores, browser: Browser) -> None:
    with serving(stores) as base, shop(tag(base, "wrong", "data-pages=off")) as address:
        page = browser.open(address)
        page.run("for (let n = 0; n < 700; n++) aimwell.track('Done', {n})")
        page.run("aimwell.track('Huge', {text: 'x'.repeat(40000)})")
        found = page.run("JSON.parse(localStorage['aimwell.queue']).map(m => m.properties.n)")
        page.run("localStorage.clear()")
        page.close()
    assert found == list(range(200, 700))
    assert arrived(stores) == []


def test_time_on_a_page_is_told_when_it_is_left(stores: Stores, browser: Browser) -> None:
    with serving(stores) as base, shop(tag(base, key_of(stores))) as address:
        page = browser.open(address)
        sent(page)
        time.sleep(2.2)
        page.go(address + "next")
        sent(page)
        page.close()
    [left] = [m for m in arrived(stores) if m.name == "Time on Page"]
    assert 2 <= left.properties["seconds"] < 60
    assert left.properties["path"] == "/"


def test_before_consent_nothing_is_kept_or_sent_and_after_a_no_neither(
    stores: Stores, browser: Browser
) -> None:
    key = key_of(stores)
    with serving(stores) as base, shop(tag(base, key, 'data-consent="analytics"')) as address:
        page = browser.open(address)
        page.run("aimwell.identify('u-1'), aimwell.track('Before')")
        assert page.run("Object.keys(localStorage)") == []
        page.run("aimwell.consent({analytics: false, advertising: false})")
        page.run("aimwell.track('Refused'), aimwell.flush()")
        page.reload()
        page.run("aimwell.track('Refused too'), aimwell.flush()")
        time.sleep(1.5)
        assert page.run("Object.keys(localStorage)") == ["aimwell.consent"]
        assert float(_taken(base)) == 0
        page.run("localStorage.clear()")
        page.close()
    assert arrived(stores) == []


def test_a_yes_sends_what_was_held_and_taking_it_back_is_the_last_that_is_sent(
    stores: Stores, browser: Browser
) -> None:
    key = key_of(stores)
    with serving(stores) as base, shop(tag(base, key, 'data-consent="analytics"')) as address:
        page = browser.open(address)
        page.run("aimwell.identify('u-1', {plan: 'gold'})")
        page.run("aimwell.consent({analytics: true, advertising: false})")
        sent(page)
        page.run("aimwell.track('Allowed')")
        sent(page)
        page.run("aimwell.consent({analytics: false})")
        page.run("aimwell.track('Refused'), aimwell.flush()")
        sent(page)
        assert page.run("Object.keys(localStorage)") == ["aimwell.consent"]
        page.run("localStorage.clear()")
        page.close()
    found = [m for m in arrived(stores) if m.name != "Time on Page"]
    changed = "Segment Consent Preference Updated"
    assert [m.name or m.type for m in found] == ["page", "identify", changed, "Allowed", changed]
    said = [m.context["consent"]["categoryPreferences"] for m in found]
    yes = {"analytics": True, "advertising": False}
    assert said == [yes, yes, yes, yes, {"analytics": False, "advertising": False}]
    assert [m.user_id for m in found] == [None, *["u-1"] * 4]
    assert len({m.anonymous_id for m in found}) == 1


@pytest.mark.parametrize("more", ["", 'data-consent="analytics"'])
def test_the_browsers_own_no_holds_until_the_visitor_says_yes_here(
    stores: Stores, browser: Browser, more: str
) -> None:
    with serving(stores) as base, shop(tag(base, key_of(stores), more)) as address:
        page = browser.open(address, before=GPC, headers={"Sec-GPC": "1"})
        page.run("aimwell.track('Unasked'), aimwell.flush()")
        time.sleep(1.5)
        assert page.run("Object.keys(localStorage)") == []
        page.run("aimwell.consent({analytics: true}), aimwell.track('Asked for')")
        sent(page)
        page.run("localStorage.clear()")
        page.close()
    found = [m for m in arrived(stores) if m.name != "Time on Page"]
    assert [m.name for m in found] == ["Segment Consent Preference Updated", "Asked for"]
    assert {m.opted_out for m in found} == {True}, "the header tells the server too"


def test_calls_before_the_script_is_there_are_not_lost_and_nothing_breaks_the_page(
    stores: Stores, browser: Browser
) -> None:
    stub = "<script>aimwell = [['identify', 'u-9'], ['track', 'Early']]</script>"
    with serving(stores) as base, shop(stub + tag(base, key_of(stores), "async")) as address:
        page = browser.open(address)
        page.run("aimwell.track('Circle', (() => { const a = {}; a.a = a; return a })())")
        page.run("aimwell.track('After')")
        sent(page)
        page.run("localStorage.clear()")
        page.close()
    found = [m for m in arrived(stores) if m.name != "Time on Page"]
    assert [m.name or m.type for m in found] == ["identify", "Early", "page", "After"]
    assert {m.user_id for m in found} == {"u-9"}


def tracked(stores: Stores) -> list[Any]:
    return [m for m in arrived(stores) if m.name == "Done"]


def test_several_tabs_are_one_visitor_and_each_message_is_sent_once(
    stores: Stores, browser: Browser
) -> None:
    head = 'data-pages=off data-consent="analytics"'
    with serving(stores) as base, shop(tag(base, key_of(stores), head)) as address:
        tabs = [browser.open(address) for _ in range(3)]
        for number, page in enumerate(tabs):
            page.run(TOLD)
            page.run(f"aimwell.track('Done', {{n: 'held{number}'}})")
        # One tab is answered: the others send what they held, as the same visitor.
        tabs[0].run("aimwell.consent({analytics: true})")
        for turn in range(40):
            for number, page in enumerate(tabs):
                page.run(f"aimwell.track('Done', {{n: '{number}-{turn}'}}), 1")
        wanted = {f"{tab}-{turn}" for tab in range(3) for turn in range(40)}
        wanted |= {"held0", "held1", "held2"}
        # What two tabs wrote at once may be in one tab alone until its next turn.
        until = time.monotonic() + 60
        while not wanted <= {n for page in tabs for n in page.run("told")}:
            assert time.monotonic() < until, "every message is sent"
            time.sleep(0.1)
        for page in tabs:
            sent(page)
        taken = float(_taken(base))
        assert len({page.run("aimwell.anonymousId()") for page in tabs}) == 1
        tabs[1].run("aimwell.consent({analytics: false})")
        for page in tabs:
            page.until("aimwell.consent().analytics === false")
            page.run("aimwell.track('Done', {n: 'refused'}), aimwell.flush()")
        for page in tabs:
            page.until("Object.keys(localStorage) == 'aimwell.consent'")
        tabs[0].run("localStorage.clear()")
        for page in tabs:
            page.close()
    done = tracked(stores)
    assert {m.properties["n"] for m in done} == wanted
    assert len({m.anonymous_id for m in done}) == 1
    assert taken < 1.2 * len(done), "seldom twice"


def test_a_browser_that_keeps_nothing_or_is_full_loses_nothing_that_is_done_on_the_page(
    stores: Stores, browser: Browser
) -> None:
    forbidden = "Object.defineProperty(window, 'localStorage', {get() { throw new DOMException('no', 'SecurityError') }})"
    with serving(stores) as base, shop(tag(base, key_of(stores), "data-pages=off")) as address:
        page = browser.open(address, before=forbidden)
        page.run(
            "window.real = fetch, window.fetch = () => Promise.reject(new TypeError('offline'))"
        )
        page.run("for (let n = 0; n < 120; n++) aimwell.track('Done', {n}); aimwell.flush()")
        page.run("window.fetch = window.real, window.dispatchEvent(new Event('online'))")
        deadline = time.monotonic() + 30
        while float(_taken(base)) < 120 and time.monotonic() < deadline:
            time.sleep(0.1)
        page.close()
        page = browser.open(address)
        page.run(
            "let size = 1 << 22; while (size) { try { localStorage['fill' + size] = 'x'.repeat(size); break }"
            " catch { size >>= 1 } } for (; size; ) { try { localStorage.more = (localStorage.more || '') +"
            " 'x'.repeat(size) } catch { size >>= 1 } }"
        )
        page.run("for (let n = 120; n < 130; n++) aimwell.track('Done', {n}); aimwell.flush()")
        while float(_taken(base)) < 130 and time.monotonic() < deadline + 30:
            time.sleep(0.1)
        page.run("localStorage.clear()")
        page.close()
    assert sorted(m.properties["n"] for m in tracked(stores)) == list(range(130))


def test_a_page_that_is_left_sends_what_waits_and_goes_on_when_it_is_shown_again(
    stores: Stores, browser: Browser
) -> None:
    with serving(stores) as base, shop(tag(base, key_of(stores))) as address:
        page = browser.open(address)
        sent(page)
        page.run("window.mark = 1, aimwell.track('Done', {n: 1})")
        page.call("Page.navigate", {"url": "about:blank"})
        page.until("location.href == 'about:blank'")
        deadline = time.monotonic() + 30
        while float(_taken(base)) < 2 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert float(_taken(base)) >= 2, "it came although nobody is there any more"
        page.call("Page.navigateToHistoryEntry", {"entryId": _entry(page, address)})
        page.until("location.href != 'about:blank' && document.readyState == 'complete'")
        page.until("!!window.aimwell")
        page.run("aimwell.track('Done', {n: 2}), aimwell.flush()")
        # A page that was put away with a request on its way, whose answer never comes.
        page.run(
            "window.real = fetch, window.fetch = () => new Promise(() => {}), aimwell.track('Done', {n: 3}), aimwell.flush()"
        )
        page.run(
            "window.fetch = window.real, dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))"
        )
        sent(page)
        page.run("localStorage.clear()")
        page.close()
    assert sorted({m.properties["n"] for m in tracked(stores)}) == [1, 2, 3]


def _entry(page: Page, address: str) -> int:
    history = page.call("Page.getNavigationHistory")["entries"]
    return next(one["id"] for one in history if one["url"].startswith(address))


def test_a_server_that_is_in_trouble_is_left_alone_as_long_as_it_asks(browser: Browser) -> None:
    asked: list[float] = []
    taken: list[str] = []

    class Troubled(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            text = script_text().encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            asked.append(time.monotonic())
            status = {1: 503, 2: 429}.get(len(asked), 200)
            if status == 200:
                taken.extend(one["properties"].get("n") for one in body["batch"])
            self.send_response(status)
            self.send_header("Access-Control-Allow-Origin", "*")
            self.send_header("Access-Control-Expose-Headers", "Retry-After")
            if status != 200:
                self.send_header("Retry-After", "3")
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Troubled)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    host = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        with shop(tag(host, "k", "data-pages=off")) as address:
            page = browser.open(address)
            page.run("for (let n = 0; n < 5; n++) aimwell.track('Done', {n}); aimwell.flush()")
            sent(page)
            page.run("localStorage.clear()")
            page.close()
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert taken[:5] == [0, 1, 2, 3, 4]
    assert min(b - a for a, b in itertools.pairwise(asked[:3])) >= 2.9


def _taken(base: str) -> str:
    text = httpx.get(base + "/metrics").text
    found = re.search(r'aimwell_tracking_messages_total\{call="batch"\} ([0-9.]+)', text)
    return found[1] if found else "0"
