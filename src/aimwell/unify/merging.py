"""Which value of a trait a person has where several records or sources say something: the one rule for all readers.

The current state of profiles, rules of segments and personas all read traits through the queries of this module, over
a relation of statements cut at whatever moment they look at. So a value that is shown today is the value by which a
rule decides today, and a look at the past applies the same rule to what was known then.

A withdrawal (a statement without a value) is a statement like any other: where it is the one that counts, the
person has no such trait.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlglot import exp

from aimwell.definitions.kinds.profile_rules import Choice, ProfileRules
from aimwell.definitions.service import find
from aimwell.errors import UnknownDefinitionError
from aimwell.store.control import Control
from aimwell.store.sql import sql

__all__ = ["held_trait", "held_traits", "merged_traits", "profile_rules", "said_since"]


def profile_rules(control: Control) -> ProfileRules:
    """The rules in force: the document `profile_rules` of the name 'default', else its defaults."""
    try:
        return find(control, ProfileRules, "default")
    except UnknownDefinitionError:
        return ProfileRules()


def held_traits(rules: ProfileRules, source: str = "traits") -> exp.Expr:
    """A query: profile_id, name and the value that counts, for all traits. Who withdrew a trait has no row.

    Args:
        rules: How values are chosen.
        source: A relation of statements with `profile_id`, cut at the moment that is looked at.
    """
    if rules.counts_votes:
        return sql(
            "SELECT profile_id, name, value FROM :merged AS m WHERE value IS NOT NULL",
            merged=merged_traits(rules, source),
        )
    # The value is wrapped, because arg_max alone would pass over a withdrawal and give the value before it.
    return sql(
        """
        SELECT profile_id, name, latest.value AS value FROM (
          SELECT profile_id, name, arg_max(struct_pack(value := value), :order_by) AS latest
          FROM :source GROUP BY profile_id, name
        ) AS t
        WHERE latest.value IS NOT NULL
        """,
        order_by=_order(rules),
        source=exp.to_table(source),
    )


def held_trait(rules: ProfileRules, name: str, source: str = "traits") -> exp.Expr:
    """The same for one trait: profile_id and value."""
    if rules.choice(name) == "most_frequent":
        return sql(
            "SELECT profile_id, value FROM :merged AS m WHERE name = :name AND value IS NOT NULL",
            merged=merged_traits(rules, source),
            name=name,
        )
    newest = rules.choice(name) == "newest"
    order = sql("(set_at, received_at, value)") if newest else _trusted(_trust(rules, name))
    return sql(
        """
        SELECT profile_id, latest.value AS value FROM (
          SELECT profile_id, arg_max(struct_pack(value := value), :order_by) AS latest
          FROM :source WHERE name = :name GROUP BY profile_id
        ) AS t
        WHERE latest.value IS NOT NULL
        """,
        order_by=order,
        source=exp.to_table(source),
        name=name,
    )


def merged_traits(rules: ProfileRules, source: str = "traits") -> exp.Expr:
    """A query: profile_id, name, the value that counts (null: withdrawn) and where it comes from.

    `source` and `since` are of the statement that counts: who said it and from when it holds (when it was taken,
    where it has no date). `confidence`, 0 to 1, is the trust in those who say so now as a share of the trust in all
    who say anything, times the chance that not all of those who say so are wrong, were each right as often as
    it is trusted: 1 − Π (1 − trust). A record is what one source says of one origin; its last word counts.
    """
    return sql(
        """
        WITH words AS (
          SELECT profile_id, name, source,
                 arg_max(struct_pack(value := value, set_at := set_at, received_at := received_at),
                         (set_at, received_at, value)) AS said
          FROM :source GROUP BY profile_id, name, origin_id, source
        ),
        sayings AS (
          SELECT profile_id, name, source, said.value AS value, CAST(:trust AS double) AS trust, count(*) AS votes,
                 max(struct_pack(set_at := said.set_at, received_at := said.received_at)) AS latest
          FROM words GROUP BY profile_id, name, source, said.value
        ),
        candidates AS (
          SELECT profile_id, name, value, sum(votes) AS votes, sum(CAST(trust * 10000 AS bigint) * votes) AS weight,
                 product(1 - trust) AS doubt,
                 arg_max(struct_pack(source := source, latest := latest), (latest, source)) AS newest,
                 max(trust) AS trust,
                 arg_max(struct_pack(source := source, latest := latest), (trust, latest, source)) AS trusted
          FROM sayings GROUP BY profile_id, name, value
        ),
        ranked AS (
          SELECT *, :rank AS place, CASE WHEN :by_trust THEN trusted ELSE newest END AS told FROM candidates
        ),
        chosen AS (
          SELECT profile_id, name, sum(weight) AS weight,
                 arg_max(struct_pack(value := value, told := told, weight := weight, doubt := doubt),
                         (place, told.latest.set_at, told.latest.received_at, value)) AS best
          FROM ranked GROUP BY profile_id, name
        )
        SELECT profile_id, name, best.value AS value, best.told.source AS source,
               :since AS since,
               CASE WHEN weight > 0 THEN round(best.weight / weight * (1 - best.doubt) + 1e-9, 2) ELSE 0.0 END AS confidence
        FROM chosen
        """,
        source=exp.to_table(source),
        since=said_since(sql("best.told.latest.set_at"), sql("best.told.latest.received_at")),
        trust=_trust(rules),
        rank=_by_choice(
            rules,
            {
                "newest": sql("0.0"),
                "most_trusted": sql("trust"),
                "most_frequent": sql("CAST(votes AS double)"),
            },
        ),
        by_trust=_by_choice(
            rules,
            {"newest": exp.false(), "most_trusted": exp.true(), "most_frequent": exp.false()},
        ),
    )


def said_since(set_at: exp.Expr, received_at: exp.Expr) -> exp.Expr:
    """Since when a statement is known to hold. One without a date holds always; it is as old as its coming."""
    return sql(
        "CASE WHEN :set_at < CAST('1970-01-02T00:00:00+00:00' AS timestamptz) THEN :received_at ELSE :set_at END",
        set_at=set_at,
        received_at=received_at,
    )


def _order(rules: ProfileRules) -> exp.Expr:
    """What the statement that counts has most of, where no trait is chosen by votes."""
    if {rules.choose, *map(rules.choice, rules.traits)} == {"newest"}:
        return sql("(set_at, received_at, value)")
    ranks: dict[Choice, exp.Expr] = {"newest": sql("0.0"), "most_trusted": _trust(rules)}
    return _trusted(_by_choice(rules, ranks))


def _trusted(trust: exp.Expr) -> exp.Expr:
    return sql("(CAST(:trust AS double), set_at, received_at, value)", trust=trust)


def _by_choice(rules: ProfileRules, forms: Mapping[Choice, exp.Expr]) -> exp.Expr:
    """The form of each trait's choice, by its name."""
    own = {name: forms[rules.choice(name)] for name in rules.traits}
    return _case("name", own, forms[rules.choose])


def _trust(rules: ProfileRules, trait: str | None = None) -> exp.Expr:
    """How far a statement's source is trusted, of one trait or of each by its name."""

    def of(own: Mapping[str, float]) -> exp.Expr:
        shares = {**rules.trust, **own}
        return _case(
            "source",
            {name: exp.convert(share) for name, share in shares.items()},
            exp.convert(rules.trust_others),
        )

    if trait is not None:
        return of(rules.traits[trait].trust if trait in rules.traits else {})
    own = {name: of(part.trust) for name, part in rules.traits.items() if part.trust}
    return _case("name", own, of({}))


def _case(column: str, forms: Mapping[str, exp.Expr], otherwise: exp.Expr) -> exp.Expr:
    case = exp.Case(default=otherwise.copy())
    if not forms:
        return otherwise.copy()
    for name, form in forms.items():
        case = case.when(sql(":column = :name", column=exp.column(column), name=name), form.copy())
    return case
