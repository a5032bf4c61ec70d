"""Codes of one's own: a pool for each offer, from which each person of a plan gets one that nobody else gets.

A code is handed out in the transaction that approves the plan: after a crash either the plan is approved and all
its people have their codes, or it is not and all codes are free. Each code is one row, of one offer, so it cannot have two
holders or mean two offers; two plans that are approved at once take different rows.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from aimwell.errors import DecideError
from aimwell.store.column_types import UtcDateTime
from aimwell.store.control import Control, insert_missing
from aimwell.store.listed import GIVEN, among
from aimwell.store.schema import metadata
from aimwell.store.stores import Stores
from aimwell.store.turns import take_turn

__all__ = [
    "Pool",
    "add",
    "codes_of",
    "free",
    "generate",
    "give",
    "give_back",
    "given_codes",
    "pools",
    "take",
    "write_given",
]

ALPHABET = "ABCDEFGHJKMNPQRSTVWXYZ23456789"
"""Without letters and digits that are read for one another (I L 1, O 0, U V)."""
LENGTH = 10
"""30 ** 10 codes: of a million that are handed out, one guess in 590 million hits one."""
_LENGTH_MAX = 64
_BATCH = 10_000

_codes = metadata.tables["offer_codes"]
_is_free = sa.and_(_codes.c.plan_id.is_(None), _codes.c.earned_by.is_(None))


@dataclass(frozen=True)
class Pool:
    """How many codes of an offer there are, and how many are still free."""

    offer: str
    codes: int
    free: int


def add(
    stores: Stores, offer: str, codes: Iterable[str], *, now: datetime, by: str
) -> tuple[int, int]:
    """Add codes to an offer's pool, with a line in the audit log; returns how many are new, and how many were there already.

    Raises:
        DecideError: A code is too long, or holds characters that cannot be printed; says which line. Nothing is added.
    """
    wanted: dict[str, str] = {}
    known = 0
    for number, text in enumerate(codes, 1):
        code = text.strip()
        if not code:
            continue
        if len(code) > _LENGTH_MAX or not code.isprintable():
            raise DecideError(
                f"The code in line {number} has {len(code)} characters or holds one that cannot be printed. A code is "
                f"one line of at most {_LENGTH_MAX} characters. Nothing was added."
            )
        known += code.casefold() in wanted
        wanted.setdefault(code.casefold(), code)
    with stores.control.begin() as connection:
        take_turn(connection, f"codes:{offer}")
        new = _put(connection, offer, wanted.values(), now)
        stores.audit_within(connection, "add codes", actor=by, subject=offer, codes=new)
    return new, known + len(wanted) - new


def generate(
    stores: Stores, offer: str, count: int, *, now: datetime, by: str, prefix: str = ""
) -> int:
    """Make `count` codes that nobody can guess, with a line in the audit log; returns how many were added (all of them).

    Raises:
        DecideError: None are asked for, or what each is to begin with makes no code.
    """
    if count < 1:
        raise DecideError(f"{count} codes cannot be made; ask for 1 or more.")
    most = _LENGTH_MAX - LENGTH
    if len(prefix) > most or not prefix.isprintable() or prefix != prefix.lstrip():
        raise DecideError(
            f"No code can begin with {prefix!r}: it has {len(prefix)} characters, begins with a blank or holds one that cannot be "
            f"printed. Take at most {most} that can be printed. Nothing was added."
        )
    made = 0
    with stores.control.begin() as connection:
        take_turn(connection, f"codes:{offer}")
        while made < count:
            fresh = (
                prefix + "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
                for _ in range(count - made)
            )
            made += _put(connection, offer, fresh, now)
        stores.audit_within(connection, "make codes", actor=by, subject=offer, codes=made)
    return made


def free(control: Control, offer: str) -> int:
    """How many codes of the offer nobody has."""
    with control.read() as connection:
        return int(
            connection.execute(
                sa.select(sa.func.count()).where(_codes.c.offer == offer, _is_free)
            ).scalar_one()
        )


def pools(control: Control) -> list[Pool]:
    """All pools, by offer."""
    query = (
        sa.select(
            _codes.c.offer,
            sa.func.count(),
            sa.func.sum(sa.case((_is_free, 1), else_=0)),
        )
        .group_by(_codes.c.offer)
        .order_by(_codes.c.offer)
    )
    with control.read() as connection:
        return [
            Pool(offer, int(all_), int(left)) for offer, all_, left in connection.execute(query)
        ]


def all_codes(control: Control, offer: str) -> list[str]:
    """All codes of an offer, for the shop's checkout, in order."""
    query = sa.select(_codes.c.code).where(_codes.c.offer == offer).order_by(_codes.c.folded)
    with control.read() as connection:
        return list(connection.execute(query).scalars())


