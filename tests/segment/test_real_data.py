"""Segments of published data: rules against a plain count of the files, occasions of a grocer, classes of an airline's passengers."""

from __future__ import annotations

import csv
import gzip
import json
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from aimwell.collect import collect
from aimwell.definitions.catalogue import check
from aimwell.definitions.kinds.occasion import Occasion
from aimwell.definitions.kinds.segment import Segment
from aimwell.definitions.kinds.source import Source
from aimwell.definitions.reading import read_documents
from aimwell.history.moment import open_moment
from aimwell.segment.classes.latent_classes import MISSING, AnswerSheet, Item
from aimwell.segment.classes.model import find_classes
from aimwell.segment.occasions.assessing import assess
from aimwell.segment.service import members
from aimwell.store.stores import Stores, create_stores
from aimwell.unify.service import unify
from data_folder import data_path
from project_tree import ROOT

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


def collected(folder: Path, name: str, file: str) -> Stores:
    """A workspace in dollars with a data set by its written definition."""
    stores = create_stores(folder / "workspace", currency="USD")
    documents = read_documents([ROOT / "examples" / "sources" / f"{name}.yaml"])
    (source,) = (one for one in (check(d.body) for d in documents) if isinstance(one, Source))
    collect(stores, source, root=data_path(file).parent, now=NOW)
    unify(stores, now=NOW)
    return stores


def how_many(stores: Stores, rule: Any, as_of: datetime) -> int:
    segment = check({"kind": "segment", "name": "some", "rule": rule})
    assert isinstance(segment, Segment)
    return members(stores, segment, as_of=as_of).num_rows


def lines(path: Path) -> Iterable[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        yield from (json.loads(line) for line in file if line.strip())


@pytest.mark.long
def test_offers_and_demographics_of_starbucks_are_those_of_the_files(tmp_path: Path) -> None:
    stores = collected(tmp_path, "starbucks", "starbucks-rewards/transcript.json.gz")
    people = list(lines(data_path("starbucks-rewards/profile.json.gz")))
    # Rows that repeat another one say nothing new.
    texts = {json.dumps(one) for one in lines(data_path("starbucks-rewards/transcript.json.gz"))}
    events = [json.loads(text) for text in texts]
    completed = Counter(one["person"] for one in events if one["event"] == "offer completed")
    spent: Counter[str] = Counter()
    for one in events:
        if one["event"] == "transaction":
            spent[one["person"]] += round(100 * one["value"]["amount"])
    women = {one["id"] for one in people if one["gender"] == "F" and 30 <= one["age"] <= 50}
    as_of = NOW + timedelta(days=1)  # who they are is known from when it was collected
    often = {person for person, times in completed.items() if times >= 3}
    assert how_many(stores, "'Offer Completed'.count() >= 3", as_of) == len(often) > 6_000
    assert how_many(stores, "gender == F and age between [30, 50]", as_of) == len(women)
    both = "'Offer Completed'.count() >= 3 and gender == F and age between [30, 50]"
    assert how_many(stores, both, as_of) == len(often & women)
    rich = {person for person, cents in spent.items() if cents > 20_000}
    assert how_many(stores, "orders.sum(revenue) > 200", as_of) == len(rich)
    assert how_many(stores, "not 'Offer Completed'.count() >= 1", as_of) == 17_000 - len(completed)
    stores.close()


@pytest.mark.long
def test_a_grocers_occasions_are_found_and_a_day_without_trade_is_not(tmp_path: Path) -> None:
    stores = collected(tmp_path, "complete-journey", "complete-journey/campaigns.parquet")
    documents = read_documents([ROOT / "examples" / "occasions" / "grocery.yaml"])
    wanted = [one for one in (check(d.body) for d in documents) if isinstance(one, Occasion)]
    with open_moment(stores, as_of=datetime(2018, 1, 1, tzinfo=UTC)) as moment:
        found = {one.occasion: one for one in assess(moment, wanted)}
    assert found["thanksgiving"].verdict == "act"
    assert found["halloween"].verdict == "act"
    assert found["independence-day"].verdict == "weak"
    rhythm = found["thanksgiving"].rhythm
    assert rhythm is not None
    assert rhythm.ratio > 1.5
    stores.close()


@pytest.mark.long
def test_passengers_are_of_several_kinds_that_differ_in_what_did_not_form_them() -> None:
    path = data_path("airline-satisfaction-survey/airline_passenger_satisfaction.csv.gz")
    with gzip.open(path, "rt", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))[:12_000]
    questions = list(rows[0])[9:-1]
    assert len(questions) == 14
    # 0 means that the question does not apply.
    codes = np.array(
        [[int(row[one]) - 1 if row[one] != "0" else MISSING for one in questions] for row in rows]
    )
    sheet = AnswerSheet(tuple(Item(one, tuple("12345")) for one in questions), codes)
    whose = pa.array([row["ID"] for row in rows])
    found = find_classes(
        sheet, whose, name="travellers", survey="airline", as_of=NOW, seed=1, largest=6
    )
    assert found.model is not None, found.reason
    assert found.assignments is not None
    assert found.model.entropy > 0.9
    satisfied = {row["ID"]: row["Satisfaction"] == "Satisfied" for row in rows}
    shares: dict[str, list[bool]] = {}
    for row in found.assignments.to_pylist():
        shares.setdefault(row["group"], []).append(satisfied[row["profile_id"]])
    means = [float(np.mean(one)) for one in shares.values()]
    assert len(means) >= 3
    assert max(means) - min(means) > 0.3
