"""Waves of a campaign together: simulated waves with one holdout and known effects, and what is said of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from aimwell.measure.model import plain
from aimwell.measure.people import Cell, People
from aimwell.measure.series import Wave, series_of
from aimwell.stats.intervals import wilson
from aimwell.stats.together import together

START = datetime(2026, 3, 1, tzinfo=UTC)
CELLS = (Cell("mail", None), Cell("news", None))
MakePeople = Callable[..., People]


def _waves(
    make_people: MakePeople,
    rng: np.random.Generator,
    *,
    waves: int = 4,
    people: int = 600,
    effects: tuple[float, float] = (3.0, 1.0),
    moves: Sequence[float] = (),
    chosen: bool = False,
) -> list[Wave]:
    """People with a taste of their own in every wave; who is held out stays held out, actions are dealt anew. `moves`: by how much both
    effects are larger in each wave."""
    taste, held = rng.normal(0, 5, people), rng.random(people) < 0.25
    found = []
    for number in range(waves):
        likely = np.where(taste > 0, 0.6, 0.15) if chosen else np.full(people, 0.375)
        draw = rng.random(people)
        cell = np.where(held, -1, np.where(draw < likely / 0.75, 0, 1))
        margin = 20 + taste + rng.normal(0, 4, people)
        moved = moves[number] if len(moves) else 0.0
        margin += np.select([cell == 0, cell == 1], [one + moved for one in effects], 0.0)
        found.append(
            Wave(
                plan_id=f"spring-{number}",
                starts_at=START + timedelta(days=30 * number),
                people=make_people(
                    list(cell),
                    cells=CELLS,
                    probability=np.where(held, 0.25, np.where(cell == 0, likely, 0.75 - likely)),
                    revenue=2 * margin,
                    margin=margin,
                    orders=np.ones(people),
                ),
                profiles=pa.array([f"p{one}" for one in range(people)]),
                holdout=0.25,
                contact=10.0,
            )
        )
    return found


def _covered(make_people: MakePeople, runs: int, *, differ: float = 0.0) -> dict[str, int]:
    """In how many runs the mean of waves, what a next wave adds, their sum, and the mean of waves taken for independent hold the truth.

    `differ`: the standard deviation of the true effects of waves around 2 a person.
    """
    rng, truth = np.random.default_rng(20), 2.0
    held = dict.fromkeys(("mean", "next", "total", "independent"), 0)
    for _ in range(runs):
        moves = rng.normal(0.0, differ, 5)
        waves = _waves(make_people, rng, moves=moves[:4])
        found = series_of(waves, [], currency="GBP")
        every = found.rows[0]
        held["mean"] += bool(every.pooled.mean.covers(truth))
        held["next"] += bool(every.pooled.next.covers(truth + moves[4]))
        added = sum(
            (3.0 + more) * (wave.people.cell == 0).sum()
            + (1.0 + more) * (wave.people.cell == 1).sum()
            for wave, more in zip(waves, moves[:4], strict=True)
        )
        held["total"] += bool(found.total.covers(added - 40.0))
        alone = together([wave.difference for wave in every.waves]).times(1 / 4)
        held["independent"] += bool(alone.covers(truth + moves[:4].mean()))
    assert 0.3 < every.correlations[0][1] < 0.9
    assert [row.action for row in found.rows] == [None, "mail", "news"]
    assert found.rows[1].pooled.mean.confidence == 0.975
    return held


def test_waves_with_one_holdout_are_covered_and_taken_alone_would_not_be(
    make_people: MakePeople,
) -> None:
    held = _covered(make_people, 40)
    assert min(held["mean"], held["next"], held["total"]) > 34, held
    assert held["independent"] < 34, held


@pytest.mark.long
@pytest.mark.parametrize("differ", [0.0, 1.0, 3.0])
def test_a_thousand_series_of_waves_are_covered(make_people: MakePeople, differ: float) -> None:
    held = _covered(make_people, 1000, differ=differ)
    for name, number in held.items():
        one = wilson(number, 1000)
        print(
            f"{differ} {name}: {100 * number / 1000:.1f} % ({100 * one.lower:.1f} to {100 * one.upper:.1f})"
        )
    assert held["mean"] > 935, held
    assert held["next"] > 925, held
    assert 930 < held["total"] < 970, held
    assert held["independent"] < 800, held


@pytest.mark.parametrize("chosen", [False, True])
def test_each_action_is_pooled_over_its_waves_weighed_where_chances_differ(
    make_people: MakePeople, chosen: bool
) -> None:
    waves = _waves(make_people, np.random.default_rng(20), people=6000, chosen=chosen)
    found = series_of(waves, [], currency="GBP")
    _, mail, news = found.rows
    assert mail.pooled.mean.estimate == pytest.approx(3.0, abs=0.6)
    assert news.pooled.mean.estimate == pytest.approx(1.0, abs=0.6)
    assert mail.pooled.mean.covers(3.0)
    assert mail.pooled.mean.lower > 1.0
    assert sum(wave.people for wave in mail.waves) > 4 * 1500


def test_people_who_are_never_the_same_make_no_correlation(make_people: MakePeople) -> None:
    rng = np.random.default_rng(20)
    first, second = (_waves(make_people, rng, waves=1)[0] for _ in range(2))
    other = Wave(**{**vars(second), "profiles": pa.array([f"q{one}" for one in range(600)])})
    found = series_of([first, other], [], currency="GBP")
    assert found.rows[0].correlations[0][1] == 0.0
    assert found.rows[0].pooled.next.estimate is None
    assert "Of two waves nothing says" in found.sentence


def test_groups_are_one_from_wave_to_wave(make_people: MakePeople) -> None:
    rng = np.random.default_rng(20)
    group = np.arange(600) // 3
    held = (rng.random(200) < 0.4)[group]
    waves = []
    for number in range(3):
        margin = rng.normal(0, 1, 600) + np.random.default_rng(9).normal(0, 3, 200)[group]
        waves.append(
            Wave(
                plan_id=f"w{number}",
                starts_at=START,
                people=make_people(
                    list(np.where(held, -1, 0)),
                    probability=np.where(held, 0.4, 0.6),
                    margin=margin,
                    cluster=group,
                ),
                # Everybody goes by another name in each wave: the group is what chance drew.
                profiles=pa.array([f"{number}-{one}" for one in range(600)]),
                holdout=0.4,
                contact=0.0,
            )
        )
    found = series_of(waves, [], currency="GBP")
    assert min(found.rows[0].correlations[0]) > 0.8
    assert "cluster-robust" in found.rows[0].waves[0].difference.method


def test_what_is_said_is_what_was_found(make_people: MakePeople) -> None:
    rng = np.random.default_rng(20)
    waves = _waves(make_people, rng, effects=(12.0, 12.0))
    found = series_of(waves, ["spring-9 (nothing was sent)"], currency="GBP")
    assert found.sentence.startswith("Over 4 waves sending added £")
    assert "not sure" not in found.sentence
    assert "A next wave may add £" in found.sentence
    assert "Together these waves earned £" in found.sentence
    assert "Not among the waves: spring-9 (nothing was sent)." in found.notes
    assert any("go together by 0." in note for note in found.notes)
    loss = series_of(_waves(make_people, rng, effects=(-12.0, -12.0)), [], currency="GBP")
    assert "sending cost £" in loss.sentence
    assert "lost £" in loss.sentence
    assert plain(found)["rows"][0]["pooled"]["homogeneity"]["count"] == 4


def test_unknown_margin_tells_revenue(make_people: MakePeople) -> None:
    waves = _waves(make_people, np.random.default_rng(20), waves=2)
    waves[0].people.margin[3] = np.nan
    found = series_of(waves, [], currency="GBP")
    assert found.metric == "revenue"
    assert "brought" in found.sentence
    assert any("margin of some goods is unknown" in note for note in found.notes)


def test_one_wave_or_nobody_held_out_is_no_series(make_people: MakePeople) -> None:
    waves = _waves(make_people, np.random.default_rng(20), waves=2)
    assert series_of(waves[:1], [], currency="GBP") is None
    everybody = make_people([0] * 600, cells=CELLS, margin=np.arange(600.0))
    bare = Wave(**{**vars(waves[1]), "people": everybody})
    assert series_of([waves[0], bare], [], currency="GBP") is None


def test_the_order_of_time_is_kept(make_people: MakePeople) -> None:
    waves = _waves(make_people, np.random.default_rng(20), waves=3)
    found = series_of(waves, [], currency="GBP")
    starts: list[datetime] = [wave.starts_at for wave in found.rows[0].waves]
    assert starts == sorted(starts)
