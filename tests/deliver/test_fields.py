"""The fields that texts get are those that the vocabulary names."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from aimwell.decide.campaign_parts import read_parts
from aimwell.deliver.fields import people_fields, shared_fields
from aimwell.store.schema import metadata
from aimwell.texts.vocabulary import GIVEN, OFFER_FIELDS, impossible
from campaigns import apply, set_up
from shop import make_stores, origin


def test_offers_give_every_field_of_the_vocabulary_and_no_other(tmp_path: Path) -> None:
    stores = make_stores(tmp_path)
    set_up(stores, 1)
    found: set[str] = set()
    benefits: list[dict[str, object]] = [{"percent": 10}, {"amount": 5}, {"free_shipping": True}]
    for benefit in (*benefits, {"gift": "a mug"}, {"points": 200}):
        valid = {"end": "2027-01-01T00:00:00Z"}
        more = {"minimum_spend": 20, "valid": valid, "point_value": 0.01}
        apply(stores, ten={"benefit": benefit, **more})
        parts = read_parts(stores.control, "spring")
        shared = shared_fields(parts, parts.campaign.actions[0], currency="GBP")
        offer = shared["offer"]
        assert isinstance(offer, dict)
        found |= set(offer)
    assert found == set(OFFER_FIELDS)
    assert set(shared) - {"offer", "first_name"} <= set(GIVEN), (
        "first_name is the template's default"
    )


def test_traits_and_the_vault_give_fields_that_a_text_may_name(tmp_path: Path) -> None:
    stores = make_stores(tmp_path)
    names = set_up(stores, 1)
    person = origin(stores, names[0])
    with stores.control.begin() as connection:
        connection.execute(
            sa.update(metadata.tables["profiles"]).values(traits={"Favourite shop": "Leeds"})
        )
    with stores.read_control() as connection:
        fields, _people = people_fields(connection, [person])
    assert fields[person]["favourite_shop"] == "Leeds"
    assert fields[person]["email"] == f"{names[0]}@example.com"
    assert all(impossible([name]) is None for name in fields[person])
