"""Klaviyo: profiles, events and lists."""

from __future__ import annotations

from typing import Any

from collecting import Shop
from vendor_exports import Take, consents, kinds_of_identifiers, lines, suppressed, table, taken


def klaviyo_profile(number: str, email: str, **marketing: Any) -> dict[str, Any]:
    return {
        "type": "profile",
        "id": number,
        "attributes": {
            "email": email,
            "phone_number": "+441134960000" if number == "01P" else None,
            "first_name": "Ann",
            "updated": "2026-01-05T10:00:00+00:00",
            "location": {
                "country": "United Kingdom",
                "city": "Leeds",
                "zip": "LS1",
                "timezone": "Europe/London",
            },
            "subscriptions": {
                "email": {
                    "marketing": {
                        "can_receive_email_marketing": True,
                        "suppression": [],
                        **marketing,
                    }
                },
                "sms": {
                    "marketing": {
                        "consent": "NEVER_SUBSCRIBED",
                        "last_updated": "2026-01-01T10:00:00+00:00",
                    }
                },
            },
        },
    }


def klaviyo_event(number: str, metric: str) -> dict[str, Any]:
    return {
        "type": "event",
        "id": number,
        "attributes": {
            "datetime": "2026-01-06T10:00:00+00:00",
            "event_properties": {"Campaign Name": "Winter", "$message": "m1"},
        },
        "relationships": {
            "profile": {"data": {"type": "profile", "id": "01P"}},
            "metric": {"data": {"type": "metric", "id": metric}},
        },
    }


def test_klaviyo(shop: Shop, take: Take) -> None:
    yes = {"consent": "SUBSCRIBED", "consent_timestamp": "2026-01-01T10:00:00+00:00"}
    bounce = {"reason": "HARD_BOUNCE", "timestamp": "2026-01-02T10:00:00.000000"}
    by_hand = {"reason": "USER_SUPPRESSED", "timestamp": "2026-01-02T10:00:00.000000"}
    profiles = [
        klaviyo_profile("01P", "ann@x.example", **yes),
        klaviyo_profile("02P", "bob@x.example", consent="UNSUBSCRIBED", suppression=[bounce]),
        klaviyo_profile("03P", "cy@x.example", consent="NEVER_SUBSCRIBED", suppression=[by_hand]),
    ]
    names = {"M1": "Opened Email", "M2": "Placed Order", "M3": "Unsubscribed from Email Marketing"}
    metrics = [
        {"type": "metric", "id": number, "attributes": {"name": name}}
        for number, name in names.items()
    ]
    files = {
        "klaviyo-profiles.jsonl": lines(*profiles),
        "klaviyo-events.jsonl": lines(*(klaviyo_event(number, f"M{number}") for number in "123")),
        "klaviyo-metrics.jsonl": lines(*metrics),
    }
    report = take("klaviyo", files)
    expected = [
        ("customers", 3),
        ("consents", 3),
        ("consents", 3),
        ("suppressions", 2),
        ("touches", 2),
    ]
    assert taken(report) == expected
    assert shop.rows("touches", "event", "campaign", "message_id") == [
        ("Email Opened", "Winter", "m1"),
        ("Unsubscribed", "Winter", "m1"),
    ]
    email = [state for channel, state in consents(shop) if channel == "email"]
    assert sorted(email) == ["denied", "granted", "revoked"]
    assert suppressed(shop) == ["bounced", "manual"]


def test_lists_of_klaviyo(shop: Shop, take: Take) -> None:
    header = (
        "Email,Klaviyo ID,First Name,Last Name,Organization,Title,Phone Number,Address,Address 2,City,State / Region,Country,"
        "Zip Code,Latitude,Longitude,Source,IP Address,Email Marketing Consent,Email Marketing Consent Timestamp,First Active,"
        "Last Active,Profile Created On,Date Added,Last Open,Last Click,Email Suppressions"
    )
    when = "2026-01-01 10:00:00"
    ann: dict[str, object] = {
        "Email": "Ann@X.example",
        "Klaviyo ID": "01P",
        "Email Marketing Consent": "SUBSCRIBED",
    }
    ann |= {"Email Marketing Consent Timestamp": when, "Profile Created On": when, "City": "Leeds"}
    bob = {"Email": "bob@x.example", "Klaviyo ID": "02P", "Email Marketing Consent": "UNSUBSCRIBED"}
    bob |= {"Email Suppressions": "HARD_BOUNCE", "Profile Created On": when}
    cy = {
        "Email": "cy@x.example",
        "Klaviyo ID": "03P",
        "Email Marketing Consent": "NEVER_SUBSCRIBED",
    }
    report = take(
        "klaviyo-lists",
        {"klaviyo-list-all.csv": "\ufeff" + table(header, ann, dict(bob), dict(cy))},
    )
    assert taken(report) == [("customers", 3), ("consents", 3), ("suppressions", 1)]
    assert sorted(state for _, state in consents(shop)) == ["denied", "granted", "revoked"]
    assert suppressed(shop) == ["bounced"]
    assert kinds_of_identifiers(shop) == {"email", "external_id:klaviyo"}
