"""Who had bought what responds to which campaign: micro-behaviours, as far as messages that were sent can tell.

A person counts once in a campaign, from its first message to them. Compared are people to whom the same campaign wrote in
the same half of its messages, with as many orders before: those who had bought an item (or two) with those who had not. Two
items together must also do better than each alone. Whom a campaign wrote to was chosen by somebody, and people who like a
thing differ in more than that; only an experiment tells what an offer adds.
"""

from __future__ import annotations

from datetime import datetime

import numpy as np

from aimwell.errors import PredictError, TooLittleDataError
from aimwell.history.moment import open_moment
from aimwell.predict.patterns import response_queries
from aimwell.predict.patterns.findings import (
    PEOPLE_MIN,
    against_parts,
    often_enough,
    tabled,
    written_findings,
)
from aimwell.predict.patterns.found import Finding, Responses
from aimwell.predict.patterns.reading import FALSE_SHARE, bind_items, checked_share, names_of
from aimwell.store.stores import Stores

__all__ = ["responses"]

_ITEMS_MAX = 60
_NEEDED = 100

_Key = tuple[str, int, int]  # campaign, half, orders before
_Counts = dict[tuple[str, ...], dict[_Key, tuple[int, int]]]
_Strata = dict[_Key, tuple[int, int]]


def responses(
    stores: Stores,
    *,
    as_of: datetime,
    to: str = "click",
    by: str = "sku",
    within_days: int = 7,
    false_share: float = FALSE_SHARE,
) -> Responses:
    """Items (one or two) whose buyers respond to a campaign more often than others to whom it wrote.

    Args:
        stores: The workspace.
        as_of: Nothing from this moment on is seen; messages of the last `within_days` before it cannot be followed.
        to: 'click' (on a link of the campaign, by a person), 'order' (any that was kept), or the name of an event, as
            'Coupon Redeemed', by its campaign where it names one.
        by: 'sku' or 'category'.
        within_days: How long after the first message.
        false_share: Of what stands, this share may be false on average.

    Raises:
        TooLittleDataError: Too few people who responded or who did not.
        PredictError: A number that cannot be.
    """
    checked_share("share of false findings", false_share)
    if within_days < 1:
        raise PredictError(f"Within {within_days} days nobody can respond; give 1 or more.")
    with open_moment(stores, as_of=as_of, engine=stores.history_engine) as moment:
        bind_items(moment, by)
        response_queries.bind_contacts(moment, to=to, within_days=within_days)
        strata: _Strata = {
            (campaign, half, before): (people, hits)
            for campaign, half, before, people, hits in moment.session.rows(
                response_queries.contact_strata()
            )
        }
        people, hits = (sum(pair[place] for pair in strata.values()) for place in (0, 1))
        _check_people(people, hits, to)
        items = [
            row[0]
            for row in moment.session.rows(
                response_queries.item_people(_ITEMS_MAX, least=PEOPLE_MIN)
            )
        ]
        counts: _Counts = {}
        for first, second, campaign, half, before, n, hit in moment.session.rows(
            response_queries.set_counts(items)
        ):
            way = (first, campaign) if second is None else (first, second, campaign)
            counts.setdefault(way, {})[campaign, half, before] = (n, hit)
        names = names_of(moment, by, items)
    campaigns = len({campaign for campaign, _, _ in strata})
    tests = campaigns * (len(items) + len(items) * (len(items) - 1) // 2)
    return Responses(
        to=to,
        by=by,
        within_days=within_days,
        campaigns=campaigns,
        people=people,
        responded=hits,
        tests=tests,
        false_share=false_share,
        findings=_findings(counts, strata, tests),
        names=names,
    )


def _findings(counts: _Counts, strata: _Strata, tests: int) -> tuple[Finding, ...]:
    keys = sorted(strata)
    often = often_enough(counts)
    ways = sorted(often)
    exposed, joint = (tabled(ways, keys, often, place) for place in (0, 1))
    # A way ends in its campaign; strata of other campaigns have nobody to compare with.
    own = np.array([[key[0] == way[-1] for key in keys] for way in ways]).reshape(joint.shape)
    totals, cases = (own * np.array([strata[key][place] for key in keys]) for place in (0, 1))
    return written_findings(
        [(way[:-1], way[-1]) for way in ways],
        joint=joint,
        exposed=exposed,
        cases=cases,
        totals=totals,
        half=np.array([half for _, half, _ in keys]),
        tests=max(tests, len(ways)),
        against=against_parts(ways, joint, exposed, size=3, parts=range(2)),
    )


def _check_people(people: int, hits: int, to: str) -> None:
    does = {"click": "who clicked", "order": "who ordered"}.get(to, f"who did '{to}'")
    needed = {f"people {does} after a message": _NEEDED, "people who did not": _NEEDED}
    present = {f"people {does} after a message": hits, "people who did not": people - hits}
    if min(present.values()) < _NEEDED:
        raise TooLittleDataError(
            "who responds to which campaign",
            needed=needed,
            present=present,
            advice="Messages are touches of a campaign named '… Sent' or '… Received'. Send more, wait longer (within), or "
            "count something else: a click, an order, or an event by the name that it has in your data (to).",
        )
