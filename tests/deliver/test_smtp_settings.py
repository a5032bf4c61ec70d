from __future__ import annotations

from typing import Any

import pytest

from aimwell.deliver.smtp_settings import SmtpSettings
from aimwell.errors import DeliverError


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"connections": 0}, "at least 1"),
        ({"messages_per_connection": 0}, "at least 1"),
        ({"messages_per_second": 0.0}, "above 0"),
        ({"messages_per_second": float("nan")}, "above 0"),
        (
            {"host": "mail.shop.example", "tls": "none", "username": "u", "password": "p"},
            "unencrypted",
        ),
    ],
)
def test_settings_that_cannot_work_are_refused(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(DeliverError, match=words):
        SmtpSettings(**{"host": "127.0.0.1", **wrong})


def test_the_password_is_not_shown() -> None:
    assert "hunter2" not in repr(
        SmtpSettings("mail.shop.example", username="u", password="hunter2")
    )


def test_a_password_may_go_unencrypted_to_this_machine_only() -> None:
    for host in ("localhost", "127.0.0.1", "::1"):
        assert SmtpSettings(host, tls="none", username="u", password="p").username == "u"
