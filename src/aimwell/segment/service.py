"""The stage *segment*: who is in a segment as of a moment, why, and who came and went."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
from sqlglot import exp

from aimwell.definitions import service as definitions
from aimwell.definitions.kinds.segment import Segment
from aimwell.definitions.leaves.segment import SegmentRule
from aimwell.definitions.rules import Rule
from aimwell.errors import DefinitionError
from aimwell.history.features import features_query
from aimwell.history.moment import Moment, open_moment
from aimwell.privacy.special import privacy_rules
from aimwell.segment.lifecycle import lifecycle_query
from aimwell.segment.model import Explanation
from aimwell.segment.occasions.service import occasion_people
from aimwell.segment.rfm import rfm_query
from aimwell.segment.rules.explaining import explain_rule, explained_members
from aimwell.segment.rules.queries import (
    LeafQuery,
    Tree,
    compile_rule,
    inner_rule,
    leaves,
    predicate,
)
from aimwell.segment.rules.scope import Scope
from aimwell.segment.rules.unknown_names import rule_leaves, unknown_names
from aimwell.segment.validity.fairness import proxy_warnings
from aimwell.store.lake import Snapshot
from aimwell.store.sql import column, sql
from aimwell.store.stores import Stores

__all__ = ["compiled", "explain", "members", "members_query", "parametrised", "scope_of", "unknown"]


def members(
    stores: Stores,
    segment: str | Segment | Rule,
    *,
    as_of: datetime,
    snapshot: Snapshot | None = None,
) -> pa.Table:
    """Who is in a segment as of a moment.

    Args:
        stores: The workspace.
        segment: Name of a segment, or a definition or a rule that need not be stored.
        as_of: Nothing from this moment on is looked at.
        snapshot: Versions of the lake's tables to read; default: the newest.

    Returns:
        One row a person: `profile_id`, in order. No rows where nobody fulfils the rule.

    Raises:
        UnknownDefinitionError: There is no segment of that name, or of a name that the rule asks for.
        SegmentError: Segments refer to each other in a circle.
    """
    with _opened(stores, segment, as_of, snapshot) as (moment, _rule, tree, _name):
        return moment.session.table(members_query(tree).order_by("profile_id"))


def explain(
    stores: Stores,
    segment: str | Segment | Rule,
    *,
    as_of: datetime,
    snapshot: Snapshot | None = None,
) -> Explanation:
    """How the rule comes to its members: in words, people after every leaf, and the leaf that excludes most.

    Arguments and errors as in `members`; the number of members is the same.
    """
    with _opened(stores, segment, as_of, snapshot) as (moment, rule, tree, name):
        found = explain_rule(moment.session, rule, tree, segment=name, as_of=moment.as_of)
        idle = [
            test
            for test, leaf in zip(leaves(tree), found.leaves, strict=True)
            if leaf.alone == (found.known if test.inverted else 0)
        ]
        asked = [one.rule for test in idle for one in _flat(test)]
        warnings = unknown_names(moment, asked, values=True)
        if 0 < found.members < found.known:
            people, called = explained_members(tree), name or "this rule"
            warnings += proxy_warnings(moment, rule, scope_of(moment), people, name=called)
        return replace(found, warnings=warnings)


def unknown(
    stores: Stores,
    segment: str | Segment | Rule,
    *,
    as_of: datetime,
    values: bool = False,
    snapshot: Snapshot | None = None,
) -> tuple[str, ...]:
    """Sentences on names in a segment's own rule that were never collected; see `unknown_names`.

    Arguments as in `members`; with `values` the values that it compares with are looked up too. Nothing of the rule
    is computed, and other segments that it refers to are not looked at.
    """
    if isinstance(segment, str):
        segment = definitions.find(stores.control, Segment, segment)
    rule = segment.rule if isinstance(segment, Segment) else segment
    with open_moment(stores, as_of=as_of, snapshot=snapshot) as moment:
        return unknown_names(moment, rule_leaves(rule), values=values)


def parametrised(
    stores: Stores, segment: str | Segment | Rule, given: Mapping[str, Any]
) -> str | Segment | Rule:
    """A segment with other values of some of its parameters; unchanged where none is given.

    Raises:
        UnknownDefinitionError: There is no segment of that name.
        DefinitionError: It has no such parameter, or the value does not fit.
    """
    if not given:
        return segment
    if isinstance(segment, str):
        segment = definitions.find(stores.control, Segment, segment)
    if not isinstance(segment, Segment):
        raise DefinitionError("A rule by itself has no parameters.", [])
    return segment.with_parameters(given)


def compiled(moment: Moment, rule: Rule, *, name: str | None = None) -> Tree:
    """The tree of queries of a rule, with everything bound that they read; for several rules in one session."""
    tree = compile_rule(rule, scope_of(moment), name=name)
    moment.bind_known()
    return tree


def scope_of(moment: Moment, *, around: tuple[str, ...] = ()) -> Scope:
    """What rules are compiled for in a session; `around` are segments among whose members a rule ranks, the outermost first."""
    stores = moment.stores
    return Scope(
        as_of=moment.as_of,
        timezone=stores.settings.timezone,
        find=lambda other: definitions.find(stores.control, Segment, other),
        activity_of=moment.activity_of,
        latest_trait=moment.latest_trait,
        feature=lambda feature: _feature(moment, feature),
        consents=moment.consents,
        rfm=lambda: moment.materialised("rfm", lambda: rfm_query(moment.as_of)),
        lifecycle=lambda active, lapsed: _lifecycle(moment, active, lapsed),
        occasion=lambda leaf: occasion_people(moment, leaf),
        members=lambda other: _ranked(moment, other, around),
        privacy=privacy_rules(stores.control),
    )


def _ranked(moment: Moment, name: str, around: tuple[str, ...]) -> exp.Table:
    """The people of a segment, computed once a session."""
    asked = SegmentRule(segment=name)
    find = scope_of(moment).find
    rule = inner_rule(asked, find, around)
    tree = compile_rule(rule, scope_of(moment, around=(*around, name)), name=name)
    moment.bind_known()
    return moment.materialised(f"members {name}", lambda: members_query(tree))


def _lifecycle(moment: Moment, active: timedelta | None, lapsed: timedelta | None) -> exp.Table:
    """Everybody's stage by these limits, computed once a session."""
    return moment.materialised(
        f"lifecycle {active} {lapsed}",
        lambda: lifecycle_query(moment, active=active, lapsed=lapsed),
    )


