"""Features of a firm's own, as a Python function over Arrow tables that end at the moment.

A function lies in a file of the workspace's folder `features` and nowhere else; the file's hash belongs to what a model learnt. It is
called as `function(tables, as_of)` with a `pyarrow.Table` for each table asked for and gives a `pyarrow.Table` of `profile_id` and
numbers. It runs in a process of its own that knows no keys and is stopped when its time is over. What it gives of a person may hang on
that person's rows, and on tables that are of nobody, as products; so it is the same among few people and among all.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from sqlglot import exp

from aimwell.definitions.kinds.feature import Feature
from aimwell.errors import FunctionChangedError, PredictError
from aimwell.history.moment import Moment, columns_left_out
from aimwell.predict.feature_process import ASKED, FAILED, FOUND
from aimwell.store.sql import column, identifier, sql
from aimwell.store.stores import Stores

__all__ = ["FOLDER", "OwnFunction", "changed_functions", "function_rows", "own_function"]

FOLDER = "features"
"""Of the workspace: where the files of functions lie."""

# What a process needs to start; keys and passwords of the environment are not the function's business.
_ENVIRONMENT = frozenset(
    ["PATH", "LANG", "LC_ALL", "TZ", "TMPDIR", "TEMP", "TMP", "SYSTEMROOT", "LD_LIBRARY_PATH"]
)
_ENVIRONMENT |= {"OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"}
_HEX = 256


@dataclass(frozen=True, slots=True)
class OwnFunction:
    """One number of a function, as a model keeps it.

    Args:
        function: Module and name, as `shop_features:basket_entropy`.
        source: SHA-256 of the module's file.
        tables, numbers, buckets: As the definition says.
        number: Which of the numbers.
    """

    function: str
    source: str
    tables: tuple[str, ...]
    numbers: tuple[str, ...]
    number: str
    buckets: int = 1

    @classmethod
    def of_settings(cls, given: Mapping[str, Any]) -> OwnFunction:
        """As `settings` gives it."""
        lists = {name: tuple(given[name]) for name in ("tables", "numbers")}
        return cls(**{**given, **lists})

    def settings(self) -> dict[str, Any]:
        """Plain values."""
        return json.loads(json.dumps(asdict(self)))  # type: ignore[no-any-return]


def own_function(stores: Stores, wanted: Feature, number: str | None) -> OwnFunction:
    """The function of a definition as its file is now, for one of its numbers (None: the only one).

    Raises:
        PredictError: It is not allowed or not there, or gives no such number.
    """
    assert wanted.function is not None  # noqa: S101 - the caller asks for functions only
    if number is None and len(wanted.numbers) > 1:
        named = ", ".join(f"{wanted.name}.{one}" for one in wanted.numbers)
        raise PredictError(f"The feature '{wanted.name}' gives several numbers; name one: {named}.")
    if number is not None and number not in wanted.numbers:
        raise PredictError(
            f"The feature '{wanted.name}' gives no '{number}'; it gives {', '.join(wanted.numbers)}."
        )
    source = sha256(_file(stores, wanted.function).read_bytes()).hexdigest()
    return OwnFunction(
        wanted.function,
        source,
        wanted.tables,
        wanted.numbers,
        number or wanted.numbers[0],
        wanted.buckets,
    )


def changed_functions(stores: Stores, own: Mapping[str, Any]) -> tuple[str, ...]:
    """Names of the own features of a model whose function is not the one that it learnt from, or is not there."""
    found = []
    for name, given in own.items():
        if isinstance(given, Mapping):
            try:
                _unchanged(stores, OwnFunction.of_settings(given))
            except PredictError:
                found.append(name)
    return tuple(found)


def function_rows(moment: Moment, wanted: OwnFunction) -> exp.Table:
    """What the function gives, computed once a session: profile_id and its numbers, a row a person at most.

    Raises:
        FunctionChangedError: Its file has changed since.
        PredictError: It is not allowed, fails, takes too long, or gives what is no table of numbers of people who are known.
    """
    path = _unchanged(moment.stores, wanted)
    name = f"own {wanted.function} {','.join(wanted.tables)} {','.join(wanted.numbers)}"
    bound = f"{name} rows"

    def computed() -> exp.Expr:
        moment.bind_profiles()
        parts = [_one_bucket(moment, wanted, path, bucket) for bucket in range(wanted.buckets)]
        moment.session.bind(bound, pa.concat_tables(parts))
        return exp.select("*").from_(exp.Table(this=identifier(bound)))

    table = moment.materialised(name, computed)
    _check_people(moment, wanted, table)
    return table


def _unchanged(stores: Stores, wanted: OwnFunction) -> Path:
    path = _file(stores, wanted.function)
    if sha256(path.read_bytes()).hexdigest() != wanted.source:
        raise FunctionChangedError(
            f"The function {wanted.function} has changed since the model learnt from it, so its numbers may mean something else. "
            f"Train the model anew, or put the file {FOLDER}/{path.name} back as it was."
        )
    return path


def _file(stores: Stores, function: str) -> Path:
    """The file of a function's module. Raises PredictError."""
    if not stores.settings.own_functions:
        raise PredictError(
            f"The function {function} may not run: own functions are not allowed here. To allow them, set own_functions = true under "
            "[predict] in aimwell.toml (or AIMWELL_OWN_FUNCTIONS); they run with the rights of Aimwell's process."
        )
    module = function.partition(":")[0]
    folder = (stores.root / FOLDER).resolve()
    path = folder / f"{module}.py"
    if not path.is_file():
        raise PredictError(
            f"There is no file {FOLDER}/{module}.py in the workspace. Write the function there."
        )
    if path.resolve() != path:
        raise PredictError(
            f"{FOLDER}/{module}.py points out of the folder. Put the file itself there."
        )
    return path


