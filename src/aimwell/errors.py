"""Every error that Aimwell raises on purpose, in one tree.

    AimwellError
    ├── SettingsError              a setting is unknown, of the wrong type or out of range
    ├── WorkspaceError             the workspace folder or its stores cannot be used
    │   └── ControlAwayError       the control database cannot be reached now (retry)
    ├── StoreError
    │   ├── QueryError             a query was put together wrongly (a hole left open, a bad name)
    │   │   └── QueryTimeoutError  a query that people wrote took longer than it may
    │   ├── SchemaMismatchError    a table's rows do not have the canonical columns or types
    │   ├── SnapshotGoneError      a file of the table version being read has been removed (retry)
    │   ├── LeaseBusyError         another process holds the lease (retry)
    │   ├── LeaseLostError         the lease has gone to another process (retry)
    │   ├── ControlBusyError       the control database is busy or out of reach (retry)
    │   ├── StorageFullError       the disk is full; nothing was half written (retry)
    │   ├── InboxBusyError         the inbox takes no message for the moment (retry)
    │   └── InboxElsewhereError    the inbox is another machine's
    ├── JobError
    │   ├── JobLostError           the lease of a job went to another worker (retry)
    │   ├── JobStoppedError        the worker is stopping; the job goes back to the queue (retry)
    │   └── JobCancelledError      somebody cancelled the job while it ran
    ├── DefinitionError            a document is wrong; carries every fault
    │   └── UnknownDefinitionError no document of that kind and name
    ├── PrivacyError
    ├── StatsError                 a statistic cannot be computed from what was given
    ├── CollectError
    │   ├── SourceFileError        a file is absent, empty, damaged or of another form than said
    │   │   └── FileChangedError   a file changed while it was read (retry)
    │   ├── SourceAwayError        a database or an object store cannot be reached now (retry)
    │   ├── SourceDatabaseError    a database's URL, query, table or cursor is wrong, or it refuses us
    │   ├── MappingError           a mapping does not fit the columns or the values of the files
    │   │   └── ColumnsChangedError  a source that refuses other columns has them
    │   ├── NothingTakenError      every row of a file went to quarantine
    │   ├── RecollectError         a changed mapping would count again what was taken before
    │   ├── TrackingRequestError   a tracking request of which nothing could be kept
    │   ├── TrackingKeyError       a write key is missing, unknown or revoked
    │   └── TrackingRateError      a source sends more messages than it may (retry)
    ├── UnifyError
    │   └── TooFewPairsError       too few sure pairs to learn from how likeness tells
    ├── HistoryError
    ├── SegmentError
    ├── PredictError
    │   ├── TooLittleDataError     too few people, buyers or days; carries what is needed and present
    │   ├── FunctionChangedError   a function of the firm's own is not the one that a model learnt from
    │   └── ModelFileError         a stored model is missing, changed or not one of ours
    ├── DecideError
    │   └── OpenPlanError          another plan of the campaign is approved or being sent
    ├── DeliverError
    │   ├── TemplateError          a text does not parse, breaks a limit or cannot be rendered
    │   │   └── MissingFieldError  a text uses a field that this person does not have
    │   ├── SigningKeyError        a signing key or token key cannot be used
    │   ├── ServerUnreachableError the mail server does not answer or is closing (retry)
    │   └── ServerRefusedError     the mail server refuses us: TLS, login, its rules
    │       └── RecipientsRefusedError  it says of one address after another that there is nobody
    ├── MeasureError
    └── SimulateError

A message says what was wrong, what is allowed and what to do. Facts are also attributes, so that a caller
need not read the words. `retryable` is True where trying again later may help.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, ClassVar

__all__ = [
    "AimwellError",
    "CollectError",
    "ColumnsChangedError",
    "ControlAwayError",
    "ControlBusyError",
    "DecideError",
    "DefinitionError",
    "DeliverError",
    "Fault",
    "FileChangedError",
    "FunctionChangedError",
    "HistoryError",
    "InboxBusyError",
    "InboxElsewhereError",
    "JobCancelledError",
    "JobError",
    "JobLostError",
    "JobStoppedError",
    "LeaseBusyError",
    "LeaseLostError",
    "MappingError",
    "MeasureError",
    "MissingFieldError",
    "ModelFileError",
    "NothingTakenError",
    "OpenPlanError",
    "PredictError",
    "PrivacyError",
    "QueryError",
    "QueryTimeoutError",
    "RecipientsRefusedError",
    "RecollectError",
    "SchemaMismatchError",
    "SegmentError",
    "ServerRefusedError",
    "ServerUnreachableError",
    "SettingsError",
    "SigningKeyError",
    "SimulateError",
    "SnapshotGoneError",
    "SourceAwayError",
    "SourceDatabaseError",
    "SourceFileError",
    "StatsError",
    "StorageFullError",
    "StoreError",
    "TemplateError",
    "TooFewPairsError",
    "TooLittleDataError",
    "TrackingKeyError",
    "TrackingRateError",
    "TrackingRequestError",
    "UnifyError",
    "UnknownDefinitionError",
    "WorkspaceError",
    "nearest",
]


def nearest(name: str, known: Sequence[str]) -> str:
    """A sentence that helps after a mistyped name: the nearest known one, or the list of all."""
    close = get_close_matches(name, list(known), n=1)
    if close:
        return f"Did you mean '{close[0]}'?"
    if not known:
        return "None is known yet."
    return "Known: " + ", ".join(sorted(known)[:30]) + ("…" if len(known) > 30 else ".")


class AimwellError(Exception):
    """Base of every error that Aimwell raises on purpose."""

    retryable: ClassVar[bool] = False


class SettingsError(AimwellError):
    """A setting is unknown, of the wrong type or out of its range."""


class WorkspaceError(AimwellError):
    """The workspace folder or one of its stores cannot be used."""


class ControlAwayError(WorkspaceError):
    """The control database cannot be reached now; its server may be starting."""

    retryable = True


class StoreError(AimwellError):
    """The lake, the engine or the control database refused."""


class QueryError(StoreError):
    """A query was put together wrongly: a hole left open, an unknown one, a value that has no SQL form."""


class QueryTimeoutError(QueryError):
    """A query that people wrote took longer than it may: `seconds`."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        super().__init__(f"it took longer than {seconds:g} seconds")


