"""`aimwell unify` and `aimwell profile`: people."""

from __future__ import annotations

from typing import Annotated

import sqlalchemy as sa
import typer

from aimwell.cli.context import JsonOption, WorkspaceOption, opened
from aimwell.history.current import bring_up_to_date as run_unify
from aimwell.privacy.vault import read_people
from aimwell.store.schema import metadata
from aimwell.unify.identity import merge_of
from aimwell.unify.lookup import find_profile

__all__ = ["profile", "unify"]

_profiles = metadata.tables["profiles"]
_consents = metadata.tables["consents"]


def unify(workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    """Join what belongs to one person and refresh what is known of each. Collecting does this by itself."""
    with opened(workspace, as_json=as_json) as ws:
        report = run_unify(ws.stores, now=ws.now)
        if as_json:
            ws.output.json(report)
        ws.output.table(
            ["people", ""],
            [
                ("profiles", report.profiles),
                ("of them prospects (no purchase yet)", report.prospects),
                ("of them joined from several identities", report.merged_profiles),
                ("identities", report.origins),
            ],
        )
        for kind, number in report.shared.items():
            ws.output.note(
                f"{number:,} identifiers of kind {kind} are shared by too many people to be one person's; "
                "they join nobody."
            )


def profile(
    who: Annotated[
        str, typer.Argument(help="Profile id, customer id, e-mail address or telephone number.")
    ],
    reveal: Annotated[
        bool, typer.Option("--reveal", help="Show personal data; the audit log records it.")
    ] = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what is known of one person. Personal data is masked unless --reveal."""
    with opened(workspace, as_json=as_json) as ws:
        profile_id = find_profile(ws.stores, who)
        with ws.stores.read_control() as connection:
            row = connection.execute(
                sa.select(_profiles).where(_profiles.c.profile_id == profile_id)
            ).one_or_none()
            person = read_people(connection, [profile_id]).get(profile_id)
            merge = merge_of(connection, profile_id)
            answers = connection.execute(
                sa.select(_consents)
                .where(_consents.c.origin_id.in_(merge.origins))
                .order_by(_consents.c.occurred_at, _consents.c.id)
            ).all()
        if reveal:
            ws.stores.audit("reveal profile", actor=ws.by, subject=profile_id)
        fields = {} if person is None else dict(person.fields)
        shown = fields if reveal else {name: _masked(value) for name, value in fields.items()}
        if as_json:
            ws.output.json(
                {
                    "profile_id": profile_id,
                    "origins": merge.origins,
                    "joined_by": merge.evidence,
                    "personal": shown,
                    "revealed": reveal,
                    "first_seen_at": row.first_seen_at if row else None,
                    "last_seen_at": row.last_seen_at if row else None,
                    "orders": row.orders if row else 0,
                    "traits": row.traits if row else {},
                    "consents": [
                        {
                            "purpose": a.purpose,
                            "channel": a.channel,
                            "state": a.state,
                            "occurred_at": a.occurred_at,
                            "basis": a.basis,
                            "source": a.source,
                        }
                        for a in answers
                    ],
                }
            )
            return
        ws.output.heading(f"Profile {profile_id}")
        if row is not None:
            ws.output.say(
                f"{row.orders:,} {'order' if row.orders == 1 else 'orders'}; first seen {row.first_seen_at:%Y-%m-%d}, last seen {row.last_seen_at:%Y-%m-%d}."
            )
            ws.output.table(["trait", "value"], sorted((row.traits or {}).items()))
        ws.output.table(["personal", "" if reveal else "masked"], shown.items())
        ws.output.table(
            ["consent", "channel", "answer", "when", "source"],
            [(a.purpose, a.channel, a.state, a.occurred_at, a.source) for a in answers],
        )
        if len(merge.origins) > 1:
            ws.output.say(
                f"Joined from {len(merge.origins)} identities by {', '.join(merge.evidence)}."
            )


def _masked(value: str) -> str:
    """The first character and dots; of an address also its end, so that people can tell two apart."""
    if "@" in value:
        name, _, domain = value.partition("@")
        return f"{name[:1]}…@…{domain[domain.rfind('.') :]}"
    return f"{value[:1]}…" if len(value) > 1 else "…"
