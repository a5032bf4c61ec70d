"""Reads everything that is known of one person into a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from aimwell.decide.model import EXCLUSIONS
from aimwell.errors import UnifyError
from aimwell.history.computed_catalogue import COMPUTED
from aimwell.people.model import (
    ComputedValue,
    ConsentAnswer,
    ConsentState,
    Happening,
    Identity,
    Letter,
    Placed,
    ProfilePage,
    ScoreValue,
    SegmentPlace,
    TraitValue,
)
from aimwell.people.personal_fields import personal_fields
from aimwell.people.surroundings import surroundings
from aimwell.people.timeline import TIMELINE_COLUMNS, TIMELINE_TABLES, lake_happenings
from aimwell.privacy.permission import REFUSALS, permissions
from aimwell.privacy.suppression import ADDRESS_KINDS
from aimwell.segment.membership.recording import inside as inside_now
from aimwell.store.engine import Session
from aimwell.store.schema import metadata
from aimwell.store.sql import sql
from aimwell.store.stores import Stores
from aimwell.unify.identity import merge_of
from aimwell.unify.lookup import find_profile
from aimwell.unify.merging import said_since
from aimwell.unify.reading import bind_people
from aimwell.unify.recency import Ageing, ageing, newest_facts, overall, recency

__all__ = ["profile_page"]

_profiles = metadata.tables["profiles"]
_identifiers = metadata.tables["identifiers"]
_overrides = metadata.tables["identity_overrides"]
_consents = metadata.tables["consents"]
_households = metadata.tables["households"]
_plans = metadata.tables["plans"]
_places = metadata.tables["plan_people"]
_messages = metadata.tables["messages"]

_LAKE = (*TIMELINE_TABLES, "scores", "account_members", "market", "trait_marks")
_MARKETING = "marketing"
_LETTERS_MAX = 50
_Statement = tuple[str, str, datetime]
"""Trait, source, and since when it holds."""

# Snapshots are of a whole segment, so they are looked for among everybody's rows.
_SEGMENTS = """
    WITH snapshots AS (
      SELECT segment, max(occurred_at) AS snapshot_at FROM raw_memberships
      WHERE change = 'snapshot' AND CAST(occurred_at AS timestamptz) < :now GROUP BY segment
    )
    SELECT m.segment,
           coalesce(max(m.occurred_at) FILTER (WHERE m.change = 'entered'), min(m.occurred_at)) AS since,
           :inside AS inside,
           s.snapshot_at IS NULL OR max(m.occurred_at) >= s.snapshot_at AS lately
    FROM memberships AS m LEFT JOIN snapshots AS s ON s.segment = m.segment
    WHERE CAST(m.occurred_at AS timestamptz) < :now
    GROUP BY m.segment, s.snapshot_at ORDER BY m.segment
    """

_SCORES = """
    SELECT model, latest.version, latest.score, latest.lower, latest.upper, as_of, latest.horizon_days FROM (
      SELECT model, max(as_of) AS as_of,
             arg_max(struct_pack(version := version, score := score, lower := lower, upper := upper,
                                 horizon_days := horizon_days), (as_of, version, received_at)) AS latest
      FROM scores GROUP BY model
    ) AS s
    ORDER BY model
    """

_ACCOUNTS = """
    SELECT account_id, latest.role AS role FROM (
      SELECT account_id, arg_max(struct_pack(role := role, state := state), (set_at, received_at)) AS latest
      FROM account_members WHERE CAST(set_at AS timestamptz) < :now GROUP BY account_id
    ) AS m
    WHERE latest.state <> 'left' ORDER BY account_id
    """


def profile_page(
    stores: Stores,
    who: str,
    *,
    now: datetime,
    by: str,
    reveal: bool = False,
    limit: int = 30,
    since: datetime | None = None,
) -> ProfilePage:
    """The page of the person of a profile id, customer id, e-mail address or telephone number.

    Args:
        stores: The workspace.
        who: Whom.
        now: The moment; what is dated later is left out.
        by: Who asks.
        reveal: Personal data in clear; the audit log records who saw whose, before it is shown.
        limit: Lines of the time-line at most.
        since: Only what happened from then on.

    Raises:
        UnifyError: Nobody is known by it, it names several people, or the page is asked for wrongly.
    """
    if limit < 0:
        raise UnifyError("The number of lines of the time-line cannot be negative.")
    profile_id = find_profile(stores, who)
    ages = ageing(stores.control)
    with stores.read_control() as connection:
        row = connection.execute(
            sa.select(_profiles).where(_profiles.c.profile_id == profile_id)
        ).one_or_none()
        merge = merge_of(connection, profile_id)
        answers = _answers(connection, merge.origins)
        personal = personal_fields(
            connection,
            profile_id,
            merge.origins,
            ages,
            now=now,
            key=stores.identity_key,
            reveal=reveal,
        )
        allowed = _permissions(connection, profile_id, answers)
        placed, letters = _placed(connection, merge.origins), _letters(connection, merge.origins)
        kinds = _identifier_kinds(connection, merge.origins)
        merges = _merges(connection, profile_id)
        household = _household(connection, profile_id)
    if row is None:
        raise UnifyError(
            "This identity is known, but has no profile: it was not made yet (run: aimwell unify), or all that came "
            "under it is held to be a machine's."
        )
    if reveal:
        stores.audit("reveal profile", actor=by, subject=profile_id)
    with stores.engine.session() as session:
        snapshot = stores.lake.pin(*_LAKE)
        bind_people(stores, session, snapshot, [profile_id], prefix="", columns=TIMELINE_COLUMNS)
        happened, count = lake_happenings(
            session, currency=stores.settings.currency, now=now, since=since, limit=limit
        )
        segments = _segments(session, now)
        scores = tuple(ScoreValue(*found) for found in session.rows(sql(_SCORES)))
        around = surroundings(session, _own(row.traits, row.computed), ages, now)
        filled = _filled(session)
        accounts = tuple(tuple(found) for found in session.rows(sql(_ACCOUNTS, now=now)))
    others = [
        one
        for one in [*_consent_lines(answers), *merges]
        if one.at < now and (since is None or one.at >= since)
    ]
    newest = newest_facts(ages, row.provenance, row.computed)
    by_kind = {kind: recency(now - at, ages.half_life(kind)) for kind, at in newest.items()}
    return ProfilePage(
        profile_id=profile_id,
        as_of=now,
        first_seen_at=row.first_seen_at,
        last_seen_at=row.last_seen_at,
        orders=row.orders,
        visitor=row.visitor,
        timezone=row.timezone,
        updated_at=row.updated_at,
        identity=Identity(merge.origins, merge.evidence, kinds, accounts, household),
        personal=personal,
        revealed=reveal,
        traits=_traits(row.traits, row.provenance, filled, ages, now),
        surroundings=around,
        computed=_computed(row.computed),
        computed_at=row.computed_at,
        recency=by_kind,
        recency_overall=overall(by_kind),
        permissions=allowed,
        consents=answers,
        segments=segments,
        scores=scores,
        plans=placed,
        messages=letters,
        timeline=tuple(sorted([*happened, *others], key=lambda one: one.at, reverse=True)[:limit]),
        happenings=count + len(others),
    )


def _identifier_kinds(connection: sa.Connection, origins: Sequence[str]) -> dict[str, int]:
    rows = connection.execute(
        sa.select(_identifiers.c.kind, sa.func.count(sa.distinct(_identifiers.c.value_hash)))
        .where(_identifiers.c.origin_id.in_(origins))
        .group_by(_identifiers.c.kind)
        .order_by(_identifiers.c.kind)
    )
    return {row[0]: row[1] for row in rows}


def _household(connection: sa.Connection, profile_id: str) -> int | None:
    same = (
        sa.select(_households.c.household_id)
        .where(_households.c.profile_id == profile_id, _households.c.household_id.is_not(None))
        .scalar_subquery()
    )
    query = sa.select(sa.func.count()).where(_households.c.household_id == same)
    return connection.execute(query).scalar_one() or None


def _merges(connection: sa.Connection, profile_id: str) -> list[Happening]:
    rows = connection.execute(
        sa.select(_overrides).where(_overrides.c.profile_id == profile_id)
    ).all()
    return [
        Happening(row.merged_at, "merge", f"joined with {row.origin_id}", ", ".join(row.evidence))
        for row in rows
    ]


def _filled(session: Session) -> dict[_Statement, str]:
    """Statement of a trait → the rule that stood in for it, where its source said nothing."""
    query = sql(
        """
        SELECT name, source, :since AS since, substr(how, length('filled:') + 1) FROM trait_marks
        WHERE how LIKE 'filled:%'
        """,
        since=said_since(sql("set_at"), sql("received_at")),
    )
    return {(name, source, since): how for name, source, since, how in session.rows(query)}


def _traits(
    values: Mapping[str, str],
    provenance: Mapping[str, Any] | None,
    filled: Mapping[_Statement, str],
    ages: Ageing,
    now: datetime,
) -> tuple[TraitValue, ...]:
    found = []
    for name, (source, told, confidence) in (provenance or {}).items():
        since = datetime.fromisoformat(told)
        kind = ages.kind(name, source)
        fresh = ages.trait(name, source, since, now)
        how = filled.get((name, source, since))
        found.append(TraitValue(name, values[name], kind, source, since, confidence, fresh, how))
    return tuple(sorted(found, key=lambda trait: (trait.data, trait.name)))


def _own(traits: Mapping[str, str], computed: Mapping[str, Any] | None) -> dict[str, str]:
    """What outside data may be about: each trait, and the category that the person likes best."""
    liked = (computed or {}).get("favourite_category")
    return {**({} if liked is None else {"category": liked}), **traits}


def _computed(values: Mapping[str, Any] | None) -> tuple[ComputedValue, ...]:
    """In the order of the catalogue; nothing where it was not computed yet."""
    if values is None:
        return ()
    return tuple(
        ComputedValue(
            name=trait.name,
            value=_value(values.get(trait.name), trait.unit),
            unit=trait.unit,
            data=trait.data,
            formula=trait.formula,
            window=trait.window,
            missing=None if trait.name in values else trait.undefined,
        )
        for trait in COMPUTED
    )


def _value(value: Any, unit: str) -> Any:
    return datetime.fromisoformat(value) if unit == "time" and value is not None else value


def _answers(connection: sa.Connection, origins: Sequence[str]) -> tuple[ConsentAnswer, ...]:
    rows = connection.execute(
        sa.select(_consents)
        .where(_consents.c.origin_id.in_(origins))
        .order_by(_consents.c.occurred_at.desc(), _consents.c.id.desc())
    )
    return tuple(
        ConsentAnswer(
            row.purpose,
            row.channel,
            row.state,
            row.occurred_at,
            row.basis,
            row.source,
            row.wording,
        )
        for row in rows
    )


def _permissions(
    connection: sa.Connection, profile_id: str, answers: Sequence[ConsentAnswer]
) -> tuple[ConsentState, ...]:
    """For each purpose and channel that was asked about, and for marketing by each channel that has addresses."""
    asked = {(one.purpose, one.channel) for one in answers}
    asked |= {(_MARKETING, channel) for channel in ADDRESS_KINDS}
    found = []
    for purpose, channel in sorted(asked):
        allowed = permissions(
            connection, purpose=purpose, channel=channel, profile_ids=[profile_id]
        )
        own = [one for one in answers if (one.purpose, one.channel) == (purpose, channel)]
        code = allowed.refusal(profile_id)
        found.append(
            ConsentState(
                purpose,
                channel,
                own[0].state if own else "unknown",
                own[0].occurred_at if own else None,
                None if code is None else REFUSALS[code],
            )
        )
    return tuple(found)


def _consent_lines(answers: Sequence[ConsentAnswer]) -> list[Happening]:
    return [
        Happening(
            one.occurred_at,
            "consent",
            f"{one.purpose} by {one.channel}: {one.state}",
            f"{one.basis}, {one.source}",
        )
        for one in answers
    ]


def _placed(connection: sa.Connection, origins: Sequence[str]) -> tuple[Placed, ...]:
    rows = connection.execute(
        sa.select(_places, _plans.c.campaign, _plans.c.planned_at, _plans.c.state, _plans.c.trial)
        .join(_plans, _plans.c.plan_id == _places.c.plan_id)
        .where(_places.c.profile_id.in_(origins))  # of who was merged in later, too
        .order_by(_plans.c.planned_at.desc(), _plans.c.plan_id)
    )
    return tuple(
        Placed(
            row.campaign,
            row.plan_id,
            row.planned_at,
            row.state,
            row.trial,
            row.arm,
            row.action,
            None if row.excluded is None else EXCLUSIONS.get(row.excluded, row.excluded),
            row.probability,
        )
        for row in rows
    )


def _letters(connection: sa.Connection, origins: Sequence[str]) -> tuple[Letter, ...]:
    rows = connection.execute(
        sa.select(_messages)
        .where(_messages.c.profile_id.in_(origins))
        .order_by(_messages.c.due_at.desc(), _messages.c.message_id)
        .limit(_LETTERS_MAX)
    )
    return tuple(
        Letter(
            row.message_id,
            row.campaign,
            row.channel,
            row.action,
            row.state,
            row.reason,
            row.due_at,
            row.sent_at,
        )
        for row in rows
    )


def _segments(session: Session, now: datetime) -> tuple[SegmentPlace, ...]:
    rows = session.rows(sql(_SEGMENTS, now=now, inside=inside_now()))
    return tuple(
        SegmentPlace(segment, since) for segment, since, inside, lately in rows if inside and lately
    )
