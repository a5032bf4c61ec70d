"""Is a division of people real? Does it hold, can it be tested, and does it stand in for something protected?

Groups are formed as of a moment one horizon ago and judged by what their people did since: that cannot have formed them. The
same people are then looked at in today's groups, and today's groups against features that did not form them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from sqlglot import exp

from aimwell.definitions.special_data import Asks
from aimwell.errors import SegmentError
from aimwell.history.features import features
from aimwell.history.moment import Moment, open_moment
from aimwell.history.outcomes import outcomes
from aimwell.privacy.special import privacy_rules
from aimwell.segment.divisions import Division, divide
from aimwell.segment.personas.service import PERSONA_FEATURES, personas
from aimwell.segment.rules.scope import ago
from aimwell.segment.validity.model import Aftermath, Validity
from aimwell.segment.validity.parts import (
    aftermath,
    detectable_lifts,
    labels_hold,
    moves,
    unused_features,
)
from aimwell.segment.validity.proxies import banded, number_of, proxies
from aimwell.segment.validity.steadiness import steadiness
from aimwell.segment.validity.words import sentence, warnings
from aimwell.store.sql import sql
from aimwell.store.stores import Stores

__all__ = ["validity"]

_FEATURES = (*PERSONA_FEATURES, "revenue", "orders_90d", "return_share", "messages_sent_90d")


def validity(
    stores: Stores, by: str, *, as_of: datetime, horizon: timedelta, seed: int = 0
) -> Validity:
    """Judge a division.

    Args:
        stores: The workspace.
        by: See `divisions`.
        as_of: Nothing from this moment on is looked at.
        horizon: How long before `as_of` the groups are formed that are judged by what came after.
        seed: Of resampling.

    Raises:
        SegmentError: There is no such division, or nobody is in it.
    """
    after, before, no_past = None, None, None
    try:
        with open_moment(stores, as_of=ago(as_of, horizon), horizon=horizon) as earlier:
            then = divide(earlier, by, visitors=True)
            after = _aftermath(earlier, then, horizon.days, seed)
            before = _places(then)
    except SegmentError as error:
        no_past = str(error)
    with open_moment(stores, as_of=as_of) as moment:
        division = divide(moment, by)
        faces = personas(moment, division.groups, without=division.trait)
        table, labels = _grouped_features(moment, division)
        unused, used = unused_features(table, labels, division.built_from)
        attributes, unseen = _attributes(moment, division)
        steady = steadiness(moment, division, seed=seed)
    now = _places(division)
    moved = moves(before, now, days=horizon.days) if before is not None else None
    fair = proxies(
        np.array(division.groups.column("group").to_pylist(), dtype=str),
        attributes,
        built_from=division.built_from,
        seed=seed,
    )
    found = Validity(
        by=by,
        title=division.title,
        people=division.groups.num_rows,
        after=after,
        unused=unused,
        used=used,
        moves=moved,
        steady=steady,
        sizes=detectable_lifts(after) if after is not None else (),
        labels=labels_hold(faces),
        proxies=fair,
        warnings=warnings(
            after=after,
            moved=moved,
            steady=steady,
            labels=labels_hold(faces),
            proxies=fair,
            unseen=unseen,
            no_past=no_past,
            note=division.note,
        ),
        sentence=sentence(after, moved, unused),
    )
    return found


def _aftermath(earlier: Moment, division: Division, days: int, seed: int) -> Aftermath:
    later = outcomes(earlier).to_pydict()
    did = {
        person: (float(bought), float(revenue))
        for person, bought, revenue in zip(
            later["profile_id"], later["bought"], later["revenue"], strict=True
        )
    }
    people = division.groups.select(["profile_id", "group"]).to_pydict()
    rows = [
        (group, *did[person])
        for person, group in zip(people["profile_id"], people["group"], strict=True)
        if person in did
    ]
    groups, bought, revenue = zip(*rows, strict=True)
    return aftermath(
        np.array(groups, dtype=str), np.array(bought), np.array(revenue), days=days, seed=seed
    )


def _places(division: Division) -> dict[str, str]:
    people = division.groups.select(["profile_id", "group"]).to_pydict()
    return dict(zip(people["profile_id"], people["group"], strict=True))


def _grouped_features(
    moment: Moment, division: Division
) -> tuple[Mapping[str, npt.NDArray[np.float64]], npt.NDArray[np.str_]]:
    names = list(dict.fromkeys(_FEATURES))
    table = features(moment, names)
    place = _places(division)
    own = [place.get(person) for person in table.column("profile_id").to_pylist()]
    table = table.filter(pa.array([group is not None for group in own]))
    columns = {
        name: np.asarray(table.column(name).to_numpy(zero_copy_only=False), dtype=np.float64)
        for name in names
    }
    return columns, np.array([group for group in own if group is not None], dtype=str)


def _attributes(
    moment: Moment, division: Division
) -> tuple[dict[str, Sequence[str | None]], tuple[str, ...]]:
    """Protected attributes of the people, and those that must not be looked at without a declared consent."""
    rules = privacy_rules(moment.stores.control)
    people = division.groups.column("profile_id").to_pylist()
    names = [
        row[0] for row in moment.session.rows(sql("SELECT DISTINCT name FROM traits ORDER BY name"))
    ]
    found: dict[str, Sequence[str | None]] = {}
    unseen = []
    for name in names:
        attribute = rules.protected_attribute(name)
        if attribute is None:
            continue
        asked = Asks("trait", name, "trait")
        if rules.refusal(asked) is not None:
            unseen.append(name)
            continue
        values = _values(moment, name, rules.purpose(asked))
        held = [values.get(person) for person in people]
        numbers = np.array([number_of(value) for value in held], dtype=np.float64)
        known = [value for value in held if value is not None]
        many = len(set(known)) > 12 and np.count_nonzero(~np.isnan(numbers)) >= 0.95 * len(known)
        found[name] = banded(numbers, attribute.bands) if attribute.bands or many else held
    return found, tuple(unseen)


def _values(moment: Moment, name: str, purpose: str | None) -> dict[str, str]:
    """The trait's values; with a purpose only those of people who consented to it explicitly."""
    query = sql(
        "SELECT profile_id, value FROM :trait AS t",
        trait=exp.Subquery(this=moment.latest_trait(name)),
    )
    if purpose is not None:
        assert isinstance(query, exp.Select)  # noqa: S101 - the text above is a SELECT
        query = query.where(
            sql(
                "profile_id IN (SELECT profile_id FROM :consents AS c WHERE state = 'granted')",
                consents=moment.consents("any", purpose, True),
            )
        )
    return {row[0]: row[1] for row in moment.session.rows(query)}
