"""Answers that come with messages: the last word counts, in whatever order they come; a banner is no newsletter."""

from __future__ import annotations

import itertools
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

from aimwell.collect.tracking.flush import flush_inbox
from aimwell.definitions import service as definitions
from aimwell.definitions.catalogue import check
from aimwell.privacy.consent import latest_consents
from aimwell.privacy.hashing import identifier_hash
from aimwell.store.stores import Stores, open_stores
from collecting import Shop
from tracked import NOW, control_rows, put


def answer(n: int, **categories: bool) -> dict[str, Any]:
    at = (NOW - timedelta(hours=100 - n)).isoformat()
    consent = {"consent": {"categoryPreferences": categories}}
    return {
        "type": "page",
        "messageId": f"m{n}",
        "userId": "ann",
        "timestamp": at,
        "context": consent,
    }


def latest(stores: Stores, purpose: str, channel: str) -> list[str]:
    with stores.read_control() as connection:
        query = latest_consents(purpose=purpose, channel=channel)
        return [row.state for row in connection.execute(query)]


def meaning(stores: Stores) -> None:
    told = {"Newsletter": {"channels": "email"}}
    source = check({"kind": "source", "name": "web", "tracking": {"consent": told}})
    definitions.apply(stores.control, [source], now=NOW, by="test")


def test_a_category_means_what_the_source_says_and_no_banner_allows_mail(
    shop_on_both: Shop,
) -> None:
    stores = shop_on_both.stores
    meaning(stores)
    put(stores, answer(1, Newsletter=True, Advertising=True, Functional=False))
    flush_inbox(stores, now=NOW)
    assert latest(stores, "marketing", "email") == ["granted"]
    found = control_rows(stores, "consents", "purpose", "channel", "state", "basis")
    assert found == [
        ("advertising", "tracking", "granted", "opt_in"),
        ("functional", "tracking", "denied", "request"),
        ("marketing", "email", "granted", "opt_in"),
    ]
    put(stores, answer(2, Newsletter=False))
    flush_inbox(stores, now=NOW)
    assert latest(stores, "marketing", "email") == ["denied"]


def test_the_browser_s_signal_refuses_advertising_by_others(stores: Stores) -> None:
    put(stores, {"type": "page", "messageId": "m1", "anonymousId": "a"}, opted_out=True)
    flush_inbox(stores, now=NOW)
    origin = identifier_hash(stores.identity_key, "anonymous_id", "a")
    found = control_rows(stores, "consents", "origin_id", "purpose", "channel", "state")
    assert found == [(origin, "marketing", "ad_audience", "denied")]


def test_the_last_word_stands_in_whatever_order_answers_come_and_runs_stay_short(
    empty_workspace: Path, tmp_path: Path
) -> None:
    # At 3 the answer is no again: a yes that comes late must not be the last word.
    answers = [answer(1, Newsletter=False), answer(2, Newsletter=True), answer(3, Newsletter=False)]
    for turn, order in enumerate(itertools.islice(itertools.permutations(answers), 0, 6, 2)):
        stores = open_stores(shutil.copytree(empty_workspace, tmp_path / f"w{turn}"))
        meaning(stores)
        for message in order:
            put(stores, message)
            flush_inbox(stores, now=NOW)
        assert latest(stores, "marketing", "email") == ["denied"]
        if turn == 0:
            for n in range(10, 14):
                put(stores, answer(n, Newsletter=False), answer(n + 20, Newsletter=False))
                flush_inbox(stores, now=NOW)
            assert len(control_rows(stores, "consents", "occurred_at")) == 4
        stores.close()
