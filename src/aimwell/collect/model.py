"""What collect tells: reports, explanations, suggestions, and what waits in quarantine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Literal

from aimwell.errors import NothingTakenError

__all__ = [
    "DataReport",
    "ExpectationResult",
    "ExplainedEntity",
    "ExplainedField",
    "Explanation",
    "FileReport",
    "LoadReport",
    "LoadStatus",
    "Quarantine",
    "QuarantinedRow",
    "ReplayReport",
    "WhereTo",
    "plain",
]


def plain(value: Any) -> Any:
    """A value as JSON has it: times as ISO text, tuples as lists."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    return value


@dataclass(frozen=True)
class FileReport:
    """One file of a load; `rows` counts its records, also those that could not be cut."""

    name: str
    sha256: str
    size_bytes: int
    rows: int
    encoding: str | None = None
    delimiter: str | None = None


@dataclass(frozen=True)
class ExpectationResult:
    """How one expectation fared: of `rows` looked at, `broken` did not fulfil it (of one that is about the whole
    file: 1 where the file did not). `detail` says in words what is expected.
    """

    name: str
    kind: str
    field: str | None
    severity: Literal["quarantine", "warn"]
    rows: int
    broken: int
    detail: str

    @property
    def warning(self) -> str | None:
        """In words, where rows were taken although they do not fulfil it; None where all is well."""
        if self.severity == "quarantine" or not self.broken:
            return None
        if self.kind in ("rows", "newest_within"):
            return self.detail
        rows = f"{self.broken:,} {'row' if self.broken == 1 else 'rows'}"
        return f"{self.detail}: {rows} of {self.rows:,} not so, taken all the same ({self.name})"


@dataclass(frozen=True)
class LoadReport:
    """What became of the rows of one entity.

    `rows_read` = `rows_taken` + `duplicates` (equal rows of these files) + `known` (an earlier load took them) +
    `changed` (an earlier load took the line with other values, under another mapping) + `quarantined` +
    `ignored` (`where` was not true).

    `commonest_fault`: what was wrong with most of the quarantined rows, in words, with how many they are.
    `gaps`: target → rows (but for ignored ones) without a value. `first_at`, `last_at`: times of the rows taken. `currencies`:
    of the rows taken, before conversion. `people`: different ones. `anonymous_lines`: order lines taken without
    a customer. `sales`, `additions`, `returns`: rows of orders (of returns one for each moment, so that an order
    may have several; `return_orders` counts it once); `without_goods`: those of `additions` that are orders of
    no goods at all, as postage only; `return_lines`: lines of returns. `statements`: new traits and products.
    `consents`: 'email granted' → answers recorded. `expectations`: how each fared, in the order of the definition.
    `replay`: the rows had waited in quarantine. `standardised`: target → rows whose value was brought into another
    form, the original kept; `filled`: target → rows in which a rule stood in for a missing value. For the measures of
    quality: `rows_cut` rows had `mapped` targets each; `warned`: dimension → rows taken that break an expectation of
    it; `compares`: rows were compared with others, of these files or before. `part`: which of the source's entities of this
    kind it is; empty where there is one.
    """

    load_id: str
    source: str
    entity: str
    state: Literal["taken", "already_collected"]
    collected_at: datetime
    files: tuple[FileReport, ...] = ()
    rows_read: int = 0
    rows_taken: int = 0
    duplicates: int = 0
    known: int = 0
    changed: int = 0
    ignored: int = 0
    quarantined: int = 0
    quarantined_by_reason: Mapping[str, int] = field(default_factory=dict)
    commonest_fault: str | None = None
    gaps: Mapping[str, int] = field(default_factory=dict)
    first_at: datetime | None = None
    last_at: datetime | None = None
    currencies: tuple[str, ...] = ()
    people: int = 0
    anonymous_lines: int = 0
    sales: int = 0
    additions: int = 0
    returns: int = 0
    return_lines: int = 0
    return_orders: int = 0
    without_goods: int = 0
    statements: int = 0
    consents: Mapping[str, int] = field(default_factory=dict)
    expectations: tuple[ExpectationResult, ...] = ()
    replay: bool = False
    standardised: Mapping[str, int] = field(default_factory=dict)
    filled: Mapping[str, int] = field(default_factory=dict)
    rows_cut: int | None = None
    mapped: int | None = None
    warned: Mapping[str, int] = field(default_factory=dict)
    compares: bool = False
    warnings: tuple[str, ...] = ()
    part: str = ""

    @property
    def what(self) -> str:
        """The entity, and which of its kind: 'market (coupons)'."""
        return f"{self.entity} ({self.part})" if self.part else self.entity

    @property
    def other_values(self) -> str:
        """In words: what `changed` means."""
        return (
            f"{self.changed:,} rows of {', '.join(file.name for file in self.files[:3])} were taken before under "
            "another mapping, which gave them other values. Those stand, as what was taken is never rewritten; a "
            "column that is mapped only now (as customer_id) is not added to them."
        )

    @property
    def nothing_usable(self) -> bool:
        """Whether rows were read, and each of them went to quarantine (but for those that `where` left out)."""
        return 0 < self.quarantined == self.rows_read - self.ignored

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {key: plain(value) for key, value in asdict(self).items()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> LoadReport:
        """The report that `to_dict` wrote."""
        known = {**values}
        for name in ("collected_at", "first_at", "last_at"):
            if known.get(name) is not None:
                known[name] = datetime.fromisoformat(known[name])
        known["files"] = tuple(FileReport(**file) for file in known.get("files", ()))
        known["expectations"] = tuple(
            ExpectationResult(**one) for one in known.get("expectations", ())
        )
        for name in ("currencies", "warnings"):
            known[name] = tuple(known.get(name, ()))
        return cls(**known)


@dataclass(frozen=True)
class DataReport:
    """What one call of `collect` did, a report for each entity of the source; `absent` are inputs that may be absent, and
    were, so that what comes from them was left out."""

    source: str
    loads: tuple[LoadReport, ...]
    absent: tuple[str, ...] = ()

    @property
    def already_collected(self) -> bool:
        """Whether every entity's files had been collected before, so that nothing changed."""
        return all(load.state == "already_collected" for load in self.loads)

    def refuse_unusable(self) -> None:
        """Raise NothingTakenError where all rows of an entity are in quarantine, or known with other values; also
        when it is asked again."""
        for load in self.loads:
            if load.changed and not load.rows_taken:
                raise NothingTakenError(
                    f"No row was taken: {load.other_values} To have the files as they are now, begin a new "
                    "workspace (`aimwell init ANOTHER`) and collect there. Another name (`--source ANOTHER`) in "
                    "this workspace would count every row a second time beside what stands.",
                    source=load.source,
                    entity=load.entity,
                )
            if load.nothing_usable:
                raise NothingTakenError(
                    f"Not one of the rows of {', '.join(file.name for file in load.files[:3])} could be taken as "
                    f"{load.entity}: {load.commonest_fault}. The mapping or the file must be wrong. The rows wait "
                    "in quarantine (`aimwell collect quarantine`); correct what is wrong and collect again.",
                    source=load.source,
                    entity=load.entity,
                )

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            "source": self.source,
            "already_collected": self.already_collected,
            "absent": list(self.absent),
            "loads": [load.to_dict() for load in self.loads],
        }


