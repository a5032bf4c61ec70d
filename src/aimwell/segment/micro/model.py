"""Micro-segments as segments, and as a model that is kept: their rules, by which newcomers have a group too."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa

from aimwell.definitions.base import Definition
from aimwell.definitions.catalogue import check
from aimwell.definitions.kinds.segment import Segment
from aimwell.history.moment import Moment
from aimwell.segment.micro.service import MicroSegments
from aimwell.segment.service import compiled, members_query

__all__ = ["MicroModel", "micro_definitions"]


@dataclass(frozen=True)
class MicroModel:
    """The rule of each group by its name, the highest response first, as of the moment that judged them."""

    name: str
    as_of: datetime
    rules: Mapping[str, Mapping[str, Any]]

    def to_json(self) -> str:
        """As a text that `from_json` reads."""
        body = {"name": self.name, "as_of": self.as_of.isoformat(), "rules": self.rules}
        return json.dumps(body)

    @classmethod
    def from_json(cls, text: str) -> MicroModel:
        """The model of a text that `to_json` wrote."""
        body = json.loads(text)
        return cls(body["name"], datetime.fromisoformat(body["as_of"]), body["rules"])

    def people(self, moment: Moment) -> pa.Table:
        """Everybody's group at a moment, by profile_id: `profile_id` and `group`.

        No two rules hold of one person; who had no figures yet to be asked for may be in none.
        """
        groups: dict[str, str] = {}
        for group, rule in self.rules.items():
            segment = check({"kind": "segment", "name": "group", "rule": rule})
            assert isinstance(segment, Segment)  # noqa: S101 - by its kind
            rows = moment.session.rows(members_query(compiled(moment, segment.rule)))
            groups |= {row[0]: groups.get(row[0], group) for row in rows}
        people = sorted(groups)
        return pa.table(
            {
                "profile_id": pa.array(people, pa.string()),
                "group": pa.array([groups[one] for one in people], pa.string()),
            }
        )


def micro_definitions(found: MicroSegments, name: str) -> list[Definition]:
    """A segment for each group, `NAME-1` with the highest response first; none where there is nothing."""
    if len(found.groups) < 2:
        return []
    return [
        check(
            {
                "kind": "segment",
                "name": f"{name}-{place}",
                "description": f"Micro-segment by {found.response} within {found.days} days.",
                "rule": one.rule,
            }
        )
        for place, one in enumerate(found.groups, start=1)
    ]