class SchemaMismatchError(StoreError):
    """Rows for a table do not have its canonical columns or types."""


class SnapshotGoneError(StoreError):
    """A file of the table version being read has been removed; pin the newest version and read again."""

    retryable = True


class LeaseBusyError(StoreError):
    """Another process holds the lease."""

    retryable = True


class LeaseLostError(StoreError):
    """The lease has gone to another process; what this one wanted to write did not happen."""

    retryable = True


class ControlBusyError(StoreError):
    """The control database is busy or out of reach for the moment."""

    retryable = True


class StorageFullError(StoreError):
    """The disk is full; nothing was half written."""

    retryable = True


class InboxBusyError(StoreError):
    """The inbox takes no message for the moment: its disk is behind, or its server is stopping."""

    retryable = True


class InboxElsewhereError(StoreError):
    """The inbox is used by another machine; each needs its own."""


class JobError(AimwellError):
    """A background job cannot be queued or run."""


class JobLostError(JobError):
    """The lease of a job has gone to another worker; what this one did since does not count."""

    retryable = True


class JobStoppedError(JobError):
    """The worker is stopping; a handler that meets this leaves, and the job goes back to the queue."""

    retryable = True


class JobCancelledError(JobError):
    """Somebody cancelled the job while it ran; a handler that meets this leaves."""


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong in a document.

    `path` is dotted (`audience.segment`), `value` the offending value, `problem` says what is wrong with it,
    `allowed` what would be right.
    """

    path: str
    problem: str
    value: Any = None
    allowed: str = ""

    def __str__(self) -> str:
        shown = "" if self.value is None else f" (found {self.value!r:.80})"
        allowed = f" Allowed: {self.allowed}" if self.allowed else ""
        text = f"{self.path or 'document'}: {self.problem}{shown}"
        # A hint ("Did you mean 'trait'?") is a sentence already.
        return f"{text}{'' if text.endswith(('.', '?', '…')) else '.'}{allowed}"


class DefinitionError(AimwellError):
    """A document is wrong and was refused whole; `faults` lists everything that is wrong with it."""

    def __init__(self, title: str, faults: Sequence[Fault] = ()) -> None:
        self.title = title
        self.faults = tuple(faults)
        super().__init__("\n".join([title, *(f"  - {fault}" for fault in self.faults)]))


class UnknownDefinitionError(DefinitionError):
    """There is no document of that kind and name."""


class PrivacyError(AimwellError):
    """Consent, the vault or a suppression forbids it."""


class StatsError(AimwellError):
    """A statistic cannot be computed from what was given."""


class CollectError(AimwellError):
    """A source cannot be read or mapped. Nothing of the load was taken."""


class SourceFileError(CollectError):
    """A file is absent, empty, damaged or of another form than was said; `file` names it."""

    def __init__(self, problem: str, *, file: str) -> None:
        self.file = file
        super().__init__(problem)


class FileChangedError(SourceFileError):
    """A file changed while it was read, so what was read belongs to no version of it."""

    retryable = True


class SourceAwayError(CollectError):
    """A database or an object store cannot be reached now, or went away while it was read; `place` is its name."""

    retryable = True

    def __init__(self, message: str, *, place: str) -> None:
        super().__init__(message)
        self.place = place


class SourceDatabaseError(CollectError):
    """The URL, query, table or cursor of a database is wrong, or it refuses us; `input` is its name in the source."""

    def __init__(self, message: str, *, input: str) -> None:
        super().__init__(message)
        self.input = input


class MappingError(CollectError):
    """A mapping does not fit the columns or the values of the files; `field` names the target or column."""

    def __init__(self, problem: str, *, field: str = "") -> None:
        self.field = field
        super().__init__(problem)


class ColumnsChangedError(MappingError):
    """The files of a source that refuses other columns have other ones than before."""


class NothingTakenError(CollectError):
    """Every row of the files went to quarantine; `source` and `entity` name the load."""

    def __init__(self, problem: str, *, source: str, entity: str) -> None:
        self.source, self.entity = source, entity
        super().__init__(problem)


class RecollectError(CollectError):
    """The mapping was changed so that lines taken before would be counted again."""


class TrackingRequestError(CollectError):
    """A tracking request is too large, no JSON or of the wrong form, so that nothing of it could be kept."""


class TrackingKeyError(CollectError):
    """A write key is missing, unknown or revoked."""


class TrackingRateError(CollectError):
    """A source sends more messages than it may; `seconds`: when they may be sent again."""

    retryable = True

    def __init__(self, problem: str, *, seconds: float) -> None:
        self.seconds = seconds
        super().__init__(problem)


class UnifyError(AimwellError):
    """Identities cannot be resolved."""


class TooFewPairsError(UnifyError):
    """Too few people surely stand there twice, so how likeness tells cannot be learned; `found` of `needed` pairs."""

    def __init__(self, problem: str, *, found: int, needed: int) -> None:
        self.found, self.needed = found, needed
        super().__init__(problem)


class HistoryError(AimwellError):
    """A feature or outcome cannot be computed for that moment."""


class SegmentError(AimwellError):
    """A segment cannot be computed."""


class PredictError(AimwellError):
    """A model cannot be trained, judged or used."""


class TooLittleDataError(PredictError):
    """There is too little to learn from; `needed` and `present` name the same figures."""

    def __init__(
        self, what: str, *, needed: Mapping[str, int], present: Mapping[str, int], advice: str = ""
    ) -> None:
        self.what = what
        self.needed = dict(needed)
        self.present = dict(present)
        short = [name for name in needed if present[name] < needed[name]]
        figures = "; ".join(
            f"{name}: {present[name]:,} of at least {needed[name]:,}" for name in short
        )
        advice = advice or "Collect more, or take a longer period."
        super().__init__(f"There is too little data for {what}. Found {figures}. {advice}")


class FunctionChangedError(PredictError):
    """A function of the firm's own is not the one that a model learnt from any more."""


