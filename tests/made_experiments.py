"""Experiments whose true effects are known, person by person."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aimwell.decide.uplift.data import ExperimentData, experiment_of

__all__ = ["Known", "known_experiment"]


@dataclass(frozen=True)
class Known:
    """An experiment, and people × (arms − 1) true effects."""

    data: ExperimentData
    effects: np.ndarray


def known_experiment(
    people: int,
    *,
    seed: int,
    arms: int = 2,
    effect: float = 1.0,
    base: float = 1.0,
    noise: float = 1.0,
    kind: str = "money",
) -> Known:
    """Effects that are a line in two features; the second arm's goes the other way. `kind`: money, count or yes."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((people, 4))
    lines = np.column_stack([0.3 + x[:, 0], 0.3 - x[:, 0] + 0.5 * x[:, 1], 0.1 + x[:, 1]])
    true = effect * lines[:, : arms - 1]
    arm = rng.integers(arms, size=people)
    gained = np.where(arm > 0, true[np.arange(people), np.maximum(arm - 1, 0)], 0.0)
    if kind == "yes":
        true = 0.1 * np.clip(true, -2.0, 2.0)
        gained = np.where(arm > 0, true[np.arange(people), np.maximum(arm - 1, 0)], 0.0)
        chance = np.clip(0.4 + 0.05 * x[:, 2], 0.25, 0.55) + gained
        outcome = (rng.random(people) < chance).astype(float)
    elif kind == "count":
        true = np.clip(true, -2.0, 2.0)
        gained = np.where(arm > 0, true[np.arange(people), np.maximum(arm - 1, 0)], 0.0)
        outcome = rng.poisson(3.0 + gained).astype(float)
    else:
        outcome = base * x[:, 2] + gained + noise * rng.standard_normal(people)
    names = np.array(["nothing", "a", "b", "c"])[arm]
    data = experiment_of(
        x,
        names,
        {"y": outcome},
        control="nothing",
        names=("x0", "x1", "x2", "x3"),
        probabilities=dict.fromkeys(["nothing", "a", "b", "c"][:arms], 1 / arms),
    )
    return Known(data, true)
