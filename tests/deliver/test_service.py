"""Executing and sending plans: what takes effect in the middle, what is refused, what can be repeated."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from aimwell.decide.service import approve, undo
from aimwell.decide.service import plan as plan_of
from aimwell.decide.stored import load_plan
from aimwell.deliver import service as deliver
from aimwell.errors import DecideError, DeliverError, PrivacyError
from aimwell.history.moment import open_moment
from aimwell.privacy.consent import withdraw
from aimwell.privacy.suppression import address_hash, suppress
from aimwell.store.schema import metadata
from aimwell.store.sql import sql
from aimwell.store.stores import Stores, open_stores
from campaigns import DOCUMENTS, NOW, add_customers, apply, executed, planned, set_up, text_of
from databases import shortly_on
from mail_catcher import catching
from shop import add_orders, day, make_stores, origin

_messages = metadata.tables["messages"]
_attempts = metadata.tables["attempts"]
_plans = metadata.tables["plans"]
LATER = NOW + timedelta(minutes=5)
ALL = {"holdout": 0.0}
ABSENT_KEY = {"domain": "shop.example", "selector": "a1", "private_key": {"env": "NO_SUCH_KEY"}}


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = LATER

    def __call__(self) -> Any:
        return self.now


@pytest.fixture
def stores(tmp_path: Path, control_url: str) -> Stores:
    return make_stores(tmp_path, control_url, messages_per_job=10)


def rows(stores: Stores, table: sa.Table = _messages) -> list[Any]:
    with stores.read_control() as connection:
        return list(connection.execute(sa.select(table)))


def states(stores: Stores) -> dict[str, str]:
    """Profile → state and reason."""
    return {row.profile_id: f"{row.state}:{row.reason or ''}" for row in rows(stores)}


def after(number: int, act: Callable[[], object]) -> Callable[[int, int], None]:
    """A progress function that acts once, when so many messages are done."""
    done_once: list[bool] = []

    def progress(done: int, _total: int) -> None:
        if done >= number and not done_once:
            done_once.append(True)
            act()

    return progress


def at_once(stores: Stores, acts: Sequence[Callable[..., object]]) -> list[str]:
    """Let each act with stores of its own, all at once; gives what was refused."""
    refused: list[str] = []
    begin = threading.Barrier(len(acts))

    def one(act: Callable[..., object]) -> None:
        own = open_stores(stores.root)
        begin.wait()
        try:
            act(own)
        except DecideError as error:
            refused.append(str(error))
        finally:
            own.close()

    threads = [threading.Thread(target=one, args=[act]) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return refused


def test_of_who_executes_and_who_takes_the_approval_back_at_once_one_is_told_so(
    stores: Stores,
) -> None:
    names = [f"campaign-{turn}" for turn in range(4)]
    set_up(stores, 5, **{name: {**DOCUMENTS["spring"], **ALL, "name": name} for name in names})
    for turn, name in enumerate(names):
        now = NOW + timedelta(minutes=turn)
        plan = plan_of(stores, name, now=now, by="ann")
        approve(stores, plan.plan_id, now=now, by="ann")
        asked = {"now": now + timedelta(seconds=1), "by": "ann"}
        refused = at_once(
            stores, [partial(act, plan_id=plan.plan_id, **asked) for act in (deliver.execute, undo)]
        )
        assert len(refused) == 1
        state = load_plan(stores.control, plan.plan_id).state
        queued = [row for row in rows(stores) if row.plan_id == plan.plan_id]
        assert (state, len(queued)) in {("sending", 5), ("planned", 0)}


def test_everybody_who_was_treated_is_sent_once_and_the_rest_is_not(stores: Stores) -> None:
    set_up(stores, 40)
    plan = executed(stores)
    done = deliver.run_sending(stores, plan.plan_id, clock=Clock())
    assert done.state == "sent"
    assert done.messages == {"sent": {"": plan.summary["treated"]}}
    files = list((stores.root / "outbox" / plan.plan_id).glob("*.eml"))
    assert len(files) == plan.summary["treated"]
    with open_moment(stores, as_of=day(999)) as moment:
        arms = moment.session.rows(sql("SELECT arm, count(*) AS n FROM assignments GROUP BY arm"))
        touches = moment.session.rows(
            sql("SELECT event, count(*) AS n FROM touches GROUP BY event")
        )
    assert dict(arms) == {"ten-email": plan.summary["treated"], "control": plan.summary["control"]}
    assert dict(touches) == {"Email Sent": plan.summary["treated"]}


def test_withdrawal_suppression_and_conversion_stop_messages_that_wait(stores: Stores) -> None:
    names = set_up(stores, 30, spring=ALL)
    plan = executed(stores)
    clock = Clock()
    waiting: list[str] = []

    def act() -> None:
        clock.now += timedelta(seconds=30)
        waiting.extend(sorted(p for p, s in states(stores).items() if s == "queued:"))
        with stores.control.begin() as connection:
            withdraw(
                connection,
                waiting[0],
                purpose="marketing",
                channel="email",
                occurred_at=clock.now,
                source="phone call",
            )
            name = next(n for n in names if origin(stores, n) == waiting[1])
            suppress(
                connection,
                channel="email",
                hashed=address_hash(stores.identity_key, "email", f"{name}@example.com"),
                reason="complaint",
                source="provider",
                occurred_at=clock.now,
            )
        buyer = next(n for n in names if origin(stores, n) == waiting[2])
        add_orders(
            stores,
            [{"customer": buyer, "order_id": "new", "ordered_at": clock.now, "revenue": 5}],
        )
        clock.now += timedelta(seconds=30)

    done = deliver.run_sending(stores, plan.plan_id, clock=clock, progress=after(10, act))
    found = states(stores)
    assert found[waiting[0]] == "stopped:consent_withdrawn"
    assert found[waiting[1]] == "stopped:suppressed"
    assert found[waiting[2]] == "stopped:converted"
    assert done.total("sent") == 27
    assert done.total("stopped") == 3
    assert done.state == "sent"


def test_a_pause_takes_effect_within_a_handful_and_the_rest_follows(stores: Stores) -> None:
    set_up(stores, 40, spring=ALL)
    plan = executed(stores)
    clock = Clock()
    pause = after(10, lambda: deliver.pause(stores, plan.plan_id, now=clock(), by="ann"))
    held = deliver.run_sending(stores, plan.plan_id, clock=clock, progress=pause)
    assert held.state == "paused"
    assert "paused" in held.ended
    assert 10 <= held.total("sent") <= 20
    assert held.total("queued") == 40 - held.total("sent")
    with pytest.raises(DecideError, match="paused"):
        deliver.execute(stores, plan.plan_id, now=clock(), by="ann")
    assert deliver.run_sending(stores, plan.plan_id, clock=clock).total("sent") == held.total(
        "sent"
    )
    deliver.resume(stores, plan.plan_id, now=clock(), by="ann")
    done = deliver.run_sending(stores, plan.plan_id, clock=clock)
    assert (done.state, done.total("sent")) == ("sent", 40)
    with pytest.raises(DeliverError, match="not paused"):
        deliver.resume(stores, plan.plan_id, now=clock(), by="ann")


def test_the_switch_stops_all_sending_within_a_handful(stores: Stores) -> None:
    set_up(stores, 40, spring=ALL)
    plan = executed(stores)
    clock = Clock()
    off = after(
        10, lambda: deliver.set_sending(stores, False, now=clock(), by="ann", reason="wrong price")
    )
    held = deliver.run_sending(stores, plan.plan_id, clock=clock, progress=off)
    assert held.ended == "all sending is switched off"
    assert not held.sending_on
    assert 10 <= held.total("sent") <= 20
    deliver.set_sending(stores, True, now=clock(), by="ann")
    assert deliver.run_sending(stores, plan.plan_id, clock=clock).total("sent") == 40


def test_a_cancelled_plan_stops_what_has_not_left(stores: Stores) -> None:
    set_up(stores, 40, spring=ALL)
    plan = executed(stores)
    clock = Clock()
    give_up = after(10, lambda: deliver.cancel(stores, plan.plan_id, now=clock(), by="ann"))
    done = deliver.run_sending(stores, plan.plan_id, clock=clock, progress=give_up)
    assert done.state == "cancelled"
    assert done.messages["stopped"] == {"plan_cancelled": 40 - done.total("sent")}
    assert done.total("queued") == done.total("sending") == 0
    with pytest.raises(DecideError, match="cancelled"):
        deliver.execute(stores, plan.plan_id, now=clock(), by="ann")


@shortly_on("postgresql")
def test_caps_hold_between_plans_that_go_out_at_once(stores: Stores) -> None:
    policy = {"kind": "contact_policy", "name": "default", "caps": [{"count": 1, "days": 7}]}
    other = {**DOCUMENTS["spring"], **ALL, "name": "other"}
    set_up(stores, 20, spring=ALL, other=other, default=policy)
    # Both are planned before either is sent, so neither knows of the other.
    plans = [planned(stores), plan_of(stores, "other", now=NOW, by="ann")]
    for plan in plans:
        approve(stores, plan.plan_id, now=NOW, by="ann")
        deliver.execute(stores, plan.plan_id, now=LATER, by="ann")
    threads = [
        threading.Thread(
            target=deliver.run_sending, args=(stores, p.plan_id), kwargs={"clock": Clock()}
        )
        for p in plans
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # Where both met at a person, each waits for the other, and not for ever; who gives way asks again in a quarter of an hour.
    later = Clock()
    for minutes in (1, 20):
        later.now += timedelta(minutes=minutes)
        for plan in plans:
            deliver.run_sending(stores, plan.plan_id, clock=later)
    sent: dict[str, int] = {}
    for row in rows(stores):
        assert row.state in {"sent", "stopped"}
        assert row.state == "sent" or row.reason == "capped"
        sent[row.profile_id] = sent.get(row.profile_id, 0) + (row.state == "sent")
    assert set(sent.values()) == {1}, "somebody got two, or none"


@shortly_on("sqlite")
def test_a_trial_uses_up_nobodys_cap(stores: Stores) -> None:
    policy = {"kind": "contact_policy", "name": "default", "caps": [{"count": 1, "days": 7}]}
    set_up(stores, 5, spring=ALL, default=policy)
    trial = executed(stores, trial=True)
    assert deliver.run_sending(stores, trial.plan_id, clock=Clock()).total("sent") == 5
    real = executed(stores, now=NOW + timedelta(hours=1))
    clock = Clock()
    clock.now += timedelta(hours=2)
    assert deliver.run_sending(stores, real.plan_id, clock=clock).total("sent") == 5


@shortly_on("sqlite")
def test_a_trial_in_the_past_stops_nobody_for_what_another_trial_wrote_since(
    stores: Stores,
) -> None:
    policy = {"kind": "contact_policy", "name": "default", "gap": "2d"}
    set_up(stores, 5, spring=ALL, default=policy)
    for days in (0, 1):
        trial = executed(stores, now=day(90), as_of=NOW - timedelta(days=days), trial=True)
        clock = Clock()
        clock.now = day(90) + timedelta(minutes=1 + days)
        assert deliver.run_sending(stores, trial.plan_id, clock=clock).total("sent") == 5


@shortly_on("sqlite")
def test_quiet_hours_hold_a_message_until_they_end_as_often_as_needed(stores: Stores) -> None:
    policy = {
        "kind": "contact_policy",
        "name": "default",
        "quiet_hours": {"start": "21:00", "end": "08:00"},
    }
    set_up(stores, 3, spring=ALL, default=policy)
    clock = Clock()
    clock.now = NOW.replace(hour=20, minute=59)
    plan = executed(stores, now=clock.now)
    for _ in range(3):
        clock.now = clock.now.replace(hour=23)
        held = deliver.run_sending(stores, plan.plan_id, clock=clock)
        assert held.messages == {"queued": {"quiet_hours": 3}}
        assert held.next_due_at is not None
        assert held.next_due_at.hour == 8
        assert held.next_due_at > clock.now
        with stores.control.begin() as connection:  # somebody makes it due again in the night
            connection.execute(sa.update(_messages).values(due_at=clock.now))
    assert rows(stores, _attempts) == []
    clock.now = held.next_due_at
    done = deliver.run_sending(stores, plan.plan_id, clock=clock)
    assert (done.state, done.messages) == ("sent", {"sent": {"": 3}})
    assert [row.attempts for row in rows(stores)] == [1, 1, 1]


def test_an_offer_that_is_over_is_not_promised_any_more(stores: Stores) -> None:
    ends = {"valid": {"start": "2026-01-01T00:00:00Z", "end": "2026-03-05T00:00:00Z"}}
    set_up(stores, 2, spring=ALL, ten=ends)
    plan = executed(stores)
    clock = Clock()
    clock.now = NOW + timedelta(days=30)
    done = deliver.run_sending(stores, plan.plan_id, clock=clock)
    assert done.messages == {"stopped": {"offer_ended": 2}}


def test_executing_and_sending_again_changes_nothing(stores: Stores) -> None:
    set_up(stores, 20)
    plan = executed(stores)
    before = rows(stores)
    threads = [
        threading.Thread(
            target=deliver.execute, args=(stores, plan.plan_id), kwargs={"now": LATER, "by": "bob"}
        )
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert rows(stores) == before
    deliver.run_sending(stores, plan.plan_id, clock=Clock())
    finished = rows(stores)
    again = deliver.run_sending(stores, plan.plan_id, clock=Clock())
    assert again.state == "sent"
    assert rows(stores) == finished
    with pytest.raises(DecideError, match="is sent"):
        deliver.execute(stores, plan.plan_id, now=LATER, by="ann")
    assert deliver.flush_touches(stores, now=LATER) == 0
    with open_moment(stores, as_of=day(999)) as moment:
        (count,) = moment.session.rows(sql("SELECT count(*) AS n FROM assignments"))
        (touches,) = moment.session.rows(sql("SELECT count(*) AS n FROM touches"))
    assert count[0] == plan.summary["eligible"]
    assert touches[0] == plan.summary["treated"]


def test_a_plan_that_was_half_executed_is_never_called_sent_too_early(stores: Stores) -> None:
    set_up(stores, 20, spring=ALL)
    plan = planned(stores)
    approve(stores, plan.plan_id, now=NOW, by="ann")
    # As if the process had been killed right after it moved the plan, before it wrote a row.
    with stores.control.begin() as connection:
        connection.execute(sa.update(_plans).values(state="sending", started_at=NOW))
    done = deliver.run_sending(stores, plan.plan_id, clock=Clock())
    assert (done.state, done.total("sent")) == ("sent", 20)


def test_a_plan_that_nobody_approved_is_not_sent(stores: Stores) -> None:
    set_up(stores, 3, spring=ALL)
    plan = planned(stores)
    with pytest.raises(DecideError, match="planned"):
        deliver.execute(stores, plan.plan_id, now=NOW, by="ann")
    assert deliver.run_sending(stores, plan.plan_id, clock=Clock()).state == "planned"
    assert rows(stores) == []


def test_who_has_not_approved_a_plan_hears_of_that_and_not_of_a_secret(stores: Stores) -> None:
    set_up(stores, 3, spring=ALL, email={"dkim": ABSENT_KEY})
    plan = planned(stores)
    with pytest.raises(DecideError, match="not approved yet: aimwell decide approve"):
        deliver.execute(stores, plan.plan_id, now=NOW, by="ann")
    approve(stores, plan.plan_id, now=NOW, by="ann")
    with pytest.raises(PrivacyError, match="NO_SUCH_KEY"):
        deliver.execute(stores, plan.plan_id, now=NOW, by="ann")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"email": {"medium": "sms"}, "hello": {"medium": "sms"}},
            "can send e-mail only so far",
        ),
        ({"email": {"sink": None}}, "neither smtp nor sink"),
    ],
)
def test_what_cannot_be_sent_is_refused_before_anything_is_written(
    stores: Stores, changes: dict[str, Any], words: str
) -> None:
    set_up(stores, 3, spring=ALL)
    plan = planned(stores, trial=words.startswith("can"))
    document = json.loads(json.dumps(dict(plan.document)))
    if "sms" in str(changes):
        document["channels"]["email"]["medium"] = "sms"
    else:
        del document["channels"]["email"]["sink"]
    with stores.control.begin() as connection:
        connection.execute(sa.update(_plans).values(document=document))
    approve(stores, plan.plan_id, now=NOW, by="ann")
    with pytest.raises(DeliverError, match=words):
        deliver.execute(stores, plan.plan_id, now=NOW, by="ann")
    assert rows(stores) == []
    assert deliver.status(stores, plan.plan_id).state == "approved"


@pytest.mark.parametrize(
    ("html", "words"),
    [
        ("Hi {{ favorite_color }}", "favourite_color"),
        ("Save {{ offer.amount }}", "offer"),
        ("Pay with {{ offer.gift }}", "offer"),
    ],
)
def test_a_template_that_suits_nobody_is_refused_with_words(
    stores: Stores, html: str, words: str
) -> None:
    set_up(
        stores, 3, spring=ALL, hello={"variants": [{"subject": "Hello", "html": f"<p>{html}</p>"}]}
    )
    with stores.control.begin() as connection:
        profiles = metadata.tables["profiles"]
        connection.execute(sa.update(profiles).values(traits={"favourite_color": "red"}))
    plan = planned(stores)
    approve(stores, plan.plan_id, now=NOW, by="ann")
    with pytest.raises(DeliverError, match=words):
        deliver.execute(stores, plan.plan_id, now=NOW, by="ann")
    assert rows(stores) == []
    assert deliver.status(stores, plan.plan_id).state == "approved"


def test_a_missing_field_stops_that_person_only_and_a_rare_field_refuses_nothing(
    stores: Stores,
) -> None:
    names = set_up(
        stores,
        250,
        spring=ALL,
        hello={"variants": [{"subject": "Hi", "html": "<p>Your shop: {{ favourite_shop }}</p>"}]},
    )
    profiles = metadata.tables["profiles"]
    lucky = max(origin(stores, name) for name in names)  # the last of all, in the order of ids
    with stores.control.begin() as connection:
        connection.execute(
            sa.update(profiles)
            .where(profiles.c.profile_id == lucky)
            .values(traits={"Favourite Shop": "Leeds"})
        )
    plan = executed(stores)
    done = deliver.run_sending(stores, plan.plan_id, clock=Clock())
    assert done.total("sent") == 1
    ((reason, count),) = done.messages["stopped"].items()
    assert reason.startswith("missing_field: ")
    assert "favourite_shop" in reason
    assert count == 249
    assert states(stores)[lucky] == "sent:"


def test_a_template_may_stop_its_own_message(stores: Stores) -> None:
    html = "{% if first_name == 'C00001' %}{% abort 'not for you' %}{% endif %}<p>Hello</p>"
    set_up(stores, 4, spring=ALL, hello={"variants": [{"subject": "Hi", "html": html}]})
    plan = executed(stores)
    done = deliver.run_sending(stores, plan.plan_id, clock=Clock())
    assert done.messages == {"sent": {"": 3}, "stopped": {"aborted: not for you": 1}}


def test_blank_names_are_not_greeted(stores: Stores) -> None:
    set_up(stores, 2, spring=ALL)
    with stores.control.begin() as connection:
        connection.execute(sa.update(metadata.tables["vault_people"]).values(first_name="  "))
    plan = executed(stores)
    deliver.run_sending(stores, plan.plan_id, clock=Clock())
    for file in (stores.root / "outbox" / plan.plan_id).glob("*.eml"):
        assert b"Subject: Hello friend" in file.read_bytes()


def test_a_trial_writes_to_made_up_addresses_where_none_is_known(stores: Stores) -> None:
    apply(stores, spring=ALL)
    add_customers(stores, ["a", "b"], consent=None, email=False)
    plan = executed(stores, trial=True)
    done = deliver.run_sending(stores, plan.plan_id, clock=Clock())
    assert done.messages == {"sent": {"": 2}}
    for file in (stores.root / "outbox" / plan.plan_id).glob("*.eml"):
        assert b"@trial.example.invalid" in file.read_bytes()


def test_a_trial_reaches_a_mail_server_only_when_asked_and_only_made_up_people(
    stores: Stores,
) -> None:
    with catching() as server:
        smtp = {"host": "127.0.0.1", "port": server.port, "tls": "none"}
        set_up(stores, 4, spring=ALL, email={"sink": None, "smtp": smtp})
        with stores.control.begin() as connection:
            people = metadata.tables["vault_people"]
            connection.execute(
                sa.update(people)
                .where(people.c.first_name == "C00001")
                .values(email="real.person@bigmail.com")
            )
        plan = executed(stores, trial=True)
        deliver.run_sending(stores, plan.plan_id, clock=Clock())
        assert server.recipients == []
        second = executed(stores, trial=True, now=NOW + timedelta(minutes=1))
        deliver.run_sending(stores, second.plan_id, clock=Clock(), through_smtp=True)
        assert len(server.recipients) == 4
        assert "real.person@bigmail.com" not in server.recipients
        assert sum(r.endswith("@trial.example.invalid") for r in server.recipients) == 1


def test_what_progress_raises_ends_the_run_and_leaves_nothing_in_doubt(stores: Stores) -> None:
    set_up(stores, 30, spring=ALL)
    plan = executed(stores)

    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        deliver.run_sending(stores, plan.plan_id, clock=Clock(), progress=after(10, stop))
    found = deliver.status(stores, plan.plan_id)
    assert found.messages == {"sent": {"": 10}, "queued": {"": 20}}
    assert [row.attempts for row in rows(stores) if row.state == "queued"] == [0] * 20
    assert deliver.run_sending(stores, plan.plan_id, clock=Clock()).total("sent") == 30


def test_a_full_disk_ends_the_run_with_words_and_the_rest_follows(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_up(stores, 30, spring=ALL)
    plan = executed(stores)
    real, left = os.fsync, [12]

    def fsync(handle: int) -> None:
        if "outbox" in os.readlink(f"/proc/self/fd/{handle}"):
            left[0] -= 1
            if left[0] < 0:
                raise OSError(28, "No space left on device")
        real(handle)

    monkeypatch.setattr("aimwell.deliver.sink.os.fsync", fsync)
    held = deliver.run_sending(stores, plan.plan_id, clock=Clock())
    assert held.trouble is not None
    assert "disk" in held.trouble
    assert held.state == "sending"
    assert held.total("sent") + held.total("queued") == 30
    monkeypatch.undo()
    clock = Clock()
    clock.now += timedelta(minutes=2)
    done = deliver.run_sending(stores, plan.plan_id, clock=clock)
    assert (done.state, done.total("sent")) == ("sent", 30)
    assert len(list((stores.root / "outbox" / plan.plan_id).glob("*.eml"))) == 30
    assert list((stores.root / "outbox" / plan.plan_id).glob("*.part")) == []


def test_preview_shows_one_person_and_is_written_down(stores: Stores) -> None:
    names = set_up(stores, 2, email={"dkim": ABSENT_KEY})  # looking needs no secret
    shown = deliver.preview(stores, "spring", origin(stores, names[1]), now=NOW, by="ann")
    assert shown.subject == "Hello C00001"  # type: ignore[union-attr]
    assert "10 % with TEN" in shown.html  # type: ignore[union-attr]
    audit = [row for row in rows(stores, metadata.tables["audit_log"]) if row.action == "preview"]
    assert [row.subject for row in audit] == [origin(stores, names[1])]
    with pytest.raises(DeliverError, match=r"no action 'x'\. Known: ten-email"):
        deliver.preview(stores, "spring", origin(stores, names[1]), now=NOW, by="a", action="x")


def test_a_test_message_is_marked_and_stands_in_no_ledger(stores: Stores) -> None:
    names = set_up(stores, 2)
    for _ in range(2):
        reply = deliver.send_test(
            stores,
            "spring",
            to="me@firm.example",
            as_profile=origin(stores, names[0]),
            now=NOW,
            by="a",
        )
        assert reply == "accepted"
    letters = [file.read_bytes() for file in (stores.root / "outbox" / "test").glob("*.eml")]
    assert len(letters) == 2
    assert all(b"Subject: [Test] Hello C00000" in letter for letter in letters)
    assert all(b"To: " in letter and b"me@firm.example" in letter for letter in letters)
    assert rows(stores) == []
    with pytest.raises(DeliverError, match="no e-mail address"):
        deliver.send_test(stores, "spring", to="nonsense", as_profile="x", now=NOW, by="a")


def test_no_personal_data_in_audit_ledger_events_or_lake(
    stores: Stores, caplog: pytest.LogCaptureFixture
) -> None:
    names = set_up(stores, 5, spring=ALL)
    deliver.preview(stores, "spring", origin(stores, names[0]), now=NOW, by="ann")
    deliver.send_test(
        stores,
        "spring",
        to="me@firm.example",
        as_profile=origin(stores, names[0]),
        now=NOW,
        by="ann",
    )
    plan = executed(stores)
    deliver.run_sending(stores, plan.plan_id, clock=Clock())
    said = text_of(
        [
            [dict(row._mapping) for row in rows(stores, metadata.tables[name])]
            for name in ("audit_log", "messages", "attempts", "message_events", "links", "jobs")
        ]
    )
    with open_moment(stores, as_of=day(999)) as moment:
        for table in ("touches", "assignments"):
            said += text_of(moment.session.rows(sql(f"SELECT * FROM {table}")))  # noqa: S608
    said += caplog.text
    for secret in ("example.com", "firm.example", "C00000", "c00000"):
        assert secret not in said
