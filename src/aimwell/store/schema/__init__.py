"""The tables of the control database: what changes by the row, one module for each room that writes them.

Personal data stands in the tables `vault_…` only; everything else holds ids, keyed hashes and counts.
"""

from aimwell.store.schema import (
    collect,
    decide,
    definitions,
    deliver,
    jobs,
    measure,
    offers,
    predict,
    privacy,
    segment,
    tracking,
    unify,
    workspace,
)
from aimwell.store.schema.base import metadata

__all__ = ["metadata"]

# A room's module puts its tables into `metadata`.
_ROOMS = (
    workspace,
    definitions,
    jobs,
    privacy,
    collect,
    tracking,
    unify,
    segment,
    predict,
    decide,
    offers,
    deliver,
    measure,
)
