"""Links that recipients cannot reach are told from others."""

from __future__ import annotations

from pathlib import Path

import pytest

from aimwell.decide.public_address import is_public
from aimwell.decide.service import approve
from aimwell.deliver import service as deliver
from aimwell.errors import DeliverError
from campaigns import NOW, apply, executed, planned, set_up
from shop import make_stores

SMTP = {"sink": None, "smtp": {"host": "127.0.0.1", "port": 2525, "tls": "none"}}


@pytest.mark.parametrize(
    ("url", "public"),
    [
        ("https://news.shop.com", True),
        ("https://news.shop.com:8443/aimwell", True),
        ("http://93.184.216.34", True),
        ("https://[2606:2800:220:1::1]/x", True),
        ("http://127.0.0.1:8400", False),
        ("http://0.0.0.0:8400", False),
        ("http://10.1.2.3", False),
        ("http://192.168.0.7", False),
        ("http://169.254.1.1", False),
        ("http://[::1]:8400", False),
        ("http://[fd00::1]", False),
        ("http://localhost:8400", False),
        ("http://shop.localhost.", False),
        ("http://aimwell:8400", False),
        ("https://nas.local", False),
    ],
)
def test_addresses_of_this_machine_and_of_private_networks_are_not_public(
    url: str, public: bool
) -> None:
    assert is_public(url) == public


@pytest.mark.parametrize("url", [None, "http://192.168.0.7:8400"])
def test_a_real_campaign_whose_links_nobody_reaches_is_warned_of_and_refused(
    tmp_path: Path, control_url: str, url: str | None
) -> None:
    stores = make_stores(tmp_path, control_url, public_url=url)
    set_up(stores, 5, email=SMTP)
    made = planned(stores)
    assert "Recipients could not unsubscribe" in made.summary["warnings"][0]
    approve(stores, made.plan_id, now=NOW, by="ann")
    with pytest.raises(
        DeliverError, match=r"could not unsubscribe.*Set public_url.*Nothing was sent"
    ):
        deliver.execute(stores, made.plan_id, now=NOW, by="ann")
    assert deliver.status(stores, made.plan_id).state == "approved"
    assert deliver.status(stores, made.plan_id).all == 0


def test_links_without_encryption_are_warned_of_and_sent(tmp_path: Path) -> None:
    stores = make_stores(tmp_path, public_url="http://news.shop.example")
    set_up(stores, 5, email=SMTP)
    made = executed(stores)
    assert made.state == "sending"
    assert "RFC 8058" in made.summary["warnings"][0]


def test_trials_folders_and_good_addresses_are_not_warned_of(tmp_path: Path) -> None:
    stores = make_stores(tmp_path)
    set_up(stores, 5)
    assert "public_url" not in str(executed(stores).summary["warnings"])
    apply(stores, email=SMTP)
    trial = executed(stores, trial=True)
    assert trial.state == "sending"
    assert "public_url" not in str(trial.summary["warnings"])
    other = make_stores(tmp_path / "other", public_url="https://news.shop.example")
    set_up(other, 5, email=SMTP)
    assert "public_url" not in str(executed(other).summary["warnings"])
