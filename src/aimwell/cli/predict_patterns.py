"""`aimwell predict baskets | next | paths | responses | bundles`: what goes together, what follows, what leads where."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from aimwell.cli.context import AsOfOption, JsonOption, Opened, WorkspaceOption, opened
from aimwell.predict.patterns.bundle_service import bundles as find_bundles
from aimwell.predict.patterns.found import Finding
from aimwell.predict.patterns.model import BasketRules, Bundle, Rule
from aimwell.predict.patterns.next_service import bought_next
from aimwell.predict.patterns.paths import paths as find_paths
from aimwell.predict.patterns.reading import FALSE_SHARE
from aimwell.predict.patterns.responses import responses as find_responses
from aimwell.predict.patterns.service import basket_rules, bought_together
from aimwell.stats.estimate import Estimate

__all__ = ["register"]

_NAMES_MAX, _NAME_MIN = 30, 15  # characters of all items of a cell, and at least of each

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
    ws.output.note(_NO_CAUSE)


_NO_CAUSE = "Beware: It says what goes together, not that the one brings about the other. Try an offer with a control group."
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
        _stands(rule, found.false_share),
    )


def _stands(one: Rule | Finding, false_share: float) -> str:
    if one.adjusted_p_value > false_share:
        return "may be chance"
    if one.held is None:
        return "cannot tell yet"
    return "yes" if one.held else "not in both halves"


def _names(items: Sequence[str], names: Mapping[str, str], between: str = " + ") -> str:
    room = max(_NAME_MIN, _NAMES_MAX // len(items))
    told = (f"{item} {names[item]}" if item in names else item for item in items)
    return between.join(one if len(one) <= room else f"{one[: room - 1]}…" for one in told)


def _ratio(one: Estimate) -> str:
    if one.estimate is None or one.lower is None or one.upper is None:
        return "–"
    return f"{one.estimate:.1f} ({one.lower:.1f}–{one.upper:.1f})"


def next_(
    within: Annotated[
        int, typer.Option(min=1, help="Days in which the next basket may come.")
    ] = 90,
    after: Annotated[
        str | None, typer.Option("--after", help="Only what comes after this product or category.")
    ] = None,
    by: ByOption = "sku",
    false_share: FalseOption = FALSE_SHARE,
    limit: LimitOption = 20,
    everything: AllOption = False,
    as_of: AsOfOption = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what is new in people's next basket after they bought something, more than in that of others alike."""
    with opened(workspace, as_json=as_json) as ws:
        moment = ws.moment(as_of) or ws.now
        with ws.output.progress("Following baskets"):
            found = bought_next(
                ws.stores,
                as_of=moment,
                within_days=within,
                after=after,
                by=by,
                false_share=false_share,
            )
        if as_json:
            ws.output.json(found)
            return
        ws.output.heading(
            f"{found.baskets:,} baskets followed for {found.within_days} days; after {found.came_back:,} the person came back"
        )
        _show_findings(
            ws,
            found.findings if everything else found.standing,
            head=("after", "comes, for the first time", "baskets"),
            names=found.names,
            told=_told(found.findings, found.standing, found.tests, found.false_share, "pairs"),
            false_share=found.false_share,
            everything=everything,
            limit=limit,
        )
        ws.output.note(_NO_CAUSE)


def _told(
    findings: Sequence[Finding],
    standing: Sequence[Finding],
    tests: int,
    false_share: float,
    what: str,
) -> str:
    return (
        f"{tests:,} {what} were asked for, {len(findings):,} happened often enough; {len(standing):,} stand: significant "
        f"among all (at most {false_share:.0%} false), and above 1 both earlier and later."
    )


def _show_findings(
    ws: Opened,
    findings: Sequence[Finding],
    *,
    head: tuple[str, str, str],
    names: Mapping[str, str],
    told: str,
    between: str = " + ",
    false_share: float,
    everything: bool,
    limit: int,
) -> None:
    ws.output.say(told)
    if not findings:
        ws.output.say("There is nothing to show. See what does not stand with --all.")
        return
    ws.output.say()
    shown = slice(0, 7 if everything else 6)
    ws.output.table(
        [*head, "of 100", "of others", "times as often", "stands"][shown],
        [_finding_row(one, names, between, false_share)[shown] for one in findings[:limit]],
    )
    if len(findings) > limit:
        ws.output.say(f"… and {len(findings) - limit:,} more (--limit).")
    ws.output.say()
    ws.output.say(
        "Of others: of a hundred others of the same time and about as active, without the first. Times as often: the ratio, "
        "with its interval of 95 %."
    )


