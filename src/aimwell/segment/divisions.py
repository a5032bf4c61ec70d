"""Divisions of people into groups, by one short text: RFM, kept clusters, a trait, segments.

rfm                     the named groups of recency, frequency and money
    lifecycle               prospect, new, active, lapsing, lapsed, reactivated
clusters:NAME           kept clusters, of everybody whom they divide
trait:NAME              one group a value
segments:A,B,C          the first of these segments that a person is in; who is in none is a group, too
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pyarrow as pa
from sqlglot import exp

from aimwell.definitions import service as definitions
from aimwell.definitions.kinds.segment import Segment
from aimwell.definitions.leaves.base import Leaf
from aimwell.definitions.leaves.feature import FeatureRule
from aimwell.definitions.leaves.percentile import PercentileRule
from aimwell.definitions.leaves.trait import TraitRule
from aimwell.definitions.rules import Rule, asked_segments, walk
from aimwell.definitions.special_data import Asks
from aimwell.errors import SegmentError
from aimwell.history.moment import Moment
from aimwell.privacy.special import privacy_rules
from aimwell.segment.attributes.people_table import (
    is_trait,
    nobody_has,
    plain_name,
    without_visitors,
)
from aimwell.segment.clusters.files import load_clusters
from aimwell.segment.clusters.service import assign_people
from aimwell.segment.lifecycle import lifecycle
from aimwell.segment.rfm import rfm
from aimwell.segment.service import compiled, members_query
from aimwell.store.sql import identifier, sql, union_all

__all__ = ["FORMS", "NONE_OF_THESE", "Division", "divide", "is_form"]

NONE_OF_THESE = "none of these"
"""Who is in no segment of `segments:…`."""

_MONEY_TRAIL = ("recency_days", "orders", "revenue")
_VALUES_MAX = 50
FORMS = "rfm, lifecycle, clusters:NAME, trait:NAME, segments:A,B"
_PLAIN, _NAMED = ("rfm", "lifecycle"), ("clusters", "trait", "segments")


@dataclass(frozen=True)
class Division:
    """People in groups as of a moment.

    `groups`: one row a person, `profile_id` and `group`. `built_from`: features that the groups were made from, and traits
    as 'trait NAME'; differences in these prove nothing. `trait` is the one whose values are the groups: it says nothing new
    of them. `note` says what to know, as how many people fit several groups.
    """

    by: str
    title: str
    groups: pa.Table
    built_from: frozenset[str]
    note: str | None = None
    trait: str | None = None


def is_form(by: str) -> bool:
    """Whether a text has the form of a division; what it names need not be there."""
    form, _, rest = by.partition(":")
    return form in _NAMED if rest.strip() else by in _PLAIN


def divide(moment: Moment, by: str, *, visitors: bool = False) -> Division:
    """The division that a text names.

    Args:
        moment: The cut session.
        by: See above.
        visitors: Whether mere visitors are divided too; see `people_table`.

    Raises:
        SegmentError: There is no such form or model, nobody is in a group, or a trait has too many values.
        UnknownDefinitionError: There is no segment of such a name.
    """
    form, _, rest = by.partition(":")
    if form == "rfm" and not rest:
        found = Division(by, "the named groups of RFM", rfm(moment), frozenset(_MONEY_TRAIL))
    elif form == "lifecycle" and not rest:
        moment.bind_profiles()
        stages = lifecycle(moment).select(["profile_id", "stage"])
        groups = stages.rename_columns(["profile_id", "group"])
        found = Division(by, "the stages of the life cycle", groups, frozenset(_MONEY_TRAIL))
    elif form == "clusters" and rest:
        model = load_clusters(moment.stores, rest)
        people = assign_people(moment, model)
        built = frozenset(
            f"trait {plain_name(name)}" if is_trait(name) else name
            for name in model.preparation.names
        )
        found = Division(by, f"the clusters “{rest}”", people, built)
    elif form == "trait" and rest:
        found = _trait(moment, by, rest)
    elif form == "segments" and rest:
        found = _segments(moment, by, [one.strip() for one in rest.split(",") if one.strip()])
    else:
        raise SegmentError(f"'{by}' names no division of people. Known: {FORMS}.")
    if not visitors:
        found = _of_people(moment, found)
    if not found.groups.num_rows:
        raise SegmentError(
            f"Nobody is in a group of {found.title} by then. Collect orders first (aimwell collect orders FILE --explain), "
            "or take another moment or division."
        )
    return found


def _of_people(moment: Moment, found: Division) -> Division:
    groups = without_visitors(moment, found.groups)
    left = found.groups.num_rows - groups.num_rows
    if not left:
        return found
    told = f"{left:,} visitors, of whom nothing but pages is known, are left out."
    return replace(
        found, groups=groups, note=told if found.note is None else f"{found.note} {told}"
    )


def _trait(moment: Moment, by: str, name: str) -> Division:
    refusal = privacy_rules(moment.stores.control).refusal(Asks("trait", name, "trait"))
    if refusal is not None or privacy_rules(moment.stores.control).is_special(name):
        raise SegmentError(
            refusal
            or f"'{name}' is of a special category of data, which divides nobody into groups."
        )
    moment.bind_known()
    table = moment.session.table(
        sql(
            """
            SELECT t.profile_id, t.value AS "group"
            FROM :trait AS t JOIN known AS k ON k.profile_id = t.profile_id ORDER BY t.profile_id
            """,
            trait=exp.Subquery(this=moment.latest_trait(name)),
        )
    )
    if not table.num_rows:
        raise nobody_has(moment, name)
    values = len(table.column("group").unique())
    if values > _VALUES_MAX:
        raise SegmentError(
            f"The trait '{name}' has {values:,} values; groups to compare are {_VALUES_MAX} at most. "
            f"Write segments over it, and divide by segments:A,B."
        )
    return Division(by, f"the trait “{name}”", table, frozenset({f"trait {name}"}), trait=name)


def _segments(moment: Moment, by: str, names: Sequence[str]) -> Division:
    if len(set(names)) < len(names):
        raise SegmentError(f"A segment stands twice in '{by}'.")
    rules = {name: definitions.find(moment.stores.control, Segment, name).rule for name in names}
    parts = []
    for number, (name, rule) in enumerate(rules.items()):
        moment.session.materialise(
            f"division_{number}", members_query(compiled(moment, rule, name=name))
        )
        parts.append(
            sql(
                "SELECT profile_id, CAST(:place AS int) AS place FROM :people AS p",
                place=number,
                people=exp.Table(this=identifier(f"division_{number}")),
            )
        )
    moment.bind_known()
    rows = moment.session.table(
        sql(
            """
            SELECT k.profile_id, min(i.place) AS place, count(i.place) AS fits
            FROM known AS k LEFT JOIN :inside AS i ON i.profile_id = k.profile_id
            GROUP BY k.profile_id ORDER BY k.profile_id
            """,
            inside=exp.Subquery(this=union_all(parts)),
        )
    )
    several = sum(1 for one in rows.column("fits").to_pylist() if one > 1)
    labels = [
        NONE_OF_THESE if place is None else names[place]
        for place in rows.column("place").to_pylist()
    ]
    groups = pa.table(
        {"profile_id": rows.column("profile_id"), "group": pa.array(labels, pa.string())}
    )
    built = frozenset(one for rule in rules.values() for one in built_from(rule, moment))
    note = (
        f"{several:,} people are in more than one of these segments and count in the first."
        if several
        else None
    )
    return Division(by, f"the segments {', '.join(names)}", groups, built, note)


def built_from(rule: Rule, moment: Moment) -> frozenset[str]:
    """What a rule is made from: features, and traits as 'trait NAME'; other segments are followed.

    A leaf that looks at orders is taken for all that the usual figures of buying say.
    """
    found: set[str] = set()
    for _path, asked in asked_segments(rule):
        inner = definitions.find(moment.stores.control, Segment, asked.segment)
        found |= built_from(inner.rule, moment)
    for _path, node in walk(rule):
        if not isinstance(node, Leaf):
            continue
        if isinstance(node, TraitRule):
            found.add(f"trait {node.trait}")
        elif isinstance(node, FeatureRule):
            found.add(node.feature)
        elif isinstance(node, PercentileRule) and node.percentile.feature is not None:
            found.add(node.percentile.feature)
        elif node.key in ("rfm", "event", "sequence", "trend", "ratio", "percentile"):
            found |= set(_MONEY_TRAIL)
    return frozenset(found)
