import numpy as np
import pytest
from scipy import stats

from aimwell.simulate import GROUPS, ShopSpec, open_shop
from aimwell.simulate.people import simulate_people
from aimwell.simulate.streams import CELL_PEOPLE


@pytest.fixture(scope="module")
def shop():
    return open_shop(ShopSpec(people=3 * CELL_PEOPLE + 100, seed=5))


@pytest.fixture(scope="module")
def people(shop):
    return simulate_people(shop, 1)


def test_cells_cover_everybody_once(shop):
    numbers = [number for cell in range(shop.cells) for number in shop.cell_people(cell)]
    assert numbers == list(range(shop.spec.people))


@pytest.mark.parametrize("name", GROUPS)
def test_groups_have_the_shares_of_the_spec(shop, people, name):
    spec = shop.spec
    lost = 1 - spec.persuadable_share - spec.sure_thing_share - spec.do_not_disturb_share
    share = getattr(spec, f"{name}_share", lost)
    found = people.is_group(name).sum()
    assert stats.binomtest(int(found), len(people), share).pvalue > 1e-4


@pytest.mark.parametrize("name", GROUPS)
def test_a_group_can_be_everybody(name):
    shares = dict.fromkeys(("persuadable_share", "sure_thing_share", "do_not_disturb_share"), 0.0)
    if name != "lost_cause":
        shares[f"{name}_share"] = 1.0
    everybody = simulate_people(open_shop(ShopSpec(people=500, **shares)), 0)
    assert everybody.is_group(name).all()


def test_rates_are_gamma_and_dropouts_beta_with_the_means_of_the_spec(shop, people):
    spec = shop.spec
    customers = ~people.prospect
    yearly = people.rate[customers] * 365.25
    rate = stats.gamma(spec.rate_shape, scale=spec.orders_per_year / spec.rate_shape)
    a = spec.dropout_mean * spec.dropout_size
    assert stats.kstest(yearly, rate.cdf).pvalue > 1e-4
    assert stats.kstest(people.dropout, stats.beta(a, spec.dropout_size - a).cdf).pvalue > 1e-4


def test_hidden_traits_give_groups_away(people):
    rest = ~people.is_group("do_not_disturb")
    for trait, name, among in (
        (people.bargain, "persuadable", rest),
        (people.aversion, "do_not_disturb", np.ones_like(rest)),
        (people.rate, "sure_thing", rest & ~people.is_group("persuadable") & ~people.prospect),
    ):
        inside = trait[among & people.is_group(name)]
        outside = trait[among & ~people.is_group(name)]
        better = stats.mannwhitneyu(inside, outside).statistic / inside.size / outside.size
        assert better > 0.85


def test_shares_and_probabilities_are_within_their_bounds(people):
    assert np.allclose(people.taste.sum(axis=1), 1)
    for share in (
        people.bargain,
        people.freight,
        people.aversion,
        people.dropout,
        people.coupon_share,
    ):
        assert ((share >= 0) & (share <= 1)).all()
    assert (people.rate > 0).all()
    assert (people.signup < people.end).all()


def test_grown_up_people_only(shop, people):
    assert (people.birth_day < shop.start / 86400 - 17.9 * 365).all()
