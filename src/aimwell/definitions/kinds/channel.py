"""`channel`: a way to reach people, with what a message costs and where its secrets are."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from aimwell.definitions.base import Definition, Money, Name, Part

__all__ = ["Channel", "Dkim", "Secret", "Sender", "Sink", "Smtp"]

_Host = Annotated[str, Field(pattern=r"^[A-Za-z0-9._:\[\]-]{1,253}$")]
_Address = Annotated[str, Field(pattern=r"^[^@\s<>,;]+@[^@\s<>,;]+$", max_length=254)]
_Domain = Annotated[str, Field(pattern=r"^[A-Za-z0-9.-]{1,253}$")]


class Secret(Part):
    """Where a secret is: in the environment, or encrypted in the workspace. Never in the document."""

    env: str | None = Field(default=None, description="Name of an environment variable.")
    stored: Name | None = Field(
        default=None, description="Name under which `aimwell secret set` keeps it."
    )

    @model_validator(mode="after")
    def _one_place(self) -> Secret:
        if (self.env is None) == (self.stored is None):
            raise ValueError("say where the secret is: {env: VARIABLE} or {stored: name}")
        return self


class Sender(Part):
    """Who the message is from."""

    address: _Address = Field(description="Address that the message is from.")
    name: Annotated[str, Field(max_length=200)] = Field(
        default="", description="Name beside the address."
    )
    reply_to: _Address | None = Field(
        default=None, description="Where answers go; default: the address."
    )


class Dkim(Part):
    """The signature over each message."""

    domain: _Domain = Field(description="Domain that signs: the sender's, or one above it.")
    selector: _Domain = Field(
        description="The key's name; the public key stands in DNS at SELECTOR._domainkey.DOMAIN."
    )
    private_key: Secret = Field(description="PEM of an RSA or Ed25519 key.")


class Smtp(Part):
    """A mail server."""

    host: _Host = Field(description="Name or address of the server.")
    port: Annotated[int, Field(ge=1, le=65535)] = Field(
        default=587, description="Usually 587 or 25 with starttls, 465 with tls."
    )
    tls: Literal["starttls", "tls", "none"] = Field(
        default="starttls",
        description="starttls: turn to TLS before anything else; tls: speak TLS from the start; "
        "none: no encryption, for a server on this machine or in your own network.",
    )
    username: str | None = Field(default=None, description="Login; default: none.")
    password: Secret | None = Field(
        default=None,
        description="Where the login's password is. Without TLS it is only sent to this machine itself.",
    )
    connections: Annotated[int, Field(ge=1, le=32)] = Field(
        default=2, description="Connections at the same time, for each sending process."
    )
    timeout_seconds: Annotated[float, Field(gt=0, le=600)] = Field(
        default=30.0, description="Seconds to wait for the server, for each answer."
    )
    bounce_domain: _Domain | None = Field(
        default=None, description="Domain of the return path; default: the sender's."
    )


class Sink(Part):
    """A folder that takes messages as files, for trials. Nobody is reached."""

    folder: str = Field(default="outbox", description="Folder in the workspace.")


class Channel(Definition):
    """A way to reach people. What Aimwell cannot send yet can be planned, and is refused at sending."""

    kind: Literal["channel"] = "channel"
    medium: Literal["email", "sms", "push", "webhook", "in_app", "ad_audience"] = Field(
        default="email", description="Kind of message; only email can be sent so far."
    )
    sender: Sender | None = Field(default=None, description="Needed for e-mail.")
    smtp: Smtp | None = Field(
        default=None, description="The mail server that takes messages; or else a sink."
    )
    sink: Sink | None = Field(
        default=None, description="A folder that takes messages; a trial uses one in any case."
    )
    dkim: Dkim | None = Field(default=None, description="Default: messages are not signed.")
    cost: Money = Field(default=0.0, description="Cost of one message, in the workspace currency.")
    capacity: Annotated[int, Field(ge=0)] | None = Field(
        default=None, description="Messages of one plan at most; default: no limit."
    )
    rate_per_second: Annotated[float, Field(gt=0)] | None = Field(
        default=None,
        description="Messages a second at most; default: as fast as the server takes them.",
    )
    consent_purpose: Name = Field(
        default="marketing", description="Not used yet; the campaign's `purpose` counts."
    )

    @model_validator(mode="after")
    def _consistent(self) -> Channel:
        if self.smtp is not None and self.sink is not None:
            raise ValueError("a channel sends by smtp or into a sink, not both")
        if self.medium == "email" and (self.smtp or self.sink) and self.sender is None:
            raise ValueError("an e-mail channel needs a sender with an address")
        return self
