"""The loop on a simulated shop whose second campaign has money for half of its people: what its action earned, beside the truth."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest
import sqlalchemy as sa
import yaml

from aimwell.cli.demo import stages
from aimwell.cli.demo.command import FIRST, SECOND
from aimwell.cli.demo.rehearsal import ACTIONS, CONTACT_COST
from aimwell.cli.demo.stages import MARGIN_DEFAULT, Demo, campaign, collected
from aimwell.cli.output import Output
from aimwell.decide.stored import places
from aimwell.definitions import service as definitions
from aimwell.definitions.reading import read_documents
from aimwell.simulate import ShopSpec, gain_of, open_shop
from aimwell.store.schema import metadata
from aimwell.store.stores import create_stores
from shop import IDENTITY_KEY


@pytest.mark.long
@pytest.mark.timeout(900)
def test_what_the_chosen_action_truly_earned_lies_in_its_interval(tmp_path: Path) -> None:
    spec = ShopSpec(people=4_000, seed=7, effect_strength=2.5)
    root = tmp_path / "shop"
    stores = create_stores(
        root, identity_key=IDENTITY_KEY, currency=spec.currency, timezone="UTC", country="GB", margin_default=MARGIN_DEFAULT
    )  # fmt: skip
    run = Demo(root, Output(as_json=True), spec, open_shop(spec), stores, spec.end, spec.end)
    collected(run)
    campaign(run, FIRST, words="at random")
    written = Path(stages.__file__).with_name("definitions.yaml").read_text(encoding="utf-8")
    second = next(one for one in yaml.safe_load_all(written) if one["name"] == SECOND)
    second["policy"]["budget"] = 6.0
    tight = tmp_path / "tight.yaml"
    tight.write_text(yaml.safe_dump(second))
    documents = definitions.check_all(read_documents([tight]))
    definitions.apply(stores.control, documents, now=run.now, by=run.by)
    done = campaign(run, SECOND, words="with little money", again=" again")
    row = next(one for one in done.result.actions if one.chosen is not None and one.chosen.people)
    assert row.chosen is not None
    left = [
        place.profile_id
        for place in places(stores.control, done.plan.plan_id, arms=("treatment", "passed"))
        if place.choice == row.action and not place.explored
    ]
    assert len(left) == row.chosen.people
    vault = metadata.tables["vault_people"]
    with stores.read_control() as connection:
        query = sa.select(vault.c.customer_id).where(vault.c.origin_id.in_(left))
        customers = pa.array(connection.execute(query).scalars().all(), pa.string())
    sent = done.sent.table
    sent = sent.filter(pc.is_in(sent["customer_id"], customers))
    truth = gain_of(
        run.shop,
        sent,
        actions=list(ACTIONS),
        since=done.plan.starts_at,
        until=done.result.span.ends_at,
        before=done.before.table,
        margin_default=MARGIN_DEFAULT,
    )
    assert row.profit.covers(truth.margin - CONTACT_COST * truth.messages)
    assert row.profit.estimate != pytest.approx(row.profit_of_all.estimate, rel=0.2)
    stores.close()
