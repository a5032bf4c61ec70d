"""What is read of people right before a message leaves is looked up by the people, not by all that was ever sent."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from aimwell.decide.contacts import read_contacts
from aimwell.definitions.kinds.contact_policy import ContactPolicy
from workspaces import new_workspace

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


def test_messages_of_given_people_are_found_by_their_own_index(tmp_path: Path) -> None:
    stores = new_workspace(tmp_path / "workspace", identity_key=bytes(32))
    ran: list[tuple[str, Any]] = []

    @sa.event.listens_for(stores.control.engine, "before_cursor_execute")
    def _see(_connection: Any, _cursor: Any, statement: str, values: Any, *_rest: Any) -> None:
        ran.append((statement, values))

    policy = ContactPolicy.model_validate(
        {"kind": "contact_policy", "name": "default", "caps": [{"count": 1, "days": 7}]}
    )
    read_contacts(
        stores,
        [],
        purpose="marketing",
        policy=policy,
        moment=NOW,
        trial=False,
        profile_ids=["a", "b"],
        except_plan="this",
    )
    (past,) = [(text, values) for text, values in ran if "FROM messages" in text]
    with stores.read_control() as connection:
        steps = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {past[0]}", past[1]).all()
    stores.close()
    words = " ".join(str(step[-1]) for step in steps)
    assert "messages USING INDEX ix_messages_person (profile_id=?)" in words
