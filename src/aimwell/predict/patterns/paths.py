"""Which ways lead to an order or to silence: what people did in which order, against others as active.

People are looked at from two moments, the second a horizon after the first. What they did within the window before a
moment is the way; what came within the horizon after it is the outcome, so nothing of the way can come after what it is
said to lead to. Compared are people of one stratum: as much done, as lately, as many orders before. A path stands where it
is significant and leads there more often at both moments: the second judges the first. One of three steps must also lead there
more often than each of the ways of two steps in it.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np

from aimwell.errors import PredictError, TooLittleDataError
from aimwell.history.moment import open_moment
from aimwell.predict.patterns import path_queries
from aimwell.predict.patterns.findings import (
    PEOPLE_MIN,
    against_parts,
    often_enough,
    tabled,
    written_findings,
)
from aimwell.predict.patterns.found import Finding, Paths
from aimwell.predict.patterns.reading import FALSE_SHARE, checked_share, names_of
from aimwell.store.stores import Stores

__all__ = ["paths"]

_STEPS_MAX = 40
_LONGEST = 3
_NEEDED = 100

_Key = tuple[int, int]  # which of the two moments, and the stratum
_Counts = dict[tuple[str, ...], dict[_Key, tuple[int, int]]]
_Strata = dict[_Key, tuple[int, int]]


def paths(
    stores: Stores,
    *,
    as_of: datetime,
    to: str = "order",
    of: str = "events",
    horizon_days: int = 30,
    window_days: int = 60,
    longest: int = 3,
    false_share: float = FALSE_SHARE,
) -> Paths:
    """Paths of two or three steps after which people order (or do an event, or go silent) more often than others as active.

    Args:
        stores: The workspace.
        as_of: Nothing from this moment on is seen. People are looked at one and two horizons before it.
        to: 'order'; 'silence' (buyers who do not order within the horizon); or the name of an event.
        of: What the steps are: 'events', 'categories' or 'products'.
        horizon_days: How far ahead the outcome may be.
        window_days: How far back the way goes.
        longest: Most steps of a path, 2 or 3.
        false_share: Of what stands, this share may be false on average.

    Raises:
        TooLittleDataError: Too few people with or without the outcome at one of the moments.
        PredictError: A number or a kind of step that cannot be.
    """
    checked_share("share of false findings", false_share)
    _check(of, horizon_days, window_days, longest)
    window, horizon = timedelta(days=window_days), timedelta(days=horizon_days)
    counts: _Counts = {}
    strata: _Strata = {}
    steps: list[str] = []
    for turn, moment_at in enumerate((as_of - 2 * horizon, as_of - horizon)):
        with open_moment(
            stores, as_of=moment_at, horizon=horizon, engine=stores.history_engine
        ) as moment:
            path_queries.bind_ways(moment, of=of, to=to, window=window)
            for key, people, hits in moment.session.rows(path_queries.stratum_counts()):
                strata[turn, key] = (people, hits)
            _check_people(strata, turn, to, moment_at)
            if not steps:  # the later moment is judged by what the earlier one asked
                taken = moment.session.rows(path_queries.step_people(_STEPS_MAX))
                steps = [step for step, people in taken if people >= PEOPLE_MIN]
            for *path, key, people, hits in moment.session.rows(
                path_queries.path_counts(steps, longest=longest)
            ):
                way = tuple(step for step in path if step is not None)
                counts.setdefault(way, {})[turn, key] = (people, hits)
            names = names_of(moment, "sku" if of == "products" else of, steps)
    tests = sum(len(steps) ** size for size in range(2, longest + 1))
    findings = _findings(counts, strata, to, tests)
    people = [
        sum(n for (turn, _), (n, _hits) in strata.items() if turn == which) for which in (0, 1)
    ]
    return Paths(
        to, of, horizon_days, window_days, tuple(people), tests, false_share, findings, names
    )


def _findings(counts: _Counts, strata: _Strata, to: str, tests: int) -> tuple[Finding, ...]:
    keys = sorted(strata)
    often = often_enough(counts)
    ways = sorted(often)
    exposed, joint = (tabled(ways, keys, often, place) for place in (0, 1))
    totals, cases = (np.array([strata[key][place] for key in keys]) for place in (0, 1))
    return written_findings(
        [(way, to) for way in ways],
        joint=joint,
        exposed=exposed,
        cases=np.broadcast_to(cases, joint.shape),
        totals=np.broadcast_to(totals, joint.shape),
        half=np.array([turn for turn, _ in keys]),
        tests=max(tests, len(ways)),
        against=against_parts(ways, joint, exposed, size=_LONGEST, parts=range(_LONGEST)),
    )


def _check(of: str, horizon_days: int, window_days: int, longest: int) -> None:
    if of not in path_queries.OF:
        raise PredictError(f"Steps of '{of}' are unknown. Known: {', '.join(path_queries.OF)}.")
    if horizon_days < 1 or window_days < 1:
        raise PredictError("The horizon and the window are whole days, 1 or more.")
    if not 2 <= longest <= _LONGEST:
        raise PredictError(
            f"A path of up to {longest} steps was asked for; 2 to {_LONGEST} can be."
        )


def _check_people(strata: _Strata, turn: int, to: str, moment_at: datetime) -> None:
    at = [pair for (when, _), pair in strata.items() if when == turn]
    people, hits = sum(n for n, _ in at), sum(hits for _, hits in at)
    does = {"order": "who ordered", "silence": "who ordered no more"}.get(to, f"who did {to}")
    needed = {f"people {does}": _NEEDED, "people who did not": _NEEDED}
    present = {f"people {does}": hits, "people who did not": people - hits}
    if min(present.values()) < _NEEDED:
        raise TooLittleDataError(
            f"paths to {to} as of {moment_at:%Y-%m-%d}",
            needed=needed,
            present=present,
            advice="Take a longer horizon or window, or wait for more history.",
        )
