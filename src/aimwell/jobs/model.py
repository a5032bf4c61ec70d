"""What a job is, to those who queue one and to those who run it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from aimwell.errors import JobError

__all__ = ["STATES", "Clock", "Job", "JobState", "NewJob", "checked_json", "utc_now"]

JobState = Literal["queued", "running", "done", "failed", "cancelled"]
STATES: tuple[JobState, ...] = ("queued", "running", "done", "failed", "cancelled")

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The time of this machine; the default of every `clock`."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class NewJob:
    """Work to be queued.

    Args:
        kind: Names the handler.
        payload: What the handler is given, as a JSON object; ids and settings, never personal data.
        key: While a job with this key is queued or runs, another is not queued.
        priority: Higher ones first.
        run_at: Not before; None: at once.
        attempts_max: How often it is started before it counts as failed.
    """

    kind: str
    payload: Mapping[str, Any] = field(default_factory=dict)
    key: str | None = None
    priority: int = 0
    run_at: datetime | None = None
    attempts_max: int = 5


@dataclass(frozen=True)
class Job:
    """One job as it stood when it was read. `token` proves that a worker holds it."""

    id: int
    kind: str
    payload: Mapping[str, Any]
    key: str | None
    state: JobState
    priority: int
    run_at: datetime
    attempts: int
    attempts_max: int
    cancel_requested: bool
    token: str | None = field(repr=False)
    owner: str | None
    lease_until: datetime | None
    progress_done: int
    progress_total: int | None
    progress_note: str | None
    result: Mapping[str, Any] | None
    error: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


def checked_json(value: Mapping[str, Any], what: str) -> dict[str, Any]:
    """`value` as a plain JSON object that both databases take.

    Raises:
        JobError: It holds something without a JSON form, NaN, infinity, or text with a null character.
    """
    try:
        text = json.dumps(dict(value), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise JobError(
            f"{what} cannot be kept as JSON ({error}). Allowed: text, whole and finite numbers, true, false, "
            "null, and lists and objects of these."
        ) from error
    plain: dict[str, Any] = json.loads(text)
    if any(_is_broken(piece) for piece in _texts(plain)):
        raise JobError(
            f"{what} holds text with a null character or half a character. Leave it out."
        )
    return plain


def _texts(value: Any) -> Iterator[str]:
    """Every text in a JSON value, names of fields too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, item in value.items():
            yield name
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


def _is_broken(text: str) -> bool:
    """Whether PostgreSQL (null characters) or any database (lone surrogates) refuses the text."""
    return "\x00" in text or any("\ud800" <= character <= "\udfff" for character in text)
