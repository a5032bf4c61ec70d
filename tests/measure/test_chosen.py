"""What each action earned among those for whom a policy chose it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from aimwell.decide.budget.model import Limit
from aimwell.decide.choosing import choose_within
from aimwell.decide.draft import Chooser, draft
from aimwell.decide.model import Candidate
from aimwell.decide.people import ALLOWED, CONTROL
from aimwell.measure.actions import ActionFacts, action_results
from aimwell.measure.chosen import strata_apart
from aimwell.measure.model import ActionResult
from aimwell.measure.people import NOTHING, UNKNOWN, Cell, People
from aimwell.stats.buckets import BUCKETS, buckets
from aimwell.stats.intervals import wilson

MAIL = Candidate("mail", "email", "email", 1.0, 0.1, (("a", 1.0),))
TEXT = Candidate("text", "sms", "sms", 1.0, 0.5, (("a", 1.0),))
CELLS = (Cell("mail", "a"), Cell("text", "a"), Cell("", None))
HOLDOUT, EXPLORE = 0.2, 0.1
Make = Callable[..., People]


@dataclass(frozen=True)
class Shop:
    """Measured people, what each would answer to each action, and the truth for those who are compared."""

    people: People
    added: NDArray[np.float64]

    def facts(self) -> dict[str, ActionFacts]:
        given = {
            name: int((self.people.cell == n).sum()) for n, name in enumerate(("mail", "text"))
        }
        return {
            "mail": ActionFacts(channel="email", offer="ten", sent={"a": given["mail"]}, cost={"a": 0.1 * given["mail"]}),
            "text": ActionFacts(channel="sms", offer=None, sent={"a": given["text"]}, cost={"a": 0.5 * given["text"]}),
        }  # fmt: skip

    def rows(self, **more: Any) -> tuple[ActionResult, ...]:
        asked = {"holdout": HOLDOUT, "by_variant": False, "seed": 1, "permutations": 199, **more}
        return action_results(self.people, self.facts(), **asked)

    def truth(self, number: int) -> float:
        """What the choice added to those who were left to it, less what their messages cost."""
        people = self.people
        mine = (people.choice == number) & people.treated & ~people.explored
        cell = people.cell[mine]
        added = np.column_stack([self.added[mine], np.zeros(mine.sum())])
        return float(
            added[np.arange(len(cell)), cell].sum() - np.array([0.1, 0.5, 0.0])[cell].sum()
        )


def made(make_people: Make, seed: int, size: int = 3_000, **more: Any) -> Shop:
    """Mail adds ten to the third who spend most and takes two from the others; a text adds five to the middle third and takes four from the
    others. A budget reaches three quarters of those for whom it pays."""
    rng = np.random.default_rng(seed)
    before = rng.gamma(2, 10, size)
    third = np.searchsorted(np.quantile(before, [1 / 3, 2 / 3]), before)
    added = np.column_stack(
        [np.where(third == 2, 10.0, -2.0), np.where(third == 1, 5.0, -4.0)]
    ) + rng.normal(0, 1, (size, 2))
    names = [f"p{number}" for number in range(size)]
    order = buckets(f"{seed}:tie", names) / BUCKETS
    seen: dict[str, Any] = {}

    def choose(who: Any, allowed: Any, tossed: Any) -> Any:
        # The policy knows what the thirds answer on average, and that mail costs a tenth and a text a half.
        values = np.column_stack([np.where(third == 2, 9.9, -2.1), np.where(third == 1, 4.5, -4.5)])
        limit = Limit("budget", np.array([0.1, 0.5]), at_most=0.12 * size)
        found = choose_within(values[who], allowed, [limit], tossed, order=order[who])
        seen.update(choice=found.by_price, explorer=tossed.explorer)
        return found.choice

    drawn = draft(
        names,
        candidates=[MAIL, TEXT],
        salt=f"{seed}",
        holdout=HOLDOUT,
        refusals=np.full((size, 2), ALLOWED, dtype=np.int8),
        send_at=np.full(size, np.datetime64("2026-03-01", "us")),
        kept={},
        policy=Chooser(EXPLORE, choose),
    )
    held = drawn.arm == CONTROL
    cell = np.where(held, -1, np.where(drawn.action < 0, 2, drawn.action))
    got = np.column_stack([added, np.zeros(size)])[np.arange(size), cell] * ~held
    margin = before + rng.normal(0, 8, size) + got
    people = make_people(
        list(cell),
        cells=CELLS,
        probability=drawn.probability,
        orders=np.ones(size),
        revenue=2 * margin,
        margin=margin,
        spend_before=before,
        choice=None,
        explored=seen["explorer"] & ~held,
        **more,
    )
    return Shop(replace(people, choice=seen["choice"].astype(np.int64)), added)


def covered(make_people: Make, runs: int) -> dict[str, tuple[int, int, float]]:
    """Action → in how many runs the interval (97.5 %) of its profit held the truth, that of everybody's figure held it, and the mean error
    as a share of the truth."""
    found: dict[str, list[tuple[bool, bool, float]]] = {"mail": [], "text": []}
    for seed in range(runs):
        shop = made(make_people, seed)
        for number, row in enumerate(shop.rows()):
            truth = shop.truth(number)
            assert row.chosen is not None
            wrong = row.difference.times(float(row.chosen.people))
            off = ((row.profit.estimate or 0.0) - truth) / truth
            held = bool(row.profit.covers(truth))
            found[row.action].append((held, bool(wrong.covers(truth)), off))
    return {
        name: (
            sum(a for a, _b, _c in rows),
            sum(b for _a, b, _c in rows),
            float(np.mean([c for _a, _b, c in rows])),
        )
        for name, rows in found.items()
    }


def test_the_profit_of_those_for_whom_it_was_chosen_lies_in_its_interval(make_people: Make) -> None:
    found = covered(make_people, 12)
    for held, by_everybody, off in found.values():
        assert held >= 10, found
        # What it adds to everybody is another figure, and would be wrong.
        assert by_everybody == 0, found
        assert abs(off) < 0.1, found


@pytest.mark.long
def test_over_many_campaigns_the_intervals_cover_what_the_choice_earned(make_people: Make) -> None:
    runs = 400
    found = covered(make_people, runs)
    for name, (held, by_everybody, off) in found.items():
        one = wilson(held, runs)
        print(
            f"{name}: {100 * held / runs:.1f} % ({100 * one.lower:.1f} to {100 * one.upper:.1f}) cover, off by {100 * off:.2f} %; "
            f"the figure of everybody would in {100 * by_everybody / runs:.1f} %"
        )
        assert 0.95 < held / runs <= 0.999, found
        assert by_everybody / runs < 0.1, found
        assert abs(off) < 0.02, found


def test_a_row_says_whom_it_compares_and_what_they_cost(make_people: Make) -> None:
    shop = made(make_people, 1)
    people = shop.people
    mail, text = shop.rows()
    one = mail.chosen
    assert one is not None
    mine = people.choice == 0
    left = people.treated & ~people.explored
    assert one.people == (mine & left).sum()
    assert one.held_out == (mine & ~people.treated).sum()
    assert one.got >= 0.97 * one.people
    assert one.contact_cost == pytest.approx(0.1 * one.people, rel=0.03)
    assert mail.figures.people > one.people
    assert mail.profit == one.profit
    assert one.profit.estimate == pytest.approx(
        one.people * (one.difference.estimate or 0.0) - one.contact_cost
    )
    assert one.difference.confidence == 0.975
    assert mail.profit_of_all.estimate != pytest.approx(one.profit.estimate, rel=0.2)
    assert text.chosen is not None
    (only, _other) = shop.rows(by_variant=True)
    assert only.chosen is not None
    assert only.chosen.people == only.chosen.got == one.got


def test_while_the_window_is_open_the_interval_holds_at_all_looks(make_people: Make) -> None:
    shop = made(make_people, 1)
    done, open_ = (shop.rows(fraction=part)[0].profit for part in (None, 0.5))
    assert open_.lower < done.lower
    assert "always valid" in open_.method


def test_without_a_choice_or_after_an_earlier_wave_there_is_no_figure_but_a_reason(
    make_people: Make,
) -> None:
    shop = made(make_people, 1)
    (mail, _text) = replace(shop, people=replace(shop.people, choice=None)).rows()
    assert mail.chosen is None
    assert "no policy chose it" in (mail.profit.reason or "")
    everybody = np.ones(len(shop.people), dtype=bool)
    waves = replace(shop, people=replace(shop.people, drawn_before=everybody))
    (mail, _text) = waves.rows()
    assert mail.chosen is not None
    assert mail.chosen.drawn_before == (shop.people.choice == 0).sum()
    assert "an earlier wave" in (mail.profit.reason or "")
    half = replace(shop, people=replace(shop.people, drawn_before=np.arange(3_000) % 2 == 0))
    (mail, _text) = half.rows()
    assert mail.profit.defined
    assert mail.chosen is not None
    assert 0 < mail.chosen.people < mail.chosen.drawn_before
    held = replace(shop, people=replace(shop.people, drawn_before=~shop.people.treated))
    (mail, _text) = held.rows()
    assert mail.chosen is not None
    assert mail.chosen.held_out == 0 < mail.chosen.people
    assert "an earlier wave of the campaign drew" in (mail.profit.reason or "")
    assert "among them all who were held out" in (mail.profit.reason or "")
    contacted = replace(shop, people=replace(shop.people, drawn_before=shop.people.treated))
    assert "all who were left to the policy" in (contacted.rows()[0].profit.reason or "")
    never = replace(shop, people=replace(shop.people, choice=np.full(3_000, NOTHING)))
    assert "for nobody" in (never.rows()[0].profit.reason or "")
    treated = shop.people.treated & (shop.people.choice == 0)
    gone = replace(shop, people=shop.people.take(treated | (shop.people.choice != 0)))
    assert "nobody was held out of those" in (gone.rows()[0].profit.reason or "")


def test_strata_that_are_not_alike_in_both_arms_are_not_compared(make_people: Make) -> None:
    shop = made(make_people, 1)
    assert (strata_apart(shop.people) or 0.0) > 0.001
    # Who was contacted turned from one action to the other because of it.
    choice = shop.people.choice.copy()
    turned = shop.people.treated & (choice == 0) & (np.arange(3_000) % 3 == 0)
    choice[turned] = 1
    other = replace(shop, people=replace(shop.people, choice=choice))
    assert (strata_apart(other.people) or 0.0) < 0.001
    for row in other.rows():
        assert "are not alike" in (row.profit.reason or "")
    groups = replace(other.people, cluster=np.arange(3_000) // 2)
    assert strata_apart(groups) is None
    assert strata_apart(replace(shop.people, choice=np.full(3_000, UNKNOWN))) is None


def test_where_groups_were_drawn_the_interval_is_of_groups(make_people: Make) -> None:
    shop = made(make_people, 1)
    grouped = replace(shop, people=replace(shop.people, cluster=np.arange(3_000) // 3))
    (mail, _text) = grouped.rows()
    assert mail.chosen is not None
    assert "CR2" in mail.chosen.difference.method or "cluster" in mail.chosen.difference.method
