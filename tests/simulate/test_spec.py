from dataclasses import FrozenInstanceError, fields, replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from aimwell.errors import SimulateError
from aimwell.simulate import Dirt, ShopSpec


def test_the_default_shop_is_allowed_and_cannot_be_changed():
    spec = ShopSpec()
    with pytest.raises(FrozenInstanceError):
        spec.people = 5
    with pytest.raises(TypeError):
        spec.countries["GB"] = 1.0


def test_every_number_has_a_unit_bounds_and_a_meaning():
    for spec in (ShopSpec, Dirt):
        for item in fields(spec):
            if item.type in ("int", "float"):
                assert item.metadata["unit"]
                assert item.metadata["help"]
                assert item.metadata["low"] <= item.default <= item.metadata["high"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("people", 0),
        ("people", 2.5),
        ("people", True),
        ("people", "many"),
        ("seed", -1),
        ("start", datetime(2024, 1, 1)),  # noqa: DTZ001 - a moment without a zone is what is refused
        ("end", datetime(2024, 1, 1, 1, tzinfo=UTC)),
        ("end", "2026-01-01"),
        ("start", datetime(1980, 1, 1, tzinfo=UTC)),
        ("after_days", 0),
        ("currency", "pounds"),
        ("prospect_share", 1.2),
        ("margin", float("nan")),
        ("dropout_mean", 0.0),
        ("pull", 1.0),
        ("effect_strength", float("inf")),
        ("categories", 13),
        ("products", 0),
        ("countries", {"XX": 1.0}),
        ("countries", {"GB": -1.0}),
        ("countries", {"GB": 0.0}),
        ("countries", ["GB"]),
        ("channel_costs", {"pigeon": 1.0}),
        ("dirt", {"duplicate_lines": 3}),
        ("persuadable_share", 0.8),
    ],
)
def test_a_wrong_number_is_refused_with_its_name_and_what_is_allowed(field, value):
    with pytest.raises(SimulateError) as caught:
        ShopSpec(**{field: value})
    assert any(field in fault.path for fault in caught.value.faults)
    assert all(fault.allowed for fault in caught.value.faults)
    assert field in str(caught.value)
    assert "Allowed:" in str(caught.value)


def test_all_faults_are_listed_at_once():
    with pytest.raises(SimulateError) as caught:
        ShopSpec(people=-1, margin=7.0, currency="£")
    assert {fault.path for fault in caught.value.faults} == {"people", "margin", "currency"}


def test_a_negative_count_of_faulty_lines_is_refused():
    with pytest.raises(SimulateError, match="duplicate_lines"):
        Dirt(duplicate_lines=-1)


def test_moments_in_another_zone_are_kept_in_utc():
    zone = timezone(timedelta(hours=5))
    spec = ShopSpec(
        start=datetime(2024, 1, 1, 5, tzinfo=zone), end=datetime(2024, 6, 1, 5, tzinfo=zone)
    )
    assert spec.start == datetime(2024, 1, 1, tzinfo=UTC)
    assert spec.start.tzinfo is UTC
    assert spec.last == spec.end + timedelta(days=spec.after_days)


def test_a_spec_can_be_copied_with_a_change():
    assert replace(ShopSpec(people=7), seed=3) == ShopSpec(people=7, seed=3)
