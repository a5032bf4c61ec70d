"""Who leans to discounts: planted seekers are found, who happens to buy in a week of discounts is none, intervals cover."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import expit, logit

from aimwell.errors import TooLittleDataError
from aimwell.predict.cards import card_text, model_card
from aimwell.predict.pricing.discounts import DiscountSeekers, discount_seekers
from aimwell.predict.scoring import stored_scores
from aimwell.store.stores import Stores
from shop import add_orders, add_products, day, make_stores, origin

AS_OF, NOW = day(280), day(281)
PEOPLE = 180


def orders(*, lean: bool = True) -> list[dict[str, Any]]:
    """In half of the weeks most of what is sold is on discount. A third of the people seek discounts and a third, who buy by
    chance, come only in those weeks."""
    rng = np.random.default_rng(9)
    shares = np.where(np.arange(40) % 2 == 0, 0.7, 0.1)
    rows: list[dict[str, Any]] = []
    for person in range(PEOPLE):
        weeks = rng.choice(
            np.arange(0, 40, 2) if person % 3 == 1 else np.arange(40), 12, replace=False
        )
        for week in weeks:
            chance = shares[week]
            if lean and person % 3 == 0:
                chance = expit(logit(chance) + 2)
            lines = [
                {
                    "sku": f"s{int(rng.integers(6))}",
                    "quantity": 1,
                    "unit_price": 10,
                    "discount": 2 if rng.random() < chance else 0,
                }
                for _ in range(5)
            ]
            rows.append(
                {
                    "customer": f"c{person}",
                    "order_id": f"{person}-{week}",
                    "ordered_at": day(4 + 7 * int(week) + float(rng.uniform(0, 6))),
                    "lines": lines,
                }
            )
    return rows


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    opened = make_stores(tmp_path_factory.mktemp("discounts"))
    add_orders(opened, orders())
    add_products(opened, [{"sku": f"s{one}", "category": f"k{one % 2}"} for one in range(6)])
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def found(stores: Stores) -> DiscountSeekers:
    return discount_seekers(stores, as_of=AS_OF, now=NOW)


def leanings(stores: Stores, found: DiscountSeekers, rest: int) -> list[str]:
    rows = {row["profile_id"]: row["leaning"] for row in found.people.to_pylist()}
    return [rows[origin(stores, f"c{person}")] for person in range(rest, PEOPLE, 3)]


def test_seekers_stand_out_from_those_who_come_in_weeks_of_discounts(
    stores: Stores, found: DiscountSeekers
) -> None:
    assert leanings(stores, found, 0).count("seeks") >= 20
    # They too bought three fifths on discount; it was what was on offer.
    rows = {row["profile_id"]: row for row in found.people.to_pylist()}
    comers = [rows[origin(stores, f"c{person}")] for person in range(1, PEOPLE, 3)]
    assert np.mean([row["on_discount"] / row["lines"] for row in comers]) > 0.55
    assert leanings(stores, found, 1).count("seeks") <= 3
    assert leanings(stores, found, 2).count("seeks") <= 3


def test_it_is_judged_on_later_lines(found: DiscountSeekers) -> None:
    assert found.judged is not None
    assert found.judged.verdict == "better"
    assert found.judged.log_loss < found.judged.log_loss_offered


def test_people_who_are_alike_do_not_lean(tmp_path: Path) -> None:
    opened = make_stores(tmp_path)
    add_orders(opened, orders(lean=False))
    told = discount_seekers(opened, as_of=AS_OF, now=NOW, keep=False)
    assert told.law.strength > 50
    leaning = told.people.column("leaning").to_pylist()
    assert len(leaning) - leaning.count("cannot tell") <= 0.05 * PEOPLE
    assert told.judged is not None
    assert told.judged.verdict != "better"
    opened.close()


def test_what_is_usual_leaves_the_person_out(tmp_path: Path) -> None:
    opened = make_stores(tmp_path)
    rows = orders(lean=False)
    rows += [
        {
            "customer": "alone",
            "order_id": "alone",
            "ordered_at": day(150),
            "lines": [{"sku": "only", "quantity": 1, "unit_price": 10, "discount": 5}] * 6,
        }
    ]
    add_orders(opened, rows)
    add_products(opened, [{"sku": "only", "category": "own"}, {"sku": "s0", "category": "k0"}])
    told = discount_seekers(opened, as_of=AS_OF, now=NOW, keep=False).people.to_pylist()
    (row,) = (one for one in told if one["profile_id"] == origin(opened, "alone"))
    assert (row["lines"], row["on_discount"], row["spend_share"]) == (6, 6, 1.0)
    # Nobody else bought of this category; what is usual is then the category's own share.
    assert row["usual"] == pytest.approx(0.999)
    opened.close()


def test_the_excess_is_kept_as_scores(stores: Stores, found: DiscountSeekers) -> None:
    assert found.entry is not None
    kept = stored_scores(stores, found.entry, AS_OF)
    assert kept is not None
    assert kept.column("score").to_pylist() == found.people.column("excess").to_pylist()
    assert kept.column("lower").to_pylist() == found.people.column("lower").to_pylist()
    again = discount_seekers(stores, as_of=AS_OF, now=day(300))
    assert again.entry is not None
    assert again.entry.label == found.entry.label
    assert "were on discount" not in card_text(model_card(found.entry))
    assert "lines were bought on discount" in model_card(found.entry)["sentence"]


def test_a_shop_without_discounts_is_refused(tmp_path: Path) -> None:
    opened = make_stores(tmp_path)
    add_orders(
        opened,
        [
            {"customer": "x", "order_id": str(n), "ordered_at": day(n), "lines": [("s", 1, 2)]}
            for n in range(9)
        ],
    )
    with pytest.raises(TooLittleDataError, match="lines on discount: 0 of at least 200"):
        discount_seekers(opened, as_of=AS_OF, now=NOW)
    opened.close()
