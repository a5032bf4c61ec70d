from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimwell.errors import SimulateError
from aimwell.simulate import (
    Action,
    ShopSpec,
    answer,
    answer_by_cell,
    open_shop,
    people_of,
    potential_outcomes,
    true_effect,
)
from aimwell.simulate.accounts import Accounts

SPEC = ShopSpec(people=9000, seed=21, return_share=0.0, orders_per_year=10, pull=0.4)
SHOP = open_shop(SPEC)
SENT = SPEC.end + timedelta(days=3, hours=9)
TEN = Action(name="ten", discount_share=0.1)
FREE = Action(name="free", channel="sms", free_shipping=True)
DAYS = 30
UNTIL = SENT + timedelta(days=DAYS)


def _ids(numbers):
    numbers = np.asarray(numbers, np.int64)
    accounts = Accounts(numbers, np.zeros(numbers.size, bool), np.zeros(numbers.size, np.int64))
    return accounts.ids_of_account(np.arange(numbers.size), np.zeros(numbers.size, np.int64))


def _messages(numbers, *, action="ten", sent=SENT, prefix="m"):
    n = len(numbers)
    return pa.table(
        {
            "message_id": pa.array([f"{prefix}{number}" for number in numbers], pa.string()),
            "customer_id": _ids(numbers),
            "action": pa.array([action] * n, pa.string()),
            "sent_at": pa.array([sent] * n, pa.timestamp("us", "UTC")),
        }
    )


def _answer(messages, **changes):
    return answer(SHOP, messages, **({"actions": [TEN, FREE], "until": UNTIL} | changes))


NOBODY = _messages([])


def _per_person(lines):
    """Orders and revenue of each person within the window after SENT."""
    lines = lines.filter(pc.is_valid(lines["customer_id"]))
    lines = lines.filter(
        pc.greater_equal(lines["ordered_at"], pa.scalar(SENT, pa.timestamp("s", "UTC")))
    )
    person = people_of(SHOP, lines["customer_id"])
    first = pc.equal(lines["line"], 1).to_numpy()
    quantity, price, discount = (
        lines[name].cast(pa.float64()).to_numpy() for name in ("quantity", "unit_price", "discount")
    )
    return np.bincount(person[first], minlength=SPEC.people), np.bincount(
        person, quantity * price - discount, SPEC.people
    )


def test_the_contacted_do_what_they_would_if_contacted_and_all_others_what_they_would_if_not():
    chosen = np.arange(SPEC.people) % 3 == 0
    outcome = potential_outcomes(SHOP, TEN, sent_at=SENT, window_days=DAYS)
    orders, revenue = _per_person(_answer(_messages(np.flatnonzero(chosen))).order_lines)
    for seen, name in ((orders, "orders"), (revenue, "revenue")):
        with_, without = (outcome[f"{name}_{arm}"].to_numpy() for arm in ("with", "without"))
        assert np.allclose(seen, np.where(chosen, with_, without))
    assert (outcome["orders_with"].to_numpy() != outcome["orders_without"].to_numpy()).mean() > 0.05


def test_without_messages_nobody_is_moved():
    result = _answer(NOBODY)
    orders, revenue = _per_person(result.order_lines)
    outcome = potential_outcomes(SHOP, TEN, sent_at=SENT, window_days=DAYS)
    assert orders.tolist() == outcome["orders_without"].to_pylist()
    assert np.allclose(revenue, outcome["revenue_without"].to_numpy())
    assert result.touches.num_rows == 0
    assert "TEN" not in result.order_lines["coupon"].to_pylist()


def _movable():
    """Some people whom messages can move to order, in both cells."""
    effect = true_effect(SHOP, TEN, sent_at=SENT, window_days=DAYS)
    movable = np.flatnonzero(effect["orders"].to_numpy() > 0.5)
    return [*movable[:4].tolist(), *movable[-4:].tolist()]