def _one_bucket(moment: Moment, wanted: OwnFunction, path: Path, bucket: int) -> pa.Table:
    with TemporaryDirectory(prefix="aimwell-feature-") as made:
        folder = Path(made)
        for table in wanted.tables:
            _write(moment, table, folder / f"{table}.arrow", _of_bucket(wanted.buckets, bucket))
        module, _, name = wanted.function.partition(":")
        asked = {
            "path": str(path),
            "module": module,
            "function": name,
            "source": wanted.source,
            "tables": wanted.tables,
            "as_of": moment.as_of.isoformat(),
        }
        (folder / ASKED).write_text(json.dumps(asked), encoding="utf-8")
        _run(wanted, folder, moment.stores.settings.own_code_seconds)
        with pa.memory_map(str(folder / FOUND)) as source:
            return _numbers(wanted, pa.ipc.open_file(source).read_all())


def _of_bucket(buckets: int, bucket: int) -> exp.Expr | None:
    """Whose rows are those of the bucket; None: everybody's."""
    if buckets == 1:
        return None
    starts = [f"{one:02x}" for one in range(_HEX) if one % buckets == bucket]
    return sql("substr(md5(profile_id), 1, 2) IN :starts", starts=starts)


def _write(moment: Moment, table: str, path: Path, whose: exp.Expr | None) -> None:
    """A table of the moment as a file of Arrow, in an order that is always the same."""
    if table == "profiles":
        moment.bind_profiles()
    source = exp.Table(this=identifier(table))
    names = moment.session.table(exp.select("*").from_(source).limit(0)).column_names
    names = [one for one in names if one not in columns_left_out(table)]
    query = exp.select(*(column(one) for one in names)).from_(source)
    if "profile_id" in names:
        query = query.where(sql("profile_id IS NOT NULL"))
        if whose is not None:
            query = query.where(whose)
    if table == "traits":
        query = query.where(sql("NOT name IN (SELECT name FROM special_traits)"))
    query = query.order_by(*(column(one) for one in _first_the_person(names)))
    reader = moment.session.batches(query)
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, reader.schema) as file:
        for batch in reader:
            file.write_batch(batch)


