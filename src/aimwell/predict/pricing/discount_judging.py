"""How well people's leaning to discounts foretold which of their later lines were on discount."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow.compute as pc
from scipy.special import expit, logit

from aimwell.predict.beta_binomial import BetaBinomial, fit_strength
from aimwell.predict.paired import paired_difference, verdict_of
from aimwell.predict.pricing.discount_lines import DiscountLines
from aimwell.stats.estimate import Estimate
from aimwell.stats.samples import FloatArray

__all__ = [
    "DISCOUNTS_NEEDED",
    "DiscountJudgement",
    "LaterLines",
    "discounts_law",
    "discounts_present",
    "judge_discounts",
    "later_lines",
]

DISCOUNTS_NEEDED = {
    "lines on discount": 200,
    "lines at the full price": 200,
    "people with five or more lines": 50,
}
_LINES = 5


@dataclass(frozen=True, slots=True)
class DiscountJudgement:
    """How well it was foretold which later lines were on discount.

    Args:
        lines, people: Later lines of people who had bought before.
        log_loss: Mean loss (nats a line; less is better) of what was on discount then, moved by the person's own leaning.
        log_loss_offered: Of what was on discount then alone.
        gain: By how much the first is lower, a line.
        verdict: 'better', 'worse' or 'cannot tell', by the interval of `gain`.
    """

    lines: int
    people: int
    log_loss: float
    log_loss_offered: float
    gain: Estimate
    verdict: str


@dataclass(frozen=True, slots=True, eq=False)
class LaterLines:
    """Later lines of each person who had bought before.

    Args:
        lines, hits: How many, and how many on discount.
        offered: The share on discount where and when they bought.
        own: The same moved by the person's own leaning.
    """

    lines: FloatArray
    hits: FloatArray
    offered: FloatArray
    own: FloatArray

    def losses(self, chance: FloatArray) -> FloatArray:
        """Mean log loss of each person's lines by a chance."""
        total = self.hits * np.log(chance) + (self.lines - self.hits) * np.log1p(-chance)
        return np.asarray(-total / self.lines)


def discounts_present(read: DiscountLines) -> dict[str, int]:
    """What there is of what is needed."""
    on = int(read.hits.sum())
    figures = (on, int(read.lines.sum()) - on, int((read.lines >= _LINES).sum()))
    return dict(zip(DISCOUNTS_NEEDED, figures, strict=True))


def discounts_law(read: DiscountLines) -> BetaBinomial:
    """Everybody's share of lines on discount, and how strongly people are drawn to what is usual for them."""
    strength = fit_strength(read.hits, read.lines, read.usual)
    return BetaBinomial(float(read.hits.sum() / read.lines.sum()), strength)


def later_lines(
    before: DiscountLines, later: DiscountLines, law: BetaBinomial
) -> LaterLines | None:
    """What a law and the lines before tell of later lines; None where nobody bought before and later."""
    found = pc.index_in(later.profiles, before.profiles)
    there = found.is_valid().to_numpy(zero_copy_only=False)
    if not there.any():
        return None
    # A leaning is a factor of the odds, so that it can be carried to what is on discount later.
    shares = law.shares(before.hits, before.lines, before.usual).mean
    leaning = (logit(shares) - logit(before.usual))[found.drop_null().to_numpy()]
    offered = later.usual[there]
    own = np.asarray(expit(logit(offered) + leaning))
    return LaterLines(later.lines[there], later.hits[there], offered, own)


def judge_discounts(
    before: DiscountLines, later: DiscountLines
) -> tuple[DiscountJudgement | None, str]:
    """Learnt from the lines before, judged on later ones; or why not."""
    present = discounts_present(before)
    if any(present[name] < least for name, least in DISCOUNTS_NEEDED.items()):
        return None, "Not judged on later lines: there were too few before them."
    found = later_lines(before, later, discounts_law(before))
    if found is None:
        return None, "Not judged: nobody who had bought before bought in the later period."
    own, offered = found.losses(found.own), found.losses(found.offered)
    # Each line is a row, so that the gain is one of lines; a person's hang together.
    times = found.lines.astype(np.int64)
    gain = paired_difference(
        np.repeat(offered - own, times), groups=np.repeat(np.arange(len(times)), times)
    )
    lines = found.lines.sum()
    return DiscountJudgement(
        lines=int(lines),
        people=len(times),
        log_loss=float((own * found.lines).sum() / lines),
        log_loss_offered=float((offered * found.lines).sum() / lines),
        gain=gain,
        verdict=verdict_of(gain),
    ), ""
