import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimwell.errors import SimulateError
from aimwell.simulate import ShopSpec, open_shop, people_of
from aimwell.simulate.accounts import Accounts
from aimwell.simulate.cells import open_cell

BIG = open_shop(ShopSpec(people=100_000_000))


@given(
    st.lists(st.tuples(st.integers(0, 99_999_999), st.booleans(), st.integers(0, 1)), min_size=1)
)
def test_ids_lead_back_to_their_people(accounts):
    numbers, long, second = (np.array(column) for column in zip(*accounts, strict=True))
    cell = Accounts(numbers, long.astype(bool), np.zeros(len(numbers), np.int64))
    ids = cell.ids_of_account(np.arange(len(numbers)), second)
    assert people_of(BIG, ids).tolist() == numbers.tolist()
    assert set(map(len, ids.to_pylist())) <= {9, 19}


def test_all_ids_of_a_shop_differ_and_some_have_19_digits():
    shop = open_shop(ShopSpec(people=9000, second_account_share=0.3, long_id_share=0.25))
    ids = []
    for index in range(shop.cells):
        cell = open_cell(shop, index)
        everybody = np.arange(len(cell.people))
        ids += cell.accounts.ids_of_account(everybody, np.zeros_like(everybody)).to_pylist()
        ids += cell.accounts.ids_of_account(everybody, np.ones_like(everybody)).to_pylist()
    assert len(set(ids)) == 18_000
    assert 0.2 < np.mean([len(id_) == 19 for id_ in ids]) < 0.3


@pytest.mark.parametrize(
    "strange",
    [
        "",
        "12",
        "nobody",
        "000000000",
        "000000041",
        "4000000000000000018",
        "9999999999999999999",
        None,
    ],
)
def test_ids_of_nobody_are_refused(strange):
    shop = open_shop(ShopSpec(people=20))
    with pytest.raises(SimulateError, match="not of this shop"):
        people_of(shop, pa.array(["000000001", strange], pa.string()))


def test_the_second_id_holds_from_the_switch_on():
    accounts = Accounts(
        np.array([0, 1]), np.zeros(2, bool), np.array([100, np.iinfo(np.int64).max])
    )
    ids = accounts.ids(np.array([0, 0, 1]), np.array([99, 100, 10**9]))
    assert ids.to_pylist() == ["000000001", "000000002", "000000003"]
    assert accounts.second.tolist() == [True, False]
