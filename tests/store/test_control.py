"""The control database means the same on SQLite and PostgreSQL."""

from __future__ import annotations

import os
import threading
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from aimwell.errors import ControlBusyError, StorageFullError, WorkspaceError
from aimwell.store import control as control_module
from aimwell.store.column_types import Money
from aimwell.store.control import Control, insert_missing, insert_statement, upsert
from aimwell.store.schema import metadata
from child import child
from postgres import PostgresServer

META = metadata.tables["workspace_meta"]
LEASES = metadata.tables["leases"]
AUDIT = metadata.tables["audit_log"]
MESSAGES = metadata.tables["messages"]


def put(control: Control, key: str, value: str) -> None:
    with control.begin() as connection:
        upsert(connection, META, [{"key": key, "value": value}], update=("value",))


def value_of(control: Control, key: str) -> str | None:
    with control.read() as connection:
        found: str | None = connection.execute(
            sa.select(META.c.value).where(META.c.key == key)
        ).scalar()
        return found


def test_a_block_that_raises_leaves_nothing(control: Control) -> None:
    def fail() -> None:
        with control.begin() as connection:
            connection.execute(sa.insert(META).values(key="a", value="1"))
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert value_of(control, "a") is None


def test_a_reader_cannot_write(control: Control) -> None:
    def write() -> None:
        with control.read() as connection:
            connection.execute(sa.insert(META).values(key="a", value="1"))

    with pytest.raises(sa.exc.DBAPIError, match=r"readonly|read-only"):
        write()
    put(control, "a", "2")  # the same connection can write again afterwards
    assert value_of(control, "a") == "2"


def test_a_reader_sees_one_moment(control: Control) -> None:
    put(control, "a", "before")
    look = sa.select(META.c.value).where(META.c.key == "a")
    with control.read() as connection:
        first = connection.execute(look).scalar()
        put(control, "a", "after")
        assert (first, connection.execute(look).scalar()) == ("before", "before")
    assert value_of(control, "a") == "after"


def test_upsert_sets_only_the_columns_named(control: Control) -> None:
    until = datetime(2026, 1, 1, tzinfo=UTC)
    row = {"name": "x", "token": "t1", "owner": "o1", "until": until}
    with control.begin() as connection:
        upsert(connection, LEASES, [row], update=("owner",))
        upsert(connection, LEASES, [{**row, "token": "t2", "owner": "o2"}], update=("owner",))
        upsert(connection, LEASES, [], update=("owner",))
        found = connection.execute(sa.select(LEASES.c.token, LEASES.c.owner)).one()
    assert tuple(found) == ("t1", "o2")


def test_insert_missing_leaves_what_is_there(control: Control) -> None:
    put(control, "a", "old")
    with control.begin() as connection:
        insert_missing(
            connection, META, [{"key": "a", "value": "new"}, {"key": "b", "value": "new"}]
        )
        insert_missing(connection, META, [])
    assert (value_of(control, "a"), value_of(control, "b")) == ("old", "new")


def test_insert_statement_speaks_the_dialect_of_the_database(control: Control) -> None:
    statement = insert_statement(control.is_sqlite, META).on_conflict_do_nothing()
    with control.begin() as connection:
        for value in ("1", "2"):
            connection.execute(statement, {"key": "a", "value": value})
    assert value_of(control, "a") == "1"


def test_times_come_back_in_utc_to_the_microsecond(control: Control) -> None:
    zone = timezone(timedelta(hours=5, minutes=45))
    written = datetime(2026, 7, 1, 3, 4, 5, 678901, tzinfo=zone)
    with control.begin() as connection:
        connection.execute(sa.insert(LEASES).values(name="x", token="t", owner="o", until=written))
    with control.read() as connection:
        read = connection.execute(sa.select(LEASES.c.until)).scalar_one()
    assert read == written
    assert read.utcoffset() == timedelta(0)


def test_times_compare_as_times_whatever_their_zone(control: Control) -> None:
    noon = datetime(2026, 7, 1, 12, tzinfo=UTC)
    with control.begin() as connection:
        for hours in (-1, 0, 1):
            until = (noon + timedelta(hours=hours)).astimezone(timezone(timedelta(hours=-9)))
            connection.execute(
                sa.insert(LEASES).values(name=str(hours), token="t", owner="o", until=until)
            )
        later = connection.execute(
            sa.select(LEASES.c.name).where(LEASES.c.until > noon.astimezone())
        ).scalars()
        assert list(later) == ["1"]


