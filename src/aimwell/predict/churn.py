"""Churn of customers without a contract: who, of those who bought lately, will not buy within the horizon.

Nobody says goodbye in a shop. Customers count as *gone* when they have not ordered for a whole horizon; *at risk* are those
who ordered within the last one. Several ways of telling stand side by side, the simplest first, all learnt at one moment and
judged on the people at risk at a later one:

- the share that stayed among people as late by their own rhythm (silence ÷ own mean gap),
- the share among people who last bought about as long ago,
- a law of buying, by the probability that it gives to a silent horizon,
- logistic regression and boosted trees over all features, as a propensity has them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aimwell.errors import TooLittleDataError
from aimwell.predict.base_rates import RecencyLearner
from aimwell.predict.calibration import Calibrator
from aimwell.predict.judging import Judgement, judge, losses
from aimwell.predict.paired import compare_losses
from aimwell.predict.propensity import PropensityModel, fit_propensity
from aimwell.predict.tables import BoolArray, FeatureTable
from aimwell.stats.estimate import DEFAULT_CONFIDENCE, Estimate
from aimwell.stats.intervals import wilson
from aimwell.stats.samples import FloatArray

__all__ = [
    "LATE_GAPS",
    "OWN_RHYTHM",
    "ChurnCandidate",
    "ChurnResult",
    "LateRule",
    "fit_churn",
    "late_rule",
]

# The outcome learnt is a purchase: who did it came back.
_AT_RISK = {
    "people": "people at risk",
    "people who did it": "people at risk who came back",
    "people who did not": "people at risk who went",
}

OWN_RHYTHM = "base rate by own rhythm"
LATE_GAPS = 2.0
"""The usual rule of thumb calls a customer lost when silent for more than so many of their own mean gaps."""


@dataclass(frozen=True, slots=True)
class ChurnCandidate:
    """One way of telling who goes, and how it did.

    Args:
        learner: Its name; a law of buying by its title.
        model: A propensity to *buy*; None for the law of buying.
        later: Probabilities of *going* on the people of the later moment.
        extra_loss: Mean log loss there, above that of the best, person by person; 0 for the best.
    """

    learner: str
    model: PropensityModel | None
    later: Judgement
    extra_loss: Estimate


@dataclass(frozen=True, slots=True)
class LateRule:
    """The rule of thumb on the later people: lost is who is silent for more than `LATE_GAPS` own mean gaps.

    Args:
        told: People with a mean gap of their own.
        flagged: Those of them whom the rule calls lost.
        right: Share of the flagged who went.
        found: Share of those who went, among all told, whom it had flagged.
    """

    told: int
    flagged: int
    right: Estimate
    found: Estimate


@dataclass(frozen=True, slots=True)
class ChurnResult:
    """The chosen way, why, all of them (the simplest first), and the rule of thumb beside them."""

    chosen: ChurnCandidate
    reason: str
    candidates: tuple[ChurnCandidate, ...]
    rule: LateRule


def fit_churn(
    train: FeatureTable,
    later: FeatureTable,
    *,
    law: str | None,
    law_silent: FloatArray | None,
    seed: int = 0,
    confidence: float = DEFAULT_CONFIDENCE,
) -> ChurnResult:
    """Fit every way of telling, judge all on later people, choose the simplest within chance of the best.

    Args:
        train: People at risk at the first moment; the outcome is whether they bought.
        later: People at risk at a later moment, with outcomes.
        law: Title of the law of buying; None where there is none.
        law_silent: The law's probability of a silent horizon of each of the later people.
        seed: Of divisions and trees.
        confidence: Of intervals, and of what counts as chance.

    Raises:
        TooLittleDataError: Too few people, or too few who bought or did not.
        PredictError: The moments overlap, or no feature varies.
    """
    try:
        learnt = fit_propensity(
            train, later, recency="recency_days", seed=seed, confidence=confidence
        )
    except TooLittleDataError as error:
        raise TooLittleDataError(
            "churn",
            needed={_AT_RISK[name]: number for name, number in error.needed.items()},
            present={_AT_RISK[name]: number for name, number in error.present.items()},
            advice="Take another horizon, or wait for more orders.",
        ) from error
    ways: list[tuple[str, PropensityModel | None, FloatArray]] = []
    rhythm = _own_rhythm(train)
    rule, *others = (one.model for one in learnt.candidates)
    for model in (rhythm, rule):
        ways.append((model.learner, model, 1 - model.predict(later)))
    if law is not None and law_silent is not None:
        ways.append((law, None, law_silent))
    ways += [(model.learner, model, 1 - model.predict(later)) for model in others]
    gone = ~later.happened
    compared = compare_losses(
        [losses(chances, gone) for _, _, chances in ways], confidence=confidence
    )
    candidates = tuple(
        ChurnCandidate(name, model, judge(chances, gone, confidence=confidence), extra)
        for (name, model, chances), extra in zip(ways, compared.extra, strict=True)
    )
    chosen, best = candidates[compared.chosen], candidates[compared.best]
    return ChurnResult(chosen, _reason(chosen, best), candidates, late_rule(later, confidence))


def late_rule(later: FeatureTable, confidence: float = DEFAULT_CONFIDENCE) -> LateRule:
    """How the rule of thumb did on people whose outcome is known."""
    late = later.matrix(("overdue",))[:, 0]
    told = ~np.isnan(late)
    flagged, gone = told & (late > LATE_GAPS), told & ~later.happened
    both = int((flagged & gone).sum())
    return LateRule(
        told=int(told.sum()),
        flagged=int(flagged.sum()),
        right=_share(both, flagged, "the rule called nobody lost", confidence),
        found=_share(both, gone, "nobody went", confidence),
    )


def _share(hits: int, among: BoolArray, empty: str, confidence: float) -> Estimate:
    size = int(among.sum())
    if not size:
        return Estimate.missing(empty, method="Wilson", confidence=confidence)
    return wilson(hits, size, confidence=confidence)


def _own_rhythm(train: FeatureTable) -> PropensityModel:
    """The share that bought in bands of silence by own mean gap; who bought once is a band of their own."""
    learner = RecencyLearner(train.names.index("overdue"))
    return PropensityModel(
        learner=OWN_RHYTHM,
        names=train.names,
        horizon=train.horizon,
        trained_as_of=train.as_of,
        scorer=learner.fit(train.values, train.happened),
        calibrator=Calibrator(),
    )


def _reason(chosen: ChurnCandidate, best: ChurnCandidate) -> str:
    loss = f"log loss {chosen.later.log_loss:.4f}"
    if chosen is best:
        return (
            f"Taken: {chosen.learner}. It is the best on the later people ({loss}), and what is simpler is worse by more "
            "than chance."
        )
    return (
        f"Taken: {chosen.learner} ({loss}), the simplest within chance of the best on the later people: "
        f"{best.learner} ({best.later.log_loss:.4f})."
    )
