"""A table of people for models: one row a person, one column for each feature or trait that was named.

A column is a feature of the catalogue (`orders`) or a trait (`trait:age`). Features are numbers; a trait whose values are
numbers becomes numbers, any other becomes texts, which models take as categories.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc
from sqlglot import exp

from aimwell.definitions import service as definitions
from aimwell.definitions.kinds.model import TRAIT_PREFIX
from aimwell.definitions.kinds.segment import Segment
from aimwell.definitions.special_data import Asks
from aimwell.errors import SegmentError, nearest
from aimwell.history.features import features_query
from aimwell.history.moment import Moment
from aimwell.privacy.special import privacy_rules
from aimwell.segment.service import compiled, members_query
from aimwell.store.sql import sql

__all__ = [
    "BUYERS",
    "EVERYBODY",
    "is_special",
    "is_trait",
    "nobody_has",
    "people_table",
    "plain_name",
    "refuse_special",
    "typed_column",
    "without_visitors",
]

BUYERS = "buyers"
EVERYBODY = "everybody"

_NUMBERS_MIN = 0.99
"""A trait is one of numbers if at least so many of its values are; what is none counts as missing then."""


def is_trait(column: str) -> bool:
    """Whether a column is a trait."""
    return column.startswith(TRAIT_PREFIX)


def plain_name(column: str) -> str:
    """A column as it is called."""
    return column.removeprefix(TRAIT_PREFIX)


def people_table(
    moment: Moment, columns: Sequence[str], *, among: str = BUYERS, visitors: bool = False
) -> pa.Table:
    """The people known at the moment, by profile_id.

    Args:
        moment: The cut session.
        columns: Features, and traits as `trait:NAME`.
        among: `buyers`, `everybody`, or the name of a segment.
        visitors: Whether everybody includes mere visitors. Who is one is known as of today, so where people are judged by
            what they did after the moment, to leave visitors out would be to look ahead.

    Returns:
        `profile_id` and the columns in the order given; null where unknown.

    Raises:
        HistoryError: There is no feature of such a name.
        SegmentError: Nobody has such a trait, or it tells of a special category of data.
        UnknownDefinitionError: There is no such segment.
    """
    moment.bind_profiles()
    columns = list(dict.fromkeys(columns))
    for name in columns:
        if is_trait(name):
            refuse_special(moment, Asks("trait", plain_name(name), "columns"))
    features = [name for name in columns if not is_trait(name)]
    needed = [*features, *(["orders"] if among == BUYERS else [])]
    query = exp.select("f.*").from_(features_query(moment, needed).subquery("f"))
    if among == BUYERS:
        query = query.where(sql('f."orders" > 0'))
    elif among == EVERYBODY:
        if not visitors:
            moment.bind_known()
            query = query.where(
                sql("f.profile_id IN (SELECT profile_id FROM known WHERE NOT visitor)")
            )
    else:
        segment = definitions.find(moment.stores.control, Segment, among)
        moment.bind_known()
        tree = compiled(moment, segment.rule, name=among)
        query = query.where(sql("f.profile_id IN :members", members=members_query(tree)))
    table = moment.session.table(query.order_by("f.profile_id")).select(["profile_id", *features])
    for name in columns:
        if is_trait(name):
            table = table.append_column(name, _trait(moment, name, table.column("profile_id")))
    return table.select(["profile_id", *columns])


def without_visitors(moment: Moment, people: pa.Table) -> pa.Table:
    """The rows of those who are more than mere visitors by now: browsers of which nothing but pages is known."""
    moment.bind_known()
    visitors = moment.session.table(sql("SELECT profile_id FROM known WHERE visitor"))
    if not visitors.num_rows:
        return people
    mere = pc.is_in(
        people.column("profile_id"), value_set=visitors.column("profile_id").combine_chunks()
    )
    return people.filter(pc.invert(mere))


def is_special(moment: Moment, asked: Asks) -> bool:
    """Whether a trait or a question tells of a special category of data."""
    return privacy_rules(moment.stores.control).category(asked) is not None


def refuse_special(moment: Moment, asked: Asks) -> None:
    """Raise SegmentError where models may not learn from a trait or a question.

    A rule may ask for such data among people who consented to it; a model would draw conclusions about everybody.
    """
    category = privacy_rules(moment.stores.control).category(asked)
    if category is not None:
        raise SegmentError(
            f"'{asked.name}' tells of {category}, a special category of data, from which no model learns. Leave it out, or "
            "say in the document `privacy_rules` that it tells of no such thing (category: none)."
        )


def typed_column(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Texts as numbers where they are numbers, else as they are; other types as numbers."""
    if pa.types.is_boolean(values.type):
        return pc.if_else(values, "true", "false")
    if not (pa.types.is_string(values.type) or pa.types.is_large_string(values.type)):
        return values.cast(pa.float64(), safe=False)
    texts = values.cast(pa.string())
    shaped = pc.match_substring_regex(texts, r"^\s*[-+]?\d{1,27}(\.\d+)?([eE][-+]?\d{1,3})?\s*$")
    known = len(texts) - texts.null_count
    if not known or (pc.sum(shaped).as_py() or 0) < _NUMBERS_MIN * known:
        return texts
    numbers = pc.if_else(shaped, pc.utf8_trim_whitespace(texts), pa.scalar(None, pa.string()))
    return numbers.cast(pa.float64())


def nobody_has(moment: Moment, trait: str) -> SegmentError:
    """The error that nobody has a trait as of the moment, with the traits that there are."""
    known = moment.session.rows(sql("SELECT DISTINCT name FROM traits ORDER BY name"))
    names = nearest(trait, [row[0] for row in known])
    return SegmentError(f"Nobody has the trait '{trait}' by then. {names}")


def _trait(moment: Moment, column: str, people: pa.ChunkedArray) -> pa.ChunkedArray:
    """The trait's value of each of the people, in their order."""
    name = plain_name(column)
    newest = moment.session.table(
        sql(
            "SELECT profile_id, value FROM :newest AS t WHERE value IS NOT NULL",
            newest=exp.paren(moment.latest_trait(name)),
        )
    )
    if not newest.num_rows:
        raise nobody_has(moment, name)
    values = newest.column("value").combine_chunks()
    places = pc.index_in(
        people.combine_chunks(), value_set=newest.column("profile_id").combine_chunks()
    )
    return typed_column(pa.chunked_array([values.take(places)]))
