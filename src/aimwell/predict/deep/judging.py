"""Sequence models beside the simple ways on later time, and whether one of them is good enough to be used.

Which of the networks is a *candidate* is told by people who were held out of the learning period, so that a single one is judged on
the later time. It is used where its pinball loss is lower than that of each simple way by more than chance, and its log score is
lower than none's by more than chance.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from aimwell.predict.deep.day_law import DayLaw
from aimwell.predict.deep.model import NETWORKS, FittedNetwork, Network
from aimwell.predict.paired import paired_difference
from aimwell.predict.timing.kaplan_meier import WaitCurve
from aimwell.predict.timing.renewal import NextGap
from aimwell.predict.timing.wait_check import EVERYBODY, RENEWAL, Promise, covered, promises
from aimwell.predict.timing.wait_losses import CurveAhead, Forecaster, RowLosses, row_losses
from aimwell.stats.estimate import Estimate
from aimwell.stats.samples import FloatArray

__all__ = ["Against", "DeepCheck", "SequenceWay", "check_deep"]


@dataclass(frozen=True, slots=True)
class Against:
    """By how much a network is better than another way: less pinball loss (days a row), and more log score."""

    other: str
    pinball_days: Estimate
    log_score: Estimate

    @property
    def won(self) -> bool:
        """Whether it is better by more than chance in the loss, and not worse by more than chance in the score."""
        less, more = self.pinball_days.lower, self.log_score.upper
        return less is not None and less > 0 and (more is None or more >= 0)


@dataclass(frozen=True, slots=True)
class SequenceWay:
    """One network.

    Args:
        network: Which.
        name: In words.
        held_out_loss, usual_loss, rounds, best_round, stopped: How it was learnt; see `FittedNetwork`.
        judged: On the later time.
        against: Each simple way.
        promises: Probabilities against shares.
        covered_50, covered_90: Of those who bought again, the share that did so within its interval.
    """

    network: Network
    name: str
    held_out_loss: float
    usual_loss: float
    rounds: int
    best_round: int
    stopped: str
    judged: Forecaster
    against: tuple[Against, ...]
    promises: tuple[Promise, ...]
    covered_50: Estimate
    covered_90: Estimate


@dataclass(frozen=True, slots=True)
class DeepCheck:
    """Sequence models judged.

    Args:
        learnt_rows, learnt_moments: People at moments from whom they learnt.
        ways: Each network.
        candidate: The one that foretold people held out best.
        used: The candidate, where it won; else None.
        sentence: Which is used, and why.
    """

    learnt_rows: int
    learnt_moments: int
    ways: tuple[SequenceWay, ...]
    candidate: Network
    used: Network | None
    sentence: str

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def check_deep(
    fitted: Sequence[FittedNetwork],
    laws: Mapping[Network, DayLaw],
    simple: NextGap,
    curve: WaitCurve,
    *,
    came: FloatArray,
    horizon_days: int,
    people: npt.NDArray[np.int64],
    learnt_rows: int,
    learnt_moments: int,
) -> DeepCheck:
    """Judge networks on what came after a moment.

    Args:
        fitted: How each was learnt.
        laws: What each foretells, one row a person.
        simple: What the renewal model foretells.
        curve: Everybody's waits before the moment.
        came, horizon_days, people: As `check_waits` takes them.
        learnt_rows, learnt_moments: From what they learnt.
    """
    others = {
        RENEWAL: row_losses(simple, came, horizon_days),
        EVERYBODY: row_losses(CurveAhead(curve, simple.waited), came, horizon_days),
    }
    returned = int(np.isfinite(came).sum())
    ways = []
    for one in fitted:
        network = one.model.network
        own = row_losses(laws[network], came, horizon_days)
        ways.append(
            SequenceWay(
                network=network,
                name=NETWORKS[network],
                held_out_loss=one.held_out_loss,
                usual_loss=one.usual_loss,
                rounds=one.rounds,
                best_round=one.best_round,
                stopped=one.stopped,
                judged=own.forecaster(NETWORKS[network]),
                against=tuple(_against(own, name, loss, people) for name, loss in others.items()),
                promises=promises(laws[network], came, horizon_days),
                covered_50=covered(own.inside_50, returned),
                covered_90=covered(own.inside_90, returned),
            )
        )
    best = min(ways, key=lambda way: way.held_out_loss)
    won = all(one.won for one in best.against)
    return DeepCheck(
        learnt_rows=learnt_rows,
        learnt_moments=learnt_moments,
        ways=tuple(ways),
        candidate=best.network,
        used=best.network if won else None,
        sentence=_sentence(best, won),
    )


def _against(own: RowLosses, name: str, other: RowLosses, people: npt.NDArray[np.int64]) -> Against:
    return Against(
        name,
        paired_difference(other.pinball - own.pinball, groups=people),
        paired_difference(own.log_score - other.log_score, groups=people),
    )


def _sentence(best: SequenceWay, won: bool) -> str:
    if won:
        return f"Used: the {best.name}. It foretold the later period better than each simple way by more than chance."
    missed = " and ".join(one.other for one in best.against if not one.won)
    return (
        f"Used: the {RENEWAL}. The {best.name}, the better of the networks on people held out, did not win against "
        f"{missed} by more than chance."
    )
