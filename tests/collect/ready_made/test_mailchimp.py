"""Mailchimp: recipients, campaigns, unsubscribes and bounces."""

from __future__ import annotations

from collecting import Shop
from vendor_exports import Take, consents, lines, suppressed, table, taken

MAILCHIMP = (
    "Email Address,First Name,Last Name,Phone Number,{}MEMBER_RATING,OPTIN_TIME,OPTIN_IP,CONFIRM_TIME,CONFIRM_IP,LATITUDE,"
    "LONGITUDE,GMTOFF,DSTOFF,TIMEZONE,CC,REGION,LAST_CHANGED,LEID,EUID,NOTES,TAGS"
)


def test_mailchimp(shop: Shop, take: Take) -> None:
    ann: dict[str, object] = {
        "Email Address": "ann@x.example",
        "MEMBER_RATING": "4",
        "CC": "gb",
        "TIMEZONE": "Europe/London",
    }
    ann |= {
        "CONFIRM_TIME": "2026-01-01 10:05:00",
        "LAST_CHANGED": "2026-01-02 10:00:00",
        "OPTIN_IP": "192.0.2.1",
    }
    # Two columns have one name in real exports.
    unsub = "UNSUB_TIME,UNSUB_CAMPAIGN_TITLE,UNSUB_CAMPAIGN_ID,UNSUB_REASON,UNSUB_REASON_OTHER,"
    clean = "CLEAN_TIME,CLEAN_CAMPAIGN_TITLE,CLEAN_CAMPAIGN_ID,"
    gone = {
        "Email Address": "bob@x.example",
        "UNSUB_TIME": "2026-01-02 10:00:00",
        "UNSUB_REASON": "N/A (Unsubscribed by admin)",
    }
    bounced = {"Email Address": "cy@x.example", "CLEAN_TIME": "2026-01-02 10:00:00"}
    never = {"Email Address": "di@x.example", "LAST_CHANGED": "2026-01-02 10:00:00"}
    of_ann = {
        "campaign_id": "c1",
        "list_id": "l1",
        "email_id": "e1",
        "email_address": "ann@x.example",
    }
    opened = {"action": "open", "timestamp": "2026-01-03T10:00:00+00:00", "ip": "192.0.2.1"}
    clicked = {
        "action": "click",
        "timestamp": "2026-01-03T10:01:00+00:00",
        "url": "https://shop.example",
    }
    report = {
        "id": "c1",
        "campaign_title": "Winter",
        "send_time": "2026-01-03T09:00:00+00:00",
        "emails_sent": 2,
    }
    sent = {**of_ann, "status": "sent", "open_count": 1, "last_open": "2026-01-03T10:00:00+00:00"}
    hard = {**of_ann, "email_address": "cy@x.example", "status": "hard"}
    files = {
        "subscribed_email_audience_export_1a2b3c.csv": table(MAILCHIMP.format(""), ann),
        "unsubscribed_email_audience_export_1a2b3c.csv": table(MAILCHIMP.format(unsub), dict(gone)),
        "cleaned_email_audience_export_1a2b3c.csv": table(MAILCHIMP.format(clean), dict(bounced)),
        "nonsubscribed_email_audience_export_1a2b3c.csv": table(MAILCHIMP.format(""), dict(never)),
        "mailchimp-reports.jsonl": lines(report),
        "mailchimp-sent-to.jsonl": lines(sent, hard),
        "mailchimp-activity.jsonl": lines(
            {**of_ann, "activity": [opened, clicked]}, {**of_ann, "activity": []}
        ),
    }
    found = take("mailchimp", files)
    assert found["absent"] == ["unsubscribes"]
    assert taken(found) == [
        *(
            ("customers", 1),
            ("consents", 1),
            ("customers", 1),
            ("suppressions", 1),
            ("suppressions", 1),
        ),
        *(("touches", 2), ("touches", 2)),
    ]
    assert shop.rows("touches", "event", "campaign") == [
        ("Email Bounced", "c1"),
        ("Email Delivered", "c1"),
        ("Email Link Clicked", "c1"),
        ("Email Opened", "c1"),
    ]
    assert suppressed(shop) == ["bounced", "unsubscribed"]
    assert consents(shop) == [("email", "granted")]
    assert ("country", "GB") in shop.rows("traits", "name", "value")
