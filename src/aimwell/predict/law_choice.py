"""Which law of buying to believe: each is fitted to what was known some time ago and judged on what came since.

The loss of a customer is minus the log-density of the purchases that came, given those before,

    ln L(everything until the end) − ln L(everything until the cut),

a proper score of the whole prediction (whether, how often, when), for which the three laws share one measure. BG/NBD is
taken unless another law's score is better by more than chance, person by person.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from aimwell.errors import PredictError
from aimwell.predict.buying_law import BuyingLaw
from aimwell.predict.laws import LAWS, Law, fit_law
from aimwell.predict.paired import compare_losses
from aimwell.predict.purchases import PurchaseHistory
from aimwell.stats.estimate import DEFAULT_CONFIDENCE, Estimate

__all__ = ["LawCandidate", "LawChoice", "choose_law"]


@dataclass(frozen=True, slots=True)
class LawCandidate:
    """One law on the held-out time.

    Args:
        law, title: Which.
        model: As fitted to what was known at the cut.
        log_density: Mean over customers of the log-density of what came; more is better.
        extra_loss: By how much less that is than the best law's, person by person.
        purchases: Expected purchases of all customers together.
    """

    law: Law
    title: str
    model: BuyingLaw
    log_density: float
    extra_loss: Estimate
    purchases: float


@dataclass(frozen=True, slots=True)
class LawChoice:
    """The chosen law and why; all that could be fitted, the simplest first; of the others the reason, by title."""

    chosen: LawCandidate
    reason: str
    candidates: tuple[LawCandidate, ...]
    failed: Mapping[str, str]

    @property
    def model(self) -> BuyingLaw:
        """The chosen law as fitted to what was known at the cut."""
        return self.chosen.model


def choose_law(
    known: PurchaseHistory,
    later: PurchaseHistory,
    *,
    asked: Law | None = None,
    confidence: float = DEFAULT_CONFIDENCE,
) -> LawChoice:
    """Fit every law to `known` and judge it on what `later` adds.

    Args:
        known: Customers at the cut.
        later: The same customers in the same order, at the end of the held-out time.
        asked: Take this law, whatever the others are worth; None chooses.
        confidence: Of the intervals, and of what counts as chance.

    Raises:
        TooLittleDataError: Too few customers or repeat buyers.
        PredictError: The law that was asked for, or every law, cannot be fitted.
    """
    fitted, failed = _fitted(known, asked)
    losses = [model.log_densities(known) - model.log_densities(later) for model in fitted.values()]
    compared = compare_losses(losses, confidence=confidence)
    horizon = float((later.age - known.age).max())
    candidates = tuple(
        LawCandidate(
            law=law,
            title=model.title,
            model=model,
            log_density=-float(loss.mean()),
            extra_loss=extra,
            purchases=float(model.expected_purchases(known, horizon).sum()),
        )
        for (law, model), loss, extra in zip(fitted.items(), losses, compared.extra, strict=True)
    )
    best, chosen = candidates[compared.best], candidates[compared.chosen]
    if asked is not None:
        chosen = next(one for one in candidates if one.law == asked)
        return LawChoice(chosen, _asked_reason(chosen, best), candidates, failed)
    return LawChoice(chosen, _reason(chosen, best, candidates), candidates, failed)


def _fitted(
    known: PurchaseHistory, asked: Law | None
) -> tuple[dict[Law, BuyingLaw], dict[str, str]]:
    fitted: dict[Law, BuyingLaw] = {}
    failed: dict[str, str] = {}
    first: PredictError | None = None
    for law, kind in LAWS.items():
        try:
            fitted[law] = fit_law(known, law)
        except PredictError as error:
            if law == asked:
                raise
            first = first or error
            failed[kind.title] = str(error)
    if first is not None and not fitted:
        raise first
    return fitted, failed


def _asked_reason(chosen: LawCandidate, best: LawCandidate) -> str:
    if (chosen.extra_loss.lower or 0.0) <= 0:
        return f"{chosen.title} was asked for; on the checked days no law was better by more than chance."
    return (
        f"{chosen.title} was asked for, though {best.title} was better on the checked days by more than chance "
        f"({_by(chosen.extra_loss)})."
    )


def _reason(chosen: LawCandidate, best: LawCandidate, candidates: tuple[LawCandidate, ...]) -> str:
    if chosen is best:
        simpler = candidates[: candidates.index(best)]
        if not simpler:
            return f"{best.title} is the best law of buying on the checked days, and the simplest."
        return (
            f"{best.title} is the best law of buying on the checked days; what is simpler is worse by more than chance "
            f"({', '.join(f'{one.title} by {_by(one.extra_loss)}' for one in simpler)})."
        )
    return (
        f"{chosen.title} is the simplest law of buying within chance of the best on the checked days: {best.title} is "
        f"better by {_by(chosen.extra_loss)}."
    )


def _by(extra: Estimate) -> str:
    return (
        f"{extra.estimate:.4f} ({extra.lower:.4f} to {extra.upper:.4f}) of log-density a customer"
    )
