"""Sending to a real mail server (aiosmtpd): encryption, login, and messages as they arrive there."""

from __future__ import annotations

import asyncio
import email
import email.policy
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dkim
import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from aimwell.deliver.compose import Composer
from aimwell.deliver.content import compile_content
from aimwell.deliver.dkim import DkimSigner
from aimwell.deliver.model import Content, Outcome, Outgoing, Recipient, Sender, Tracking
from aimwell.deliver.smtp import SmtpSettings, SmtpTransport
from aimwell.deliver.token import Tokens
from aimwell.errors import ServerRefusedError

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class Mailbox:
    """What arrived: envelopes, and whether they came over TLS and after a login."""

    envelopes: list[Envelope] = field(default_factory=list)
    secure: list[bool] = field(default_factory=list)
    logins: list[object] = field(default_factory=list)
    sessions: set[int] = field(default_factory=set)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        del server
        self.envelopes.append(envelope)
        self.secure.append(session.ssl is not None)
        self.logins.append(session.auth_data)
        self.sessions.add(id(session))
        return "250 2.0.0 queued"


@dataclass(frozen=True)
class Certificate:
    pem: str
    file: Path
    key_file: Path

    def context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.file, self.key_file)
        return context


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    folder = tmp_path_factory.mktemp("certificate")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, SHA256())
    )
    pem = made.public_bytes(Encoding.PEM).decode()
    (folder / "cert.pem").write_text(pem)
    (folder / "key.pem").write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    return Certificate(pem, folder / "cert.pem", folder / "key.pem")


@asynccontextmanager
async def running(
    mailbox: Mailbox, *, implicit_tls: ssl.SSLContext | None = None, **options: Any
) -> AsyncIterator[int]:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(mailbox, hostname="mx.example", loop=loop, **options),
        "127.0.0.1",
        0,
        ssl=implicit_tls,
    )
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        server.close()
        await server.wait_closed()


def send(
    messages: list[Outgoing], chosen: dict[str, Any], **server: Any
) -> tuple[Mailbox, list[Outcome]]:
    mailbox = Mailbox()

    async def scenario() -> list[Outcome]:
        async with running(mailbox, **server) as port:
            settings = SmtpSettings(
                **{"host": "localhost", "port": port, "connect_seconds": 5.0, **chosen}
            )
            transport = SmtpTransport(settings)
            try:
                return [outcome async for outcome in transport.send(messages)]
            finally:
                await transport.close()
                await asyncio.sleep(0.02)  # so that the server sees the end before it is stopped

    return mailbox, asyncio.run(scenario())


def letter(number: int = 1) -> Outgoing:
    return Outgoing(
        f"m-{number}", "b@bounces.example", f"p{number}@example.com", b"Subject: x\r\n\r\nx\r\n"
    )


def check_login(
    server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any
) -> AuthResult:
    del server, session, envelope, mechanism
    fine = (data.login, data.password) == (b"shop", b"hunter2")
    return AuthResult(success=fine, handled=False, auth_data=data.login if fine else None)


def test_a_campaign_arrives_as_it_was_signed(rsa_pem: str) -> None:
    tracking = Tracking("https://news.shop.example")
    text = (
        "<p>Hi {{ name }},</p>\n.\n<p>From us: {{ note }}</p><a href='https://shop.example/'>x</a>"
    )
    signer = DkimSigner(domain="shop.example", selector="r1", private_key_pem=rsa_pem)
    composer = Composer(
        [compile_content(Content("t", "Für {{ name }}", html=text), tracking)],
        sender=Sender("hello@shop.example", name="Der Läden", bounce_domain="bounces.shop.example"),
        tracking=tracking,
        tokens=Tokens([b"a secret of thirty-two bytes, 01"]),
        signers=[signer],
    )
    people = [
        Recipient(
            f"m-{n}", f"p{n}@example.com", {"name": f"Zoë {n}", "note": ".\n" * n + "é" * 300}
        )
        for n in range(12)
    ]
    messages = [one for one in composer.compose(people, now=NOW) if isinstance(one, Outgoing)]
    mailbox, outcomes = send(messages, {"tls": "none", "connections": 3})
    assert [outcome.status for outcome in outcomes] == ["accepted"] * 12
    assert len(mailbox.sessions) == 3
    record_name, record = signer.dns_record()

    def dns(name: bytes, timeout: float = 5) -> bytes:
        del timeout
        assert name.decode().rstrip(".") == record_name
        return record.encode()

    arrived = {envelope.rcpt_tos[0]: envelope for envelope in mailbox.envelopes}
    for message in messages:
        envelope = arrived[message.recipient]
        assert envelope.mail_from == message.return_path
        content = envelope.content
        assert isinstance(content, bytes)
        assert content == message.data
        assert dkim.verify(content, dnsfunc=dns)
    parsed = email.message_from_bytes(
        arrived["p3@example.com"].content, policy=email.policy.default
    )  # type: ignore[arg-type]
    assert parsed["Subject"] == "Für Zoë 3"