class ModelFileError(PredictError):
    """A stored model is missing, was changed since it was saved, or is not one of ours."""


class DecideError(AimwellError):
    """A campaign cannot be planned, approved or explained."""


class OpenPlanError(DecideError):
    """Another plan of the campaign is approved or being sent; the message says which, and what can be done."""


class DeliverError(AimwellError):
    """A message cannot be rendered or sent."""


class TemplateError(DeliverError):
    """A text of a template does not parse, breaks a limit or cannot be rendered.

    `template` names it, `part` is subject, preheader, html or text, `line` counts from 1 (0 where unknown).
    The message quotes the template, never a person's data.
    """

    def __init__(self, problem: str, *, template: str = "", part: str = "", line: int = 0) -> None:
        self.problem, self.template, self.part, self.line = problem, template, part, line
        place = ", ".join(
            [f"template '{template}'"] * bool(template)
            + [part] * bool(part)
            + [f"line {line}"] * bool(line)
        )
        super().__init__(f"{place}: {problem}" if place else problem)


class MissingFieldError(TemplateError):
    """A text uses a field that this person does not have and gives no default; `field` names it."""

    def __init__(
        self, problem: str, *, field: str, template: str = "", part: str = "", line: int = 0
    ) -> None:
        self.field = field
        super().__init__(problem, template=template, part=part, line=line)


class SigningKeyError(DeliverError):
    """A signing key or token key is of the wrong form, kind or length."""


class ServerUnreachableError(DeliverError):
    """The mail server does not answer, or is closing; nothing that was still waiting was sent."""

    retryable = True


class ServerRefusedError(DeliverError):
    """The mail server refuses us altogether: TLS, login or its rules. Somebody has to change something."""


class RecipientsRefusedError(ServerRefusedError):
    """The mail server says of one address after another that nobody is reached there, which cannot be true of all."""


class MeasureError(AimwellError):
    """A result cannot be measured."""


class SimulateError(AimwellError):
    """A shop cannot be simulated as asked; `faults` lists everything that is wrong with the asking."""

    def __init__(self, title: str, faults: Sequence[Fault] = ()) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join([title, *(f"  - {fault}" for fault in self.faults)]))
