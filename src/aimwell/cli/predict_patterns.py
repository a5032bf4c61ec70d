"""`aimwell predict baskets | next | paths | bundles`: what goes together, what follows, what leads where."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from aimwell.cli.context import AsOfOption, JsonOption, Opened, WorkspaceOption, opened
from aimwell.predict.patterns.model import BasketRules, Rule
from aimwell.predict.patterns.service import FALSE_SHARE, basket_rules, bought_together
from aimwell.stats.estimate import Estimate

__all__ = ["register"]

_NAME_MAX = 27  # characters of an item in a table of 100 columns

ByOption = Annotated[
    str, typer.Option("--by", help="What is counted: products by 'sku', or by 'category'.")
]
FalseOption = Annotated[
    float,
    typer.Option(
        "--false-share", min=0.0001, max=0.5, help="Of what stands this share may be false."
    ),
]
LimitOption = Annotated[int, typer.Option("--limit", min=1, help="How many to show.")]
AllOption = Annotated[bool, typer.Option("--all", help="Show also what does not stand.")]


def baskets(
    support: Annotated[
        float, typer.Option(min=0.00001, max=1.0, help="The least share of baskets with all items.")
    ] = 0.01,
    confidence: Annotated[
        float,
        typer.Option(
            min=0.0, max=1.0, help="The least share of baskets with the one that have the other."
        ),
    ] = 0.3,
    largest: Annotated[int, typer.Option(min=2, max=4, help="Most items in a set.")] = 3,
    product: Annotated[
        str | None,
        typer.Option("--product", help="Only what is bought with this one, for its product page."),
    ] = None,
    by: ByOption = "sku",
    false_share: FalseOption = FALSE_SHARE,
    limit: LimitOption = 20,
    everything: AllOption = False,
    as_of: AsOfOption = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what is bought together: frequent sets, and rules that are more than chance and held over time."""
    with opened(workspace, as_json=as_json) as ws:
        moment = ws.moment(as_of) or ws.now
        with ws.output.progress("Counting baskets"):
            if product is not None:
                found = bought_together(
                    ws.stores, product, as_of=moment, by=by, false_share=false_share
                )
            else:
                found = basket_rules(
                    ws.stores,
                    as_of=moment,
                    by=by,
                    support=support,
                    confidence=confidence,
                    largest=largest,
                    false_share=false_share,
                )
        if as_json:
            ws.output.json(found)
            return
        _show_baskets(ws, found, product, everything=everything, limit=limit)


def _show_baskets(
    ws: Opened, found: BasketRules, product: str | None, *, everything: bool, limit: int
) -> None:
    rules = found.rules if everything else found.standing
    zone = ZoneInfo(ws.stores.settings.timezone)
    ws.output.heading(
        f"{found.baskets:,} baskets with {found.items:,} {_PLURAL[found.by]}, "
        f"{found.since.astimezone(zone):%Y-%m-%d} to {found.until.astimezone(zone):%Y-%m-%d}"
    )
    frequent = ", ".join(
        f"{count:,} of {size}" for size, count in found.itemsets.items() if size > 1
    )
    ws.output.say(
        f"{found.frequent:,} are in at least {found.least:,} baskets; sets in as many: {frequent or 'none'}."
    )
    ws.output.say(
        f"{len(found.rules):,} rules; {len(found.standing):,} stand: significant among {found.tests:,} that could have "
        f"been written (at most {found.false_share:.0%} false), also among baskets of about the same size, and above 1 in "
        "both halves of time."
    )
    if not rules:
        ws.output.say(
            "There is nothing to show. Lower --support or --confidence, or see all with --all."
        )
        return
    sets = _each_set_once(rules)
    head = ["who has", "has too", "baskets", "of 100", "lift", "among like", "stands"]
    shown = slice(0 if product is None else 1, 7 if everything else 6)
    ws.output.say()
    ws.output.table(head[shown], [_rule_row(rule, found)[shown] for rule in sets[:limit]])
    if len(sets) > limit:
        ws.output.say(f"… and {len(sets) - limit:,} more (--limit).")
    ws.output.say()
    ws.output.say(
        "Each set of items is shown once, by its surest rule. Of 100: of a hundred baskets with the first so many have the second. Lift: how many times as often as in all "
        "baskets, with its interval of 95 %. Among like: the same against baskets of about the same size and time without "
        "the first."
    )
    ws.output.note(
        "Beware: It says what goes together, not that the one makes people buy the other. Try an offer with a control group."
    )


_PLURAL = {"sku": "products", "category": "categories"}


def _each_set_once(rules: Sequence[Rule]) -> list[Rule]:
    """The first rule of each set of items: others only turn it round."""
    first: dict[frozenset[str], Rule] = {}
    for rule in rules:
        first.setdefault(frozenset((*rule.antecedent, *rule.consequent)), rule)
    return list(first.values())


def _rule_row(rule: Rule, found: BasketRules) -> tuple[object, ...]:
    return (
        _names(rule.antecedent, found.names),
        _names(rule.consequent, found.names),
        rule.baskets,
        f"{100 * rule.confidence:.0f}",
        _ratio(rule.lift),
        _ratio(rule.matched_lift),
        "yes" if rule.stands(found.false_share) else _why_not(rule, found.false_share),
    )


def _why_not(rule: Rule, false_share: float) -> str:
    if rule.adjusted_p_value > false_share:
        return "may be chance"
    if rule.held is None:
        return "cannot tell yet"
    return "not in both halves"


def _names(items: Sequence[str], names: Mapping[str, str]) -> str:
    return " + ".join(_short(f"{item} {names[item]}" if item in names else item) for item in items)


def _short(text: str) -> str:
    return text if len(text) <= _NAME_MAX else f"{text[: _NAME_MAX - 1]}…"


def _ratio(one: Estimate) -> str:
    if one.estimate is None or one.lower is None or one.upper is None:
        return "–"
    return f"{one.estimate:.1f} ({one.lower:.1f}–{one.upper:.1f})"


def register(app: typer.Typer) -> None:
    """Give `aimwell predict` these commands."""
    app.command("baskets")(baskets)
