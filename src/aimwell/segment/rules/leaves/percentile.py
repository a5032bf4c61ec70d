"""`percentile`: the top or the bottom share of people by a figure."""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from aimwell.definitions.leaves.percentile import Figure, PercentileRule
from aimwell.segment.rules.event_queries import acts_query, total
from aimwell.segment.rules.leaves.measure import asked, measure_words
from aimwell.segment.rules.phrases import field_words, in_span, percent, quoted
from aimwell.segment.rules.scope import Asked, Named, People, Scope
from aimwell.store.sql import sql

__all__ = ["acts", "names", "people", "words"]


def people(rule: PercentileRule, scope: Scope) -> People:
    """Who has fewer people before them than the share, among the known who have the figure."""
    figures = _figures(rule.percentile, scope)
    if rule.by is None:
        grouped = sql("SELECT profile_id, value, '' AS grp FROM :figures AS f", figures=figures)
    else:
        grouped = sql(
            """
            SELECT f.profile_id, f.value, g.value AS grp
            FROM :figures AS f JOIN :traits AS g ON g.profile_id = f.profile_id
            """,
            figures=figures,
            traits=exp.paren(scope.latest_trait(rule.by)),
        )
    if rule.among is not None:
        grouped = sql(
            "SELECT * FROM :grouped AS g WHERE profile_id IN (SELECT profile_id FROM :ranked AS r)",
            grouped=grouped,
            ranked=scope.members(rule.among),
        )
    order = "value DESC" if rule.top is not None else "value"
    return People(
        sql(
            f"""
            SELECT profile_id FROM (
              SELECT profile_id, rank() OVER (PARTITION BY grp ORDER BY {order}) - 1 AS before,
                     count(*) OVER (PARTITION BY grp) AS people
              FROM :grouped AS g
              WHERE value IS NOT NULL AND profile_id IN (SELECT profile_id FROM known)
            ) AS placed WHERE before < :share * people
            """,  # noqa: S608 - one of two texts of this file
            grouped=grouped,
            share=rule.top if rule.top is not None else rule.bottom,
        )
    )


def _figures(figure: Figure, scope: Scope) -> exp.Expr:
    if figure.feature is not None:
        return exp.select("profile_id", "value").from_(scope.feature(figure.feature))
    assert figure.measure is not None  # noqa: S101 - one of them is there
    rows = acts_query(figure.measure, scope, within=figure.within)
    return rows.select(exp.alias_(total(figure.measure), "value")).group_by("profile_id")


def words(rule: PercentileRule) -> str:
    """As "who are in the top 10 % by the feature “revenue”"."""
    end = (
        f"top {percent(rule.top)}"
        if rule.top is not None
        else f"bottom {percent(rule.bottom or 0)}"
    )
    figure = rule.percentile
    if figure.measure is None:
        by = f"the feature {quoted(figure.feature or '')}"
    else:
        lately = f" {in_span(figure.within)}" if figure.within is not None else ""
        by = f"the {measure_words(figure.measure)}{lately}"
    ranked = [f"in the segment {quoted(rule.among)}"] if rule.among is not None else []
    ranked += [f"with the same {field_words(rule.by)}"] if rule.by is not None else []
    among = f" among those {' and '.join(ranked)}" if ranked else ""
    return f"who are in the {end} by {by}{among}"


def acts(rule: PercentileRule) -> Iterator[Asked]:
    """What is measured."""
    if rule.percentile.measure is not None:
        yield asked(rule.percentile.measure)


def names(rule: PercentileRule) -> Iterator[Named]:
    """The trait that groups people."""
    if rule.by is not None:
        yield Named(rule.by, "traits", "name", "No trait '{}' was ever collected.")
