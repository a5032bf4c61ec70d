"""Of a failure is kept what helps, and never what it was about."""

from __future__ import annotations

import re
import smtplib
import sqlite3
from collections.abc import Callable

import psycopg
import pytest
import sqlalchemy as sa

from aimwell.errors import (
    AimwellError,
    DeliverError,
    JobError,
    LeaseBusyError,
    QueryError,
    StorageFullError,
)
from aimwell.jobs.failures import describe, is_retryable
from aimwell.store.sql import sql

SECRET = "ann@example.com"


def database_error(kind: type[sa.exc.DBAPIError], **rest: bool) -> sa.exc.DBAPIError:
    return kind(f"INSERT … {SECRET}", {"email": SECRET}, sqlite3.OperationalError(SECRET), **rest)


@pytest.mark.parametrize(
    ("error", "again"),
    [
        (StorageFullError("x"), True),
        (LeaseBusyError("x"), True),
        (QueryError("x"), False),
        (DeliverError("x"), False),
        (AimwellError("x"), False),
        (ConnectionResetError("x"), True),
        (TimeoutError("x"), True),
        (OSError(28, "x"), True),
        (FileNotFoundError("x"), False),
        (PermissionError("x"), False),
        (IsADirectoryError("x"), False),
        (database_error(sa.exc.OperationalError), True),
        (database_error(sa.exc.InterfaceError), True),
        (database_error(sa.exc.ProgrammingError, connection_invalidated=True), True),
        (database_error(sa.exc.IntegrityError), False),
        (database_error(sa.exc.ProgrammingError), False),
        (sa.exc.TimeoutError("x"), True),
        (ValueError("x"), False),
        (KeyError("x"), False),
        (MemoryError(), False),
        (psycopg.DataError("x"), False),
    ],
)
def test_what_may_pass_is_tried_again_and_the_rest_is_not(
    error: BaseException, again: bool
) -> None:
    assert is_retryable(error) is again


def caught(action: Callable[[], object]) -> BaseException:
    try:
        action()
    except BaseException as error:
        return error
    raise AssertionError("it raised nothing")


def choke() -> None:
    int(SECRET)


def choke_later() -> None:
    try:
        choke()
    except ValueError as error:
        raise RuntimeError(f"cannot send to {SECRET}") from error


def refuse() -> None:
    raise smtplib.SMTPRecipientsRefused({SECRET: (550, b"unknown")})


@pytest.mark.parametrize("action", [choke, choke_later, refuse, lambda: {}[SECRET]])
def test_errors_of_others_are_kept_by_type_and_place_only(action: Callable[[], object]) -> None:
    told = describe(caught(action))
    assert SECRET not in told
    assert "test_failures.py" in told


def test_the_place_is_the_innermost_line_of_ours() -> None:
    inside = describe(caught(lambda: sql(None)))  # type: ignore[arg-type]
    assert " at aimwell/store/sql.py:" in inside
    assert re.search(r":\d+ in _parse$", inside)


def test_errors_of_ours_are_kept_with_their_words() -> None:
    assert describe(JobError("There is no job 7.")) == "JobError: There is no job 7."


def test_what_a_database_cannot_keep_is_left_out() -> None:
    assert describe(JobError("null \0 half \ud83d whole 💌")) == "JobError: null  half ? whole 💌"


def test_a_long_message_is_cut() -> None:
    assert len(describe(JobError("x" * 10_000))) == 2000
    assert describe(JobError("x" * 10_000)).endswith("…")


def test_an_error_that_was_never_raised_has_no_place() -> None:
    assert describe(ValueError(SECRET)) == "ValueError at an unknown place"