def _feature(moment: Moment, name: str) -> exp.Table:
    """One feature of everybody, computed once a session: profile_id and value."""

    def query() -> exp.Expr:
        moment.bind_profiles()
        found = exp.Subquery(this=features_query(moment, [name]), alias="f")
        return exp.select("profile_id", exp.alias_(column(name), "value")).from_(found)

    return moment.materialised(f"feature {name}", query)


def members_query(tree: Tree) -> exp.Select:
    """The query of a tree's members, one row a person: `profile_id`."""
    query = sql("SELECT profile_id FROM known")
    assert isinstance(query, exp.Select)  # noqa: S101 - the text above is a SELECT
    return query.where(predicate(tree), copy=False)


def _flat(test: LeafQuery) -> Iterator[LeafQuery]:
    """The leaf, or those of the segment that it asks for."""
    if test.inner is None:
        yield test
        return
    for inner in leaves(test.inner):
        yield from _flat(inner)


@contextmanager
def _opened(
    stores: Stores,
    segment: str | Segment | Rule,
    as_of: datetime,
    snapshot: Snapshot | None,
) -> Iterator[tuple[Moment, Rule, Tree, str | None]]:
    if isinstance(segment, str):
        segment = definitions.find(stores.control, Segment, segment)
    name, rule = (segment.name, segment.rule) if isinstance(segment, Segment) else (None, segment)
    engine = stores.history_engine
    with open_moment(stores, as_of=as_of, snapshot=snapshot, engine=engine) as moment:
        yield moment, rule, compiled(moment, rule, name=name), name
