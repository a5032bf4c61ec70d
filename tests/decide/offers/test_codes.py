"""Codes of one's own: no code twice, whatever happens at once; what is killed is in test_killed_planning.py."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from aimwell.decide import service
from aimwell.decide.model import Plan
from aimwell.decide.offers import codes
from aimwell.decide.service import approve, cancel, plan
from aimwell.deliver import service as deliver
from aimwell.errors import DecideError
from aimwell.store.schema import metadata
from aimwell.store.stores import Stores, open_stores
from campaigns import DOCUMENTS, NOW, planned, set_up
from shop import make_stores

_codes = metadata.tables["offer_codes"]
OTHER = {**DOCUMENTS["spring"], "name": "other"}
"""A campaign that offers the same."""
POOLED = {"code": None, "codes": {"pool": "unique"}}


@pytest.fixture
def stores(tmp_path: Path, control_url: str) -> Iterator[Stores]:
    """On SQLite and on PostgreSQL."""
    opened = make_stores(tmp_path, control_url)
    yield opened
    opened.close()


def holders(stores: Stores) -> list[tuple[str, str, str]]:
    """(code, plan, profile) of all that are handed out."""
    query = sa.select(_codes.c.code, _codes.c.plan_id, _codes.c.profile_id).where(
        _codes.c.plan_id.is_not(None)
    )
    with stores.read_control() as connection:
        return [tuple(row) for row in connection.execute(query)]


def treated(plan: Plan) -> int:
    return int(plan.summary["treated"])


def test_codes_are_taken_once_whatever_their_case(stores: Stores) -> None:
    assert codes.add(stores, "ten", ["AB1", " ab1 ", "", "CD2"], now=NOW, by="ann") == (2, 1)
    assert codes.add(stores, "ten", ["cd2", "EF3"], now=NOW, by="ann") == (1, 1)
    # A code means one offer.
    assert codes.add(stores, "other", ["AB1"], now=NOW, by="ann") == (0, 1)
    assert codes.free(stores.control, "ten") == 3


def test_codes_that_two_offers_are_given_at_once_become_one_offers_each(stores: Stores) -> None:
    listed = [f"C{number:05d}" for number in range(4_000)]
    both = threading.Barrier(2)

    def one(offer: str, codes_: list[str]) -> int:
        both.wait()
        return codes.add(stores, offer, codes_, now=NOW, by="ann")[0]

    with ThreadPoolExecutor(2) as pool:
        jobs = [pool.submit(one, "ten", listed), pool.submit(one, "other", listed[::-1])]
        assert sum(job.result() for job in jobs) == 4_000


@pytest.mark.parametrize("bad", ["x" * 65, "a\tb"])
def test_a_bad_code_is_refused_with_its_line_and_nothing_is_added(stores: Stores, bad: str) -> None:
    with pytest.raises(DecideError, match="line 2"):
        codes.add(stores, "ten", ["GOOD", bad], now=NOW, by="ann")
    assert codes.free(stores.control, "ten") == 0


@pytest.mark.parametrize("bad", ["x" * 55, "a\nb", " S-"])
def test_what_no_code_can_begin_with_is_refused(stores: Stores, bad: str) -> None:
    with pytest.raises(DecideError, match="begin with"):
        codes.generate(stores, "ten", 3, now=NOW, by="ann", prefix=bad)
    assert codes.generate(stores, "ten", 1, now=NOW, by="ann", prefix="x" * 54) == 1
    assert codes.add(stores, "ten", codes.all_codes(stores.control, "ten"), now=NOW, by="ann") == (
        0,
        1,
    )


def test_made_codes_differ_and_cannot_be_misread(stores: Stores) -> None:
    assert codes.generate(stores, "ten", 500, now=NOW, by="ann", prefix="S-") == 500
    with stores.read_control() as connection:
        found = connection.execute(sa.select(_codes.c.code)).scalars().all()
    assert len(set(found)) == 500
    assert all(len(one) == 12 and not set(one[2:]) & set("IL1O0U") for one in found)


def test_each_person_gets_a_code_when_the_plan_is_approved_and_it_stands_in_the_message(
    stores: Stores,
) -> None:
    set_up(stores, ten=POOLED)
    codes.generate(stores, "ten", 60, now=NOW, by="ann")
    made = planned(stores)
    assert holders(stores) == []
    approve(stores, made.plan_id, now=NOW, by="ann")
    given = holders(stores)
    assert len(given) == treated(made) == len({profile for _, _, profile in given})
    deliver.execute(stores, made.plan_id, now=NOW + timedelta(seconds=1), by="ann")
    deliver.run_sending(stores, made.plan_id, clock=lambda: NOW + timedelta(minutes=1))
    sent = "".join(
        file.read_text() for file in (stores.root / "outbox" / made.plan_id).glob("*.eml")
    ).replace("=\n", "")
    assert sent
    assert all(code in sent for code, _, _ in given)


def test_a_pool_that_runs_dry_leaves_people_out_with_the_reason_in_both_arms_alike(
    stores: Stores,
) -> None:
    set_up(stores, ten=POOLED)
    codes.generate(stores, "ten", 12, now=NOW, by="ann")
    made = planned(stores)
    assert treated(made) == 12
    assert made.summary["excluded"]["no_code"] == 50 - 12 - made.summary["control"]
    approve(stores, made.plan_id, now=NOW, by="ann")
    assert codes.free(stores.control, "ten") == 0


def test_a_plan_that_is_approved_too_late_is_refused_whole(stores: Stores) -> None:
    set_up(stores, ten=POOLED, other=OTHER)
    codes.generate(stores, "ten", 50, now=NOW, by="ann")
    first, second = planned(stores), plan(stores, "other", now=NOW, by="ann")
    approve(stores, first.plan_id, now=NOW, by="ann")
    before = holders(stores)
    with pytest.raises(DecideError, match="Plan again"):
        approve(stores, second.plan_id, now=NOW, by="ann")
    assert holders(stores) == before


def test_a_cancelled_plan_gives_its_codes_back(stores: Stores) -> None:
    set_up(stores, ten=POOLED)
    codes.generate(stores, "ten", 50, now=NOW, by="ann")
    made = planned(stores)
    approve(stores, made.plan_id, now=NOW, by="ann")
    cancel(stores, made.plan_id, now=NOW, by="ann")
    assert codes.free(stores.control, "ten") == 50


def test_what_began_while_it_was_to_be_cancelled_keeps_its_codes(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_up(stores, ten=POOLED, spring={"schedule": {"at": "2026-03-04T09:00"}})
    codes.generate(stores, "ten", 50, now=NOW, by="ann")
    made = planned(stores)
    approve(stores, made.plan_id, now=NOW, by="ann")
    move = service.move

    def meanwhile(*given: Any, **more: Any) -> Plan:
        deliver.execute(stores, made.plan_id, now=NOW, by="bob")
        return move(*given, **more)

    monkeypatch.setattr(service, "move", meanwhile)
    cancel(stores, made.plan_id, now=NOW, by="ann")
    assert codes.free(stores.control, "ten") == 50 - treated(made)


def test_a_trial_takes_no_codes(stores: Stores) -> None:
    set_up(stores, ten=POOLED)
    made = planned(stores, trial=True)
    approve(stores, made.plan_id, now=NOW, by="ann")
    assert holders(stores) == []


def test_stock_is_promised_over_all_plans(stores: Stores) -> None:
    set_up(stores, ten={"stock": 15}, other=OTHER)
    made, second = planned(stores), plan(stores, "other", now=NOW, by="ann")
    assert treated(made) == 15
    assert made.summary["excluded"]["no_stock"] > 0
    approve(stores, made.plan_id, now=NOW, by="ann")
    with pytest.raises(DecideError, match="a stock of 15, of which 15 are promised"):
        approve(stores, second.plan_id, now=NOW, by="ann")
    with pytest.raises(DecideError, match="stock does not reach"):
        plan(stores, "other", now=NOW, by="ann")


def test_plans_approved_at_once_share_no_code(stores: Stores) -> None:
    names = [f"campaign-{number}" for number in range(4)]
    more = {name: {**DOCUMENTS["spring"], "name": name} for name in names}
    set_up(stores, people=30, ten=POOLED, **more)
    codes.generate(stores, "ten", 120, now=NOW, by="ann")
    plans = [plan(stores, name, now=NOW, by="ann") for name in names]
    faults: list[Exception] = []

    def one(plan_id: str) -> None:
        own = open_stores(stores.root)
        try:
            approve(own, plan_id, now=NOW, by="ann")
        except Exception as error:  # looked at below
            faults.append(error)
        finally:
            own.close()

    threads = [threading.Thread(target=one, args=[plan.plan_id]) for plan in plans]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    given = holders(stores)
    assert not faults
    assert Counter(plan for _, plan, _ in given) == {p.plan_id: treated(p) for p in plans}
    assert len({code for code, _, _ in given}) == len(given)