def give(
    connection: sa.Connection,
    plan_id: str,
    people: Mapping[str, Sequence[str]],
    *,
    now: datetime,
) -> None:
    """Hand each person of the plan a free code of their offer.

    Args:
        people: Offer → profiles.

    Raises:
        DecideError: There are too few left. Nobody of the plan has got one then, once the transaction is undone.
    """
    for offer, profiles in sorted(people.items()):
        taken = take(connection, offer, len(profiles))
        if len(taken) < len(profiles):
            raise DecideError(
                f"The offer '{offer}' has {len(taken):,} free codes and the plan needs {len(profiles):,}: others were "
                "handed out since it was planned. Plan again (who gets none is left out then), or add codes with: "
                f"aimwell decide codes add {offer} FILE"
            )
        given = [(folded, plan_id, who) for folded, who in zip(taken, profiles, strict=True)]
        write_given(connection, _codes.c.plan_id, given, now=now)


def write_given(
    connection: sa.Connection,
    reason: sa.Column[Any],
    given: Sequence[tuple[str, str, str]],
    *,
    now: datetime,
) -> None:
    """Write who has which code, and by what.

    Args:
        reason: The column that says by what: a plan, or a deed.
        given: Case-folded code, value of that column, profile.
    """
    update = (
        sa.update(_codes)
        .where(_codes.c.folded == sa.bindparam("which", type_=sa.Text))
        .values(
            {
                reason: sa.bindparam("by_what", type_=sa.Text),
                _codes.c.profile_id: sa.bindparam("to_whom", type_=sa.Text),
                _codes.c.given_at: sa.bindparam("at", type_=UtcDateTime),
            }
        )
    )
    rows = [
        {"which": folded, "by_what": what, "to_whom": profile, "at": now}
        for folded, what, profile in given
    ]
    for part in _batches(rows):
        connection.execute(update, list(part))


def take(connection: sa.Connection, offer: str, most: int) -> list[str]:
    """Free codes of the offer, at most so many, locked until the transaction ends; case-folded, in order."""
    query = (
        sa.select(_codes.c.folded)
        .where(_codes.c.offer == offer, _is_free)
        .order_by(_codes.c.folded)
        .limit(most)
        # Two plans that are approved at once pass over each other's rows.
        .with_for_update(skip_locked=True)
    )
    return list(connection.execute(query).scalars())


def give_back(connection: sa.Connection, plan_id: str) -> int:
    """Free the codes of a plan of which nothing was ever sent; returns how many. What was earned stays its owner's."""
    mine = _codes.c.plan_id == plan_id
    earned = connection.execute(
        sa.update(_codes).where(mine, _codes.c.earned_by.is_not(None)).values(plan_id=None)
    ).rowcount
    freed = sa.update(_codes).where(mine).values(plan_id=None, profile_id=None, given_at=None)
    return earned + connection.execute(freed).rowcount


def codes_of(
    connection: sa.Connection, plan_id: str, profile_ids: Sequence[str]
) -> dict[tuple[str, str], str]:
    """(offer, profile) → the code of each of these people in the plan."""
    query = sa.select(_codes.c.offer, _codes.c.profile_id, _codes.c.code).where(
        _codes.c.plan_id == plan_id, among(_codes.c.profile_id, GIVEN)
    )
    rows = connection.execute(query, {"ids": profile_ids})
    return {(offer, profile): code for offer, profile, code in rows}


def given_codes(control: Control, offers: Sequence[str]) -> dict[str, str]:
    """Case-folded code → its offer, of all codes of these offers that were handed out."""
    query = sa.select(_codes.c.folded, _codes.c.offer).where(
        _codes.c.offer.in_(list(offers)), sa.not_(_is_free)
    )
    with control.read() as connection:
        return dict(connection.execute(query).all())


def _put(connection: sa.Connection, offer: str, codes: Iterable[str], now: datetime) -> int:
    """Add those that are not there, to this offer or another; returns how many are new. The caller has the offer's turn.

    In order, so that two offers that are given the same codes at once do not wait for each other.
    """
    before = _count(connection, offer)
    rows = [
        {"offer": offer, "folded": code.casefold(), "code": code, "added_at": now}
        for code in sorted(codes, key=str.casefold)
    ]
    for part in _batches(rows):
        insert_missing(connection, _codes, list(part))
    return _count(connection, offer) - before


def _count(connection: sa.Connection, offer: str) -> int:
    query = sa.select(sa.func.count()).where(_codes.c.offer == offer)
    return int(connection.execute(query).scalar_one())


def _batches(rows: Sequence[dict[str, object]]) -> Iterator[Sequence[dict[str, object]]]:
    for start in range(0, len(rows), _BATCH):
        yield rows[start : start + _BATCH]
