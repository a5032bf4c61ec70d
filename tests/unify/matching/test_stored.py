"""Learned models are kept as versions, and read as they were."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from aimwell.unify.matching.fields import MatchField
from aimwell.unify.matching.model import MatchModel
from aimwell.unify.matching.stored import keep_model, newest_model, note_compared
from shop import make_stores

NOW = datetime(2027, 1, 1, tzinfo=UTC)


def test_the_newest_version_is_read_as_it_was_kept(tmp_path: Path, control_url: str) -> None:
    stores = make_stores(tmp_path, control_url)
    assert newest_model(stores) is None
    first = MatchModel((MatchField("first_name", "name"),), {"comparisons": [0.25]}, 10, 30)
    second = MatchModel((MatchField("card", "code"),), {"comparisons": [1e-9, None]}, 20, 40)
    assert keep_model(stores, first, now=NOW, by="ann").version == 1
    kept = keep_model(stores, second, now=NOW, by="ann")
    assert (kept.version, kept.name) == (2, "likeness-2")
    assert newest_model(stores) == kept
    note_compared(stores, 2, to=NOW)
    found = newest_model(stores)
    assert found is not None
    assert (found.model, found.compared_to) == (second, NOW)
    stores.close()
