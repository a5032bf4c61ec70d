"""Picks what an entity's mapping names out of its file and the files joined to it.

After `bind_rows` the session has `picked`: one row for each row of the entity's file, with `n`, `bad`, whether
`where` holds (`kept`), whether each required join found something (`unmatched`), and each mapped value as text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlglot import exp

from aimwell.collect.desk import Desk
from aimwell.collect.dialect import looks_like_data
from aimwell.collect.expressions import compile_expression, compile_text
from aimwell.collect.files import no_header
from aimwell.collect.json_paths import has_path, pointer
from aimwell.collect.raw import RawTable
from aimwell.definitions.kinds.source import Entity, Join, Source
from aimwell.definitions.source_values import Value
from aimwell.errors import MappingError, nearest
from aimwell.store.sql import column, identifier, sql

__all__ = ["PICKED", "Bound", "bind_rows"]

PICKED = "picked"
_THERE = "there"
"""Name of the view or table of the session."""

Key = int | tuple[str, ...]
"""A column by its number, or keys inside JSON lines."""


@dataclass
class _Wanted:
    """What is wanted of one raw table, each thing once; its place in the list names it."""

    raw: RawTable
    keys: list[Key] = field(default_factory=list)

    def place(self, key: Key) -> int:
        if key not in self.keys:
            self.keys.append(key)
        return self.keys.index(key)


@dataclass(frozen=True)
class Bound:
    """What was picked: `names` are the columns of PICKED beside `n`, `bad`, `kept` and `unmatched`."""

    names: tuple[str, ...]
    warnings: tuple[str, ...]


def bind_rows(
    desk: Desk,
    source: Source,
    entity: Entity,
    raw: Mapping[str, RawTable],
    values: Mapping[str, Value],
) -> Bound:
    """Bind PICKED for an entity.

    Args:
        desk: With the session.
        source: The definition.
        entity: One of its entities.
        raw: Its files, read.
        values: Name of a column of PICKED → where its value comes from.

    Raises:
        MappingError: Columns that the mapping names are not in the files; names them all.
    """
    picker = _Picker(desk, source, entity, raw)
    columns = [exp.alias_(picker.value(v, name), name, quoted=True) for name, v in values.items()]
    kept = picker.condition(entity.where)
    joins = [picker.join(join) for join in entity.join]
    picker.refuse_missing()
    query = picker.query(columns, kept, joins)
    if entity.join or raw[source.file_of(entity)].format == "jsonl":
        desk.session.materialise(PICKED, query)
    else:
        desk.session.bind(PICKED, query)
    return Bound(tuple(values), tuple(picker.warnings))


@dataclass(frozen=True)
class _Lookup:
    join: Join
    on: list[tuple[exp.Expr, int]]
    alias: str
    among: exp.Expr | None = None


class _Picker:
    """Finds columns by name among the entity's file (`main`) and the joined ones."""

    def __init__(
        self, desk: Desk, source: Source, entity: Entity, raw: Mapping[str, RawTable]
    ) -> None:
        self._desk, self._entity = desk, entity
        self._main = source.file_of(entity)
        names = [self._main, *(join.file for join in entity.join)]
        self._may_lack = any(
            getattr(source.files[name], "may_lack_columns", False) for name in names
        )
        self._wanted = {name: _Wanted(raw[name]) for name in dict.fromkeys(names)}
        self._missing: list[str] = []
        self._first_missing = ""
        self.warnings: list[str] = []

    # --- finding --------------------------------------------------------------------------------------

    def value(self, value: Value, name: str) -> exp.Expr:
        """A mapped value as text."""
        if value.constant is not None:
            return exp.Literal.string(value.constant)
        if value.expression is not None:
            return compile_text(value.expression, lambda parts: self._find(parts, name))
        return self._find(value.path or (str(value.column),), name)

    def condition(self, where: str | None) -> exp.Expr:
        """Whether a row is kept."""
        if where is None:
            return sql("TRUE")
        tree = compile_expression(where, lambda parts: self._find(parts, "where"))
        return sql("coalesce(TRY_CAST(:tree AS boolean), FALSE)", tree=tree)

    def join(self, join: Join) -> _Lookup:
        """The keys of one join, which may be columns of files joined before it."""
        table = self._wanted[join.file]
        on = []
        for left, right in join.on.items():
            key = self._key(table.raw, (right,))
            if key is None:
                self._miss(f"join {join.file}", right, [join.file])
            else:
                on.append((self._find((left,), f"join {join.file}"), table.place(key)))
        among = None
        if join.where is not None:
            among = compile_expression(join.where, lambda parts: self._there(join.file, parts))
        return _Lookup(join, on, f"j_{join.file}", among)

    def _there(self, file: str, parts: tuple[str, ...]) -> exp.Expr:
        """The engine's column for a name of a file that is looked up, among its own rows."""
        table = self._wanted[file]
        key = self._key(table.raw, parts)
        if key is None:
            self._miss(f"join {file} where", ".".join(parts), [file])
            return exp.null()
        return column(f"v{table.place(key)}", _THERE)

    def _find(self, parts: tuple[str, ...], name: str) -> exp.Expr:
        """The engine's column for the names written."""
        found = self._place(parts)
        if found is None and self._may_lack:
            self.warnings.append(
                f"{name.removeprefix('map.')}: no file has the column '{'.'.join(parts)}'; it counts as missing"
            )
            return sql("CAST(NULL AS varchar)")
        if found is None:
            self._miss(name, ".".join(parts), list(self._wanted))
            return exp.null()
        table, key = found
        self._warn_of_files_without(table, key, name)
        return column(f"v{self._wanted[table].place(key)}", self._alias(table))

    def _alias(self, table: str) -> str:
        return "main" if table == self._main else f"j_{table}"

    def _place(self, parts: tuple[str, ...]) -> tuple[str, Key] | None:
        tables = {name: wanted.raw for name, wanted in self._wanted.items()}
        key = self._key(tables[self._main], parts)
        if key is not None:
            return self._main, key
        table, _, rest = parts[0].partition(".")
        inner = ((rest,) if rest else ()) + parts[1:]
        if table in tables and inner and (key := self._key(tables[table], inner)) is not None:
            return table, key
        others = [name for name in tables if name != self._main]
        found = [
            (name, key) for name in others if (key := self._key(tables[name], parts)) is not None
        ]
        return found[0] if len(found) == 1 else None

    def _key(self, raw: RawTable, parts: tuple[str, ...]) -> Key | None:
        if raw.format != "jsonl":
            name = ".".join(parts)
            return raw.columns.index(name) if name in raw.columns else None
        split = tuple(key for part in parts for key in part.split("."))
        for path in (parts, split):
            if path in raw.paths or has_path(self._desk.session, raw.scan, path):
                return path
        return None

    def _miss(self, name: str, written: str, tables: list[str]) -> None:
        for table in tables:
            for part in self._wanted[table].raw.parts:
                if part.header and looks_like_data(part.names):
                    told = no_header(part.file.name, len(part.names), entity=self._entity.entity)
                    raise MappingError(told, field=name)
        known = [
            path if isinstance(path, str) else ".".join(path)
            for table in tables
            for path in (*self._wanted[table].raw.columns, *sorted(self._wanted[table].raw.paths))
            if not (path == "line" and self._wanted[table].raw.format == "jsonl")
        ]
        files = ", ".join(
            part.file.name for table in tables for part in self._wanted[table].raw.parts[:3]
        )
        target = name.removeprefix("map.")
        self._first_missing = self._first_missing or target
        self._missing.append(
            f"{target} is mapped to '{written}', but {files} has no such column. {nearest(written, known)}"
        )

    def refuse_missing(self) -> None:
        """Raise MappingError where any name was not found."""
        if self._missing:
            title = (
                f"The mapping of {self._entity.entity} does not fit the files; nothing was taken."
            )
            lines = "\n".join(f"  - {line}" for line in dict.fromkeys(self._missing))
            raise MappingError(f"{title}\n{lines}", field=self._first_missing)

    def _warn_of_files_without(self, table: str, key: Key, name: str) -> None:
        raw = self._wanted[table].raw
        if isinstance(key, tuple):
            return
        lacking = [p.file.name for p in raw.parts if raw.columns[key] not in p.names]
        if lacking:
            self.warnings.append(
                f"{name}: the column '{raw.columns[key]}' is missing in {', '.join(lacking[:5])}"
                + (f" and {len(lacking) - 5} more files" if len(lacking) > 5 else "")
            )

    # --- the query ------------------------------------------------------------------------------------

    def query(self, columns: list[exp.Expr], kept: exp.Expr, lookups: list[_Lookup]) -> exp.Query:
        """PICKED. What is looked up is materialised, one row a key."""
        unmatched: exp.Expr = sql("FALSE")
        query = exp.select(column("n", "main"), column("bad", "main")).from_(
            self._rows(self._main).subquery("main")
        )
        for lookup in lookups:
            self._materialise(lookup)
            keys = [
                sql("trim(:left) = :right", left=left, right=column(f"k{number}", lookup.alias))
                for number, (left, _) in enumerate(lookup.on)
            ]
            there = exp.alias_(exp.Table(this=identifier(lookup.alias)), lookup.alias, table=True)
            query = query.join(there, on=exp.and_(*keys), join_type="left")
            if lookup.join.required:
                absent = sql("(:key IS NULL)", key=column("k0", lookup.alias))
                unmatched = exp.or_(unmatched, absent)
        return query.select(exp.alias_(kept, "kept"), exp.alias_(unmatched, "unmatched"), *columns)

    def _rows(self, table: str) -> exp.Query:
        """`n`, `bad` and the wanted fields of one raw table, `v0`, `v1` …"""
        wanted = self._wanted[table]
        if wanted.raw.format != "jsonl":
            fields = [
                exp.alias_(column(f"c{key}"), f"v{number}", quoted=True)
                for number, key in enumerate(wanted.keys)
            ]
            return exp.select("n", "bad", *fields).from_(wanted.raw.scan.subquery("raw"))
        pointers = exp.Array(
            expressions=[
                exp.Literal.string(pointer(key)) for key in wanted.keys if isinstance(key, tuple)
            ]
        )
        inner = sql(
            """
            SELECT n, bad, CASE WHEN bad IS NULL THEN json_extract_string(c0, :pointers) END AS found
            FROM :raw AS raw
            """,
            pointers=pointers,
            raw=wanted.raw.scan,
        )
        fields = [
            exp.alias_(
                sql("list_extract(found, :place)", place=number + 1), f"v{number}", quoted=True
            )
            for number in range(len(wanted.keys))
        ]
        return exp.select("n", "bad", *fields).from_(exp.paren(inner).as_("lines"))

    def _materialise(self, lookup: _Lookup) -> None:
        """One row a key: the first in the file's order. Rows without a key find nobody."""
        session = self._desk.session
        keys = [
            exp.alias_(
                sql("nullif(trim(:v), '')", v=column(f"v{place}")), f"k{number}", quoted=True
            )
            for number, (_, place) in enumerate(lookup.on)
        ]
        every = exp.select("*", *keys).from_(self._rows(lookup.join.file).subquery(_THERE))
        if lookup.among is not None:
            every = every.where(sql("TRY_CAST(:tree AS boolean)", tree=lookup.among))
        named = [column(f"k{number}") for number in range(len(keys))]
        order = exp.Window(
            this=exp.RowNumber(),
            partition_by=[key.copy() for key in named],
            order=exp.Order(expressions=[exp.Ordered(this=column("n"))]),
        )
        ranked = exp.select("*", exp.alias_(order, "rank")).from_(every.subquery("every"))
        for key in named:
            ranked = ranked.where(exp.not_(exp.Is(this=key.copy(), expression=exp.null())))
        session.materialise(
            lookup.alias, exp.select("*").from_(ranked.subquery("ranked")).where("rank = 1")
        )
        [(repeated,)] = session.rows(
            exp.select("count(*)").from_(ranked.subquery("ranked")).where("rank > 1")
        )
        if repeated:
            self.warnings.append(
                f"join {lookup.join.file}: {repeated:,} further rows have a key that an earlier row has; the "
                "first one was used"
            )
