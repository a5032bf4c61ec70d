"""Consent: the newest answer counts, on one medium or any; a grant by law is no explicit one. On both databases."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from aimwell.privacy.consent import latest_consents, record
from shop import day, make_stores

SAID = [
    ("ann", "email", "granted", "opt_in", 1),
    ("bob", "email", "granted", "opt_in", 1),
    ("bob", "sms", "revoked", "request", 2),
    ("cyd", "email", "granted", "soft_opt_in", 1),
    ("dan", "email", "denied", "request", 1),
    ("dan", "sms", "granted", "opt_in", 1),  # of the same moment the refusal counts
    ("eve", "sms", "revoked", "request", 1),
    ("eve", "email", "granted", "opt_in", 3),
]


def test_the_newest_answer_on_any_medium_and_explicit_ones_alone(
    tmp_path: Path, control_url: str
) -> None:
    stores = make_stores(tmp_path, control_url)
    rows = [
        {
            "origin_id": name,
            "purpose": "faith",
            "channel": channel,
            "state": state,
            "occurred_at": day(when),
            "basis": basis,
            "source": "crm",
            "wording": None,
        }
        for name, channel, state, basis, when in SAID
    ]
    record(stores, pa.Table.from_pylist(rows))

    def states(channel: str, *, explicit: bool = False, before: float = 9) -> dict[str, str]:
        query = latest_consents(
            purpose="faith", channel=channel, before=day(before), explicit=explicit
        )
        with stores.read_control() as connection:
            return {row[0]: row[1] for row in connection.execute(query)}

    assert states("email") == {
        "ann": "granted",
        "bob": "granted",
        "cyd": "granted",
        "dan": "denied",
        "eve": "granted",
    }
    assert states("any", explicit=True) == {
        "ann": "granted",
        "bob": "revoked",
        "cyd": "unknown",
        "dan": "denied",
        "eve": "granted",
    }
    assert states("any", explicit=True, before=1.5)["bob"] == "granted"
    stores.close()