def test_a_time_without_a_zone_is_refused(control: Control) -> None:
    naive = datetime(2026, 7, 1)  # noqa: DTZ001 - it is the wrong input
    with control.begin() as connection, pytest.raises(sa.exc.StatementError, match="no zone"):
        connection.execute(sa.insert(LEASES).values(name="x", token="t", owner="o", until=naive))


def message(number: int, cost: Decimal | None) -> dict[str, object]:
    texts = ("campaign", "plan_id", "step", "profile_id", "occurrence", "channel", "action")
    return {
        **dict.fromkeys([*texts, "state"], "x"),
        "message_id": f"m{number}",
        "profile_id": f"p{number}",
        "due_at": datetime(2026, 1, 1, tzinfo=UTC),
        "cost": cost,
    }


def test_money_is_exact_and_adds_up(control: Control) -> None:
    costs = [Decimal("12345678901234.5678"), Decimal("0.0001"), Decimal("-0.1"), None]
    with control.begin() as connection:
        connection.execute(sa.insert(MESSAGES), [message(i, cost) for i, cost in enumerate(costs)])
        back = connection.execute(sa.select(MESSAGES.c.cost).order_by(MESSAGES.c.message_id))
        assert back.scalars().all() == costs
        total = connection.execute(sa.select(sa.func.sum(MESSAGES.c.cost))).scalar()
        assert total == Decimal("12345678901234.4679")
        dear = sa.select(MESSAGES.c.message_id).where(MESSAGES.c.cost > Decimal("0.00005"))
        assert connection.execute(dear).scalars().all() == ["m0"]


@given(st.decimals(min_value=-(10**13), max_value=10**13, allow_nan=False, places=6))
def test_money_is_rounded_alike_for_both_databases(amount: Decimal) -> None:
    kind = Money()
    dialects = [sa.create_engine(url).dialect for url in ("sqlite://", "postgresql+psycopg://x/y")]
    back = {
        kind.process_result_value(kind.process_bind_param(amount, dialect), dialect)
        for dialect in dialects
    }
    assert len(back) == 1
    assert abs(back.pop() - amount) <= Decimal("0.00005")


def test_json_keeps_its_text(control: Control) -> None:
    detail = {
        "text": "Ünï 💌 \"quoted\" 'single' \\back\n",
        "big": 2**60,
        "real": 0.1,
        "none": None,
    }
    with control.begin() as connection:
        connection.execute(
            sa.insert(AUDIT).values(
                occurred_at=datetime.now(UTC), actor="a", action="b", detail=detail
            )
        )
    with control.read() as connection:
        assert connection.execute(sa.select(AUDIT.c.detail)).scalar_one() == detail


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_json_without_a_form_is_refused_by_both(control: Control, number: float) -> None:
    row = {"occurred_at": datetime.now(UTC), "actor": "a", "action": "b", "detail": {"x": number}}
    refused = pytest.raises((sa.exc.StatementError, ValueError), match="JSON")
    with control.begin() as connection, refused:
        connection.execute(sa.insert(AUDIT), row)


