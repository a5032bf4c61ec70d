"""What a source reads: files, folders and object stores, the rows of a database, or a table of a warehouse."""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Discriminator,
    Field,
    SerializerFunctionWrapHandler,
    Tag,
    model_serializer,
    model_validator,
)

from aimwell.definitions.base import Duration, Part
from aimwell.definitions.kinds.channel import Secret

__all__ = [
    "DatabaseSpec",
    "Delimiter",
    "Encoding",
    "FileFormat",
    "FileSpec",
    "InputSpec",
    "OneOrMore",
    "Storage",
    "TableSpec",
    "format_by_name",
    "is_remote",
]

T = TypeVar("T")

FileFormat = Literal["csv", "tsv", "jsonl", "json", "parquet", "text", "excel"]
_ENDINGS: Mapping[str, FileFormat] = {
    **dict.fromkeys((".csv", ".txt"), "csv"),
    **dict.fromkeys((".tsv", ".tab"), "tsv"),
    **dict.fromkeys((".jsonl", ".ndjson"), "jsonl"),
    ".json": "json",
    ".parquet": "parquet",
    **dict.fromkeys((".xlsx", ".xlsm", ".xlsb", ".xls", ".ods"), "excel"),
}
_PACKED = (".gz", ".zip")


def format_by_name(name: str) -> FileFormat | None:
    """The format that the ending of a file's name (or of a pattern of names) tells, below that of packing; None: none."""
    suffixes = [suffix.lower().rstrip("*") for suffix in PurePosixPath(name).suffixes]
    told = [suffix for suffix in suffixes if suffix not in _PACKED]
    return _ENDINGS.get(told[-1]) if told else None


_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*)://")
_SCHEMES = ("s3", "gs", "gcs", "abfs", "az", "http", "https", "sftp", "memory")


def is_remote(path: str) -> bool:
    """Whether a path is the address of an object elsewhere, as s3://bucket/orders.csv."""
    return _SCHEME.match(path) is not None


