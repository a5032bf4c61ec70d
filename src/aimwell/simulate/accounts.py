"""Customer ids: how people of the simulation and customers in its files belong together.

A person has one account, or two. Ids are text: some of 19 digits (they do not fit a float), the others of
9 with leading zeros. They follow from the number of the person, so no table is needed to go back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from aimwell.errors import SimulateError
from aimwell.simulate.columns import padded
from aimwell.simulate.lives import Life
from aimwell.simulate.people import Flags, Ints, People
from aimwell.simulate.shop import Shop

__all__ = ["Accounts", "open_accounts", "people_of"]

_LONG_BASE, _LONG_STEP = 4_000_000_000_000_000_017, 1_000_003
_SHORT_WIDTH = 9


@dataclass(frozen=True)
class Accounts:
    """Accounts of the people of a cell: row of the person -> ids.

    `switch_at` is when a person's second account begins (UTC seconds); those without one have the largest
    number there is. What a person does from then on bears the second id.
    """

    person_number: Ints
    long_id: Flags
    switch_at: Ints

    @property
    def second(self) -> Flags:
        """Who has two accounts."""
        return np.asarray(self.switch_at < np.iinfo(np.int64).max)

    def ids(self, person: Ints, at: Ints) -> pa.Array:
        """The customer id under which each person acts at each time."""
        return self.ids_of_account(person, (at >= self.switch_at[person]).astype(np.int64))

    def ids_of_account(self, person: Ints, account: Ints) -> pa.Array:
        """The customer ids of people's first (0) or second (1) accounts."""
        number = 2 * self.person_number[person] + account
        long = pa.array(number * _LONG_STEP + _LONG_BASE).cast(pa.string())
        return pc.if_else(pa.array(self.long_id[person]), long, padded(number + 1, _SHORT_WIDTH))


def open_accounts(shop: Shop, people: People, life: Life, *, cell: int) -> Accounts:
    """Who has which ids: people with second accounts opened them between sign-up and the history's end."""
    rng = shop.stream("accounts", cell=cell)
    n = len(people)
    long_id = rng.random(n) < shop.spec.long_id_share
    second = rng.random(n) < shop.spec.second_account_share
    opened = (
        life.signup_at + np.floor(rng.random(n) * (shop.end - life.signup_at)).astype(np.int64) + 1
    )
    return Accounts(people.number, long_id, np.where(second, opened, np.iinfo(np.int64).max))


def people_of(shop: Shop, customer_ids: pa.Array | pa.ChunkedArray | Sequence[str]) -> Ints:
    """The number of the person behind each customer id.

    Raises:
        SimulateError: An id is none that this shop gives.
    """
    ids = (
        customer_ids
        if isinstance(customer_ids, pa.Array | pa.ChunkedArray)
        else pa.array(customer_ids, pa.string())
    )
    if isinstance(ids, pa.ChunkedArray):
        ids = ids.combine_chunks()
    length = pc.utf8_length(ids)
    shape = pc.and_(
        pc.utf8_is_digit(ids), pc.or_(pc.equal(length, 19), pc.equal(length, _SHORT_WIDTH))
    )
    fits = pc.and_(shape, pc.less(ids, "9223372036854775807"))
    value = (
        pc.if_else(pc.fill_null(fits, False), ids, "0")
        .cast(pa.int64())
        .to_numpy(zero_copy_only=False)
    )
    long = pc.fill_null(pc.equal(length, 19), False).to_numpy(zero_copy_only=False)
    account = np.where(long, (value - _LONG_BASE) // _LONG_STEP, value - 1)
    exact = ~long | ((value - _LONG_BASE) % _LONG_STEP == 0)
    known = exact & (account >= 0) & (account < 2 * shop.spec.people)
    if not known.all():
        strange = ids.filter(pa.array(~known)).slice(0, 3).to_pylist()
        raise SimulateError(
            f"{int((~known).sum())} customer ids are not of this shop, as {strange}. "
            "Allowed are the ids in its file of customers, as text."
        )
    return np.asarray(account // 2, np.int64)