def test_starttls_and_login(certificate: Certificate) -> None:
    chosen = {
        "tls": "starttls",
        "ca_pem": certificate.pem,
        "username": "shop",
        "password": "hunter2",
    }
    server = {
        "tls_context": certificate.context(),
        "require_starttls": True,
        "authenticator": check_login,
        "auth_required": True,
    }
    mailbox, outcomes = send([letter(1), letter(2)], chosen, **server)
    assert [outcome.status for outcome in outcomes] == ["accepted", "accepted"]
    assert mailbox.secure == [True, True]
    assert mailbox.logins == [b"shop", b"shop"]


def test_a_wrong_password_is_said_without_being_repeated(certificate: Certificate) -> None:
    chosen = {
        "tls": "starttls",
        "ca_pem": certificate.pem,
        "username": "shop",
        "password": "letmein",
    }
    server = {
        "tls_context": certificate.context(),
        "authenticator": check_login,
        "auth_required": True,
    }
    with pytest.raises(ServerRefusedError, match="refuses the login") as caught:
        send([letter()], chosen, **server)
    assert "letmein" not in str(caught.value)
    assert not caught.value.retryable


def test_tls_from_the_start(certificate: Certificate) -> None:
    chosen = {"tls": "tls", "ca_pem": certificate.pem}
    mailbox, outcomes = send([letter()], chosen, implicit_tls=certificate.context())
    assert outcomes[0].status == "accepted"
    assert len(mailbox.envelopes) == 1


@pytest.mark.parametrize("tls", ["tls", "starttls"])
def test_a_certificate_that_nobody_vouches_for_is_refused(
    certificate: Certificate, tls: str
) -> None:
    server: dict[str, Any] = (
        {"implicit_tls": certificate.context()}
        if tls == "tls"
        else {"tls_context": certificate.context()}
    )
    with pytest.raises(ServerRefusedError, match="does not pass as genuine"):
        send([letter()], {"tls": tls}, **server)
    mailbox, _ = send([letter()], {"tls": tls, "verify": False}, **server)
    assert len(mailbox.envelopes) == 1


def test_a_certificate_for_another_host_is_refused(certificate: Certificate) -> None:
    chosen = {"host": "127.0.0.1", "tls": "tls", "ca_pem": certificate.pem}
    with pytest.raises(ServerRefusedError, match="does not pass as genuine"):
        send([letter()], chosen, implicit_tls=certificate.context())


def test_a_server_without_tls_is_never_spoken_to_in_plain_when_tls_was_asked_for() -> None:
    with pytest.raises(ServerRefusedError, match=r"does not offer STARTTLS.*tls: none"):
        send([letter()], {"tls": "starttls"})
    with pytest.raises(ServerRefusedError, match="does not pass as genuine"):
        send([letter()], {"tls": "tls"})


def test_certificate_authorities_that_are_no_pem_are_refused() -> None:
    with pytest.raises(ServerRefusedError, match="ca_pem"):
        send([letter()], {"tls": "tls", "ca_pem": "nonsense"})


def test_an_international_address_goes_to_a_server_that_takes_it() -> None:
    message = Outgoing(
        "m-1",
        "b@bounces.example",
        "zoë@example.com",
        b"Subject: x\r\n\r\nx\r\n",
        international=True,
    )
    mailbox, outcomes = send([message], {"tls": "none"}, enable_SMTPUTF8=True)
    assert outcomes[0].status == "accepted"
    assert mailbox.envelopes[0].rcpt_tos == ["zoë@example.com"]
