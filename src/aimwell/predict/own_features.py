"""Features of a firm's own, as SQL or as a function, beside those of the catalogue.

The tables that they see end at the moment, so they cannot look ahead. Traits of a special category of data (religion, health …) are
not among the traits that they see.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa
from sqlglot import exp

from aimwell.definitions.feature_sql import faults_of
from aimwell.definitions.kinds.feature import OWN_PREFIX
from aimwell.definitions.special_data import Asks
from aimwell.errors import PredictError, QueryError, QueryTimeoutError
from aimwell.history.moment import Moment
from aimwell.predict.own_functions import OwnFunction, function_rows
from aimwell.segment.attributes.people_table import is_special
from aimwell.store.sql import identifier, sql

__all__ = ["join_own"]

_PLAIN_TRAITS, _SPECIAL = "plain_traits", "special_traits"


def join_own(moment: Moment, query: exp.Select, own: Mapping[str, Any]) -> exp.Select:
    """The query of people (a subquery `f` with `profile_id`) with a column `own:NAME` for each own feature.

    Args:
        moment: The cut session.
        query: Rows of people, from `f`.
        own: Name → SQL, or the settings of an `OwnFunction`.

    Raises:
        PredictError: It may not be asked, fails, takes too long, or gives several rows of a person.
    """
    for place, (name, given) in enumerate(own.items()):
        if isinstance(given, str):
            table, value = _values(moment, name, given), "value"
        else:
            function = OwnFunction.of_settings(given)
            if "traits" in function.tables:
                _bind_special(moment)
            table, value = function_rows(moment, function), function.number
        column = exp.column(identifier(value), table=identifier(f"own_{place}"))
        query = query.select(exp.alias_(column, f"{OWN_PREFIX}{name}", quoted=True)).join(
            exp.alias_(table, f"own_{place}", table=True),
            on=f"own_{place}.profile_id = f.profile_id",
            join_type="left",
        )
    return query


def _values(moment: Moment, name: str, text: str) -> exp.Table:
    """The feature's values, computed once a session: profile_id and value, a row a person."""
    faults = faults_of(text)
    if faults:
        raise PredictError(f"The feature '{name}' cannot be asked: {faults[0]}.")
    moment.bind_profiles()
    tree = sql(text, **({"as_of": moment.as_of} if ":as_of" in text else {}))
    _without_special(moment, tree)
    query = sql(
        "SELECT profile_id, CAST(value AS double) AS value FROM :own AS o WHERE profile_id IS NOT NULL",
        own=tree,
    )
    try:
        with moment.session.limited(moment.stores.settings.own_code_seconds):
            table = moment.materialised(f"own {name}", lambda: query)
    except QueryTimeoutError as error:
        raise PredictError(
            f"The SQL of the feature '{name}' took longer than {error.seconds:g} seconds and was stopped. Let it look at less (a shorter "
            "time, fewer columns), join on ids, or raise own_code_seconds under [predict] in aimwell.toml."
        ) from error
    except QueryError as error:
        raise PredictError(
            f"The feature '{name}' fails: {str(error).splitlines()[0].rstrip('.')}. Its value must be a number, and its tables and "
            "columns those of the moment."
        ) from error
    ((rows, people, odd),) = moment.session.rows(
        sql(
            """
            SELECT count(*) AS n, count(DISTINCT profile_id) AS people,
                   count(CASE WHEN NOT abs(value) <= 1.7976931348623157e308 THEN 1 END) AS odd
            FROM :own AS o
            """,
            own=table,
        )
    )
    if rows != people:
        raise PredictError(
            f"The feature '{name}' gives {rows:,} rows of {people:,} people. It must give a row a person at most: GROUP BY profile_id."
        )
    if odd:
        raise PredictError(
            f"The feature '{name}' gives {odd:,} people infinity or no number. Divide by nullif(…, 0), which gives no value."
        )
    return table


def _bind_special(moment: Moment) -> None:
    """Make `special_traits` stand for the names of traits of a special category."""
    names = [row[0] for row in moment.session.rows(sql("SELECT DISTINCT name FROM traits"))]
    special = [name for name in names if is_special(moment, Asks("trait", name, "sql"))]
    moment.session.bind(_SPECIAL, pa.table({"name": pa.array(special, pa.string())}))


def _without_special(moment: Moment, tree: exp.Expr) -> None:
    """Let the query read the traits without those of a special category."""
    read = [table for table in tree.find_all(exp.Table) if table.name.lower() == "traits"]
    if not read:
        return
    _bind_special(moment)
    moment.materialise_once(
        _PLAIN_TRAITS,
        lambda: sql("SELECT * FROM traits WHERE NOT name IN (SELECT name FROM special_traits)"),
    )
    for table in read:
        table.set("this", identifier(_PLAIN_TRAITS))
        if not table.alias:
            table.set("alias", exp.TableAlias(this=identifier("traits")))