def _one_or_more(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _known_encoding(value: str) -> str:
    try:
        known = codecs.lookup(value)
    except LookupError:
        known = None
    if known is None or not known._is_text_encoding:
        raise ValueError("no such encoding; allowed are names as utf-8, latin-1, cp1252, utf-16")
    return known.name


def _inside(value: str) -> str:
    scheme = _SCHEME.match(value)
    if scheme is not None:
        if scheme[1] not in _SCHEMES:
            raise ValueError(f"an address begins with one of {', '.join(_SCHEMES[:-1])}, as s3://")
        if "@" in value.split("://", 1)[1].split("/", 1)[0]:
            raise ValueError("a login has no place in an address; say where it is by `storage`")
        return value
    path = PurePosixPath(value)
    if path.is_absolute() or ".." in path.parts or not value.strip() or "\x00" in value:
        raise ValueError("a path is relative to the folder of the files and stays inside it")
    return value


OneOrMore = Annotated[tuple[T, ...], BeforeValidator(_one_or_more), Field(min_length=1)]
Encoding = Annotated[str, AfterValidator(_known_encoding)]
Delimiter = Annotated[str, Field(min_length=1, max_length=4, pattern=r'^[^"\n\r]+$')]
_Path = Annotated[str, AfterValidator(_inside)]


class Storage(Part):
    """How an object store is reached. What is left out, the environment tells (as AWS_ACCESS_KEY_ID)."""

    endpoint: Annotated[str, Field(pattern=r"^https?://[^@\s]+$")] | None = Field(
        default=None, description="Address of an S3-compatible store; default: Amazon's."
    )
    region: str | None = None
    key: Secret | None = Field(default=None, description="Where the access key's id is.")
    secret: Secret | None = Field(default=None, description="Where the secret key is.")
    anonymous: bool = Field(default=False, description="Ask without a login, for public buckets.")


class FileSpec(Part):
    """One or several files of the same form. A setting that is left out is the source's."""

    path: OneOrMore[_Path] = Field(
        description="Path, folder or pattern (as orders-*.csv.gz), relative to the folder of the files; or an "
        "address, as s3://bucket/orders/*.csv.gz. A ZIP archive stands for the files in it."
    )
    format: FileFormat | None = Field(
        default=None,
        description="Default: the source's, else what the name's ending tells, else csv.",
    )
    encoding: Encoding | None = None
    delimiter: Delimiter | None = None
    header: bool | None = Field(default=None, description="Whether the first line names columns.")
    columns: tuple[Annotated[str, Field(min_length=1)], ...] = Field(
        default=(), description="Names of the columns where the file does not tell them."
    )
    sheet: str | None = Field(
        default=None, description="Excel: name of the sheet; needless where there is one only."
    )
    header_row: Annotated[int, Field(ge=1, le=10_000)] = Field(
        default=1, description="Excel: the row that names the columns; those above it are left out."
    )
    merged: Literal["first", "repeat"] = Field(
        default="first",
        description="Excel: the value of merged cells is the first one's only (the others are empty), or all have it.",
    )
    records: Annotated[str, Field(min_length=1)] | None = Field(
        default=None, description="JSON: keys that lead to the list of rows, as data.orders."
    )
    may_lack_columns: bool = Field(
        default=False,
        description="Columns that the mapping names and the file lacks count as missing, with a warning; else they "
        "are a mistake. For exports that leave out what is empty.",
    )
    may_be_absent: bool = Field(
        default=False,
        description="Where there is no such file, what comes from it is left out, with a note; else that is a mistake. "
        "For exports that have a file only where there is something to tell.",
    )
    checksum: Annotated[str, Field(pattern=r"^([^/\\*?\[\]]*\*?[^/\\*?\[\]]+)$")] | None = Field(
        default=None,
        description="What the files are called that say the SHA-256 of these, as sha256sum writes it: beside each, with "
        "`*` for its name (`*.sha256`), or a list of the files in a folder (`SHA256SUMS`). A file that is otherwise is "
        "refused.",
    )
    row_key: Annotated[str, Field(min_length=1, max_length=63)] | None = Field(
        default=None,
        description="Adds a column of this name that tells rows apart where no column does: a hash of the row, and "
        "its number among equal rows.",
    )
    key_values: tuple[Annotated[str, Field(min_length=1)], ...] = Field(
        default=(),
        description="JSON: lists of {key, value} that are to be read as objects, as event_params of GA4.",
    )
    explode: Annotated[str, Field(min_length=1)] | None = Field(
        default=None,
        description="JSON: a list of which each element becomes a row, with the rest of the line beside it.",
    )
    storage: Storage | None = Field(
        default=None, description="Of an address: how its store is reached."
    )

    def is_checksum(self, name: str) -> bool:
        """Whether a file of that name tells checksums, and is none of those with rows."""
        return self.checksum is not None and fnmatchcase(name, self.checksum)

    def format_in(self, source: FileFormat | None) -> FileFormat:
        """The format of these files in a source whose own is `source`."""
        return self.format or source or format_by_name(self.path[0]) or "csv"

    @model_validator(mode="before")
    @classmethod
    def _from_path(cls, data: Any) -> Any:
        return {"path": data} if isinstance(data, str | list | tuple) else data

    @model_serializer(mode="wrap")
    def _written(self, handler: SerializerFunctionWrapHandler) -> Any:
        body = handler(self)
        if set(body) != {"path"}:
            return body
        return self.path[0] if len(self.path) == 1 else list(self.path)

    @model_validator(mode="after")
    def _columns_differ(self) -> FileSpec:
        if len(set(self.columns)) < len(self.columns):
            raise ValueError("two columns have the same name")
        return self

    @model_validator(mode="after")
    def _storage_of_addresses(self) -> FileSpec:
        if self.storage is not None and not any(is_remote(path) for path in self.path):
            raise ValueError("`storage` is of addresses, as s3://bucket/orders.csv")
        return self


class DatabaseSpec(Part):
    """Rows of a database, by its own query or of a whole table."""

    database: Secret = Field(
        description="Where the database's URL is, as {env: SHOP_DATABASE}: dialect://user:password@host/name."
    )
    query: Annotated[str, Field(min_length=1, max_length=100_000)] | None = Field(
        default=None, description="A SELECT in the database's own SQL."
    )
    table: Annotated[str, Field(min_length=1)] | None = Field(
        default=None, description="In place of a query: a table or view, as orders or sales.orders."
    )
    cursor: Annotated[str, Field(min_length=1)] | None = Field(
        default=None,
        description="Column that only grows, as updated_at: what was read before it is not read again.",
    )
    overlap: Duration | None = Field(
        default=None,
        description="Read again what is so much older than the cursor, for rows that come late.",
    )

    @model_validator(mode="after")
    def _one_of(self) -> DatabaseSpec:
        if (self.query is None) == (self.table is None):
            raise ValueError("a database needs a `query` or a `table`, and not both")
        if self.overlap is not None and self.cursor is None:
            raise ValueError("`overlap` is before the `cursor`; name that column")
        return self


class TableSpec(Part):
    """A Delta table or a folder of Parquet files, read where it lies."""

    table: _Path = Field(
        description="Folder of the table, relative to the folder of the files, or an address, as s3://bucket/table: a "
        "Delta table or Parquet files."
    )
    version: Annotated[int, Field(ge=0)] | None = Field(
        default=None, description="Version of a Delta table; default: the newest."
    )

    storage: Storage | None = Field(
        default=None, description="Of an address: how its store is reached."
    )

    @model_validator(mode="after")
    def _storage_of_addresses(self) -> TableSpec:
        if self.storage is not None and not is_remote(self.table):
            raise ValueError("`storage` is of addresses, as s3://bucket/table")
        return self


def _input_kind(data: Any) -> str:
    if isinstance(data, dict):
        return "<database>" if "database" in data else "<table>" if "table" in data else "<file>"
    if isinstance(data, DatabaseSpec):
        return "<database>"
    return "<table>" if isinstance(data, TableSpec) else "<file>"


# The tags stand in angle brackets so that the path of a fault leaves them out.
InputSpec = Annotated[
    Annotated[FileSpec, Tag("<file>")]
    | Annotated[DatabaseSpec, Tag("<database>")]
    | Annotated[TableSpec, Tag("<table>")],
    Discriminator(_input_kind),
]
"""Files, a database's rows, or a table of a warehouse."""
