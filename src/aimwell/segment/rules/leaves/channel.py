"""`channel`: the channel on which a person responds most."""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from aimwell.definitions.leaves.channel import ChannelRule
from aimwell.segment.rules.changing import Changes, by_rows
from aimwell.segment.rules.phrases import in_span, quoted
from aimwell.segment.rules.scope import Named, People, Scope, ago
from aimwell.store.sql import sql

__all__ = ["changes", "names", "people", "words"]


def people(rule: ChannelRule, scope: Scope) -> People:
    """Whose clicks were most in it; as the computed trait `responsive_channel`."""
    clicks = sql(
        """
        SELECT profile_id, channel, count(*) AS clicks, max(occurred_at) AS latest FROM touches
        WHERE event LIKE '% Clicked' AND NOT machine AND channel IS NOT NULL
        """
    )
    assert isinstance(clicks, exp.Select)  # noqa: S101 - the text above is a SELECT
    if rule.within is not None:
        clicks = clicks.where(sql("occurred_at >= :start", start=ago(scope.as_of, rule.within)))
    return People(
        sql(
            """
            SELECT profile_id FROM (
              SELECT profile_id, arg_max(channel, (clicks, latest, channel)) AS channel
              FROM :clicks AS c GROUP BY profile_id
            ) AS preferred WHERE channel = :channel
            """,
            clicks=clicks.group_by("profile_id", "channel"),
            channel=rule.channel,
        )
    )


def words(rule: ChannelRule) -> str:
    """As "who respond most by “email” in the last 90 days"."""
    lately = f" {in_span(rule.within)}" if rule.within is not None else ""
    return f"who respond most by {quoted(rule.channel)}{lately}"


def names(rule: ChannelRule) -> Iterator[Named]:
    """The channel."""
    yield Named(rule.channel, "touches", "channel", "Nobody was ever reached by a channel '{}'.")


def changes(rule: ChannelRule) -> Changes:
    """By touches, and as they grow old."""
    return by_rows("touches", "occurred_at", [rule.within])
