"""Referrals: which orders earn the reward, which do not and why, and that each is paid once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from aimwell.decide import loyalty
from aimwell.decide.offers import codes, earned_codes
from aimwell.decide.offers.referrals import Referred, pay_referrals, referrals, stand
from aimwell.decide.service import approve, plan, undo
from aimwell.definitions import service as definitions
from aimwell.definitions.kinds.loyalty import Loyalty
from aimwell.definitions.kinds.offer import Codes, Offer, OfferBenefit, Referral
from aimwell.errors import DecideError, DefinitionError
from aimwell.store.schema import metadata
from aimwell.store.stores import Stores, open_stores
from campaigns import DOCUMENTS, NOW, apply, planned, set_up
from shop import add_orders, day, make_stores, origin

_audit, _codes = metadata.tables["audit_log"], metadata.tables["offer_codes"]
RULE = Referral(reward=10, programme="club", points=500, return_window=timedelta(days=14), most=2)
OFFER = Offer(
    name="bring",
    benefit=OfferBenefit(referral=RULE),
    codes=Codes(),
    minimum_spend=20,
)
BRING = {
    "code": None,
    "codes": {"pool": "unique"},
    "benefit": {
        "referral": {"reward": 10, "programme": "club", "points": 500, "return_window": "14d"}
    },
}


def order(
    number: int, friend: str | None, *, at: int = 10, kept: float = 30.0, first: bool = True
) -> Referred:
    return Referred(f"o{number}", day(at), "ann", friend, kept, first)


def standings(*orders: Referred, households: dict[str, str] | None = None) -> list[str]:
    found = stand(orders, OFFER, RULE, households or {}, as_of=day(60))
    return [one.standing for one in found]


def test_each_order_has_one_standing() -> None:
    assert standings(order(1, "bob")) == ["due"]
    assert standings(order(1, "ann")) == ["self"]
    assert standings(order(1, None)) == ["unknown_buyer"]
    assert standings(order(1, "bob", first=False)) == ["known_customer"]
    assert standings(order(1, "bob", kept=0.0)) == ["returned"]
    assert standings(order(1, "bob", kept=19.99)) == ["too_small"]
    assert standings(order(1, "bob", at=46)) == ["due"]
    assert standings(order(1, "bob", at=47)) == ["waiting"]
    home = {"ann": "h1", "bob": "h1", "cat": "h2"}
    assert standings(order(1, "bob"), order(2, "cat"), households=home) == ["household", "due"]


def test_a_friend_is_credited_once_and_a_person_for_so_many_friends() -> None:
    found = standings(
        order(1, "bob"), order(2, "bob"), order(3, "cat"), order(4, "dan"), order(5, "eve")
    )
    assert found == ["due", "again", "due", "too_many", "too_many"]
    # What is refused takes nobody's place.
    assert standings(
        order(1, "ann"), order(2, "bob", kept=0), order(3, "cat"), order(4, "dan")
    ) == [
        "self",
        "returned",
        "due",
        "due",
    ]


@pytest.fixture
def stores(tmp_path: Path, control_url: str) -> Iterator[Stores]:
    opened = make_stores(tmp_path, control_url)
    yield opened
    opened.close()


def test_rewards_are_paid_once_after_the_return_window(stores: Stores) -> None:
    club = {"kind": "loyalty", "name": "club"}
    set_up(stores, 3, ten=BRING, club=club, spring={"holdout": 0.0})
    codes.generate(stores, "ten", 5, now=NOW, by="ann")
    approve(stores, planned(stores).plan_id, now=NOW, by="ann")
    ann = origin(stores, "c00000")
    with stores.read_control() as connection:
        query = sa.select(_codes.c.code).where(_codes.c.profile_id == ann)
        code = connection.execute(query).scalar_one()

    def bought(who: str, at: int, **more: object) -> dict[str, object]:
        row = {"customer": who, "order_id": f"{who}-{at}", "ordered_at": day(at), "revenue": 40}
        return {**row, "coupon": f" {code.lower()} ", **more}

    add_orders(
        stores,
        [
            bought("c00000", 62),
            bought("c00001", 62),
            bought("new-1", 63),
            bought("new-1", 64),
            bought("new-2", 65),
            bought("new-2", 70, kind="return", original_order_id="new-2-65", coupon=None),
            bought("new-3", 75),
        ],
    )
    offer = definitions.find(stores.control, Offer, "ten")
    found = {one.order_id: one.standing for one in referrals(stores, offer, as_of=day(80))}
    assert found == {
        "c00000-62": "self",
        "c00001-62": "known_customer",
        "new-1-63": "due",
        "new-1-64": "again",
        "new-2-65": "returned",
        "new-3-75": "waiting",
    }
    programme = definitions.find(stores.control, Loyalty, "club")
    assert [pay_referrals(stores, offer, now=day(80), by="ann")[1] for _ in range(2)] == [1, 0]
    assert loyalty.standing(stores, programme, ann, as_of=day(81)).balance == 500
    assert pay_referrals(stores, offer, now=day(90), by="ann")[1] == 1
    assert loyalty.standing(stores, programme, ann, as_of=day(91)).balance == 1_000
    assert _lines(stores) == [("ann", "ten", {"paid": number}) for number in (1, 0, 1)]


def _lines(stores: Stores) -> list[tuple[str, str, dict[str, int]]]:
    query = sa.select(_audit.c.actor, _audit.c.subject, _audit.c.detail)
    with stores.read_control() as connection:
        rows = connection.execute(
            query.where(_audit.c.action == "pay referrals").order_by(_audit.c.occurred_at)
        )
        return [tuple(row) for row in rows]


THANKS = {
    "kind": "offer",
    "name": "thanks",
    "benefit": {"amount": 10},
    "codes": {"pool": "unique", "to": "earned"},
}
BY_CODE = {**BRING, "benefit": {"referral": {"reward": 10, "reward_offer": "thanks"}}}


def _cut_off(*_: object, **__: object) -> None:
    raise ConnectionError


def test_a_reward_by_code_is_earned_once_and_a_campaign_hands_it_over(stores: Stores) -> None:
    set_up(stores, 3, thanks=THANKS, ten=BY_CODE, spring={"holdout": 0.0})
    codes.generate(stores, "ten", 5, now=NOW, by="ann")
    approve(stores, planned(stores).plan_id, now=NOW, by="ann")
    ann = origin(stores, "c00000")
    with stores.read_control() as connection:
        query = sa.select(_codes.c.code).where(_codes.c.profile_id == ann)
        coupon = connection.execute(query).scalar_one()
    for number in (1, 2):
        friend = {"customer": f"new-{number}", "order_id": f"n{number}", "ordered_at": day(61)}
        add_orders(stores, [{**friend, "revenue": 40, "coupon": coupon}])
    offer = definitions.find(stores.control, Offer, "ten")
    codes.generate(stores, "thanks", 1, now=NOW, by="ann")
    with pytest.raises(DecideError, match=r"2 rewards are due and the offer 'thanks' has 1 free"):
        pay_referrals(stores, offer, now=day(100), by="ann")
    assert earned_codes.waiting(stores.control, "thanks") == set()
    assert _lines(stores) == []
    codes.generate(stores, "thanks", 4, now=NOW, by="ann")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Stores, "audit_within", _cut_off)
        with pytest.raises(ConnectionError):
            pay_referrals(stores, offer, now=day(100), by="ann")
    # Without its line nothing is paid.
    assert earned_codes.waiting(stores.control, "thanks") == set()
    assert [pay_referrals(stores, offer, now=day(100), by="ann")[1] for _ in range(2)] == [2, 0]
    assert earned_codes.waiting(stores.control, "thanks") == {ann}
    assert codes.free(stores.control, "thanks") == 3

    action = {"offer": "thanks", "channel": "email", "template": "hello"}
    hands_over = {"holdout": 0.0, "actions": [action]}
    names = ("first", "second", "rival")
    more = {name: {**DOCUMENTS["spring"], **hands_over, "name": name} for name in names}
    apply(stores, thanks=THANKS, ten=BY_CODE, **more)
    told = []
    for name in names[:2]:
        made, rival = (plan(stores, one, now=day(101), by="ann") for one in (name, "rival"))
        assert (made.summary["treated"], made.summary["excluded"]["no_code"]) == (1, 2)
        approve(stores, made.plan_id, now=day(101), by="ann")
        # Taken back, it is still theirs, and free for nobody else.
        undo(stores, made.plan_id, now=day(101), by="ann")
        assert earned_codes.waiting(stores.control, "thanks") == {ann}
        approve(stores, made.plan_id, now=day(101), by="ann")
        with stores.read_control() as connection:
            told.append(codes.codes_of(connection, made.plan_id, [ann])["thanks", ann])
    # Each of the two codes is told once; then nobody is left.
    assert len(set(told)) == 2
    with pytest.raises(DecideError, match="no earned code of 'thanks' any more"):
        approve(stores, rival.plan_id, now=day(101), by="ann")
    with pytest.raises(DecideError, match="no code for them"):
        plan(stores, "rival", now=day(102), by="ann")
    assert codes.free(stores.control, "thanks") == 3


def test_codes_that_two_give_at_once_for_the_same_deeds_are_given_once(stores: Stores) -> None:
    apply(stores, thanks=THANKS)
    codes.generate(stores, "thanks", 50, now=NOW, by="ann")
    deeds = {f"referral:ten:o{number}": f"p{number % 7}" for number in range(20)}
    given: list[int] = []

    def one() -> None:
        own = open_stores(stores.root)
        with own.control.begin() as connection:
            given.append(earned_codes.earn(connection, "thanks", deeds, now=NOW))
        own.close()

    threads = [threading.Thread(target=one) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(given) == [0, 0, 20]
    assert codes.free(stores.control, "thanks") == 30


def test_an_offer_that_gives_its_codes_to_everybody_is_no_reward(stores: Stores) -> None:
    apply(stores, thanks={**THANKS, "codes": {"pool": "unique"}}, ten=BY_CODE)
    with pytest.raises(DecideError, match="to: earned"):
        pay_referrals(stores, definitions.find(stores.control, Offer, "ten"), now=NOW, by="ann")
    both = {"referral": {"reward": 1, "programme": "c", "points": 5, "reward_offer": "thanks"}}
    with pytest.raises(DefinitionError, match="not both"):
        apply(stores, ten={**BRING, "benefit": both})
    gone = {"referral": {"reward": 1, "reward_offer": "thansk"}}
    with pytest.raises(DefinitionError, match=r"Did you mean|no offer of this name"):
        apply(stores, ten={**BRING, "benefit": gone})


def test_what_is_no_referral_is_refused(stores: Stores) -> None:
    apply(stores)
    with pytest.raises(DecideError, match="no referral"):
        referrals(stores, definitions.find(stores.control, Offer, "ten"), as_of=NOW)
    with pytest.raises(DefinitionError, match="both `programme` and `points`"):
        apply(stores, ten={"benefit": {"referral": {"reward": 10, "points": 5}}})
