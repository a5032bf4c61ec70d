"""Whether a segment stands in for a protected attribute that its rule does not name, as a look at a rule tells it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sqlglot import exp

from aimwell.definitions.leaves.percentile import PercentileRule
from aimwell.definitions.leaves.trait import TraitRule
from aimwell.definitions.rules import Rule
from aimwell.definitions.special_data import Asks
from aimwell.history.moment import Moment
from aimwell.segment.rules.queries import every_leaf
from aimwell.segment.rules.scope import Scope
from aimwell.segment.validity.proxies import Counts, banded, group_proxies, number_of
from aimwell.segment.validity.words import proxy_words
from aimwell.store.sql import sql

__all__ = ["proxy_warnings"]

_FEW = 12
_NUMBERS_MIN = 0.95
_SEED = 0


def proxy_warnings(
    moment: Moment, rule: Rule, scope: Scope, members: exp.Expr, *, name: str
) -> tuple[str, ...]:
    """A sentence for each protected attribute that being in the segment tells much of; see `proxies`.

    Data of special categories are not looked at, and attributes that the rule itself asks for are no news.

    Args:
        moment: The cut session, with `known` bound.
        rule: The segment's.
        scope: What it was compiled for.
        members: A query of its people: profile_id.
        name: Of the segment.
    """
    asked = _asked(rule, scope)
    rules = scope.privacy
    traits = moment.session.rows(sql("SELECT DISTINCT name FROM traits ORDER BY name"))
    tables: dict[str, Counts] = {}
    for (trait,) in traits:
        attribute = rules.protected_attribute(trait)
        special = rules.category(Asks("trait", trait, "trait")) is not None
        if attribute is None or special or trait in asked:
            continue
        rows = moment.session.rows(_counts(moment, trait, members))
        tables[trait] = _in_bands(rows, attribute.bands)
    found = group_proxies(name, tables, seed=_SEED)
    return tuple(text for one in found if one.verdict == "proxy" and (text := proxy_words(one)))


def _asked(rule: Rule, scope: Scope) -> frozenset[str]:
    """Traits that the rule, or a segment that it asks for, looks at."""
    found = set()
    for _path, leaf in every_leaf(rule, scope.find):
        if isinstance(leaf, TraitRule):
            found.add(leaf.trait)
        elif isinstance(leaf, PercentileRule) and leaf.by is not None:
            found.add(leaf.by)
    return frozenset(found)


def _counts(moment: Moment, trait: str, members: exp.Expr) -> exp.Expr:
    """Value, people of the segment with it, people with it."""
    return sql(
        """
        SELECT t.value, count(m.profile_id) AS inside, count(*) AS people
        FROM known AS k JOIN :trait AS t ON t.profile_id = k.profile_id
        LEFT JOIN :members AS m ON m.profile_id = k.profile_id
        WHERE t.value IS NOT NULL AND NOT k.visitor GROUP BY t.value ORDER BY t.value
        """,
        trait=exp.Subquery(this=moment.latest_trait(trait)),
        members=exp.Subquery(this=members.copy()),
    )


def _in_bands(rows: Sequence[tuple[str, int, int]], bands: Sequence[float] | None) -> Counts:
    """The counts by value; of numbers by bands, as declared or else quarters of the people."""
    numbers = np.array([number_of(value) for value, _inside, _people in rows], dtype=np.float64)
    people = np.array([row[2] for row in rows], dtype=np.int64)
    real = ~np.isnan(numbers)
    many = len(rows) > _FEW and people[real].sum() >= _NUMBERS_MIN * people.sum()
    if not bands and not many:
        return {value: (inside, whole) for value, inside, whole in rows}
    if not bands:
        spread = np.repeat(numbers[real], people[real])
        bands = sorted(set(np.quantile(spread, [0.25, 0.5, 0.75]).tolist()))
    found: dict[str, tuple[int, int]] = {}
    for band, (_value, inside, whole) in zip(banded(numbers, bands), rows, strict=True):
        if band is not None:
            own = found.get(band, (0, 0))
            found[band] = (own[0] + inside, own[1] + whole)
    return found
