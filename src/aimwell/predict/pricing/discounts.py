"""Who buys what is on discount: each person's share of lines bought on discount, beside what was on discount where and when they bought.

What is usual for a person is the mean, over their lines, of the share on discount among everybody else's lines of the same category and
week. A person's true share follows a Beta law around that (`beta_binomial`), and how far people go from it beyond chance is learnt
from all. So who buys in a week in which all is on discount does not count as a seeker of discounts.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy.special import expit, logit

from aimwell.errors import TooLittleDataError
from aimwell.history.moment import TIME_COLUMNS, open_moment
from aimwell.predict.beta_binomial import BetaBinomial, Shares, fit_strength
from aimwell.predict.paired import paired_difference, verdict_of
from aimwell.predict.pricing.discount_lines import DiscountLines, read_discount_lines
from aimwell.predict.registry import RegisteredModel, register_model
from aimwell.predict.scoring import SCORES, keep_scores
from aimwell.predict.training import span_days
from aimwell.stats.estimate import Estimate
from aimwell.stats.samples import FloatArray
from aimwell.store.stores import Stores

__all__ = ["DiscountJudgement", "DiscountSeekers", "discount_seekers"]

NAME = "discount-seeking"

_NEEDED = {
    "lines on discount": 200,
    "lines at the full price": 200,
    "people with five or more lines": 50,
}
_LINES = 5
_PRIOR_LINES = 10.0
_PART = "law"


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
class DiscountSeekers:
    """Who leans to what is on discount.

    Args:
        people: One row a person, see `discount_seekers`.
        law: Everybody's share of lines on discount, and how strongly people are drawn to what is usual for them, in lines.
        judged: On later lines; None where it could not be.
        reason: Why not; empty where it was.
        entry: The model as which the scores are kept; None where they are not.
    """

    people: pa.Table
    law: BetaBinomial
    judged: DiscountJudgement | None
    reason: str
    entry: RegisteredModel | None

    def to_dict(self) -> dict[str, Any]:
        """For JSON, without the people."""
        leaning = self.people.column("leaning").to_pylist()
        return {
            "people": len(leaning),
            "leanings": {name: leaning.count(name) for name in ("seeks", "avoids", "cannot tell")},
            "share_on_discount": self.law.mean,
            "strength_lines": self.law.strength,
            "judged": None if self.judged is None else asdict(self.judged),
            "reason": self.reason,
            "model": None if self.entry is None else self.entry.label,
        }


def discount_seekers(
    stores: Stores, *, as_of: datetime, check_days: int = 60, keep: bool = True, now: datetime
) -> DiscountSeekers:
    """By how much each person buys on discount beyond what was on discount when and where they bought.

    Args:
        stores: The workspace.
        as_of: Nothing from this moment on is seen.
        check_days: How many days before it the later period begins, on which it is judged.
        keep: Register the law as the model 'discount-seeking' and keep `excess` with its interval as everybody's score.
        now: When.

    Returns:
        `people`, by profile_id: `profile_id`, `lines`, `on_discount` (lines), `spend_share` (of spend, null where nothing was paid),
        `usual` (share that was on discount where and when they bought), `share` (expected true share), `excess` (share less usual)
        with `lower` and `upper` (95 %), `leaning`: 'seeks' or 'avoids' where the interval of `excess` lies on one side of 0.

    Raises:
        TooLittleDataError: Too few lines on discount or at the full price, or too few people.
    """
    span = span_days(check_days)
    snapshot, engine = stores.lake.pin(*TIME_COLUMNS), stores.history_engine
    with open_moment(stores, as_of=as_of, snapshot=snapshot, engine=engine) as moment:
        known = read_discount_lines(moment, "")
    _gate(known)
    with open_moment(
        stores, as_of=as_of - span, horizon=span, snapshot=snapshot, engine=engine
    ) as moment:
        before, later = read_discount_lines(moment, ""), read_discount_lines(moment, "_ahead")
    judged, reason = _judged(before, later)
    law = _law(known)
    people = _told(known, law)
    entry = None
    if keep:
        entry = register_model(
            stores,
            {_PART: law},
            name=NAME,
            kind="discount_seeking",
            as_of=as_of.astimezone(UTC),
            settings={"horizon_days": check_days},
            metrics={
                "people": people.num_rows,
                "lines": int(known.lines.sum()),
                "law": asdict(law),
                "judged": None if judged is None else asdict(judged),
                "reason": reason,
            },
            lake_versions=snapshot.versions,
            trained_at=now,
        )
        columns = ("profile_id", "excess", "lower", "upper")
        scores = people.select(list(columns)).rename_columns(SCORES.names).cast(SCORES)
        keep_scores(stores, entry, scores, as_of=as_of, now=now)
    return DiscountSeekers(people, law, judged, reason, entry)


def _present(read: DiscountLines) -> dict[str, int]:
    on = int(read.hits.sum())
    figures = (on, int(read.lines.sum()) - on, int((read.lines >= _LINES).sum()))
    return dict(zip(_NEEDED, figures, strict=True))


def _short(read: DiscountLines) -> bool:
    present = _present(read)
    return any(present[name] < least for name, least in _NEEDED.items())


def _gate(read: DiscountLines) -> None:
    if _short(read):
        raise TooLittleDataError(
            "who buys on discount",
            needed=_NEEDED,
            present=_present(read),
            advice="A line is on discount if it bears one: map the discount of order lines when collecting them, or wait for more orders.",
        )


def _law(read: DiscountLines) -> BetaBinomial:
    strength = fit_strength(read.hits, read.lines, read.usual)
    return BetaBinomial(float(read.hits.sum() / read.lines.sum()), strength)


def _shares(read: DiscountLines, law: BetaBinomial) -> Shares:
    return law.shares(read.hits, read.lines, read.usual)


def _told(read: DiscountLines, law: BetaBinomial) -> pa.Table:
    shares = _shares(read, law)
    lower, upper = (bound - read.usual for bound in shares.interval())
    leaning = np.where(lower > 0, "seeks", np.where(upper < 0, "avoids", "cannot tell"))
    share = np.divide(
        read.hit_spend, read.spend, out=np.zeros_like(read.spend), where=read.spend > 0
    )
    return pa.table(
        {
            "profile_id": read.profiles,
            "lines": pa.array(read.lines.astype(np.int64)),
            "on_discount": pa.array(read.hits.astype(np.int64)),
            "spend_share": pa.array(share, mask=read.spend <= 0),
            "usual": pa.array(read.usual),
            "share": pa.array(shares.mean),
            "excess": pa.array(shares.mean - read.usual),
            "lower": pa.array(lower),
            "upper": pa.array(upper),
            "leaning": pa.array(leaning.astype(object), pa.string()),
        }
    )


def _judged(before: DiscountLines, later: DiscountLines) -> tuple[DiscountJudgement | None, str]:
    if not len(before.lines) or _short(before):
        return None, "Not judged on later lines: there were too few before them."
    found = pc.index_in(later.profiles, before.profiles)
    there = found.is_valid().to_numpy(zero_copy_only=False)
    if not there.any():
        return None, "Not judged: nobody who had bought before bought in the later period."
    rows = found.drop_null().to_numpy()
    law = _law(before)
    # A leaning is a factor of the odds, so that it can be carried to what is on discount later.
    leaning = logit(_shares(before, law).mean) - logit(before.usual)
    lines, hits, offered = later.lines[there], later.hits[there], later.usual[there]
    own = expit(logit(offered) + leaning[rows])

    def loss(chance: FloatArray) -> FloatArray:
        return np.asarray(-(hits * np.log(chance) + (lines - hits) * np.log1p(-chance)))

    times = lines.astype(np.int64)
    each = (loss(offered) - loss(own)) / lines
    gain = paired_difference(np.repeat(each, times), groups=np.repeat(np.arange(len(lines)), times))
    return DiscountJudgement(
        lines=int(lines.sum()),
        people=len(lines),
        log_loss=float(loss(own).sum() / lines.sum()),
        log_loss_offered=float(loss(offered).sum() / lines.sum()),
        gain=gain,
        verdict=verdict_of(gain),
    ), ""
