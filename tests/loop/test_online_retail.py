"""The loop on real orders, end to end: from the file as it was published to the report on what really followed."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from email import message_from_bytes
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from aimwell.collect.service import collect
from aimwell.decide.service import approve, plan
from aimwell.decide.stored import places
from aimwell.definitions import service as definitions
from aimwell.definitions.catalogue import check
from aimwell.definitions.kinds.source import Source
from aimwell.definitions.reading import read_documents
from aimwell.deliver import service as deliver
from aimwell.measure.service import measure, store_report
from aimwell.predict.service import train_propensity
from aimwell.segment.membership.refreshing import refresh
from aimwell.store.stores import Stores
from aimwell.unify.service import unify
from data_folder import data_path
from databases import shortly_on
from shop import make_stores

ROOT = Path(__file__).resolve().parents[2]
AS_OF = datetime(2011, 9, 1, tzinfo=UTC)
NOW = datetime(2012, 1, 1, tzinfo=UTC)


class Mailbox:
    """Keeps what a mail server is handed."""

    def __init__(self) -> None:
        self.envelopes: list[Envelope] = []

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        self.envelopes.append(envelope)
        return "250 2.0.0 taken"


@pytest.fixture
def mailbox() -> Iterator[tuple[Mailbox, int]]:
    kept = Mailbox()
    with socket.socket() as probe:  # the controller itself cannot take "any free port"
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    controller = Controller(kept, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield kept, port
    finally:
        controller.stop()


@pytest.fixture
def stores(tmp_path: Path, control_url: str) -> Iterator[Stores]:
    opened = make_stores(
        tmp_path,
        control_url,
        currency="GBP",
        timezone="Europe/London",
        country="GB",
        margin_default=0.4,
    )
    yield opened
    opened.close()


def prepare(stores: Stores) -> None:
    file = data_path("online-retail/online_retail.csv.gz")
    documents = [
        ROOT / "examples/sources/online-retail.yaml",
        ROOT / "examples/campaigns/winback.yaml",
    ]
    definitions.apply(
        stores.control, definitions.check_all(read_documents(documents)), now=NOW, by="ann"
    )
    source = definitions.find(stores.control, Source, "online-retail")
    root = (
        file.parent
        if (file.parent / next(iter(source.files.values())).path[0]).exists()
        else file.parents[1]
    )
    report = collect(stores, source, root=root, now=NOW)
    (load,) = report.loads
    assert load.rows_read == 541_909
    assert load.rows_taken + load.duplicates + load.quarantined + load.ignored == load.rows_read
    assert collect(stores, source, root=root, now=NOW).already_collected
    assert unify(stores, now=NOW).profiles == 4_372


@shortly_on("postgresql")  # the demo runs the loop on SQLite
def test_the_loop_on_real_orders(stores: Stores, mailbox: tuple[Mailbox, int]) -> None:
    prepare(stores)
    (count,) = [one for one in refresh(stores, now=AS_OF) if one.segment == "lapsing-high-value"]
    trained = train_propensity(stores, as_of=AS_OF, horizon_days=90, seed=1, now=NOW)
    later = trained.result.chosen.later.auc
    assert later.lower is not None
    assert later.lower > 0.7

    # Into the folder.
    made = plan(stores, "winback", now=NOW, by="ann", as_of=AS_OF)
    assert made.summary["audience_size"] == count.members
    approve(stores, made.plan_id, now=NOW, by="ann")
    deliver.execute(stores, made.plan_id, now=NOW, by="ann")
    status = deliver.run_sending(stores, made.plan_id, clock=lambda: NOW)
    treated = {p.profile_id for p in places(stores.control, made.plan_id, arms=("treatment",))}
    held = {p.profile_id for p in places(stores.control, made.plan_id, arms=("control",))}
    assert status.state == "sent"
    assert (
        status.total("sent") == len(treated) == len(list((stores.root / "outbox").rglob("*.eml")))
    )
    assert not treated & held
    assert 0.1 < len(held) / count.members < 0.3

    # What really followed. Nobody ever got anything, so nothing may be found but chance.
    result = measure(stores, made.plan_id, now=NOW)
    assert result.treated.people == len(treated)
    assert result.control.people == len(held)
    lift = result.lifts["revenue"].total
    assert lift.lower is not None
    assert lift.upper is not None
    assert lift.lower < 0 < lift.upper
    assert result.verdict == "trial"
    report = store_report(stores, result)
    assert "Nobody was really contacted" in report.html.read_text(encoding="utf-8")

    _through_a_mail_server(stores, mailbox, len(treated))


def _through_a_mail_server(stores: Stores, mailbox: tuple[Mailbox, int], treated: int) -> None:
    """The same once more through a real mail server, to made-up addresses only."""
    kept, port = mailbox
    channel = {
        "kind": "channel",
        "name": "email",
        "sender": {"address": "hello@shop.example", "name": "The Shop"},
        "smtp": {"host": "127.0.0.1", "port": port, "tls": "none"},
    }
    definitions.apply(stores.control, [check(channel)], now=NOW, by="ann")
    again = plan(stores, "winback", now=NOW, by="ann", as_of=AS_OF)
    approve(stores, again.plan_id, now=NOW, by="ann")
    deliver.execute(stores, again.plan_id, now=NOW, by="ann")
    status = deliver.run_sending(stores, again.plan_id, clock=lambda: NOW, through_smtp=True)
    assert (status.state, status.total("sent")) == ("sent", treated)
    assert len(kept.envelopes) == treated
    addresses = {address for envelope in kept.envelopes for address in envelope.rcpt_tos}
    assert len(addresses) == treated
    assert all(address.endswith(".invalid") for address in addresses)
    content = kept.envelopes[0].content
    assert isinstance(content, bytes)
    message = message_from_bytes(content)
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert message["Subject"] == "It has been a while"