def _first_the_person(names: Sequence[str]) -> Iterator[str]:
    yield from (one for one in names if one == "profile_id")
    yield from (one for one in names if one != "profile_id")


def _run(wanted: OwnFunction, folder: Path, seconds: int) -> None:
    kept = {name: value for name, value in os.environ.items() if name in _ENVIRONMENT}
    with subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-I", "-m", "aimwell.predict.feature_process", str(folder)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=folder,
        env=kept,
        start_new_session=True,
    ) as process:
        try:
            ended = process.wait(seconds)
        except BaseException as error:
            # With whatever it has started: it is a session of its own.
            os.killpg(process.pid, signal.SIGKILL)
            if not isinstance(error, subprocess.TimeoutExpired):
                raise
            raise PredictError(
                f"The function {wanted.function} took longer than {seconds} seconds and was stopped. Make it faster, let it look at less, "
                "give it people in parts (`buckets`), or raise own_code_seconds under [predict] in aimwell.toml."
            ) from None
    if ended == 0 and (folder / FOUND).is_file():
        return
    failed = folder / FAILED
    if not failed.is_file():
        raise PredictError(
            f"The function {wanted.function} ended its process ({ended}) and gave nothing. If memory ran out, give it people in parts: `buckets` "
            "in its definition."
        )
    told = json.loads(failed.read_text(encoding="utf-8"))
    line = f", line {told['line']}" if told["line"] else ""
    file = f"{FOLDER}/{wanted.function.partition(':')[0]}.py"
    raise PredictError(
        f"The function {wanted.function} fails ({file}{line}): {told['error']}: {told['told']}"
    )


def _numbers(wanted: OwnFunction, found: pa.Table) -> pa.Table:
    """The columns that it must give, numbers as doubles."""
    needed = ["profile_id", *wanted.numbers]
    if sorted(found.column_names) != sorted(needed):
        raise PredictError(
            f"The function {wanted.function} gives the columns {', '.join(found.column_names) or 'none'}; it must give {', '.join(needed)}."
        )
    columns = [_ids(wanted, found.column("profile_id"))]
    for name in wanted.numbers:
        given = found.column(name)
        kind = given.type
        if not (
            pa.types.is_integer(kind)
            or pa.types.is_floating(kind)
            or pa.types.is_decimal(kind)
            or pa.types.is_boolean(kind)
            or pa.types.is_null(kind)
        ):
            raise PredictError(
                f"The function {wanted.function} gives '{name}' as {kind}; it must be a number."
            )
        number = given.cast(pa.int8()) if pa.types.is_boolean(kind) else given
        number = number.cast(pa.float64(), safe=False)
        odd = pc.sum(pc.invert(pc.is_finite(number))).as_py() or 0
        if odd:
            raise PredictError(
                f"The function {wanted.function} gives {odd:,} people infinity or no number as '{name}'. Give null where there is no value."
            )
        columns.append(number)
    return pa.table(columns, names=needed)


def _ids(wanted: OwnFunction, given: pa.ChunkedArray) -> pa.ChunkedArray:
    kind = given.type
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)) or given.null_count:
        raise PredictError(
            f"The function {wanted.function} must give profile_id as text without nulls, as its tables have it."
        )
    return given.cast(pa.string())


def _check_people(moment: Moment, wanted: OwnFunction, table: exp.Table) -> None:
    ((rows, people, unknown),) = moment.session.rows(
        sql(
            """
            SELECT count(*) AS n, count(DISTINCT o.profile_id) AS people,
                   count(CASE WHEN p.profile_id IS NULL THEN 1 END) AS unknown
            FROM :own AS o LEFT JOIN profiles AS p ON p.profile_id = o.profile_id
            """,
            own=table,
        )
    )
    if rows != people:
        raise PredictError(
            f"The function {wanted.function} gives {rows:,} rows of {people:,} people. It must give a row a person at most."
        )
    if unknown:
        raise PredictError(
            f"The function {wanted.function} gives rows of {unknown:,} people who are not known at the moment. Take profile_id from its "
            "tables as it is."
        )
