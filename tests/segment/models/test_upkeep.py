"""Models that are to be published are said anew each night: newcomers get their group, and one that fails is told."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from aimwell.definitions.catalogue import check
from aimwell.definitions.kinds.segment import Segment
from aimwell.definitions.service import apply
from aimwell.jobs.alerts import Alerts
from aimwell.jobs.service import open_jobs
from aimwell.segment.jobs import MODELS, schedule_following, segment_handlers
from aimwell.segment.micro.model import MicroModel
from aimwell.segment.models.files import keep_model
from aimwell.segment.models.upkeep import Said, say_anew
from aimwell.segment.service import members
from aimwell.store.stores import Stores
from shop import add_people, add_traits, day, make_stores, origin


def model(name: str, **fields: Any) -> Any:
    return check({"kind": "model", "name": name, "publish": True, **fields})


def keep_ages(stores: Stores) -> None:
    """A model as it is kept once it is learnt."""
    rules = {"old": {"trait": "age", "at_least": 40}, "young": {"trait": "age", "below": 40}}
    keep_model(
        stores,
        MicroModel("ages", day(1), rules),
        kind="micro_segments",
        name="ages",
        as_of=day(1),
        settings={},
        metrics={},
        now=day(1),
    )


def known(stores: Stores, ages: dict[str, int], when: datetime) -> None:
    add_people(stores, [{"customer": name, "first_seen_at": when} for name in ages])
    add_traits(
        stores,
        [
            {"customer": name, "name": "age", "value": str(age), "set_at": when}
            for name, age in ages.items()
        ],
    )


def inside(stores: Stores, when: datetime, group: str) -> set[str]:
    rule = {"kind": "segment", "name": "some", "rule": {"trait": "cluster:ages", "is": group}}
    segment = check(rule)
    assert isinstance(segment, Segment)
    return set(members(stores, segment, as_of=when).column("profile_id").to_pylist())


def test_what_models_say_follows_people(tmp_path: Path) -> None:
    stores = make_stores(tmp_path)
    known(stores, {"ann": 64, "bob": 30, "cid": 20}, day(0))
    keep_ages(stores)
    lost = {"type": "clusters", "among": "everybody", "columns": ["trait:shoe_size"]}
    quiet = model("quiet", type="micro_segments", publish=False)
    ages = model("ages", type="micro_segments")
    apply(stores.control, [ages, model("lost", **lost), quiet], now=day(0), by="test")
    well, failing = say_anew(stores, clock=lambda: day(10))
    assert well == Said("ages", 3)
    assert (failing.model, failing.people) == ("lost", 0)  # it was never learnt, and cannot be
    assert "Nobody has the trait 'shoe_size'" in (failing.failure or "")
    (alert,) = Alerts(stores.control).all()
    assert (alert.key, alert.severity) == ("model:lost", "warning")
    assert say_anew(stores, clock=lambda: day(11))[0] == Said("ages", 0)  # nobody moved

    known(stores, {"new": 55}, day(11))
    add_traits(stores, [{"customer": "bob", "name": "age", "value": "40", "set_at": day(11)}])
    apply(stores.control, [model("lost", **{**lost, "publish": False})], now=day(11), by="test")
    work = segment_handlers(stores, clock=lambda: day(12))[MODELS]
    context: Any = None
    assert work(context, {}) == {"written": 2, "failing": []}
    assert Alerts(stores.control).all() == ()
    assert inside(stores, day(12), "old") == {origin(stores, one) for one in ("ann", "bob", "new")}
    assert inside(stores, day(12), "young") == {origin(stores, "cid")}
    stores.close()


def test_a_schedule_that_somebody_changed_stays(tmp_path: Path) -> None:
    stores = make_stores(tmp_path)
    jobs = open_jobs(stores)
    schedule_following(jobs, timezone="Europe/London")
    jobs.schedules.put(MODELS, kind=MODELS, cron="0 1 * * *", timezone="UTC")
    schedule_following(jobs, timezone="Europe/London")
    (found,) = (one for one in jobs.schedules.all() if one.name == MODELS)
    assert (found.cron, found.timezone) == ("0 1 * * *", "UTC")
    stores.close()
