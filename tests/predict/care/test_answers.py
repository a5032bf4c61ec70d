"""Care of channels and of leanings to discounts: a planted change is noticed, what has not changed is left alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from aimwell.definitions.catalogue import check
from aimwell.definitions.kinds.prediction import Prediction
from aimwell.errors import DefinitionError, PredictError, TooLittleDataError
from aimwell.predict.card_page import card_html
from aimwell.predict.cards import card_text, model_card
from aimwell.predict.care.caring import care_for, train_defined
from aimwell.predict.care.model import RealisedLoss
from aimwell.predict.care.service import compare, monitor, score
from aimwell.predict.registry import find_model, promote
from aimwell.predict.scoring import stored_scores
from aimwell.store.stores import Stores
from answering import leaning_orders, letters
from shop import add_orders, add_touches, day, make_stores

TRAINED, LATER = 280, 400
DAYS, CHANGED = 400, 287


def prediction(asks: str, **more: object) -> Prediction:
    found = check({"kind": "prediction", "name": asks, "asks": asks, "score": True, **more})
    assert isinstance(found, Prediction)
    return found


def shop(folder: Path, *, changed: bool) -> Stores:
    stores = make_stores(folder)
    add_touches(
        stores,
        letters(people=160, days=DAYS, changes_at=CHANGED if changed else None, times_then=0.3),
    )
    add_orders(
        stores, leaning_orders(people=150, weeks=57, changes_at=CHANGED // 7 if changed else None)
    )
    return stores


@pytest.fixture(scope="module")
def steady(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    stores = shop(tmp_path_factory.mktemp("steady"), changed=False)
    yield stores
    stores.close()


@pytest.fixture(scope="module")
def turned(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    """From the day of training on people answer a third as often, seekers of discounts avoid them and avoiders seek them."""
    stores = shop(tmp_path_factory.mktemp("turned"), changed=True)
    yield stores
    stores.close()


@pytest.mark.parametrize("asks", ["channel", "price"])
def test_where_nothing_has_changed_nothing_is_to_be_done(steady: Stores, asks: str) -> None:
    wanted = prediction(asks)
    first = care_for(steady, wanted, now=day(TRAINED))
    assert (first.outcome, first.model) == ("trained", f"{asks}@1")
    assert (first.scored or 0) >= 140
    early = monitor(steady, asks, as_of=day(TRAINED + 5))
    assert "complete on" in str(early.realised_reason)
    found = monitor(steady, asks, as_of=day(LATER))
    assert found.verdict == "fine", found.findings
    assert isinstance(found.realised, RealisedLoss)
    assert (found.realised.gain.lower or 0) > 0
    assert not found.realised.worse
    json.dumps(found.to_dict(), default=str)
    with pytest.raises(PredictError, match="know their own future"):
        score(steady, asks, as_of=day(200), now=day(LATER))
    kept = care_for(steady, wanted, now=day(TRAINED + 1))
    assert (kept.outcome, kept.model) == ("kept", f"{asks}@1")


@pytest.mark.parametrize("asks", ["channel", pytest.param("price", marks=pytest.mark.long)])
def test_a_planted_change_is_noticed_and_a_newer_version_is_held_against_it(
    turned: Stores, asks: str
) -> None:
    wanted = prediction(asks, promote="sign-off")
    train_defined(turned, wanted, as_of=day(TRAINED), now=day(TRAINED))
    found = monitor(turned, asks, as_of=day(LATER))
    assert found.verdict == "train it anew"
    assert isinstance(found.realised, RealisedLoss)
    assert found.realised.off if asks == "channel" else found.realised.worse
    done = care_for(turned, wanted, now=day(LATER))
    assert done.outcome in ("waits for sign-off", "not better")
    assert done.model == f"{asks}@1"
    newer = compare(turned, f"{asks}@2", f"{asks}@1", as_of=day(LATER))
    assert (newer.extra_loss.estimate or 0) < 0
    assert done.outcome == ("waits for sign-off" if newer.better == f"{asks}@2" else "not better")
    assert set(newer.stand_ins) == {f"{asks}@2"}
    promote(turned, find_model(turned, f"{asks}@2"), by="ann", reason="seen", now=day(LATER))
    assert find_model(turned, asks).version == 2


def test_their_cards_and_pages_tell_the_same(steady: Stores) -> None:
    for asks, words in (("channel", "is the one through which"), ("price", "on discount")):
        train_defined(steady, prediction(asks), as_of=day(TRAINED), now=day(TRAINED))
        entry = find_model(steady, asks)
        card = model_card(entry)
        assert words in card["predicts"]
        assert "foretold later ones better" in card["sentence"]
        assert "Beware" in card_text(card)
        page = card_html(steady, entry, as_of=day(LATER), now=day(LATER))
        assert '<span class="badge">fine</span>' in page
        assert "better than" in page


def test_each_channel_has_scores_of_its_own(steady: Stores) -> None:
    train_defined(steady, prediction("channel"), as_of=day(TRAINED), now=day(TRAINED))
    entry = find_model(steady, "channel")
    sums = [
        stored_scores(steady, replace(entry, name=f"channel-{one}"), day(TRAINED))
        for one in ("email", "sms")
    ]
    assert sums[0] is not None
    assert sums[1] is not None
    pairs = zip(*(one.column("score").to_pylist() for one in sums if one is not None), strict=True)
    assert all(sum(pair) == pytest.approx(1) for pair in pairs)


def test_versions_of_other_answers_are_not_compared(steady: Stores) -> None:
    opens = prediction("channel", name="opens", answer="open")
    train_defined(steady, opens, as_of=day(TRAINED), now=day(TRAINED))
    train_defined(steady, prediction("channel"), as_of=day(TRAINED), now=day(TRAINED))
    with pytest.raises(PredictError, match="different questions"):
        compare(steady, "opens", "channel", as_of=day(LATER))


def test_an_empty_shop_is_refused_with_what_is_needed(tmp_path: Path) -> None:
    stores = make_stores(tmp_path)
    for asks, words in (
        ("channel", "messages: 0 of at least 500"),
        ("price", "lines on discount: 0 of at least 200"),
    ):
        with pytest.raises(TooLittleDataError, match=words):
            train_defined(stores, prediction(asks), as_of=day(50), now=day(50))
    stores.close()


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ({"asks": "price", "answer": "open"}, "answer: goes with asks: channel alone"),
        ({"asks": "channel", "learners": ["rule"]}, "learners: does not go with asks: channel"),
        ({"asks": "lead", "among": "buyers"}, "of leads it is prospects or accounts"),
        (
            {"asks": "lead", "among": "accounts", "tries": 3},
            "tries: does not go with asks: lead among accounts",
        ),
        (
            {
                "asks": "lead",
                "among": "accounts",
                "does": {"event": "A", "where": {"sku": {"is": "b"}}},
            },
            "without conditions",
        ),
    ],
)
def test_what_does_not_go_together_is_refused(written: dict[str, object], words: str) -> None:
    with pytest.raises(DefinitionError, match=words):
        check({"kind": "prediction", "name": "x", **written})