# Few people and few moments, so that people get many messages, some of them at once.
message_rows = st.lists(
    st.tuples(
        st.sampled_from(_movable()),
        st.sampled_from(["ten", "free"]),
        st.sampled_from([*range(0, 40 * 86400, 5 * 86400)]),
    ),
    min_size=8,
    max_size=40,
)


def _table(rows):
    tables = [
        _messages(
            [person], action=action, sent=SPEC.end + timedelta(seconds=second), prefix=f"{place}-"
        )
        for place, (person, action, second) in enumerate(rows)
    ]
    return pa.concat_tables([NOBODY, *tables])


@settings(max_examples=8, deadline=None)
@given(message_rows, st.randoms(use_true_random=False))
def test_the_order_of_the_messages_rows_does_not_matter(rows, random):
    table = _table(rows)
    places = list(range(table.num_rows))
    random.shuffle(places)
    first, second = _answer(table), _answer(table.take(pa.array(places, pa.int64())))
    assert first.order_lines.equals(second.order_lines)
    assert first.touches.equals(second.touches)


@settings(max_examples=8, deadline=None)
@given(message_rows, st.integers(1, 40 * 86400))
def test_what_happened_before_a_moment_does_not_depend_on_messages_after_it(rows, second):
    moment = SPEC.end + timedelta(seconds=second)
    before = [row for row in rows if row[2] < second]
    later, earlier = (_answer(_table(part), until=moment) for part in (rows, before))
    assert later.order_lines.equals(earlier.order_lines)
    assert later.touches["event"].equals(earlier.touches["event"])


@settings(max_examples=8, deadline=None)
@given(message_rows, st.integers(1, 32 * 86400))
def test_two_periods_together_are_the_whole(rows, second):
    moment = SPEC.end + timedelta(seconds=second)
    table = _table(rows)
    whole = _answer(table)
    parts = [_answer(table, until=moment), _answer(table, since=moment)]
    for name in ("order_lines", "touches"):
        one = getattr(whole, name)
        both = pa.concat_tables([getattr(part, name) for part in parts])
        by = [(column, "ascending") for column in one.column_names]
        assert both.sort_by(by).equals(one.sort_by(by))


def test_cells_one_by_one_are_the_whole():
    messages = _messages(range(0, SPEC.people, 5))
    whole = _answer(messages)
    parts = list(answer_by_cell(SHOP, messages, actions=[TEN, FREE], until=UNTIL))
    assert len(parts) == SHOP.cells == 2
    assert pa.concat_tables([part.order_lines for part in parts]).equals(whole.order_lines)
    assert pa.concat_tables([part.touches for part in parts]).equals(whole.touches)


def test_orders_with_the_offer_carry_its_code_and_discount():
    lines = _answer(_messages(range(SPEC.people))).order_lines
    used = lines.filter(pc.equal(lines["coupon"], "TEN")).to_pylist()
    assert len(used) > 500
    for row in used:
        assert (
            abs(float(row["discount"]) - 0.1 * row["quantity"] * float(row["unit_price"])) <= 0.0051
        )
        assert SENT <= row["ordered_at"] < SENT + timedelta(days=TEN.valid_days)


def test_free_shipping_orders_pay_none():
    lines = _answer(_messages(range(SPEC.people), action="free")).order_lines
    used = lines.filter(pc.equal(lines["coupon"], "FREE"))
    assert used.num_rows > 300
    assert pc.sum(used["shipping"]).as_py() == 0


def test_each_message_more_moves_less():
    """Fatigue: a second message brings less than the first, and much less than twice."""
    everybody = range(SPEC.people)
    orders = [0, 0, 0]
    for count in range(3):
        tables = [
            _messages(everybody, sent=SENT + timedelta(days=k), prefix=f"{k}-")
            for k in range(count)
        ]
        orders[count] = int(
            _per_person(_answer(pa.concat_tables([NOBODY, *tables])).order_lines)[0].sum()
        )
    first, second = orders[1] - orders[0], orders[2] - orders[1]
    assert 0 < second < 0.8 * first


