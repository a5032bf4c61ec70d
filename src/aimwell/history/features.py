"""What is known of each person before a moment, as one row of numbers: `catalogue` says what each means."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import pyarrow as pa
from sqlglot import exp

from aimwell.errors import HistoryError, nearest
from aimwell.history.catalogue import FEATURES, Feature
from aimwell.history.feature_parts import BOUGHT, LOCAL, PARTS
from aimwell.history.moment import Moment
from aimwell.store.sql import identifier, sql

__all__ = ["FEATURES", "Feature", "feature_names", "features", "features_query"]

_WINDOWS = (30, 90, 180, 275, 365)


def feature_names() -> tuple[str, ...]:
    """All features in the order of the table."""
    return tuple(feature.name for feature in FEATURES)


def features(moment: Moment, names: Sequence[str] | None = None) -> pa.Table:
    """One row per person known before `as_of`, by profile_id; nothing from `as_of` on is seen.

    Args:
        moment: The cut session.
        names: Features to compute; default: all. Fewer are faster.

    Returns:
        `profile_id` and a column of doubles per feature, null where it is undefined.

    Raises:
        HistoryError: There is no feature of such a name.
    """
    moment.bind_profiles()
    return moment.session.table(features_query(moment, names).order_by("profile_id"))


def features_query(moment: Moment, names: Sequence[str] | None = None) -> exp.Select:
    """The same rows, in no order, as a query over the cut session (`profiles` must be bound)."""
    chosen = _chosen(names)
    needed = [part for part in PARTS if any(part in feature.parts for feature in chosen)]
    # The tree is ours alone and grows in place: to copy it at each step costs more than to compute it for a few people.
    query = exp.select("p.profile_id").from_("profiles AS p")
    now = sql("epoch(:as_of)", as_of=moment.as_of)
    for feature in chosen:
        holes = {"now": now} if ":now" in feature.sql else {}
        value = sql(f"CAST({feature.sql} AS double)", **holes)
        query.select(exp.alias_(value, feature.name, quoted=True, copy=False), copy=False)
    if {"o", "g", "h"} & set(needed):
        query.with_("bought", as_=sql(BOUGHT), copy=False)
    if "h" in needed:
        local = sql(LOCAL, zone=moment.stores.settings.timezone)
        query.with_("local", as_=local, copy=False)
    for part in needed:
        query.with_(f"part_{part}", as_=_part(part, moment.as_of), copy=False)
        query.join(
            exp.Table(this=identifier(f"part_{part}")),
            on=f"{part}.profile_id = p.profile_id",
            join_type="left",
            join_alias=part,
            copy=False,
        )
    return query


def _chosen(names: Sequence[str] | None) -> list[Feature]:
    if names is None:
        return list(FEATURES)
    known = {feature.name: feature for feature in FEATURES}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise HistoryError(
            f"There is no feature '{unknown[0]}'. {nearest(unknown[0], list(known))}"
        )
    return [known[name] for name in dict.fromkeys(names)]


def _part(part: str, as_of: datetime) -> exp.Expr:
    text = PARTS[part]
    times = {f"days_{days}": as_of - timedelta(days=days) for days in _WINDOWS} | {"as_of": as_of}
    return sql(text, **{name: time for name, time in times.items() if f":{name}" in text})
