"""What is known of a model's worth as plain numbers, as the registry keeps them and a card puts them in words."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np

from aimwell.predict.buying_law import BuyingLaw
from aimwell.predict.churn import ChurnCandidate, ChurnResult
from aimwell.predict.gamma_gamma import GammaGamma
from aimwell.predict.leaks import leaks
from aimwell.predict.lifetime_check import LifetimeCheck
from aimwell.predict.lifetime_value import LifetimeValues
from aimwell.predict.propensity import Candidate, PropensityModel, PropensityResult
from aimwell.predict.tables import FeatureTable
from aimwell.predict.training import TrainingTables
from aimwell.stats.ranks import shared_ranks
from aimwell.stats.samples import FloatArray

__all__ = [
    "check_metrics",
    "churn_metrics",
    "directions",
    "lifetime_metrics",
    "propensity_metrics",
    "spend_metrics",
    "subscription_metrics",
]

# Weaker rank correlations are not told as a direction.
_CLEAR = 0.1
_FEATURES_TOLD = 10
_PEOPLE_MAX = 20_000


def propensity_metrics(result: PropensityResult, tables: TrainingTables) -> dict[str, Any]:
    """Candidates with their judgements, the chosen one and why, the strongest features with their direction."""
    way = directions(result.model, tables.judge)
    plain: dict[str, Any] = msgspec.to_builtins(
        {
            "learner": result.model.learner,
            "reason": result.reason,
            "recorded": tables.recorded,
            "train": _people(tables.train),
            "judge": {**_people(tables.judge), **_drawn(tables)},
            "calibrator": result.model.calibrator.method,
            "ageing": _ageing(result.model),
            "candidates": [_candidate(one) for one in result.candidates],
            "leaks": [
                {"name": one.name, "auc": one.auc, "by_gap": one.by_gap}
                for one in leaks(tables.judge)
            ],
            "features": [
                {"name": name, "share": share, "direction": way[name]}
                for name, share in result.model.influences[:_FEATURES_TOLD]
                if share > 0
            ],
        }
    )
    return plain


def _ageing(model: PropensityModel) -> dict[str, Any] | None:
    """How long the history was when it learnt, and the features that are stated as if it still were."""
    used = tuple(name for name, share in model.influences if share > 0)
    grown = () if model.ageing is None else model.ageing.grown(used)
    return {"days": model.ageing.days, "features": grown} if model.ageing and grown else None


def directions(model: PropensityModel, table: FeatureTable) -> dict[str, float | None]:
    """Per feature the rank correlation (−1 to 1) with the predicted probability over people who have it.

    None where it is too weak to be called a direction. It describes what the model does, not what causes what. Of more than
    twenty thousand people so many at most are looked at, evenly through all.
    """
    table = table.take(np.arange(0, len(table), -(-len(table) // _PEOPLE_MAX) or 1))
    chances = model.predict(table)
    values = table.matrix(model.names)
    return {name: _direction(values[:, place], chances) for place, name in enumerate(model.names)}


def _direction(column: FloatArray, chances: FloatArray) -> float | None:
    known = ~np.isnan(column)
    if known.sum() < 3 or np.ptp(column[known]) == 0 or np.ptp(chances[known]) == 0:
        return None
    found = float(np.corrcoef(shared_ranks(column[known]), shared_ranks(chances[known]))[0, 1])
    return found if abs(found) >= _CLEAR else None


def _people(table: FeatureTable) -> dict[str, Any]:
    return {
        "as_of": table.as_of,
        "people": len(table),
        "positives": int(table.happened.sum()),
    }


def _drawn(tables: TrainingTables) -> dict[str, int]:
    """From how many those who judge were drawn, where that was not everybody."""
    return {} if tables.known == len(tables.judge) else {"of": tables.known}


def _candidate(one: Candidate) -> dict[str, Any]:
    return {
        "learner": one.model.learner,
        "later": one.later,
        "random_split": one.random_split,
        "optimism": one.optimism,
        "extra_loss": one.extra_loss,
        **({} if one.tuned is None else {"tuned": one.tuned}),
    }


def churn_metrics(result: ChurnResult, train: FeatureTable, judge: FeatureTable) -> dict[str, Any]:
    """Every way of telling with its judgement, the chosen one and why, and the rule of thumb."""
    model = result.chosen.model
    plain: dict[str, Any] = msgspec.to_builtins(
        {
            "learner": result.chosen.learner,
            "reason": result.reason,
            "train": _at_risk(train),
            "judge": _at_risk(judge),
            "candidates": [_way(one) for one in result.candidates],
            "rule": result.rule,
            "features": []
            if model is None
            else [
                {"name": name, "share": share}
                for name, share in model.influences[:_FEATURES_TOLD]
                if share > 0
            ],
        }
    )
    return plain


def _at_risk(table: FeatureTable) -> dict[str, Any]:
    return {
        "as_of": table.as_of,
        "people": len(table),
        "gone": len(table) - int(table.happened.sum()),
    }


def _way(one: ChurnCandidate) -> dict[str, Any]:
    return {"learner": one.learner, "later": one.later, "extra_loss": one.extra_loss}


def spend_metrics(**found: Any) -> dict[str, Any]:
    """What was found about a spend that was learnt from features."""
    plain: dict[str, Any] = msgspec.to_builtins(found)
    return plain


def subscription_metrics(**found: Any) -> dict[str, Any]:
    """What was found about subscriptions; of the candidates their judgements, without their models."""
    plain: dict[str, Any] = msgspec.to_builtins(
        {
            **found,
            "candidates": [
                {"learner": one.learner, "later": one.later, "extra_loss": one.extra_loss}
                for one in found["candidates"]
            ],
        }
    )
    return plain


def lifetime_metrics(
    buying: BuyingLaw, spending: GammaGamma, values: LifetimeValues
) -> dict[str, Any]:
    """Parameters with intervals, how many were seen, and the sums over all customers."""
    plain: dict[str, Any] = msgspec.to_builtins(
        {
            "customers": buying.customers_,
            "repeat_buyers": buying.repeat_buyers_,
            "measure": values.measure,
            "total": values.total,
            "total_possible": values.total_possible,
            "missing": values.missing,
            "expected_purchases": float(values.expected_purchases.sum()),
            "mean_probability_alive": float(values.probability_alive.mean()),
            "buying": {
                "law": buying.title,
                "parameters": buying.parameter_intervals(),
                "log_likelihood": buying.log_likelihood_,
            },
            "spending": {
                "parameters": spending.parameter_intervals(),
                "log_likelihood": spending.log_likelihood_,
                "correlation": spending.correlation_,
            },
        }
    )
    return plain


def check_metrics(check: LifetimeCheck) -> dict[str, Any]:
    """The check without its models."""
    plain: dict[str, Any] = msgspec.to_builtins(
        {
            "cut_at": check.cut_at,
            "holdout_days": check.holdout_days,
            "purchases": check.purchases,
            "money": check.money,
            "places": check.places,
            "sum_possible": check.sum_possible,
            "left_out": check.left_out,
            "laws": {
                "chosen": check.laws.chosen.law,
                "reason": check.laws.reason,
                "tried": [
                    {
                        "law": one.law,
                        "title": one.title,
                        "log_density": one.log_density,
                        "worse_by": one.extra_loss,
                        "purchases": one.purchases,
                    }
                    for one in check.laws.candidates
                ],
                "failed": check.laws.failed,
            },
        }
    )
    return plain