def test_touches_belong_to_messages_and_come_in_order():
    messages = _messages(range(SPEC.people))
    touches = _answer(messages).touches.to_pylist()
    at = {(touch["message_id"], touch["event"]): touch["occurred_at"] for touch in touches}
    assert len(at) == len(touches)
    known = set(
        zip(messages["message_id"].to_pylist(), messages["customer_id"].to_pylist(), strict=True)
    )
    names = {"Email Opened", "Email Link Clicked", "Unsubscribed"}
    for touch in touches:
        assert (touch["message_id"], touch["customer_id"]) in known
        assert touch["event"] in names
        assert touch["occurred_at"] >= SENT
        if touch["event"] == "Email Link Clicked":
            assert at[touch["message_id"], "Email Opened"] <= touch["occurred_at"]


def test_whoever_an_email_moved_to_order_clicked_it_before():
    """Among people who buy nothing if not contacted, each buyer within the window has clicked."""
    outcome = potential_outcomes(SHOP, TEN, sent_at=SENT, window_days=DAYS)
    moved = (outcome["orders_without"].to_numpy() == 0) & (outcome["orders_with"].to_numpy() > 0)
    result = _answer(_messages(range(SPEC.people)), until=SPEC.last)
    clicks = {
        touch["message_id"]: touch["occurred_at"]
        for touch in result.touches.to_pylist()
        if touch["event"] == "Email Link Clicked"
    }
    lines = result.order_lines.filter(pc.equal(result.order_lines["coupon"], "TEN"))
    ordered = dict(
        zip(
            people_of(SHOP, lines["customer_id"]).tolist(),
            lines["ordered_at"].to_pylist(),
            strict=True,
        )
    )
    assert moved.sum() > 300
    bought_on_offer = [person for person in np.flatnonzero(moved).tolist() if person in ordered]
    assert len(bought_on_offer) > 300
    for person in bought_on_offer:
        assert clicks[f"m{person}"] <= ordered[person]


def test_text_messages_are_not_opened_but_may_be_unsubscribed_from():
    touches = _answer(_messages(range(SPEC.people), action="free")).touches
    assert set(touches["event"].to_pylist()) == {"Unsubscribed"}


def test_more_of_those_whom_contact_drives_away_unsubscribe():
    touches = _answer(_messages(range(SPEC.people))).touches
    assert 10 < touches.filter(pc.equal(touches["event"], "Unsubscribed")).num_rows < 200


@pytest.mark.parametrize(
    ("messages", "words"),
    [
        (_messages([1]).drop_columns(["action"]), r"lack the columns \['action'\]"),
        (_messages([1], action="tenn"), "Did you mean 'ten'"),
        (_messages([1], sent=SPEC.end - timedelta(seconds=1)), "outside"),
        (_messages([1], sent=SPEC.last), "outside"),
        (_messages([1], prefix='"'), "message_id"),
        (_messages([SPEC.people]), "not of this shop"),
        (
            _messages([1]).set_column(1, "customer_id", pa.array([None], pa.string())),
            "empty values",
        ),
        (
            _messages([1]).set_column(3, "sent_at", pa.array([SENT.replace(tzinfo=None)])),
            "no time zone",
        ),
        (_messages([1]).set_column(3, "sent_at", pa.array(["2026-01-05"])), "no time zone"),
    ],
)
def test_messages_that_the_shop_cannot_answer_are_refused(messages, words):
    with pytest.raises(SimulateError, match=words):
        _answer(messages)


@pytest.mark.parametrize(
    "changes",
    [
        {"until": SPEC.last + timedelta(seconds=1)},
        {"since": SPEC.end - timedelta(days=1)},
        {"since": UNTIL + timedelta(days=1)},
        {"until": datetime(2026, 2, 1)},  # noqa: DTZ001 - a moment without a zone is what is refused
    ],
)
def test_a_period_that_is_not_simulated_is_refused(changes):
    with pytest.raises(SimulateError, match=r"cannot answer|no time zone"):
        _answer(NOBODY, **changes)