@dataclass(frozen=True)
class ReplayReport:
    """What one replay did, a report for each entity. `gone`: rows of the file that no longer waited; `uncut`: rows
    that cannot be cut into columns, which wait until somebody corrects them.
    """

    source: str
    loads: tuple[LoadReport, ...]
    gone: int = 0
    uncut: int = 0

    @property
    def left(self) -> int:
        """Rows that left the quarantine."""
        return sum(load.rows_read - load.quarantined for load in self.loads)

    @property
    def stay(self) -> int:
        """Rows that wait again, with the reason that was found now."""
        return sum(load.quarantined for load in self.loads)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            "source": self.source,
            "left": self.left,
            "stay": self.stay,
            "gone": self.gone,
            "uncut": self.uncut,
            "loads": [load.to_dict() for load in self.loads],
        }


WhereTo = Literal["lake", "vault", "hash in lake, value in vault", "hash in lake", "hash only"]
"""Where a value ends; a hash alone cannot be turned back."""


@dataclass(frozen=True)
class ExplainedField:
    """One target: where it comes from, how it is read, and the share of rows (0 to 1) without a value."""

    target: str
    comes_from: str
    read_as: str
    missing_share: float
    where_to: WhereTo


@dataclass(frozen=True)
class ExplainedEntity:
    """How the rows of one entity would be taken.

    `rows` are the first good ones, typed, personal values masked. `sample_rows` were looked at, of which
    `refused` would go to quarantine, by reason. `unmapped` columns would not be taken. `hints`: what a definition
    could say and does not, as which lines are no goods.
    """

    entity: str
    files: tuple[FileReport, ...]
    fields: tuple[ExplainedField, ...]
    rows: tuple[Mapping[str, Any], ...]
    sample_rows: int
    ignored: int
    refused: Mapping[str, int]
    unmapped: tuple[str, ...]
    suggestions: Mapping[str, str]
    warnings: tuple[str, ...]
    hints: tuple[str, ...] = ()


@dataclass(frozen=True)
class Explanation:
    """What a source would do; nothing was written. `absent`: see DataReport."""

    source: str
    entities: tuple[ExplainedEntity, ...]
    absent: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON; money as text."""
        found: dict[str, Any] = plain(asdict(self))
        for entity in found["entities"]:
            entity["rows"] = [
                {
                    k: v if isinstance(v, str | bool | int | float | None) else str(v)
                    for k, v in row.items()
                }
                for row in entity["rows"]
            ]
        return found


@dataclass(frozen=True)
class QuarantinedRow:
    """One row that could not be taken. `content` is the row itself, only where it was asked for."""

    row_hash: str
    source: str
    load_id: str | None
    file: str | None
    line: int | None
    field: str | None
    reason: str
    detail: str | None
    received_at: datetime
    content: str | None = None


@dataclass(frozen=True)
class Quarantine:
    """What waits in quarantine: counts by source and reason over all, and some rows.

    `taken_since`: rows that waited, and that a later load of the same files did not set aside again; `dismissed`: rows
    that somebody said are wrong for good;
    `unkept`: rows whose contents are gone, as too old or of somebody who was erased.
    """

    counts: Mapping[str, Mapping[str, int]]
    rows: tuple[QuarantinedRow, ...]
    taken_since: int = 0
    dismissed: int = 0
    unkept: int = 0

    @property
    def total(self) -> int:
        """All rows in quarantine."""
        return sum(sum(reasons.values()) for reasons in self.counts.values())

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {"total": self.total, **plain(asdict(self))}


@dataclass(frozen=True)
class LoadStatus:
    """One load as the control database knows it. 'prepared': all is ready, and the next collect ends it.

    `error`: why it failed, in words. `made_good`: it failed, and a later one of the source took what it should have.
    """

    load_id: str
    source: str
    entity: str
    state: Literal["running", "prepared", "done", "failed"]
    started_at: datetime
    finished_at: datetime | None
    report: LoadReport | None
    error: str | None = None
    made_good: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            **{key: plain(value) for key, value in asdict(self).items() if key != "report"},
            "report": self.report.to_dict() if self.report else None,
        }
