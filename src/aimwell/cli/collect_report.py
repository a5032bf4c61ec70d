"""The report of what became of collected rows, as the terminal shows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from zoneinfo import ZoneInfo

from aimwell.cli.context import Opened
from aimwell.collect.model import LoadReport

__all__ = ["show_absent", "show_report"]


def show_report(ws: Opened, loads: Sequence[LoadReport], absent: Sequence[str] = ()) -> None:
    """Print what became of the rows of each load, and which inputs were `absent`."""
    for load in loads:
        _show_load(ws, load)
    show_absent(ws, absent)


def show_absent(ws: Opened, absent: Sequence[str]) -> None:
    """Say which inputs were not there."""
    if absent:
        ws.output.note(
            f"There is no file for: {', '.join(absent)}. What comes from it is left out."
        )


def _show_load(ws: Opened, load: LoadReport) -> None:
    out = ws.output
    if load.state == "already_collected":
        out.heading(
            f"{load.source}, {load.what}: collected already on {load.collected_at:%Y-%m-%d %H:%M} UTC; nothing changed"
        )
        return
    out.heading(f"{load.source}, {load.what}: {load.rows_taken:,} of {load.rows_read:,} rows taken")
    numbers = [(name, number) for name, number in _numbers(load) if number]
    if numbers:
        out.table(["what", "number"], numbers)
    if load.quarantined_by_reason:
        out.table(
            ["in quarantine because of", "rows"],
            sorted(load.quarantined_by_reason.items(), key=lambda item: -item[1]),
        )
        out.say("Look at them with: aimwell collect quarantine")
    if load.first_at is not None and load.last_at is not None:
        money = f", in {', '.join(load.currencies)}" if load.currencies else ""
        zone = ZoneInfo(ws.stores.settings.timezone)
        first, last = (at.astimezone(zone) for at in (load.first_at, load.last_at))
        out.say(f"From {first:%Y-%m-%d} to {last:%Y-%m-%d}{money}.")
    gaps = {name: number for name, number in load.gaps.items() if number}
    if gaps:
        out.say(
            "Without a value: "
            + ", ".join(f"{name} {number:,}" for name, number in gaps.items())
            + "."
        )
    for words, counts in (
        ("Filled by rule", load.filled),
        ("Brought into another form, the original kept", load.standardised),
    ):
        if counts:
            shown = ", ".join(f"{name} {number:,}" for name, number in counts.items())
            out.say(f"{words}: {shown}.")
    if load.changed and load.rows_taken:
        out.note(f"Warning: {load.other_values}")
    for warning in load.warnings:
        out.note(f"Warning: {warning}")
    out.say()


def _moments_of_returns(load: LoadReport) -> list[tuple[str, int]]:
    """Said only where some order came back at several moments, each of which is a row of its own."""
    several = 0 < load.return_orders < load.returns
    return [("  their returns, each moment counted", load.returns)] if several else []


def _numbers(load: LoadReport) -> list[tuple[str, int]]:
    consents: Mapping[str, int] = load.consents
    return [
        ("rows equal to another row of the file", load.duplicates),
        ("rows known from an earlier file", load.known),
        ("rows known with other values", load.changed),
        ("rows left out by `where`", load.ignored),
        ("rows in quarantine", load.quarantined),
        ("people", load.people),
        ("orders", load.sales),
        ("orders without goods (postage, fees or adjustments only)", load.without_goods),
        ("additions to orders taken before", load.additions - load.without_goods),
        ("orders with returns or cancellations", load.return_orders or load.returns),
        *_moments_of_returns(load),
        ("lines without a customer", load.anonymous_lines),
        *[(f"consent: {name}", number) for name, number in consents.items()],
    ]
