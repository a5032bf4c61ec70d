"""How a result was measured, and what to know before believing it, in plain words."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from aimwell.measure.formatting import (
    count,
    count_of,
    date_words,
    days_words,
    minute_words,
    money,
    percent,
)
from aimwell.measure.model import CampaignResult
from aimwell.stats.bayes import Belief

__all__ = ["explained", "nothing_to_compare"]

_SMALL_ARM = 100


def explained(
    result: CampaignResult,
    *,
    margin_unknown: int,
    newest_order_at: datetime | None,
    reached_nobody: bool,
    spillover: str | None = None,
) -> CampaignResult:
    """The result with its methods and caveats.

    Args:
        result: As measured.
        margin_unknown: People who bought something whose margin is not known.
        newest_order_at: The last order of anybody that the data holds within what is measured.
        reached_nobody: Whether nobody was really contacted.
        spillover: A warning that people held out live with people who were contacted; None where it is not so.
    """
    return replace(
        result,
        methods=tuple(_methods(result)),
        caveats=(
            *_of_time(result, newest_order_at),
            *([result.revision.sentence] if result.revision is not None else []),
            *_of_money(result, margin_unknown),
            *_of_people(result, reached_nobody=reached_nobody),
            *([spillover] if spillover is not None and not reached_nobody else []),
            *_of_sending(result, reached_nobody=reached_nobody),
        ),
    )


def nothing_to_compare(result: CampaignResult) -> str:
    """The sentence that stands in place of figures while nobody in either group has done anything; else nothing."""
    if any(arm.orders or arm.converted for arm in (result.treated, result.control)):
        return ""
    who = f"the {count_of(result.treated.people, 'person', 'people')} to be contacted and the {count(result.control.people)} held out"
    if result.span.finished:
        return f"Of {who} nobody bought anything in the window, so there is nothing to compare."
    return (
        f"Of {who} nobody has bought anything since the plan began, so there is nothing to compare yet. "
        "Measure again when orders of the window have been collected."
    )


def _methods(result: CampaignResult) -> list[str]:
    revenue = result.lifts["revenue"]
    found = [
        f"Before anything was sent, chance (a fixed hash of each person) decided who would be contacted "
        f"({count_of(result.treated.people, 'person', 'people')}) and who would be held out ({count(result.control.people)}). Everybody "
        "counts in the group that was drawn for them, whatever reached them, so the two differ by nothing but sending.",
        f"Orders count from {minute_words(result.span.starts_at, result.timezone)} on for {days_words(result.span.days_measured)}, in both "
        "groups alike. Returns within that time are taken off.",
    ]
    if revenue.difference.defined:
        found.append(
            f"{revenue.choice.because} The figures hold the truth {percent(100 * result.confidence, 0)} of the time: "
            f"{revenue.difference.method}."
        )
        found.append(_adjusted(result))
    if revenue.winsorised is not None and revenue.winsorised.difference.defined:
        tame = revenue.winsorised
        assert tame.difference.estimate is not None  # noqa: S101 - it is defined
        found.append(
            f"With the {count_of(tame.limits.changed, 'most extreme spender', 'most extreme spenders')} pulled in to "
            f"{money(tame.limits.high, result.currency)} the difference in revenue per person would be "
            f"{money(tame.difference.estimate, result.currency, 2)}: an answer to a tamer question, shown for comparison."
        )
    if result.belief is not None:
        found.append(_believed(result.belief, result.currency))
    if result.ratio is not None:
        found.append(result.ratio.message)
    if result.ratio_of_actions is not None and len(result.actions) + len(result.variants) > 1:
        found.append(f"Between the actions: {result.ratio_of_actions.message}")
    if "margin" in result.lifts:
        found.append(
            "Profit is the margin that sending added, less what offers cost "
            f"({money(result.costs.offers, result.currency)} beyond what revenue shows), less the cost of the messages "
            f"sent ({money(result.costs.contact, result.currency)})."
        )
    if len(result.actions) > 1 or result.variants:
        found.append(
            "Several actions are corrected for their number, so that the best of many is not praised for luck: each "
            "interval is widened so that all of them together hold the truth "
            f"{percent(100 * result.confidence, 0)} of the time (Bonferroni), and p-values are corrected by Holm's "
            "method. Where an interval excludes zero the corrected p-value is 0.05 or less; Holm's method is the "
            "sharper, so that a p-value can be that small where the interval still holds zero."
        )
    if any(row.effective is not None for row in (*result.actions, *result.variants)):
        found.append(
            "People had different chances of an action, so those who got it are not like those who did not. They are weighed by one over the "
            "probability that was logged before the draw (Hájek), and so stand for everybody: the figure is what the action would add to all "
            "who were assigned, by person. Where few had a small chance and got it all the same they carry the answer, which then tells as much "
            "as the smaller number of people beside it. With few buyers or very unequal spending such an interval may be too short."
        )
    return found


def _believed(belief: Belief, currency: str) -> str:
    assert belief.better is not None and belief.loss_if_sent is not None  # noqa: S101, PT018 - none is missing alone
    return (
        f"Seen the Bayesian way, with a stated belief of before ({belief.prior}): sending brings more revenue than not sending "
        f"with a probability of {percent(100 * belief.better, 0)}, and to send and be wrong is expected to lose "
        f"{money(belief.loss_if_sent, currency, 2)} a person. That is no licence to look until it pleases: to stop early, go by the range."
    )


def _adjusted(result: CampaignResult) -> str:
    adjustment = result.lifts["revenue"].adjustment
    if not adjustment.active or adjustment.variance_reduction is None:
        return f"Past spend could not be used to take out noise: {adjustment.reason}."
    share = 100 * adjustment.variance_reduction
    gain = (
        f"That took away {percent(share)} of the noise"
        if share > 0
        else "That took away no noise this time"
    )
    strata = " and the segments within which arms were dealt out" if max(adjustment.used) else ""
    before = "start" if result.series is None else "first wave that they stood in"
    return (
        f"What each person had spent before the {before}{strata} was used to take out differences that were there already "
        f"(CUPED). {gain}."
    )


def _of_time(result: CampaignResult, newest_order_at: datetime | None) -> list[str]:
    found, span = [], result.span
    if not span.finished:
        found.append(
            f"The window is not over. Measured so far: {days_words(span.days_measured)} of its {days_words(span.days)}. "
            "All figures are figures so far and will change. Their ranges are wide enough to be looked at every day: all "
            "looks together hold the truth of their day, so you may stop when you like. At the end of the window they get "
            "narrower, as for one look."
        )
    if newest_order_at is not None:
        gap_days = (span.measured_until - newest_order_at).total_seconds() / 86_400
        if gap_days > max(1.0, 0.1 * span.days_measured):
            found.append(
                f"The newest order in the data is of {date_words(newest_order_at, result.timezone)}, {days_words(gap_days)} before the end "
                "of what is measured. If later orders have not been collected yet, collect them and measure again."
            )
    return found


def _of_money(result: CampaignResult, margin_unknown: int) -> list[str]:
    found = []
    if margin_unknown:
        found.append(
            f"Profit is unknown: {count_of(margin_unknown, 'person', 'people')} bought goods whose cost is not known. Give unit costs "
            "with the products, or set margin_default. Until then only revenue is shown."
        )
    costs = result.costs
    if costs.redemptions_control:
        found.append(
            f"{count_of(costs.redemptions_control, 'order', 'orders')} of people who were held out used the offer all the same (worth "
            f"{money(costs.offers_control, result.currency)}). The code has leaked, so the lift is understated."
        )
    return found


def _of_people(result: CampaignResult, *, reached_nobody: bool) -> list[str]:
    found = []
    if reached_nobody:
        found.append(
            "Nobody was contacted, so there is no effect to find. What is shown is how far two groups differ by "
            "chance alone."
        )
    small = min(result.treated.people, result.control.people)
    if result.control.people and small < _SMALL_ARM:
        found.append(
            f"The smaller group has {count_of(small, 'person', 'people')}. Only a very large effect would show."
        )
    if result.crossed:
        found.append(
            f"{count_of(result.crossed, 'person', 'people')} turned out to be one person in both groups. Each counts once, in the group "
            "that was drawn for them first."
        )
    elif result.merged:
        found.append(
            f"{count_of(result.merged, 'person', 'people')} turned out to be several records of one person. Each counts once."
        )
    if result.erased:
        found.append(
            f"{count(result.erased)} of the assigned people {'was' if result.erased == 1 else 'were'} erased since. What "
            "they did is not known any more, so they do not count."
        )
    for check in (result.ratio, result.ratio_of_actions):
        if check is not None and check.mismatch:
            found.append(check.message)
            break
    return found


def _of_sending(result: CampaignResult, *, reached_nobody: bool) -> list[str]:
    found, delivery = [], result.delivery
    if delivery.waiting and not reached_nobody:
        found.append(
            f"{count_of(delivery.waiting, 'message is', 'messages are')} still waiting to be sent."
        )
    if delivery.unknown:
        found.append(
            f"Of {count_of(delivery.unknown, 'message', 'messages')} it is not known whether they arrived; they count as not paid for."
        )
    missing = result.treated.people - delivery.sent - delivery.unknown - delivery.waiting
    if delivery.sent and missing > 0.05 * result.treated.people:
        found.append(
            f"{count(missing)} of {count_of(result.treated.people, 'person', 'people')} got no message. They count all the same: the like "
            "of them among the held-out cannot be told, so to leave them out here alone would bias the comparison."
        )
    if result.state == "cancelled":
        found.append("The plan was cancelled before all of it was sent.")
    return found
