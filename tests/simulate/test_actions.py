import pytest

from aimwell.errors import SimulateError
from aimwell.simulate import Action, ShopSpec, open_shop
from aimwell.simulate.actions import featured_column


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("coupon", "TEN,OFF"),
        ("channel", "pigeon"),
        ("discount_share", 10.0),
        ("discount_share", -0.1),
        ("discount_share", float("nan")),
        ("valid_days", 0.0),
        ("valid_days", float("inf")),
    ],
)
def test_a_wrong_action_is_refused_with_what_is_allowed(field, value):
    with pytest.raises(SimulateError) as caught:
        Action(**({"name": "ten"} | {field: value}))
    assert [fault.path for fault in caught.value.faults] == [field]
    assert caught.value.faults[0].allowed


def test_only_something_to_use_up_is_an_offer():
    assert not Action(name="reminder").has_offer
    assert Action(name="ten", discount_share=0.1).has_offer
    assert Action(name="free", free_shipping=True).has_offer
    assert Action(name="ten", coupon="TEN10").code == "TEN10"


def test_a_category_that_the_shop_does_not_have_is_refused():
    shop = open_shop(ShopSpec(people=1, categories=3))
    assert featured_column(shop, Action(name="garden", featured="Garden")) == 1
    assert featured_column(shop, Action(name="all")) is None
    with pytest.raises(SimulateError, match="Kitchen, Garden, Gifts"):
        featured_column(shop, Action(name="pets", featured="Pets"))
