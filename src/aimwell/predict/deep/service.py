"""Sequence models of a workspace: learnt before a moment, judged on the time since, and used where they win."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from importlib.util import find_spec

import numpy as np
import pyarrow.compute as pc

from aimwell.errors import PredictError
from aimwell.predict.deep.day_law import DayLaw, day_spans
from aimwell.predict.deep.judging import DeepCheck, check_deep
from aimwell.predict.deep.model import NETWORKS, FittedNetwork, Network, SequenceModel
from aimwell.predict.deep.reading import Learning, learning_rows, read_chunks
from aimwell.predict.timing.reading import WaitRows, came_to
from aimwell.predict.timing.renewal import NextGap
from aimwell.stats.samples import FloatArray
from aimwell.store.lake import Snapshot
from aimwell.store.stores import Stores

__all__ = ["DeepOptions", "foretold", "judge_networks", "learn_again", "need_torch"]

_CHUNK_PEOPLE = 20_000


@dataclass(frozen=True, slots=True)
class DeepOptions:
    """How sequence models are learnt.

    Args:
        networks: Which ones.
        seed: The same data and seed give the same models.
        moments: As of how many moments people teach.
        rounds_max: How often all rows are read, at most.
        seconds_max: Of processor time to learn one network; a network that is stopped by it may differ the next time.
    """

    networks: tuple[Network, ...] = tuple(NETWORKS)
    seed: int = 0
    moments: int = 6
    rounds_max: int = 40
    seconds_max: float = 300.0


def need_torch() -> None:
    """Say what to install where PyTorch is absent.

    Raises:
        PredictError: It is.
    """
    if find_spec("torch") is None:
        raise PredictError(
            "Sequence models need PyTorch, which is not installed. Install it with: pip install 'aimwell[deep]'. The build "
            "for processors alone is much smaller and does as well; PyTorch's own page says how to get it."
        )


def judge_networks(
    stores: Stores,
    earlier: datetime,
    read: WaitRows,
    simple: NextGap,
    *,
    horizon_days: int,
    snapshot: Snapshot,
    options: DeepOptions,
) -> DeepCheck:
    """Learn networks from what was known at a moment, and judge them on the time since.

    Args:
        stores: The workspace.
        earlier: The moment; nothing after it teaches.
        read: What was known then, and what came since.
        simple: What the renewal model foretold then.
        horizon_days: Days from the moment to the end of the later time.
        snapshot: Versions of the lake's tables.
        options: See `DeepOptions`.

    Raises:
        TooLittleDataError: There is too little to learn from before the moment.
        PredictError: PyTorch is absent.
    """
    need_torch()
    learning = _learning(stores, earlier, horizon_days, snapshot, options)
    fitted = [_fitted(one, learning, earlier, horizon_days, options) for one in options.networks]
    laws = {
        one.model.network: foretold(stores, one.model, earlier, read.waits.waited, snapshot)
        for one in fitted
    }
    return check_deep(
        fitted,
        laws,
        simple,
        read.curve,
        came=came_to(read, horizon_days),
        horizon_days=horizon_days,
        people=np.asarray(pc.rank(read.profiles, tiebreaker="dense").to_numpy()) - 1,
        learnt_rows=len(learning.rows),
        learnt_moments=learning.moments,
    )


def learn_again(
    stores: Stores,
    network: Network,
    as_of: datetime,
    *,
    horizon_days: int,
    snapshot: Snapshot,
    options: DeepOptions,
) -> FittedNetwork:
    """Learn one network from everything before a moment, to be used from then on; arguments as of `judge_networks`."""
    need_torch()
    learning = _learning(stores, as_of, horizon_days, snapshot, options)
    return _fitted(network, learning, as_of, horizon_days, options)


def foretold(
    stores: Stores, model: SequenceModel, as_of: datetime, waited: FloatArray, snapshot: Snapshot
) -> DayLaw:
    """What a model says of everybody who bought before a moment, read and scored in chunks.

    Args:
        stores: The workspace.
        model: Learnt from nothing later than `as_of`.
        as_of: The moment.
        waited: Days waited by each, in the order of `read_waits`.
        snapshot: Versions of the lake's tables.

    Raises:
        PredictError: PyTorch is absent.
        ModelFileError: The weights do not fit the network.
    """
    need_torch()
    from aimwell.predict.deep.fitting import day_law

    rates = np.empty((len(waited), len(model.ends)))
    first = 0
    for rows in read_chunks(stores, as_of, model.reading, snapshot, _CHUNK_PEOPLE):
        part = slice(first, first + len(rows))
        rates[part] = day_law(model, rows, waited[part]).rates
        first += len(rows)
    return DayLaw(waited, rates, model.ends)


def _learning(
    stores: Stores, end: datetime, horizon_days: int, snapshot: Snapshot, options: DeepOptions
) -> Learning:
    return learning_rows(
        stores,
        end,
        horizon_days=horizon_days,
        moments=options.moments,
        snapshot=snapshot,
        seed=options.seed,
    )


def _fitted(
    network: Network,
    learning: Learning,
    as_of: datetime,
    horizon_days: int,
    options: DeepOptions,
) -> FittedNetwork:
    # Imported here, because PyTorch is an extra and takes a second to import.
    from aimwell.predict.deep.fitting import fit_network

    return fit_network(
        network,
        learning.rows,
        learning.watched,
        learning.held_out,
        reading=learning.how,
        ends=day_spans(horizon_days),
        trained_as_of=as_of,
        seed=options.seed,
        rounds_max=options.rounds_max,
        seconds_max=options.seconds_max,
    )
