"""What goes on in the workspace: clock, leases, jobs, and what channels need to send."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import sqlalchemy as sa

from aimwell.cli.doctor.finding import Finding, fault, fine, warning
from aimwell.collect.health import ALERTS, defined_sources, health_of
from aimwell.definitions import service as definitions
from aimwell.definitions.kinds.channel import Channel, Secret
from aimwell.deliver.dkim import DkimSigner
from aimwell.deliver.switches import sending_is_on
from aimwell.errors import AimwellError
from aimwell.jobs.service import open_jobs
from aimwell.jobs.watching import START
from aimwell.privacy.secrets import read_secret
from aimwell.segment.membership.active import too_many
from aimwell.segment.membership.chronicle import segment_lines
from aimwell.segment.membership.standing import ALERTS as SEGMENT_ALERTS
from aimwell.store.nodes import nodes
from aimwell.store.processes import process_is_gone
from aimwell.store.schema import metadata
from aimwell.store.stores import Stores

__all__ = [
    "check_channels",
    "check_clock",
    "check_inboxes",
    "check_jobs",
    "check_leases",
    "check_segments",
    "check_sources",
    "check_switch",
]

_audit = metadata.tables["audit_log"]
_jobs = metadata.tables["jobs"]
_leases = metadata.tables["leases"]
_SLACK = timedelta(seconds=5)
_SILENT = timedelta(minutes=10)


def check_inboxes(stores: Stores, *, now: datetime) -> Iterator[Finding]:
    """Whether each machine with an inbox still carries its messages into the lake."""
    for one in nodes(stores.control):
        if one.segments and now - one.seen_at > _SILENT:
            yield warning(
                "inboxes",
                f"Tracking messages wait in the inbox of {one.host}, which has said nothing since "
                f"{one.seen_at:%Y-%m-%d %H:%M} UTC.",
                "Start aimwell serve or aimwell collect flush there; nobody else can read that inbox.",
            )


def check_clock(stores: Stores, *, now: datetime) -> Finding:
    """Whether this machine's clock agrees with the database's, and with what was noted before."""
    with stores.read_control() as connection:
        noted = [
            connection.execute(sa.select(sa.func.max(column))).scalar()
            for column in (_audit.c.occurred_at, _jobs.c.created_at, _jobs.c.finished_at)
        ]
        theirs = None if stores.control.is_sqlite else connection.execute(sa.func.now()).scalar()
    newest = max((at for at in noted if at is not None), default=now)
    told = ""
    if theirs is not None and abs(theirs - now) > _SLACK:
        told = f"It says {now:%Y-%m-%d %H:%M:%S} UTC, the control database's {theirs:%Y-%m-%d %H:%M:%S %Z}."
    elif newest > now + _SLACK:
        told = (
            f"It says {now:%Y-%m-%d %H:%M:%S} UTC, but something was noted at {newest:%Y-%m-%d %H:%M:%S} UTC, "
            "which is later."
        )
    if told:
        return fault(
            "clock",
            told,
            "Set the clocks of all machines by a time server (timedatectl set-ntp true). Leases, schedules and "
            "quiet hours go by them.",
        )
    return fine("clock", f"{now:%Y-%m-%d %H:%M:%S} UTC.")


def check_leases(stores: Stores, *, now: datetime) -> Iterator[Finding]:
    """Whether somebody holds a lease who will never give it back by itself."""
    with stores.read_control() as connection:
        held = connection.execute(sa.select(_leases)).all()
    longest = timedelta(seconds=10 * stores.settings.lease_seconds)
    stuck = False
    for one in held:
        if one.until > now + longest:
            stuck = True
            yield fault(
                "leases",
                f"'{one.name}' is held until {one.until:%Y-%m-%d %H:%M} UTC, longer than any process asks for.",
                "Set the clock of the machine that holds it. It ends by itself then.",
            )
        elif one.until < now - longest and not process_is_gone(one.owner):
            stuck = True
            yield warning(
                "leases",
                f"'{one.name}' has not been renewed since {one.until:%Y-%m-%d %H:%M} UTC, and its process "
                f"({one.owner.split('/')[-2]}) may be halted.",
                "Nobody has to wait for it. Look whether that process still should run.",
            )
    if not stuck:
        yield fine("leases", f"{len(held)} known, none stuck.")


def check_jobs(stores: Stores) -> Iterator[Finding]:
    """Alerts that are open, and work that nobody takes."""
    jobs = open_jobs(stores)
    told = {one.key for one in jobs.alerts.all()}
    # How sources and segments stand is looked at anew below, also where no worker tells alerts.
    found = [one for one in jobs.troubles() if not one.key.startswith((ALERTS, SEGMENT_ALERTS))]
    for one in found:
        if one.key not in told:
            # A schedule that nobody fires holds nothing up by itself; the work of somebody who waits does.
            kind = warning if one.key.startswith("schedule:") else fault
            yield kind("jobs", one.message.removesuffix(START).strip(), f"{START} (and keep one)")
        else:
            yield warning(
                "jobs",
                one.message,
                f"Put it right, then: aimwell jobs retry ID, or aimwell jobs alerts acknowledge {one.key}",
            )
    if not found:
        waiting = jobs.queue.counts()
        yield fine(
            "jobs", f"{waiting['queued']:,} wait, {waiting['running']:,} run, none is stuck."
        )


def check_sources(stores: Stores, *, now: datetime) -> Iterator[Finding]:
    """Whether sources come in time, whole, and as before."""
    sources = [one for one in defined_sources(stores) if one.tracking is None]
    well = 0
    for source in sources:
        troubles = health_of(stores, source, now=now).troubles
        well += not troubles
        for one in troubles:
            yield warning(
                "sources",
                one.message,
                f"Look at it with: aimwell collect status, aimwell get source {one.source}",
            )
    if sources and well == len(sources):
        yield fine("sources", f"{well} written down, all well.")


def check_segments(stores: Stores) -> Iterator[Finding]:
    """Whether segments can be computed, and are not too many."""
    lines = segment_lines(stores)
    failing = [one for one in lines if one.state == "failing"]
    for one in failing:
        yield warning(
            "segments",
            f"'{one.segment}' cannot be computed since {one.failing_since:%Y-%m-%d %H:%M} UTC, and keeps its "
            f"{one.members or 0:,} members: {one.failure}",
            f"Look at it with: aimwell get segment {one.segment} -o yaml; then apply it again, mended.",
        )
    told = too_many([one.segment for one in lines if one.active])
    if told:
        yield warning("segments", told, "See which with: aimwell segment list")
    if lines and not failing and not told:
        yield fine("segments", f"{len(lines)} defined, none fails.")


def check_switch(stores: Stores) -> Iterator[Finding]:
    """Whether somebody switched all sending off."""
    with stores.read_control() as connection:
        if sending_is_on(connection):
            return
    yield warning(
        "sending",
        "All sending is switched off.",
        "Switch it on again with: aimwell deliver start-all",
    )


def check_channels(stores: Stores) -> Iterator[Finding]:
    """Whether channels find their secrets, sign for their sender's domain, and links reach the server."""
    names = [name for _kind, name in definitions.names(stores.control, "channel")]
    faulty = False
    real = False
    for name in names:
        channel = definitions.find(stores.control, Channel, name)
        real = real or channel.smtp is not None
        for found in _channel(stores, channel):
            faulty = True
            yield found
    if real and stores.settings.public_url is None:
        faulty = True
        yield warning(
            "channels",
            f"Links in messages lead to {stores.settings.base_url}, which recipients do not reach.",
            "Set public_url in aimwell.toml to the address under which `aimwell serve` is reached from outside.",
        )
    if not faulty:
        yield fine("channels", f"{len(names)} defined; what they name is there.")


