"""The advertisement data set through collect, and all models on it: the figures of docs/attribution.md."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from aimwell.collect import collect
from aimwell.definitions.catalogue import check
from aimwell.definitions.kinds.source import Source
from aimwell.definitions.reading import read_documents
from aimwell.measure.attribution.model import MODELS
from aimwell.measure.attribution.service import attribute
from aimwell.store.stores import create_stores
from collecting import NOW
from data_folder import data_path

SOURCE = Path(__file__).resolve().parents[3] / "examples/sources/multi-touch-attribution.yaml"
UNTIL = datetime(2026, 1, 1, tzinfo=UTC)
FIGURES = {
    "first": [498, 181, 182, 181, 518],
    "last": [453, 202, 167, 287, 451],
    "linear": [455.2, 191.9, 169.7, 246.8, 496.5],
    "position": [469.2, 191.1, 173.4, 237.9, 488.4],
    "markov": [378.1, 249.4, 244.9, 306.2, 381.3],
    "shapley": [435.2, 214.6, 193.8, 258.5, 457.8],
}
"""By channel: Facebook, Instagram, Online Display, Online Video, Paid Search."""


@pytest.mark.long
def test_all_models_side_by_side_on_the_advertisement_data(tmp_path: Path) -> None:
    root = data_path("multi-touch-attribution/attribution_data.csv.gz").parent
    source = check(read_documents([SOURCE])[0].body)
    assert isinstance(source, Source)
    stores = create_stores(tmp_path / "shop", currency="USD")
    collect(stores, source, root=root, now=NOW)
    found = attribute(stores, until=UNTIL, goal="Conversion")
    assert (found.conversions, found.unattributed, found.people) == (1_560, 278, 7_894)
    assert {one.model for one in found.credits} == set(MODELS)
    for model in MODELS:
        credits = [one.conversions for one in found.of(model)]
        assert sum(credits) == pytest.approx(1_560)
        assert sum(one.value for one in found.of(model)) == pytest.approx(found.value)
        assert credits == pytest.approx(FIGURES.get(model, credits), abs=0.05)
    assert found.value == pytest.approx(9_731.5)
    assert all(one.cost_of_each.reason == "what it cost is not known" for one in found.credits)
    assert found.incremental == ()
    assert any("next to nothing" in caveat for caveat in found.caveats)
    stores.close()
