"""The words that exports use for a state, and the ones of the lake that they mean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlglot import exp

from aimwell.collect.null_texts import is_one_of
from aimwell.store.sql import sql

__all__ = [
    "CONSENT_STATES",
    "MEMBER_STATES",
    "PAYMENT_KINDS",
    "PAYMENT_STATES",
    "SUBSCRIPTION_STATES",
]
__all__ += ["SUPPRESSION_REASONS", "as_word"]

Words = Mapping[str, tuple[str, ...]]

SUBSCRIPTION_STATES: Words = {
    "trial": ("trial", "trialing", "in trial", "on trial"),
    "active": ("active", "live", "current", "renewed", "in good standing"),
    "past_due": ("past_due", "past due", "overdue", "unpaid", "late", "dunning"),
    "paused": ("paused", "on hold", "on-hold", "suspended", "frozen"),
    "ended": (
        *("ended", "end", "cancelled", "canceled", "expired", "churned", "terminated", "inactive"),
        *("incomplete_expired", "incomplete expired", "deactivated", "closed"),
    ),
}
PAYMENT_KINDS: Words = {
    "payment": ("payment", "charge", "sale", "instalment", "installment"),
    "repayment": ("repayment", "loan repayment", "credit repayment"),
    "refund": ("refund", "refunded", "chargeback", "reversal"),
}
PAYMENT_STATES: Words = {
    "due": ("due", "open", "pending", "scheduled", "upcoming", "draft"),
    "paid": ("paid", "succeeded", "success", "completed", "complete", "settled", "captured"),
    "late": ("late", "overdue", "past_due", "past due", "in arrears"),
    "failed": ("failed", "declined", "canceled", "cancelled", "uncollectible", "void", "error"),
    "refunded": ("refunded", "refund", "charged back", "disputed", "partially_refunded"),
}
MEMBER_STATES: Words = {
    "member": ("member", "active", "current", "yes", "true", "1", "joined", "invited"),
    "left": ("left", "inactive", "former", "no", "false", "0", "removed", "no longer with company"),
}
CONSENT_STATES: Words = {
    "granted": (
        *("granted", "yes", "true", "1", "opted_in", "opted in", "opt-in", "optin", "subscribed"),
        *("confirmed", "consented", "y", "t"),
    ),
    "denied": (
        "denied",
        "no",
        "false",
        "0",
        "never",
        "never_subscribed",
        "not_subscribed",
        "n",
        "f",
    ),
    "revoked": (
        *("revoked", "withdrawn", "unsubscribed", "opted_out", "opted out", "opt-out", "optout"),
        "cleaned",
    ),
}
SUPPRESSION_REASONS: Words = {
    "unsubscribed": ("unsubscribed", "unsubscribe", "global unsubscribe"),
    "bounced": (
        "bounced",
        "bounce",
        "hard bounce",
        "hard_bounce",
        "cleaned",
        "invalid",
        "invalid_email",
    ),
    "complaint": (
        *("complaint", "spam", "abuse", "spam report", "marked_as_spam", "spam complaint"),
        "spam_complaint",
    ),
    "opted_out": ("opted_out", "opted out", "stop", "optout", "opt-out"),
    # Klaviyo's "user" is who works with it, not the person written to.
    "manual": ("manual", "manually", "user_suppressed", "blocked", "blocklist", "do not contact"),
}


def as_word(value: exp.Expr, words: Words, *, default: Any = None) -> exp.Expr:
    """The word that `value` means; where it is missing `default` (a text or a tree); null where nobody knows it."""
    low = sql("lower(trim(:x))", x=value)
    other = default if isinstance(default, exp.Expr) else None
    missing = other if other is not None else sql(":x", x=default) if default else exp.null()
    branches = [exp.If(this=sql(":x IS NULL", x=value), true=missing)]
    branches += [
        exp.If(this=is_one_of(low.copy(), spellings), true=exp.Literal.string(word))
        for word, spellings in words.items()
    ]
    return exp.Case(ifs=branches)
