"""A sequence model that won, in the registry, and back from it."""

from __future__ import annotations

from datetime import UTC, datetime

from aimwell.errors import PredictError
from aimwell.predict.deep.judging import DeepCheck
from aimwell.predict.deep.model import FittedNetwork, SequenceModel
from aimwell.predict.kind_words import kind_words
from aimwell.predict.registry import Kind, RegisteredModel, find_model, load_part, register_model
from aimwell.predict.scoring import check_seen
from aimwell.store.lake import Snapshot
from aimwell.store.stores import Stores

__all__ = ["keep_network", "kept_network"]

_KIND: Kind = "next_purchase_network"
_PART = "sequence"


def keep_network(
    stores: Stores,
    fitted: FittedNetwork,
    check: DeepCheck,
    *,
    seed: int,
    judged_days: int,
    as_of: datetime,
    now: datetime,
    snapshot: Snapshot,
) -> RegisteredModel:
    """Register a network as the next version of `next-purchase-network-60d`, or of as many days as it was judged on.

    Args:
        stores: The workspace.
        fitted: Learnt from everything before `as_of`.
        check: Of the same network, learnt from what was known `judged_days` earlier.
        seed: Of both.
        judged_days: Its horizon.
        as_of, now: Its moment, and when it was learnt.
        snapshot: What was read.
    """
    return register_model(
        stores,
        {_PART: fitted.model},
        name=f"next-purchase-network-{judged_days}d",
        kind=_KIND,
        as_of=as_of.astimezone(UTC),
        settings={"horizon_days": judged_days, "network": fitted.model.network, "seed": seed},
        metrics={
            "check": check,
            "rounds": fitted.rounds,
            "stopped": fitted.stopped,
            "events": fitted.model.reading.names,
            "seasonal": fitted.model.reading.seasonal,
        },
        lake_versions=snapshot.versions,
        trained_at=now,
    )


def kept_network(
    stores: Stores, name: str, as_of: datetime
) -> tuple[RegisteredModel, SequenceModel]:
    """The network of a registered model.

    Args:
        stores: The workspace.
        name: `next-purchase-network-60d`, or `next-purchase-network-60d@2`.
        as_of: When it is to be used.

    Raises:
        PredictError: There is no such model, or it is of another kind, or has seen what came after `as_of`.
        ModelFileError: Its files are missing or were changed.
    """
    entry = find_model(stores, name)
    if entry.kind != _KIND:
        raise PredictError(
            f"'{entry.name}' is {kind_words(entry.kind)}, not a network of the next purchase. List models with: "
            "aimwell predict models"
        )
    check_seen(entry, as_of, told="days")
    return entry, load_part(stores, entry, _PART, SequenceModel)
