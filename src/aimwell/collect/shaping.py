"""Rows of the further entities as they will be taken: words read, money signed, ids made, with the checks of each.

`shaped` has all columns of `typed`, `person`, and what an entity makes of a target under `made.<target>`; the rows
that are staged bear the targets' names again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast, get_args

import pyarrow as pa
from sqlglot import exp

from aimwell.collect import state_words
from aimwell.collect.entity_specs import SPECS
from aimwell.collect.identifying import no_person_words, person_of
from aimwell.collect.job import Job
from aimwell.collect.null_texts import is_one_of
from aimwell.collect.opening_hours import read_hours
from aimwell.collect.order_lines import hashed_id
from aimwell.collect.said import as_said
from aimwell.collect.staging import Check
from aimwell.collect.surveys import answer_checks, find_survey
from aimwell.definitions.kinds.source import Entity
from aimwell.definitions.source_entity import EntityPart
from aimwell.definitions.source_more import (
    AnswersEntity,
    AssignmentsEntity,
    ConsentsEntity,
    OutcomesEntity,
    ReviewsEntity,
    SuppressionsEntity,
)
from aimwell.definitions.source_values import Medium
from aimwell.store.sql import column, sql
from aimwell.zones import known_zones

__all__ = ["number_of", "stage_more"]

_MEDIA: tuple[str, ...] = get_args(Medium)

E = TypeVar("E", bound=EntityPart)


@dataclass
class _Shape:
    """What an entity makes of its targets, and what can be wrong with a row."""

    made: dict[str, exp.Expr] = field(default_factory=dict)
    checks: list[Check] = field(default_factory=list)

    def word(
        self, name: str, words: state_words.Words, *, default: Any = None, mapped: bool
    ) -> None:
        """A target that is one of some words."""
        self.made[name] = state_words.as_word(column(name), words, default=default)
        if mapped:
            told = f"{name} is none of {', '.join(words)}; map it by an expression"
            self.check(name, f"unknown_{name}", told, _unread(name))

    def check(self, name: str, reason: str, detail: str, when: exp.Expr) -> None:
        """Something that can be wrong."""
        self.checks.append(
            Check(name, reason, detail, sql("coalesce(:wrong, FALSE)", wrong=exp.paren(when)))
        )

    def not_negative(self, *names: str) -> None:
        """Targets below zero are mistakes."""
        for name in names:
            self.check(name, f"negative_{name}", f"{name} is negative", _below(name))


def _unread(name: str) -> exp.Expr:
    return sql(":x IS NOT NULL AND :made IS NULL", x=column(name), made=column(f"made.{name}"))


def _below(name: str) -> exp.Expr:
    return sql(":x < 0", x=column(name))


def stage_more(job: Job, entity: Entity) -> tuple[exp.Query, list[Check]]:
    """The query that makes `staged` of one of the entities of `SPECS`, and its checks."""
    spec, names = SPECS[entity.entity], job.names
    shape = _Shape()
    _SHAPES.get(entity.entity, _as_it_is)(job, entity, shape)
    checks = shape.checks
    if spec.person == "one":
        target, words = no_person_words(names, "who it is")
        checks.append(Check(target, "no_identifier", words, sql("person IS NULL")))
    checks += _rate_checks(job, entity)
    made = [exp.alias_(value, f"made.{name}", quoted=True) for name, value in shape.made.items()]
    person = person_of(names) if spec.person != "none" else sql("CAST(NULL AS varchar)")
    inner = exp.select("*", exp.alias_(person, "person"), *made).from_("typed").subquery("shaped")
    targets = [name for name, _ in spec.targets]
    wanted = [*targets, *(name for name in names if name not in targets)]
    own = sql("coalesce(currency, :currency)", currency=job.currency)
    columns = [
        exp.alias_(
            own
            if name == "currency"
            else column(f"made.{name}")
            if name in shape.made
            else column(name),
            name,
            quoted=True,
        )
        for name in wanted
    ]
    return exp.select("n", "person", *columns).from_(inner), checks


def _rate_checks(job: Job, entity: Entity) -> list[Check]:
    spec = SPECS[entity.entity]
    money = [sql(":x IS NOT NULL", x=column(name)) for name in spec.money if name in job.names]
    if not money:
        return []
    when = sql(":time", time=column(str(spec.time)))
    return job.rate_checks(sql("coalesce(:t, :now)", t=when, now=job.now), exp.or_(*money))


def _as_it_is(job: Job, _entity: Entity, shape: _Shape) -> None:
    """Only what is money or counts must not be negative."""
    counted = ("price", "cost", "size", "impressions", "clicks", "trial_days")
    shape.not_negative(*(name for name in counted if name in job.names))


def _accounts_of(job: Job, _entity: Entity, shape: _Shape) -> None:
    shape.word("state", state_words.MEMBER_STATES, default="member", mapped="state" in job.names)


def _shops(job: Job, _entity: Entity, shape: _Shape) -> None:
    for name, most in (("latitude", 90), ("longitude", 180)):
        if name in job.names:
            beyond = sql("abs(:x) > :most", x=column(name), most=most)
            shape.check(name, "not_a_place", f"{name} is beyond {most} degrees", beyond)
    if "timezone" in job.names:
        unknown = sql(
            ":x IS NOT NULL AND NOT :known",
            x=column("timezone"),
            known=is_one_of(column("timezone"), sorted(known_zones())),
        )
        shape.check("timezone", "unknown_timezone", "there is no time zone of this name", unknown)
    if "hours" in job.names:
        raw = job.session.table(sql("SELECT DISTINCT hours FROM texts WHERE hours IS NOT NULL"))
        texts = raw.column(0).to_pylist()
        read = pa.array([read_hours(text) for text in texts], pa.string())
        job.session.bind(
            "hours_read", pa.table({"raw": pa.array(texts, pa.string()), "read": read})
        )
        shape.made["hours"] = sql("(SELECT any_value(read) FROM hours_read WHERE raw = hours)")
        told = "hours cannot be read; write them as 'Mo-Fr 09:00-18:00; Sa 10:00-14:00; Su closed'"
        shape.check("hours", "unknown_hours", told, _unread("hours"))


def _subscriptions(job: Job, _entity: Entity, shape: _Shape) -> None:
    by_end = sql("CASE WHEN ended_at <= :now THEN 'ended' ELSE 'active' END", now=job.now)
    shape.word(
        "state", state_words.SUBSCRIPTION_STATES, default=by_end, mapped="state" in job.names
    )
    shape.not_negative(*(name for name in ("price", "period_months") if name in job.names))
    if {"started_at", "ended_at"} <= set(job.names):
        shape.check(
            "ended_at",
            "ends_before_start",
            "it ends before it starts",
            sql("ended_at < started_at"),
        )


def _payments(job: Job, _entity: Entity, shape: _Shape) -> None:
    by_sign = sql("CASE WHEN amount < 0 THEN 'refund' ELSE 'payment' END")
    shape.word("kind", state_words.PAYMENT_KINDS, default=by_sign, mapped="kind" in job.names)
    shape.word("state", state_words.PAYMENT_STATES, default="paid", mapped="state" in job.names)
    shape.made["amount"] = sql("CAST(abs(amount) AS decimal(18, 4))")
    shape.made["payment_id"] = _made_id(job, "payment_id")
    below = sql("amount < 0 AND kind IS NOT NULL AND :made <> 'refund'", made=column("made.kind"))
    shape.check("amount", "negative_amount", "amount is negative although it is no refund", below)


def _made_id(job: Job, name: str) -> exp.Expr:
    """The id that a row has, else one made of all that is mapped of it."""
    own: list[exp.Expr] = [as_said(n, job.filled) for n in job.names if n != name]
    made = hashed_id(job.source.name, job.stores.identity_key, own)
    return sql("coalesce(:x, :made)", x=column(name), made=made)


def _usage(job: Job, _entity: Entity, shape: _Shape) -> None:
    if "amount" in job.names:
        for name in ("name", "amount"):
            shape.check(name, "missing", f"{name} is required", sql(":x IS NULL", x=column(name)))
    measured = [name for name in job.names if name == "amount" or name.startswith("measured.")]
    for name in measured:
        shape.check(name, "negative_amount", f"{name} is negative", _below(name))


def _loyalty(job: Job, _entity: Entity, shape: _Shape) -> None:
    shape.made["programme"] = sql("coalesce(programme, :name)", name=job.source.name)


def _ad_spend(job: Job, entity: Entity, shape: _Shape) -> None:
    _as_it_is(job, entity, shape)
    shape.made["ends_at"] = sql("coalesce(ends_at, starts_at + INTERVAL 1 DAY)")
    over = sql(":ends <= starts_at", ends=column("made.ends_at"))
    shape.check("ends_at", "ends_before_start", "the period ends before it starts", over)


def _touches(job: Job, _entity: Entity, shape: _Shape) -> None:
    if "event" in job.names:
        for name in ("event", "occurred_at"):
            shape.check(name, "missing", f"{name} is required", sql(":x IS NULL", x=column(name)))
    if "cost" in job.names:
        shape.not_negative("cost")
    shape.made["machine"] = sql("coalesce(machine, FALSE)")
    shape.made["touch_id"] = _made_id(job, "touch_id")


def _named(entity: AssignmentsEntity | OutcomesEntity, shape: _Shape) -> None:
    """The experiment: of all rows, or of each."""
    if entity.experiment is not None:
        shape.made["experiment"] = sql(":name", name=entity.experiment)
    else:
        told = "experiment is required"
        shape.check("experiment", "missing", told, sql("experiment IS NULL"))


def _assignments(job: Job, entity: Entity, shape: _Shape) -> None:
    own = cast(AssignmentsEntity, entity)
    _named(own, shape)
    del job
    is_control = is_one_of(sql("arm"), ("control", *own.control))
    shape.made["arm"] = sql("CASE WHEN :control THEN 'control' ELSE arm END", control=is_control)
    offered = sql("coalesce(action, arm)")
    shape.made["action"] = sql(
        "CASE WHEN NOT :control THEN :offered END", control=is_control.copy(), offered=offered
    )
    if own.probabilities:
        branches = [
            exp.If(this=sql("arm = :arm", arm=arm), true=sql("CAST(:p AS double)", p=p))
            for arm, p in own.probabilities.items()
        ]
        shape.made["probability"] = exp.Case(ifs=branches)
        told = f"the arm is none of {', '.join(own.probabilities)}, whose probabilities are told"
        missing = sql(":p IS NULL", p=column("made.probability"))
        shape.check("arm", "unknown_arm", told, missing)
        return
    for test, reason, told in (
        ("probability IS NULL", "missing", "probability is required"),
        ("probability <= 0 OR probability > 1", "not_a_probability", "probability is 0 to 1"),
    ):
        shape.check("probability", reason, told, sql(test))


def number_of(value: exp.Expr) -> exp.Expr:
    """A finite number; yes and no count as 1 and 0."""
    return sql(
        """
        CASE WHEN lower(:x) IN ('yes', 'true', 'y', 't') THEN 1
             WHEN lower(:x) IN ('no', 'false', 'n', 'f') THEN 0
             WHEN isfinite(TRY_CAST(:x AS double)) THEN TRY_CAST(:x AS double) END
        """,
        x=value,
    )


def _outcomes(job: Job, entity: Entity, shape: _Shape) -> None:
    own = cast(OutcomesEntity, entity)
    _named(own, shape)
    if "value" in job.names:
        for name in ("name", "value"):
            shape.check(name, "missing", f"{name} is required", sql(":x IS NULL", x=column(name)))
    for name in job.names:
        if name == "value" or name.startswith("measured."):
            lost = sql(":x IS NOT NULL AND :v IS NULL", x=column(name), v=number_of(column(name)))
            shape.check(
                name, "not_a_number", f"{name} is no finite number, and not yes or no", lost
            )


def _answers(job: Job, entity: Entity, shape: _Shape) -> None:
    own = cast(AnswersEntity, entity)
    shape.checks += answer_checks(own, find_survey(job.stores, own))


def _reviews(job: Job, entity: Entity, shape: _Shape) -> None:
    own = cast(ReviewsEntity, entity)
    shape.made["review_id"] = _made_id(job, "review_id")
    if "rating" in job.names:
        beyond = sql("rating < 1 OR rating > :most", most=own.rating_max)
        told = f"a rating is 1 to {own.rating_max:g}; see `rating_max`"
        shape.check("rating", "rating_out_of_range", told, beyond)
    said = [n for n in ("rating", "text", "title", "recommended") if n in job.names]
    if said:
        empty = exp.and_(*[sql(":x IS NULL", x=column(name)) for name in said])
        shape.check(said[0], "missing", f"the review says nothing: no {' or '.join(said)}", empty)


def _consents(job: Job, entity: Entity, shape: _Shape) -> None:
    own = cast(ConsentsEntity, entity)
    shape.word("state", state_words.CONSENT_STATES, mapped=True)
    if own.channel is not None:
        shape.made["channel"] = sql(":channel", channel=own.channel)
    else:
        low = sql("lower(channel)")
        shape.made["channel"] = sql(
            "CASE WHEN :known THEN :low END", known=is_one_of(low, _MEDIA), low=low
        )
        told = f"channel is none of {', '.join(_MEDIA)}; map it by an expression"
        unknown = sql(":made IS NULL", made=column("made.channel"))
        shape.check("channel", "unknown_channel", told, unknown)
    usual = job.source.consent.purpose if job.source.consent is not None else "marketing"
    shape.made["purpose"] = sql("coalesce(purpose, :usual)", usual=usual)
    wording = job.source.consent.wording if job.source.consent is not None else None
    if wording is not None:
        shape.made["wording"] = sql("coalesce(wording, :wording)", wording=wording)


def _suppressions(job: Job, entity: Entity, shape: _Shape) -> None:
    own = cast(SuppressionsEntity, entity)
    if own.reason is not None:
        shape.made["reason"] = sql(":reason", reason=own.reason)
    else:
        shape.word("reason", state_words.SUPPRESSION_REASONS, default="manual", mapped=True)
    low = sql("lower(channel)")
    known = is_one_of(low, (*_MEDIA, "all"))
    shape.made["channel"] = sql("CASE WHEN :known THEN :low END", known=known, low=low)
    told = f"channel is none of {', '.join(_MEDIA)}, all"
    shape.check("channel", "unknown_channel", told, _unread("channel"))
    shape.check(
        "email" if "email" in job.names else "phone",
        "no_identifier",
        "no address can be read",
        sql("email IS NULL AND phone IS NULL"),
    )


_SHAPES: Mapping[str, Callable[[Job, Entity, _Shape], None]] = {
    "account_members": _accounts_of,
    "shops": _shops,
    "subscriptions": _subscriptions,
    "payments": _payments,
    "usage": _usage,
    "loyalty": _loyalty,
    "ad_spend": _ad_spend,
    "touches": _touches,
    "assignments": _assignments,
    "outcomes": _outcomes,
    "answers": _answers,
    "reviews": _reviews,
    "consents": _consents,
    "suppressions": _suppressions,
}
