"""`aimwell predict baskets | bundles`: what goes together, and what it earns together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from aimwell.cli.context import AsOfOption, JsonOption, Opened, WorkspaceOption, opened
from aimwell.cli.pattern_words import (
    NO_CAUSE,
    AllOption,
    ByOption,
    FalseOption,
    LimitOption,
    names_in,
    ratio,
    stands,
)
from aimwell.predict.patterns.bundle_service import bundles as find_bundles
from aimwell.predict.patterns.model import BasketRules, Bundle, Rule
from aimwell.predict.patterns.reading import FALSE_SHARE
from aimwell.predict.patterns.service import basket_rules, bought_together

__all__ = ["baskets", "bundles"]

_PLURAL = {"sku": "products", "category": "categories"}


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
    ws.output.note(NO_CAUSE)


def _each_set_once(rules: Sequence[Rule]) -> list[Rule]:
    """The first rule of each set of items: others only turn it round."""
    first: dict[frozenset[str], Rule] = {}
    for rule in rules:
        first.setdefault(frozenset((*rule.antecedent, *rule.consequent)), rule)
    return list(first.values())


def _rule_row(rule: Rule, found: BasketRules) -> tuple[object, ...]:
    return (
        names_in(rule.antecedent, found.names),
        names_in(rule.consequent, found.names),
        rule.baskets,
        f"{100 * rule.confidence:.0f}",
        ratio(rule.lift),
        ratio(rule.matched_lift),
        stands(rule, found.false_share),
    )


def bundles(
    support: Annotated[
        float, typer.Option(min=0.00001, max=1.0, help="The least share of baskets with all items.")
    ] = 0.01,
    largest: Annotated[int, typer.Option(min=2, max=4, help="Most products in a bundle.")] = 3,
    discount: Annotated[
        float,
        typer.Option(
            min=0.001, max=0.99, help="The discount to work out, as a share: 0.1 is 10 %."
        ),
    ] = 0.1,
    false_share: FalseOption = FALSE_SHARE,
    limit: LimitOption = 20,
    as_of: AsOfOption = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show sets of products that hold together, what they earn, and how much discount they bear."""
    with opened(workspace, as_json=as_json) as ws:
        with ws.output.progress("Counting baskets"):
            found = find_bundles(
                ws.stores,
                as_of=ws.moment(as_of) or ws.now,
                support=support,
                largest=largest,
                discount=discount,
                false_share=false_share,
            )
        if as_json:
            ws.output.json(found)
            return
        ws.output.heading(
            f"{len(found.bundles):,} sets of products hold together, in {found.baskets:,} baskets"
        )
        if not found.bundles:
            ws.output.say(
                "Lower --support, or see what was tried with: aimwell predict baskets --all"
            )
            return
        ws.output.table(
            [
                "bundle",
                "baskets",
                "times as often",
                f"price ({found.currency})",
                "margin",
                "used up at",
                "more to sell",
            ],
            [_bundle_row(one, found.names) for one in found.bundles[:limit]],
        )
        if len(found.bundles) > limit:
            ws.output.say(f"… and {len(found.bundles) - limit:,} more (--limit).")
        ws.output.say()
        ws.output.say(
            "Price and margin: of one unit of each within the year before. Used up at: the discount that takes all that the "
            f"bundle earns. More to sell: so many more must be sold at {discount:.0%} off to earn as much as now; who would "
            "have bought all of it anyway gets the discount too."
        )
        for reason in _missing_margins(found.bundles[:limit]):
            ws.output.note(f"Beware: {reason}")
        ws.output.note(NO_CAUSE)


def _bundle_row(one: Bundle, names: Mapping[str, str]) -> tuple[object, ...]:
    margin = one.margin.value
    return (
        names_in(one.items, names),
        one.baskets,
        ratio(one.lift),
        one.price.value,
        "–" if margin is None else f"{margin:,.2f}{'*' if one.assumed else ''}",
        "–" if one.used_up_at.value is None else f"{one.used_up_at.value:.0%} off",
        "–" if one.more_needed.value is None else f"+{one.more_needed.value:.0%}",
    )


def _missing_margins(shown: Sequence[Bundle]) -> list[str]:
    """Why figures are missing or rest on an assumption, each reason once."""
    reasons = [
        one.reason for bundle in shown for one in (bundle.price, bundle.margin) if one.reason
    ]
    found = []
    if reasons:
        more = f", and so on ({len(reasons)} bundles)" if len(reasons) > 1 else ""
        found.append(
            f"Some figures are missing; {reasons[0]}{more}. Give unit costs, or set margin_default."
        )
    if any(one.assumed for one in shown):
        found.append(
            "* rests on the setting margin_default where no unit cost is known; then every bundle bears about the same discount."
        )
    return found