def _channel(stores: Stores, channel: Channel) -> Iterator[Finding]:
    if channel.smtp is not None and channel.smtp.password is not None:
        yield from _secret(stores, channel, channel.smtp.password)
    if channel.smtp is None or channel.sender is None:
        return
    domain = channel.sender.address.rpartition("@")[2].lower()
    if channel.dkim is None:
        yield warning(
            "channels",
            f"Messages of '{channel.name}' are not signed; large mailbox providers refuse such from {domain}.",
            "Give the channel dkim: {domain, selector, private_key}, unless the mail server signs.",
        )
        return
    lacking = list(_secret(stores, channel, channel.dkim.private_key))
    yield from lacking
    if lacking:
        return
    signer = channel.dkim.domain.lower()
    try:
        DkimSigner(
            domain=signer,
            selector=channel.dkim.selector,
            private_key_pem=read_secret(stores, channel.dkim.private_key),
        )
    except AimwellError as error:
        yield fault("channels", f"The signing key of '{channel.name}': {error}", _STORE_KEY)
    if domain != signer and not domain.endswith(f".{signer}"):
        yield warning(
            "channels",
            f"'{channel.name}' sends as {domain} and signs for {signer}; receivers do not count that.",
            f"Sign for {domain}.",
        )


_STORE_KEY = "Store the PEM of an RSA or Ed25519 key: aimwell secret set NAME < key.pem"


def _secret(stores: Stores, channel: Channel, secret: Secret) -> Iterator[Finding]:
    try:
        read_secret(stores, secret)
    except AimwellError as error:
        where = " in this shell" if secret.env else ""
        yield fault(
            "channels",
            f"A secret of '{channel.name}' is missing{where}. {error}",
            "The processes that send (aimwell deliver run, aimwell run) need it."
            if secret.env
            else f"Store it: aimwell secret set {secret.stored}",
        )