def _finding_row(
    one: Finding, names: Mapping[str, str], between: str, false_share: float
) -> tuple[object, ...]:
    return (
        _names(one.first, names, between),
        _names((one.then,), names),
        one.counted,
        f"{100 * one.cases / one.counted:.1f}",
        "–" if one.others_share is None else f"{100 * one.others_share:.1f}",
        _ratio(one.lift),
        _stands(one, false_share),
    )


def paths(
    to: Annotated[
        str,
        typer.Option(
            "--to", help="'order', 'silence' (buyers who order no more), or the name of an event."
        ),
    ] = "order",
    of: Annotated[
        str, typer.Option("--of", help="What the steps are: 'events', 'categories' or 'products'.")
    ] = "events",
    horizon: Annotated[
        int, typer.Option(min=1, help="How far ahead the outcome may be, in days.")
    ] = 30,
    window: Annotated[int, typer.Option(min=1, help="How far back the way goes, in days.")] = 60,
    longest: Annotated[int, typer.Option(min=2, max=3, help="Most steps of a path.")] = 3,
    false_share: FalseOption = FALSE_SHARE,
    limit: LimitOption = 20,
    everything: AllOption = False,
    as_of: AsOfOption = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what people do, in which order, before they order or go silent, more than others as active."""
    with opened(workspace, as_json=as_json) as ws:
        with ws.output.progress("Following people"):
            found = find_paths(
                ws.stores,
                as_of=ws.moment(as_of) or ws.now,
                to=to,
                of=of,
                horizon_days=horizon,
                window_days=window,
                longest=longest,
                false_share=false_share,
            )
        if as_json:
            ws.output.json(found)
            return
        ends = {"order": "an order", "silence": "no more order"}.get(to, to)
        ws.output.heading(
            f"Ways to {ends} within {horizon} days, of {found.people[0]:,} people at an earlier moment and "
            f"{found.people[1]:,} at a later one"
        )
        _show_findings(
            ws,
            found.findings if everything else found.standing,
            head=("way", "leads to", "people"),
            between=" › ",
            names=found.names,
            told=_told(found.findings, found.standing, found.tests, found.false_share, "paths"),
            false_share=found.false_share,
            everything=everything,
            limit=limit,
        )
        ws.output.note(_NO_CAUSE)


def responses(
    to: Annotated[
        str,
        typer.Option("--to", help="What counts: a 'click' on the campaign's link, or an 'order'."),
    ] = "click",
    within: Annotated[
        int, typer.Option(min=1, help="Days after the campaign's first message.")
    ] = 7,
    by: ByOption = "sku",
    false_share: FalseOption = FALSE_SHARE,
    limit: LimitOption = 20,
    everything: AllOption = False,
    as_of: AsOfOption = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show whose buyers respond to which campaign more than others to whom it wrote."""
    with opened(workspace, as_json=as_json) as ws:
        with ws.output.progress("Following messages"):
            found = find_responses(
                ws.stores,
                as_of=ws.moment(as_of) or ws.now,
                to=to,
                by=by,
                within_days=within,
                false_share=false_share,
            )
        if as_json:
            ws.output.json(found)
            return
        ws.output.heading(
            f"{found.people:,} people were written to by {found.campaigns:,} campaigns; {found.responded:,} responded within "
            f"{within} days ({to})"
        )
        _show_findings(
            ws,
            found.findings if everything else found.standing,
            head=("who had bought", "campaign", "people"),
            names=found.names,
            told=_told(found.findings, found.standing, found.tests, found.false_share, "sets"),
            false_share=found.false_share,
            everything=everything,
            limit=limit,
        )
        ws.output.note(
            "Beware: Somebody chose whom the campaign wrote to, and who orders would perhaps have ordered anyway. Only a "
            "control group tells what an offer adds: aimwell measure report"
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
        ws.output.note(_NO_CAUSE)


def _bundle_row(one: Bundle, names: Mapping[str, str]) -> tuple[object, ...]:
    margin = one.margin.value
    return (
        _names(one.items, names),
        one.baskets,
        _ratio(one.lift),
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


def register(app: typer.Typer) -> None:
    """Give `aimwell predict` these commands."""
    app.command("baskets")(baskets)
    app.command("next")(next_)
    app.command("paths")(paths)
    app.command("responses")(responses)
    app.command("bundles")(bundles)
