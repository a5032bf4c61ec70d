"""Spark's errors in our words, without the values that the data or the query held."""

from __future__ import annotations

from py4j.protocol import Py4JError
from pyspark.errors import AnalysisException, PySparkException
from sqlglot import exp

from aimwell.errors import AimwellError, QueryError, StoreError
from aimwell.store.engine_errors import full_disk, gone, shown

__all__ = ["translated"]

_GONE = ("PATH_NOT_FOUND", "FILE_NOT_EXIST", "FileNotFoundException")
_NO_MEMORY = ("OutOfMemoryError", "UNABLE_TO_ACQUIRE_MEMORY", "SparkOutOfMemoryError")
_NO_ROOM = ("No space left on device",)
_DAMAGED = ("CANNOT_READ_FILE_FOOTER", "is not a Parquet file", "magic number")
# Parameters of a message that name things of the query. Others quote values.
_NAMES = ("objectName", "relationName", "routineName", "fieldName")


def translated(error: Exception, query: exp.Expr) -> Exception:
    """Our error for one of Spark's; anything else comes back as it is."""
    if isinstance(error, AimwellError) or not isinstance(error, PySparkException | Py4JError):
        return error
    told = str(error)
    if any(sign in told for sign in _GONE):
        return gone()
    if any(sign in told for sign in _NO_ROOM):
        return full_disk()
    if any(sign in told for sign in _NO_MEMORY):
        return StoreError(
            "The query needs more memory than Spark may use. Raise engine_memory_mb in aimwell.toml, or "
            "AIMWELL_ENGINE_MEMORY_MB."
        )
    if any(sign in told for sign in _DAMAGED):
        return StoreError("A file of the lake is damaged. Restore it from a copy of the workspace.")
    if isinstance(error, AnalysisException):
        return QueryError(f"The engine refused a query: {_named(error)}\n{shown(query)}")
    kind = (error.getCondition() if isinstance(error, PySparkException) else None) or type(
        error
    ).__name__
    return QueryError(f"The engine could not compute a query ({kind:.60}).\n{shown(query)}")


def _named(error: AnalysisException) -> str:
    """Which rule was broken, and by which name."""
    given = error.getMessageParameters() or {}
    names = [given[key] for key in _NAMES if key in given]
    return " ".join([error.getCondition() or "not a query", *names])
