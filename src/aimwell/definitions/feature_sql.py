"""The SQL of an own feature: which queries may be asked, so that none can see the future, a file or another workspace.

It is parsed and looked at as a tree. It may read the tables that end at the moment and nothing else; it may call functions
of values that always give the same; it may not ask for the time, for chance, for files or settings.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp, parse
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.scope import traverse_scope

__all__ = ["FEATURE_TABLES", "faults_of"]

FEATURE_TABLES: tuple[str, ...] = (
    "account_members",
    "accounts",
    "activity",
    "answers",
    "events",
    "line_margins",
    "loyalty",
    "market",
    "memberships",
    "order_lines",
    "orders",
    "outcomes",
    "payments",
    "product_facts",
    "products",
    "profiles",
    "purchases",
    "reviews",
    "scores",
    "shops",
    "subscriptions",
    "touches",
    "traits",
    "usage",
)
"""What it may read: each ends at the moment."""

_COLUMNS = ("profile_id", "value")
_LENGTH_MAX = 10_000
_HOLES = {"as_of"}

# Functions that SQLGlot has no class of, each of values alone and always the same.
_PLAIN = frozenset(
    [
        "arg_max",
        "arg_min",
        "epoch",
        "epoch_ms",
        "isodow",
        "json_extract_string",
        "json_keys",
        "list_avg",
        "list_max",
        "list_min",
        "list_sum",
        "contains",
        "starts_with",
        "ends_with",
        "strip_accents",
        "len",
        "list_count",
        "favg",
        "fsum",
        "kurtosis",
        "skewness",
        "mad",
        "entropy",
        "product",
        "regr_slope",
        "regr_intercept",
        "regr_r2",
        "year",
        "month",
        "day",
        "hour",
        "dayofweek",
        "quarter",
        "week",
        "isfinite",
        "nullif",
    ]
)
_NOT_THE_SAME = (
    exp.CurrentDate,
    exp.CurrentDatetime,
    exp.CurrentTime,
    exp.CurrentTimestamp,
    exp.CurrentUser,
    exp.Rand,
    exp.Randn,
    exp.Uuid,
    exp.TableSample,
    exp.Command,
    exp.Into,
    exp.GenerateSeries,
)


def faults_of(text: str) -> list[str]:
    """What is wrong with the text, in words; nothing where it may be asked."""
    if len(text) > _LENGTH_MAX:
        return [f"it has {len(text):,} characters; at most {_LENGTH_MAX:,} are allowed"]
    try:
        trees = [tree for tree in parse(text, read="duckdb") if tree is not None]
    except RecursionError:
        return ["it is nested too deeply"]
    except SqlglotError as error:
        return [f"it cannot be parsed: {str(error).splitlines()[0]}"]
    tree = trees[0] if len(trees) == 1 else None
    return list(_faults(tree)) if isinstance(tree, exp.Query) else ["it must be one SELECT"]


def _faults(tree: exp.Query) -> Iterator[str]:
    names = [one.lower() for one in tree.named_selects]
    if sorted(names) != sorted(_COLUMNS):
        told = ", ".join(names) or "nothing that has a name"
        yield f"it must select {' and '.join(_COLUMNS)}; it selects {told}"
    yield from _wrong_tables(tree)
    for node in tree.walk():
        if isinstance(node, _NOT_THE_SAME):
            yield f"{node.key} is not allowed: time and chance are not the same each time (the moment is :as_of), and rows are only read"
        elif isinstance(node, exp.Join) and not (node.args.get("on") or node.args.get("using")):
            yield "a join needs ON or USING: without it every row meets every row"
        elif isinstance(node, exp.With) and node.args.get("recursive"):
            yield "WITH RECURSIVE is not allowed: it need not end"
        elif (
            isinstance(node, exp.Anonymous | exp.AnonymousAggFunc)
            and str(node.name).lower() not in _PLAIN
        ):
            yield f"the function {node.name} is not allowed"
        elif isinstance(node, exp.Placeholder) and node.name not in _HOLES:
            yield f":{node.name} stands for nothing; there is only :as_of, the moment"


def _wrong_tables(tree: exp.Query) -> Iterator[str]:
    """Tables that are neither of those that it may read nor named by a WITH around them."""
    seen: set[int] = set()
    for scope in traverse_scope(tree):
        for _name, source in scope.references:
            if isinstance(source, exp.Table):
                seen.add(id(source))
                named = isinstance(source.this, exp.Identifier) and not (
                    source.db or source.catalog
                )
                if named and (
                    source.name in scope.cte_sources or source.name.lower() in FEATURE_TABLES
                ):
                    continue
                yield f"it may not read {source.sql('duckdb')}; it may read {', '.join(FEATURE_TABLES)}"
    for table in tree.find_all(exp.Table):
        if id(table) not in seen:
            yield f"it may not read {table.sql('duckdb')} there"
