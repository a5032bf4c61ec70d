"""What became of a lift after the window: kept, pulled forward from later, or returned."""

from __future__ import annotations

from aimwell.measure.formatting import days_words, money, money_interval
from aimwell.measure.model import CampaignResult

__all__ = ["beyond_words"]


def beyond_words(within: CampaignResult, beyond: CampaignResult) -> str:
    """Both measurements of one plan in a sentence: to the end of the window, and for longer.

    The longer one is the honest figure of sales that are only moved: a purchase that sending pulled forward is missing
    from the contacted people's later weeks, and so from the difference. Its interval is wider, as more happens by chance. How much of it is
    returns is known from the orders.
    """
    if beyond.span.measured_until <= within.span.measured_until:
        return (
            "No time beyond the window has passed yet, so nothing can be said of sales pulled forward. Ask again after "
            f"{days_words(within.span.days)} more."
        )
    first, second = within.headline_estimate, beyond.headline_estimate
    if first.estimate is None or second.estimate is None:
        return f"What sending added is not known: {first.reason or second.reason}."
    currency, what = within.currency, within.headline
    after = second.estimate - first.estimate
    moved = money(abs(after), currency)
    change = f"{moved} {'less' if after < 0 else 'more'} than at the end of the window"
    if first.covers(second.estimate):
        change += ", a change no larger than what chance leaves open"
    elif after < 0:
        change += ": that much may have been pulled forward or returned"
    back = "" if within.revision is None else f" {within.revision.sentence}"
    return (
        f"{days_words(beyond.span.days_measured)} after the start the {what} added is {money(second.estimate, currency)} "
        f"({money_interval(second, currency)}), {change}.{back}"
    )
