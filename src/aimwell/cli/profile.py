"""`aimwell profile`: one person's whole page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

from aimwell.cli.context import JsonOption, WorkspaceOption, opened
from aimwell.cli.output import Output, digits
from aimwell.people.model import ComputedValue, ProfilePage
from aimwell.people.service import profile_page

__all__ = ["profile"]

_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def profile(
    who: Annotated[
        str, typer.Argument(help="Profile id, customer id, e-mail address or telephone number.")
    ],
    reveal: Annotated[
        bool, typer.Option("--reveal", help="Show personal data; the audit log records it.")
    ] = False,
    limit: Annotated[
        int, typer.Option("--limit", min=0, help="Lines of the time-line at most.")
    ] = 30,
    since: Annotated[
        str | None,
        typer.Option("--since", help="Only what happened from this day or time on, as 2026-11-01."),
    ] = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what is known of one person, and what happened. Personal data is masked unless --reveal."""
    with opened(workspace, as_json=as_json) as ws:
        page = profile_page(
            ws.stores,
            who,
            now=ws.now,
            by=ws.by,
            reveal=reveal,
            limit=limit,
            since=ws.moment(since),
        )
        if as_json:
            ws.output.json(page)
            return
        zone = ZoneInfo(ws.stores.settings.timezone)
        for show in (_head, _known, _around, _worked_out, _contact, _places, _timeline):
            show(ws.output, page, zone, ws.stores.settings.currency)


def _head(output: Output, page: ProfilePage, zone: ZoneInfo, _currency: str) -> None:
    output.heading(f"Profile {page.profile_id}")
    lived = (
        f"First seen {_day(page.first_seen_at, zone)}, last seen {_day(page.last_seen_at, zone)}"
    )
    output.say(
        f"{lived}, {page.orders:,} order{'' if page.orders == 1 else 's'}{f', in {page.timezone}' if page.timezone else ''}."
    )
    if page.visitor:
        output.say("A visitor: nothing is known of them but that they were shown pages.")
    if page.recency_overall is not None:
        kinds = ", ".join(f"{_words(kind)} {score:.2f}" for kind, score in page.recency.items())
        output.say(f"How fresh it is, 0 to 1: {page.recency_overall:.2f} ({kinds}).")
    output.say()
    identity = page.identity
    counts = ", ".join(f"{number} {_words(kind)}" for kind, number in identity.identifiers.items())
    output.heading("Identity")
    joined = f" joined by {', '.join(identity.joined_by)}" if identity.joined_by else ""
    plural = "identity" if len(identity.origins) == 1 else "identities"
    output.say(f"{len(identity.origins)} {plural}{joined}; identifiers: {counts or 'none'}.")
    if identity.household is not None and identity.household > 1:
        output.say(f"Lives in a household of {identity.household} people.")
    for account, role in identity.accounts:
        output.say(f"Belongs to the account {account}{f' as {role}' if role else ''}.")
    written = any(one.written is not None for one in page.personal)
    _table(
        output,
        [
            "personal",
            "" if page.revealed else "masked",
            *(["as it was written"] if written else []),
            "source",
            "since",
            "fresh",
        ],
        [
            (
                _words(one.name),
                one.value or "(not readable)",
                *([one.written or ""] if written else []),
                one.source or "",
                "" if one.since is None else _day(one.since, zone),
                _share(one.recency),
            )
            for one in page.personal
        ],
    )
    output.say()


def _known(output: Output, page: ProfilePage, zone: ZoneInfo, _currency: str) -> None:
    if not page.traits:
        return
    output.heading("What sources say")
    rows, before = [], ""
    for one in page.traits:
        kind = "" if one.data == before else _words(one.data)
        before = one.data
        rows.append(
            (
                kind,
                one.name,
                one.value,
                one.source if one.filled is None else f"{one.source}, filled: {one.filled}",
                _day(one.since, zone),
                f"{one.confidence:.2f}",
                f"{one.recency:.2f}",
            )
        )
    _table(output, ["kind", "trait", "value", "source", "since", "sure", "fresh"], rows)
    output.say()


def _around(output: Output, page: ProfilePage, zone: ZoneInfo, _currency: str) -> None:
    if not page.surroundings:
        return
    output.heading("What outside data say")
    rows = [
        (
            f"{one.dimension} {one.key}",
            _words(one.name),
            one.value,
            one.source,
            _day(one.since, zone),
            f"{one.recency:.2f}",
        )
        for one in page.surroundings
    ]
    _table(output, ["of", "what", "value", "source", "since", "fresh"], rows)
    output.say()


