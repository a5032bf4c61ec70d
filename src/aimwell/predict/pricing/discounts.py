"""Who buys what is on discount: each person's share of lines bought on discount, beside what was on discount where and when they bought.

What is usual for a person is the mean, over their lines, of the share on discount among everybody else's lines of the same category and
week. A person's true share follows a Beta law around that (`beta_binomial`), and how far people go from it beyond chance is learnt
from all. So who buys in a week in which all is on discount does not count as a seeker of discounts.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from aimwell.errors import TooLittleDataError
from aimwell.history.moment import TIME_COLUMNS, open_moment
from aimwell.predict.beta_binomial import BetaBinomial
from aimwell.predict.pricing.discount_judging import (
    DISCOUNTS_NEEDED,
    DiscountJudgement,
    discounts_law,
    discounts_present,
    judge_discounts,
)
from aimwell.predict.pricing.discount_lines import DiscountLines, read_discount_lines
from aimwell.predict.registry import RegisteredModel, check_name, load_part, register_model
from aimwell.predict.scoring import SCORES, check_seen, keep_scores
from aimwell.predict.training import span_days
from aimwell.store.lake import Snapshot
from aimwell.store.stores import Stores

__all__ = [
    "DiscountSeekers",
    "discount_seekers",
    "discounts_law_of",
    "lines_around",
    "score_discounts",
]

NAME = "discount-seeking"

_PART = "law"


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
    stores: Stores,
    *,
    as_of: datetime,
    check_days: int = 60,
    name: str = NAME,
    keep: bool = True,
    now: datetime,
) -> DiscountSeekers:
    """By how much each person buys on discount beyond what was on discount when and where they bought.

    Args:
        stores: The workspace.
        as_of: Nothing from this moment on is seen.
        check_days: How many days before it the later period begins, on which it is judged.
        name: Of the model.
        keep: Register the law as a model and keep `excess` with its interval as everybody's score.
        now: When.

    Returns:
        `people`, by profile_id: `profile_id`, `lines`, `on_discount` (lines), `spend_share` (of spend, null where nothing was paid),
        `usual` (share that was on discount where and when they bought), `share` (expected true share), `excess` (share less usual)
        with `lower` and `upper` (95 %), `leaning`: 'seeks' or 'avoids' where the interval of `excess` lies on one side of 0.

    Raises:
        TooLittleDataError: Too few lines on discount or at the full price, or too few people.
        PredictError: `name` stands for another model.
    """
    settings = {"horizon_days": check_days}
    if keep:
        check_name(stores, name, kind="discount_seeking", settings=settings)
    span = span_days(check_days)
    snapshot, engine = stores.lake.pin(*TIME_COLUMNS), stores.history_engine
    with open_moment(stores, as_of=as_of, snapshot=snapshot, engine=engine) as moment:
        known = read_discount_lines(moment, "")
    _gate(known)
    before, later = lines_around(stores, as_of - span, span, snapshot)
    judged, reason = judge_discounts(before, later)
    law = discounts_law(known)
    people = _told(known, law)
    entry = None
    if keep:
        entry = register_model(
            stores,
            {_PART: law},
            name=name,
            kind="discount_seeking",
            as_of=as_of.astimezone(UTC),
            settings=settings,
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
        keep_scores(stores, entry, _scores(people), as_of=as_of, now=now)
    return DiscountSeekers(people, law, judged, reason, entry)


def lines_around(
    stores: Stores, cut: datetime, span: timedelta, snapshot: Snapshot | None = None
) -> tuple[DiscountLines, DiscountLines]:
    """People's lines before a moment, and those within a span after it."""
    with open_moment(
        stores, as_of=cut, horizon=span, snapshot=snapshot, engine=stores.history_engine
    ) as moment:
        return read_discount_lines(moment, ""), read_discount_lines(moment, "_ahead")


def discounts_law_of(stores: Stores, entry: RegisteredModel) -> BetaBinomial:
    """The law of a registered version. Raises ModelFileError where its files are missing or were changed."""
    return load_part(stores, entry, _PART, BetaBinomial)


def score_discounts(
    stores: Stores, entry: RegisteredModel, *, as_of: datetime, now: datetime
) -> int:
    """Store everybody's `excess` with its interval, by the law of a version, and say of how many people.

    Raises:
        PredictError: It has seen later data than `as_of` leaves.
        ModelFileError: Its files are missing or were changed.
    """
    check_seen(entry, as_of)
    with open_moment(stores, as_of=as_of, engine=stores.history_engine) as moment:
        people = _told(read_discount_lines(moment, ""), discounts_law_of(stores, entry))
    keep_scores(stores, entry, _scores(people), as_of=as_of, now=now)
    return int(people.num_rows)


def _scores(people: pa.Table) -> pa.Table:
    columns = ["profile_id", "excess", "lower", "upper"]
    return people.select(columns).rename_columns(SCORES.names).cast(SCORES)


def _gate(read: DiscountLines) -> None:
    present = discounts_present(read)
    if any(present[name] < least for name, least in DISCOUNTS_NEEDED.items()):
        raise TooLittleDataError(
            "who buys on discount",
            needed=DISCOUNTS_NEEDED,
            present=present,
            advice="A line is on discount if it bears one: map the discount of order lines when collecting them, or wait for more orders.",
        )


def _told(read: DiscountLines, law: BetaBinomial) -> pa.Table:
    shares = law.shares(read.hits, read.lines, read.usual)
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
