"""The page of a model's card: whole, self-contained, and honest where a part cannot be told."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser

import pytest

from aimwell.definitions.catalogue import check
from aimwell.definitions.kinds.prediction import Prediction
from aimwell.predict.card_page import card_facts, card_html
from aimwell.predict.care.caring import train_defined
from aimwell.predict.registry import find_model, promote
from aimwell.store.stores import Stores
from shop import add_traits, day, make_stores
from steady import add_steady

COLUMNS = ["orders_90d", "recency_days", "revenue_90d", "gap_mean_days"]


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    made = make_stores(tmp_path_factory.mktemp("shop"), margin_default=0.4)
    add_steady(made, people=500, days=400)
    add_traits(
        made,
        [
            {"customer": f"c{number}", "name": "gender", "value": "fm"[number % 2]}
            for number in range(500)
        ],
    )
    for document in (
        {"name": "buy", "horizon": "45d", "columns": COLUMNS},
        {"name": "next", "asks": "next-purchase"},
    ):
        wanted = check({"kind": "prediction", **document})
        assert isinstance(wanted, Prediction)
        train_defined(made, wanted, as_of=day(300), now=day(300))
    yield made
    made.close()


class Tags(HTMLParser):
    """Opened tags that are not closed, and all that were seen."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:  # noqa: ARG002
        self.seen.append(tag)
        if tag not in ("meta", "line", "rect", "circle", "path"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in ("line", "rect", "circle", "path"):
            assert self.open.pop() == tag


def page(stores: Stores, name: str, at: float) -> str:
    found = card_html(stores, find_model(stores, name), as_of=day(at), now=day(at))
    tags = Tags()
    tags.feed(found)
    assert tags.open == []
    assert not {"script", "img", "link", "iframe"} & set(tags.seen)
    assert not re.findall(r"(?:https?:)?//\w", found)
    return found


def titles(found: str) -> list[str]:
    return re.findall(r"<h2>(.*?)</h2>", found)


def test_a_propensity_tells_everything(stores: Stores) -> None:
    entry = find_model(stores, "buy")
    promote(stores, entry, by="ann", reason="<script>alert(1)</script> & better", now=day(310))
    found = page(stores, "buy", 360)
    assert titles(found) == [
        "What it predicts",
        "Beside duller ways",
        "How good it is",
        "Does a probability mean what it says?",
        "If you choose the likeliest",
        "What tells people apart",
        "What it makes of the strongest features",
        "By group",
        "Since then",
        "Beware",
        "Who uses it since when",
        "Made from",
    ]
    assert "base rate by recency" in found
    assert "gender: f" in found
    assert '<span class="badge">fine</span>' in found
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; better" in found
    assert found.count('class="dot"') == len(card_facts_bins(stores))
    assert page(stores, "buy", 360) == found


def card_facts_bins(stores: Stores) -> list[object]:
    facts = card_facts(stores, find_model(stores, "buy"), as_of=day(360))
    return list(facts.card["calibration"])


def test_what_cannot_be_told_is_said(stores: Stores) -> None:
    found = page(stores, "buy", 310)
    assert "The first outcomes that it has not seen are complete on" in found
    other = page(stores, "next", 360)
    assert "Next purchase" in other
    assert "whose outcomes it had not seen: log score of the day" in other
    assert "What it makes of the strongest features" not in titles(other)
    assert "They are told of: channel preference, churn, lifetime value" in other
    assert "Since then" in titles(other)
