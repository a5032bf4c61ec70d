"""How a mail server is reached, and what it means when it is not."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from typing import Literal, NoReturn

from aiosmtplib.errors import SMTPAuthenticationError, SMTPResponseException, SMTPTimeoutError

from aimwell.deliver.bounces import read_reply
from aimwell.errors import DeliverError, ServerRefusedError, ServerUnreachableError

__all__ = ["SmtpSettings", "explain_failure", "tls_context"]

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class SmtpSettings:
    """How to reach a mail server and how to treat it.

    `tls`: `tls` speaks TLS from the start (port 465), `starttls` turns to it before anything else (587, 25), `none`
    never does. `ca_pem` replaces the system's certificate authorities; `verify` off accepts any certificate. A
    password is sent over TLS only, except to this machine itself. Times are seconds; the server is given longest to
    answer a whole message, as RFC 5321 (4.5.3.2) asks.
    """

    host: str
    port: int = 587
    tls: Literal["none", "starttls", "tls"] = "starttls"
    username: str = ""
    password: str = field(default="", repr=False)
    ca_pem: str = field(default="", repr=False)
    verify: bool = True
    hello_name: str = "localhost"
    connections: int = 4
    messages_per_connection: int = 500
    messages_per_second: float | None = None
    connect_seconds: float = 30.0
    command_seconds: float = 60.0
    answer_seconds: float = 300.0

    def __post_init__(self) -> None:
        if self.connections < 1 or self.messages_per_connection < 1:
            raise DeliverError("A mail server needs at least 1 connection and 1 message on each.")
        if self.messages_per_second is not None and not self.messages_per_second > 0:
            raise DeliverError("messages_per_second must be above 0; leave it out for no limit.")
        if self.username and self.tls == "none" and self.host not in _LOOPBACK:
            raise DeliverError(
                f"The password for {self.host} would be sent unencrypted. Set tls to 'starttls' or 'tls'."
            )


def tls_context(settings: SmtpSettings) -> ssl.SSLContext:
    """The rules by which the server's certificate is checked."""
    try:
        context = ssl.create_default_context(cadata=settings.ca_pem or None)
    except ssl.SSLError as err:
        raise ServerRefusedError(
            "The certificate authorities (ca_pem) cannot be read as PEM."
        ) from err
    if not settings.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def explain_failure(err: Exception, settings: SmtpSettings) -> NoReturn:
    """Raises the error that says why there is no connection: `ServerRefusedError` where somebody has to change
    something, `ServerUnreachableError` where waiting may help."""
    place = f"{settings.host} port {settings.port}"
    cause = _tls_cause(err)
    if cause is not None:
        raise ServerRefusedError(
            f"The mail server {place} does not pass as genuine: {cause}. Check host, tls and ca_pem."
        ) from err
    if settings.tls == "starttls" and "STARTTLS extension not supported" in str(err):
        raise ServerRefusedError(
            f"The mail server {place} does not offer STARTTLS. In the channel's smtp, set tls: tls where it speaks TLS "
            "from the start (usually port 465), or tls: none where messages may go unencrypted, as to a server on "
            "this machine."
        ) from err
    if isinstance(err, SMTPResponseException):
        reply = read_reply(err.code, err.message)
        words = f"{reply.code} {reply.text}".strip()
        if isinstance(err, SMTPAuthenticationError) and err.code >= 500:
            raise ServerRefusedError(
                f"The mail server {place} refuses the login ({words}). Check username and password."
            ) from err
        if reply.status == "refused":
            raise ServerRefusedError(f"The mail server {place} refuses us ({words}).") from err
        raise ServerUnreachableError(
            f"The mail server {place} does not take mail now ({words})."
        ) from err
    if isinstance(err, SMTPTimeoutError | ConnectionError | OSError):
        raise ServerUnreachableError(
            f"The mail server {place} cannot be reached ({type(err).__name__}). It will be tried again; if that "
            "does not help, check host, port and tls."
        ) from err
    raise ServerRefusedError(f"The mail server {place} cannot be used: {err}") from err


def _tls_cause(err: BaseException | None) -> str | None:
    while err is not None:
        if isinstance(err, ssl.SSLCertVerificationError):
            return err.verify_message
        if isinstance(err, ssl.SSLError):
            return err.reason or "TLS failed"
        err = err.__cause__ or err.__context__
    return None