def _worked_out(output: Output, page: ProfilePage, zone: ZoneInfo, currency: str) -> None:
    output.heading("What is worked out")
    if not page.computed:
        output.say("Nothing yet. Run: aimwell unify")
    known = [one for one in page.computed if one.missing is None]
    rows, before = [], ""
    for one in sorted(known, key=lambda one: one.data):
        kind = "" if one.data == before else _words(one.data)
        before = one.data
        rows.append((kind, _words(one.name), _computed(one, zone, currency)))
    _table(output, ["kind", "figure", "value"], rows)
    missing: dict[str, list[str]] = {}
    for one in page.computed:
        if one.missing is not None:
            missing.setdefault(one.missing, []).append(_words(one.name))
    for reason, names in missing.items():
        output.say(f"Undefined, {reason}: {', '.join(names)}.")
    output.say()


def _contact(output: Output, page: ProfilePage, zone: ZoneInfo, _currency: str) -> None:
    output.heading("May they be contacted?")
    _table(
        output,
        ["purpose", "channel", "answer", "since", "may"],
        [
            (
                one.purpose,
                one.channel,
                one.state,
                "–" if one.since is None else _day(one.since, zone),
                "yes" if one.refusal is None else f"no: {one.refusal}",
            )
            for one in page.permissions
        ],
    )
    if page.consents:
        output.say()
        _table(
            output,
            ["consent", "channel", "answer", "when", "basis", "source"],
            [
                (a.purpose, a.channel, a.state, _time(a.occurred_at, zone), a.basis, a.source)
                for a in page.consents
            ],
        )
    output.say()


def _places(output: Output, page: ProfilePage, zone: ZoneInfo, _currency: str) -> None:
    if page.segments:
        output.heading("Segments")
        _table(
            output,
            ["segment", "since"],
            [(one.segment, _day(one.since, zone)) for one in page.segments],
        )
        output.say()
    if page.scores:
        output.heading("Scores")
        _table(
            output,
            ["model", "version", "score", "from", "to", "as of", "days ahead"],
            [
                (
                    one.model,
                    one.version,
                    _number(one.score),
                    _number(one.lower),
                    _number(one.upper),
                    _day(one.as_of, zone),
                    one.horizon_days,
                )
                for one in page.scores
            ],
        )
        output.say()
    if page.plans:
        output.heading("Plans")
        _table(
            output,
            ["campaign", "planned", "arm", "what, or why not"],
            [
                (
                    f"{one.campaign}{' (trial)' if one.trial else ''}",
                    _day(one.planned_at, zone),
                    one.arm,
                    one.action
                    or one.excluded
                    or ("passed over" if one.arm == "passed" else "held out"),
                )
                for one in page.plans
            ],
        )
        output.say()
    if page.messages:
        output.heading("Messages")
        _table(
            output,
            ["campaign", "channel", "due", "state", "why"],
            [
                (one.campaign, one.channel, _time(one.due_at, zone), one.state, one.reason or "")
                for one in page.messages
            ],
        )
        output.say()


def _timeline(output: Output, page: ProfilePage, zone: ZoneInfo, _currency: str) -> None:
    output.heading("What happened, newest first")
    _table(
        output,
        ["when", "kind", "what", ""],
        [(_time(one.at, zone), one.kind, one.what, one.detail) for one in page.timeline],
    )
    if not page.happenings:
        output.say("Nothing.")
    elif page.happenings > len(page.timeline):
        output.say(
            f"{len(page.timeline):,} of {page.happenings:,}. For more: --limit {page.happenings}"
        )


def _table(output: Output, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    if rows:
        output.table(columns, rows)


def _computed(one: ComputedValue, zone: ZoneInfo, currency: str) -> str:
    """A figure with its unit, as people say it."""
    value = one.value
    if one.unit == "time":
        return _time(value, zone)
    if one.unit == "money":
        return f"{currency} {value:,.2f}"
    if one.unit == "share":
        return f"{value:.0%}"
    if one.unit == "hour":
        return f"{value}:00–{value}:59"
    if one.unit == "weekday":
        return _WEEKDAYS[value - 1]
    if one.unit == "seconds":
        return " ".join(_span(value))
    if one.unit == "days":
        return f"{value:,.1f} days"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _span(seconds: float) -> Iterator[str]:
    hours, rest = divmod(round(seconds), 3600)
    minutes, left = divmod(rest, 60)
    if hours:
        yield f"{hours:,} h"
    if minutes or hours:
        yield f"{minutes} min"
    if not hours:
        yield f"{left} s"


def _number(value: float | None) -> str:
    return "–" if value is None else digits(value)


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _words(name: str) -> str:
    words = name.replace("_", " ")
    for unit in (" at", " seconds", " days"):  # told beside the figure
        words = words.removesuffix(unit)
    return words


def _day(moment_: datetime, zone: ZoneInfo) -> str:
    return f"{moment_.astimezone(zone):%Y-%m-%d}"


def _time(moment_: datetime, zone: ZoneInfo) -> str:
    return f"{moment_.astimezone(zone):%Y-%m-%d %H:%M}"
