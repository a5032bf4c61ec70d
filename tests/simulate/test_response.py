import numpy as np
import pytest
from scipy import stats

from aimwell.simulate import CHANNELS, GROUPS, Action, ShopSpec, open_shop
from aimwell.simulate.cells import open_cell, trade_before
from aimwell.simulate.response import respond

ACTIONS = [
    Action(name="reminder"),
    Action(name="ten", discount_share=0.1),
    Action(name="thirty-by-sms", channel="sms", discount_share=0.3),
    Action(name="free", free_shipping=True, featured="Garden"),
]


@pytest.fixture(scope="module")
def shop():
    return open_shop(ShopSpec(people=8000, seed=6))


@pytest.fixture(scope="module")
def cell(shop):
    return open_cell(shop, 0)


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.name)
def test_only_persuadables_are_moved_and_only_the_disturbed_driven_away(shop, cell, action):
    response = respond(shop, cell.people, cell.life, action)
    assert ((response.pull > 0) == cell.people.is_group("persuadable")).all()
    assert ((response.push > 0) == cell.people.is_group("do_not_disturb")).all()
    for chance in vars(response).values():
        assert ((chance >= 0) & (chance <= 0.95)).all()


def test_effects_grow_with_the_strength_of_the_spec_and_vanish_at_zero(cell):
    pulls = []
    for strength in (0.0, 0.5, 1.0):
        shop = open_shop(ShopSpec(people=8000, seed=6, effect_strength=strength))
        response = respond(shop, cell.people, cell.life, ACTIONS[0])
        pulls.append((response.pull.sum(), response.push.sum()))
    assert pulls[0] == (0.0, 0.0)
    assert pulls[2] == pytest.approx((2 * pulls[1][0], 2 * pulls[1][1]), rel=0.05)


def test_a_deeper_discount_moves_lovers_of_bargains_more(shop, cell):
    shallow, deep = (
        respond(shop, cell.people, cell.life, Action(name="off", discount_share=share))
        for share in (0.05, 0.2)
    )
    moved = cell.people.is_group("persuadable")
    gain = (deep.pull - shallow.pull)[moved]
    assert (gain >= 0).all()
    assert np.corrcoef(gain, cell.people.bargain[moved])[0, 1] > 0.3


def test_a_featured_category_moves_those_who_buy_it(shop, cell):
    featured = respond(shop, cell.people, cell.life, Action(name="g", featured="Garden"))
    plain = respond(shop, cell.people, cell.life, Action(name="p"))
    moved = cell.people.is_group("persuadable")
    taste = cell.people.taste[moved, 1]
    assert stats.spearmanr(featured.pull[moved] / plain.pull[moved], taste).statistic > 0.9


def test_text_messages_drive_away_more_than_post(shop, cell):
    disturbed = cell.people.is_group("do_not_disturb")
    push = {
        channel: respond(shop, cell.people, cell.life, Action(name="x", channel=channel))
        .push[disturbed]
        .mean()
        for channel in CHANNELS
    }
    assert push["sms"] > push["email"] > push["post"]


def test_the_history_gives_persuadables_away(shop, cell):
    """Share of orders with a coupon, seen in the files, ranks persuadables before the others."""
    orders = trade_before(shop, cell)[0].orders
    n = len(cell.people)
    count = np.bincount(orders.person, minlength=n)
    share = np.bincount(orders.person, orders.coupon >= 0, n) / np.maximum(count, 1)
    known = count >= 4
    moved = cell.people.is_group("persuadable")
    area = stats.mannwhitneyu(share[known & moved], share[known & ~moved]).statistic
    assert area / (known & moved).sum() / (known & ~moved).sum() > 0.65


def test_sure_things_buy_more_and_lost_causes_less_than_others(cell):
    counts = np.bincount(cell.life.orders.person, minlength=len(cell.people))
    means = {
        name: counts[cell.people.is_group(name) & ~cell.people.prospect].mean() for name in GROUPS
    }
    assert means["sure_thing"] > means["persuadable"] > means["lost_cause"]