def test_writers_wait_for_each_other_and_lose_nothing(control: Control) -> None:
    put(control, "count", "0")

    def count_up() -> None:
        for _ in range(20):
            with control.begin() as connection:
                one = sa.select(META.c.value).where(META.c.key == "count").with_for_update()
                old = int(connection.execute(one).scalar_one())
                upsert(
                    connection, META, [{"key": "count", "value": str(old + 1)}], update=("value",)
                )

    threads = [threading.Thread(target=count_up) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert value_of(control, "count") == "160"


def test_more_threads_than_kept_connections_are_served(control: Control) -> None:
    inside = threading.Barrier(12)

    def read() -> None:
        with control.read() as connection:
            connection.execute(sa.select(META)).all()
            inside.wait(30)

    threads = [threading.Thread(target=read) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not inside.broken


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_child_takes_connections_of_its_own(control: Control) -> None:
    put(control, "a", "parent")
    pool = control.engine.pool
    pid = os.fork()
    if pid == 0:  # the child; leaves without running the tests' own endings
        try:
            good = control.engine.pool is not pool and value_of(control, "a") == "parent"
            put(control, "b", "child")
            os._exit(0 if good else 1)
        except BaseException:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    put(control, "a", "still works")
    assert (value_of(control, "a"), value_of(control, "b")) == ("still works", "child")


def test_a_locked_sqlite_is_told_as_busy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control_module, "_BUSY_MS", 50)
    control = Control(f"sqlite:///{tmp_path / 'c.sqlite3'}")
    metadata.create_all(control.engine)

    def write_inside() -> None:
        with control.begin(), control.begin():
            pass

    with pytest.raises(ControlBusyError, match="busy") as caught:
        write_inside()
    assert caught.value.retryable
    control.close()


def test_a_server_that_was_killed_is_told_as_busy_and_used_again_once_it_is_back(
    crash_postgres: PostgresServer,
) -> None:
    control = Control(crash_postgres.fresh_database())
    metadata.create_all(control.engine)
    put(control, "a", "1")
    crash_postgres.kill_hard()
    with pytest.raises(ControlBusyError, match="cannot be reached"):
        put(control, "a", "2")
    crash_postgres.start()
    assert value_of(control, "a") == "1"
    put(control, "a", "3")
    assert value_of(control, "a") == "3"
    control.close()


def test_a_full_disk_is_told_and_leaves_what_was_there(tmp_path: Path) -> None:
    control = Control(f"sqlite:///{tmp_path / 'c.sqlite3'}")
    metadata.create_all(control.engine)
    put(control, "a", "old")

    def write_much() -> None:
        with control.begin() as connection:
            connection.exec_driver_sql("PRAGMA max_page_count = 1")  # as full as SQLite can be
            upsert(
                connection, META, [{"key": k, "value": "x" * 100_000} for k in "abc"],
                update=("value",),
            )  # fmt: skip

    with pytest.raises(StorageFullError, match="Free some space"):
        write_much()
    assert value_of(control, "a") == "old"
    control.close()


def test_a_file_that_may_not_grow_is_told_as_full(tmp_path: Path) -> None:
    # The limit is of the system, in a process of its own: the same failing write as on a full disk.
    source = """
        import resource, sys
        from aimwell.errors import StorageFullError
        from aimwell.store.control import Control, upsert
        from aimwell.store.schema import metadata
        table = metadata.tables["workspace_meta"]
        control = Control(sys.argv[1])
        metadata.create_all(control.engine)
        def put(size):
            with control.begin() as connection:
                upsert(connection, table, [{"key": "a", "value": "x" * size}], update=("value",))
        put(1)
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, resource.RLIM_INFINITY))
        try:
            put(3_000_000)
        except StorageFullError as error:
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
            with control.read() as connection:
                print(len(connection.execute(table.select()).one().value), error.retryable)
            put(2)
    """
    with child(source, f"sqlite:///{tmp_path / 'c.sqlite3'}") as process:
        assert process.line() == "1 True"
        assert process.end() == 0


def test_the_session_of_the_database_is_in_utc(control: Control) -> None:
    if control.is_sqlite:
        return  # it has no zone
    with control.read() as connection:
        assert connection.execute(sa.text("SHOW TIME ZONE")).scalar() == "UTC"


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("what is this", "cannot be understood"),
        ("mysql://user@host/db", "cannot be mysql"),
        ("sqlite://", "must be a file"),
        ("sqlite:///:memory:", "must be a file"),
    ],
)
def test_a_database_that_cannot_be_used_is_refused_with_what_can(url: str, words: str) -> None:
    with pytest.raises(WorkspaceError, match=words) as caught:
        Control(url)
    assert "Allowed: sqlite" in str(caught.value)


@pytest.mark.parametrize("scheme", ["postgresql", "postgresql+psycopg2"])
def test_any_driver_of_postgresql_becomes_ours(scheme: str) -> None:
    assert Control(f"{scheme}://u:p@h/d").url.drivername == "postgresql+psycopg"


def test_those_who_open_a_new_file_first_at_once_all_get_it(tmp_path: Path) -> None:
    together, faults = threading.Barrier(3), list[BaseException]()

    def open_each() -> None:
        for number in range(60):
            opened = Control(f"sqlite+pysqlite:///{tmp_path / str(number)}.sqlite3")
            together.wait()
            try:
                with opened.begin() as connection:
                    connection.execute(sa.text("CREATE TABLE IF NOT EXISTS shelf (book TEXT)"))
            except BaseException as error:
                faults.append(error)
            opened.close()

    threads = [threading.Thread(target=open_each) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
