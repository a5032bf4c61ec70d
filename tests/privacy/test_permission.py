"""May we contact this person? Unknown means no; the latest answer counts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aimwell.privacy.consent import record, withdraw
from aimwell.privacy.hashing import identifier_hash
from aimwell.privacy.permission import REFUSALS, permissions
from aimwell.privacy.suppression import address_hash, suppress
from aimwell.store.control import insert_missing
from aimwell.store.schema import metadata
from aimwell.store.stores import Stores
from shop import make_stores

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def merge(stores: Stores, keeper: str, other: str) -> None:
    row = {"origin_id": other, "profile_id": keeper, "evidence": ["email"], "merged_at": NOW}
    with stores.control.begin() as connection:
        insert_missing(connection, metadata.tables["identity_overrides"], [row])


@pytest.fixture
def stores(tmp_path: Path, control_url: str) -> Stores:
    return make_stores(tmp_path, control_url)


def answer(
    stores: Stores,
    origin: str,
    state: str,
    *,
    days: int = 0,
    channel: str = "email",
    purpose: str = "marketing",
) -> None:
    row = {
        "origin_id": origin,
        "purpose": purpose,
        "channel": channel,
        "state": state,
        "occurred_at": NOW + timedelta(days=days),
        "basis": "opt_in",
        "source": "crm",
        "wording": "Yes, send me offers",
    }
    record(stores, pa.Table.from_pylist([row]))


def refusal(
    stores: Stores, profile: str, *, channel: str = "email", before: datetime | None = None
) -> str | None:
    with stores.read_control() as connection:
        one = permissions(
            connection, purpose="marketing", channel=channel, before=before, profile_ids=[profile]
        )
        everybody = permissions(connection, purpose="marketing", channel=channel, before=before)
    assert one.refusal(profile) == everybody.refusal(profile)
    return one.refusal(profile)


def identify(stores: Stores, origin: str, address: str) -> None:
    with stores.control.begin() as connection:
        insert_missing(
            connection,
            metadata.tables["identifiers"],
            [
                {
                    "kind": "email",
                    "value_hash": identifier_hash(stores.identity_key, "email", address),
                    "origin_id": origin,
                    "source": "crm",
                    "first_seen_at": NOW,
                }
            ],
        )


def test_nobody_may_be_contacted_who_did_not_say_yes(stores: Stores) -> None:
    assert refusal(stores, "o1") == "consent_unknown"
    answer(stores, "o1", "granted")
    assert refusal(stores, "o1") is None


def test_a_yes_for_one_channel_or_purpose_is_none_for_another(stores: Stores) -> None:
    answer(stores, "o1", "granted", channel="sms")
    answer(stores, "o1", "granted", purpose="service")
    assert refusal(stores, "o1", channel="email") == "consent_unknown"


def test_the_latest_answer_counts_whatever_the_order_of_arrival(stores: Stores) -> None:
    answer(stores, "o1", "granted", days=2)
    answer(stores, "o1", "denied", days=1)
    assert refusal(stores, "o1") is None
    answer(stores, "o1", "denied", days=3)
    assert refusal(stores, "o1") == "consent_denied"


def test_taking_consent_back_counts(stores: Stores) -> None:
    answer(stores, "o1", "granted")
    with stores.control.begin() as connection:
        withdraw(
            connection,
            "o1",
            purpose="marketing",
            channel="email",
            occurred_at=NOW + timedelta(1),
            source="link",
        )
    assert refusal(stores, "o1") == "consent_withdrawn"
    assert refusal(stores, "o1", before=NOW + timedelta(hours=1)) is None


def test_the_same_answer_twice_is_one(stores: Stores) -> None:
    answer(stores, "o1", "granted")
    answer(stores, "o1", "granted")
    with stores.read_control() as connection:
        assert len(connection.execute(metadata.tables["consents"].select()).all()) == 1


def test_of_two_answers_at_one_moment_the_refusal_counts(stores: Stores) -> None:
    answer(stores, "o1", "granted")
    answer(stores, "o2", "denied")
    merge(stores, "o1", "o2")
    assert refusal(stores, "o1") == "consent_denied"


def test_a_suppressed_address_stops_the_person_under_any_origin(stores: Stores) -> None:
    answer(stores, "o1", "granted")
    identify(stores, "o1", "ann@example.com")
    identify(stores, "o2", "annie@example.com")
    merge(stores, "o1", "o2")
    with stores.control.begin() as connection:
        suppress(
            connection,
            channel="email",
            hashed=address_hash(stores.identity_key, "email", " Annie@Example.com "),
            reason="unsubscribed",
            source="link",
            occurred_at=NOW,
        )
    assert refusal(stores, "o1") == "suppressed"


def test_a_suppression_of_one_channel_leaves_the_other(stores: Stores) -> None:
    answer(stores, "o1", "granted", channel="sms")
    identify(stores, "o1", "ann@example.com")
    with stores.control.begin() as connection:
        suppress(
            connection,
            channel="email",
            hashed=address_hash(stores.identity_key, "email", "ann@example.com"),
            reason="bounced",
            source="smtp",
            occurred_at=NOW,
        )
    assert refusal(stores, "o1", channel="sms") is None
    assert refusal(stores, "o1", channel="email") == "suppressed"


def test_every_refusal_has_words() -> None:
    assert {
        "suppressed",
        "consent_unknown",
        "consent_denied",
        "consent_withdrawn",
    } == REFUSALS.keys()


STATES = st.sampled_from(["granted", "denied", "revoked"])


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(STATES, st.integers(0, 5)), max_size=6), st.integers(0, 10**9))
def test_a_withdrawal_never_adds_a_recipient(
    stores: Stores, answers: list[tuple[str, int]], number: int
) -> None:
    person = f"p{number}-{len(answers)}-{hash(tuple(answers))}"
    for state, days in answers:
        answer(stores, person, state, days=days)
    before = refusal(stores, person)
    answer(stores, person, "revoked", days=9)
    assert refusal(stores, person) == "consent_withdrawn"
    expected = None
    if answers:
        last = max(days for _s, days in answers)
        final = {s for s, days in answers if days == last}
        expected = None if final == {"granted"} else "refused"
    else:
        expected = "refused"
    assert (before is None) == (expected is None)
