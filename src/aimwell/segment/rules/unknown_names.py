"""Names in a rule that were never collected: mistyped, most likely, and a rule with such a name is quietly empty."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from sqlglot import exp

from aimwell.definitions import service as definitions
from aimwell.definitions.conditions import Condition
from aimwell.definitions.leaves.base import Leaf
from aimwell.definitions.leaves.event_fields import ORDER_EVENTS, PRODUCT_FIELDS, property_keys
from aimwell.definitions.rules import All, AnyOf, Not, Rule
from aimwell.errors import nearest
from aimwell.history.moment import Moment
from aimwell.segment.rules.comparing import NUMBER_FIELDS, field_text
from aimwell.segment.rules.leaf_kinds import kind_of
from aimwell.segment.rules.phrases import OWN_EVENTS
from aimwell.segment.rules.scope import Asked, Named
from aimwell.store.sql import identifier, sql

__all__ = ["rule_leaves", "unknown_names"]

# More names than these are not read: they serve to find a near one.
_VALUES_MAX = 5_000
_GROUP_TRAIT = "cluster:"


def rule_leaves(rule: Rule) -> Iterator[Leaf]:
    """Every leaf of a rule in order; another segment is one leaf."""
    if isinstance(rule, All | AnyOf):
        for part in rule.all if isinstance(rule, All) else rule.any:
            yield from rule_leaves(part)
    elif isinstance(rule, Not):
        yield from rule_leaves(rule.not_)
    else:
        yield rule


def unknown_names(moment: Moment, leaves: Iterable[Leaf], *, values: bool) -> tuple[str, ...]:
    """A sentence for each name in the leaves that no row of the workspace has, with the nearest that there is.

    Args:
        moment: The cut session. Names of events and traits are looked up in all that was ever collected; fields and
            values in what is known at the moment.
        leaves: Leaves to look at.
        values: Look at properties and compared values too, which reads more.

    Returns:
        Sentences in the order of the leaves, each once; none where nobody is known.
    """
    moment.bind_known()
    if not moment.session.rows(sql("SELECT 1 FROM known LIMIT 1")):
        return ()
    found: dict[str, None] = {}
    for leaf in leaves:
        for asked in kind_of(leaf).acts(leaf):
            found.update(dict.fromkeys(_event(moment, asked, values=values)))
        found.update(dict.fromkeys(_named(moment, leaf, values=values)))
    return tuple(found)


def _named(moment: Moment, leaf: Leaf, *, values: bool) -> Iterator[str]:
    """Names that are asked for, and where these are known, those that are compared with."""
    for name in kind_of(leaf).names(leaf):
        if name.compared and not values:
            continue
        known = _known(moment, name)
        if name.value not in known and len(known) < _VALUES_MAX:
            model = None if name.compared else _defined_model(moment, name)
            if model is None:
                yield f"{name.told.format(name.value)} {_hint(name.value, known)}"
            else:
                yield (
                    f"The model '{model}' has said nothing of anybody yet. Run: aimwell segment model {model} --publish"
                )
            if not name.compared:
                return


def _defined_model(moment: Moment, name: Named) -> str | None:
    """The defined model that would say what is asked for, as a group or as a score."""
    if name.table == "traits" and name.value.startswith(_GROUP_TRAIT):
        wanted = name.value.removeprefix(_GROUP_TRAIT)
    elif name.table == "scores":
        wanted = name.value
    else:
        return None
    return (
        wanted if ("model", wanted) in definitions.names(moment.stores.control, "model") else None
    )


def _known(moment: Moment, name: Named) -> list[str]:
    """What the column holds: names as they were ever collected, values as they are at the moment."""
    table = name.table if name.compared else f"raw_{name.table}"
    rows = exp.select("*").from_(exp.Table(this=identifier(table)))
    for column, value in name.only:
        rows = rows.where(
            sql(":column = :value", column=exp.column(identifier(column)), value=value)
        )
    return _column(moment, exp.column(identifier(name.column)), rows)


def _event(moment: Moment, leaf: Asked, *, values: bool) -> Iterator[str]:
    if leaf.event not in OWN_EVENTS:
        collected = {
            *_names(moment, "event", "raw_events"),
            *_names(moment, "event", "raw_touches"),
        }
        if leaf.event not in collected:
            known = sorted({*collected, *OWN_EVENTS})
            yield f"No event '{leaf.event}' was ever collected. {_hint(leaf.event, known)}"
            return
    if not values:
        return
    for field in dict.fromkeys([*(leaf.where or ()), *leaf.summed]):
        yield from _field(moment, leaf, field)


def _field(moment: Moment, leaf: Asked, field: str) -> Iterator[str]:
    keys = property_keys(field)
    if keys is not None:
        known = _column(moment, sql("unnest(json_keys(properties))"), _rows_of(moment, leaf))
        if keys[0] not in known:
            yield f"No event '{leaf.event}' has a property '{keys[0]}'. {_hint(keys[0], known)}"
            return
    condition = (leaf.where or {}).get(field)
    if condition is None or field in NUMBER_FIELDS:
        return
    of_product = leaf.event in ORDER_EVENTS and field in PRODUCT_FIELDS
    if of_product:
        table = "order_lines" if field == "sku" else "product_facts"
        source: exp.Expr = exp.Table(this=identifier(table))
    else:
        source = _rows_of(moment, leaf)
    known = _column(moment, field_text(field), source)
    name = "product" if of_product else f"event '{leaf.event}'"
    yield from _values(condition, known, f"No {name} has {field} '{{}}'.")


def _values(condition: Condition, known: Sequence[str], told: str) -> Iterator[str]:
    """Texts that are asked for and that nobody has. Numbers, dates and answers are compared by other means."""
    for value in [condition.is_, *(condition.in_ or ())]:
        if isinstance(value, str) and value not in known and len(known) < _VALUES_MAX:
            yield f"{told.format(value)} {_hint(value, known)}"


def _rows_of(moment: Moment, leaf: Asked) -> exp.Expr:
    rows = exp.select("*").from_(moment.activity_of(leaf.event))
    return rows.where(sql("event = :event", event=leaf.event), copy=False)


def _names(moment: Moment, column: str, table: str) -> list[str]:
    return _column(moment, exp.column(identifier(column)), exp.Table(this=identifier(table)))


def _column(moment: Moment, value: exp.Expr, rows: exp.Expr) -> list[str]:
    """The different values of a column, in order."""
    source = rows if isinstance(rows, exp.Table) else exp.Subquery(this=rows, alias="found")
    query = exp.select(exp.alias_(value, "value")).distinct().from_(source)
    found = moment.session.rows(query.limit(_VALUES_MAX))
    return sorted(str(row[0]) for row in found if row[0] is not None)


def _hint(name: str, known: Sequence[str]) -> str:
    """Of names that differ in capitals alone the one; else the nearest, or all."""
    alike = [one for one in known if one.casefold() == name.casefold()]
    return f"Did you mean '{alike[0]}'?" if alike else nearest(name, known)
